// libzstd over whole blocks, and bytes of equal significance side by side. Private to the room.
#pragma once

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

Bytes compress(std::span<const std::byte> bytes, int level);
// Exactly `size` bytes, else Damaged.
Bytes decompress(std::span<const std::byte> bytes, std::size_t size);
void decompress_into(std::span<const std::byte> bytes, std::span<std::byte> out);

// Byte b of value i of n goes to place b * n + i.
void shuffle(std::span<const std::byte> from, std::size_t value_bytes, std::span<std::byte> to);
void unshuffle(std::span<const std::byte> from, std::size_t value_bytes, std::span<std::byte> to);

}  // namespace narrows::codec
