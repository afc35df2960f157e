#include "pipeline/storage/hash.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "pipeline/storage/file.hpp"

// The library's own choice of the widest vectors; without it SSE2, a quarter as fast. Same values.
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

namespace narrows::storage {

std::string to_text(std::uint64_t hash) {
    std::string text(16, '0');
    for (std::size_t digit = 16; digit-- > 0; hash >>= 4)
        text[digit] = "0123456789abcdef"[hash & 15];
    return text;
}

std::string to_text(Hash128 hash) {
    return to_text(hash.high) + to_text(hash.low);
}

std::uint64_t hash_64(const void* data, std::size_t bytes) {
    return XXH3_64bits(data, bytes);
}

HashStream::HashStream() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    restart();
}

void HashStream::restart() {
    XXH3_128bits_reset(state_.get());
}

void HashStream::add(const void* data, std::size_t bytes) {
    XXH3_128bits_update(state_.get(), data, bytes);
}

Hash128 HashStream::value() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {hash.low64, hash.high64};
}

void add_file(HashStream& stream, int file, std::uint64_t first, std::uint64_t last,
              const std::filesystem::path& path) {
    constexpr std::uint64_t block = 1 << 20;
    std::vector<std::byte> buffer(std::min(block, last - first));
    while (first < last) {
        const std::size_t bytes = std::min(block, last - first);
        read_at(file, buffer.data(), bytes, first, path);
        stream.add(buffer.data(), bytes);
        first += bytes;
    }
}

Hash128 hash_file(int file, std::uint64_t first, std::uint64_t last,
                  const std::filesystem::path& path) {
    HashStream stream;
    add_file(stream, file, first, last, path);
    return stream.value();
}

}  // namespace narrows::storage
