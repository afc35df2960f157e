#include "pipeline/flow/failure.hpp"

#include <new>

namespace narrows::flow {

void Failure::note(const Context::Place& place, std::size_t node, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (error_ &&
        (place.sequence > place_.sequence || (place.sequence == place_.sequence && node >= node_)))
        return;
    place_ = place;
    node_ = node;
    error_ = std::move(error);
    lowest_.store(place.sequence);
}

void Failure::rethrow(const Plan& plan) const {
    const std::lock_guard lock(mutex_);
    const language::NodeSpec& spec = *plan.nodes[node_].spec;
    const std::string where = " failed on packet " + std::to_string(place_.sequence) +
                              " (samples " + std::to_string(place_.first) + "-" +
                              std::to_string(place_.first + place_.count - 1) + ", epoch " +
                              std::to_string(place_.epoch) + ")";
    try {
        std::rethrow_exception(error_);
    } catch (const Error& error) {
        rethrow_for(spec, error, where);
    } catch (const std::bad_alloc&) {
        rethrow_for(spec, Error(Fault::run, "out of memory", "use a smaller batch or in_flight"),
                    where);
    } catch (const std::exception& error) {
        rethrow_for(spec, Error(Fault::run, error.what()), where);
    }
}

}  // namespace narrows::flow
