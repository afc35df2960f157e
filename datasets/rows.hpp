// Datasets made of others or of plain rows of numbers.
#pragma once

#include "datasets/bytes.hpp"
#include "datasets/dataset.hpp"

namespace narrows::datasets {

// What belongs to a dataset beside its numbers.
struct Companions {
    std::vector<std::int64_t> labels;
    std::vector<std::string> label_names;
    std::vector<std::int64_t> ids;
};

// Fixed-size rows somewhere in `bytes`.
struct RowLayout {
    std::string name;
    std::uint64_t offset = 0;
    std::int64_t rows = 0;
    Shape sample;
    storage::Numeric type = storage::Numeric::f32;
    bool big_endian = false;
};
// Throws Error{Fault::input} where the bytes end before the last row.
NARROWS_PUBLIC std::shared_ptr<const Dataset> make_rows(std::shared_ptr<const Bytes> bytes,
                                                        RowLayout layout,
                                                        Companions companions = {});

// Rows first ... last-1; consecutive windows of a series; one after another.
std::shared_ptr<const Dataset> make_range(std::shared_ptr<const Dataset> base, std::int64_t first,
                                          std::int64_t last);
std::shared_ptr<const Dataset> make_windows(std::shared_ptr<const Dataset> base,
                                            std::int64_t window, std::int64_t stride);
std::shared_ptr<const Dataset> make_joined(std::vector<std::shared_ptr<const Dataset>> parts);

// Gathers runs of neighbouring rows in one read each: gather() of a dataset by its read().
NARROWS_PUBLIC void gather_by_runs(const Dataset& data, std::span<const std::int64_t> rows,
                                   float* out);

}  // namespace narrows::datasets
