// What the process that parses foreign files may say: all of it comes across, and nothing that
// makes no sense is believed, for damage and malice may have changed that process.
#include "pipeline/storage/wire.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using storage_test::error_of;

namespace {

ExactAttribute attribute(ExactType::Kind kind, std::vector<std::int64_t> extents,
                         std::size_t bytes) {
    ExactAttribute one;
    one.name = "a";
    one.type.kind = kind;
    one.type.text_bytes = kind == ExactType::Kind::fixed_text ? 3 : 0;
    one.extents = std::move(extents);
    one.values.resize(bytes);
    return one;
}

ArrayInfo sample_info() {
    ArrayInfo info;
    info.path = "/group/x";
    info.type = Numeric::i16;
    info.big_endian = true;
    info.shape = {10, 6};
    info.chunk = {4, 5};
    info.filters = "shuffle+deflate-4";
    info.stored_bytes = 77;
    info.scale_factor = 0.5;
    info.add_offset = -3;
    info.fill_value = 9;
    info.bounds_of = "/y";
    info.value_bytes = 2;
    info.attributes = {{"i", std::int64_t{-5}}, {"r", 0.25}, {"t", std::string("text")}};
    info.beside.attributes = {attribute(ExactType::Kind::number, {2, 3}, 48),
                              attribute(ExactType::Kind::fixed_text, {}, 3),
                              attribute(ExactType::Kind::variable_text, {2}, 2)};
    info.beside.attributes[0].type.names = {{"no", 0}, {"yes", 1}};
    info.beside.scales = {{"/time", "/day"}, {}};
    info.beside.names = {{"low", -1}, {"high", 300}};
    info.beside.fill.resize(2);
    return info;
}

FileInfo sample_file() {
    FileInfo file;
    file.format = "narrows-dataset";
    file.bytes = 1234;
    file.attributes = {{"a", std::int64_t{1}}};
    file.arrays = {sample_info()};
    ExactAttribute none = attribute(ExactType::Kind::number, {}, 0);
    none.null = true;
    file.beside.attributes = {none};
    file.beside.groups = {{"/group", {attribute(ExactType::Kind::number, {0}, 0)}}};
    file.beside.links = {{"/soft", "x", true}, {"/hard", "/group/x", false}};
    file.beside.left_out = {"/vlen: values of its type or shape"};
    file.beside.damaged = {"/broken"};
    return file;
}

ArrayLayout sample_layout() {
    ArrayLayout layout;
    layout.info = sample_info();
    layout.value_bytes = 2;
    layout.kind = ArrayLayout::Kind::chunks;
    layout.offset = 5;
    layout.filters = {Filter::shuffle, Filter::deflate};
    layout.fill.resize(2);
    for (std::uint64_t i = 0; i < 6; ++i) layout.chunks.push_back({i * 100, i == 3 ? 0 : 80u, 2});
    return layout;
}

template <class T>
std::vector<std::byte> message_of(const T& value) {
    Message message;
    message.put(value);
    return {message.bytes().begin(), message.bytes().end()};
}

const auto take_file = [](Message& message) { return message.take_file(); };
const auto take_layout = [](Message& message) { return message.take_layout(); };
const auto take_info = [](Message& message) { return message.take_info(); };
const auto take_exact = [](Message& message) { return message.take_exact(); };

// Of a message that is taken from its first to its last byte.
template <class Take>
std::string error_in(std::vector<std::byte> bytes, const Take& take) {
    return error_of([&] {
        Message message(std::move(bytes));
        (void)take(message);
        message.take_end();
    });
}

constexpr const char* nonsense =
    "4|the process that reads foreign files gave an answer without sense";

std::string error_in(const ArrayInfo& info) {
    return error_in(message_of(info), take_info);
}

std::string error_in(const ExactAttribute& one) {
    return error_in(message_of(ExactAttributes{one}), take_exact);
}

}  // namespace

TEST_CASE("what one process knows of a file comes to the other as it was", "[wire]") {
    Message file(message_of(sample_file())), layout(message_of(sample_layout()));

    CHECK(message_of(file.take_file()) == message_of(sample_file()));
    CHECK(message_of(layout.take_layout()) == message_of(sample_layout()));
    CHECK(error_of([&] { file.take_end(); }) == "none");

    ArrayInfo unfilled = sample_info();
    unfilled.fill_value.reset();
    Message message(message_of(unfilled));
    CHECK(!message.take_info().fill_value.has_value());
}

TEST_CASE("a message that ends anywhere too early, or too late, is refused", "[wire]") {
    std::vector<std::byte> file = message_of(sample_file()), layout = message_of(sample_layout());
    std::size_t believed = 0;
    for (std::size_t bytes = 0; bytes < file.size(); ++bytes)
        believed += error_in({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(bytes)},
                             take_file) != nonsense;
    for (std::size_t bytes = 0; bytes < layout.size(); ++bytes)
        believed += error_in({layout.begin(), layout.begin() + static_cast<std::ptrdiff_t>(bytes)},
                             take_layout) != nonsense;
    CHECK(believed == 0);

    file.push_back(std::byte{0});
    CHECK(error_in(file, take_file) == nonsense);
}

TEST_CASE("counts beyond the message ask for no memory", "[wire]") {
    for (const std::uint64_t count :
         {std::uint64_t{100}, ~std::uint64_t{0} / 8, ~std::uint64_t{0}}) {
        std::vector<std::byte> bytes = message_of(count);
        bytes.resize(64);
        CHECK(error_in(bytes, [](Message& m) { return m.take_text(); }) == nonsense);
        CHECK(error_in(bytes, [](Message& m) { return m.take_bytes(); }) == nonsense);
        CHECK(error_in(bytes, [](Message& m) { return m.take_attributes(); }) == nonsense);
        CHECK(error_in(bytes, take_exact) == nonsense);
    }
}

TEST_CASE("types, filters and layouts that there are not are refused", "[wire]") {
    ArrayInfo info = sample_info();
    info.type = static_cast<Numeric>(11);
    CHECK(error_in(info) == nonsense);
    info = sample_info();
    info.chunk = {4};
    CHECK(error_in(info) == nonsense);

    ArrayLayout layout = sample_layout();
    layout.kind = static_cast<ArrayLayout::Kind>(4);
    CHECK(error_in(message_of(layout), take_layout) == nonsense);
    layout = sample_layout();
    layout.filters = {static_cast<Filter>(6)};
    CHECK(error_in(message_of(layout), take_layout) == nonsense);

    // Nine dimensions.
    std::vector<std::byte> bytes = message_of(sample_info());
    const std::size_t rank = 8 + sample_info().path.size() + 3;
    REQUIRE(bytes[rank] == std::byte{2});
    bytes[rank] = std::byte{9};
    CHECK(error_in(bytes, take_info) == nonsense);

    // An attribute that is neither integer nor real nor text.
    bytes = message_of(Message::Attributes{{"", std::int64_t{3}}});
    REQUIRE(bytes[16] == std::byte{0});
    bytes[16] = std::byte{3};
    CHECK(error_in(bytes, [](Message& m) { return m.take_attributes(); }) == nonsense);
}

TEST_CASE("a dataset of a shape, chunk or fill value that cannot be is refused", "[wire]") {
    constexpr std::int64_t much = std::int64_t{1} << 61;
    const auto with = [](const auto& change) {
        ArrayInfo info = sample_info();
        change(info);
        return error_in(info);
    };
    CHECK(with([](ArrayInfo& info) { info.shape = {much, 1}; }) == "none");
    CHECK(with([](ArrayInfo& info) { info.shape = {0, much}; }) == "none");
    CHECK(with([](ArrayInfo& info) { info.beside.fill.clear(); }) == "none");
    CHECK(with([](ArrayInfo& info) {
              info.numeric = false;
              info.value_bytes = 5;
              info.beside.fill.clear();
          }) == "none");

    CHECK(with([](ArrayInfo& info) { info.shape = {much, 2}; }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.shape = {0, much, 4}, info.chunk.clear(); }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.shape = {10, -6}; }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.chunk = {4, 0}; }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.value_bytes = 4; }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.beside.fill.resize(1); }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.beside.fill.resize(3); }) == nonsense);
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1} << 63})
        CHECK(with([&](ArrayInfo& info) {
                  info.numeric = false;
                  info.value_bytes = bytes;
                  info.shape = {}, info.chunk.clear(), info.beside.fill.clear();
              }) == nonsense);
    CHECK(with([](ArrayInfo& info) { info.numeric = false; }) == nonsense);  // fill of text
}

TEST_CASE("attributes have as many values as they say, or are refused", "[wire]") {
    using Kind = ExactType::Kind;
    constexpr std::int64_t most = std::int64_t{1} << 40;
    CHECK(error_in(attribute(Kind::number, {2, 3}, 48)) == "none");
    CHECK(error_in(attribute(Kind::number, {most, 0}, 0)) == "none");
    CHECK(error_in(attribute(Kind::variable_text, {0}, 0)) == "none");

    for (const std::size_t bytes : {0u, 47u, 49u, 96u})
        CHECK(error_in(attribute(Kind::number, {2, 3}, bytes)) == nonsense);
    CHECK(error_in(attribute(Kind::fixed_text, {2}, 5)) == nonsense);
    CHECK(error_in(attribute(Kind::variable_text, {2}, 3)) == nonsense);  // three ends
    CHECK(error_in(attribute(Kind::variable_text, {2}, 1)) == nonsense);
    ExactAttribute endless = attribute(Kind::variable_text, {1}, 2);
    endless.values[1] = std::byte{'x'};
    CHECK(error_in(endless) == nonsense);
    ExactAttribute null = attribute(Kind::number, {}, 8);
    null.null = true;
    CHECK(error_in(null) == nonsense);

    CHECK(error_in(attribute(Kind::number, {-1}, 0)) == nonsense);
    CHECK(error_in(attribute(Kind::number, {most + 1}, 0)) == nonsense);
    CHECK(error_in(attribute(Kind::number, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 8)) == nonsense);
    ExactAttribute one = attribute(Kind::number, {}, 8);
    one.type.padding = 3;
    CHECK(error_in(one) == nonsense);
    one = attribute(static_cast<Kind>(3), {}, 8);
    CHECK(error_in(one) == nonsense);
    one = attribute(Kind::number, {}, 8);
    one.type.number = static_cast<Numeric>(11);
    CHECK(error_in(one) == nonsense);

    // Sizes whose product is 0 once more, or fits, in 64 bits.
    CHECK(error_in(attribute(Kind::number, {most, most}, 0)) == nonsense);
    CHECK(error_in(attribute(Kind::number, {most / 2, 2, most, 4}, 0)) == nonsense);
    ExactAttribute text = attribute(Kind::fixed_text, {1 << 24}, 0);
    text.type.text_bytes = std::size_t{1} << 40;
    CHECK(error_in(text) == nonsense);
    text.type.text_bytes = (std::size_t{1} << 40) + 1;
    CHECK(error_in(text) == nonsense);
}
