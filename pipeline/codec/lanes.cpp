#include "pipeline/codec/lanes.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t wide = simd::coding_lanes;
constexpr std::size_t rows_ahead = 8;  // of the window, before its end is moved to its start

}  // namespace

LaneWalk::LaneWalk(const RowModel& model, std::size_t rows, std::size_t lanes, const Grid& grid,
                   simd::LaneKind kind)
    : rows_(rows), lanes_(lanes), features_(model.features), lags_(model.lags) {
    const auto row = static_cast<std::ptrdiff_t>(features_ * wide);
    for (const auto& terms : model.terms) {
        for (const RowModel::Term& term : terms) {
            from_.push_back(
                static_cast<std::int32_t>(static_cast<std::ptrdiff_t>(term.feature * wide) -
                                          static_cast<std::ptrdiff_t>(term.lag) * row));
            weight_.push_back(term.weight);
        }
        first_.push_back(static_cast<std::uint32_t>(from_.size()));
    }
    for (const std::uint32_t feature : model.order) mean_.push_back(model.mean[feature]);
    window_.assign((lags_ + rows_ahead) * features_ * wide, 0.0);
    values_.resize(features_ * wide);
    activity_.assign(features_ * wide, 0.0f);
    history_.assign(features_ * wide, 0);
    coded_.resize(features_);
    model_ = {features_,
              model.order.data(),
              first_.data(),
              from_.data(),
              weight_.data(),
              mean_.data(),
              features_ <= side_count && rows >= 256,
              kind,
              grid.step,
              grid.low,
              grid.high};
    row_ = {window_.data() + lags_ * features_ * wide,
            activity_.data(),
            history_.data(),
            values_.data(),
            coded_.data(),
            lanes_};
}

void LaneWalk::advance() {
    const std::size_t row = features_ * wide;
    row_.here += row;
    if (row_.here + row <= window_.data() + window_.size()) return;
    std::copy(row_.here - lags_ * row, row_.here, window_.data());
    row_.here = window_.data() + lags_ * row;
}

}  // namespace narrows::codec
