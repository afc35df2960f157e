// The 512-byte user block in front of models and checkpoints. Private to the storage room. One
// rule: a header is believed only when all of its 512 bytes are as expected, then it vouches for
// the rest of the file.
#pragma once

#include <filesystem>
#include <optional>

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/hash.hpp"

namespace narrows::storage {

inline constexpr std::size_t header_bytes = 512;

struct Header {
    std::uint64_t step = 0;
};

bool has_header(int file);
// Fault::input "header", "truncated" or "contents" damaged. Reads the whole file once.
Header verify_header(int file, const std::filesystem::path& path);
// `payload`: the hash of everything behind the header.
void write_header(int file, const Header& header, Hash128 payload,
                  const std::filesystem::path& path);

}  // namespace narrows::storage
