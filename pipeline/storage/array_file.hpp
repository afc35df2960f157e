// Reading and writing datasets and codes in HDF5. One rule: an HDF5 file is never open for writing
// while a run computes: it is laid out, closed, and filled by positioned writes, or written to a
// temporary in one go. Readers are thread-safe.
#pragma once

#include <filesystem>
#include <map>
#include <variant>

#include "pipeline/node.hpp"
#include "pipeline/storage/bundle.hpp"
#include "pipeline/storage/exact.hpp"

namespace narrows::storage {

NARROWS_PUBLIC std::string to_string(Numeric type);
NARROWS_PUBLIC std::size_t size_of(Numeric type);
NARROWS_PUBLIC Numeric numeric_of(Type type);

struct ArrayInfo {
    std::string path;  // "/samples"
    Numeric type = Numeric::f32;
    bool big_endian = false;
    Shape shape;
    bool numeric = true;              // else text: fixed-length strings
    std::vector<std::int64_t> chunk;  // empty: contiguous
    std::string filters;              // "shuffle+deflate-4"
    std::uint64_t stored_bytes = 0;
    double scale_factor = 1, add_offset = 0;  // CF packing
    std::optional<double> fill_value;
    std::string bounds_of;        // CF: is the `bounds` of that variable
    std::size_t value_bytes = 0;  // of a number or text
    std::vector<std::pair<std::string, Attribute>> attributes;  // texts and single numbers
    Beside beside;  // of look() alone: for copies of whole files
};

struct FileInfo {
    std::string format;                                         // root attribute, may be empty
    std::vector<std::pair<std::string, Attribute>> attributes;  // of the root
    std::vector<ArrayInfo> arrays;  // all datasets, depth first, by name
    std::uint64_t bytes = 0;
    FileBeside beside;
};

NARROWS_PUBLIC bool is_hdf5(const std::filesystem::path& path);
// Throws what to say of a file that is none.
[[noreturn]] NARROWS_PUBLIC void refuse_as_hdf5(const std::filesystem::path& path);

// How reading and writing cut their work over threads: a read of several chunks decodes them at
// once, to the same bytes. Until a program sets one (which must outlive all reading), everything
// happens on the calling thread.
NARROWS_PUBLIC void set_loop(const Loop& loop);
NARROWS_PUBLIC const Loop& loop() noexcept;

// Rows of one dataset. Thread-safe; contiguous data and chunks of shuffle, deflate and Fletcher-32
// by positioned reads, all else by the library, with a cache of decoded chunks.
class NARROWS_PUBLIC ArrayReader {
public:
    virtual ~ArrayReader();
    virtual const ArrayInfo& info() const = 0;
    // Values as stored (native byte order), rows first ... first+count-1.
    virtual void read(std::int64_t first, std::int64_t count, std::byte* out) const = 0;
    // Converted to float: stored value (CF packing applied when `unpack`).
    virtual void read(std::int64_t first, std::int64_t count, float* out, bool unpack) const = 0;
    virtual std::vector<std::string> read_text(std::int64_t first, std::int64_t count) const = 0;
    // At most what reading with so many threads takes beside its results: decoded chunks that are
    // kept, and what they are decoded through.
    virtual std::uint64_t reading_bytes(std::size_t /*threads*/) const { return 0; }
};

// An HDF5 or netCDF-4 file. A model or checkpoint is verified, then HDF5 opens it here; any other
// file is parsed by a process of its own with little memory and time, and refused with the reason
// where it is damaged or hostile: what that process says is checked against the file, and the rows
// are read and unpacked here. Thread-safe. Throws Error{Fault::input}.
class Source;
class NARROWS_PUBLIC ArrayFile {
public:
    explicit ArrayFile(const std::filesystem::path& path);
    ~ArrayFile();
    FileInfo look() const;
    // Rows of files that narrows joined come from their parts, which are all checked here.
    std::unique_ptr<ArrayReader> open(const std::string& dataset) const;
    // The same, but rows that would not show damage by themselves are compared with the checksums
    // that narrows wrote beside them, a block of 4096 when the first of them is asked for; reading
    // throws Error{Fault::input} where one fails. `contents`: what look() gave.
    std::unique_ptr<ArrayReader> open_checked(const FileInfo& contents,
                                              const std::string& dataset) const;
    const std::filesystem::path& path() const { return path_; }

private:
    friend class PartsReader;
    friend std::vector<struct Shard> shards_of(const ArrayFile& file);
    // A part is no joined file itself.
    std::unique_ptr<ArrayReader> open_here(const std::string& dataset) const;
    std::unique_ptr<ArrayReader> open_layout(const struct ArrayLayout& layout) const;

    std::filesystem::path path_;
    std::shared_ptr<const class Descriptor> file_;  // holds a shared lock while somebody reads
    std::shared_ptr<Source> source_;
};
NARROWS_PUBLIC FileInfo look(const std::filesystem::path& path);
NARROWS_PUBLIC std::unique_ptr<ArrayReader> open_array(const std::filesystem::path& path,
                                                       const std::string& dataset);

// Chunks of the compressing filter (pipeline/codec): its room says how they are decoded.
inline constexpr int codec_filter = 310;  // of HDF5's range for testing
class NARROWS_PUBLIC ChunkDecoder {
public:
    virtual ~ChunkDecoder();
    // Fills `chunk`; false: damaged. Thread-safe.
    virtual bool decode(std::span<const std::byte> stored, std::span<std::byte> chunk) const = 0;
};
// `fetch` gives the bytes of another dataset of the same file. Throws Error{Fault::input}.
using ChunkDecoderMaker = std::shared_ptr<const ChunkDecoder> (*)(
    const ArrayInfo& info, FunctionRef<std::vector<std::byte>(const std::string& dataset)> fetch);
NARROWS_PUBLIC void set_chunk_decoder(ChunkDecoderMaker maker);

// From now on HDF5 itself opens foreign files in this process, with any filter and without limits:
// for files of people one knows (`--trust`).
NARROWS_PUBLIC void trust_files(bool trust);

// Writes a narrows-dataset with rows appended in order; sizes need not be known. Contiguous when
// `rows` is known and no compression is asked for, else chunked with shuffle + deflate.
struct DatasetLayout {
    Shape sample;
    Numeric type = Numeric::f32;
    std::int64_t rows = -1;                                     // -1: unknown
    int level = 0;                                              // deflate level, 0: none
    std::vector<std::pair<std::string, Attribute>> attributes;  // of the root
};
class NARROWS_PUBLIC DatasetWriter {
public:
    DatasetWriter(const std::filesystem::path& path, const DatasetLayout& layout);
    ~DatasetWriter();
    // Whole rows, as layout.type; chunks are compressed by the loop's threads, to the same bytes.
    void append(std::span<const std::byte> rows, const Loop& loop = storage::loop());
    void append_labels(std::span<const std::int64_t> labels);
    void label_names(std::vector<std::string> names);  // of the integers 0, 1, ...
    void append_ids(std::span<const std::int64_t> ids);
    void commit();  // publishes; throws on rows missing

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Codes and their companions (narrows-codes): laid out and closed as `Z.h5.partial`, rows written
// in place, a two-slot row counter committed every 16 MiB or 5 s, renamed to `Z.h5` at the end.
// `/check/NAME` has the checksums of each column's rows.
struct CodesColumn {
    std::string name;  // "/codes", "/ids", "/sse", ...
    Type type = Type::f32;
    Shape sample;            // per row; rank 0: one value
    std::int64_t rows = -1;  // -1: as many as the file's; else a length of its own
};
struct CodesLayout {
    std::int64_t rows = 0;
    std::vector<CodesColumn> columns;
    std::string format = "narrows-codes";
    bool live = false;      // under its own name from the start; readers refuse it
                            // until it is complete
    bool checksums = true;  // false: of a file that is soon read and gone
    std::vector<std::pair<std::string, Attribute>> attributes;  // model hash, source, seed ...
};
class NARROWS_PUBLIC CodesWriter {
public:
    // resume: an equal layout goes on (done() rows are there); another run's file is refused.
    CodesWriter(const std::filesystem::path& path, const CodesLayout& layout, bool resume);
    ~CodesWriter();  // leaves the partial file as it is (committed rows)
    std::int64_t done() const;
    bool finished() const;  // under its own name, by an equal run before or by commit()
    // A column's rows in order, from done() on; what is there already may come again. Not
    // thread-safe.
    void write(std::size_t column, std::int64_t first, std::int64_t count, const void* rows);
    void rows_written(std::int64_t up_to);  // all columns of rows below are written; may commit
    void commit();                          // complete: counter, flag, fsync, rename
    void discard() noexcept;                // removes the partial file

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// --resume, of a file that is written in one go: is the finished file of this very run there? Its
// format, root attributes and these arrays are compared. False: nothing is there. Throws
// Error{Fault::usage}: it is of another run; Error{Fault::input}: it is damaged, or not finished.
NARROWS_PUBLIC bool finished_before(const std::filesystem::path& path, const FileInfo& wanted);
NARROWS_PUBLIC bool finished_before(const std::filesystem::path& path, const CodesLayout& layout);
NARROWS_PUBLIC bool finished_before(const std::filesystem::path& path, const DatasetLayout& layout);
// --resume, of a file that says nothing of its run (text, pictures): if it is there, it is refused.
NARROWS_PUBLIC void refuse_unknown_run(const std::filesystem::path& path);

}  // namespace narrows::storage
