// The epoch that a corruption's random numbers belong to.
#pragma once

#include "pipeline/plugin.hpp"

namespace narrows::plugins {

// Validation sees one fixed corruption.
inline std::uint32_t draw_epoch(const Context::Place& place) {
    constexpr std::uint32_t of_validation = 0xffffffffu;
    return place.phase == Phase::validation ? of_validation : place.epoch;
}

}  // namespace narrows::plugins
