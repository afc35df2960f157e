#include "plugins/optimize/schedule.hpp"

#include <algorithm>

#include "plugins/optimize/cosine.hpp"

namespace narrows::plugins {
namespace {

// Drops seen so far: one for each run of `patience` epochs without a better loss.
std::uint64_t plateau_drops(std::span<const double> losses, std::int64_t patience) {
    std::uint64_t drops = 0;
    double best = 0;
    std::int64_t waited = 0;
    for (std::size_t epoch = 0; epoch < losses.size(); ++epoch) {
        if (epoch == 0 || losses[epoch] < best) {
            best = losses[epoch];
            waited = 0;
        } else if (++waited >= patience) {
            ++drops;
            waited = 0;
        }
    }
    return drops;
}

}  // namespace

double power(double base, std::uint64_t n) {
    double result = 1;
    for (; n != 0; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    return result;
}

double Schedule::at(std::uint64_t step, std::uint64_t total_steps, std::uint32_t epoch,
                    std::uint32_t epochs, std::span<const double> losses) const {
    const double total = static_cast<double>(std::max<std::uint64_t>(total_steps, 1));
    const double warmup_steps = warmup_epochs * total / std::max<std::uint32_t>(epochs, 1);
    const auto now = static_cast<double>(step);
    if (now < warmup_steps) return rate * (now + 1) / (warmup_steps + 1);
    if (kind == "cosine") {
        const double done =
            std::min(1.0, (now - warmup_steps) / std::max(1.0, total - warmup_steps));
        return rate * (final_fraction + (1 - final_fraction) * 0.5 * (1 + cos_pi(done)));
    }
    if (kind == "step")
        return rate *
               power(factor, epoch / static_cast<std::uint64_t>(std::max<std::int64_t>(every, 1)));
    if (kind == "plateau") return rate * power(factor, plateau_drops(losses, patience));
    return rate;
}

}  // namespace narrows::plugins
