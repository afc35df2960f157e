#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/store_host.hpp"

using namespace narrows;
using namespace store_test;

namespace {

class Folder {
public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "narrows-store-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return std::to_string(static_cast<int>(error.fault())) + "|" + error.what();
    }
    return "none";
}

// Rows of three floats: row r holds r, r + 0.25, r + 0.5; its row number in the source is 10 r.
constexpr std::int64_t rows = 1000, batch = 64;
float value_at(std::int64_t row, std::int64_t column) {
    return static_cast<float>(row) + static_cast<float>(column) * 0.25f;
}

struct Rows {
    std::vector<float> x, one;
    std::vector<std::int64_t> labels;
    Packet packet;
    Rows(std::int64_t first, std::int64_t count, const std::string& port) {
        for (std::int64_t row = first; row < first + count; ++row) {
            for (std::int64_t column = 0; column < 3; ++column) x.push_back(value_at(row, column));
            one.push_back(static_cast<float>(row) / 8);
            labels.push_back(row % 5);
            packet.ids.push_back(10 * row);
        }
        packet.place.first = first;
        packet.place.count = count;
        packet.inputs = {{port, x.data()},
                         {"sse", one.data()},
                         {"labels", labels.data()},
                         {"row", one.data()},
                         {"second", x.data()}};
    }
};

void stream(Node& node, Run& run, const std::string& port, std::int64_t first, std::int64_t last) {
    for (; first < last; first += batch)
        process(node, run, Rows(first, std::min(batch, last - first), port).packet);
}

Run codes_run() {
    Run run;
    run.samples = rows;
    run.shapes = {{"z", {batch, 3}}, {"sse", {batch}}};
    return run;
}

void store_codes(const std::string& file) {
    Run run = codes_run();
    const auto node = make_node("store.codes", {{"file", file}});
    open(*node, run);
    start(*node, run);
    stream(*node, run, "z", 0, rows);
    finish(*node, run);
}

}  // namespace

TEST_CASE("store.codes writes codes, row numbers and errors", "[store]") {
    const Folder folder;

    store_codes(folder / "z.h5");

    const auto info = storage::look(folder / "z.h5");
    CHECK(info.format == "narrows-codes");
    std::vector<float> codes(rows * 3), sse(rows);
    std::vector<std::int64_t> ids(rows);
    storage::open_array(folder / "z.h5", "/codes")->read(0, rows, codes.data(), false);
    storage::open_array(folder / "z.h5", "/sse")->read(0, rows, sse.data(), false);
    storage::open_array(folder / "z.h5", "/ids")
        ->read(0, rows, reinterpret_cast<std::byte*>(ids.data()));
    CHECK(codes[3 * 777 + 2] == value_at(777, 2));
    CHECK(sse[640] == 80.0f);
    CHECK(ids[999] == 9990);
}

TEST_CASE("store.codes goes on where a stopped run ended, to the same bytes", "[store]") {
    const Folder folder;
    store_codes(folder / "straight.h5");
    {
        Run run = codes_run();
        const auto node = make_node("store.codes", {{"file", folder / "z.h5"}});
        open(*node, run);
        start(*node, run);
        stream(*node, run, "z", 0, 640);
        stopped(*node, run);
    }
    CHECK(std::filesystem::exists(folder / "z.h5.partial"));

    Run other = codes_run();
    other.pipeline = "schema = 1\n[run]\nseed = 2\n";
    const auto stranger = make_node("store.codes", {{"file", folder / "z.h5"}});
    open(*stranger, other);
    CHECK(error_of([&] {
              restore(*stranger, other);
          }).find("in its pipeline, line 3 is \"seed = 1\" there, \"seed = 2\" here") !=
          std::string::npos);

    Run run = codes_run();
    run.resuming = true;
    const auto node = make_node("store.codes", {{"file", folder / "z.h5"}});
    open(*node, run);
    REQUIRE(restore(*node, run));
    CHECK(run.progress.samples_seen == 639);  // the last row comes again, to be compared
    CHECK(!run.progress.complete);
    start(*node, run);
    CHECK(error_of([&] { stream(*node, run, "z", 704, 705); }).find("rows 640 to 703") !=
          std::string::npos);
    stream(*node, run, "z", 512, rows);
    finish(*node, run);
    CHECK(text_of(folder / "z.h5") == text_of(folder / "straight.h5"));

    Run again = codes_run();
    again.resuming = true;
    const auto last = make_node("store.codes", {{"file", folder / "z.h5"}});
    open(*last, again);
    REQUIRE(restore(*last, again));
    CHECK(again.progress.complete);
}

TEST_CASE("store.samples writes a dataset of the wanted type", "[store]") {
    const Folder folder;
    for (const std::int64_t level : {0, 1}) {
        Run run;
        run.samples = rows;
        run.shapes = {{"x", {batch, 3}}, {"labels", {batch}}};
        const auto node = make_node(
            "store.samples",
            {{"file", folder / "x.h5"}, {"sample_type", std::string("u8")}, {"level", level}});
        open(*node, run);
        start(*node, run);
        stream(*node, run, "x", 0, rows);
        CHECK(!std::filesystem::exists(folder / "x.h5") == (level == 0));
        finish(*node, run);

        std::vector<std::uint8_t> samples(rows * 3);
        storage::open_array(folder / "x.h5", "/samples")
            ->read(0, rows, reinterpret_cast<std::byte*>(samples.data()));
        CHECK(samples[3 * 7 + 1] == 7);  // 7.25
        CHECK(samples[3 * 7 + 2] == 8);  // 7.5, to even
        CHECK(samples[3 * 8 + 2] == 8);  // 8.5, to even
        CHECK(samples[3 * 900] == 255);  // held inside the range
        std::vector<std::int64_t> labels(rows);
        storage::open_array(folder / "x.h5", "/labels")
            ->read(0, rows, reinterpret_cast<std::byte*>(labels.data()));
        CHECK(labels[998] == 3);
        CHECK(storage::look(folder / "x.h5").format == "narrows-dataset");
    }
}

TEST_CASE("store.table writes CSV that reads back exactly, or columns in HDF5", "[store]") {
    const Folder folder;
    for (const char* const name : {"t.csv", "t.h5"}) {
        Run run;
        run.samples = 100;
        run.shapes = {{"row", {batch}}, {"second", {batch}}};
        const auto node = make_node(
            "store.table",
            {{"file", folder / name}, {"columns", std::vector<std::string>{"score", "first"}}});
        open(*node, run);
        start(*node, run);
        stream(*node, run, "x", 0, 100);
        CHECK(!std::filesystem::exists(folder / name));
        finish(*node, run);
    }

    const std::string text = text_of(folder / "t.csv");
    CHECK(text.starts_with("id,score,first\n0,0,0\n10,0.125,0.25\n20,0.25,0.5\n"));
    CHECK(std::count(text.begin(), text.end(), '\n') == 101);
    CHECK(storage::look(folder / "t.h5").format == "narrows-scores");
    float score = 0;
    storage::open_array(folder / "t.h5", "/score")->read(99, 1, &score, false);
    CHECK(score == 99.0f / 8);
}

TEST_CASE("sinks refuse outputs before the run, and leave nothing of a failed one", "[store]") {
    const Folder folder;
    std::ofstream(folder / "kept.csv") << "old";
    Run run;
    run.samples = 100;
    run.shapes = {{"row", {batch}}};
    run.no_clobber = true;
    const auto kept = make_node("store.table", {{"file", folder / "kept.csv"}});
    open(*kept, run);
    CHECK(error_of([&] { start(*kept, run); }).find("exists and is to be kept") !=
          std::string::npos);
    const auto nowhere = make_node("store.table", {{"file", folder / "no/t.csv"}});
    open(*nowhere, run);
    CHECK(error_of([&] { start(*nowhere, run); }).find("is not writable") != std::string::npos);
    const auto named = make_node(
        "store.table", {{"file", folder / "t.csv"}, {"columns", std::vector<std::string>{"id"}}});
    CHECK(error_of([&] { open(*named, run); }) == "2|\"id\" cannot name a column");

    const auto failing = make_node("store.table", {{"file", folder / "t.csv"}});
    open(*failing, run);
    start(*failing, run);
    stream(*failing, run, "row", 0, 50);
    abandon(*failing, run);
    CHECK(std::distance(std::filesystem::directory_iterator(folder / ""), {}) == 1);
    CHECK(text_of(folder / "kept.csv") == "old");
}
