// The number that a run prints at its start and never exceeds, fitted to what the process may use.
#include <fmt/format.h>

#include "pipeline/flow/machine.hpp"
#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

// What is resident now has models and data in it; saving a model takes it once more. Threads need
// stacks and library buffers. What opening took already cannot be less.
void Plan::bound_memory() {
    std::uint64_t model_bytes = 0;
    for (const auto& [name, model] : models) model_bytes += model->bytes();
    constexpr std::uint64_t margin = 16u << 20, each_thread = 2u << 20;
    const std::uint64_t fixed = resident_bytes() + held_bytes + gated_bytes + 2 * model_bytes +
                                margin + each_thread * threads;
    const auto bound = [&] {
        return std::max(peak_bytes(), fixed + static_cast<std::uint64_t>(in_flight) * slot_bytes);
    };
    memory_bound = bound();
    const std::uint64_t usable = settings.memory ? settings.memory : usable_memory();
    // Fewer packets in flight give the same results, slower.
    while (memory_bound > usable && in_flight > 1 && !pipeline.run.in_flight) {
        --in_flight;
        memory_bound = bound();
    }
    if (memory_bound > usable)
        throw Error(
            Fault::run,
            fmt::format("this run may take {:.0f} MB of memory, and the process may use {:.0f} MB",
                        static_cast<double>(memory_bound) / 1e6, static_cast<double>(usable) / 1e6),
            "use a smaller batch or model, fewer threads, or a larger limit");
}

}  // namespace narrows::flow
