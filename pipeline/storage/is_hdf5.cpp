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

void refuse_as_hdf5(const std::filesystem::path& path) {
    const Descriptor file = open_to_read(path);
    char head[4] = {};
    if (file_bytes(file.number(), path) >= sizeof head)
        read_at(file.number(), head, sizeof head, 0, path);
    if (std::memcmp(head, "CDF", 3) == 0 && (head[3] == 1 || head[3] == 2 || head[3] == 5))
        throw Error(Fault::input, in_quotes(path) + " is a netCDF file of the classic format",
                    "convert it to netCDF-4, which is HDF5: nccopy -k nc4 OLD.nc NEW.nc");
    throw Error(Fault::input, in_quotes(path) + " is not an HDF5 file, or its start is damaged",
                "name an HDF5 or netCDF-4 file; if it is of another format, give it a name that "
                "says so");
}

}  // namespace narrows::storage
