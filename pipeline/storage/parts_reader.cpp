#include "pipeline/storage/parts_reader.hpp"

#include <algorithm>

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

template <class T>
std::vector<T> column(const ArrayFile& file, const std::string& name, Numeric type,
                      std::int64_t width, std::int64_t rows) {
    const std::string path = std::string(shards_group) + "/" + name;
    const std::unique_ptr<ArrayReader> reader = file.open(path);
    const ArrayInfo& info = reader->info();
    const bool fits = info.numeric && info.type == type && info.shape.rank() >= 1 &&
                      info.shape[0] == rows && info.shape.elements() == rows * width;
    if (!fits)
        throw Error(Fault::input, quoted(file.path()) + ": " + path + " is no list of parts",
                    "join the parts again");
    std::vector<T> out(static_cast<std::size_t>(rows * width));
    reader->read(0, rows, reinterpret_cast<std::byte*>(out.data()));
    return out;
}

// In the folder of the joined file or below it.
bool stays_inside(const fs::path& name) {
    if (name.empty() || name.is_absolute()) return false;
    return std::none_of(name.begin(), name.end(),
                        [](const fs::path& part) { return part == ".."; });
}

}  // namespace

std::vector<Shard> shards_of(const ArrayFile& file) {
    constexpr std::int64_t most = 99999;
    const std::unique_ptr<ArrayReader> names = file.open(std::string(shards_group) + "/name");
    const Shape& shape = names->info().shape;
    if (names->info().numeric || shape.rank() != 1 || shape[0] < 1 || shape[0] > most)
        throw Error(Fault::input, quoted(file.path()) + ": /shards/name is no list of parts",
                    "join the parts again");
    const std::int64_t count = shape[0];
    const std::vector<std::string> texts = names->read_text(0, count);
    const auto rows = column<std::int64_t>(file, "rows", Numeric::i64, 1, count);
    const auto bytes = column<std::uint64_t>(file, "bytes", Numeric::u64, 1, count);
    const auto hashes = column<std::uint64_t>(file, "xxh3", Numeric::u64, 2, count);
    std::vector<Shard> shards;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        shards.push_back({texts[i], rows[i], bytes[i], hashes[2 * i], hashes[2 * i + 1]});
        if (!stays_inside(texts[i]) || rows[i] < 0)
            throw Error(Fault::input,
                        quoted(file.path()) + " is refused: its part " +
                            quoted(fs::path(texts[i])) + " is outside of its folder",
                        "join the parts again");
    }
    return shards;
}

fs::path path_of(const Shard& shard, const fs::path& joined) {
    fs::path path = joined.parent_path() / shard.name;
    std::error_code missing;
    const std::uintmax_t bytes = fs::file_size(path, missing);
    if (missing)
        throw Error(Fault::input,
                    quoted(joined) + " is joined from parts, and " + quoted(path) + " is missing",
                    "keep the parts where they were joined, or make one file: narrows join --copy");
    if (bytes != shard.bytes)
        throw Error(Fault::input,
                    quoted(path) + " has " + std::to_string(bytes) + " bytes, it had " +
                        std::to_string(shard.bytes) + " when " + quoted(joined) + " was joined",
                    "join the parts again");
    return path;
}

PartsReader::PartsReader(const ArrayFile& file, ArrayInfo info)
    : RowReader(file.path(), std::move(info), info.value_bytes) {
    std::int64_t start = 0;
    for (const Shard& shard : shards_of(file)) {
        const fs::path path = path_of(shard, file.path());
        std::unique_ptr<ArrayReader> part = ArrayFile(path).open_here(info_.path);
        const ArrayInfo& there = part->info();
        const bool fits = there.numeric && there.type == info_.type && there.shape.rank() > 0 &&
                          there.shape == info_.shape.sample().with_batch(shard.rows);
        if (!fits)
            throw Error(Fault::input,
                        quoted(path) + ": " + info_.path + " is not what " + quoted(path_) +
                            " was joined from",
                        "join the parts again");
        starts_.push_back(start);
        start += shard.rows;
        parts_.push_back(std::move(part));
    }
    if (start != rows())
        throw Error(Fault::input,
                    quoted(path_) + ": its parts have " + std::to_string(start) + " rows, " +
                        info_.path + " has " + std::to_string(rows()),
                    "join the parts again");
}

PartsReader::~PartsReader() = default;

void PartsReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    auto at = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), first) -
                                       starts_.begin() - 1);
    for (; count > 0; ++at) {
        const std::int64_t from = first - starts_[at];
        const std::int64_t here = std::min(count, parts_[at]->info().shape[0] - from);
        if (here <= 0) continue;
        parts_[at]->read(from, here, out);
        first += here;
        count -= here;
        out += static_cast<std::size_t>(here) * row_bytes();
    }
}

}  // namespace narrows::storage
