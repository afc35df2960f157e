#include "pipeline/codec/stream.hpp"

#include <xxhash.h>

#include "pipeline/codec/zstandard.hpp"

namespace narrows::codec {

namespace {

void put_packed(ByteWriter& out, std::span<const std::byte> bytes) {
    const Bytes packed = compress(bytes, 19);
    out.varint(bytes.size());
    out.block(packed);
}

Bytes take_packed(ByteReader& in, std::size_t most) {
    const std::size_t size = in.count(most);
    return decompress(in.block(), size);
}

}  // namespace

std::uint64_t checksum(std::span<const std::byte> bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

void put_exceptions(ByteWriter& out, std::span<const std::uint8_t> mask,
                    std::span<const std::byte> values, std::size_t value_bytes) {
    ByteWriter runs;
    Bytes kept;
    std::size_t count = 0, end = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        const void* const found = std::memchr(mask.data() + i, 1, mask.size() - i);
        if (found == nullptr) break;
        i = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - mask.data());
        std::size_t last = i;
        while (last < mask.size() && mask[last] != 0) ++last;
        runs.varint(i - end);
        runs.varint(last - i);
        kept.insert(kept.end(), values.begin() + static_cast<std::ptrdiff_t>(i * value_bytes),
                    values.begin() + static_cast<std::ptrdiff_t>(last * value_bytes));
        ++count;
        end = i = last;
    }
    out.varint(count);
    if (count == 0) return;
    put_packed(out, runs.bytes());
    Bytes shuffled(kept.size());
    shuffle(kept, value_bytes, shuffled);
    put_packed(out, shuffled);
}

std::vector<std::uint8_t> take_exceptions(ByteReader& in, std::size_t count,
                                          std::span<std::byte> values, std::size_t value_bytes) {
    const std::size_t run_count = in.count(count);
    if (run_count == 0) return {};
    std::vector<std::uint8_t> mask(count);
    const Bytes runs = take_packed(in, run_count * 20);
    const Bytes shuffled = take_packed(in, values.size());
    if (shuffled.size() % value_bytes != 0) throw Damaged{"exceptions"};
    Bytes kept(shuffled.size());
    unshuffle(shuffled, value_bytes, kept);
    ByteReader run_reader(runs), value_reader(kept);
    std::size_t at = 0;
    for (std::size_t run = 0; run < run_count; ++run) {
        at += run_reader.count(mask.size() - at);
        const std::size_t length = run_reader.count(mask.size() - at);
        const auto bytes = value_reader.take_bytes(length * value_bytes);
        std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(at), length, std::uint8_t{1});
        std::copy(bytes.begin(), bytes.end(),
                  values.begin() + static_cast<std::ptrdiff_t>(at * value_bytes));
        at += length;
    }
    if (run_reader.left() != 0 || value_reader.left() != 0) throw Damaged{"exceptions"};
    return mask;
}

void put_flags(ByteWriter& out, std::span<const std::uint8_t> flags) {
    ByteWriter runs;
    std::uint8_t now = 0;
    for (std::size_t i = 0; i < flags.size(); now = now == 0 ? 1 : 0) {
        std::size_t last = i;
        while (last < flags.size() && flags[last] == now) ++last;
        runs.varint(last - i);
        i = last;
    }
    put_packed(out, runs.bytes());
}

void take_flags(ByteReader& in, std::span<std::uint8_t> flags) {
    const Bytes runs = take_packed(in, flags.size() * 2 + 16);
    ByteReader reader(runs);
    std::uint8_t now = 0;
    for (std::size_t at = 0; at < flags.size(); now = now == 0 ? 1 : 0) {
        const std::size_t length = reader.count(flags.size() - at);
        std::fill_n(flags.begin() + static_cast<std::ptrdiff_t>(at), length, now);
        at += length;
    }
    if (reader.left() != 0) throw Damaged{"flags"};
}

FieldShape field_of(const Shape& shape) {
    FieldShape field;
    const std::size_t rank = shape.rank();
    for (std::size_t axis = 0; axis < rank; ++axis) {
        const auto extent = static_cast<std::size_t>(shape[axis]);
        if (axis + 1 == rank)
            field.columns = extent;
        else if (axis + 2 == rank)
            field.lines = extent;
        else
            field.planes *= extent;
    }
    return field;
}

StencilModel differences(std::uint8_t axes) {
    StencilModel model;
    if (axes == along_rows) {
        model.terms.push_back({-1, 0, 0, 1});
        return model;
    }
    // One minus the product of (1 - shift) over the axes.
    for (std::int32_t corner = 1; corner < 1 << axes; ++corner) {
        const std::int32_t column = corner & 1, line = corner >> 1 & 1, plane = corner >> 2 & 1;
        model.terms.push_back(
            {-plane, -line, -column, (column + line + plane) % 2 == 1 ? 1.0 : -1.0});
    }
    return model;
}

}  // namespace narrows::codec
