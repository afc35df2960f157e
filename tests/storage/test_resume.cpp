// --resume of files that are written in one go: only the finished file of this very run will do.
#include <fstream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;

namespace {

CodesLayout every_type() {
    CodesLayout layout;
    layout.rows = 2;
    layout.columns = {{"/codes", Type::f32, {3}}, {"/sse", Type::f64, {}},
                      {"/ids", Type::i64, {}},    {"/indices", Type::i32, {2}},
                      {"/flagged", Type::u8, {}}, {"/threshold", Type::f64, {}, 1}};
    layout.attributes = {{"seed", std::int64_t{7}},
                         {"rate", 0.5},
                         {"model", std::string("abc")},
                         {"pipeline", std::string("a\nb\n")}};
    return layout;
}

void write(const std::filesystem::path& path, const CodesLayout& layout) {
    CodesWriter writer(path, layout, false);
    const std::vector<std::byte> rows(256);
    for (std::size_t i = 0; i < layout.columns.size(); ++i)
        writer.write(i, 0, layout.columns[i].rows < 0 ? layout.rows : layout.columns[i].rows,
                     rows.data());
    writer.rows_written(layout.rows);
    writer.commit();
}

}  // namespace

TEST_CASE("a finished file of the same run is known again", "[resume]") {
    const Folder folder;
    const auto path = folder / "z.h5";
    CHECK(!finished_before(path, every_type()));
    write(path, every_type());
    CHECK(finished_before(path, every_type()));

    DatasetLayout layout;
    layout.sample = {2};
    layout.rows = 1;
    layout.type = Numeric::i16;
    CHECK(!finished_before(folder / "d.h5", layout));
    DatasetWriter writer(folder / "d.h5", layout);
    const std::int16_t row[2] = {1, 2};
    writer.append(std::as_bytes(std::span(row)));
    writer.commit();
    CHECK(finished_before(folder / "d.h5", layout));
    layout.type = Numeric::u16;
    CHECK(error_of([&] {
              finished_before(folder / "d.h5", layout);
          }).ends_with("belongs to another run: /samples is of another type"));
}

TEST_CASE("a file of another run is not taken for this one's, and the difference is told",
          "[resume]") {
    const Folder folder;
    const auto path = folder / "z.h5";
    write(path, every_type());
    const auto with = [&](const std::function<void(CodesLayout&)>& change) {
        CodesLayout layout = every_type();
        change(layout);
        const std::string error = error_of([&] { finished_before(path, layout); });
        const std::string start = "2|\"" + path.string() + "\" belongs to another run: ";
        CHECK(error.starts_with(start));
        return error.substr(std::min(error.size(), start.size()));
    };
    using Layout = CodesLayout;
    CHECK(with([](Layout& l) { l.format = "narrows-scores"; }) ==
          "format is \"narrows-codes\" there, \"narrows-scores\" here");
    CHECK(with([](Layout& l) { l.attributes[0].second = std::int64_t{8}; }) ==
          "seed is 7 there, 8 here");
    CHECK(with([](Layout& l) { l.attributes[0].second = std::string("7"); }) ==
          "seed is 7 there, \"7\" here");
    CHECK(with([](Layout& l) { l.attributes[1].second = 0.25; }) ==
          "rate is 0.500000 there, 0.250000 here");
    CHECK(with([](Layout& l) { l.attributes[2].second = std::string("abd"); }) ==
          "model is \"abc\" there, \"abd\" here");
    CHECK(with([](Layout& l) { l.attributes[3].second = std::string("a\nc\n"); }) ==
          "in its pipeline, line 2 is \"b\" there, \"c\" here");
    CHECK(with([](Layout& l) { l.attributes[3].second = std::int64_t{1}; }).ends_with("1 here"));
    CHECK(with([](Layout& l) { l.attributes.pop_back(); }).ends_with(" there, nothing here"));
    CHECK(with([](Layout& l) { l.attributes.emplace_back("more", 1.0); }) ==
          "more is nothing there, 1.000000 here");
    CHECK(with([](Layout& l) {
              l.columns.push_back({"/more", Type::u8, {}});
          }) == "it has no /more");
    CHECK(with([](Layout& l) { l.columns[0].sample = {4}; }) ==
          "/codes is [2, 3] there, [2, 4] here");
    CHECK(with([](Layout& l) { l.columns[5].rows = -1; }) == "/threshold is [1] there, [2] here");
    CHECK(with([](Layout& l) { l.columns[1].type = Type::f32; }) == "/sse is of another type");

    std::ofstream(folder / "t.h5") << "text";
    CHECK(error_of([&] {
              finished_before(folder / "t.h5", every_type());
          }).ends_with("belongs to another run: it is no HDF5 file"));
    if (!has_h5py()) return;
    REQUIRE(python(path,
                   "f = h5py.File(path, 'r+')\n"
                   "del f['flagged']; f['flagged'] = np.array([b'a', b'b'])\n") == "");
    CHECK(with([](Layout&) {}) == "/flagged is of another type");
}

TEST_CASE("a file that cannot say of which run it is stands in the way of --resume", "[resume]") {
    const Folder folder;
    CHECK(error_of([&] { refuse_unknown_run(folder / "t.csv"); }) == "none");
    std::ofstream(folder / "t.csv") << "1,2\n";
    CHECK(error_of([&] {
              refuse_unknown_run(folder / "t.csv");
          }).ends_with("is there, and cannot tell whether it is of this run"));
}

TEST_CASE("codes go on only in a file with the same columns", "[codes]") {
    const Folder folder;
    const auto path = folder / "z.h5";
    { const CodesWriter started(path, every_type(), false); }  // leaves z.h5.partial
    const auto with = [&](const std::function<void(CodesLayout&)>& change) {
        CodesLayout layout = every_type();
        change(layout);
        return error_of([&] { CodesWriter(path, layout, true); });
    };
    const std::string start = "2|\"" + path.string() + ".partial\" belongs to another run: ";
    CHECK(with([](CodesLayout&) {}) == "none");
    CHECK(with([](CodesLayout& l) { l.columns[2].name = "/idz"; }) == start + "it has no /idz");
    CHECK(with([](CodesLayout& l) { l.columns[0].sample = {4}; }) ==
          start + "/codes is [2, 3] there, [2, 4] here");
    CHECK(with([](CodesLayout& l) { l.columns[1].type = Type::i64; }) ==
          start + "/sse is of another type");

    CodesWriter writer(path, every_type(), true);
    const std::vector<std::byte> rows(256);
    const auto put = [&](std::size_t column, std::int64_t first, std::int64_t count) {
        return error_of([&] { writer.write(column, first, count, rows.data()); });
    };
    const std::string outside = "do not fit into its 2";
    CHECK(put(6, 0, 1).ends_with(outside));
    CHECK(put(0, -1, 1).ends_with(outside));
    CHECK(put(0, 0, -1).ends_with(outside));
    CHECK(put(0, 1, 2).ends_with(outside));
    CHECK(put(5, 0, 2).ends_with(outside));
    CHECK(put(0, 1, 1).ends_with("row 1 of /codes came before row 0"));
    CHECK(put(0, 0, 1) == "none");
    writer.rows_written(1);
    CHECK(writer.done() == 1);
    CHECK(error_of([&] { writer.commit(); }).ends_with("got 1 of 2 rows"));
    writer.discard();
    CHECK(entries(folder.path()) == 0);
}

TEST_CASE("rows that come again are those of before, and none come after the end", "[codes]") {
    const Folder folder;
    const auto path = folder / "z.h5";
    CodesLayout layout;
    layout.rows = 4;
    layout.columns = {{"/codes", Type::f32, {2}}};
    const std::vector<float> rows = {0, 1, 2, 3, 4, 5, 6, 7};
    {
        CodesWriter writer(path, layout, false);
        writer.write(0, 0, 2, rows.data());
        writer.rows_written(2);
        writer.rows_written(1);
        CHECK(writer.done() == 2);
    }
    CodesWriter writer(path, layout, true);
    CHECK(writer.done() == 2);
    CHECK(error_of([&] { writer.write(0, 0, 4, rows.data() + 0); }) == "none");
    CHECK(error_of([&] {
              writer.write(0, 1, 1, rows.data());
          }).ends_with("/codes of row 1 is another: the data has changed"));
    writer.rows_written(9);
    CHECK(writer.done() == 4);
    writer.commit();
    writer.write(0, 0, 4, rows.data());
    writer.rows_written(4);
    writer.commit();
    writer.discard();
    CHECK(writer.finished());
    CHECK(std::filesystem::exists(path));

    CodesLayout empty = layout;
    empty.rows = 0;
    CodesWriter none(folder / "none.h5", empty, false);
    none.commit();
    CHECK(open_array(folder / "none.h5", "codes")->info().shape == Shape{0, 2});
}

TEST_CASE("samples of every rank say their axes, and rows are whole", "[dataset]") {
    const Folder folder;
    const std::pair<Shape, const char*> cases[] = {
        {{}, "sample"},
        {{2}, "sample,feature"},
        {{2, 1}, "sample,row,col"},
        {{1, 2, 1}, "sample,channel,row,col"},
        {{1, 2, 1, 1}, "sample,axis1,axis2,axis3,axis4"}};
    for (const auto& [sample, dims] : cases) {
        DatasetLayout layout;
        layout.sample = sample;
        layout.rows = 2;
        DatasetWriter writer(folder / "x.h5", layout);
        const float rows[4] = {1, 2, 3, 4};
        const auto bytes = std::as_bytes(std::span(rows));
        writer.append(bytes.first(static_cast<std::size_t>(2 * sample.elements()) * 4));
        CHECK(error_of([&] { writer.append(bytes.first(3)); }).starts_with("1|"));
        writer.commit();
        const FileInfo info = look(folder / "x.h5");
        CHECK(*text_attribute(info.arrays.back().attributes, "dims") == dims);
    }

    DatasetLayout layout;
    layout.sample = {0};
    layout.level = 1;
    CHECK(error_of([&] {
              DatasetWriter(folder / "y.h5", layout);
          }).starts_with("2|samples of 0 bytes cannot be stored in chunks"));
    layout.level = 0;
    layout.rows = 3;
    DatasetWriter writer(folder / "y.h5", layout);
    CHECK(error_of([&] { writer.append({}); }).ends_with("its rows have 0"));
    layout.sample = {2};
    layout.rows = 0;
    DatasetWriter none(folder / "none.h5", layout);
    none.commit();
    CHECK(look(folder / "none.h5").arrays.size() == 2);
}
