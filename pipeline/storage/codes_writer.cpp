#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/block_hashes.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/same_run.hpp"
#include "pipeline/storage/whole_file.hpp"

// The invariant: whatever is killed, one slot of the counter is whole, and all rows below its count
// are on the disk. A commit syncs the rows first, then writes the older slot; the slot that it
// leaves alone still tells the truth.

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t commit_bytes = 16u << 20;
constexpr auto commit_time = std::chrono::seconds(5);

// Where things stand in the file.
struct Places {
    std::vector<std::uint64_t> columns, checksums;  // checksums: 0 where there are none
    std::uint64_t counter = 0, complete = 0;
};

fs::path partial_of(const fs::path& path) {
    return path.string() + ".partial";
}

std::size_t row_bytes(const CodesColumn& column) {
    return static_cast<std::size_t>(column.sample.elements()) * size_of(column.type);
}

std::int64_t rows_of(const CodesLayout& layout, const CodesColumn& column) {
    return column.rows < 0 ? layout.rows : column.rows;
}

// Of what has as many rows as the file.
bool has_checksums(const CodesLayout& layout, const CodesColumn& column) {
    return layout.checksums && column.rows < 0 && layout.rows > 0;
}

std::uint64_t all_bytes(const CodesLayout& layout) {
    std::uint64_t bytes = (1u << 20) + 4 * h5::page_bytes * layout.columns.size();
    for (const CodesColumn& column : layout.columns) {
        bytes += static_cast<std::uint64_t>(rows_of(layout, column)) * row_bytes(column);
        if (has_checksums(layout, column))
            bytes += sizeof(Hash128) * static_cast<std::uint64_t>(hashed_blocks(layout.rows));
    }
    return bytes;
}

Places lay_out(const fs::path& temporary, int file, const CodesLayout& layout,
               const fs::path& path) {
    const h5::Library library;
    h5::Handle target = h5::create(temporary, {.alignment = h5::page_bytes});
    Places places;
    try {
        reserve(file, all_bytes(layout), path);
        h5::put_identity(target, layout.format, layout.attributes, path);
        const h5::Handle list = h5::dataset_list();
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
        const auto make = [&](const std::string& name, hid_t type, const Shape& shape) {
            return h5::place_of(h5::make_dataset(target, name, type, shape, list, path)).offset;
        };
        for (const CodesColumn& column : layout.columns)
            places.columns.push_back(make(column.name, h5::stored_type(column.type),
                                          column.sample.with_batch(rows_of(layout, column))));
        for (const CodesColumn& column : layout.columns)
            places.checksums.push_back(has_checksums(layout, column)
                                           ? make(checksums_of(column.name), H5T_STD_U64LE,
                                                  {hashed_blocks(layout.rows), 2})
                                           : 0);
        places.counter = make("/rows_done", H5T_STD_U64LE, {4});
        places.complete = make("/complete", H5T_STD_U8LE, {1});
    } catch (...) {
        target.abandon();
        throw;
    }
    if (!target.close()) h5::fail_write(path, "HDF5 could not lay out the file");
    return places;
}

// The places in an existing file, after a check that it is of an equal layout.
Places find_places(const fs::path& path, const CodesLayout& layout) {
    const h5::Library library;
    const h5::Handle file = h5::open(path);
    h5::check_version(file, path);
    compare_origin(h5::get_all(file), layout.format, layout.attributes, path);
    const auto place = [&](const std::string& name, hid_t type, const Shape& shape) {
        const h5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT));
        if (!dataset.valid()) {
            H5Eclear2(H5E_DEFAULT);
            another_run(path, "it has no " + name);
        }
        const h5::Handle found(H5Dget_type(dataset));
        const Shape there = h5::extents(dataset);
        if (!(there == shape))
            another_run(path,
                        name + " is " + to_string(there) + " there, " + to_string(shape) + " here");
        if (H5Tequal(found, type) <= 0) another_run(path, name + " is of another type");
        return h5::place_of(dataset).offset;
    };
    Places places;
    for (const CodesColumn& column : layout.columns)
        places.columns.push_back(place(column.name, h5::stored_type(column.type),
                                       column.sample.with_batch(rows_of(layout, column))));
    for (const CodesColumn& column : layout.columns)
        places.checksums.push_back(
            has_checksums(layout, column)
                ? place(checksums_of(column.name), H5T_STD_U64LE, {hashed_blocks(layout.rows), 2})
                : 0);
    places.counter = place("/rows_done", H5T_STD_U64LE, {4});
    places.complete = place("/complete", H5T_STD_U8LE, {1});
    return places;
}

// One writer at a time. Not a flock: the library's readers take those, and may read meanwhile.
void claim(int file, const fs::path& path) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(file, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES)) return;
    throw Error(Fault::usage, in_quotes(path) + " is being written by another process",
                "wait until it is done, or choose another output");
}

}  // namespace

struct CodesWriter::Impl {
    fs::path path, partial;
    CodesLayout layout;
    Descriptor file;
    Places places;
    std::vector<BlockHashes> hashes;  // of each column's rows
    std::mutex mutex;                 // of what follows
    std::int64_t found = 0;           // rows of a run before, that goes on here
    std::int64_t done = 0, committed = 0;
    int slot = 0;           // the next one to write
    bool complete = false;  // an equal run has finished before, or this one has
    Clock::time_point last_commit = Clock::now();
    std::uint64_t bytes_per_row = 0;

    Impl(const fs::path& wanted, const CodesLayout& given, bool resume) : layout(given) {
        path = AtomicFile(wanted).path();  // writable, not a folder; links resolved
        partial = layout.live ? path : partial_of(path);
        for (const CodesColumn& column : layout.columns) {
            bytes_per_row += row_bytes(column);
            hashes.emplace_back(row_bytes(column));
        }

        std::error_code ignored;
        bool started = fs::exists(partial, ignored);
        // What a live run left behind goes on under its own name.
        if (resume && (layout.live || !started) && fs::exists(path, ignored)) {
            started = !is_complete();
            partial = path;
        }
        if (started) {
            file = open_to_write(partial);
            claim(file.number(), partial);
        }
        if (resume && started)
            go_on();
        else if (resume && fs::exists(path, ignored))
            accept_finished();
        else
            begin();
    }

    bool is_complete() const {
        const Places there = find_places(path, layout);
        std::uint8_t flag = 0;
        read_at(open_to_read(path).number(), &flag, 1, there.complete, path);
        return flag == 1;
    }

    void begin() {
        AtomicFile target(partial);
        Descriptor fresh = open_to_write(target.temporary());
        places = lay_out(target.temporary(), fresh.number(), layout, partial);
        const std::uint64_t counter[4] = {0, ~std::uint64_t{0}, 0, ~std::uint64_t{0}};
        write_at(fresh.number(), counter, sizeof counter, places.counter, partial);
        claim(fresh.number(), partial);
        target.commit();
        file = std::move(fresh);
    }

    void go_on() {
        places = find_places(partial, layout);
        std::uint64_t counter[4] = {};
        read_at(file.number(), counter, sizeof counter, places.counter, partial);
        bool valid = false;
        for (int i = 0; i < 2; ++i) {
            const std::uint64_t rows = counter[2 * i];
            if (rows != ~counter[2 * i + 1] || rows > static_cast<std::uint64_t>(layout.rows))
                continue;
            if (valid && static_cast<std::int64_t>(rows) < done) continue;
            valid = true;
            found = done = committed = static_cast<std::int64_t>(rows);
            slot = 1 - i;
        }
        if (!valid)
            throw Error(Fault::input,
                        in_quotes(partial) + " is damaged: its row counter is not valid",
                        "remove it and start again");
        for (std::size_t column = 0; column < hashes.size(); ++column)
            if (places.checksums[column] != 0) hash_rows_done(column);
        // Its space may have been given up by a copy, or was never all reserved.
        reserve(file.number(), all_bytes(layout), partial);
    }

    void accept_finished() {
        find_places(path, layout);
        complete = true;
        done = committed = layout.rows;
    }

    void hash_rows_done(std::size_t column) {
        const std::size_t bytes = row_bytes(layout.columns[column]);
        hashes[column].go_on_at(done, [&](std::int64_t first, std::int64_t count, std::byte* out) {
            read_at(file.number(), out, static_cast<std::size_t>(count) * bytes,
                    places.columns[column] + static_cast<std::uint64_t>(first) * bytes, partial);
        });
    }

    void write_hash(std::size_t column, std::int64_t block, Hash128 hash) {
        const std::uint64_t pair[2] = {hash.low, hash.high};
        write_at(file.number(), pair, sizeof pair,
                 places.checksums[column] + sizeof pair * static_cast<std::uint64_t>(block),
                 partial);
    }

    // Rows that a run before this one has written: the same run gives the same bits.
    void compare(std::size_t column, std::int64_t first, std::int64_t count, const void* rows) {
        const std::size_t bytes = row_bytes(layout.columns[column]);
        const auto* wanted = static_cast<const std::byte*>(rows);
        std::vector<std::byte> there(bytes);
        for (std::int64_t row = first; row < first + count; ++row, wanted += bytes) {
            read_at(file.number(), there.data(), bytes,
                    places.columns[column] + static_cast<std::uint64_t>(row) * bytes, partial);
            if (std::memcmp(there.data(), wanted, bytes) == 0) continue;
            another_run(partial, layout.columns[column].name + " of row " + std::to_string(row) +
                                     " is another: the data has changed");
        }
    }

    // What comes again after a resume is in its hashes already.
    void hash_rows(std::size_t column, std::int64_t first, std::int64_t count, const void* rows) {
        BlockHashes& mine = hashes[column];
        const std::int64_t known = std::clamp<std::int64_t>(mine.rows() - first, 0, count);
        if (first > mine.rows())
            throw Error(Fault::run, in_quotes(path) + ": row " + std::to_string(first) + " of " +
                                        layout.columns[column].name + " came before row " +
                                        std::to_string(mine.rows()));
        mine.add(static_cast<const std::byte*>(rows) +
                     static_cast<std::size_t>(known) * row_bytes(layout.columns[column]),
                 count - known,
                 [&](std::int64_t block, Hash128 hash) { write_hash(column, block, hash); });
    }

    void finish_hashes() {
        for (std::size_t column = 0; column < hashes.size(); ++column)
            if (places.checksums[column] != 0)
                hashes[column].finish(
                    [&](std::int64_t block, Hash128 hash) { write_hash(column, block, hash); });
    }

    // Rows below `done` are written: make them durable, then say so.
    void commit_rows() {
        if (done == committed) return;
        sync_data(file.number(), partial);
        const auto rows = static_cast<std::uint64_t>(done);
        const std::uint64_t pair[2] = {rows, ~rows};
        write_at(file.number(), pair, sizeof pair,
                 places.counter + sizeof pair * static_cast<std::size_t>(slot), partial);
        slot = 1 - slot;
        committed = done;
        last_commit = Clock::now();
    }
};

CodesWriter::CodesWriter(const fs::path& path, const CodesLayout& layout, bool resume)
    : impl_(std::make_unique<Impl>(path, layout, resume)) {}

CodesWriter::~CodesWriter() {
    if (!impl_->file || impl_->complete) return;
    try {
        impl_->commit_rows();
    } catch (const Error&) {  // the rows committed before are there
    }
}

std::int64_t CodesWriter::done() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->done;
}

bool CodesWriter::finished() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->complete;
}

void CodesWriter::write(std::size_t column, std::int64_t first, std::int64_t count,
                        const void* rows) {
    Impl& my = *impl_;
    if (my.complete) return;
    if (column >= my.layout.columns.size() || first < 0 || count < 0 ||
        first > rows_of(my.layout, my.layout.columns[column]) - count)
        throw Error(Fault::run, in_quotes(my.path) + ": rows " + std::to_string(first) + " to " +
                                    std::to_string(first + count) + " do not fit into its " +
                                    std::to_string(my.layout.rows));
    const std::size_t bytes = row_bytes(my.layout.columns[column]);
    if (my.layout.columns[column].rows < 0)
        my.compare(column, first, std::clamp<std::int64_t>(my.found - first, 0, count), rows);
    if (my.places.checksums[column] != 0) my.hash_rows(column, first, count, rows);
    write_at(my.file.number(), rows, static_cast<std::size_t>(count) * bytes,
             my.places.columns[column] + static_cast<std::uint64_t>(first) * bytes, my.partial);
}

void CodesWriter::rows_written(std::int64_t up_to) {
    Impl& my = *impl_;
    const std::lock_guard lock(my.mutex);
    if (my.complete || up_to <= my.done) return;
    my.done = std::min(up_to, my.layout.rows);
    const std::uint64_t fresh =
        static_cast<std::uint64_t>(my.done - my.committed) * my.bytes_per_row;
    if (fresh >= commit_bytes || Clock::now() - my.last_commit >= commit_time) my.commit_rows();
}

void CodesWriter::commit() {
    Impl& my = *impl_;
    const std::lock_guard lock(my.mutex);
    if (my.complete) return;
    if (my.done != my.layout.rows)
        throw Error(Fault::run, in_quotes(my.path) + " got " + std::to_string(my.done) + " of " +
                                    std::to_string(my.layout.rows) + " rows");
    my.finish_hashes();
    sync_data(my.file.number(), my.partial);
    const auto rows = static_cast<std::uint64_t>(my.done);
    const std::uint64_t both[4] = {rows, ~rows, rows, ~rows};
    write_at(my.file.number(), both, sizeof both, my.places.counter, my.partial);
    // The flag alone on the disk would be a complete file whose counter says otherwise.
    sync_data(my.file.number(), my.partial);
    const std::uint8_t yes = 1;
    write_at(my.file.number(), &yes, 1, my.places.complete, my.partial);
    release_surplus(my.file.number());
    sync_file(my.file.number(), my.partial);
    if (my.partial != my.path && ::rename(my.partial.c_str(), my.path.c_str()) != 0)
        throw Error(Fault::run,
                    "cannot put " + in_quotes(my.path) + " in its place: " + system_text(errno),
                    "check its folder");
    sync_folder_of(my.path);
    my.complete = true;
    my.file.close();
}

void CodesWriter::discard() noexcept {
    if (!impl_->file || impl_->complete) return;
    ::unlink(impl_->partial.c_str());
    impl_->file.close();
}

}  // namespace narrows::storage
