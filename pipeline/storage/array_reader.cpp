#include "pipeline/storage/array_reader.hpp"

#include <algorithm>
#include <cstring>

#include "pipeline/storage/convert.hpp"
#include "pipeline/storage/in_parts.hpp"

namespace narrows::storage {

ArrayReader::~ArrayReader() = default;

// ------------------------------------------------------------------------------- all readers

RowReader::RowReader(std::filesystem::path path, ArrayInfo info, std::size_t bytes_of_value)
    : path_(std::move(path)), info_(std::move(info)), bytes_of_value_(bytes_of_value) {
    for (std::size_t axis = 1; axis < info_.shape.rank(); ++axis)
        row_values_ *= static_cast<std::size_t>(info_.shape[axis]);
}

RowReader::~RowReader() = default;

void RowReader::check_range(std::int64_t first, std::int64_t count) const {
    if (first < 0 || count < 0 || first > rows() - count)
        throw Error(Fault::input,
                    in_quotes(path_) + ": rows " + std::to_string(first) + " to " +
                        std::to_string(first + count) + " of " + info_.path +
                        " were asked for, it has " + std::to_string(rows()),
                    "choose rows inside");
}

void RowReader::read(std::int64_t first, std::int64_t count, std::byte* out) const {
    check_range(first, count);
    if (count == 0 || row_bytes() == 0) return;
    fetch(first, count, out);
    if (info_.big_endian)
        swap_bytes(out, static_cast<std::size_t>(count) * row_values_, bytes_of_value_);
}

void RowReader::read(std::int64_t first, std::int64_t count, float* out, bool unpack) const {
    if (!info_.numeric)
        throw Error(Fault::input, in_quotes(path_) + ": " + info_.path + " holds text, not numbers",
                    "name a numeric dataset");
    Packing packing;
    if (unpack) packing = {info_.scale_factor, info_.add_offset, info_.fill_value};
    if (info_.type == Numeric::f32 && packing.identity())
        return read(first, count, reinterpret_cast<std::byte*>(out));

    check_range(first, count);
    if (row_bytes() == 0) return;
    if (count == 0) return;
    // By pieces that stay in the cache: of whole chunks, where several fit.
    constexpr std::size_t piece_bytes = 1u << 20;
    auto piece = static_cast<std::int64_t>(std::max<std::size_t>(1, piece_bytes / row_bytes()));
    if (!info_.chunk.empty()) {
        const std::int64_t chunk = info_.chunk[0];
        const bool fits = static_cast<std::size_t>(chunk) <= 4 * piece_bytes / row_bytes();
        if (chunk > 0 && fits) piece = std::max(piece / chunk, std::int64_t{1}) * chunk;
    }
    const std::int64_t last = first + count, begin = first / piece;
    const auto pieces = static_cast<std::size_t>((last - 1) / piece - begin + 1);
    in_parts(pieces, pieces, [&](std::size_t from, std::size_t to) {
        const auto stored = std::make_unique_for_overwrite<std::byte[]>(
            static_cast<std::size_t>(std::min(piece, count)) * row_bytes());
        for (std::size_t part = from; part < to; ++part) {
            const std::int64_t at = (begin + static_cast<std::int64_t>(part)) * piece;
            const std::int64_t low = std::max(first, at), high = std::min(last, at + piece);
            read(low, high - low, stored.get());
            to_float(info_.type, stored.get(), static_cast<std::size_t>(high - low) * row_values_,
                     packing, out + static_cast<std::size_t>(low - first) * row_values_);
        }
    });
}

std::vector<std::string> RowReader::read_text(std::int64_t first, std::int64_t count) const {
    if (info_.numeric)
        throw Error(Fault::input, in_quotes(path_) + ": " + info_.path + " holds numbers, not text",
                    "name a text dataset");
    check_range(first, count);
    std::vector<std::byte> stored(static_cast<std::size_t>(count) * row_bytes());
    read(first, count, stored.data());
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < stored.size(); at += bytes_of_value_) {
        std::string text(reinterpret_cast<const char*>(stored.data()) + at, bytes_of_value_);
        text.resize(std::min(text.size(), text.find('\0')));
        while (!text.empty() && text.back() == ' ') text.pop_back();
        texts.push_back(std::move(text));
    }
    return texts;
}

// -------------------------------------------------------------------------------- contiguous

ContiguousReader::ContiguousReader(std::filesystem::path path, const ArrayLayout& layout,
                                   SharedFile file)
    : RowReader(std::move(path), layout.info, layout.value_bytes),
      file_(std::move(file)),
      offset_(layout.offset) {}

ContiguousReader::~ContiguousReader() = default;

void ContiguousReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    constexpr std::size_t part_bytes = 1u << 20, too_few = 4 * part_bytes;
    const std::size_t bytes = static_cast<std::size_t>(count) * row_bytes();
    const std::uint64_t begin = offset_ + static_cast<std::uint64_t>(first) * row_bytes();
    in_parts(bytes, bytes < too_few ? 1 : bytes / part_bytes,
             [&](std::size_t from, std::size_t to) {
                 read_at(file_->number(), out + from, to - from, begin + from, path_);
             });
}

// ----------------------------------------------------------------------------------- chunked

ChunkedReader::ChunkedReader(std::filesystem::path path, const ArrayLayout& layout, SharedFile file,
                             std::shared_ptr<Source> source,
                             std::shared_ptr<const ChunkDecoder> decoder)
    : RowReader(std::move(path), layout.info, layout.value_bytes), source_(std::move(source)) {
    if (layout.kind == ArrayLayout::Kind::chunks) {
        chunks_ = std::make_unique<ChunkReader>(path_, std::move(file), layout, std::move(decoder));
        source_.reset();  // its process, if it has one, is not needed any more
    } else {
        layout_ = layout;
    }
    if (info_.chunk.empty()) return;
    block_rows_ = std::min(info_.chunk[0], rows());
    if (block_rows_ < 1 || static_cast<std::size_t>(block_rows_) >
                               largest_block / std::max<std::size_t>(1, row_bytes()))
        block_rows_ = 0;
}

std::size_t ChunkedReader::most_cached() const {
    return std::max(cache_bytes, 2 * static_cast<std::size_t>(block_rows_) * row_bytes());
}

// A block more than are kept is being decoded, or still read from, by each thread.
std::uint64_t ChunkedReader::reading_bytes(std::size_t threads) const {
    // Stored, between two filters each, and the chunk itself, where it is cut.
    const auto between = std::count(info_.filters.begin(), info_.filters.end(), '+');
    const auto buffers = static_cast<std::uint64_t>(2 + between);
    std::uint64_t chunk = chunks_ ? bytes_of_value_ : 0;
    for (const std::int64_t extent : info_.chunk) chunk *= static_cast<std::uint64_t>(extent);
    // Of each value, while pipeline/codec decodes its chunk.
    const std::uint64_t decoding =
        layout_.filters == std::vector<Filter>{Filter::codec} ? chunk / bytes_of_value_ * 24 : 0;
    const std::uint64_t block = static_cast<std::uint64_t>(block_rows_) * row_bytes(),
                        all = static_cast<std::uint64_t>(rows()) * row_bytes();
    const std::uint64_t blocks = std::min<std::uint64_t>(all, most_cached() + block * threads);
    return (block_rows_ > 0 ? blocks : 0) + threads * (buffers * chunk + decoding);
}

void ChunkedReader::decode(std::int64_t first, std::int64_t count, std::byte* out) const {
    if (chunks_) return chunks_->read(first, count, out);
    source_->read(layout_, first, count, out);
}

ChunkedReader::~ChunkedReader() = default;

ChunkedReader::Block ChunkedReader::find(std::int64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(number);
    if (found == places_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front().second;
}

ChunkedReader::Block ChunkedReader::block(std::int64_t number) const {
    if (Block present = find(number)) return present;
    const std::lock_guard one(decoding_[static_cast<std::size_t>(number) % decoding_.size()]);
    if (Block present = find(number)) return present;

    const std::int64_t first = number * block_rows_;
    const std::int64_t count = std::min(block_rows_, rows() - first);
    auto made =
        std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(count) * row_bytes());
    decode(first, count, made->data());

    const std::lock_guard lock(mutex_);
    recent_.emplace_front(number, made);
    places_[number] = recent_.begin();
    cached_ += made->size();
    while (cached_ > most_cached() && recent_.size() > 1) {
        cached_ -= recent_.back().second->size();
        places_.erase(recent_.back().first);
        recent_.pop_back();
    }
    return made;
}

void ChunkedReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    if (block_rows_ == 0) return decode(first, count, out);
    const std::int64_t last = first + count;
    while (first < last) {
        const std::int64_t number = first / block_rows_, begin = number * block_rows_;
        const std::int64_t end = std::min(begin + block_rows_, rows());
        std::int64_t here = std::min(end, last) - first;
        if (first == begin && last >= end) {
            // All blocks that are asked for as a whole, in one go.
            here = (last == rows() ? last : last / block_rows_ * block_rows_) - first;
            decode(first, here, out);
        } else {
            const Block from = block(number);
            std::memcpy(out, from->data() + static_cast<std::size_t>(first - begin) * row_bytes(),
                        static_cast<std::size_t>(here) * row_bytes());
        }
        first += here;
        out += static_cast<std::size_t>(here) * row_bytes();
    }
}

}  // namespace narrows::storage
