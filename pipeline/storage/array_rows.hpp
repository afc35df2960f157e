// Rows of a dataset and their bytes.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

inline std::int64_t stored_rows(const ArrayInfo& info) {  // of a scalar: 1
    return info.shape.rank() == 0 ? 1 : info.shape[0];
}

inline std::size_t row_bytes_of(const ArrayInfo& info) {
    return info.value_bytes * static_cast<std::size_t>(info.shape.sample().elements());
}

}  // namespace narrows::storage
