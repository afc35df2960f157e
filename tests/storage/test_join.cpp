// Which files are joined, and what is said of those that are not: a joined file is made of the
// whole and the same run's parts only.
#include <fstream>

#include "pipeline/storage/compressed_writer.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t all_rows = 12;
using Change = std::function<void(CodesLayout&)>;

CodesLayout part_layout(const Part& part) {
    const PartRows rows = rows_of(part, all_rows);
    CodesLayout layout;
    layout.rows = rows.last - rows.first;
    layout.columns = {{"/codes", Type::f32, {2}}, {"/ids", Type::i64, {}}};
    layout.attributes = attributes_of(part, all_rows);
    layout.attributes.emplace_back("model_sha256", std::string("abc"));
    layout.attributes.emplace_back(
        "pipeline", "encode\npart = \"" + std::to_string(part.number) + "\"\nseed = 1\n");
    return layout;
}

// All values of a row are its number.
template <class T>
void put_rows(CodesWriter& writer, std::size_t column, std::int64_t first, std::int64_t count,
              std::int64_t width) {
    std::vector<T> values;
    for (std::int64_t row = 0; row < count; ++row)
        values.insert(values.end(), static_cast<std::size_t>(width), static_cast<T>(first + row));
    writer.write(column, 0, count, values.data());
}

fs::path write_part(const fs::path& path, const Part& part, const Change& change = {}) {
    CodesLayout layout = part_layout(part);
    if (change) change(layout);
    const std::int64_t first = rows_of(part, all_rows).first;
    CodesWriter writer(path, layout, false);
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
        const std::int64_t width = layout.columns[i].sample.elements();
        if (layout.columns[i].type == Type::f32)
            put_rows<float>(writer, i, first, layout.rows, width);
        else if (layout.columns[i].type == Type::i64)
            put_rows<std::int64_t>(writer, i, first, layout.rows, width);
        else
            put_rows<std::uint8_t>(writer, i, first, layout.rows, width);
    }
    writer.rows_written(layout.rows);
    writer.commit();
    return path;
}

void set(CodesLayout& layout, const std::string& name, const Attribute& value) {
    for (auto& [key, old] : layout.attributes)
        if (key == name) old = value;
}

std::string error_of_join(const std::vector<fs::path>& files, const fs::path& to,
                          Joined how = Joined::copy) {
    const std::string error = error_of([&] { join(files, to, how); });
    if (error != "none") CHECK(!fs::exists(to));
    return error;
}

bool says(const std::string& error, const std::string& text) {
    UNSCOPED_INFO(error);
    return error.find(text) != std::string::npos;
}

// What is said of a second of three parts that was made with this change.
std::string error_with(const Change& change, Joined how = Joined::copy) {
    const Folder folder;
    std::vector<fs::path> files = {write_part(folder / "1.h5", {1, 3}),
                                   write_part(folder / "2.h5", {2, 3}, change),
                                   write_part(folder / "3.h5", {3, 3})};
    return error_of_join(files, folder / "all.h5", how);
}

}  // namespace

TEST_CASE("a file that is no part is not joined, and says what it is", "[join]") {
    const Folder folder;
    const auto change = [&](const Change& how) {
        fs::remove(folder / "1.h5");
        return error_of_join({write_part(folder / "1.h5", {1, 2}, how)}, folder / "all.h5");
    };
    const auto without = [](const std::string& name) {
        return [name](CodesLayout& layout) {
            std::erase_if(layout.attributes, [&](const auto& one) { return one.first == name; });
        };
    };
    for (const std::string name : {"part", "parts", "first_row", "all_rows"})
        CHECK(says(change(without(name)), "is no part: it does not say its " + name));
    CHECK(says(change([](CodesLayout& layout) { set(layout, "part", std::string("1")); }),
               "4|\"" + (folder / "1.h5").string() + "\" is no part: it does not say its part"));
    CHECK(says(change([](CodesLayout& layout) { layout.format = "narrows-map"; }),
               "holds neither codes nor scores nor packed rows, but is narrows-map"));
    CHECK(says(change([](CodesLayout& layout) { layout.columns.clear(); }), "4|of 2 parts these"));
    CHECK(error_of_join({folder / "none.h5"}, folder / "all.h5").starts_with("4|cannot open"));
    if (!has_h5py()) return;
    REQUIRE(python(folder / "f.h5", "h5py.File(path, 'w')['x'] = np.arange(3.0)") == "");
    CHECK(says(error_of_join({folder / "f.h5"}, folder / "all.h5"), "but is of no narrows format"));
}

TEST_CASE("parts that say there are more than can be are refused before they are counted",
          "[join]") {
    const auto endless = [](CodesLayout& layout) {
        set(layout, "parts", std::int64_t{1} << 40);
        set(layout, "all_rows", (std::int64_t{1} << 40) * layout.rows);
    };
    const Folder folder;
    CHECK(says(error_of_join({write_part(folder / "1.h5", {1, 3}, endless)}, folder / "all.h5"),
               "says that it is one of 1099511627776 parts"));
    const auto none = [](CodesLayout& layout) { set(layout, "parts", std::int64_t{0}); };
    CHECK(says(error_of_join({write_part(folder / "2.h5", {1, 3}, none)}, folder / "all.h5"),
               "says that it is one of 0 parts"));
    const auto few_rows = [](CodesLayout& layout) { set(layout, "all_rows", std::int64_t{2}); };
    CHECK(says(error_of_join({write_part(folder / "3.h5", {1, 3}, few_rows)}, folder / "all.h5"),
               "4|"));

    const auto many = [](CodesLayout& layout) {
        set(layout, "parts", std::int64_t{50'000});
        set(layout, "all_rows", std::int64_t{200'000});
    };
    const std::string error =
        error_of_join({write_part(folder / "4.h5", {1, 3}, many)}, folder / "all.h5");
    CHECK(says(error, "of 50000 parts these are missing: 2, 3, "));
    CHECK(says(error, " and 49979 more"));
    CHECK(error.size() < 1000);
}

TEST_CASE("parts that are missing or there twice are named", "[join]") {
    const Folder folder;
    const fs::path one = write_part(folder / "1.h5", {1, 4}),
                   third = write_part(folder / "3.h5", {3, 4});
    const fs::path again = folder / "again.h5";
    fs::copy_file(third, again);

    CHECK(says(error_of_join({third, one}, folder / "all.h5"),
               "4|of 4 parts these are missing: 2, 4"));
    CHECK(says(error_of_join({one, third, again}, folder / "all.h5"),
               "4|part 3 of 4, \"" + again.string() + "\", is there twice, also as \"" +
                   third.string() + "\""));
}

TEST_CASE("parts of different runs are not joined, and the difference is named", "[join]") {
    const auto with = [](const std::string& name, const Attribute& value) {
        return error_with([&](CodesLayout& layout) { set(layout, name, value); });
    };
    CHECK(error_with({}) == "none");
    CHECK(error_with({}, Joined::links) == "none");

    CHECK(says(with("parts", std::int64_t{4}), "it is one of 4 parts of 12 rows, not of 3 of 12"));
    CHECK(says(with("all_rows", std::int64_t{13}), "it is one of 3 parts of 13 rows"));
    CHECK(says(with("model_sha256", std::string("abd")), "model_sha256 differs"));
    CHECK(says(with("model_sha256", std::int64_t{1}), "model_sha256 differs"));
    CHECK(says(with("pipeline", std::string("encode\nseed = 2\n")),
               "in its pipeline, line 2 is \"seed = 2\" there, \"seed = 1\" here"));
    CHECK(says(with("pipeline", 0.5), "pipeline differs"));
    CHECK(says(error_with([](CodesLayout& layout) { layout.attributes.emplace_back("more", 1.5); }),
               "it has other attributes"));
    CHECK(says(error_with([](CodesLayout& layout) { layout.attributes.pop_back(); }),
               "pipeline differs"));
}

TEST_CASE("parts with other datasets or rows than their place asks for are not joined", "[join]") {
    const auto columns = [](const auto& change) {
        return error_with([&](CodesLayout& layout) { change(layout.columns); });
    };
    using Columns = std::vector<CodesColumn>;
    const std::string other = "it has other datasets";
    CHECK(says(columns([](Columns& all) { all.pop_back(); }), other));
    CHECK(says(columns([](Columns& all) { all.push_back({"/sse", Type::f32, {}}); }), other));
    CHECK(says(columns([](Columns& all) { all[1].name = "/idz"; }), other));
    CHECK(says(columns([](Columns& all) { all[1].type = Type::u8; }), other));
    CHECK(says(columns([](Columns& all) { all[0].sample = {3}; }), other));
    CHECK(says(columns([](Columns& all) { all[0].sample = {2, 1}; }), other));

    const std::string rows = "does not hold its rows 4 to 8 in /codes";
    CHECK(says(error_with([](CodesLayout& layout) { layout.rows = 3; }), rows));
    CHECK(says(error_with([](CodesLayout& layout) { set(layout, "first_row", std::int64_t{5}); }),
               rows));
    for (const std::int64_t number : {0, 4})
        CHECK(says(error_with([&](CodesLayout& layout) { set(layout, "part", number); }),
                   "does not hold its rows 0 to 0"));

    const Folder folder;
    const auto empty = [](CodesLayout& layout) { layout.columns.clear(); };
    CHECK(says(error_of_join({write_part(folder / "1.h5", {1, 1}, empty)}, folder / "all.h5"),
               "has no datasets"));
}

TEST_CASE("an output among the parts, and a folder without any, are refused", "[join]") {
    const Folder folder;
    fs::create_directory(folder / "empty");
    std::ofstream(folder / "empty/notes.txt") << "nothing";
    const fs::path one = write_part(folder / "1.h5", {1, 1});

    CHECK(says(error_of([&] { join(std::vector{one}, one, Joined::copy); }),
               "2|output \"" + one.string() + "\" is also an input"));
    CHECK(says(error_of_join({folder / "empty"}, folder / "all.h5"),
               "4|there is no .h5 file in the folder"));

    fs::create_directory(folder / "parts");
    const fs::path apart = write_part(folder / "parts/1.h5", {1, 1});
    fs::create_directory(folder / "elsewhere");
    CHECK(says(error_of_join({apart}, folder / "elsewhere/all.h5", Joined::links),
               "2|\"" + apart.string() + "\" does not lie in the folder of"));
    CHECK(error_of_join({apart}, folder / "elsewhere/all.h5") == "none");

    // Joined again, the output in the folder is none of its parts.
    for (const Joined how : {Joined::links, Joined::links, Joined::copy, Joined::copy})
        CHECK(error_of([&] {
                  join(std::vector{folder / "parts"}, folder / "parts/all.h5", how);
              }) == "none");
}

TEST_CASE("values of every type are joined by links and as a copy, under any name", "[join]") {
    const Folder folder;
    const auto all_types = [](CodesLayout& layout) {
        layout.format = "narrows-scores";
        layout.columns = {{"/scores", Type::f32, {}},
                          {"/ids", Type::i64, {}},
                          {"/flagged", Type::u8, {}},
                          {"/deep/er/100%", Type::f32, {2, 3}}};
    };
    fs::create_directory(folder / "100%d");
    std::vector<fs::path> files;
    for (std::int64_t number = 1; number <= 3; ++number)
        files.push_back(write_part(folder / ("100%d/part-" + std::to_string(number) + ".h5"),
                                   {number, 3}, all_types));
    for (const Joined how : {Joined::links, Joined::copy}) {
        const fs::path to = folder / "all.h5";
        join(files, to, how);
        for (const std::string name : {"scores", "ids", "flagged", "deep/er/100%"}) {
            INFO(name);
            const auto reader = open_array(to, name);
            const std::int64_t width = reader->info().shape.sample().elements();
            std::vector<float> values(static_cast<std::size_t>(all_rows * width));
            reader->read(0, all_rows, values.data(), false);
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < values.size(); ++i)
                wrong += values[i] != static_cast<float>(i / static_cast<std::size_t>(width));
            CHECK(wrong == 0);
        }
        CHECK(check_file(to).problems.empty());
        CHECK(parts_behind(to).size() == (how == Joined::links ? 3 : 0));
    }
}

TEST_CASE("what a joined file says of its parts is checked before the first row", "[join][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    fs::create_directory(folder / "good");
    std::vector<fs::path> files;
    for (std::int64_t number = 1; number <= 3; ++number)
        files.push_back(
            write_part(folder / ("good/" + std::to_string(number) + ".h5"), {number, 3}));
    join(files, folder / "good/all.h5", Joined::links);

    // f: the joined file, s: its list of parts, p: its second part.
    const std::string no_list = " is no list of parts", outside = " is outside of its folder";
    const std::string other = " is not what ";
    const std::pair<std::string, std::string> cases[] = {
        {"put('name', [1, 2, 3])", "/shards/name" + no_list},
        {"put('name', np.array([], 'S3'))", "/shards/name" + no_list},
        {"put('name', np.array([[b'1.h5'], [b'2.h5'], [b'3.h5']]))", "/shards/name" + no_list},
        {"put('rows', np.array([4, 4, 4], 'i4'))", "/shards/rows" + no_list},
        {"put('rows', np.array([4, 4], 'i8'))", "/shards/rows" + no_list},
        {"put('rows', np.array(4, 'i8'))", "/shards/rows" + no_list},
        {"put('bytes', np.array([b'1', b'2', b'3']))", "/shards/bytes" + no_list},
        {"put('xxh3', np.zeros((3, 3), 'u8'))", "/shards/xxh3" + no_list},
        {"del s['name']", "virtual dataset"},
        {"del s['xxh3']", "has no dataset /shards/xxh3"},
        {"s['rows'][1] = -4", outside},
        {"s['name'][1] = b''", outside},
        {"put('name', np.array([b'1.h5', b'../2.h5', b'3.h5']))", outside},
        {"put('name', np.array([b'1.h5', b'/2.h5', b'3.h5']))", outside},
        {"put('name', np.array([b'1.h5', b'none.h5', b'3.h5']))", "none.h5\" is missing"},
        {"s['bytes'][1] += 1", "bytes, it had "},
        {"s['rows'][0] = 5", "/codes" + other},
        {"for n in ('name', 'rows', 'bytes', 'xxh3'): put(n, s[n][:2])",
         "its parts have 8 rows, /codes has 12"},
        {"f.attrs['model_sha256'] = 'abd'", "its model_sha256 is another one"},
        {"del f.attrs['pipeline']", "its pipeline is another one"},
        {"f.attrs['format'] = 'narrows-scores'", "its format is another one"},
        {"p.attrs['first_row'] = 5", "its first_row is another one"},
        {"del p.attrs['first_row']", "its first_row is another one"},
        {"again(p, 'codes', np.zeros((4, 2), 'i4'))", "/codes" + other},
        {"again(p, 'codes', np.zeros((4, 3), 'f4'))", "/codes" + other},
        {"again(p, 'codes', np.array([b'a', b'b', b'c', b'd']))", "/codes" + other},
        {"again(p, 'codes', np.float32(1))", "/codes" + other},
        {"del p['codes']", "has no dataset /codes"}};
    std::string script = R"(import os, shutil
def change(number, code):
    folder = f'{path}/{number}'
    shutil.copytree(path + '/good', folder)
    f, p = h5py.File(folder + '/all.h5', 'r+'), h5py.File(folder + '/2.h5', 'r+')
    s = f['shards']
    def again(group, name, values):
        del group[name]
        group[name] = values
    def put(name, values):
        again(s, name, values)
    exec(code, {**globals(), **locals()})
    p.close()
    if code.find('p') >= 0 and not code.startswith(('put', 's', 'f')):
        s['bytes'][1] = os.path.getsize(folder + '/2.h5')
    f.close()
)";
    for (std::size_t i = 0; i < std::size(cases); ++i)
        script += "change(" + std::to_string(i) + ", \"\"\"" + cases[i].first + "\"\"\")\n";
    REQUIRE(python(folder.path(), script) == "");

    CHECK(error_of([&] { open_array(folder / "good/all.h5", "codes"); }) == "none");
    for (std::size_t i = 0; i < std::size(cases); ++i) {
        INFO(cases[i].first);
        const fs::path file = folder / (std::to_string(i) + "/all.h5");
        const std::string error = error_of([&] { open_array(file, "codes"); });
        CHECK(error.starts_with("4|"));
        CHECK(says(error, cases[i].second));
        if (i < 14) CHECK(parts_behind(file).empty());
    }
    CHECK(parts_behind(folder / "none.h5").empty());
}
