#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "pipeline/storage/dataset_writer.hpp"
#include "pipeline/storage/unpack.hpp"

namespace narrows::storage {

RowSink::~RowSink() = default;

namespace {

h5::Handle begin_file(const SinkTarget& target, std::uint64_t bytes) {
    h5::Handle file = h5::create(target.temporary, {.alignment = h5::page_bytes});
    try {
        reserve(target.file, bytes + library_slack, target.path);
        h5::put_identity(file, "narrows-dataset", target.layout.attributes, target.path);
    } catch (...) {
        file.abandon();
        throw;
    }
    return file;
}

// Laid out and closed at once; rows are positioned writes.
class ContiguousSink final : public RowSink {
public:
    explicit ContiguousSink(const SinkTarget& target) : target_(target) {
        const h5::Library library;
        const std::uint64_t bytes =
            static_cast<std::uint64_t>(target.layout.rows) * target.row_bytes;
        h5::Handle file = begin_file(target, bytes);
        try {
            const h5::Handle list = h5::dataset_list();
            H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
            const h5::Handle samples = h5::make_dataset(
                file, "/samples", h5::stored_type(target.layout.type),
                target.layout.sample.with_batch(target.layout.rows), list, target.path);
            place_ = h5::place_of(samples);
        } catch (...) {
            file.abandon();
            throw;
        }
        if (!file.close()) h5::fail_write(target.path, "HDF5 could not lay out the file");
    }

    void append(std::span<const std::byte> rows, const Loop&) override {
        if (written_ + rows.size() > place_.bytes)
            throw Error(Fault::run, "more rows for " + in_quotes(target_.path) +
                                        " than announced: " + std::to_string(target_.layout.rows));
        write_at(target_.file, rows.data(), rows.size(), place_.offset + written_, target_.path);
        written_ += rows.size();
    }

    h5::Handle finish(std::int64_t rows, std::uint64_t more_bytes) override {
        if (rows != target_.layout.rows)
            throw Error(Fault::run, in_quotes(target_.path) + " got " + std::to_string(rows) +
                                        " of " + std::to_string(target_.layout.rows) + " rows");
        reserve(target_.file, file_bytes(target_.file, target_.path) + more_bytes + library_slack,
                target_.path);
        return h5::open_to_change(target_.temporary, {.alignment = h5::page_bytes});
    }

private:
    SinkTarget target_;
    h5::Place place_;
    std::uint64_t written_ = 0;
};

struct FreeCompressor {
    void operator()(libdeflate_compressor* compressor) const {
        libdeflate_free_compressor(compressor);
    }
};

// Chunks of whole samples, filtered here and handed over as they shall stand in the file.
class ChunkedSink final : public RowSink {
public:
    explicit ChunkedSink(const SinkTarget& target)
        : target_(target), value_bytes_(size_of(target.layout.type)) {
        // About 1 MiB: reads well in order, and a single row does not cost much.
        constexpr std::size_t chunk_goal = 1u << 20;
        chunk_rows_ = static_cast<std::int64_t>(
            std::max<std::size_t>(1, chunk_goal / std::max<std::size_t>(1, target.row_bytes)));
        if (target.layout.rows > 0) chunk_rows_ = std::min(chunk_rows_, target.layout.rows);
        chunk_bytes_ = static_cast<std::size_t>(chunk_rows_) * target.row_bytes;
        if (target.row_bytes == 0 || chunk_bytes_ >= 0xffffffffu)
            throw Error(Fault::usage,
                        "samples of " + std::to_string(target.row_bytes) +
                            " bytes cannot be stored in chunks",
                        "use compression level 0 and a known number of rows");
        packed_ = target.layout.level > 0;
        make_dataset();
    }

    ~ChunkedSink() override {
        const h5::Library library;
        dataset_.abandon();  // unfinished: the library must not touch the file again
        file_.abandon();
    }

    void append(std::span<const std::byte> rows, const Loop& loop) override {
        // Two for each thread: some chunks take longer than others.
        const std::size_t together =
            packed_ && loop.threads() > 1 ? std::min(most_together, 2 * loop.threads()) : 1;
        while (batch_.size() < together) batch_.push_back(make_chunk());
        while (!rows.empty()) {
            Chunk& chunk = batch_[full_];
            const std::size_t take = std::min(rows.size(), chunk_bytes_ - filled_);
            std::memcpy(chunk.data.get() + filled_, rows.data(), take);
            filled_ += take;
            rows = rows.subspan(take);
            if (filled_ < chunk_bytes_) break;
            filled_ = 0;
            if (++full_ >= together) write_batch(loop);
        }
    }

    h5::Handle finish(std::int64_t rows, std::uint64_t more_bytes) override {
        if (filled_ > 0) {
            std::memset(batch_[full_].data.get() + filled_, 0, chunk_bytes_ - filled_);
            ++full_;
        }
        rows_ = rows;
        write_batch(storage::loop());
        make_room(more_bytes);
        if (!dataset_.close()) h5::fail_write(target_.path, "dataset /samples");
        return std::move(file_);
    }

private:
    void make_dataset() {
        const h5::Library library;
        const Shape shape = target_.layout.sample.with_batch(0);
        hsize_t sizes[Shape::max_rank] = {}, most[Shape::max_rank] = {},
                chunk[Shape::max_rank] = {};
        for (std::size_t axis = 0; axis < shape.rank(); ++axis)
            sizes[axis] = most[axis] = chunk[axis] = static_cast<hsize_t>(shape[axis]);
        most[0] = H5S_UNLIMITED;
        chunk[0] = static_cast<hsize_t>(chunk_rows_);
        const int rank = static_cast<int>(shape.rank());

        file_ = begin_file(target_, 0);
        const h5::Handle space(H5Screate_simple(rank, sizes, most)), list = h5::dataset_list();
        H5Pset_chunk(list, rank, chunk);
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_INCR);
        if (packed_ && value_bytes_ > 1) H5Pset_shuffle(list);
        if (packed_) H5Pset_deflate(list, static_cast<unsigned>(target_.layout.level));
        dataset_ = h5::Handle(H5Dcreate2(file_, "/samples", h5::stored_type(target_.layout.type),
                                         space, H5P_DEFAULT, list, H5P_DEFAULT));
        h5::write_ok(dataset_, target_.path, "dataset /samples");
    }

    // In large steps while there is space, then in exact ones.
    void make_room(std::uint64_t more_bytes) {
        constexpr std::uint64_t step = 32u << 20, index_bytes = 64;
        const std::uint64_t needed =
            end_ + more_bytes + library_slack + index_bytes * static_cast<std::uint64_t>(chunks_);
        if (needed <= reserved_) return;
        try {
            reserve(target_.file, needed + step, target_.path);
            reserved_ = needed + step;
        } catch (const Error&) {
            reserve(target_.file, needed, target_.path);
            reserved_ = needed;
        }
    }

    void extend(std::int64_t rows) {
        const h5::Library library;
        hsize_t sizes[Shape::max_rank] = {};
        const Shape shape = target_.layout.sample.with_batch(rows);
        for (std::size_t axis = 0; axis < shape.rank(); ++axis)
            sizes[axis] = static_cast<hsize_t>(shape[axis]);
        if (H5Dset_extent(dataset_, sizes) < 0) h5::fail_write(target_.path, "rows of /samples");
    }

    // One chunk on its way: rows, shuffled, deflated, with a compressor of its own.
    struct Chunk {
        std::unique_ptr<std::byte[]> data, shuffled, deflated;
        std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor;
        std::span<const std::byte> stored;
        std::uint32_t mask = 0;
    };

    Chunk make_chunk() const {
        Chunk chunk;
        chunk.data = std::make_unique_for_overwrite<std::byte[]>(chunk_bytes_);
        if (!packed_) return chunk;
        chunk.shuffled = std::make_unique_for_overwrite<std::byte[]>(chunk_bytes_);
        chunk.deflated = std::make_unique_for_overwrite<std::byte[]>(chunk_bytes_);
        chunk.compressor.reset(libdeflate_alloc_compressor(target_.layout.level));
        if (!chunk.compressor) throw std::bad_alloc();
        return chunk;
    }

    // A mask bit says that a filter was left out for the chunk.
    void filter(Chunk& chunk) const {
        chunk.mask = 0;
        chunk.stored = {chunk.data.get(), chunk_bytes_};
        if (!packed_) return;
        if (value_bytes_ > 1) {
            shuffle(chunk.data.get(), chunk_bytes_, value_bytes_, chunk.shuffled.get());
            chunk.stored = {chunk.shuffled.get(), chunk_bytes_};
        }
        const std::size_t packed =
            libdeflate_zlib_compress(chunk.compressor.get(), chunk.stored.data(), chunk_bytes_,
                                     chunk.deflated.get(), chunk_bytes_);
        if (packed > 0 && packed < chunk_bytes_)
            chunk.stored = {chunk.deflated.get(), packed};
        else
            chunk.mask = value_bytes_ > 1 ? 2u : 1u;  // deflate does not shrink it
    }

    // Packed at once, written in order.
    void write_batch(const Loop& loop) {
        loop.each(full_, [&](std::size_t i) { filter(batch_[i]); });
        for (std::size_t i = 0; i < full_; ++i) write_chunk(batch_[i]);
        full_ = filled_ = 0;
    }

    void write_chunk(const Chunk& chunk) {
        make_room(chunk.stored.size());
        // Never beyond the rows: to cut some off, HDF5 would unpack and pack the last chunk itself.
        extend(std::min((chunks_ + 1) * chunk_rows_, rows_));
        const h5::Library library;
        hsize_t place[Shape::max_rank] = {static_cast<hsize_t>(chunks_ * chunk_rows_)};
        if (H5Dwrite_chunk(dataset_, H5P_DEFAULT, chunk.mask, place, chunk.stored.size(),
                           chunk.stored.data()) < 0)
            h5::fail_write(target_.path, "rows of /samples");
        ++chunks_;
        end_ += chunk.stored.size() + h5::page_bytes;  // aligned
    }

    static constexpr std::size_t most_together = 8;  // bounds the memory: 3 MiB each

    SinkTarget target_;
    std::size_t value_bytes_, chunk_bytes_ = 0;
    std::int64_t chunk_rows_ = 1, chunks_ = 0;
    std::int64_t rows_ = std::numeric_limits<std::int64_t>::max();  // known at the end
    bool packed_ = false;
    std::vector<Chunk> batch_;
    std::size_t full_ = 0, filled_ = 0;  // chunks that are whole; bytes of the next one
    std::uint64_t end_ = 0, reserved_ = 0;
    h5::Handle file_, dataset_;
};

}  // namespace

std::unique_ptr<RowSink> contiguous_sink(const SinkTarget& target) {
    return std::make_unique<ContiguousSink>(target);
}

std::unique_ptr<RowSink> chunked_sink(const SinkTarget& target) {
    return std::make_unique<ChunkedSink>(target);
}

}  // namespace narrows::storage
