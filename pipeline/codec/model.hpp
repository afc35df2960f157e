// What a codec learned from data, as bytes that lie once in the file, under their hash. One rule:
// whatever bytes come, parsing gives a model whose indices are inside what it says, or Damaged.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "pipeline/codec/bytes.hpp"
#include "pipeline/codec/causal_net.hpp"
#include "pipeline/codec/spread.hpp"
#include "pipeline/simd/residuals.hpp"

namespace narrows::codec {

// What the chunks of a dataset begin with, said once, so that small ones need not say or learn it.
struct CodingStart {
    struct Level {
        std::uint32_t level;
        std::array<std::uint8_t, simd::residual_symbols> weight;  // quarters of binary logarithms
    };
    double step = 0, low = 0, high = 0;  // of the grid; step 0: each chunk has its own
    std::vector<Level> levels;           // ascending; others begin as for any data
};

// A causal (masked) linear autoencoder over rows of `features` values: each value is predicted from
// values that come before it in coding order, in its own row or in one of the `lags` rows before.
//   prediction of feature order[k] = mean + sum over terms of weight * (value(row - lag, feature) -
//   mean)
struct RowModel {
    struct Term {
        std::uint32_t lag, feature;
        double weight;
    };
    std::uint32_t features = 0, lags = 0;
    std::vector<std::uint32_t> order;       // [features], a permutation: coding order
    std::vector<double> mean;               // [features]
    std::vector<std::vector<Term>> terms;   // [features], by place in the coding order
    double mean_unit = 1, weight_unit = 1;  // what means and weights are multiples of
    CodingStart start;
    std::shared_ptr<const simd::ResidualTables>
        tables;  // that start asks for; null: the usual ones
};

// The same weights at every place of a field: offsets back along the last three axes (others are
// taken together with the first of them).
struct StencilModel {
    struct Term {
        std::int32_t plane, line, column;  // offset; the first one that is not 0 is below 0
        double weight;
    };
    std::vector<Term> terms;
    std::uint32_t columns = 0, lines = 0;  // of the mean pattern below; 1, 1: one number
    std::vector<double> mean;              // [lines, columns]
};
inline constexpr std::int32_t stencil_reach = 4;

// The decoder of an autoencoder: a row's codes, whole numbers, through layers of whole numbers to a
// first guess of the row. What it misses is predicted from neighbours that are known.
struct LatentLayer {
    Spread spread;
    NetLayer net;            // of a place
    std::uint8_t shift = 0;  // weights are multiples of 1 << shift
};
struct FloatLayer;
struct LatentModel {
    std::size_t channels = 1, lines = 1, columns = 1;  // of a row; a dense one has channels alone
    std::vector<LatentLayer> layers;
    double offset = 0, unit = 1;      // a guess is offset + unit * output
    std::vector<std::uint8_t> carry;  // [codes of a place] of the row before, in sixteenths
    StencilModel local;               // over what the guesses miss; no mean pattern
    std::shared_ptr<const std::vector<FloatLayer>>
        encoder;  // not stored: fitted where it is needed

    std::size_t features() const { return channels * lines * columns; }
    const Spread& codes() const { return layers.front().spread; }
};

using Model = std::variant<RowModel, StencilModel, NetModel, LatentModel>;

Bytes write_model(const Model& model, double mean_unit = 1);
// Throws Damaged.
NARROWS_PUBLIC std::shared_ptr<const Model> read_model(std::span<const std::byte> bytes);

// SHA-256 as 64 hexadecimal digits.
NARROWS_PUBLIC std::string hash_of(std::span<const std::byte> bytes);

}  // namespace narrows::codec
