#include "pipeline/storage/chunk_reader.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>

namespace narrows::storage {

namespace {

// HDF5 1.10 walks through its index for each question.
constexpr std::size_t most_chunks = 8192;
constexpr std::size_t largest_chunk = 64u << 20;

struct FreeDecompressor {
    void operator()(libdeflate_decompressor* decompressor) const {
        libdeflate_free_decompressor(decompressor);
    }
};

template <std::size_t Bytes>
void unshuffle_values(const std::byte* from, std::size_t values, std::byte* to) {
    for (std::size_t i = 0; i < values; ++i)
        for (std::size_t part = 0; part < Bytes; ++part)
            to[i * Bytes + part] = from[part * values + i];
}

void unshuffle(const std::byte* from, std::size_t bytes, std::size_t value_bytes, std::byte* to) {
    const std::size_t values = bytes / value_bytes;
    switch (value_bytes) {
        case 2:
            return unshuffle_values<2>(from, values, to);
        case 4:
            return unshuffle_values<4>(from, values, to);
        case 8:
            return unshuffle_values<8>(from, values, to);
        default:
            break;
    }
    for (std::size_t i = 0; i < values; ++i)
        for (std::size_t part = 0; part < value_bytes; ++part)
            to[i * value_bytes + part] = from[part * values + i];
}

// The numbers of shuffle and deflate in the pipeline; false when there is anything else.
bool known_filters(hid_t list, int& shuffle, int& deflate) {
    const int count = H5Pget_nfilters(list);
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0;
        std::size_t none = 0;
        const H5Z_filter_t filter = H5Pget_filter2(list, static_cast<unsigned>(i), &flags, &none,
                                                   nullptr, 0, nullptr, nullptr);
        if (filter == H5Z_FILTER_SHUFFLE && shuffle < 0 && deflate < 0)
            shuffle = i;
        else if (filter == H5Z_FILTER_DEFLATE && deflate < 0)
            deflate = i;
        else
            return false;
    }
    return true;
}

}  // namespace

std::unique_ptr<ChunkReader> ChunkReader::make(const std::filesystem::path& path, hid_t file,
                                               hid_t dataset, const std::string& name) {
    const h5::Handle list(H5Dget_create_plist(dataset)), file_list(H5Fget_create_plist(file));
    std::unique_ptr<ChunkReader> reader(new ChunkReader);
    hsize_t user_block = 0;
    unsigned options = 0;
    if (H5Pget_layout(list) != H5D_CHUNKED || H5Pget_userblock(file_list, &user_block) < 0 ||
        user_block != 0 || H5Pget_chunk_opts(list, &options) < 0 || options != 0 ||
        !known_filters(list, reader->shuffle_, reader->deflate_))
        return nullptr;

    const h5::Handle space(H5Dget_space(dataset)), type(H5Dget_type(dataset));
    hsize_t extent[H5S_MAX_RANK] = {}, chunk[H5S_MAX_RANK] = {};
    const int rank = H5Sget_simple_extent_dims(space, extent, nullptr);
    if (rank < 1 || H5Pget_chunk(list, H5S_MAX_RANK, chunk) != rank) return nullptr;
    reader->rank_ = static_cast<std::size_t>(rank);
    reader->value_bytes_ = H5Tget_size(type);
    reader->chunk_bytes_ = reader->row_bytes_ = reader->value_bytes_;
    std::size_t chunks = 1;
    for (std::size_t axis = 0; axis < reader->rank_; ++axis) {
        if (extent[axis] == 0 || chunk[axis] == 0) return nullptr;
        reader->extent_.push_back(extent[axis]);
        reader->chunk_.push_back(chunk[axis]);
        reader->grid_.push_back((extent[axis] + chunk[axis] - 1) / chunk[axis]);
        if (axis > 0) reader->row_bytes_ *= extent[axis];
        if (chunk[axis] > largest_chunk / reader->chunk_bytes_ ||
            reader->grid_[axis] > most_chunks / chunks)
            return nullptr;
        reader->chunk_bytes_ *= chunk[axis];
        chunks *= reader->grid_[axis];
    }
    reader->places_.resize(chunks);
    reader->fill_.resize(reader->value_bytes_);
    if (H5Pget_fill_value(list, type, reader->fill_.data()) < 0) return nullptr;
    reader->path_ = path;
    reader->name_ = name;
    reader->dataset_ = dataset;
    reader->file_ = open_to_read(path);
    reader->file_bytes_ = file_bytes(reader->file_.number(), path);
    return reader;
}

ChunkReader::Place ChunkReader::find(std::size_t number, const hsize_t* corner) const {
    {
        const std::lock_guard lock(mutex_);
        if (places_[number]) return *places_[number];
    }
    Place place;
    {
        const h5::Library library;
        haddr_t address = HADDR_UNDEF;
        hsize_t bytes = 0;
        unsigned mask = 0;
        if (H5Dget_chunk_info_by_coord(dataset_, corner, &mask, &address, &bytes) < 0)
            h5::fail_read(path_, "a chunk of " + name_ + " cannot be found");
        if (address != HADDR_UNDEF) place = {address, bytes, mask};
    }
    if (place.bytes > file_bytes_ || place.address > file_bytes_ - place.bytes)
        h5::fail_read(path_, "a chunk of " + name_ + " lies beyond the end of the file");
    const std::lock_guard lock(mutex_);
    places_[number] = place;
    return place;
}

void ChunkReader::unpack(const Place& place, std::span<std::byte> chunk) const {
    const bool deflated = deflate_ >= 0 && (place.mask >> deflate_ & 1u) == 0;
    const bool shuffled = shuffle_ >= 0 && (place.mask >> shuffle_ & 1u) == 0 && value_bytes_ > 1;
    const auto damaged = [&] { h5::fail_read(path_, "a chunk of " + name_ + " is damaged"); };
    if (!deflated && place.bytes != chunk_bytes_) damaged();
    // Deflate never grows data by more than a few bytes a block.
    if (place.bytes > chunk_bytes_ + chunk_bytes_ / 8 + 1024) damaged();
    if (!deflated && !shuffled)
        return read_at(file_.number(), chunk.data(), chunk.size(), place.address, path_);

    auto stored = std::make_unique_for_overwrite<std::byte[]>(place.bytes);
    read_at(file_.number(), stored.get(), place.bytes, place.address, path_);
    if (deflated) {
        const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(
            libdeflate_alloc_decompressor());
        auto inflated = std::make_unique_for_overwrite<std::byte[]>(shuffled ? chunk_bytes_ : 0);
        std::byte* const to = shuffled ? inflated.get() : chunk.data();
        // The output must be exactly one chunk: a bomb or a cut stream is an error.
        if (libdeflate_zlib_decompress(decompressor.get(), stored.get(), place.bytes, to,
                                       chunk_bytes_, nullptr) != LIBDEFLATE_SUCCESS)
            damaged();
        if (!shuffled) return;
        stored = std::move(inflated);
    }
    unshuffle(stored.get(), chunk_bytes_, value_bytes_, chunk.data());
}

// Copies the part of a chunk that lies inside the dataset and the wanted rows.
void ChunkReader::scatter(std::span<const std::byte> chunk, const hsize_t* corner,
                          const Rows& rows) const {
    hsize_t low[Shape::max_rank] = {}, high[Shape::max_rank] = {}, at[Shape::max_rank] = {};
    for (std::size_t axis = 0; axis < rank_; ++axis)
        high[axis] = std::min(chunk_[axis], extent_[axis] - corner[axis]);
    const auto first = static_cast<hsize_t>(rows.first), last = static_cast<hsize_t>(rows.last);
    low[0] = first > corner[0] ? first - corner[0] : 0;
    high[0] = std::min(high[0], last - corner[0]);

    const std::size_t inner = rank_ - 1;  // runs along the last axis are copied whole
    const std::size_t run = static_cast<std::size_t>(high[inner] - low[inner]) * value_bytes_;
    std::copy(low, low + rank_, at);
    while (true) {
        std::size_t from = 0, to = 0;
        for (std::size_t axis = 0; axis < rank_; ++axis) {
            from = from * chunk_[axis] + at[axis];
            const hsize_t place = corner[axis] + at[axis] - (axis == 0 ? first : 0);
            to = axis == 0 ? place : to * extent_[axis] + place;
        }
        std::memcpy(rows.out + to * value_bytes_, chunk.data() + from * value_bytes_, run);
        std::size_t axis = inner;
        while (axis > 0 && ++at[axis - 1] == high[axis - 1]) {
            at[axis - 1] = low[axis - 1];
            --axis;
        }
        if (axis == 0) return;
    }
}

void ChunkReader::read_chunk(std::size_t number, const hsize_t* corner, const Rows& rows) const {
    const Place place = find(number, corner);
    // A chunk of whole rows that are all wanted is decoded where it belongs.
    const bool whole = std::equal(chunk_.begin() + 1, chunk_.end(), extent_.begin() + 1) &&
                       static_cast<std::int64_t>(corner[0]) >= rows.first &&
                       static_cast<std::int64_t>(corner[0] + chunk_[0]) <= rows.last;
    const auto scratch = std::make_unique_for_overwrite<std::byte[]>(whole ? 0 : chunk_bytes_);
    const std::span<std::byte> chunk(
        whole ? rows.out + (corner[0] - static_cast<hsize_t>(rows.first)) * row_bytes_
              : scratch.get(),
        chunk_bytes_);
    if (place.bytes > 0)
        unpack(place, chunk);
    else
        for (std::size_t at = 0; at < chunk.size(); at += value_bytes_)
            std::memcpy(chunk.data() + at, fill_.data(), value_bytes_);
    if (!whole) scatter(chunk, corner, rows);
}

void ChunkReader::read(std::int64_t first, std::int64_t count, std::byte* out) const {
    const Rows rows{first, first + count, out};
    std::size_t across = 1;  // chunks beside each other
    for (std::size_t axis = 1; axis < rank_; ++axis) across *= grid_[axis];
    const std::size_t begin = static_cast<std::size_t>(first) / chunk_[0];
    const std::size_t end = (static_cast<std::size_t>(rows.last) + chunk_[0] - 1) / chunk_[0];
    for (std::size_t number = begin * across; number < end * across; ++number) {
        hsize_t corner[Shape::max_rank] = {};
        std::size_t rest = number;
        for (std::size_t axis = rank_; axis-- > 0; rest /= grid_[axis])
            corner[axis] = rest % grid_[axis] * chunk_[axis];
        read_chunk(number, corner, rows);
    }
}

}  // namespace narrows::storage
