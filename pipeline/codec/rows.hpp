// Rows of a dataset and their bytes. Private to the room.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::codec {

inline std::int64_t rows_of(const storage::ArrayInfo& info) {
    return info.shape.rank() == 0 ? 1 : info.shape[0];
}

inline std::size_t row_bytes(const storage::ArrayInfo& info) {
    std::size_t bytes = info.value_bytes;
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        bytes *= static_cast<std::size_t>(info.shape[axis]);
    return bytes;
}

}  // namespace narrows::codec
