// XXH3 over memory, streams and files, as text for attributes. Private to the storage room.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace narrows::storage {

struct Hash128 {
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const Hash128&, const Hash128&) = default;
};
std::string to_text(Hash128 hash);  // 32 hexadecimal digits, most significant first
std::string to_text(std::uint64_t hash);
std::uint64_t hash_64(const void* data, std::size_t bytes);

class HashStream {
public:
    HashStream();
    void add(const void* data, std::size_t bytes);
    Hash128 value() const;
    void restart();

private:
    struct Free {
        void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
    };
    std::unique_ptr<XXH3_state_t, Free> state_;
};

// The bytes [first, last) of an open file.
void add_file(HashStream& stream, int file, std::uint64_t first, std::uint64_t last,
              const std::filesystem::path& path);
Hash128 hash_file(int file, std::uint64_t first, std::uint64_t last,
                  const std::filesystem::path& path);

}  // namespace narrows::storage
