#include "pipeline/storage/wire.hpp"

#include <algorithm>

namespace narrows::storage {

namespace {

[[noreturn]] void nonsense() {
    throw Error(Fault::input, "the process that reads foreign files gave an answer without sense",
                "the file is damaged or hostile");
}

// Values of an attribute as many as it says: what writes it reads so many.
void check_size(const ExactAttribute& one) {
    constexpr std::uint64_t most = std::uint64_t{1} << 40;
    std::uint64_t points = one.null ? 0 : 1;
    if (one.extents.size() > Shape::max_rank || one.type.padding > 2) nonsense();
    for (const std::int64_t extent : one.extents) {
        if (extent < 0 ||
            static_cast<std::uint64_t>(extent) > most / std::max<std::uint64_t>(1, points))
            nonsense();
        points *= static_cast<std::uint64_t>(extent);
    }
    if (one.type.kind == ExactType::Kind::variable_text) {
        const auto ends = std::count(one.values.begin(), one.values.end(), std::byte{0});
        if (static_cast<std::uint64_t>(ends) != points ||
            (!one.values.empty() && one.values.back() != std::byte{0}))
            nonsense();
        return;
    }
    const std::uint64_t bytes = one.type.kind == ExactType::Kind::fixed_text
                                    ? std::max<std::size_t>(1, one.type.text_bytes)
                                    : size_of(one.type.number);
    if (bytes > most / std::max<std::uint64_t>(1, points) || one.values.size() != points * bytes)
        nonsense();
}

// As describe_array() tells it: memory is taken and copies are laid out by this, before anything
// is read.
void check_info(const ArrayInfo& info) {
    constexpr std::uint64_t most = std::uint64_t{1} << 62;
    std::uint64_t bytes = info.value_bytes;
    if (bytes < 1 || bytes > most || (info.numeric && bytes != size_of(info.type))) nonsense();
    for (const std::int64_t extent : info.shape) {
        const auto least = static_cast<std::uint64_t>(std::max<std::int64_t>(1, extent));
        if (extent < 0 || least > most / bytes) nonsense();
        bytes *= least;
    }
    for (const std::int64_t extent : info.chunk)
        if (extent < 1) nonsense();
    if (!info.beside.fill.empty() && (!info.numeric || info.beside.fill.size() != info.value_bytes))
        nonsense();
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

void Message::put(const std::vector<std::string>& texts) {
    put(std::uint64_t{texts.size()});
    for (const std::string& text : texts) put(text);
}

std::vector<std::string> Message::take_texts() {
    std::vector<std::string> texts;
    for (std::size_t left = take_count(8); left > 0; --left) texts.push_back(take_text());
    return texts;
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

void Message::put(const Names& names) {
    put(std::uint64_t{names.size()});
    for (const auto& [name, value] : names) {
        put(name);
        put(value);
    }
}

Message::Names Message::take_names() {
    Names names;
    for (std::size_t left = take_count(16); left > 0; --left) {
        std::string name = take_text();
        names.emplace_back(std::move(name), take<std::int64_t>());
    }
    return names;
}

void Message::put(const ExactAttributes& attributes) {
    put(std::uint64_t{attributes.size()});
    for (const ExactAttribute& one : attributes) {
        put(one.name);
        put(static_cast<std::uint8_t>(one.type.kind));
        put(static_cast<std::uint8_t>(one.type.number));
        put(one.type.names);
        put(std::uint64_t{one.type.text_bytes});
        put(one.type.padding);
        put(static_cast<std::uint8_t>(one.type.utf8));
        put(static_cast<std::uint8_t>(one.null));
        put(std::as_bytes(std::span(one.extents)));
        put(std::span<const std::byte>(one.values));
    }
}

ExactAttributes Message::take_exact() {
    ExactAttributes attributes(take_count(40));
    for (ExactAttribute& one : attributes) {
        one.name = take_text();
        const auto kind = take<std::uint8_t>(), number = take<std::uint8_t>();
        if (kind > static_cast<std::uint8_t>(ExactType::Kind::variable_text) ||
            number > static_cast<std::uint8_t>(Numeric::f64))
            nonsense();
        one.type.kind = static_cast<ExactType::Kind>(kind);
        one.type.number = static_cast<Numeric>(number);
        one.type.names = take_names();
        one.type.text_bytes = static_cast<std::size_t>(take<std::uint64_t>());
        one.type.padding = take<std::uint8_t>();
        one.type.utf8 = take<std::uint8_t>() != 0;
        one.null = take<std::uint8_t>() != 0;
        const std::vector<std::byte> extents = take_bytes();
        one.extents.resize(extents.size() / sizeof(std::int64_t));
        if (!extents.empty())
            std::memcpy(one.extents.data(), extents.data(),
                        one.extents.size() * sizeof(std::int64_t));
        one.values = take_bytes();
        check_size(one);
    }
    return attributes;
}

void Message::put(const Beside& beside) {
    put(beside.attributes);
    put(std::uint64_t{beside.scales.size()});
    for (const std::vector<std::string>& axis : beside.scales) put(axis);
    put(beside.names);
    put(std::span<const std::byte>(beside.fill));
}

Beside Message::take_beside() {
    Beside beside;
    beside.attributes = take_exact();
    for (std::size_t left = take_count(8); left > 0; --left) beside.scales.push_back(take_texts());
    beside.names = take_names();
    beside.fill = take_bytes();
    return beside;
}

void Message::put(const FileBeside& beside) {
    put(beside.attributes);
    put(std::uint64_t{beside.groups.size()});
    for (const ExactGroup& group : beside.groups) {
        put(group.path);
        put(group.attributes);
    }
    put(std::uint64_t{beside.links.size()});
    for (const ExactLink& link : beside.links) {
        put(link.path);
        put(link.target);
        put(static_cast<std::uint8_t>(link.soft));
    }
    put(beside.left_out);
    put(beside.damaged);
}

FileBeside Message::take_file_beside() {
    FileBeside beside;
    beside.attributes = take_exact();
    for (std::size_t left = take_count(16); left > 0; --left) {
        std::string path = take_text();
        beside.groups.push_back({std::move(path), take_exact()});
    }
    for (std::size_t left = take_count(17); left > 0; --left) {
        ExactLink link;
        link.path = take_text();
        link.target = take_text();
        link.soft = take<std::uint8_t>() != 0;
        beside.links.push_back(std::move(link));
    }
    beside.left_out = take_texts();
    beside.damaged = take_texts();
    return beside;
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
    put(info.beside);
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
    info.beside = take_beside();
    check_info(info);
    return info;
}

void Message::put(const FileInfo& info) {
    put(info.format);
    put(info.bytes);
    put(info.attributes);
    put(std::uint64_t{info.arrays.size()});
    for (const ArrayInfo& array : info.arrays) put(array);
    put(info.beside);
}

FileInfo Message::take_file() {
    FileInfo info;
    info.format = take_text();
    info.bytes = take<std::uint64_t>();
    info.attributes = take_attributes();
    for (std::size_t left = take_count(64); left > 0; --left) info.arrays.push_back(take_info());
    info.beside = take_file_beside();
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
