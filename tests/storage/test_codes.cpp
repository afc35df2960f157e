#include <algorithm>
#include <cstring>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;
using storage::CodesLayout;
using storage::CodesWriter;

namespace {

constexpr std::int64_t all_rows = 60000, code_size = 32, batch = 500;

CodesLayout layout_of(const std::string& model = "abc") {
    CodesLayout layout;
    layout.rows = all_rows;
    layout.columns = {
        {"/codes", Type::f32, {code_size}}, {"/ids", Type::i64, {}}, {"/sse", Type::f32, {}}};
    layout.attributes = {{"model_sha256", model}, {"seed", std::int64_t{1}}};
    return layout;
}

float code_at(std::int64_t row, std::int64_t column) {
    return static_cast<float>(row) + static_cast<float>(column) / 64;
}

void write_rows(CodesWriter& writer, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; row += batch) {
        const std::int64_t count = std::min(batch, last - row);
        std::vector<float> codes, sse;
        std::vector<std::int64_t> ids;
        for (std::int64_t r = row; r < row + count; ++r) {
            for (std::int64_t c = 0; c < code_size; ++c) codes.push_back(code_at(r, c));
            ids.push_back(r);
            sse.push_back(static_cast<float>(r) / 2);
        }
        writer.write(0, row, count, codes.data());
        writer.write(1, row, count, ids.data());
        writer.write(2, row, count, sse.data());
        writer.rows_written(row + count);
    }
}

void write_codes(const std::filesystem::path& path, bool resume = false) {
    CodesWriter writer(path, layout_of(), resume);
    write_rows(writer, writer.done(), all_rows);
    writer.commit();
}

const char* const check_partial = R"(
f = h5py.File(path)
done = 0
r = f['/rows_done'][()]
for a, b in ((r[0], r[1]), (r[2], r[3])):
    if int(a) == (1 << 64) - 1 - int(b): done = max(done, int(a))
z = f['/codes'][:done]
assert np.array_equal(z, np.arange(done, dtype='f4')[:, None] + np.arange(32, dtype='f4') / 64)
assert np.array_equal(f['/ids'][:done], np.arange(done))
assert np.array_equal(f['/sse'][:done], np.arange(done, dtype='f4') / 2)
print(done, f['/complete'][0])
)";

}  // namespace

TEST_CASE("codes are complete under their name, partial under another until then", "[codes]") {
    const Folder folder;
    const auto path = folder / "z.h5";
    {
        CodesWriter writer(path, layout_of(), false);
        CHECK(writer.done() == 0);
        CHECK(std::filesystem::exists(folder / "z.h5.partial"));
        write_rows(writer, 0, all_rows / 2);
        CHECK(!std::filesystem::exists(path));
        CHECK(error_of([&] { writer.commit(); }).find("got 30000 of 60000 rows") !=
              std::string::npos);
        write_rows(writer, all_rows / 2, all_rows);
        writer.commit();
    }

    CHECK(entries(folder.path()) == 1);
    const auto info = storage::look(path);
    CHECK(info.format == "narrows-codes");
    float row[code_size];
    storage::open_array(path, "/codes")->read(41234, 1, row, false);
    CHECK(row[31] == code_at(41234, 31));
}

TEST_CASE("h5py reads codes at any moment", "[codes][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    {
        CodesWriter writer(folder / "z.h5", layout_of(), false);
        write_rows(writer, 0, 1000);
        CHECK(python(folder / "z.h5.partial", check_partial) == "0 0");  // nothing committed yet
    }
    CHECK(python(folder / "z.h5.partial", check_partial) == "1000 0");
    write_codes(folder / "z.h5", true);
    CHECK(python(folder / "z.h5", check_partial) == "60000 1");
    CHECK(python(folder / "z.h5",
                 "f = h5py.File(path)\n"
                 "assert f['codes'].chunks is None\n"
                 "print(f.attrs['model_sha256'].decode(), f.attrs['seed'])") == "abc 1");
}

TEST_CASE("an incomplete codes file is refused with the rows that it has", "[codes]") {
    const Folder folder;
    {
        CodesWriter writer(folder / "z.h5", layout_of(), false);
        write_rows(writer, 0, 1500);
    }
    const std::string expected = "4|\"" + (folder / "z.h5.partial").string() +
                                 "\" is not complete: 1500 rows are written so far";

    CHECK(error_of([&] { storage::look(folder / "z.h5.partial"); }) == expected);
    CHECK(error_of([&] { storage::open_array(folder / "z.h5.partial", "/codes"); }) == expected);
}

TEST_CASE("resumed codes are identical to those written in one go", "[codes]") {
    const Folder folder;
    write_codes(folder / "straight.h5");
    std::int64_t expected = 0;
    for (const std::int64_t stop :
         {std::int64_t{500}, std::int64_t{20000}, std::int64_t{20500}, std::int64_t{60000}}) {
        CodesWriter writer(folder / "z.h5", layout_of(), true);
        CHECK(writer.done() == expected);
        write_rows(writer, writer.done(), stop);
        expected = stop;
    }
    write_codes(folder / "z.h5", true);

    CHECK(bytes_of(folder / "z.h5") == bytes_of(folder / "straight.h5"));

    CodesWriter again(folder / "z.h5", layout_of(), true);
    CHECK(again.done() == all_rows);
    again.commit();
    CHECK(bytes_of(folder / "z.h5") == bytes_of(folder / "straight.h5"));
}

TEST_CASE("checksums of codes are those of their rows, whenever a run was stopped",
          "[codes][damage]") {
    const Folder folder;
    {
        CodesWriter writer(folder / "z.h5", layout_of(), false);
        write_rows(writer, 0, 8500);
        const std::vector<float> none(code_size);
        CHECK(error_of([&] { writer.write(0, 9000, 1, none.data()); }) ==
              "1|\"" + (folder / "z.h5").string() + "\": row 9000 of /codes came before row 8500");
    }
    write_codes(folder / "z.h5", true);
    CodesLayout other = layout_of();
    other.checksums = false;
    {
        CodesWriter writer(folder / "without.h5", other, false);
        write_rows(writer, 0, all_rows);
        writer.commit();
    }

    const storage::FileCheck check = storage::check_file(folder / "z.h5");
    CHECK(check.problems.empty());
    CHECK(check.checksums == 3 * 15);  // blocks of 4096 rows of three columns
    CHECK(storage::check_file(folder / "without.h5").checksums == 0);
    std::vector<std::byte> bytes = bytes_of(folder / "z.h5");
    std::vector<float> row(code_size);
    for (std::int64_t c = 0; c < code_size; ++c)
        row[static_cast<std::size_t>(c)] = code_at(8300, c);
    const auto wanted = std::as_bytes(std::span(row));
    const auto found = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
    REQUIRE(found != bytes.end());
    *found ^= std::byte{1};
    put_bytes(folder / "z.h5", bytes);
    CHECK(
        storage::check_file(folder / "z.h5").problems ==
        std::vector<std::string>{"\"" + (folder / "z.h5").string() +
                                 "\" is damaged: /codes, rows 8192 to 12287 fail their checksum"});
}

TEST_CASE("another run's codes are not continued", "[codes]") {
    const Folder folder;
    {
        CodesWriter writer(folder / "z.h5", layout_of("abc"), false);
        write_rows(writer, 0, 500);
    }
    CodesLayout narrower = layout_of("abc");
    narrower.columns[0].sample = {16};

    CHECK(error_of([&] { CodesWriter(folder / "z.h5", layout_of("xyz"), true); }) ==
          "2|\"" + (folder / "z.h5.partial").string() +
              "\" belongs to another run: model_sha256 is \"abc\" there, \"xyz\" here");
    CHECK(error_of([&] {
              CodesWriter(folder / "z.h5", narrower, true);
          }).find("/codes is [60000, 32] there, [60000, 16] here") != std::string::npos);
    CHECK(CodesWriter(folder / "z.h5", layout_of("xyz"), false).done() == 0);
}

TEST_CASE("codes have one writer at a time", "[codes]") {
    const Folder folder;
    CodesWriter first(folder / "z.h5", layout_of(), false);

    CHECK(error_of([&] {
              CodesWriter(folder / "z.h5", layout_of(), true);
          }).find("being written by another process") != std::string::npos);
    CHECK(error_of([&] { CodesWriter(folder / "z.h5", layout_of(), false); }).starts_with("2|"));

    first.discard();
    CHECK(entries(folder.path()) == 0);
}

TEST_CASE("a torn row counter falls back to the other slot", "[codes][damage]") {
    const Folder folder;
    for (const std::int64_t stop : {std::int64_t{1000}, std::int64_t{2000}}) {
        CodesWriter writer(folder / "z.h5", layout_of(), true);
        write_rows(writer, writer.done(), stop);
    }
    std::vector<std::byte> bytes = bytes_of(folder / "z.h5.partial");
    const std::uint64_t slots[4] = {1000, ~std::uint64_t{1000}, 2000, ~std::uint64_t{2000}};
    std::size_t at = 0;
    while (at + sizeof slots < bytes.size() && std::memcmp(&bytes[at], slots, sizeof slots) != 0)
        ++at;
    REQUIRE(at + sizeof slots < bytes.size());

    bytes[at + 16] ^= std::byte{1};
    put_bytes(folder / "z.h5.partial", bytes);
    CHECK(CodesWriter(folder / "z.h5", layout_of(), true).done() == 1000);

    bytes[at] ^= std::byte{1};
    put_bytes(folder / "z.h5.partial", bytes);
    CHECK(error_of([&] {
              CodesWriter(folder / "z.h5", layout_of(), true);
          }).find("row counter is not valid") != std::string::npos);
}

TEST_CASE("a disk too small for the codes is noticed at the start", "[codes][full]") {
    const Folder folder;
    write_codes(folder / "z.h5");
    const std::vector<std::byte> old = bytes_of(folder / "z.h5");

    CHECK(with_file_limit(5'000'000, [&] { write_codes(folder / "z.h5"); }) == 1);

    CHECK(bytes_of(folder / "z.h5") == old);
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("helper: writes codes slowly until it is killed", "[.helper]") {
    CodesWriter writer(helper_path(), layout_of(), true);
    for (std::int64_t row = writer.done(); row < all_rows; row += batch) {
        write_rows(writer, row, row + batch);
        if (row % 2000 == 0) {  // commits oftener than a run does, to die in the middle of one
            CodesWriter* const place = &writer;
            place->~CodesWriter();
            new (place) CodesWriter(helper_path(), layout_of(), true);
        }
    }
    writer.commit();
}

TEST_CASE("killed again and again, codes are resumed to identical bytes", "[codes][kill]") {
    const Folder folder;
    write_codes(folder / "straight.h5");
    const auto path = folder / "z.h5";
    std::int64_t before = 0;

    for (unsigned trial = 0; trial < 20 && !std::filesystem::exists(path); ++trial) {
        kill_after(start_helper("helper: writes codes slowly until it is killed", path),
                   4000 + trial * 1901);
        if (std::filesystem::exists(path) || !std::filesystem::exists(folder / "z.h5.partial"))
            continue;
        const std::int64_t done = CodesWriter(path, layout_of(), true).done();
        CHECK(done >= before);
        before = done;
    }
    CHECK(before > 0);
    write_codes(path, true);

    CHECK(bytes_of(path) == bytes_of(folder / "straight.h5"));
}

TEST_CASE("commits of one run alternate between the two slots of the counter", "[codes]") {
    const Folder folder;
    CodesLayout layout;
    layout.rows = 2100;
    layout.columns = {{"/codes", Type::f32, {4096}}};  // 16 KiB a row: a commit each 1024 rows
    {
        CodesWriter writer(folder / "z.h5", layout, false);
        const std::vector<float> row(4096, 1.0f);
        for (std::int64_t r = 0; r < 2048; ++r) {
            writer.write(0, r, 1, row.data());
            writer.rows_written(r + 1);
        }
    }

    const std::vector<std::byte> bytes = bytes_of(folder / "z.h5.partial");
    const std::uint64_t slots[4] = {1024, ~std::uint64_t{1024}, 2048, ~std::uint64_t{2048}};
    const std::span<const std::byte> wanted = std::as_bytes(std::span(slots));
    CHECK(std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()) != bytes.end());
}
