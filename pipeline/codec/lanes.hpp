// Rows as up to sixteen lanes: the rows of a chunk are cut into as many runs, lane l walks its run
// row by row, and a step of the walk is one row of each lane. One rule: both directions go through
// the same kernels with the same state. Private to the room.
#pragma once

#include "pipeline/codec/grid.hpp"
#include "pipeline/codec/model.hpp"
#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

// Is this the grid that the model gives to all chunks?
inline bool is_usual(const Grid& grid, const CodingStart& start) {
    return start.step != 0 && grid.step == start.step && grid.low == start.low &&
           grid.high == start.high;
}

template <class T>
constexpr simd::LaneKind lane_kind() {
    if constexpr (std::is_integral_v<T>) return simd::LaneKind::whole;
    return std::is_same_v<T, float> ? simd::LaneKind::single : simd::LaneKind::real;
}

class LaneWalk {
public:
    // rows >= 1, 1 <= lanes <= most_lanes. `kind` and `grid` as LaneModel says.
    LaneWalk(const RowModel& model, std::size_t rows, std::size_t lanes, const Grid& grid,
             simd::LaneKind kind);

    std::size_t steps() const { return (rows_ + lanes_ - 1) / lanes_; }
    // Lanes that have a row at this step: the first ones.
    std::size_t active(std::size_t step) const {
        return step < rows_ / lanes_ ? lanes_ : rows_ % lanes_;
    }
    // The row of the dataset's chunk.
    std::size_t row(std::size_t step, std::size_t lane) const {
        return lane * (rows_ / lanes_) + std::min(lane, rows_ % lanes_) + step;
    }
    const simd::LaneModel& model() const { return model_; }
    const simd::LaneRow& now() const { return row_; }
    double* values() { return values_.data(); }       // [features, 16]
    std::uint16_t* coded() { return coded_.data(); }  // [features]
    // After a step: its values are the row before from now on.
    void advance();

private:
    std::size_t rows_, lanes_, features_, lags_;
    std::vector<std::uint32_t> first_{0};
    std::vector<std::int32_t> from_;
    std::vector<double> weight_, mean_, window_, values_;
    std::vector<float> activity_;
    std::vector<std::int32_t> history_;
    std::vector<std::uint16_t> coded_;
    simd::LaneModel model_;
    simd::LaneRow row_;
};

}  // namespace narrows::codec
