#include "pipeline/flow/work.hpp"

#include <algorithm>

namespace narrows::flow {

void Work::begin(std::uint32_t epoch, std::int64_t from) {
    epoch_ = epoch;
    packet_ = from;
}

bool Work::next(Context::Place& place) {
    if (done()) return false;
    const auto steps = static_cast<std::int64_t>(plan_.steps_per_epoch());
    const bool validation = packet_ >= steps;
    const std::int64_t rows = validation ? plan_.validation : plan_.samples;
    place.sequence = sequence_++;
    place.first = (validation ? packet_ - steps : packet_) * plan_.batch;
    place.count = std::min(plan_.batch, rows - place.first);
    place.epoch = epoch_;
    place.step = plan_.training() ? epoch_ * plan_.steps_per_epoch() +
                                        static_cast<std::uint64_t>(std::min(packet_, steps))
                                  : 0;
    place.phase = !plan_.training() ? Phase::streaming
                  : validation      ? Phase::validation
                                    : Phase::training;
    ++packet_;
    return true;
}

}  // namespace narrows::flow
