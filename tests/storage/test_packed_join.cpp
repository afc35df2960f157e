// Parts of packed chunks: joined as they are, or refused. What is in a chunk is nobody's business
// here; a decoder that fills it with its first byte stands for the codec.
#include <cstring>

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

ExactAttribute number(const std::string& name, std::int64_t value) {
    ExactAttribute one;
    one.name = name;
    one.type.number = Numeric::i64;
    one.values.resize(sizeof value);
    std::memcpy(one.values.data(), &value, sizeof value);
    return one;
}

ExactAttribute text(const std::string& name, const std::string& value) {
    ExactAttribute one;
    one.name = name;
    set_text(one, value);
    return one;
}

// Twelve rows of three bytes in two parts, each row of packed chunks by its first one's number.
struct Made {
    std::int64_t number = 1, parts = 2, all_rows = 12, first = 0, rows = 6, chunk_rows = 2;
    std::string bound = "lossless 0", path = "/x", more;
    Numeric type = Numeric::u8;
    Shape sample = {3};
    bool packed = true, hole = false;
    Made second() const {
        Made made = *this;
        made.number = 2;
        made.first = 6;
        return made;
    }
};

fs::path write(const fs::path& path, const Made& made) {
    FileBeside beside;
    beside.attributes = {number("part", made.number),
                         number("parts", made.parts),
                         number("first_row", made.first),
                         number("all_rows", made.all_rows),
                         number(std::string(part_rows), made.rows),
                         text("title", "waves")};
    CompressedWriter out(path, "narrows-compressed", beside);
    const auto plain = [&](const std::string& name, std::int64_t count) {
        ArrayInfo info;
        info.path = name;
        info.type = Numeric::u8;
        info.shape = {count};
        info.value_bytes = 1;
        const std::vector<std::byte> values(static_cast<std::size_t>(count),
                                            static_cast<std::byte>(made.number));
        out.put(info, values);
    };
    if (made.number == 1) plain("/scale", 3);
    plain("/labels", made.rows);
    if (!made.more.empty()) plain(made.more, made.rows);
    if (made.packed) {
        PackedLayout layout;
        layout.path = made.path;
        layout.type = made.type;
        layout.shape = made.sample.with_batch(made.rows);
        layout.chunk_rows = made.chunk_rows;
        layout.model = "0123456789abcdef";
        layout.attributes = {{"narrows_bound", made.bound},
                             {"narrows_model", std::string("0123456789abcdef")}};
        out.begin(layout);
        for (std::int64_t row = 0; row < made.rows; row += made.chunk_rows) {
            const std::vector<std::byte> stored(5, static_cast<std::byte>(made.first + row));
            if (!made.hole || row > 0) out.chunk(row, stored);
        }
    } else {
        plain("/x", made.rows);
    }
    out.commit();
    return path;
}

class FirstByte final : public ChunkDecoder {
public:
    bool decode(std::span<const std::byte> stored, std::span<std::byte> chunk) const override {
        std::fill(chunk.begin(), chunk.end(), stored[0]);
        return stored.size() == 5;
    }
};

std::string error_of_join(const Made& one, const Made& two, Joined how = Joined::copy) {
    const Folder folder;
    const std::vector<fs::path> parts = {write(folder / "1.h5", one), write(folder / "2.h5", two)};
    const std::string error = error_of([&] { join(parts, folder / "all.h5", how); });
    if (error != "none") CHECK(entries(folder.path()) == 2);
    return error;
}

bool says(const std::string& error, const std::string& words) {
    UNSCOPED_INFO(error);
    return error.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("packed parts are joined chunk by chunk, with what only the first one has", "[join]") {
    set_chunk_decoder(
        [](const ArrayInfo&, FunctionRef<std::vector<std::byte>(const std::string&)>)
            -> std::shared_ptr<const ChunkDecoder> { return std::make_shared<FirstByte>(); });
    Made one, two = one.second();
    for (const std::int64_t rows : {6, 1})  // the last chunk may be cut short
        for (const Joined how : {Joined::copy, Joined::links}) {
            two.rows = rows;
            two.chunk_rows = std::min<std::int64_t>(2, rows);
            one.all_rows = two.all_rows = 6 + rows;
            const Folder folder;
            const std::vector<fs::path> parts = {write(folder / "1.h5", one),
                                                 write(folder / "2.h5", two)};
            const fs::path to = folder / "all.h5";
            join(parts, to, how);

            const ArrayFile file(to);
            const FileInfo info = file.look();
            CHECK(info.format == "narrows-compressed");
            for (const auto& [name, value] : info.attributes) CHECK(!is_of_part(name));
            CHECK(file.open("/scale")->info().shape == Shape{3});
            std::vector<std::byte> values(static_cast<std::size_t>(6 + rows) * 3);
            file.open("/labels")->read(0, 6 + rows, values.data());
            CHECK(values[5] == std::byte{1});
            CHECK(values[6] == std::byte{2});
            file.open("/x")->read(0, 6 + rows, values.data());
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < values.size(); ++i)
                wrong += values[i] != static_cast<std::byte>(i / 6 * 2);
            CHECK(wrong == 0);
        }
    set_chunk_decoder(nullptr);
}

TEST_CASE("packed parts of different runs or places are not joined", "[join]") {
    const Made one;
    const auto with = [&](const auto& change) {
        Made two = one.second();
        change(two);
        return error_of_join(one, two);
    };
    const std::string other = "has another shape, type, bound or model";
    CHECK(says(with([](Made& two) { two.bound = "of the range 0.1"; }), other));
    CHECK(says(with([](Made& two) { two.type = Numeric::i8; }), other));
    CHECK(says(with([](Made& two) { two.sample = {1, 3}; }), other));
    for (const std::int64_t row : {0, 5, 7, 12})
        CHECK(says(with([&](Made& two) { two.first = row; }),
                   "does not begin where the part before it ends"));
    CHECK(says(with([](Made& two) { two.rows = 4; }), "does not hold its rows 6 to 12 in"));
    CHECK(says(with([](Made& two) { two.more = "/more"; }), "has /more, the first part has not"));
    Made late = one;
    late.first = 1;
    CHECK(says(error_of_join(late, one.second()), "does not begin where the part before it ends"));
}

TEST_CASE("chunks of other lengths are not joined to those of the first part", "[join]") {
    // At places where HDF5 takes them: each is a whole one of the first part's, or starts at one.
    for (const std::int64_t rows : {1, 3, 6}) {
        const Made one;
        Made two = one.second();
        two.chunk_rows = rows;
        CHECK(says(error_of_join(one, two),
                   "its chunks of /x have " + std::to_string(rows) + " rows, not 2"));
    }
    Made one, two;
    one.chunk_rows = 3;
    two = one.second();
    two.chunk_rows = 1;
    CHECK(says(error_of_join(one, two), "its chunks of /x have 1 rows, not 3"));
}

TEST_CASE("a packed part with a chunk missing, or none at all, is refused", "[join]") {
    Made one, two = one.second();
    two.hole = true;
    CHECK(says(error_of_join(one, two), "is damaged: a chunk of /x is missing"));
    two = one.second();
    two.sample = {};
    two.packed = false;
    one.sample = {};
    CHECK(says(error_of_join(one, two), "4|"));
}
