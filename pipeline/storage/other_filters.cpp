#include <algorithm>
#include <cstring>

#include "pipeline/storage/unpack.hpp"

#ifdef NARROWS_WITH_LZ4
#include <lz4.h>
#endif
#ifdef NARROWS_WITH_BLOSC
#include <blosc.h>
#endif

namespace narrows::storage {

bool can_unpack(Filter filter) {
    switch (filter) {
        case Filter::lz4:
#ifdef NARROWS_WITH_LZ4
            return true;
#else
            return false;
#endif
        case Filter::blosc:
#ifdef NARROWS_WITH_BLOSC
            return true;
#else
            return false;
#endif
        default:
            return true;
    }
}

#ifdef NARROWS_WITH_LZ4
namespace {

std::uint64_t big_endian(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

}  // namespace

// How long all is (8 bytes) and a block is (4), then of each block its packed length (4) and bytes;
// a block that did not shrink stands as it is.
bool unpack_lz4(std::span<const std::byte> stored, std::span<std::byte> out) {
    if (stored.size() < 12 || big_endian(stored.first(8)) != out.size()) return false;
    const std::uint64_t block = big_endian(stored.subspan(8, 4));
    stored = stored.subspan(12);
    if (block == 0 || block > LZ4_MAX_INPUT_SIZE) return false;
    while (!out.empty()) {
        const std::size_t bytes = std::min<std::size_t>(block, out.size());
        if (stored.size() < 4) return false;
        const std::uint64_t packed = big_endian(stored.first(4));
        stored = stored.subspan(4);
        if (packed > stored.size()) return false;
        if (packed == bytes)
            std::memcpy(out.data(), stored.data(), bytes);
        else if (LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()),
                                     reinterpret_cast<char*>(out.data()), static_cast<int>(packed),
                                     static_cast<int>(bytes)) != static_cast<int>(bytes))
            return false;
        stored = stored.subspan(packed);
        out = out.subspan(bytes);
    }
    return stored.empty();
}
#else
bool unpack_lz4(std::span<const std::byte>, std::span<std::byte>) {
    return false;
}
#endif

#ifdef NARROWS_WITH_BLOSC
bool unpack_blosc(std::span<const std::byte> stored, std::span<std::byte> out) {
    std::size_t bytes = 0;
    if (blosc_cbuffer_validate(stored.data(), stored.size(), &bytes) < 0 || bytes != out.size())
        return false;
    constexpr int threads = 1;  // chunks are the parallelism
    return blosc_decompress_ctx(stored.data(), out.data(), out.size(), threads) ==
           static_cast<int>(out.size());
}
#else
bool unpack_blosc(std::span<const std::byte>, std::span<std::byte>) {
    return false;
}
#endif

}  // namespace narrows::storage
