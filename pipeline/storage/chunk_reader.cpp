#include "pipeline/storage/chunk_reader.hpp"

#include <algorithm>
#include <cstring>

#include "pipeline/storage/in_parts.hpp"

namespace narrows::storage {

ChunkReader::ChunkReader(std::filesystem::path path, SharedFile file, const ArrayLayout& layout,
                         std::shared_ptr<const ChunkDecoder> decoder)
    : path_(std::move(path)),
      file_(std::move(file)),
      layout_(layout),
      decoder_(std::move(decoder)),
      rank_(layout.info.shape.rank()),
      chunk_bytes_(layout.value_bytes),
      row_bytes_(static_cast<std::size_t>(layout.row_bytes())) {
    for (std::size_t axis = 0; axis < rank_; ++axis) {
        extent_.push_back(static_cast<std::uint64_t>(layout.info.shape[axis]));
        chunk_.push_back(static_cast<std::uint64_t>(layout.info.chunk[axis]));
        grid_.push_back((extent_[axis] + chunk_[axis] - 1) / chunk_[axis]);
        chunk_bytes_ *= chunk_[axis];
    }
}

ChunkReader::~ChunkReader() = default;

std::unique_ptr<Scratch> ChunkReader::take_scratch() const {
    const std::lock_guard lock(mutex_);
    if (scratch_.empty()) return std::make_unique<Scratch>();
    std::unique_ptr<Scratch> taken = std::move(scratch_.back());
    scratch_.pop_back();
    return taken;
}

void ChunkReader::unpack_into(std::span<std::byte> chunk, const ChunkPlace& place,
                              const Corner& corner, Scratch& scratch) const {
    // Deflate never grows data by more than a few bytes a block.
    bool whole = place.bytes <= chunk_bytes_ + chunk_bytes_ / 8 + 1024;
    if (whole && (layout_.filters.empty() || place.bytes == chunk_bytes_)) {
        const bool plain =
            std::all_of(layout_.filters.begin(), layout_.filters.end(), [&](auto& f) {
                const auto i = static_cast<unsigned>(&f - layout_.filters.data());
                return (place.mask >> i & 1u) != 0 ||
                       (f == Filter::shuffle && layout_.value_bytes == 1);
            });
        if (plain && place.bytes == chunk_bytes_)
            return read_at(file_->number(), chunk.data(), chunk.size(), place.address, path_);
    }
    if (whole) {
        std::byte* const stored = scratch.stored(place.bytes);
        read_at(file_->number(), stored, place.bytes, place.address, path_);
        whole = decoder_ != nullptr ? decoder_->decode({stored, place.bytes}, chunk)
                                    : unpack(layout_.filters, place.mask, {stored, place.bytes},
                                             layout_.value_bytes, scratch, chunk);
    }
    if (whole) return;
    const std::uint64_t last = std::min(corner[0] + chunk_[0], extent_[0]) - 1;
    throw Error(Fault::input,
                in_quotes(path_) + " is damaged: " + layout_.info.path + ", rows " +
                    std::to_string(corner[0]) + " to " + std::to_string(last) + " (bytes " +
                    std::to_string(place.address) + " to " +
                    std::to_string(place.address + place.bytes - 1) + " of the file)",
                "copy or make it again; rows before and after can be read with FILE:/NAME@A:B");
}

// Copies the part of a chunk that lies inside the dataset and the wanted rows.
void ChunkReader::scatter(std::span<const std::byte> chunk, const Corner& corner,
                          const Rows& rows) const {
    Corner low = {}, high = {}, at = {};
    for (std::size_t axis = 0; axis < rank_; ++axis)
        high[axis] = std::min(chunk_[axis], extent_[axis] - corner[axis]);
    const auto first = static_cast<std::uint64_t>(rows.first);
    const auto last = static_cast<std::uint64_t>(rows.last);
    low[0] = first > corner[0] ? first - corner[0] : 0;
    high[0] = std::min(high[0], last - corner[0]);

    const std::size_t inner = rank_ - 1;  // runs along the last axis are copied whole
    const std::size_t value_bytes = layout_.value_bytes;
    const std::size_t run = static_cast<std::size_t>(high[inner] - low[inner]) * value_bytes;
    std::copy(low, low + rank_, at);
    while (true) {
        std::size_t from = 0, to = 0;
        for (std::size_t axis = 0; axis < rank_; ++axis) {
            from = from * chunk_[axis] + at[axis];
            const std::uint64_t place = corner[axis] + at[axis] - (axis == 0 ? first : 0);
            to = axis == 0 ? place : to * extent_[axis] + place;
        }
        std::memcpy(rows.out + to * value_bytes, chunk.data() + from * value_bytes, run);
        std::size_t axis = inner;
        while (axis > 0 && ++at[axis - 1] == high[axis - 1]) {
            at[axis - 1] = low[axis - 1];
            --axis;
        }
        if (axis == 0) return;
    }
}

void ChunkReader::read_chunk(std::size_t number, const Rows& rows, Scratch& scratch) const {
    Corner corner = {};
    std::size_t rest = number;
    for (std::size_t axis = rank_; axis-- > 0; rest /= grid_[axis])
        corner[axis] = rest % grid_[axis] * chunk_[axis];
    const ChunkPlace& place = layout_.chunks[number];
    // A chunk of whole rows that are all wanted is decoded where it belongs.
    const bool whole = std::equal(chunk_.begin() + 1, chunk_.end(), extent_.begin() + 1) &&
                       static_cast<std::int64_t>(corner[0]) >= rows.first &&
                       static_cast<std::int64_t>(corner[0] + chunk_[0]) <= rows.last;
    const std::span<std::byte> chunk(
        whole ? rows.out + (corner[0] - static_cast<std::uint64_t>(rows.first)) * row_bytes_
              : scratch.chunk(chunk_bytes_),
        chunk_bytes_);
    if (place.bytes > 0)
        unpack_into(chunk, place, corner, scratch);
    else
        for (std::size_t at = 0; at < chunk.size(); at += layout_.value_bytes)
            std::memcpy(chunk.data() + at, layout_.fill.data(), layout_.value_bytes);
    if (!whole) scatter(chunk, corner, rows);
}

// One thread's part of a read.
void ChunkReader::read_chunks(std::size_t begin, std::size_t end, const Rows& rows) const {
    std::unique_ptr<Scratch> scratch = take_scratch();
    for (std::size_t number = begin; number < end; ++number) read_chunk(number, rows, *scratch);
    const std::lock_guard lock(mutex_);
    scratch_.push_back(std::move(scratch));
}

void ChunkReader::read(std::int64_t first, std::int64_t count, std::byte* out) const {
    constexpr std::size_t bytes_of_task = 128u << 10;  // less is not worth another thread
    const Rows rows{first, first + count, out};
    std::size_t across = 1;  // chunks beside each other
    for (std::size_t axis = 1; axis < rank_; ++axis) across *= grid_[axis];
    const std::size_t begin = static_cast<std::size_t>(first) / chunk_[0] * across;
    const std::size_t end =
        (static_cast<std::size_t>(rows.last) + chunk_[0] - 1) / chunk_[0] * across;
    const std::size_t wanted = end - begin;
    const std::size_t worth = static_cast<std::size_t>(count) * row_bytes_ / bytes_of_task;
    in_parts(wanted, std::min(wanted, worth), [&](std::size_t from, std::size_t to) {
        read_chunks(begin + from, begin + to, rows);
    });
}

}  // namespace narrows::storage
