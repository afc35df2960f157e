// Codes of an autoencoder as bytes, and what its integer decoder makes of them. One rule: from
// codes to guesses there are integers only, and then one product and one sum in double. Private to
// the room.
#pragma once

#include "pipeline/codec/model.hpp"
#include "pipeline/codec/stream.hpp"

namespace narrows::codec {

inline constexpr std::int32_t code_one = 16;    // a code of 1 as an input, in 1/256
inline constexpr std::int32_t most_code = 255;  // of either sign
inline constexpr double code_step = 0.25;       // of what the float encoder gives
inline constexpr std::int32_t most_latent_weight = 16384;

// Codes of whole rows: [rows, places, codes of a place].
Bytes put_codes(const LatentModel& model, std::span<const std::int32_t> codes);
// Throws Damaged.
std::vector<std::int32_t> take_codes(const LatentModel& model, std::size_t rows,
                                     std::span<const std::byte> bytes);

// Where the network's outputs [places, channels] have the features of a row.
std::vector<std::uint32_t> output_places(const LatentModel& model);

// What the codes say about rows; made for some rows at a time, asked for in order.
class Guesses {
public:
    Guesses(const LatentModel& model, std::vector<std::int32_t> codes, const FieldShape& field);
    const double* operator()(std::size_t plane) const;

private:
    void make(std::size_t first_row) const;
    const LatentModel& model_;
    std::vector<std::int32_t> codes_;
    std::size_t plane_size_, planes_of_row_;
    std::vector<std::uint32_t> places_;
    mutable std::vector<double> rows_;  // of a block
    mutable std::size_t block_ = ~std::size_t{0};
    mutable std::vector<std::int32_t> before_, after_, inputs_;
};

// Planes, lines and columns of rows with guesses: a line alone is a plane.
FieldShape guessed_field(const Shape& shape);
// Does a field of this shape consist of the model's rows?
bool is_of(const LatentModel& model, const FieldShape& field);

// Needs model.encoder. The same codes on every machine. NaN counts as the middle.
std::vector<std::int32_t> codes_of(const LatentModel& model, std::span<const double> values);

}  // namespace narrows::codec
