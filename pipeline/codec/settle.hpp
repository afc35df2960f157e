// What is left to settle when a way of coding is chosen: what the model says once for all chunks,
// lanes, steps of coarse levels. Private to the room.
#pragma once

#include "pipeline/codec/choose.hpp"

namespace narrows::codec {

// A sample of a chunk.
struct Block {
    Shape shape;
    Bytes values;
};

// Lanes that leave each of them rows enough to learn from.
std::size_t usable_lanes(std::int64_t rows);
// Of all blocks.
double bytes_of(const Plan& plan, Numeric type, const std::vector<Block>& blocks, const Loop& loop);

// `scale`: rows of the dataset for one of the blocks.
// Small chunks gain from what the model can say once for all of them.
void choose_start(Choice& choice, const std::vector<Block>& blocks, Numeric type, double scale,
                  const Loop& loop);
// A lane's first rows cost more: so many bytes for each chunk, however many rows it has.
void choose_lanes(Choice& choice, const std::vector<Block>& blocks, Numeric type, double scale,
                  double starts, Prefer prefer, const Loop& loop);
// Where most residuals are zero, smaller steps at coarse levels may pay.
void choose_tightening(Choice& choice, const Plan& plan, const Candidate& plain,
                       const std::vector<Block>& blocks, const Source& source, double scale,
                       const Loop& loop);

}  // namespace narrows::codec
