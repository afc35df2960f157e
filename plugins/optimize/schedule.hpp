// Learning-rate schedules: the rate as a pure function of step, epoch and loss history, so that a
// resumed run meets the same rates.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace narrows::plugins {

struct Schedule {
    std::string kind = "constant";  // constant | step | cosine | plateau
    double rate = 1e-3;
    double warmup_epochs = 0;   // linear from 0
    double factor = 0.1;        // step, plateau: what the rate is multiplied with
    std::int64_t every = 10;    // step: epochs between drops
    std::int64_t patience = 5;  // plateau: epochs without a better loss
    double final_fraction = 0;  // cosine: part of the rate left at the end

    // `losses`: one per finished epoch (validation's where there is one).
    double at(std::uint64_t step, std::uint64_t total_steps, std::uint32_t epoch,
              std::uint32_t epochs, std::span<const double> losses) const;
};

// base^n by repeated squaring: libm's variants differ between machines.
double power(double base, std::uint64_t n);

}  // namespace narrows::plugins
