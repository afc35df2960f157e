#include "pipeline/analysis/neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/whole_product.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t reference_block = 2048;
constexpr std::size_t query_block = 64;
constexpr std::size_t spare_candidates = 8;  // candidates beyond k

// (score, row), the heap's top is the worst kept: the pair's order is ties to the lower row.
using Candidate = std::pair<double, std::int64_t>;

void offer(Candidate* heap, std::size_t& size, std::size_t capacity, Candidate candidate) {
    if (size < capacity) {
        heap[size++] = candidate;
        std::push_heap(heap, heap + size);
    } else if (candidate < heap[0]) {
        std::pop_heap(heap, heap + size);
        heap[size - 1] = candidate;
        std::push_heap(heap, heap + size);
    }
}

class Search {
public:
    Search(const Matrix& reference, const Matrix& queries, std::size_t k, bool leave_out_self,
           const Loop& loop)
        : reference_(reference),
          queries_(queries),
          k_(k),
          capacity_(k + spare_candidates),
          leave_out_self_(leave_out_self),
          loop_(loop),
          heaps_(queries.rows * capacity_),
          sizes_(queries.rows, 0) {
        const std::vector<double> mean = column_means(reference, loop);
        mean_.assign(mean.begin(), mean.end());
        panels_.resize(
            simd::panels_size(reference.columns, std::min(reference_block, reference.rows)));
        centred_.resize(std::min(reference_block, reference.rows) * reference.columns);
        norms_.resize(std::min(reference_block, reference.rows));
    }

    Neighbours run() {
        for (std::size_t first = 0; first < reference_.rows; first += reference_block) {
            const std::size_t rows = std::min(reference_block, reference_.rows - first);
            prepare(first, rows);
            loop_.each(query_tasks(), [&](std::size_t task) { scan(task, first, rows); });
        }
        Neighbours out;
        out.count = k_;
        out.index.resize(queries_.rows * k_);
        out.squared.resize(queries_.rows * k_);
        loop_.each(query_tasks(), [&](std::size_t task) {
            const std::size_t last = std::min((task + 1) * query_block, queries_.rows);
            for (std::size_t q = task * query_block; q < last; ++q) decide(q, out);
        });
        return out;
    }

private:
    std::size_t query_tasks() const { return (queries_.rows + query_block - 1) / query_block; }

    // Distances do not change when all is moved by the mean; rounding errors shrink.
    void centre(const Matrix& from, std::size_t first, std::size_t rows, float* to) const {
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t j = 0; j < from.columns; ++j)
                to[r * from.columns + j] = from.row(first + r)[j] - mean_[j];
    }

    // The block as panels of its transpose, and half the squared length of each row.
    void prepare(std::size_t first, std::size_t rows) {
        const std::size_t d = reference_.columns;
        loop_.each(simd::panel_count(rows), [&](std::size_t panel) {
            const std::size_t from = panel * simd::panel_width;
            const std::size_t count = std::min(simd::panel_width, rows - from);
            float* own = centred_.data() + from * d;
            centre(reference_, first + from, count, own);
            simd::pack_transposed(own, count, d, panels_.data() + panel * d * simd::panel_width);
            for (std::size_t r = 0; r < count; ++r)
                norms_[from + r] = simd::kernels().sum_squares(own + r * d, d) / 2;
        });
        double widest = widest_;
        for (std::size_t r = 0; r < rows; ++r) widest = std::max(widest, norms_[r] * 2);
        widest_ = widest;
    }

    void scan(std::size_t task, std::size_t first, std::size_t rows) {
        const std::size_t d = reference_.columns, from = task * query_block;
        const std::size_t count = std::min(query_block, queries_.rows - from);
        std::vector<float> own(count * d), products(count * rows);
        centre(queries_, from, count, own.data());
        simd::kernels().product(
            simd::whole_product(own.data(), count, d, panels_.data(), rows, products.data()));
        for (std::size_t q = 0; q < count; ++q) {
            Candidate* heap = heaps_.data() + (from + q) * capacity_;
            std::size_t& size = sizes_[from + q];
            const float* own_products = products.data() + q * rows;
            for (std::size_t r = 0; r < rows; ++r) {
                const double score = norms_[r] - double{own_products[r]};
                if (size == capacity_ && score > heap[0].first) continue;
                if (leave_out_self_ && first + r == from + q) continue;
                offer(heap, size, capacity_, {score, static_cast<std::int64_t>(first + r)});
            }
        }
    }

    double squared(std::size_t query, std::int64_t row) const {
        return simd::kernels().squared_distance(
            queries_.row(query), reference_.row(static_cast<std::size_t>(row)), queries_.columns);
    }

    // Exact distances of the candidates; a full search where a row that was left out may be nearer.
    void decide(std::size_t q, Neighbours& out) const {
        const Candidate* heap = heaps_.data() + q * capacity_;
        std::vector<Candidate> found;
        for (std::size_t i = 0; i < sizes_[q]; ++i)
            found.emplace_back(squared(q, heap[i].second), heap[i].second);
        std::sort(found.begin(), found.end());
        const std::size_t others = reference_.rows - (leave_out_self_ ? 1 : 0);
        if (sizes_[q] < others) {
            double length = 0;
            for (std::size_t j = 0; j < queries_.columns; ++j) {
                const double value = double{queries_.row(q)[j]} - double{mean_[j]};
                length += value * value;
            }
            // |computed - true| of a chain of d fused products, d * 2^-24 * |q||r| (Higham 2002,
            // section 3.1), and of centring in float, twice over for the square.
            const double error = (static_cast<double>(queries_.columns) + 16) * 0x1p-23 *
                                 (std::sqrt(length * widest_) + length + widest_);
            const double nearest_left_out = 2 * heap[0].first + length - error;
            if (nearest_left_out <= found[k_ - 1].first) found = everything(q);
        }
        for (std::size_t i = 0; i < k_; ++i) {
            out.squared[q * k_ + i] = found[i].first;
            out.index[q * k_ + i] = found[i].second;
        }
    }

    std::vector<Candidate> everything(std::size_t q) const {
        std::vector<Candidate> heap(k_);
        std::size_t size = 0;
        for (std::size_t r = 0; r < reference_.rows; ++r)
            if (!leave_out_self_ || r != q)
                offer(heap.data(), size, k_,
                      {squared(q, static_cast<std::int64_t>(r)), static_cast<std::int64_t>(r)});
        std::sort(heap.begin(), heap.end());
        return heap;
    }

    const Matrix& reference_;
    const Matrix& queries_;
    std::size_t k_, capacity_;
    bool leave_out_self_;
    const Loop& loop_;
    std::vector<Candidate> heaps_;  // [queries, capacity]
    std::vector<std::size_t> sizes_;
    std::vector<float> mean_, panels_, centred_;
    std::vector<double> norms_;
    double widest_ = 0;
};

}  // namespace

Neighbours nearest(const Matrix& reference, const Matrix& queries, std::size_t k, const Loop& loop,
                   bool leave_out_self) {
    if (reference.columns != queries.columns)
        throw Error(Fault::usage, "neighbours of samples with " + std::to_string(queries.columns) +
                                      " values among samples with " +
                                      std::to_string(reference.columns));
    const std::size_t others = reference.rows - (leave_out_self && reference.rows > 0 ? 1 : 0);
    return Search(reference, queries, std::min(k, others), leave_out_self, loop).run();
}

}  // namespace narrows::analysis
