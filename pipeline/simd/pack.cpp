#include "pipeline/simd/kernels.hpp"

namespace narrows::simd {

void pack(const float* b, std::size_t k, std::size_t n, float* panels) {
    for (std::size_t first = 0; first < n; first += panel_width)
        for (std::size_t row = 0; row < k; ++row)
            for (std::size_t j = 0; j < panel_width; ++j)
                *panels++ = first + j < n ? b[row * n + first + j] : 0.0f;
}

void unpack(const float* panels, std::size_t k, std::size_t n, float* b) {
    for (std::size_t first = 0; first < n; first += panel_width)
        for (std::size_t row = 0; row < k; ++row, panels += panel_width)
            for (std::size_t j = 0; j < panel_width && first + j < n; ++j)
                b[row * n + first + j] = panels[j];
}

void pack_transposed(const float* b, std::size_t k, std::size_t n, float* panels) {
    for (std::size_t first = 0; first < k; first += panel_width)
        for (std::size_t row = 0; row < n; ++row)
            for (std::size_t j = 0; j < panel_width; ++j)
                *panels++ = first + j < k ? b[(first + j) * n + row] : 0.0f;
}

void pack_int8(const std::int8_t* b, std::size_t k, std::size_t n, std::int8_t* panels) {
    for (std::size_t first = 0; first < n; first += panel_width)
        for (std::size_t row = 0; row < k; row += 4)
            for (std::size_t j = 0; j < panel_width; ++j)
                for (std::size_t i = row; i < row + 4; ++i)
                    *panels++ = i < k && first + j < n ? b[i * n + first + j] : std::int8_t{0};
}

}  // namespace narrows::simd
