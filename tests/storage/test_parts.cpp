// Many parts joined, where a process may open few files.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

constexpr std::int64_t parts = 80, all_rows = 3 * parts, code_size = 5;

// Codes are their place among all.
void write_part(const std::filesystem::path& path, std::int64_t number) {
    const storage::Part part{number, parts};
    const storage::PartRows rows = storage::rows_of(part, all_rows);
    const std::int64_t count = rows.last - rows.first;
    storage::CodesLayout layout;
    layout.rows = count;
    layout.columns = {{"/codes", Type::f32, {code_size}}, {"/ids", Type::i64, {}}};
    layout.attributes = storage::attributes_of(part, all_rows);
    layout.attributes.emplace_back("model_sha256", std::string("abc"));
    storage::CodesWriter writer(path, layout, false);
    std::vector<float> codes;
    std::vector<std::int64_t> ids;
    for (std::int64_t row = rows.first; row < rows.last; ++row) {
        ids.push_back(row);
        for (std::int64_t i = 0; i < code_size; ++i)
            codes.push_back(static_cast<float>(row * code_size + i));
    }
    writer.write(0, 0, count, codes.data());
    writer.write(1, 0, count, ids.data());
    writer.rows_written(count);
    writer.commit();
}

// Rows that differ from what was written; all at once, then one by one, across the file.
std::int64_t wrong_rows(const std::filesystem::path& path) {
    const storage::ArrayFile file(path);
    const auto codes = file.open("/codes"), ids = file.open("/ids");
    std::atomic<std::int64_t> wrong = 0;
    std::vector<std::int64_t> all(static_cast<std::size_t>(all_rows));
    ids->read(0, all_rows, reinterpret_cast<std::byte*>(all.data()));
    for (std::size_t i = 0; i < all.size(); ++i) wrong += all[i] != static_cast<std::int64_t>(i);
    const auto look = [&](std::int64_t step) {
        for (std::int64_t i = 0; i < all_rows; ++i) {
            const std::int64_t row = i * step % all_rows;
            float values[code_size];
            codes->read(row, 1, reinterpret_cast<std::byte*>(values));
            for (std::int64_t k = 0; k < code_size; ++k)
                wrong += values[k] != static_cast<float>(row * code_size + k);
        }
    };
    std::thread other([&] { look(101); });
    look(77);
    other.join();
    return wrong;
}

}  // namespace

TEST_CASE("more parts than a process may open files are joined and read", "[parts]") {
    const Folder folder;
    for (std::int64_t number = 1; number <= parts; ++number)
        write_part(folder / ("part-" + std::to_string(number) + ".h5"), number);

    const int process = ::fork();
    if (process == 0) {
        const struct rlimit few { 60, 60 };
        ::setrlimit(RLIMIT_NOFILE, &few);
        int code = 0;
        const std::string error = error_of([&] {
            const std::filesystem::path from[] = {folder.path()};
            storage::join(from, folder / "z.h5", storage::Joined::links);
            if (wrong_rows(folder / "z.h5") != 0) code |= 1;
            if (!storage::check_file(folder / "z.h5").problems.empty()) code |= 2;
        });
        if (error != "none") std::fprintf(stderr, "%s\n", error.c_str());
        end_child(error == "none" ? code : 4);
    }
    CHECK(wait_for(process) == 0);
}

TEST_CASE("a part that is replaced while a joined file is open gives no rows", "[parts][damage]") {
    const Folder folder;
    for (std::int64_t number = 1; number <= parts; ++number)
        write_part(folder / ("part-" + std::to_string(number) + ".h5"), number);
    const std::filesystem::path from[] = {folder.path()};
    storage::join(from, folder / "z.h5", storage::Joined::links);
    const auto codes = storage::open_array(folder / "z.h5", "/codes");
    float values[code_size];
    codes->read(all_rows - 1, 1, reinterpret_cast<std::byte*>(values));
    std::filesystem::rename(folder / "part-3.h5", folder / "part-2.h5");
    CHECK(error_of([&] {
              codes->read(3, 1, reinterpret_cast<std::byte*>(values));
          }).find("was changed while it was read") != std::string::npos);
    CHECK(error_of([&] { codes->read(6, 1, reinterpret_cast<std::byte*>(values)); }) != "none");
}
