#include "pipeline/storage/header.hpp"

#include <unistd.h>

#include <cstring>

namespace narrows::storage {

namespace {

constexpr char magic[8] = {'n', 'a', 'r', 'r', 'o', 'w', 's', '\x1a'};
constexpr std::uint32_t header_version = 1;

// As it stands in the file, little-endian.
struct Block {
    char magic[8];
    std::uint32_t version;
    std::uint32_t bytes;  // of this block
    std::uint64_t payload_bytes;
    std::uint64_t payload_low, payload_high;  // XXH3-128
    std::uint64_t step;
    std::byte reserved[456];  // zero
    std::uint64_t check;      // XXH3-64 of all above
};
static_assert(sizeof(Block) == header_bytes);

std::uint64_t check_of(const Block& block) {
    return hash_64(&block, offsetof(Block, check));
}

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& what) {
    throw Error(Fault::input, in_quotes(path) + " is damaged: " + what,
                "take an earlier checkpoint or another copy");
}

}  // namespace

bool has_header(int file) {
    char start[sizeof magic];
    return ::pread(file, start, sizeof start, 0) == sizeof start &&
           std::memcmp(start, magic, sizeof magic) == 0;
}

Header verify_header(int file, const std::filesystem::path& path) {
    const std::uint64_t size = file_bytes(file, path);
    if (size < header_bytes) damaged(path, "it is truncated to " + std::to_string(size) + " bytes");

    Block block{};
    read_at(file, &block, sizeof block, 0, path);
    if (std::memcmp(block.magic, magic, sizeof magic) != 0)
        throw Error(
            Fault::input,
            in_quotes(path) + " is no narrows model or checkpoint, or its header is damaged",
            "name a file that narrows train wrote");
    if (block.check != check_of(block))
        damaged(path, "its header (bytes 0-511) fails its checksum");
    if (block.version > header_version)
        throw Error(Fault::input,
                    in_quotes(path) + " has a header of version " + std::to_string(block.version) +
                        "; narrows " + std::string(version) + " reads versions up to " +
                        std::to_string(header_version),
                    "use a newer narrows");
    if (block.bytes != header_bytes) damaged(path, "its header has an impossible length");

    const std::uint64_t whole = header_bytes + block.payload_bytes;
    if (size < whole)
        damaged(path, "it is truncated: " + std::to_string(size) + " of " + std::to_string(whole) +
                          " bytes are there");
    if (size > whole) damaged(path, std::to_string(size - whole) + " bytes stand behind its end");
    if (hash_file(file, header_bytes, size, path) != Hash128{block.payload_low, block.payload_high})
        damaged(path,
                "its contents (bytes 512-" + std::to_string(size - 1) + ") fail their checksum");
    return {block.step};
}

void write_header(int file, const Header& header, Hash128 payload,
                  const std::filesystem::path& path) {
    Block block{};
    std::memcpy(block.magic, magic, sizeof magic);
    block.version = header_version;
    block.bytes = header_bytes;
    block.payload_bytes = file_bytes(file, path) - header_bytes;
    block.payload_low = payload.low;
    block.payload_high = payload.high;
    block.step = header.step;
    block.check = check_of(block);
    write_at(file, &block, sizeof block, 0, path);
}

}  // namespace narrows::storage
