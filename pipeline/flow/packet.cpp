#include "pipeline/flow/packet.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace narrows::flow {

Memory::Memory(std::size_t bytes) {
    const std::size_t whole = (bytes + 63) / 64 * 64 + 64;
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(64, whole)));
    if (!bytes_) throw std::bad_alloc();
    std::memset(bytes_.get(), 0, whole);
}

Packet::Packet(const Plan& plan, std::byte* gated_)
    : skipped(plan.nodes.size()),
      own(plan.slot_bytes),
      gated(gated_),
      scalars(plan.scalars),
      gradient_written(plan.gradient_flags),
      metrics(plan.nodes.size()),
      waiting(new std::atomic<std::uint32_t>[plan.nodes.size() + 1]) {}

std::span<std::int64_t> Packet::sample_ids(const Plan& plan, std::size_t source) const {
    return {reinterpret_cast<std::int64_t*>(own.data() + plan.slot_bytes -
                                            (source + 1) * plan.ids_bytes()),
            static_cast<std::size_t>(place.count)};
}

void Packet::begin(const Plan& plan, const Context::Place& at) {
    place = at;
    dropped = false;
    std::fill(skipped.begin(), skipped.end(), std::uint8_t{0});
    std::fill(scalars.begin(), scalars.end(), 0.0);
    std::fill(gradient_written.begin(), gradient_written.end(), std::uint8_t{0});
    for (auto& list : metrics) list.clear();
    for (std::size_t i = 0; i < plan.nodes.size(); ++i)
        waiting[i].store(static_cast<std::uint32_t>(plan.nodes[i].previous),
                         std::memory_order_relaxed);
}

}  // namespace narrows::flow
