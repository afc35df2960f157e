// Rows of a file whose datasets lie in other files, as `join` links them: /shards says which.
// Private to the storage room. One rule: HDF5 gives fill values where such a file is missing or
// damaged, so here every one is opened and checked before the first row.
#pragma once

#include <sys/types.h>

#include "pipeline/storage/array_reader.hpp"

namespace narrows::storage {

inline constexpr const char* shards_group = "/shards";
inline constexpr std::size_t most_open_parts = 16;  // files, and processes that parse them
using Attributes = std::vector<std::pair<std::string, Attribute>>;

// Of a part, as a run over all rows would have them.
Attributes joined_attributes(const Attributes& of_part);

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
    std::uint64_t reading_bytes(std::size_t threads) const override;

protected:
    void fetch(std::int64_t first, std::int64_t count, std::byte* out) const override;

private:
    using Reader = std::shared_ptr<const ArrayReader>;
    // Which file it was when it was checked.
    struct Seen {
        dev_t device = 0;
        ino_t number = 0;
        timespec changed{};
    };
    static Seen see(const ArrayFile& file);
    void check_same_run(const ArrayFile& part, const Attributes& whole,
                        std::int64_t first_row) const;
    Reader open_again(std::size_t part) const;
    Reader part(std::size_t number) const;

    std::vector<Shard> shards_;
    std::vector<std::int64_t> starts_;
    std::vector<Seen> seen_;
    mutable std::mutex mutex_;                                // of what is open
    mutable std::list<std::pair<std::size_t, Reader>> open_;  // newest first
};

}  // namespace narrows::storage
