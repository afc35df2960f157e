#include "pipeline/layers/winner_take_all.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t block = 16;  // units that a task walks together: a cache line of each row

}  // namespace

WinnerTakeAll::~WinnerTakeAll() = default;

void WinnerTakeAll::describe(Schema& schema) {
    schema
        .summary(
            "While training, each unit keeps its largest values over the batch; all others become "
            "0")
        .main("share")
        .number<&WinnerTakeAll::share_>("share", 0.05, 1e-6, 1,
                                        "part of the batch that a unit keeps, at least one sample");
}

Shape WinnerTakeAll::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    return input;
}

std::size_t WinnerTakeAll::workspace_bytes(std::size_t max_rows, bool training) const {
    return training ? max_rows * size_ * sizeof(float) : 0;
}

void WinnerTakeAll::forward(const Pass& pass, const float* x, float* y) {
    if (pass.phase != Phase::training) {
        std::copy_n(x, pass.rows * size_, y);
        return;
    }
    const std::size_t rows = pass.rows;
    const auto kept = std::clamp<std::size_t>(
        static_cast<std::size_t>(std::llround(share_ * static_cast<double>(rows))), 1, rows);
    auto* const scratch = reinterpret_cast<float*>(pass.workspace);  // [units, rows]
    pass.loop->each((size_ + block - 1) / block, [&](std::size_t task) {
        const std::size_t first = task * block, last = std::min(size_, first + block);
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t unit = first; unit < last; ++unit)
                scratch[unit * rows + r] = x[r * size_ + unit];
        for (std::size_t unit = first; unit < last; ++unit) {
            float* const sorted = scratch + unit * rows;
            std::nth_element(sorted, sorted + (kept - 1), sorted + rows, std::greater<>());
            const float least = sorted[kept - 1];
            std::size_t equal = kept;  // places left for values that equal the least
            for (std::size_t r = 0; r < rows; ++r) equal -= x[r * size_ + unit] > least;
            for (std::size_t r = 0; r < rows; ++r) {
                const float value = x[r * size_ + unit];
                const bool tie = value == least && equal > 0;
                equal -= tie;
                y[r * size_ + unit] = value > least || tie ? value : 0.0f;
            }
        }
    });
}

void WinnerTakeAll::backward(const Pass& pass, const float*, const float* y, float* dy, float* dx) {
    const bool training = pass.phase == Phase::training;
    each_sample(pass, [&](std::size_t row) {
        for (std::size_t i = row * size_; i < (row + 1) * size_; ++i) {
            if (training && y[i] == 0) dy[i] = 0;
            if (dx) dx[i] = dy[i];
        }
    });
}

}  // namespace narrows::layers
