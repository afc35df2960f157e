// Rows of a file whose datasets lie in other files, as `join` links them: /shards says which.
// Private to the storage room. One rule: HDF5 gives fill values where such a file is missing or
// damaged, so here every one is opened and checked before the first row.
#pragma once

#include "pipeline/storage/array_reader.hpp"

namespace narrows::storage {

inline constexpr const char* shards_group = "/shards";

// A line of /shards.
struct Shard {
    std::string name;  // relative to the folder of the joined file, inside it
    std::int64_t rows = 0;
    std::uint64_t bytes = 0;          // of the file
    std::uint64_t low = 0, high = 0;  // XXH3-128 of the file
};
// Throws Fault::input where they make no sense.
std::vector<Shard> shards_of(const ArrayFile& file);
// The file of a shard; throws Fault::input when it is missing or of another size.
std::filesystem::path path_of(const Shard& shard, const std::filesystem::path& joined);

class PartsReader final : public RowReader {
public:
    PartsReader(const ArrayFile& file, ArrayInfo info);
    ~PartsReader() override;

protected:
    void fetch(std::int64_t first, std::int64_t count, std::byte* out) const override;

private:
    std::vector<std::unique_ptr<ArrayReader>> parts_;
    std::vector<std::int64_t> starts_;
};

}  // namespace narrows::storage
