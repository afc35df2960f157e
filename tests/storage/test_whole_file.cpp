#include "pipeline/storage/whole_file.hpp"

#include <algorithm>
#include <cstring>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

void make_dataset(const std::filesystem::path& path, int level) {
    storage::DatasetLayout layout;
    layout.sample = {25};
    layout.level = level;
    layout.rows = 20000;
    storage::DatasetWriter writer(path, layout);
    std::vector<float> rows(20000 * 25);
    std::vector<std::int64_t> labels(20000);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i % 977);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 7);
    writer.append(std::as_bytes(std::span(rows)));
    writer.append_labels(labels);
    writer.label_names({"a", "b", "c", "d", "e", "f", "g"});
    writer.commit();
}

}  // namespace

TEST_CASE("every value of a whole file is read, and its checksums hold", "[whole]") {
    const Folder folder;
    for (const int level : {0, 1}) {
        make_dataset(folder / "x.h5", level);
        const storage::FileCheck check = storage::check_file(folder / "x.h5");
        CHECK(check.problems.empty());
        CHECK(check.datasets == 6);
        CHECK(check.checksums == 11);  // blocks of 4096 rows of samples and labels, one of names
        CHECK(check.bytes == 20000 * 25 * 4 + 20000 * 8 + 7 + 11 * 16);
    }
}

TEST_CASE("damage is named by file, dataset and rows, and hides nothing behind it",
          "[whole][damage]") {
    const Folder folder;
    make_dataset(folder / "plain.h5", 0);
    std::vector<std::byte> bytes = bytes_of(folder / "plain.h5");
    // Row 5000 and row 16000; /samples starts at a page.
    const std::vector<std::byte> good = bytes;
    std::size_t start = 4096;
    const float first[3] = {0, 1, 2};
    while (std::memcmp(good.data() + start, first, sizeof first) != 0) start += 4096;
    bytes[start + 5000 * 100] ^= std::byte{1};
    bytes[start + 16000 * 100] ^= std::byte{1};
    put_bytes(folder / "plain.h5", bytes);

    const storage::FileCheck check = storage::check_file(folder / "plain.h5");

    const std::string name = "\"" + (folder / "plain.h5").string() + "\" is damaged: /samples, ";
    CHECK(check.problems ==
          std::vector<std::string>{name + "rows 4096 to 8191 fail their checksum",
                                   name + "rows 12288 to 16383 fail their checksum"});
    CHECK(check.checksums == 9);

    // The last of the labels, and a name.
    bytes = good;
    const std::int64_t last[2] = {19998 % 7, 19999 % 7};
    const auto* values = reinterpret_cast<const std::byte*>(last);
    auto place = std::find_end(bytes.begin(), bytes.end(), values, values + sizeof last);
    REQUIRE(place != bytes.end());
    place[8] ^= std::byte{1};
    const std::string_view names = "abcdefg";
    place = std::search(bytes.begin(), bytes.end(), names.begin(), names.end(),
                        [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
    REQUIRE(place != bytes.end());
    place[0] ^= std::byte{1};
    put_bytes(folder / "plain.h5", bytes);
    std::vector<std::string> found = storage::check_file(folder / "plain.h5").problems;
    REQUIRE(found.size() == 2);
    CHECK(found[0].ends_with("/label_names, rows 0 to 6 fail their checksum"));
    CHECK(found[1].ends_with("/labels, rows 16384 to 19999 fail their checksum"));
}

TEST_CASE("values whose attributes are damaged are not read as if they had none",
          "[whole][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "x.h5";
    // So many that they lie in a heap and a tree of their own; one says what the values stand for.
    REQUIRE(python(path, R"(
f = h5py.File(path, 'w', libver='latest')
for name in 'good', 'bad':
    d = f.create_dataset(name, data=np.arange(6, dtype='i2').reshape(2, 3))
    d.attrs['scale_factor'] = 0.5
    for i in range(20): d.attrs['other%02d' % i] = i
f.close(); print('made')
)") == "made");
    CHECK(storage::check_file(path).problems.empty());
    const std::vector<std::byte> whole = bytes_of(path);
    for (const std::string_view part : {"FRHP", "BTHD"}) {
        INFO(part);
        std::vector<std::byte> bytes = whole;
        const auto place = std::find_end(bytes.begin(), bytes.end(), part.begin(), part.end(),
                                         [](std::byte a, char b) { return char(a) == b; });
        REQUIRE(place != bytes.end());
        place[9] ^= std::byte{1};
        put_bytes(path, bytes);

        const std::string told =
            "\"" + path.string() + "\" is damaged: an attribute of /bad cannot be opened";
        CHECK(storage::check_file(path).problems.front() == told);
        CHECK(error_of([&] { (void)storage::open_array(path, "bad"); }) == "4|" + told);
        CHECK(storage::open_array(path, "good")->info().scale_factor == 0.5);
    }
}

TEST_CASE("a model without its header is damaged, whatever is left of it", "[whole][damage]") {
    const Folder folder;
    storage::write_bundle(folder / "m.h5", sample_bundle(1));
    CHECK(storage::check_file(folder / "m.h5").problems.empty());
    std::vector<std::byte> bytes = bytes_of(folder / "m.h5");
    bytes[3] = std::byte{0};  // within the magic
    put_bytes(folder / "m.h5", bytes);
    CHECK(storage::check_file(folder / "m.h5").problems ==
          std::vector<std::string>{"\"" + (folder / "m.h5").string() +
                                   "\" is damaged: it is a narrows-checkpoint whose header is not "
                                   "there"});
}

TEST_CASE("a dataset or group that cannot be opened is damage, not absence", "[whole][damage]") {
    const Folder folder;
    make_dataset(folder / "x.h5", 0);
    const std::vector<std::byte> good = bytes_of(folder / "x.h5");
    const std::size_t datasets = storage::check_file(folder / "x.h5").datasets;
    std::size_t headers = 0, named = 0;
    for (std::size_t at = 0; at + 8 < good.size(); ++at) {
        if (std::memcmp(good.data() + at, "OHDR", 4) != 0 &&
            std::memcmp(good.data() + at, "OCHK", 4) != 0)
            continue;
        ++headers;
        std::vector<std::byte> bad = good;
        bad[at + 6] ^= std::byte{4};
        put_bytes(folder / "bad.h5", bad);
        std::vector<std::string> problems;
        const std::string refused = error_of([&] {
            const storage::FileCheck check = storage::check_file(folder / "bad.h5");
            problems = check.problems;
            CHECK(check.datasets < datasets);
        });
        CHECK((refused != "none" || !problems.empty()));
        for (const std::string& problem : problems)
            named += problem.find("bad.h5\" is damaged: /") != std::string::npos &&
                     problem.find(" cannot be opened") != std::string::npos;
        CHECK(error_of([&] { storage::repack(folder / "bad.h5", folder / "y.h5"); }) != "none");
        CHECK(!std::filesystem::exists(folder / "y.h5"));
    }
    CHECK(headers >= datasets + 2);
    CHECK(named >= 3);
}

TEST_CASE("foreign files are verified chunk by chunk", "[whole][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const std::string place = python(folder / "f.h5", R"(
f = h5py.File(path, 'w')
i = np.arange(400 * 6, dtype='>f8').reshape(400, 6)
d = f.create_dataset('g/x', data=i, chunks=(100, 6), compression='gzip')
f.create_dataset('y', data=i, chunks=(100, 3), fletcher32=True)
f['t'] = np.array([b'one', b'three'])
f['s'] = 4.5
print(d.id.get_chunk_info(2).byte_offset + 40)
)");
    CHECK(storage::check_file(folder / "f.h5").problems.empty());
    CHECK(storage::check_file(folder / "f.h5").datasets == 4);
    std::vector<std::byte> bytes = bytes_of(folder / "f.h5");
    bytes[std::stoul(place)] ^= std::byte{255};
    put_bytes(folder / "f.h5", bytes);

    const storage::FileCheck check = storage::check_file(folder / "f.h5");

    REQUIRE(check.problems.size() == 1);
    CHECK(check.problems[0].find("is damaged: /g/x, rows 200 to 299 (bytes ") != std::string::npos);
}

TEST_CASE("repack makes one plain file with the same values, whatever went in", "[whole][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "f.nc", R"(
f = h5py.File(path, 'w')
i = np.arange(400 * 6).reshape(400, 6)
f.attrs['title'] = 'some fields'
d = f.create_dataset('g/x', data=i.astype('>i2'), chunks=(7, 4), compression='gzip')
d.attrs['scale_factor'] = 0.5
d.attrs['units'] = 'K'
f.create_dataset('half', data=i.astype('f2'), chunks=(100, 3), fletcher32=True)
f.create_dataset('holes', (50, 3), 'f4', chunks=(10, 3), fillvalue=7.5)
f['t'] = np.array([b'one', b'three'])
f['s'] = 4.5
f['none'] = np.zeros((0, 4))
f['vlen'] = np.array(['x', 'yy'], dtype=h5py.string_dtype())
f.close()
)") == "");

    storage::repack(folder / "f.nc", folder / "g.h5");

    CHECK(python(folder / "g.h5", R"(
f = h5py.File(path)
i = np.arange(400 * 6).reshape(400, 6)
assert f.attrs['title'] == 'some fields'
assert f['g/x'].dtype == '<i2' and (f['g/x'][:] == i).all() and f['g/x'].chunks is None
assert f['g/x'].attrs['scale_factor'] == 0.5 and f['g/x'].attrs['units'] == 'K'
assert f['half'].dtype == 'f2' and (f['half'][:] == i.astype('f2')).all()
assert (f['holes'][:] == 7.5).all() and f['t'][1] == b'three' and f['s'][()] == 4.5
assert f['none'].shape == (0, 4) and 'vlen' not in f
)") == "");
    CHECK(storage::check_file(folder / "g.h5").problems.empty());
    storage::write_bundle(folder / "m.h5", sample_bundle(3));
    CHECK(error_of([&] { storage::repack(folder / "m.h5", folder / "n.h5"); }).starts_with("2|"));
    CHECK(entries(folder.path()) == 3);
}

TEST_CASE("live codes stand under their own name, are refused until complete, and resumed",
          "[whole][codes]") {
    const Folder folder;
    storage::CodesLayout layout;
    layout.rows = 1000;
    layout.columns = {{"/codes", Type::f32, Shape{4}}, {"/ids", Type::i64, {}}};
    const auto fill = [&](storage::CodesWriter& writer, std::int64_t first, std::int64_t last) {
        for (std::int64_t row = first; row < last; ++row) {
            const float code[4] = {static_cast<float>(row), 1, 2, 3};
            writer.write(0, row, 1, code);
            writer.write(1, row, 1, &row);
            writer.rows_written(row + 1);
        }
    };
    {
        storage::CodesWriter whole(folder / "plain.h5", layout, false);
        fill(whole, 0, 1000);
        whole.commit();
    }
    {
        std::vector<std::byte> bytes = bytes_of(folder / "plain.h5");
        const std::uint64_t slots[4] = {1000, ~std::uint64_t{1000}, 1000, ~std::uint64_t{1000}};
        const auto* values = reinterpret_cast<const std::byte*>(slots);
        const auto place = std::search(bytes.begin(), bytes.end(), values, values + sizeof slots);
        REQUIRE(place != bytes.end());
        place[20] ^= std::byte{1};
        put_bytes(folder / "bad.h5", bytes);
        CHECK(storage::check_file(folder / "plain.h5").problems.empty());
        CHECK(storage::check_file(folder / "bad.h5").problems ==
              std::vector<std::string>{"\"" + (folder / "bad.h5").string() +
                                       "\" is damaged: the row counter in /rows_done"});
        std::filesystem::remove(folder / "bad.h5");
    }
    layout.live = true;
    {
        storage::CodesWriter live(folder / "z.h5", layout, false);
        fill(live, 0, 400);
        CHECK(std::filesystem::exists(folder / "z.h5"));
        CHECK(error_of([&] { storage::look(folder / "z.h5"); }).find("is not complete") !=
              std::string::npos);
        CHECK(error_of([&] {
                  storage::CodesWriter(folder / "z.h5", layout, false);
              }).find("being written by another process") != std::string::npos);
    }
    {
        // Without --live, too: what is there says how it is written.
        storage::CodesLayout other = layout;
        other.live = false;
        storage::CodesWriter again(folder / "z.h5", other, true);
        CHECK(again.done() == 400);
        fill(again, 400, 1000);
        again.commit();
    }
    CHECK(bytes_of(folder / "z.h5") == bytes_of(folder / "plain.h5"));
    CHECK(storage::CodesWriter(folder / "z.h5", layout, true).done() == 1000);
    CHECK(entries(folder.path()) == 2);
}

TEST_CASE("a counter of a complete file that tells two numbers, or another, is damage",
          "[whole][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "z.h5";
    const auto problems = [&](const std::string& code) {
        std::filesystem::remove(path);
        storage::CodesLayout layout;
        layout.rows = 1;
        layout.columns = {{"/codes", Type::u8, {}}, {"/ids", Type::i64, {}}};
        storage::CodesWriter writer(path, layout, false);
        const std::uint64_t row = 1;
        writer.write(0, 0, 1, &row);
        writer.write(1, 0, 1, &row);
        writer.rows_written(1);
        writer.commit();
        CHECK(python(path, "f = h5py.File(path, 'r+')\nd = f['rows_done']\n" + code) == "");
        std::string all;
        for (const std::string& problem : storage::check_file(path).problems) all += problem;
        return all;
    };
    const std::string damage = "the row counter in /rows_done";
    CHECK(problems("").find(damage) == std::string::npos);
    for (const std::string change :
         {"d[0] += 1", "d[2] += 1", "d[2] = 5; d[3] = np.uint64(2**64 - 6)"})
        CHECK(problems(change).find(damage) != std::string::npos);
    for (const std::string other : {"np.zeros(4, 'i8')", "np.zeros(5, 'u8')"})
        CHECK(problems("del f['rows_done']; f['rows_done'] = " + other).find(damage) ==
              std::string::npos);
}
