#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

Distribution two_sided() {
    Distribution out{};
    std::uint32_t weight[symbol_count], sum = 0;
    for (std::uint32_t s = 0; s < symbol_count; ++s) {
        const std::uint32_t away = s > 16 ? s - 16 : 16 - s;
        weight[s] = std::max(16u, 16384u >> away);
        sum += weight[s];
    }
    std::uint64_t below = 0;
    for (std::uint32_t s = 0; s < symbol_count; ++s) {
        out.low[s] = static_cast<std::int32_t>(below * rans_total / sum);
        below += weight[s];
    }
    return out;
}

ResidualModel::ResidualModel()
    : levels_(std::make_unique<std::array<Distribution, level_count>>()),
      sides_(std::make_unique<std::array<Distribution, side_count>>()),
      patterns_(std::make_unique<std::array<Distribution, side_count>>()) {
    levels_->fill(two_sided());
    sides_->fill(two_sided());
    patterns_->fill(two_sided());
}

}  // namespace narrows::codec
