#include "pipeline/storage/parts_reader.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

// The two lines of a part's pipeline that a run over all rows does not have.
std::string without_part(std::string_view pipeline) {
    std::string out;
    while (!pipeline.empty()) {
        const std::size_t end = std::min(pipeline.find('\n'), pipeline.size() - 1) + 1;
        const std::string_view line = pipeline.substr(0, end);
        if (!line.starts_with("part = ") && !line.starts_with("all_rows = ")) out += line;
        pipeline.remove_prefix(end);
    }
    return out;
}

template <class T>
std::vector<T> column(const fs::path& file, const ArrayReader& reader, Numeric type,
                      std::int64_t width, std::int64_t rows) {
    const ArrayInfo& info = reader.info();
    const bool fits = info.numeric && info.type == type && info.shape.rank() >= 1 &&
                      info.shape[0] == rows && info.shape.elements() == rows * width;
    if (!fits)
        throw Error(Fault::input, in_quotes(file) + ": " + info.path + " is no list of parts",
                    "join the parts again");
    std::vector<T> out(static_cast<std::size_t>(rows * width));
    reader.read(0, rows, reinterpret_cast<std::byte*>(out.data()));
    return out;
}

// In the folder of the joined file or below it.
bool stays_inside(const fs::path& name) {
    if (name.empty() || name.is_absolute()) return false;
    return std::none_of(name.begin(), name.end(),
                        [](const fs::path& part) { return part == ".."; });
}

}  // namespace

Attributes joined_attributes(const Attributes& of_part) {
    Attributes out;
    for (const auto& [name, value] : of_part) {
        if (is_of_part(name)) continue;
        const auto* text = name == "pipeline" ? std::get_if<std::string>(&value) : nullptr;
        if (text != nullptr)
            out.emplace_back(name, without_part(*text));
        else
            out.emplace_back(name, value);
    }
    return out;
}

// None of them may be joined itself: it would be asked for its parts, and so on.
std::vector<Shard> shards_of(const ArrayFile& file) {
    const auto open = [&](const char* name) {
        return file.open_here(std::string(shards_group) + "/" + name);
    };
    const std::unique_ptr<ArrayReader> names = open("name");
    const Shape& shape = names->info().shape;
    if (names->info().numeric || shape.rank() != 1 || shape[0] < 1 || shape[0] > most_parts)
        throw Error(Fault::input, in_quotes(file.path()) + ": /shards/name is no list of parts",
                    "join the parts again");
    const std::int64_t count = shape[0];
    const std::vector<std::string> texts = names->read_text(0, count);
    const auto rows = column<std::int64_t>(file.path(), *open("rows"), Numeric::i64, 1, count);
    const auto bytes = column<std::uint64_t>(file.path(), *open("bytes"), Numeric::u64, 1, count);
    const auto hashes = column<std::uint64_t>(file.path(), *open("xxh3"), Numeric::u64, 2, count);
    std::vector<Shard> shards;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        shards.push_back({texts[i], rows[i], bytes[i], hashes[2 * i], hashes[2 * i + 1]});
        if (!stays_inside(texts[i]) || rows[i] < 0)
            throw Error(Fault::input,
                        in_quotes(file.path()) + " is refused: its part " +
                            in_quotes(fs::path(texts[i])) + " is outside of its folder",
                        "join the parts again");
    }
    return shards;
}

fs::path path_of(const Shard& shard, const fs::path& joined) {
    fs::path path = joined.parent_path() / shard.name;
    std::error_code missing;
    const std::uintmax_t bytes = fs::file_size(path, missing);
    if (missing)
        throw Error(
            Fault::input,
            in_quotes(joined) + " is joined from parts, and " + in_quotes(path) + " is missing",
            "keep the parts where they were joined, or make one file: narrows join --copy");
    if (bytes != shard.bytes)
        throw Error(Fault::input,
                    in_quotes(path) + " has " + std::to_string(bytes) + " bytes, it had " +
                        std::to_string(shard.bytes) + " when " + in_quotes(joined) + " was joined",
                    "join the parts again");
    return path;
}

bool is_of_shards(const std::string& dataset) {
    return dataset.starts_with(std::string(shards_group) + "/");
}

void without_shards(FileInfo& info) {
    std::erase_if(info.arrays, [](const ArrayInfo& array) { return is_of_shards(array.path); });
    std::erase_if(info.beside.groups,
                  [](const ExactGroup& group) { return group.path == shards_group; });
}

std::vector<fs::path> parts_behind(const fs::path& path) {
    std::vector<fs::path> parts;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored) || !is_hdf5(path)) return parts;
    try {
        for (const Shard& shard : shards_of(ArrayFile(path)))
            parts.push_back(path.parent_path() / shard.name);
    } catch (const Error&) {
        parts.clear();  // not joined, or so damaged that nothing will be read through it
    }
    return parts;
}

PartsReader::Seen PartsReader::see(const ArrayFile& file) {
    struct stat status {};
    if (::fstat(file.file_->number(), &status) != 0)
        throw Error(Fault::run,
                    "cannot look at " + in_quotes(file.path()) + ": " + system_text(errno),
                    "check its disk");
    return {status.st_dev, status.st_ino, status.st_mtim};
}

PartsReader::PartsReader(const ArrayFile& file, ArrayInfo info)
    : RowReader(file.path(), std::move(info), info.value_bytes), shards_(shards_of(file)) {
    const Attributes whole = file.look().attributes;
    std::int64_t start = 0;
    for (std::size_t number = 0; number < shards_.size(); ++number) {
        const Shard& shard = shards_[number];
        const fs::path path = path_of(shard, file.path());
        const ArrayFile opened(path);
        check_same_run(opened, whole, start);
        Reader part = opened.open_here(info_.path);
        const ArrayInfo& there = part->info();
        const bool fits = there.numeric && there.type == info_.type && there.shape.rank() > 0 &&
                          there.shape == info_.shape.sample().with_batch(shard.rows);
        if (!fits)
            throw Error(Fault::input,
                        in_quotes(path) + ": " + info_.path + " is not what " + in_quotes(path_) +
                            " was joined from",
                        "join the parts again");
        starts_.push_back(start);
        seen_.push_back(see(opened));
        start += shard.rows;
        open_.emplace_front(number, std::move(part));
        if (open_.size() > most_open_parts) open_.pop_back();
    }
    if (start != rows())
        throw Error(Fault::input,
                    in_quotes(path_) + ": its parts have " + std::to_string(start) + " rows, " +
                        info_.path + " has " + std::to_string(rows()),
                    "join the parts again");
}

PartsReader::~PartsReader() = default;

// The length of the file was compared; this is what another part of that length would differ in.
void PartsReader::check_same_run(const ArrayFile& part, const Attributes& whole,
                                 std::int64_t first_row) const {
    const auto refuse = [&](const std::string& name) {
        throw Error(Fault::input,
                    in_quotes(part.path()) + " is not what " + in_quotes(path_) +
                        " was joined from: its " + name + " is another one",
                    "join the parts of one run again");
    };
    const auto value_of = [](const Attributes& all, const std::string& name) {
        const auto found = std::find_if(
            all.begin(), all.end(), [&](const auto& attribute) { return attribute.first == name; });
        return found == all.end() ? std::optional<Attribute>() : found->second;
    };
    const Attributes attributes = part.look().attributes, joined = joined_attributes(attributes);
    for (const char* name : {"format", "model_sha256", "pipeline"})
        if (value_of(joined, name) != value_of(whole, name)) refuse(name);
    if (value_of(attributes, "first_row") != Attribute(first_row)) refuse("first_row");
}

PartsReader::Reader PartsReader::open_again(std::size_t number) const {
    const fs::path path = path_of(shards_[number], path_);
    const ArrayFile file(path);
    const Seen now = see(file), then = seen_[number];
    if (now.device != then.device || now.number != then.number ||
        now.changed.tv_sec != then.changed.tv_sec || now.changed.tv_nsec != then.changed.tv_nsec)
        throw Error(Fault::input, in_quotes(path) + " was changed while it was read",
                    "leave the parts alone, and start again");
    return file.open_here(info_.path);
}

PartsReader::Reader PartsReader::part(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    const auto there = std::find_if(open_.begin(), open_.end(),
                                    [&](const auto& entry) { return entry.first == number; });
    if (there != open_.end()) {
        open_.splice(open_.begin(), open_, there);
    } else {
        if (open_.size() >= most_open_parts) open_.pop_back();
        open_.emplace_front(number, open_again(number));
    }
    return open_.front().second;
}

std::uint64_t PartsReader::reading_bytes(std::size_t threads) const {
    if (shards_.empty()) return 0;
    return part(0)->reading_bytes(threads) * std::min(shards_.size(), most_open_parts);
}

void PartsReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    auto at = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), first) -
                                       starts_.begin() - 1);
    for (; count > 0; ++at) {
        const std::int64_t from = first - starts_[at];
        const std::int64_t here = std::min(count, shards_[at].rows - from);
        if (here <= 0) continue;
        part(at)->read(from, here, out);
        first += here;
        count -= here;
        out += static_cast<std::size_t>(here) * row_bytes();
    }
}

}  // namespace narrows::storage
