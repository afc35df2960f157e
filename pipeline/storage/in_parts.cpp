#include "pipeline/storage/in_parts.hpp"

#include <algorithm>
#include <exception>
#include <mutex>

namespace narrows::storage {

void in_parts(std::size_t count, std::size_t parts,
              FunctionRef<void(std::size_t from, std::size_t to)> body) {
    const Loop& loop = storage::loop();
    parts = std::min(parts, count);
    if (count == 0) return;
    if (parts <= 1 || loop.threads() <= 1) return body(0, count);

    std::mutex mutex;  // of what follows
    std::exception_ptr failure;
    std::size_t failed = parts;
    loop.each(parts, [&](std::size_t part) {
        try {
            body(part * count / parts, (part + 1) * count / parts);
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (part < failed) failure = std::current_exception();
            failed = std::min(failed, part);
        }
    });
    if (failure) std::rethrow_exception(failure);
}

}  // namespace narrows::storage
