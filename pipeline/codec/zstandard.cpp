#include "pipeline/codec/zstandard.hpp"

#include <zstd.h>

namespace narrows::codec {

Bytes compress(std::span<const std::byte> bytes, int level) {
    Bytes out(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
    if (ZSTD_isError(size))
        throw Error(Fault::run, std::string("zstd: ") + ZSTD_getErrorName(size));
    out.resize(size);
    return out;
}

void decompress_into(std::span<const std::byte> bytes, std::span<std::byte> out) {
    const std::size_t size = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(size) || size != out.size()) throw Damaged{"zstd block"};
}

Bytes decompress(std::span<const std::byte> bytes, std::size_t size) {
    Bytes out(size);
    decompress_into(bytes, out);
    return out;
}

void shuffle(std::span<const std::byte> from, std::size_t value_bytes, std::span<std::byte> to) {
    const std::size_t values = from.size() / value_bytes;
    for (std::size_t part = 0; part < value_bytes; ++part)
        for (std::size_t i = 0; i < values; ++i)
            to[part * values + i] = from[i * value_bytes + part];
}

void unshuffle(std::span<const std::byte> from, std::size_t value_bytes, std::span<std::byte> to) {
    const std::size_t values = from.size() / value_bytes;
    for (std::size_t part = 0; part < value_bytes; ++part)
        for (std::size_t i = 0; i < values; ++i)
            to[i * value_bytes + part] = from[part * values + i];
}

}  // namespace narrows::codec
