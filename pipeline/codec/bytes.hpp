// Little-endian numbers in a row of bytes. One rule: a reader never goes beyond its bytes, and what
// does not fit throws Damaged, which ends in an error that names the chunk.
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::codec {

static_assert(std::endian::native == std::endian::little, "streams are little-endian");

using Bytes = std::vector<std::byte>;

// A stream that cannot be what an encoder wrote; `what` says where.
struct Damaged {
    const char* what;
};

class ByteWriter {
public:
    template <class T>
    void put(T value) {
        static_assert(std::is_trivially_copyable_v<T>);
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof value);
        std::memcpy(bytes_.data() + at, &value, sizeof value);
    }
    // Seven bits a byte, lowest first.
    void varint(std::uint64_t value) {
        for (; value > 127; value >>= 7) put(static_cast<std::uint8_t>(value | 128));
        put(static_cast<std::uint8_t>(value));
    }
    void zigzag(std::int64_t value) {
        varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
    }
    void append(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    // Behind their count.
    void block(std::span<const std::byte> bytes) {
        varint(bytes.size());
        append(bytes);
    }
    const Bytes& bytes() const { return bytes_; }
    Bytes take() { return std::move(bytes_); }

private:
    Bytes bytes_;
};

class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
    template <class T>
    T take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value;
        std::memcpy(&value, take_bytes(sizeof value).data(), sizeof value);
        return value;
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto part = take<std::uint8_t>();
            value |= static_cast<std::uint64_t>(part & 127u) << shift;
            if (part < 128) return value;
        }
        throw Damaged{"number"};
    }
    std::int64_t zigzag() {
        const std::uint64_t value = varint();
        return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
    }
    // At most `most`.
    std::size_t count(std::uint64_t most) {
        const std::uint64_t value = varint();
        if (value > most) throw Damaged{"count"};
        return static_cast<std::size_t>(value);
    }
    std::span<const std::byte> take_bytes(std::size_t count) {
        if (count > bytes_.size()) throw Damaged{"end"};
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    std::span<const std::byte> block() { return take_bytes(count(bytes_.size())); }
    std::size_t left() const { return bytes_.size(); }

private:
    std::span<const std::byte> bytes_;
};

}  // namespace narrows::codec
