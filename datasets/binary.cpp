// IDX, NPY and raw numbers: a header of known form, then rows of one size.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "datasets/formats.hpp"
#include "pipeline/storage/convert.hpp"

namespace narrows::datasets {
namespace {

using storage::Numeric;

[[noreturn]] void damaged(const DataSpec& spec, std::string_view what, std::string_view text) {
    throw Error(Fault::input, fmt::format("\"{}\" is not good {}: {}", spec.file, what, text),
                "fetch or write the file again");
}

std::optional<Numeric> type_named(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(Numeric::f64); ++i)
        if (storage::to_string(static_cast<Numeric>(i)) == name) return static_cast<Numeric>(i);
    return std::nullopt;
}

}  // namespace

// Magic 0, 0, type, rank; then big-endian extents (LeCun's format).
std::shared_ptr<const Dataset> open_idx(const DataSpec& spec, std::uint64_t budget, bool once) {
    auto bytes = open_bytes(spec.file, budget, !once);
    std::array<unsigned char, 4> magic{};
    if (bytes->size() < 4) damaged(spec, "IDX", "it has fewer than 4 bytes");
    bytes->read(0, 4, reinterpret_cast<std::byte*>(magic.data()));
    RowLayout layout;
    layout.name = short_name(spec.file);
    layout.big_endian = true;
    switch (magic[2]) {
        case 0x08:
            layout.type = Numeric::u8;
            break;
        case 0x09:
            layout.type = Numeric::i8;
            break;
        case 0x0b:
            layout.type = Numeric::i16;
            break;
        case 0x0c:
            layout.type = Numeric::i32;
            break;
        case 0x0d:
            layout.type = Numeric::f32;
            break;
        case 0x0e:
            layout.type = Numeric::f64;
            break;
        default:
            damaged(spec, "IDX", fmt::format("unknown type 0x{:02x}", magic[2]));
    }
    const std::size_t rank = magic[3];
    if (rank < 1 || rank > Shape::max_rank - 1 || bytes->size() < 4 + 4 * rank)
        damaged(spec, "IDX", fmt::format("{} dimensions", rank));
    for (std::size_t axis = 0; axis < rank; ++axis) {
        std::array<unsigned char, 4> big{};
        bytes->read(4 + 4 * axis, 4, reinterpret_cast<std::byte*>(big.data()));
        const std::int64_t extent =
            (std::int64_t{big[0]} << 24) | (big[1] << 16) | (big[2] << 8) | big[3];
        if (axis == 0)
            layout.rows = extent;
        else if (extent < 1)
            damaged(spec, "IDX", fmt::format("dimension {} has extent {}", axis, extent));
        else
            layout.sample.push_back(extent);
    }
    if (layout.sample.rank() == 0) layout.sample.push_back(1);
    layout.offset = 4 + 4 * rank;
    return make_rows(std::move(bytes), std::move(layout));
}

// The header is a Python dict: 'descr', 'fortran_order', 'shape' (numpy's format page, versions
// 1-3).
std::shared_ptr<const Dataset> open_npy(const DataSpec& spec, std::uint64_t budget, bool once) {
    auto bytes = open_bytes(spec.file, budget, !once);
    std::array<unsigned char, 12> head{};
    if (bytes->size() < 12) damaged(spec, "NPY", "it has fewer than 12 bytes");
    bytes->read(0, 12, reinterpret_cast<std::byte*>(head.data()));
    const bool wide = head[6] >= 2;
    const std::size_t length =
        wide ? head[8] | head[9] << 8 | head[10] << 16 | std::size_t{head[11]} << 24
             : head[8] | head[9] << 8;
    const std::size_t start = wide ? 12 : 10;
    if (head[6] < 1 || head[6] > 3 || length > 65536 || bytes->size() < start + length)
        damaged(spec, "NPY", "its header is cut off or of an unknown version");
    std::string text(length, '\0');
    bytes->read(start, length, reinterpret_cast<std::byte*>(text.data()));
    const auto value_of = [&](std::string_view key) -> std::string_view {
        const std::size_t at = text.find(key);
        if (at == std::string::npos) damaged(spec, "NPY", fmt::format("its header has no {}", key));
        const std::size_t colon = text.find(':', at);
        if (colon == std::string::npos) damaged(spec, "NPY", "its header cannot be read");
        std::string_view rest = std::string_view(text).substr(colon + 1);
        while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
        return rest;
    };
    std::string_view descr = value_of("'descr'");
    if (descr.size() < 4 || (descr[0] != '\'' && descr[0] != '"'))
        throw Error(Fault::input, fmt::format("\"{}\" holds records, not plain numbers", spec.file),
                    "save one array of numbers");
    descr = descr.substr(1, descr.find(descr[0], 1) - 1);
    if (descr.empty())
        throw Error(Fault::input,
                    fmt::format("\"{}\" does not say what its numbers are", spec.file),
                    "save one array of numbers");
    RowLayout layout;
    layout.name = short_name(spec.file);
    layout.big_endian = descr[0] == '>';
    const std::string_view kind = descr.substr(1);
    const std::array<std::pair<std::string_view, Numeric>, 12> kinds{{{"i1", Numeric::i8},
                                                                      {"u1", Numeric::u8},
                                                                      {"b1", Numeric::u8},
                                                                      {"i2", Numeric::i16},
                                                                      {"u2", Numeric::u16},
                                                                      {"i4", Numeric::i32},
                                                                      {"u4", Numeric::u32},
                                                                      {"i8", Numeric::i64},
                                                                      {"u8", Numeric::u64},
                                                                      {"f2", Numeric::f16},
                                                                      {"f4", Numeric::f32},
                                                                      {"f8", Numeric::f64}}};
    const auto found =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (found == kinds.end())
        throw Error(Fault::input,
                    fmt::format("\"{}\" holds values of type {}, not numbers", spec.file, descr));
    layout.type = found->second;
    if (value_of("'fortran_order'").starts_with("True"))
        throw Error(Fault::input, fmt::format("\"{}\" is in Fortran order", spec.file),
                    "save numpy.ascontiguousarray(array)");
    std::string_view shape = value_of("'shape'");
    std::vector<std::int64_t> extents;
    for (std::size_t at = 1; at < shape.size() && shape[at] != ')';) {
        if (shape[at] == ' ' || shape[at] == ',') {
            ++at;
            continue;
        }
        std::int64_t extent = 0;
        const auto [end, error] =
            std::from_chars(shape.data() + at, shape.data() + shape.size(), extent);
        if (error != std::errc{} || extent < 0) damaged(spec, "NPY", "its shape cannot be read");
        extents.push_back(extent);
        at = static_cast<std::size_t>(end - shape.data());
    }
    if (extents.empty() || extents.size() > Shape::max_rank - 1)
        throw Error(Fault::input,
                    fmt::format("\"{}\" has {} dimensions", spec.file, extents.size()));
    layout.rows = extents[0];
    for (std::size_t axis = 1; axis < extents.size(); ++axis)
        layout.sample.push_back(extents[axis]);
    if (layout.sample.rank() == 0) layout.sample.push_back(1);
    layout.offset = start + length;
    return make_rows(std::move(bytes), std::move(layout));
}

std::shared_ptr<const Dataset> open_raw(const DataSpec& spec, std::uint64_t budget, bool once) {
    if (spec.shape.empty() || spec.type.empty())
        throw Error(Fault::usage,
                    fmt::format("\"{}\" is raw: its {} is not known", spec.file,
                                spec.shape.empty() ? "sample's shape" : "type"),
                    "for example --shape 64,64 --type f32");
    auto bytes = open_bytes(spec.file, budget, !once);
    RowLayout layout;
    layout.name = short_name(spec.file);
    std::string_view type = spec.type;
    if (type.starts_with('>')) layout.big_endian = true;
    if (type.starts_with('>') || type.starts_with('<')) type.remove_prefix(1);
    const std::optional<Numeric> named = type_named(type);
    if (!named)
        throw Error(Fault::usage, fmt::format("type \"{}\" is not known", spec.type),
                    "known types: i8 u8 i16 u16 i32 u32 i64 u64 f16 f32 f64, with > in front for "
                    "big-endian");
    layout.type = *named;
    for (const std::int64_t extent : spec.shape) {
        if (extent < 1) throw Error(Fault::usage, "extents of a sample are at least 1");
        layout.sample.push_back(extent);
    }
    storage::check_countable(layout.sample, spec.file);
    const std::uint64_t row =
        static_cast<std::uint64_t>(layout.sample.elements()) * storage::size_of(layout.type);
    if (bytes->size() % row != 0)
        throw Error(
            Fault::input,
            fmt::format(
                "\"{}\" has {} bytes, which is not a whole number of samples of {} bytes ({} {})",
                spec.file, bytes->size(), row, to_string(layout.sample), spec.type),
            "check --shape and --type");
    layout.rows = static_cast<std::int64_t>(bytes->size() / row);
    return make_rows(std::move(bytes), std::move(layout));
}

}  // namespace narrows::datasets
