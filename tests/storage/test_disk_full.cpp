#include <iostream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

constexpr std::uint64_t disk = 6u << 20;

// 0: as promised. Others say what was not.
int check(const std::filesystem::path& folder, const std::filesystem::path& kept,
          const std::function<void()>& write) {
    const std::vector<std::byte> old = bytes_of(kept);
    const std::size_t before = entries(folder);
    const std::string error = error_of(write);
    if (!error.starts_with("1|")) return 10;
    if (error.find("no space left on device") == std::string::npos) return 11;
    if (bytes_of(kept) != old) return 12;
    return entries(folder) == before ? 0 : 13;
}

void report_skip() {
    std::cerr << "a small disk cannot be mounted here: full disks were skipped\n";
}

}  // namespace

TEST_CASE("on a really full disk every writer fails with an error and keeps the old file",
          "[full]") {
    const Folder folder;
    const auto write_noise = [](const std::filesystem::path& path, std::int64_t rows, int level,
                                bool known) {
        storage::DatasetLayout layout;
        layout.sample = {1000};
        layout.level = level;
        layout.rows = known ? rows : -1;
        storage::DatasetWriter writer(path, layout);
        std::uint64_t state = 1;
        std::vector<float> row(1000);
        for (std::int64_t r = 0; r < rows; ++r) {
            for (float& value : row) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                value = static_cast<float>(state >> 40);
            }
            writer.append(std::as_bytes(std::span(row)));
        }
        writer.commit();
    };

    const int bundle = on_small_disk(folder.path(), disk, [&] {
        storage::write_bundle(folder / "m.h5", sample_bundle(1));
        return check(folder.path(), folder / "m.h5",
                     [&] { storage::write_bundle(folder / "m.h5", sample_bundle(2, 4'000'000)); });
    });
    if (bundle == no_small_disk) return report_skip();
    CHECK(bundle == 0);

    for (const int level : {0, 1})
        for (const bool known : {false, true})
            CHECK(on_small_disk(folder.path(), disk, [&] {
                      write_noise(folder / "x.h5", 10, level, known);
                      return check(folder.path(), folder / "x.h5",
                                   [&] { write_noise(folder / "x.h5", 4000, level, known); });
                  }) == 0);

    CHECK(on_small_disk(folder.path(), disk, [&] {
              storage::write_bundle(folder / "z.h5", sample_bundle(1));
              return check(folder.path(), folder / "z.h5", [&] {
                  storage::CodesLayout layout;
                  layout.rows = 1'000'000;
                  layout.columns = {{"/codes", Type::f32, {4}}};
                  storage::CodesWriter(folder / "z.h5", layout, false);
              });
          }) == 0);
}
