// Stored numbers as floats, for storage and datasets. One rule: plain conversions round once;
// CF packing is applied in double and rounded once at the end.
#pragma once

#include <optional>

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

struct Packing {
    double scale = 1, offset = 0;
    std::optional<double> fill;  // becomes NaN
    bool identity() const { return scale == 1 && offset == 0 && !fill; }
};

void to_float(Numeric type, const std::byte* from, std::size_t count, const Packing& packing,
              float* to);
void swap_bytes(std::byte* values, std::size_t count, std::size_t value_bytes);
// Throws Error{Fault::input} where a file says that `name` has more values than could be counted.
NARROWS_PUBLIC void check_countable(const Shape& shape, const std::string& name);
float half_to_float(std::uint16_t bits);

}  // namespace narrows::storage
