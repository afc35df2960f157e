// Bytes of equal significance side by side, as HDF5's shuffle filter has them, and back. Sixteen
// values at a time as a transposition in registers; the plain loops do the rest and all other
// sizes. The bytes behind the last whole value stay where they are.
#include <cstring>

#include "pipeline/storage/unpack.hpp"

namespace narrows::storage {

namespace {

using Lanes = std::uint8_t __attribute__((vector_size(16)));

Lanes load(const std::byte* from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}
void store(std::byte* to, const Lanes& lanes) {
    std::memcpy(to, &lanes, sizeof lanes);
}

// a0 b0 a1 b1 ... of the first and of the second halves.
Lanes interleave_low(const Lanes& a, const Lanes& b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
Lanes interleave_high(const Lanes& a, const Lanes& b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}
Lanes even(const Lanes& a, const Lanes& b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
Lanes odd(const Lanes& a, const Lanes& b) {
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// log2(Bytes) rounds of interleaving part p with part p + Bytes / 2.
template <std::size_t Bytes>
void join(Lanes (&parts)[Bytes]) {
    for (std::size_t round = 1; round < Bytes; round *= 2) {
        Lanes next[Bytes];
        for (std::size_t i = 0; i < Bytes / 2; ++i) {
            next[2 * i] = interleave_low(parts[i], parts[i + Bytes / 2]);
            next[2 * i + 1] = interleave_high(parts[i], parts[i + Bytes / 2]);
        }
        std::memcpy(parts, next, sizeof next);
    }
}

template <std::size_t Bytes>
void split(Lanes (&parts)[Bytes]) {
    for (std::size_t round = 1; round < Bytes; round *= 2) {
        Lanes next[Bytes];
        for (std::size_t i = 0; i < Bytes / 2; ++i) {
            next[i] = even(parts[2 * i], parts[2 * i + 1]);
            next[i + Bytes / 2] = odd(parts[2 * i], parts[2 * i + 1]);
        }
        std::memcpy(parts, next, sizeof next);
    }
}

template <std::size_t Bytes>
std::size_t unshuffle_blocks(const std::byte* from, std::size_t values, std::byte* to) {
    std::size_t done = 0;
    for (; done + 16 <= values; done += 16) {
        Lanes parts[Bytes];
        for (std::size_t part = 0; part < Bytes; ++part)
            parts[part] = load(from + part * values + done);
        join(parts);
        for (std::size_t part = 0; part < Bytes; ++part)
            store(to + done * Bytes + 16 * part, parts[part]);
    }
    return done;
}

template <std::size_t Bytes>
std::size_t shuffle_blocks(const std::byte* from, std::size_t values, std::byte* to) {
    std::size_t done = 0;
    for (; done + 16 <= values; done += 16) {
        Lanes parts[Bytes];
        for (std::size_t part = 0; part < Bytes; ++part)
            parts[part] = load(from + done * Bytes + 16 * part);
        split(parts);
        for (std::size_t part = 0; part < Bytes; ++part)
            store(to + part * values + done, parts[part]);
    }
    return done;
}

}  // namespace

void unshuffle(const std::byte* from, std::size_t bytes, std::size_t value_bytes, std::byte* to) {
    const std::size_t values = bytes / value_bytes;
    std::size_t done = 0;
    if (value_bytes == 2) done = unshuffle_blocks<2>(from, values, to);
    if (value_bytes == 4) done = unshuffle_blocks<4>(from, values, to);
    if (value_bytes == 8) done = unshuffle_blocks<8>(from, values, to);
    for (std::size_t i = done; i < values; ++i)
        for (std::size_t part = 0; part < value_bytes; ++part)
            to[i * value_bytes + part] = from[part * values + i];
    if (bytes % value_bytes != 0)  // there may be no memory behind nothing
        std::memcpy(to + values * value_bytes, from + values * value_bytes, bytes % value_bytes);
}

void shuffle(const std::byte* from, std::size_t bytes, std::size_t value_bytes, std::byte* to) {
    const std::size_t values = bytes / value_bytes;
    std::size_t done = 0;
    if (value_bytes == 2) done = shuffle_blocks<2>(from, values, to);
    if (value_bytes == 4) done = shuffle_blocks<4>(from, values, to);
    if (value_bytes == 8) done = shuffle_blocks<8>(from, values, to);
    for (std::size_t part = 0; part < value_bytes; ++part)
        for (std::size_t i = done; i < values; ++i)
            to[part * values + i] = from[i * value_bytes + part];
    if (bytes % value_bytes != 0)  // there may be no memory behind nothing
        std::memcpy(to + values * value_bytes, from + values * value_bytes, bytes % value_bytes);
}

}  // namespace narrows::storage
