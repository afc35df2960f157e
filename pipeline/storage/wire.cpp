#include "pipeline/storage/wire.hpp"

namespace narrows::storage {

namespace {

[[noreturn]] void nonsense() {
    throw Error(Fault::input, "the process that reads foreign files gave an answer without sense",
                "the file is damaged or hostile");
}

enum class AttributeKind : std::uint8_t { integer, real, text };

}  // namespace

void Message::append(const void* from, std::size_t bytes) {
    const std::size_t before = bytes_.size();
    bytes_.resize(before + bytes);
    if (bytes > 0) std::memcpy(bytes_.data() + before, from, bytes);
}

const std::byte* Message::next(std::size_t bytes) {
    if (bytes > bytes_.size() - at_) nonsense();
    const std::byte* const here = bytes_.data() + at_;
    at_ += bytes;
    return here;
}

std::size_t Message::take_count(std::size_t bytes_of_one) {
    const auto count = take<std::uint64_t>();
    if (count > (bytes_.size() - at_) / bytes_of_one) nonsense();
    return static_cast<std::size_t>(count);
}

void Message::take_end() const {
    if (at_ != bytes_.size()) nonsense();
}

void Message::put(std::span<const std::byte> bytes) {
    put(std::uint64_t{bytes.size()});
    append(bytes.data(), bytes.size());
}

void Message::put(const std::string& text) {
    put(std::as_bytes(std::span(text)));
}

std::vector<std::byte> Message::take_bytes() {
    const std::size_t count = take_count(1);
    const std::byte* const from = next(count);
    return {from, from + count};
}

std::string Message::take_text() {
    const std::size_t count = take_count(1);
    return {reinterpret_cast<const char*>(next(count)), count};
}

void Message::put(const Attributes& attributes) {
    put(std::uint64_t{attributes.size()});
    for (const auto& [name, value] : attributes) {
        put(name);
        put(static_cast<std::uint8_t>(value.index()));
        if (const auto* integer = std::get_if<std::int64_t>(&value))
            put(*integer);
        else if (const auto* real = std::get_if<double>(&value))
            put(*real);
        else
            put(std::get<std::string>(value));
    }
}

Message::Attributes Message::take_attributes() {
    Attributes attributes;
    for (std::size_t left = take_count(8); left > 0; --left) {
        std::string name = take_text();
        switch (static_cast<AttributeKind>(take<std::uint8_t>())) {
            case AttributeKind::integer:
                attributes.emplace_back(std::move(name), take<std::int64_t>());
                break;
            case AttributeKind::real:
                attributes.emplace_back(std::move(name), take<double>());
                break;
            case AttributeKind::text:
                attributes.emplace_back(std::move(name), take_text());
                break;
            default:
                nonsense();
        }
    }
    return attributes;
}

void Message::put(const ArrayInfo& info) {
    put(info.path);
    put(info.type);
    put(static_cast<std::uint8_t>(info.big_endian));
    put(static_cast<std::uint8_t>(info.numeric));
    put(std::uint64_t{info.shape.rank()});
    for (const std::int64_t extent : info.shape) put(extent);
    put(std::uint64_t{info.chunk.size()});
    for (const std::int64_t extent : info.chunk) put(extent);
    put(info.filters);
    put(info.stored_bytes);
    put(info.scale_factor);
    put(info.add_offset);
    put(static_cast<std::uint8_t>(info.fill_value.has_value()));
    put(info.fill_value.value_or(0));
    put(info.bounds_of);
    put(std::uint64_t{info.value_bytes});
    put(info.attributes);
}

ArrayInfo Message::take_info() {
    ArrayInfo info;
    info.path = take_text();
    const auto type = take<std::uint8_t>();
    if (type > static_cast<std::uint8_t>(Numeric::f64)) nonsense();
    info.type = static_cast<Numeric>(type);
    info.big_endian = take<std::uint8_t>() != 0;
    info.numeric = take<std::uint8_t>() != 0;
    const std::size_t rank = take_count(sizeof(std::int64_t));
    if (rank > Shape::max_rank) nonsense();
    for (std::size_t axis = 0; axis < rank; ++axis) info.shape.push_back(take<std::int64_t>());
    const std::size_t chunk_rank = take_count(sizeof(std::int64_t));
    if (chunk_rank != 0 && chunk_rank != rank) nonsense();
    for (std::size_t axis = 0; axis < chunk_rank; ++axis)
        info.chunk.push_back(take<std::int64_t>());
    info.filters = take_text();
    info.stored_bytes = take<std::uint64_t>();
    info.scale_factor = take<double>();
    info.add_offset = take<double>();
    const bool filled = take<std::uint8_t>() != 0;
    const auto fill = take<double>();
    if (filled) info.fill_value = fill;
    info.bounds_of = take_text();
    info.value_bytes = static_cast<std::size_t>(take<std::uint64_t>());
    info.attributes = take_attributes();
    return info;
}

void Message::put(const FileInfo& info) {
    put(info.format);
    put(info.bytes);
    put(info.attributes);
    put(std::uint64_t{info.arrays.size()});
    for (const ArrayInfo& array : info.arrays) put(array);
}

FileInfo Message::take_file() {
    FileInfo info;
    info.format = take_text();
    info.bytes = take<std::uint64_t>();
    info.attributes = take_attributes();
    for (std::size_t left = take_count(64); left > 0; --left) info.arrays.push_back(take_info());
    return info;
}

void Message::put(const ArrayLayout& layout) {
    put(layout.info);
    put(std::uint64_t{layout.value_bytes});
    put(layout.kind);
    put(layout.offset);
    put(std::as_bytes(std::span(layout.filters)));
    put(std::uint64_t{layout.chunks.size()});
    for (const ChunkPlace& place : layout.chunks) {
        put(place.address);
        put(place.bytes);
        put(place.mask);
    }
    put(std::span<const std::byte>(layout.fill));
}

ArrayLayout Message::take_layout() {
    ArrayLayout layout;
    layout.info = take_info();
    layout.value_bytes = static_cast<std::size_t>(take<std::uint64_t>());
    const auto kind = take<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(ArrayLayout::Kind::library)) nonsense();
    layout.kind = static_cast<ArrayLayout::Kind>(kind);
    layout.offset = take<std::uint64_t>();
    for (const std::byte filter : take_bytes()) {
        if (std::to_integer<unsigned>(filter) > static_cast<unsigned>(Filter::codec)) nonsense();
        layout.filters.push_back(static_cast<Filter>(filter));
    }
    for (std::size_t left = take_count(20); left > 0; --left) {
        ChunkPlace place;
        place.address = take<std::uint64_t>();
        place.bytes = take<std::uint64_t>();
        place.mask = take<std::uint32_t>();
        layout.chunks.push_back(place);
    }
    layout.fill = take_bytes();
    return layout;
}

}  // namespace narrows::storage
