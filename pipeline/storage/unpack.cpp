#include "pipeline/storage/unpack.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>

namespace narrows::storage {

namespace {

// Grows without filling: what is in it is overwritten at once.
std::byte* room(std::unique_ptr<std::byte[]>& memory, std::size_t& present, std::size_t bytes) {
    if (bytes > present) {
        memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
        present = bytes;
    }
    return memory.get();
}

}  // namespace

Scratch::Scratch() : decompressor_(libdeflate_alloc_decompressor()) {
    if (!decompressor_) throw std::bad_alloc();
}
Scratch::~Scratch() = default;

void Scratch::Free::operator()(libdeflate_decompressor* decompressor) const {
    libdeflate_free_decompressor(decompressor);
}

std::byte* Scratch::stored(std::size_t bytes) {
    return room(stored_, stored_bytes_, bytes);
}
std::byte* Scratch::shuffled(std::size_t bytes) {
    return room(shuffled_, shuffled_bytes_, bytes);
}
std::byte* Scratch::chunk(std::size_t bytes) {
    return room(chunk_, chunk_bytes_, bytes);
}
std::byte* Scratch::inflated(std::size_t bytes) {
    return room(inflated_, inflated_bytes_, bytes);
}

// Sums of big-endian 16-bit words, folded so that they never overflow.
std::uint32_t fletcher_32(std::span<const std::byte> bytes) {
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t words = bytes.size() / 2;
    std::uint32_t low = 0, high = 0;
    const auto fold = [](std::uint32_t sum) { return (sum & 0xffffu) + (sum >> 16); };
    while (words > 0) {
        std::size_t here = std::min<std::size_t>(words, 360);
        words -= here;
        for (; here > 0; --here, data += 2) {
            low += static_cast<std::uint32_t>(data[0]) << 8 | data[1];
            high += low;
        }
        low = fold(low);
        high = fold(high);
    }
    if (bytes.size() % 2 != 0) {
        low += static_cast<std::uint32_t>(*data) << 8;
        high += low;
        low = fold(low);
        high = fold(high);
    }
    low = fold(low);
    high = fold(high);
    return high << 16 | low;
}

bool unpack(std::span<const Filter> filters, std::uint32_t mask, std::span<const std::byte> stored,
            std::size_t value_bytes, Scratch& scratch, std::span<std::byte> chunk) {
    const auto active = [&](std::size_t i) {
        return i < 32 && (mask >> i & 1u) == 0 &&
               !(filters[i] == Filter::shuffle && value_bytes == 1);
    };
    // How long the data is before filter i packs it.
    const auto bytes_before = [&](std::size_t i) {
        std::size_t bytes = chunk.size();
        for (std::size_t j = 0; j < i; ++j)
            if (active(j) && filters[j] == Filter::fletcher32) bytes += 4;
        return bytes;
    };
    std::span<const std::byte> data = stored;
    for (std::size_t i = filters.size(); i-- > 0;) {
        if (!active(i)) continue;
        const std::size_t bytes = bytes_before(i);
        bool last = true, deflated = false;  // of what is still to be undone
        for (std::size_t j = 0; j < i; ++j) {
            last = last && !active(j);
            deflated = deflated ||
                       (active(j) && (filters[j] == Filter::deflate || filters[j] == Filter::lz4 ||
                                      filters[j] == Filter::blosc));
        }
        switch (filters[i]) {
            case Filter::codec:  // only ever alone, and undone by its decoder
                return false;
            case Filter::fletcher32: {
                if (data.size() < 4) return false;
                data = data.first(data.size() - 4);
                std::uint32_t expected = 0;
                for (std::size_t part = 0; part < 4; ++part)
                    expected |= std::to_integer<std::uint32_t>(data.data()[data.size() + part])
                                << (8 * part);
                if (fletcher_32(data) != expected) return false;
                break;
            }
            case Filter::deflate: {
                std::byte* const to = last ? chunk.data() : scratch.inflated(bytes);
                if (libdeflate_zlib_decompress(scratch.decompressor_.get(), data.data(),
                                               data.size(), to, bytes,
                                               nullptr) != LIBDEFLATE_SUCCESS)
                    return false;
                if (last) return true;
                data = {to, bytes};
                break;
            }
            case Filter::lz4:
            case Filter::blosc: {
                const std::span<std::byte> to(last ? chunk.data() : scratch.inflated(bytes), bytes);
                if (!(filters[i] == Filter::lz4 ? unpack_lz4(data, to) : unpack_blosc(data, to)))
                    return false;
                if (last) return true;
                data = to;
                break;
            }
            case Filter::shuffle: {
                if (!deflated && data.size() != bytes) return false;
                if (last) {
                    unshuffle(data.data(), bytes, value_bytes, chunk.data());
                    return true;
                }
                std::byte* const to = scratch.shuffled(data.size());
                unshuffle(data.data(), data.size(), value_bytes, to);
                data = {to, data.size()};
                break;
            }
        }
    }
    if (data.size() != chunk.size()) return false;
    std::memcpy(chunk.data(), data.data(), data.size());
    return true;
}

}  // namespace narrows::storage
