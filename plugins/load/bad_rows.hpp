// Rows that hold NaN or Inf, and what on_bad_row makes of them: "stop" names them and ends the run,
// "skip" leaves them out, "mask" leaves out their values.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/plugin.hpp"

namespace narrows::plugins {

inline datasets::Counted counted(std::string_view on_bad_row) {
    return on_bad_row == "mask" ? datasets::Counted::values : datasets::Counted::whole_rows;
}

[[noreturn]] void refuse_row(const datasets::Dataset& data, std::int64_t row);

// Reads all rows once. `summary` has what was found; the dataset has the rows that stay. Throws
// Error{Fault::input} with the numbers of bad rows ("stop"), or where none would stay.
std::shared_ptr<const datasets::Dataset> without_bad_rows(
    OpenContext& context, std::shared_ptr<const datasets::Dataset> data,
    std::string_view on_bad_row, datasets::Summary& summary);

}  // namespace narrows::plugins
