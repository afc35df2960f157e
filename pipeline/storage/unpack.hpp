// What HDF5's filters did to a chunk, undone: Fletcher-32, deflate, shuffle, LZ4, Blosc. Private to
// the storage room. One rule: the output is exactly one chunk, whatever the input; anything else is
// damage.
#pragma once

#include <memory>

#include "pipeline/storage/source.hpp"

struct libdeflate_decompressor;

namespace narrows::storage {

// Memory of one decoder; reused from chunk to chunk, one thread at a time.
struct Scratch {
    Scratch();
    ~Scratch();
    std::byte* stored(std::size_t bytes);  // grows, never filled with zeros
    std::byte* inflated(std::size_t bytes);
    std::byte* shuffled(std::size_t bytes);
    std::byte* chunk(std::size_t bytes);  // for one that is wanted in part

private:
    friend bool unpack(std::span<const Filter>, std::uint32_t, std::span<const std::byte>,
                       std::size_t, Scratch&, std::span<std::byte>);
    std::unique_ptr<std::byte[]> stored_, inflated_, shuffled_, chunk_;
    std::size_t stored_bytes_ = 0, inflated_bytes_ = 0, shuffled_bytes_ = 0, chunk_bytes_ = 0;
    struct Free {
        void operator()(libdeflate_decompressor* decompressor) const;
    };
    std::unique_ptr<libdeflate_decompressor, Free> decompressor_;
};

// `filters` in the order of packing, each at most once; bit i of `mask`: filter i was left out.
// False: damaged. `stored` may lie in scratch.stored().
bool unpack(std::span<const Filter> filters, std::uint32_t mask, std::span<const std::byte> stored,
            std::size_t value_bytes, Scratch& scratch, std::span<std::byte> chunk);

// Registered filters 32004 and 32001, where their libraries were there at the build; else false,
// and can_unpack() says so. False: damaged. Neither has a checksum: Fletcher-32 behind them is one.
bool unpack_lz4(std::span<const std::byte> stored, std::span<std::byte> out);
bool unpack_blosc(std::span<const std::byte> stored, std::span<std::byte> out);
inline constexpr int lz4_filter = 32004, blosc_filter = 32001;
NARROWS_PUBLIC bool can_unpack(Filter filter);

std::uint32_t fletcher_32(std::span<const std::byte> bytes);  // as HDF5 does it
void unshuffle(const std::byte* from, std::size_t bytes, std::size_t value_bytes, std::byte* to);
void shuffle(const std::byte* from, std::size_t bytes, std::size_t value_bytes, std::byte* to);

}  // namespace narrows::storage
