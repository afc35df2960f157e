// Layouts that no honest file leads to, and chunks that no honest filter made: refused before
// memory is touched.
#include <zlib.h>

#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/source.hpp"
#include "pipeline/storage/unpack.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;

namespace {

constexpr std::uint64_t file_size = 1000;

// 10 by 6 values of two bytes in chunks of 4 by 5.
ArrayLayout chunked() {
    ArrayLayout layout;
    layout.info.path = "/x";
    layout.info.type = Numeric::i16;
    layout.info.shape = {10, 6};
    layout.info.chunk = {4, 5};
    layout.info.value_bytes = layout.value_bytes = 2;
    layout.kind = ArrayLayout::Kind::chunks;
    layout.fill.resize(2);
    for (std::uint64_t i = 0; i < 6; ++i) layout.chunks.push_back({i * 160, 40, 0});
    return layout;
}

ArrayLayout contiguous() {
    ArrayLayout layout = chunked();
    layout.kind = ArrayLayout::Kind::contiguous;
    layout.info.chunk.clear();
    layout.chunks.clear();
    layout.offset = file_size - 120;
    return layout;
}

std::string error_with(ArrayLayout layout, const std::function<void(ArrayLayout&)>& change) {
    change(layout);
    const std::string error = error_of([&] { check_layout(layout, file_size, "x.h5"); });
    const std::string start = "4|\"x.h5\": /x ";
    return error.starts_with(start) ? error.substr(start.size()) : error;
}

using Layout = ArrayLayout;

}  // namespace

TEST_CASE("values of an impossible size, and shapes without end, are refused", "[layout]") {
    for (const ArrayLayout& good : {chunked(), contiguous()}) {
        CHECK(error_with(good, [](Layout&) {}) == "none");
        const std::string size = "has values of an impossible size";
        CHECK(error_with(good, [](Layout& l) { l.value_bytes = 0; }) == size);
        CHECK(error_with(good, [](Layout& l) { l.value_bytes = 4; }) == size);
        CHECK(error_with(good, [](Layout& l) { l.info.value_bytes = l.value_bytes = 4; }) == size);
        CHECK(error_with(good, [](Layout& l) {
                  l.info.numeric = false;
                  l.info.value_bytes = l.value_bytes = largest_chunk + 1;
              }) == size);
        const std::string shape = "has an impossible shape";
        constexpr std::int64_t much = std::int64_t{1} << 61;
        CHECK(error_with(good, [](Layout& l) { l.info.shape = {10, -6}; }) == shape);
        CHECK(error_with(good, [](Layout& l) { l.info.shape = {much, 2}; }) == shape);
        CHECK(error_with(good, [](Layout& l) { l.info.shape = {0, much, 2}; }) == shape);
    }
}

TEST_CASE("contiguous values that leave the file are refused, none may be anywhere", "[layout]") {
    CHECK(error_with(contiguous(), [](Layout& l) { l.offset += 1; }) ==
          "4|\"x.h5\" is truncated: /x ends at byte 1001, the file at 1000");
    CHECK(error_with(contiguous(), [](Layout& l) {
              l.offset = ~std::uint64_t{0};
          }).starts_with("4|\"x.h5\" is truncated"));
    CHECK(error_with(contiguous(), [](Layout& l) {
              l.offset = 5000, l.info.shape = {0, 6};
          }) == "none");
    CHECK(error_with(contiguous(), [](Layout& l) { l.offset = 998, l.info.shape = {}; }) == "none");
}

TEST_CASE("chunks that do not cover the dataset, or leave the file, are refused", "[layout]") {
    const std::string shape = "has chunks of an impossible shape";
    CHECK(error_with(chunked(), [](Layout& l) { l.info.chunk = {4}; }) == shape);
    CHECK(error_with(chunked(), [](Layout& l) { l.info.chunk = {4, 0}; }) == shape);
    CHECK(error_with(chunked(), [](Layout& l) { l.info.shape = {0, 6}; }) == shape);
    CHECK(error_with(chunked(), [](Layout& l) { l.info.chunk = {4, largest_chunk}; }) == shape);
    CHECK(error_with(chunked(), [](Layout& l) {
              l.info.shape = {most_chunks + 1, 6};
              l.info.chunk = {1, 6};
          }) == shape);
    const std::string list = "has an impossible list of chunks";
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks.pop_back(); }) == list);
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks.emplace_back(); }) == list);
    CHECK(error_with(chunked(), [](Layout& l) { l.fill.resize(1); }) == list);
    CHECK(error_with(chunked(), [](Layout& l) { l.filters.resize(33); }) == list);
    CHECK(error_with(chunked(), [](Layout& l) { l.info.shape = {}, l.info.chunk.clear(); }) ==
          list);
    const std::string beyond = "has a chunk beyond the end of the file";
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks[5] = {960, 41, 0}; }) == beyond);
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks[5] = {~0ull, 2, 0}; }) == beyond);
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks[0] = {0, 1001, 0}; }) == beyond);
    CHECK(error_with(chunked(), [](Layout& l) { l.chunks[0] = {960, 40, 0}; }) == "none");
}

namespace {

using Bytes = std::vector<std::byte>;

Bytes numbers(std::size_t count) {
    Bytes bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7);
    return bytes;
}

Bytes deflated(const Bytes& from) {
    uLongf size = ::compressBound(from.size());
    Bytes out(size);
    ::compress(reinterpret_cast<Bytef*>(out.data()), &size,
               reinterpret_cast<const Bytef*>(from.data()), from.size());
    out.resize(size);
    return out;
}

Bytes checked(Bytes bytes) {
    const std::uint32_t sum = fletcher_32(bytes);
    for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::byte>(sum >> shift));
    return bytes;
}

Bytes shuffled(const Bytes& from, std::size_t value_bytes) {
    Bytes out(from.size());
    shuffle(from.data(), from.size(), value_bytes, out.data());
    return out;
}

// What a chunk of 40 bytes comes to; nothing where it is damaged.
Bytes unpacked(const std::vector<Filter>& filters, std::uint32_t mask, const Bytes& stored,
               std::size_t value_bytes = 4) {
    Scratch scratch;
    Bytes chunk(40);
    if (!unpack(filters, mask, stored, value_bytes, scratch, chunk)) return {};
    return chunk;
}

}  // namespace

TEST_CASE("filters are undone in every order, and those that were left out are not", "[unpack]") {
    const Bytes data = numbers(40);
    using enum Filter;
    CHECK(unpacked({}, 0, data) == data);
    CHECK(unpacked({shuffle}, 0, shuffled(data, 4)) == data);
    CHECK(unpacked({shuffle}, 1, data) == data);
    CHECK(unpacked({shuffle}, 0, data, 1) == data);
    CHECK(unpacked({deflate}, 0, deflated(data)) == data);
    CHECK(unpacked({fletcher32}, 0, checked(data)) == data);
    CHECK(unpacked({shuffle, deflate, fletcher32}, 0, checked(deflated(shuffled(data, 4)))) ==
          data);
    CHECK(unpacked({fletcher32, shuffle, deflate}, 0, deflated(shuffled(checked(data), 4))) ==
          data);
    CHECK(unpacked({deflate, shuffle}, 0, shuffled(deflated(data), 4)) == data);
    CHECK(unpacked({deflate, fletcher32}, 1, checked(data)) == data);
    CHECK(unpacked({shuffle, deflate}, 3, data) == data);
    // HDF5's mask has 32 bits.
    std::vector<Filter> many(33, shuffle);
    CHECK(unpacked(many, ~0u, data) == data);
}

TEST_CASE("chunks of a wrong length or sum are damage, whatever the filters", "[unpack]") {
    const Bytes data = numbers(40), less = numbers(39), more = numbers(41);
    using enum Filter;
    for (const Bytes& wrong : {less, more, Bytes{}}) {
        CHECK(unpacked({}, 0, wrong).empty());
        CHECK(unpacked({shuffle}, 0, wrong).empty());
        CHECK(unpacked({deflate}, 0, deflated(wrong)).empty());
        CHECK(unpacked({deflate}, 0, wrong).empty());
        CHECK(unpacked({fletcher32}, 0, checked(wrong)).empty());
        CHECK(unpacked({fletcher32, deflate}, 0, deflated(checked(wrong))).empty());
        CHECK(unpacked({shuffle, fletcher32}, 0, checked(wrong)).empty());
    }
    for (std::size_t bytes = 0; bytes < 4; ++bytes)
        CHECK(unpacked({fletcher32}, 0, numbers(bytes)).empty());
    Bytes changed = checked(data);
    changed[7] ^= std::byte{1};
    CHECK(unpacked({fletcher32}, 0, changed).empty());
    CHECK(unpacked({codec}, 0, data).empty());
}

namespace {

Bytes bytes_of_text(const std::string& text) {
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    return {first, first + text.size()};
}

std::string big_endian(std::uint64_t value, int bytes) {
    std::string out;
    while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
    return out;
}

// One block of literals as LZ4 writes it.
std::string literals(const std::string& data) {
    return std::string("\xf0") + static_cast<char>(data.size() - 15) + data;
}

std::string lz4_chunk(std::uint64_t size, std::uint64_t block,
                      const std::vector<std::string>& blocks) {
    std::string out = big_endian(size, 8) + big_endian(block, 4);
    for (const std::string& one : blocks) out += big_endian(one.size(), 4) + one;
    return out;
}

// One that did not shrink, as Blosc writes it.
std::string blosc_chunk(const std::string& data) {
    const auto little_endian = [](std::size_t value) {
        std::string out = big_endian(value, 4);
        std::reverse(out.begin(), out.end());
        return out;
    };
    return std::string("\x02\x01\x02\x04", 4) + little_endian(data.size()) +
           little_endian(data.size()) + little_endian(data.size() + 16) + data;
}

}  // namespace

TEST_CASE("LZ4's blocks are put together, and what is wrong in them is damage", "[filters]") {
    if (!can_unpack(Filter::lz4)) return;
    const std::string data = "forty bytes of text, in blocks of twenty";
    const std::string one = data.substr(0, 20), two = data.substr(20);
    REQUIRE(data.size() == 40);
    const auto result = [](const std::string& stored) {
        return unpacked({Filter::lz4}, 0, bytes_of_text(stored));
    };
    const Bytes good = bytes_of_text(data);
    CHECK(result(lz4_chunk(40, 20, {one, two})) == good);
    CHECK(result(lz4_chunk(40, 20, {literals(one), two})) == good);
    CHECK(result(lz4_chunk(40, 1000, {literals(data)})) == good);
    CHECK(unpacked({Filter::lz4, Filter::fletcher32}, 0,
                   checked(bytes_of_text(lz4_chunk(40, 20, {one, two})))) == good);
    CHECK(unpacked({Filter::fletcher32, Filter::lz4}, 0,
                   bytes_of_text(lz4_chunk(44, 44, {std::string(44, 'x')})))
              .empty());

    CHECK(result("").empty());
    CHECK(result(lz4_chunk(41, 20, {one, two})).empty());
    CHECK(result(lz4_chunk(40, 0, {one, two})).empty());
    CHECK(result(lz4_chunk(40, 0x7f000000, {data})).empty());
    CHECK(result(lz4_chunk(40, 20, {one})).empty());
    CHECK(result(lz4_chunk(40, 20, {one, two, ""})).empty());
    CHECK(result(lz4_chunk(40, 20, {one, two.substr(1)})).empty());
    CHECK(result(lz4_chunk(40, 20, {literals(one).substr(0, 21), two})).empty());
    std::string cut = lz4_chunk(40, 20, {one, two});
    cut.resize(cut.size() - 1);
    CHECK(result(cut).empty());
}

TEST_CASE("Blosc's chunks are undone, and those of another length are damage", "[filters]") {
    if (!can_unpack(Filter::blosc)) return;
    const std::string data = "forty bytes of text, which do not shrink";
    REQUIRE(data.size() == 40);
    const auto result = [](const std::string& stored) {
        return unpacked({Filter::blosc}, 0, bytes_of_text(stored));
    };
    CHECK(result(blosc_chunk(data)) == bytes_of_text(data));
    CHECK(unpacked({Filter::shuffle, Filter::blosc}, 0, bytes_of_text(blosc_chunk(data))) == [&] {
        Bytes out(40);
        unshuffle(bytes_of_text(data).data(), 40, 4, out.data());
        return out;
    }());
    CHECK(result("").empty());
    CHECK(result(blosc_chunk(data + "x")).empty());
    CHECK(result(blosc_chunk(data).substr(0, 55)).empty());
    CHECK(result(blosc_chunk(data) + "x").empty());
    std::string wrong = blosc_chunk(data);
    wrong[2] = '\x10';  // packed, it says
    CHECK(result(wrong).empty());
}

namespace {

std::size_t never(unsigned, std::size_t, const unsigned*, std::size_t, std::size_t*, void**) {
    return 0;
}

// One chunk of forty bytes, packed by hand: HDF5 makes a dataset only where it knows the filters.
void put_packed(hid_t file, const char* name, const std::vector<int>& filters,
                const std::string& stored) {
    const h5::Handle list(H5Pcreate(H5P_DATASET_CREATE));
    const hsize_t size[1] = {40}, start[1] = {0};
    H5Pset_chunk(list, 1, size);
    for (const int filter : filters) {
        const H5Z_class2_t made{H5Z_CLASS_T_VERS, filter, 1, 1, "made up", nullptr, nullptr, never};
        if (H5Zfilter_avail(filter) <= 0) H5Zregister(&made);
        H5Pset_filter(list, filter, H5Z_FLAG_MANDATORY, 0, nullptr);
    }
    const h5::Handle space(H5Screate_simple(1, size, nullptr));
    const h5::Handle dataset(
        H5Dcreate2(file, name, H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    REQUIRE(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, start, stored.size(), stored.data()) >= 0);
}

}  // namespace

TEST_CASE("LZ4 and Blosc in a file of strangers are read, beside another packer they are refused",
          "[filters]") {
    if (!can_unpack(Filter::lz4) || !can_unpack(Filter::blosc)) return;
    const Folder folder;
    const auto path = folder / "f.h5";
    const std::string data = "forty bytes of text, in blocks of twenty";
    {
        const h5::Library library;
        const h5::Handle file = h5::create(path, {});
        put_packed(file, "lz4", {lz4_filter}, lz4_chunk(40, 40, {data}));
        put_packed(file, "blosc", {blosc_filter}, blosc_chunk(data));
        put_packed(file, "both", {lz4_filter, blosc_filter}, "x");
        put_packed(file, "twice", {lz4_filter, lz4_filter}, "x");
        put_packed(file, "more", {lz4_filter, H5Z_FILTER_DEFLATE}, "x");
        put_packed(file, "codec", {codec_filter, lz4_filter}, "x");
    }
    const ArrayFile file(path);
    for (const ArrayInfo& array : file.look().arrays)
        if (array.path == "/codec") CHECK(array.filters == "narrows+lz4");
    for (const std::string name : {"lz4", "blosc"}) {
        const auto reader = file.open(name);
        CHECK(reader->info().filters == name);
        Bytes values(40);
        reader->read(0, 40, values.data());
        CHECK(values == bytes_of_text(data));
    }
    for (const std::string name : {"both", "twice", "more", "codec"})
        CHECK(error_of([&] { file.open(name); })
                  .find("/" + name +
                        " needs another filter than shuffle, deflate, Fletcher-32, "
                        "LZ4, Blosc, or LZ4 or Blosc beside another") != std::string::npos);
}
