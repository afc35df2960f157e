#include "pipeline/analysis/neighbourhoods.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/analysis/neighbours.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/whole_product.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t count_block = 32, distance_block = 2048;
constexpr std::size_t few_columns = 8;  // so many are subtracted one by one, in doubles

// Sum over samples of (rank - k) of those neighbours in `shown` that are none in `true_ones`, by
// their rank among all distances in `space`.
class Intruders {
public:
    Intruders(const Matrix& space, const Neighbours& shown, const Neighbours& true_ones,
              const Loop& loop)
        : space_(space), shown_(shown), true_(true_ones), loop_(loop) {
        if (space.columns <= few_columns) return;
        const std::vector<double> mean = column_means(space, loop);
        centred_.resize(space.rows * space.columns);
        norms_.resize(space.rows);
        const std::size_t tasks = (space.rows + count_block - 1) / count_block;
        loop.each(tasks, [&](std::size_t task) {
            const std::size_t last = std::min((task + 1) * count_block, space.rows);
            for (std::size_t r = task * count_block; r < last; ++r) {
                float* row = centred_.data() + r * space.columns;
                for (std::size_t j = 0; j < space.columns; ++j)
                    row[j] = space.row(r)[j] - static_cast<float>(mean[j]);
                norms_[r] = static_cast<float>(simd::kernels().sum_squares(row, space.columns) / 2);
            }
        });
    }

    double sum() {
        std::vector<std::uint64_t> excess(space_.rows, 0);
        if (!centred_.empty())
            panels_.resize(
                simd::panels_size(space_.columns, std::min(distance_block, space_.rows)));
        const std::size_t tasks = (space_.rows + count_block - 1) / count_block;
        // Nearer rows of each shown neighbour, counted block after block.
        nearer_.assign(shown_.index.size(), 0);
        bounds_.assign(shown_.index.size(), 0.0);
        for (std::size_t first = 0; first < space_.rows; first += distance_block) {
            const std::size_t rows = std::min(distance_block, space_.rows - first);
            if (!centred_.empty()) pack(first, rows);
            loop_.each(tasks, [&](std::size_t task) { count(task, first, rows); });
        }
        const std::size_t k = shown_.count;
        for (std::size_t i = 0; i < space_.rows; ++i)
            for (std::size_t n = 0; n < k; ++n)
                if (!is_true(i, shown_.index[i * k + n]) && nearer_[i * k + n] + 1 > k)
                    excess[i] += nearer_[i * k + n] + 1 - k;
        std::uint64_t sum = 0;
        for (const std::uint64_t own : excess) sum += own;
        return static_cast<double>(sum);
    }

private:
    bool is_true(std::size_t i, std::int64_t j) const {
        const auto first = true_.index.begin() + static_cast<std::ptrdiff_t>(i * true_.count);
        return std::find(first, first + static_cast<std::ptrdiff_t>(true_.count), j) !=
               first + static_cast<std::ptrdiff_t>(true_.count);
    }

    void pack(std::size_t first, std::size_t rows) {
        const std::size_t d = space_.columns;
        loop_.each(simd::panel_count(rows), [&](std::size_t panel) {
            const std::size_t from = panel * simd::panel_width;
            simd::pack_transposed(centred_.data() + (first + from) * d,
                                  std::min(simd::panel_width, rows - from), d,
                                  panels_.data() + panel * d * simd::panel_width);
        });
    }

    // What orders rows by their distance to q: half the squared distance but for a constant.
    float score(std::size_t r, float product) const { return norms_[r] - product; }

    double direct(std::size_t q, std::size_t r) const {
        double sum = 0;
        for (std::size_t j = 0; j < space_.columns; ++j) {
            const double difference = double{space_.row(q)[j]} - double{space_.row(r)[j]};
            sum += difference * difference;
        }
        return sum;
    }

    // One chain in the order of the columns, as the kernel's: equal to its element of the product.
    float own_product(std::size_t q, std::size_t r) const {
        const float* a = centred_.data() + q * space_.columns;
        const float* b = centred_.data() + r * space_.columns;
        float sum = 0;
        for (std::size_t j = 0; j < space_.columns; ++j) sum = std::fma(a[j], b[j], sum);
        return sum;
    }

    void count(std::size_t task, std::size_t first, std::size_t rows) {
        const std::size_t from = task * count_block, d = space_.columns;
        const std::size_t queries = std::min(count_block, space_.rows - from);
        if (centred_.empty()) {
            std::vector<double> scores(rows);
            for (std::size_t q = from; q < from + queries; ++q) {
                for (std::size_t r = 0; r < rows; ++r) scores[r] = direct(q, first + r);
                count_row(q, first, scores, [&](std::size_t r) { return direct(q, r); });
            }
            return;
        }
        std::vector<float> products(queries * rows), scores(rows);
        simd::kernels().product(simd::whole_product(centred_.data() + from * d, queries, d,
                                                    panels_.data(), rows, products.data()));
        for (std::size_t q = 0; q < queries; ++q) {
            for (std::size_t r = 0; r < rows; ++r)
                scores[r] = score(first + r, products[q * rows + r]);
            count_row(from + q, first, scores,
                      [&](std::size_t r) { return score(r, own_product(from + q, r)); });
        }
    }

    // Ties go to the lower row; the sample itself is in no rank.
    template <class T, class Score>
    void count_row(std::size_t q, std::size_t first, const std::vector<T>& scores, Score score_of) {
        const std::size_t k = shown_.count;
        for (std::size_t n = 0; n < k; ++n) {
            const auto j = static_cast<std::size_t>(shown_.index[q * k + n]);
            if (is_true(q, static_cast<std::int64_t>(j))) continue;
            if (first == 0) bounds_[q * k + n] = double{score_of(j)};
            const T bound = static_cast<T>(bounds_[q * k + n]);
            const std::size_t rows = scores.size();
            const std::size_t before = j <= first ? 0 : std::min(j - first, rows);
            std::uint32_t nearer = 0;
            for (std::size_t r = 0; r < before; ++r) nearer += scores[r] <= bound ? 1 : 0;
            for (std::size_t r = before; r < rows; ++r) nearer += scores[r] < bound ? 1 : 0;
            if (q >= first && q < first + rows) {
                const T own = scores[q - first];
                if (own < bound || (own == bound && q < j)) --nearer;
            }
            nearer_[q * k + n] += nearer;
        }
    }

    const Matrix& space_;
    const Neighbours& shown_;
    const Neighbours& true_;
    const Loop& loop_;
    std::vector<float> centred_, norms_, panels_;
    std::vector<std::uint32_t> nearer_;  // [rows, k], rows nearer than each shown neighbour
    std::vector<double> bounds_;         // [rows, k], its own score
};

}  // namespace

Preservation preservation(const Matrix& data, const Matrix& map, std::size_t k, const Loop& loop) {
    const std::size_t n = data.rows;
    Preservation out;
    out.neighbours = std::max<std::size_t>(1, std::min(k, (n - 1) / 2));
    const Neighbours in_data = nearest(data, data, out.neighbours, loop, true);
    const Neighbours in_map = nearest(map, map, out.neighbours, loop, true);
    const auto rows = static_cast<double>(n), kk = static_cast<double>(out.neighbours);
    const double scale = 2 / (rows * kk * (2 * rows - 3 * kk - 1));
    out.trustworthiness = 1 - scale * Intruders(data, in_map, in_data, loop).sum();
    out.continuity = 1 - scale * Intruders(map, in_data, in_map, loop).sum();
    return out;
}

}  // namespace narrows::analysis
