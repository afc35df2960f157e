// Rows that lie in memory: where, and when not.
#include <filesystem>
#include <fstream>

#include "datasets/dataset.hpp"
#include "tests/catch.hpp"

using namespace narrows;
namespace fs = std::filesystem;

namespace {

// Twelve bytes, removed at the end.
struct File {
    File() {
        std::string name = (fs::temp_directory_path() / "narrows-rows-XXXXXX").string();
        folder = mkdtemp(name.data());
        path = folder / "x.raw";
        std::ofstream(path, std::ios::binary) << "abcdefghijkl";
    }
    ~File() { fs::remove_all(folder); }
    fs::path folder, path;
};

std::shared_ptr<const datasets::Dataset> open(const datasets::DataSpec& spec,
                                              std::uint64_t budget = 1 << 20, bool once = false) {
    return datasets::open({&spec, 1}, budget, once);
}

}  // namespace

TEST_CASE("a row that lies in memory is there as it is stored, or is not said to be",
          "[datasets]") {
    const File file;
    auto spec = datasets::parse_data(file.path.string());
    spec.shape = {2};
    spec.type = "u8";
    auto first = spec, last = spec;
    first.last = 2;
    last.first = 3;
    const datasets::DataSpec two[] = {last, first};
    const auto joined = datasets::open(two);
    for (const auto& data : {open(spec), datasets::rows_between(open(spec), 1, 5), joined,
                             datasets::select(joined, {4, 0, 3})})
        for (std::int64_t row = 0; row < data->rows(); ++row) {
            std::string stored(2, '\0');
            data->read_stored(row, 1, reinterpret_cast<std::byte*>(stored.data()));
            const std::byte* const there = data->stored_row(row);
            REQUIRE(there != nullptr);
            CHECK(std::string(reinterpret_cast<const char*>(there), 2) == stored);
        }

    CHECK(open(spec, 11)->stored_row(0) == nullptr);             // in the file
    CHECK(open(spec, 1 << 20, true)->stored_row(0) == nullptr);  // read once
    spec.type = ">u16";
    spec.shape = {1};
    CHECK(open(spec)->stored_row(0) == nullptr);  // the other byte order
}
