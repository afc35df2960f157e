// Calls of the system that fail when a test wants it, HDF5's own among them.
#pragma once

#include <limits>

namespace storage_test {

enum class Calls : unsigned {
    none = 0,
    reads = 1,    // pread
    writes = 2,   // pwrite, ftruncate, fallocate, fsync, fdatasync, rename
    reserve = 4,  // fallocate alone
    syncs = 8,    // fsync alone
    locks = 16,   // flock, fcntl's locks
    looks = 32    // fstat
};

// While it lives, one call of these in this process fails with `error`: the next one (0), the one
// after it (1), ...; every one from the next on where `at` is `all`.
class FailingCall {
public:
    static constexpr long all = std::numeric_limits<long>::min();
    FailingCall(Calls which, long at, int error);
    ~FailingCall();
    FailingCall(const FailingCall&) = delete;
    FailingCall& operator=(const FailingCall&) = delete;
    bool happened() const;  // there were so many calls
};

// Sanitizers watch these calls themselves: false, and none fails.
bool calls_can_fail();

}  // namespace storage_test
