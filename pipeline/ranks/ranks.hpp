// The processes of one training run. One rule: all ranks call gather() and barrier() equally often
// and in the same order; what they pass has the same extents.
#pragma once

#include <span>
#include <string>

#include "pipeline/node.hpp"

namespace narrows::ranks {

struct Rows {
    std::size_t first = 0, last = 0;
    std::size_t count() const { return last - first; }
};

// Floats in rows of `width`, of which each rank has its own: rank r rows bounds[r] ...
// bounds[r+1]-1.
struct Piece {
    float* data = nullptr;
    std::size_t width = 0;
    std::vector<std::size_t> bounds;  // one more than ranks
};

class NARROWS_PUBLIC Ranks {
public:
    virtual ~Ranks();
    virtual std::size_t size() const = 0;
    virtual std::size_t rank() const = 0;  // 0 writes files and talks
    bool first() const { return rank() == 0; }
    // The part of `rows` that a rank computes: consecutive, even to one row, all ranks together
    // all.
    Rows own(std::size_t rows) const {
        return {rows * rank() / size(), rows * (rank() + 1) / size()};
    }
    std::vector<std::size_t> bounds(std::size_t rows) const;  // of own() on each rank
    // Afterwards every rank has every row. Called by one thread at a time.
    virtual void gather(std::span<const Piece> pieces) const = 0;
    virtual void barrier() const = 0;
};

// Those of this process: one, unless start() found more.
NARROWS_PUBLIC const Ranks& all();

// Was this process started by mpirun or the like, as one of several? Reads the environment only.
NARROWS_PUBLIC bool launched();
// Joins the others; once, before anything else, and only where launched(). Throws
// Error{Fault::usage} in a build without MPI.
NARROWS_PUBLIC void start();
// Leaves in good order: every rank calls it at its end.
NARROWS_PUBLIC void finish();
// Ends all ranks with this exit code; does not return.
[[noreturn]] NARROWS_PUBLIC void abort(int code);

}  // namespace narrows::ranks
