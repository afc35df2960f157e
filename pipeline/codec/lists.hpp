// Lists of whole numbers of a model, and what a network's layers are stored as. Private to the
// room.
#pragma once

#include <cmath>

#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

// What a list of whole numbers is coded by: how large those before were. Lists do not share views.
class Following {
public:
    explicit Following(std::uint32_t list) : list_(list) {}
    Context context() const {
        return {size_, 16 * list_, 16 * list_ + std::min(15u, level_of(size_) / 4)};
    }
    void saw(std::int64_t value) {
        const auto size =
            static_cast<std::uint32_t>(std::min<std::int64_t>(value < 0 ? -value : value, 1 << 20))
            << 8;
        size_ += static_cast<std::uint32_t>(
            (static_cast<std::int64_t>(size) - static_cast<std::int64_t>(size_)) * 24 >> 8);
    }

private:
    std::uint32_t list_, size_ = 2048;
};

inline constexpr std::int64_t bias_unit = 64, most_bias = 1 << 18;

inline double finite(double value) {
    if (!std::isfinite(value)) throw Damaged{"model"};
    return value;
}

// Layer `number` of a network: weights are stored as multiples of 1 << shift.
void put_layer(ResidualEncoder& coder, std::uint32_t number, const NetLayer& layer, unsigned shift);
// Its inputs and outputs are set; weights are kept within `most`.
void take_layer(ResidualDecoder& coder, std::uint32_t number, NetLayer& layer, unsigned shift,
                std::int64_t most);

// Parts of models, without their kind.
void put_terms(ByteWriter& out, const StencilModel& model);
void take_terms(ByteReader& in, StencilModel& model);
void put_latents(ByteWriter& out, const LatentModel& model);
LatentModel take_latents(ByteReader& in);

}  // namespace narrows::codec
