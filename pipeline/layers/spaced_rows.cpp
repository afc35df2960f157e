#include "pipeline/layers/spaced_rows.hpp"

#include <algorithm>

namespace narrows::layers::spaced {

void copy(const float* from, std::size_t width, std::size_t first, std::size_t last, float* to) {
    for (std::size_t row = first; row < last; ++row)
        std::copy_n(from + row * width, width, to + row * stride(width));
}

}  // namespace narrows::layers::spaced
