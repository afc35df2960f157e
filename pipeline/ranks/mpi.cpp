// Ranks over MPI: the only file that knows it.
#include <mpi.h>

#include <cstdlib>
#include <vector>

#include "pipeline/ranks/world.hpp"

namespace narrows::ranks {
namespace {

class World final : public Ranks {
public:
    World() {
        int given = 0, size = 1, rank = 0;
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given);
        if (given < MPI_THREAD_SERIALIZED)
            throw Error(Fault::run, "this MPI allows one thread only",
                        "use one with thread support");
        MPI_Comm_size(MPI_COMM_WORLD, &size);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        size_ = static_cast<std::size_t>(size);
        rank_ = static_cast<std::size_t>(rank);
    }
    std::size_t size() const override { return size_; }
    std::size_t rank() const override { return rank_; }

    // MPI's own error handling ends the run and names the rank. Rows are a type of their own, so
    // that counts stay small where a piece has more than 2^31 floats.
    void gather(std::span<const Piece> pieces) const override {
        std::vector<MPI_Request> requests(pieces.size());
        std::vector<MPI_Datatype> rows(pieces.size());
        std::vector<std::vector<int>> counts(pieces.size()), places(pieces.size());
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const Piece& piece = pieces[i];
            for (std::size_t r = 0; r < size_; ++r) {
                places[i].push_back(static_cast<int>(piece.bounds[r]));
                counts[i].push_back(static_cast<int>(piece.bounds[r + 1] - piece.bounds[r]));
            }
            MPI_Type_contiguous(static_cast<int>(piece.width), MPI_FLOAT, &rows[i]);
            MPI_Type_commit(&rows[i]);
            MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, piece.data, counts[i].data(),
                            places[i].data(), rows[i], MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
        for (MPI_Datatype& type : rows) MPI_Type_free(&type);
    }
    void barrier() const override { MPI_Barrier(MPI_COMM_WORLD); }

private:
    std::size_t size_ = 1, rank_ = 0;
};

const World* world = nullptr;

}  // namespace

const Ranks* joined() {
    return world;
}

void start() {
    static const World joined_now;
    world = &joined_now;
}

void finish() {
    if (world != nullptr) MPI_Finalize();
    world = nullptr;
}

void abort(int code) {
    if (world != nullptr) MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
}

}  // namespace narrows::ranks
