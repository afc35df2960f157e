// Samples out of any file that narrows reads, as rows of floats. One rule: a Dataset is read-only
// and thread-safe, rows are addressed by number, and its memory is bounded (a budget, else a
// temporary file that is already unlinked).
#pragma once

#include <filesystem>

#include "pipeline/node.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::datasets {

// DATA on the command line: FILE[:/dataset][@first:last], and the options beside it.
struct DataSpec {
    std::string file;
    std::string dataset;
    std::optional<std::int64_t> first, last;
    std::string format;                   // "" = by content
    std::vector<std::int64_t> shape;      // raw binary: of a sample
    std::string type;                     // raw binary: a storage::Numeric, "f32"
    std::string label_column;             // CSV: name, index, "none"; "" = by name
    std::string columns;                  // CSV: "a,b,3-7"
    std::int64_t window = 0, stride = 0;  // cut long series into samples
    std::int64_t ply = 40;                // PGN: the position after so many half-moves
};
// Splits "FILE[:/dataset][@first:last]"; a leading "./" escapes odd names.
NARROWS_PUBLIC DataSpec parse_data(std::string_view text);
// Several, each with what `beside` says of all of them; its dataset where a text names none.
NARROWS_PUBLIC std::vector<DataSpec> parse_data(std::span<const std::string> texts,
                                                const DataSpec& beside);

// What every format opens as. Row numbers are 0 ... rows() - 1 of this dataset, whatever ids()
// says; `out` takes count x sample().elements() values, row after row. Reading throws
// Error{Fault::input} where the file no longer holds what it held when it was opened; rows that are
// not there are the caller's mistake, and are not checked.
class NARROWS_PUBLIC Dataset {
public:
    virtual ~Dataset();
    virtual std::int64_t rows() const = 0;
    virtual const Shape& sample() const = 0;
    virtual storage::Numeric type() const = 0;  // as stored
    virtual std::string name() const = 0;       // file's name without folder, with dataset
    // Unscaled values: `read` of neighbouring rows, `gather` of any, in their order, repeats
    // included.
    virtual void read(std::int64_t first, std::int64_t count, float* out) const = 0;
    virtual void gather(std::span<const std::int64_t> rows, float* out) const = 0;
    // Values as stored, for verbatim copies (`import`): of type(), in this machine's byte order.
    virtual void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const = 0;
    // Are those the values that read() gives? Not where they are packed (CF).
    virtual bool stored_as_read() const { return true; }
    // Are all values in memory, so that reading any row costs nothing?
    virtual bool in_memory() const { return false; }
    // Where the row's values lie in memory as read_stored() gives them; null: they do not, or not
    // so.
    virtual const std::byte* stored_row(std::int64_t /*row*/) const { return nullptr; }
    // Rows that are decoded together where the file is compressed, else 1.
    virtual std::int64_t rows_together() const { return 1; }
    // What reading takes beside its results and what was kept at the opening, at most.
    virtual std::uint64_t reading_bytes(std::size_t /*threads*/) const { return 0; }
    virtual std::vector<std::int64_t> labels() const { return {}; }      // per row, or empty
    virtual std::vector<std::string> label_names() const { return {}; }  // when labels were names
    virtual std::vector<std::int64_t> ids() const { return {}; }  // per row, or empty: its number
};

// Opens one or several DATA, concatenated in order; they share `memory_budget` (bytes kept in
// memory). Throws Error{Fault::input}: no such file, no known format, damage, shapes that differ,
// and, with a list of what is there, a dataset that must be named; Error{Fault::usage}: an unknown
// `format`. `once`: rows will be read in order and once, so that files are not kept and compressed
// HDF5 is decoded as they come.
NARROWS_PUBLIC std::shared_ptr<const Dataset> open(std::span<const DataSpec> specs,
                                                   std::uint64_t memory_budget = 192u << 20,
                                                   bool once = false);

// Labels alone: an IDX, CSV, NPY or HDF5 file of one integer (or name) per row.
struct Labels {
    std::vector<std::int64_t> values;
    std::vector<std::string> names;  // when they were names: values index them
    std::vector<double> targets;     // when they are not all whole numbers: instead of values
    std::size_t size() const { return targets.empty() ? values.size() : targets.size(); }
};
NARROWS_PUBLIC Labels open_labels(const DataSpec& spec);
// Of DATA texts, all read as `format` (empty: what each looks like), with its column and columns.
NARROWS_PUBLIC Labels open_labels(std::span<const std::string> texts, const std::string& format,
                                  const std::string& label_column, const std::string& columns);
// Several, one after another: names are numbered anew in the order of all names; one part with
// targets makes all of them targets. Throws Error{Fault::input}: names beside numbers.
NARROWS_PUBLIC Labels open_labels(std::span<const DataSpec> specs);

// What range, mean and deviation are made of: rows without NaN and Inf, or every finite value.
enum class Counted : std::uint8_t { whole_rows, values };

// One pass over the data: range, mean, deviation, rows that are not finite.
struct Summary {
    std::int64_t rows = 0;
    Shape sample;
    storage::Numeric type = storage::Numeric::f32;
    float low = 0, high = 0;
    std::vector<float> feature_low, feature_high, mean, deviation;
    std::int64_t bad_rows = 0;
    std::vector<std::int64_t> first_bad;  // at most 8 row numbers
    std::int64_t constant_features = 0;
    std::int64_t missing_values = 0;  // NaN or Inf, in all rows
    std::int64_t empty_rows = 0;      // hold nothing else
    std::int64_t empty_features = 0;  // nothing was counted: mean, deviation and range are 0
};
NARROWS_PUBLIC Summary summarise(const Dataset& data, const Loop& loop, std::int64_t first = 0,
                                 std::int64_t last = -1, Counted counted = Counted::whole_rows);

// Rows first ... last - 1 of a dataset; throws Error{Fault::input} where it has no such rows.
NARROWS_PUBLIC std::shared_ptr<const Dataset> rows_between(std::shared_ptr<const Dataset> base,
                                                           std::int64_t first, std::int64_t last);

// Some rows of a dataset, in this order; they keep their numbers as ids().
NARROWS_PUBLIC std::shared_ptr<const Dataset> select(std::shared_ptr<const Dataset> base,
                                                     std::vector<std::int64_t> rows);

// For reading in any order what is not in memory: whole blocks of `block_rows` are read at once,
// and the newest of them kept, up to `bytes`. Thread-safe.
NARROWS_PUBLIC std::shared_ptr<const Dataset> keep_blocks(std::shared_ptr<const Dataset> base,
                                                          std::int64_t block_rows,
                                                          std::uint64_t bytes);

// Rows of `count` samples of each label, drawn by the key, in increasing order. Throws
// Error{Fault::input} that names the labels with fewer.
NARROWS_PUBLIC std::vector<std::int64_t> draw_per_label(std::span<const std::int64_t> labels,
                                                        std::int64_t count, RandomKey key);

// Order of training samples: a keyed permutation of blocks of `block_rows`, then a shuffle inside
// `window_rows`. A pure function of its arguments.
class NARROWS_PUBLIC SampleOrder {
public:
    SampleOrder(RandomKey key, std::int64_t rows, std::int64_t block_rows,
                std::int64_t window_rows);
    // Rows at places first ... first+count-1 of the epoch's order.
    void rows(std::uint32_t epoch, std::int64_t first, std::span<std::int64_t> out) const;

private:
    void permute_windows(std::uint32_t epoch, std::span<std::uint64_t> places) const;

    RandomKey key_;
    std::int64_t rows_, block_rows_, window_rows_;
};

// Procedural data, a pure function of (kind, seed, row): "digits", "waves", "fields", "blobs".
struct Generated {
    Shape sample;
    storage::Numeric type = storage::Numeric::u8;
    std::vector<std::string> label_names;
};
NARROWS_PUBLIC Generated generated_layout(std::string_view kind);  // throws with suggestions
// Rows first ... first+count-1 as stored values and labels.
NARROWS_PUBLIC void generate(std::string_view kind, std::uint64_t seed, std::int64_t first,
                             std::int64_t count, std::byte* samples, std::int64_t* labels);

}  // namespace narrows::datasets
