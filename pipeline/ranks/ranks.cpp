#include "pipeline/ranks/ranks.hpp"

#include <cstdlib>

#include "pipeline/ranks/world.hpp"

namespace narrows::ranks {
namespace {

class Alone final : public Ranks {
public:
    std::size_t size() const override { return 1; }
    std::size_t rank() const override { return 0; }
    void gather(std::span<const Piece>) const override {}
    void barrier() const override {}
};

// The number of processes, as Open MPI's, MPICH's and Slurm's launchers tell it.
long told(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

}  // namespace

Ranks::~Ranks() = default;

std::vector<std::size_t> Ranks::bounds(std::size_t rows) const {
    std::vector<std::size_t> out;
    for (std::size_t rank = 0; rank <= size(); ++rank) out.push_back(rows * rank / size());
    return out;
}

const Ranks& all() {
    static const Alone alone;
    const Ranks* world = joined();
    return world != nullptr ? *world : alone;
}

// Under srun the steps of a job without MPI are many processes too: only with PMIx or PMI are they
// ranks.
bool launched() {
    return told("OMPI_COMM_WORLD_SIZE") > 1 || told("PMI_SIZE") > 1 ||
           (std::getenv("PMIX_RANK") != nullptr && told("SLURM_STEP_NUM_TASKS") > 1);
}

}  // namespace narrows::ranks
