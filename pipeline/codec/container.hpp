// Whole files: datasets packed chunk by chunk, what stands beside them carried over, and back. One
// rule: memory holds a few chunks, whatever the size of the data; chunks are packed by the loop's
// threads, to the same bytes.
#pragma once

#include <functional>

#include "pipeline/codec/choose.hpp"
#include "pipeline/codec/models.hpp"
#include "pipeline/storage/part.hpp"

namespace narrows::codec {

// The bound as it is asked for.
struct Wanted {
    enum class Kind : std::uint8_t {
        unsaid,  // whole numbers exact; floating-point numbers must have one
        lossless,
        absolute,
        range,      // of the finite values that are not fill
        pointwise,  // of each value
        psnr,       // in dB, of the same range
    } kind = Kind::unsaid;
    double value = 0;
};
std::string NARROWS_PUBLIC to_string(const Wanted& wanted);

// Floating-point values that are packed, and not exactly in any case (as scales are): somebody must
// say how far they may be off.
NARROWS_PUBLIC bool needs_bound(const storage::ArrayInfo& info);

struct Input {
    storage::ArrayInfo info;  // path, type, shape, attributes, fill value
    std::function<void(std::int64_t first, std::int64_t count, std::byte* out)> read;
};

struct Job {
    Wanted wanted;
    std::vector<std::pair<std::string, Wanted>> bounds;  // of single datasets, by path, instead
    std::vector<StoredModel> models;  // to take for datasets of these paths, not fitting any
    bool embed = false;               // store those too, not only their hash
    std::int64_t chunk_rows = 0;      // 0: about 4 MiB
    // These rows of what is as long as the largest dataset, cut between chunks; the bound, the way
    // of coding and the model are those of all rows. Everything else is in the first part alone.
    std::optional<storage::Part> part;
    int zstd_level = 9;
    Prefer prefer = Prefer::balanced;
    double budget = 60;  // of fitting a dataset: seconds on two ordinary cores, roughly
    std::function<void(std::uint64_t bytes)> progress;  // after each batch, of input
    std::function<bool()> stop;                         // true: ends with Error{Fault::run}
};

struct ArrayResult {
    std::string path, method, bound_text;
    Numeric type = Numeric::f32;
    std::uint64_t rows = 0, values = 0, bytes_in = 0, bytes_out = 0, model_bytes = 0;
    std::uint64_t violations = 0;
    double max_error = 0, bound = 0, psnr = 0;  // bound: absolute, or of each value
    std::vector<Candidate> tried;
    std::size_t winner = 0;
};

// Every dataset of a file, and what stands beside them.
struct WholeFile {
    std::vector<Input> inputs;
    storage::FileBeside beside;
};
NARROWS_PUBLIC WholeFile whole_file(const storage::ArrayFile& file);

// Writes `path` (narrows-compressed). Dimension scales and CF bounds stay exact. Throws
// Error{Fault::usage}: floating-point numbers without a bound, rows that do not fit a chunk; of a
// part: fewer chunks than parts, lossy datasets of as many rows in other chunks.
NARROWS_PUBLIC std::vector<ArrayResult> compress_file(const std::filesystem::path& path,
                                                      const std::vector<Input>& inputs,
                                                      const storage::FileBeside& beside,
                                                      const Job& job, const Loop& loop);

// Every dataset under its own path, plain. Throws Error{Fault::input} that names dataset and rows.
NARROWS_PUBLIC std::uint64_t decompress_file(const std::filesystem::path& from,
                                             const std::filesystem::path& to, const Job& job,
                                             const Loop& loop);

struct Verification {
    std::uint64_t datasets = 0, chunks = 0, values = 0, violations = 0;
    double max_error = 0;
    std::vector<std::string> problems;  // damaged chunks, by dataset and rows
};
// Decodes every chunk; with `against`, compares each value with what was packed (of a part: with
// its rows).
NARROWS_PUBLIC Verification verify_file(const std::filesystem::path& path,
                                        const std::vector<Input>& against, const Loop& loop);

}  // namespace narrows::codec
