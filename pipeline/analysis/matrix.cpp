#include "pipeline/analysis/matrix.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t chain_rows = 512;   // of one chain of floats
constexpr std::size_t block_rows = 4096;  // centred at a time
constexpr std::size_t tile_rows = 8;      // of a gradient tile, see simd::Kernels::weight_gradient
constexpr std::size_t group_columns = 64;

}  // namespace

std::vector<double> column_means(const Matrix& x, const Loop& loop) {
    std::vector<double> mean(x.columns, 0.0);
    const std::size_t tasks = (x.columns + group_columns - 1) / group_columns;
    loop.each(tasks, [&](std::size_t task) {
        const std::size_t first = task * group_columns;
        const std::size_t last = std::min(first + group_columns, x.columns);
        for (std::size_t r = 0; r < x.rows; ++r)
            for (std::size_t j = first; j < last; ++j) mean[j] += static_cast<double>(x.row(r)[j]);
        for (std::size_t j = first; j < last; ++j) mean[j] /= static_cast<double>(x.rows);
    });
    return mean;
}

std::vector<double> scatter(const Matrix& x, const std::vector<float>& mean, const Loop& loop) {
    const std::size_t d = x.columns;
    const simd::Kernels& kernels = simd::kernels();
    std::vector<double> sums(d * d, 0.0);
    std::vector<float> centred(std::min(block_rows, x.rows) * d);
    const std::vector<float> ones(d, 1.0f);
    const std::size_t tiles = (d + tile_rows - 1) / tile_rows;
    for (std::size_t first = 0; first < x.rows; first += block_rows) {
        const std::size_t rows = std::min(block_rows, x.rows - first);
        loop.each((rows + chain_rows - 1) / chain_rows, [&](std::size_t task) {
            const std::size_t from = task * chain_rows;
            const std::size_t count = std::min(chain_rows, rows - from);
            float* to = centred.data() + from * d;
            std::copy_n(x.row(first + from), count * d, to);
            kernels.affine(to, mean.data(), ones.data(), d, count, to);
        });
        loop.each(tiles, [&](std::size_t task) {
            const std::size_t i = task * tile_rows;
            const std::size_t height = std::min(tile_rows, d - i);
            float tile[tile_rows * simd::panel_width];
            // The upper triangle is enough: panels from the one that holds column i.
            for (std::size_t panel = i / simd::panel_width; panel < simd::panel_count(d); ++panel) {
                const std::size_t column = panel * simd::panel_width;
                const std::size_t width = std::min(simd::panel_width, d - column);
                for (std::size_t from = 0; from < rows; from += chain_rows) {
                    const float* block = centred.data() + from * d;
                    const simd::OuterTerm term{block, d, block, d,
                                               std::min(chain_rows, rows - from)};
                    kernels.weight_gradient({&term, 1}, i, height, panel, d, tile);
                    for (std::size_t r = 0; r < height; ++r)
                        for (std::size_t j = 0; j < width; ++j)
                            sums[(i + r) * d + column + j] +=
                                static_cast<double>(tile[r * simd::panel_width + j]);
                }
            }
        });
    }
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < i; ++j) sums[i * d + j] = sums[j * d + i];
    return sums;
}

}  // namespace narrows::analysis
