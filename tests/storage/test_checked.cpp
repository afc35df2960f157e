// Rows that would not show damage by themselves are compared with their checksums before they are
// given to anybody.
#include <algorithm>
#include <cstring>
#include <thread>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

constexpr std::int64_t rows = 60000;  // more than a chunk
constexpr std::size_t features = 9;
const std::string input = std::to_string(static_cast<int>(Fault::input)) + "|";

std::vector<std::uint32_t> noise(std::size_t count) {
    std::vector<std::uint32_t> out(count);
    std::uint64_t state = 1;
    for (std::uint32_t& value : out) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        value = static_cast<std::uint32_t>(state >> 32);
    }
    return out;
}

// Samples that deflate cannot shrink, so that it leaves them as they are at any level.
void write_dataset(const std::filesystem::path& path, int level) {
    storage::DatasetLayout layout;
    layout.sample = {4 * features};
    layout.type = storage::Numeric::u8;
    layout.rows = level == 0 ? rows : -1;
    layout.level = level;
    storage::DatasetWriter writer(path, layout);
    const std::vector<std::uint32_t> samples = noise(rows * features);
    writer.append(std::as_bytes(std::span(samples)));
    std::vector<std::int64_t> labels(rows);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 3);
    writer.append_labels(labels);
    writer.commit();
}

void damage_row(const std::filesystem::path& path, std::size_t row) {
    std::vector<std::byte> bytes = bytes_of(path);
    const std::vector<std::uint32_t> all = noise(rows * features);
    const auto wanted = std::as_bytes(std::span(all).subspan(row * features, features));
    const auto found = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
    REQUIRE(found != bytes.end());
    found[5] ^= std::byte{16};
    put_bytes(path, bytes);
}

std::unique_ptr<storage::ArrayReader> open_checked(const std::filesystem::path& path,
                                                   const std::string& dataset = "samples") {
    const storage::ArrayFile file(path);
    return file.open_checked(file.look(), dataset);
}

std::string reading(const storage::ArrayReader& reader, std::int64_t first, std::int64_t count) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(count) * features * 4);
    std::vector<float> floats(bytes.size());
    const std::string one = error_of([&] { reader.read(first, count, bytes.data()); });
    const std::string other = error_of([&] { reader.read(first, count, floats.data(), true); });
    CHECK(one == other);
    return one;
}

}  // namespace

TEST_CASE("rows of a damaged block are never given, all others are", "[checked][damage]") {
    const Folder folder;
    for (const int level : {0, 1}) {  // contiguous; in chunks that deflate left as they are
        INFO("level " << level);
        const auto path = folder / (std::to_string(level) + ".h5");
        write_dataset(path, level);
        {
            std::vector<std::uint32_t> back(rows * features);
            open_checked(path)->read(0, rows, reinterpret_cast<std::byte*>(back.data()));
            CHECK(back == noise(rows * features));
        }
        damage_row(path, 5000);

        const auto reader = open_checked(path);
        const std::string told = reading(*reader, 5000, 1);
        CHECK(told == input + "\"" + path.string() +
                          "\" is damaged: /samples, rows 4096 to 8191 fail their checksum");
        CHECK(reading(*reader, 4096, 1) == told);  // asked for again, another row of the block
        CHECK(reading(*reader, 0, rows) == told);
        CHECK(reading(*reader, 4000, 200) == told);
        CHECK(reading(*reader, 0, 4096) == "none");
        CHECK(reading(*reader, 8192, rows - 8192) == "none");
        CHECK(reading(*reader, 0, 0) == "none");
        CHECK(reading(*reader, rows, 1).starts_with(input));
    }
}

TEST_CASE("what deflate has shrunk shows damage by itself", "[checked][damage]") {
    const Folder folder;
    write_dataset(folder / "x.h5", 1);
    const auto labels = open_checked(folder / "x.h5", "labels");
    std::vector<std::int64_t> values(rows);
    labels->read(0, rows, reinterpret_cast<std::byte*>(values.data()));
    CHECK(values[rows - 1] == (rows - 1) % 3);
}

TEST_CASE("many threads at one damaged block: none of them gets its rows", "[checked][damage]") {
    const Folder folder;
    write_dataset(folder / "x.h5", 0);
    damage_row(folder / "x.h5", 4097);
    const auto reader = open_checked(folder / "x.h5");
    std::vector<std::string> told(8);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < told.size(); ++i)
        threads.emplace_back([&, i] {
            std::vector<std::byte> row(features * 4);
            told[i] =
                error_of([&] { reader->read(static_cast<std::int64_t>(5000 + i), 1, row.data()); });
        });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& one : told) CHECK(one.find("rows 4096 to 8191") != std::string::npos);
}
