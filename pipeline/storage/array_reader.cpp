#include "pipeline/storage/array_reader.hpp"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pipeline/storage/convert.hpp"

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
                    quoted(path_) + ": rows " + std::to_string(first) + " to " +
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
        throw Error(Fault::input, quoted(path_) + ": " + info_.path + " holds text, not numbers",
                    "name a numeric dataset");
    Packing packing;
    if (unpack) packing = {info_.scale_factor, info_.add_offset, info_.fill_value};
    if (info_.type == Numeric::f32 && packing.identity())
        return read(first, count, reinterpret_cast<std::byte*>(out));

    check_range(first, count);
    if (row_bytes() == 0) return;
    // By pieces that stay in the cache; chunked data in whole blocks where they fit.
    constexpr std::size_t piece_bytes = 4u << 20;
    const auto piece =
        static_cast<std::int64_t>(std::max<std::size_t>(1, piece_bytes / row_bytes()));
    const auto stored = std::make_unique_for_overwrite<std::byte[]>(
        static_cast<std::size_t>(std::min(piece, count)) * row_bytes());
    for (std::int64_t done = 0; done < count; done += piece) {
        const std::int64_t here = std::min(piece, count - done);
        const std::size_t values = static_cast<std::size_t>(here) * row_values_;
        read(first + done, here, stored.get());
        to_float(info_.type, stored.get(), values, packing,
                 out + static_cast<std::size_t>(done) * row_values_);
    }
}

std::vector<std::string> RowReader::read_text(std::int64_t first, std::int64_t count) const {
    if (info_.numeric)
        throw Error(Fault::input, quoted(path_) + ": " + info_.path + " holds numbers, not text",
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

ContiguousReader::ContiguousReader(std::filesystem::path path, ArrayInfo info,
                                   std::size_t bytes_of_value, Descriptor file,
                                   std::uint64_t offset)
    : RowReader(std::move(path), std::move(info), bytes_of_value),
      file_(std::move(file)),
      offset_(offset) {
    if (::flock(file_.number(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        throw Error(Fault::input, quoted(path_) + " is being written by another process",
                    "wait until it is done");
    const std::uint64_t end = offset + static_cast<std::uint64_t>(rows()) * row_bytes();
    const std::uint64_t size = file_bytes(file_.number(), path_);
    if (end > size)
        throw Error(Fault::input,
                    quoted(path_) + " is truncated: " + info_.path + " ends at byte " +
                        std::to_string(end) + ", the file at " + std::to_string(size),
                    "copy or make it again");
}

ContiguousReader::~ContiguousReader() = default;

void ContiguousReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    read_at(file_.number(), out, static_cast<std::size_t>(count) * row_bytes(),
            offset_ + static_cast<std::uint64_t>(first) * row_bytes(), path_);
}

// ----------------------------------------------------------------------------------- chunked

RowBlocks::RowBlocks(const std::filesystem::path& path, const std::string& dataset,
                     bool library_cache)
    : path_(path), name_(dataset) {
    const h5::Library library;
    file_ = h5::open(path);
    const h5::Handle list(H5Pcreate(H5P_DATASET_ACCESS));
    // Our blocks are whole rows of chunks: the library's own cache would only copy them again.
    H5Pset_chunk_cache(list, 521, library_cache ? ChunkedReader::cache_bytes : 0, 1.0);
    dataset_ = h5::Handle(H5Dopen2(file_, dataset.c_str(), list));
    h5::read_ok(dataset_, path, "dataset " + dataset + " cannot be opened");
    type_ = h5::Handle(H5Dget_type(dataset_));
    chunks_ = ChunkReader::make(path, file_, dataset_, dataset);
    H5Eclear2(H5E_DEFAULT);
}

RowBlocks::~RowBlocks() {
    const h5::Library library;
    type_ = {};
    dataset_ = {};
    file_ = {};
}

void RowBlocks::decode(std::int64_t first, std::int64_t count, std::byte* out) const {
    if (chunks_) return chunks_->read(first, count, out);
    const h5::Library library;
    const h5::Handle space(H5Dget_space(dataset_));
    hsize_t start[H5S_MAX_RANK] = {}, size[H5S_MAX_RANK] = {};
    const int rank = H5Sget_simple_extent_dims(space, size, nullptr);
    if (rank > 0) {
        start[0] = static_cast<hsize_t>(first);
        size[0] = static_cast<hsize_t>(count);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr);
    }
    const h5::Handle memory(rank == 0 ? H5Screate(H5S_SCALAR)
                                      : H5Screate_simple(rank, size, nullptr));
    if (H5Dread(dataset_, type_, memory, space, H5P_DEFAULT, out) < 0)
        h5::fail_read(path_, "rows " + std::to_string(first) + " to " +
                                 std::to_string(first + count) + " of " + name_ +
                                 " cannot be read");
}

ChunkedReader::ChunkedReader(std::filesystem::path path, ArrayInfo info, std::size_t bytes_of_value)
    : RowReader(std::move(path), std::move(info), bytes_of_value) {
    bool huge = false;
    if (!info_.chunk.empty()) {
        block_rows_ = std::min(info_.chunk[0], rows());
        huge = static_cast<std::size_t>(block_rows_) >
               cache_bytes / 2 / std::max<std::size_t>(1, row_bytes());
        if (huge) block_rows_ = 0;
    }
    source_ = std::make_unique<RowBlocks>(path_, info_.path, huge && !info_.filters.empty());
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
    source_->decode(first, count, made->data());

    const std::lock_guard lock(mutex_);
    recent_.emplace_front(number, made);
    places_[number] = recent_.begin();
    cached_ += made->size();
    while (cached_ > cache_bytes && recent_.size() > 1) {
        cached_ -= recent_.back().second->size();
        places_.erase(recent_.back().first);
        recent_.pop_back();
    }
    return made;
}

void ChunkedReader::fetch(std::int64_t first, std::int64_t count, std::byte* out) const {
    if (block_rows_ == 0) return source_->decode(first, count, out);
    const std::int64_t last = first + count;
    while (first < last) {
        const std::int64_t number = first / block_rows_, begin = number * block_rows_;
        const std::int64_t end = std::min(begin + block_rows_, rows());
        std::int64_t here = std::min(end, last) - first;
        if (first == begin && last >= end) {
            // All blocks that are asked for as a whole, in one go.
            here = (last == rows() ? last : last / block_rows_ * block_rows_) - first;
            source_->decode(first, here, out);
        } else {
            const Block from = block(number);
            std::memcpy(out, from->data() + static_cast<std::size_t>(first - begin) * row_bytes(),
                        static_cast<std::size_t>(here) * row_bytes());
        }
        first += here;
        out += static_cast<std::size_t>(here) * row_bytes();
    }
}

// -------------------------------------------------------------------------------------- open

namespace {

// Every step of the path must be a plain link: others may lead out of the file.
bool plain_path(hid_t file, const std::string& name) {
    for (std::size_t slash = name.find('/', 1);; slash = name.find('/', slash + 1)) {
        H5L_info_t link;
        if (H5Lget_info(file, name.substr(0, slash).c_str(), &link, H5P_DEFAULT) < 0 ||
            link.type != H5L_TYPE_HARD)
            return false;
        if (slash == std::string::npos) return true;
    }
}

// Data that lies elsewhere: a file of strangers could name any file of this machine.
void refuse_elsewhere(hid_t dataset, const std::string& name, const std::filesystem::path& path) {
    const h5::Handle list(H5Dget_create_plist(dataset));
    const bool external = H5Pget_external_count(list) > 0;
    if (!external && H5Pget_layout(list) != H5D_VIRTUAL) return;
    throw Error(Fault::input,
                quoted(path) + ": " + name + " keeps its data in other files (" +
                    (external ? "external storage" : "virtual dataset") + "), which is refused",
                "make one plain file of it, for example with h5repack");
}

}  // namespace

std::unique_ptr<ArrayReader> open_array(const std::filesystem::path& path,
                                        const std::string& dataset) {
    check_contents(path);
    const std::string name = dataset.starts_with('/') ? dataset : "/" + dataset;
    std::optional<ArrayInfo> info;
    std::size_t bytes = 0;
    std::optional<std::uint64_t> offset;
    Descriptor data;
    {
        const h5::Library library;
        const h5::Handle file = h5::open(path);
        check_usable(file, path);
        const h5::Handle object(plain_path(file, name) ? H5Oopen(file, name.c_str(), H5P_DEFAULT)
                                                       : H5I_INVALID_HID);
        if (!object.valid() || H5Iget_type(object) != H5I_DATASET) {
            H5Eclear2(H5E_DEFAULT);
            throw Error(Fault::input, quoted(path) + " has no dataset " + name,
                        "narrows info lists what is there");
        }
        info = describe_array(object, name);
        if (!info)
            throw Error(Fault::input,
                        quoted(path) + ": " + name + " holds neither numbers nor fixed-length text",
                        "name another dataset");
        refuse_elsewhere(object, name, path);
        bytes = value_bytes(object);
        const h5::Handle list(H5Dget_create_plist(object));
        const h5::Place place = h5::place_of(object);
        H5Eclear2(H5E_DEFAULT);
        if (H5Pget_layout(list) == H5D_CONTIGUOUS && place.offset != 0) {
            offset = place.offset;
            data = open_to_read(path);
        }
    }
    if (offset)
        return std::make_unique<ContiguousReader>(path, *info, bytes, std::move(data), *offset);
    return std::make_unique<ChunkedReader>(path, *info, bytes);
}

}  // namespace narrows::storage
