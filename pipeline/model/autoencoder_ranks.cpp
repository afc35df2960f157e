// A model on several ranks.
#include <cstring>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

void Autoencoder::distribute(const ranks::Ranks& ranks) {
    ranks_ = ranks.size() > 1 ? &ranks : nullptr;
    encoder_.distribute(ranks_);
    decoder_.distribute(ranks_);
}

void Autoencoder::gather_states() {
    encoder_.gather_states();
    decoder_.gather_states();
}

void Autoencoder::check_ranks() const {
    if (ranks_ == nullptr) return;
    const std::string own = sha256();
    constexpr std::size_t width = 16;  // floats: the 64 letters of a hash
    std::vector<float> all(width * ranks_->size());
    std::memcpy(all.data() + width * ranks_->rank(), own.data(), width * sizeof(float));
    const ranks::Piece hashes{all.data(), width, ranks_->bounds(ranks_->size())};
    ranks_->gather({&hashes, 1});
    for (std::size_t rank = 1; rank < ranks_->size(); ++rank)
        if (std::memcmp(all.data(), all.data() + width * rank, width * sizeof(float)) != 0)
            throw Error(
                Fault::run,
                "rank " + std::to_string(rank) + " ended with other weights than rank 0",
                "its machine or its build computes other bits: narrows info MODEL --check tells "
                "on each; the last checkpoint is not to be trusted");
}

}  // namespace narrows::model
