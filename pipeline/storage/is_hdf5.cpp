#include <unistd.h>

#include <cstring>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/file.hpp"

namespace narrows::storage {

// The signature stands at byte 0, or behind a user block of 512, 1024, 2048 ... bytes.
bool is_hdf5(const std::filesystem::path& path) {
    constexpr unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    const Descriptor file = open_to_read(path);
    const std::uint64_t size = file_bytes(file.number(), path);
    for (std::uint64_t at = 0; at + sizeof signature <= size; at = at == 0 ? 512 : at * 2) {
        unsigned char found[sizeof signature];
        read_at(file.number(), found, sizeof found, at, path);
        if (std::memcmp(found, signature, sizeof found) == 0) return true;
    }
    return false;
}

}  // namespace narrows::storage
