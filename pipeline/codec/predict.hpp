// The way through a field, which encoder and decoder share: it visits every value once, predicts it
// from values that were visited before, and lets `coder` say what it is. (Rows: lanes.hpp.)
//   double Coder::value(std::size_t index, double prediction, Context, std::uint32_t& magnitude)
// gives the decoded value and the size of the residual that was coded.
#pragma once

#include "pipeline/codec/model.hpp"
#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

inline constexpr std::uint32_t largest_magnitude = 1u << 20;  // of contexts

struct NoGuesses {
    const double* operator()(std::size_t) const { return nullptr; }
};

// Planes, lines, columns of a field; beyond its edges lies the mean pattern (0 where there is
// none). guesses(plane): what is known of the plane before, [lines, columns], the mean is on top;
// null: nothing.
template <class Coder, class Guesses = NoGuesses>
void through_field(const StencilModel& model, std::size_t planes, std::size_t lines,
                   std::size_t columns, Coder& coder, const Guesses& guesses = {}) {
    constexpr auto reach = static_cast<std::size_t>(stencil_reach);
    // A margin of `reach` all around each plane; planes are kept for as long as they are needed.
    const std::size_t wide = columns + 2 * reach, plane_size = (lines + 2 * reach) * wide;
    constexpr std::size_t kept = reach + 1;
    std::vector<double> centred(kept * plane_size, 0.0);
    std::vector<std::uint32_t> magnitudes(2 * plane_size, 0);
    std::vector<std::uint32_t> activity(lines * columns, 0);  // of a place over planes, in 1/256
    const bool has_mean = model.mean.size() > 1;
    const double constant = model.mean.size() == 1 ? model.mean[0] : 0.0;
    std::vector<std::ptrdiff_t> offset(model.terms.size());
    std::vector<const double*> source(model.terms.size());
    std::vector<double> weight;
    for (const StencilModel::Term& term : model.terms) weight.push_back(term.weight);
    for (std::size_t plane = 0; plane < planes; ++plane) {
        double* const now = centred.data() + plane % kept * plane_size;
        std::uint32_t* const sizes = magnitudes.data() + plane % 2 * plane_size;
        const std::uint32_t* const sizes_before = magnitudes.data() + (plane + 1) % 2 * plane_size;
        for (std::size_t i = 0; i < model.terms.size(); ++i) {
            const StencilModel::Term& term = model.terms[i];
            const std::size_t from = (plane + kept - static_cast<std::size_t>(-term.plane)) % kept;
            source[i] = centred.data() + from * plane_size +
                        static_cast<std::ptrdiff_t>(term.line) * static_cast<std::ptrdiff_t>(wide) +
                        term.column;
        }
        const double* const guess = guesses(plane);
        for (std::size_t line = 0; line < lines; ++line)
            for (std::size_t column = 0; column < columns; ++column) {
                const std::size_t at = (line + reach) * wide + column + reach;
                double prediction = 0;
                for (std::size_t i = 0; i < weight.size(); ++i)
                    prediction = prediction + weight[i] * source[i][at];
                const double mean = guess != nullptr ? guess[line * columns + column] + constant
                                    : has_mean       ? model.mean[line * columns + column]
                                                     : constant;
                const std::uint64_t left = sizes[at - 1], further = sizes[at - 2],
                                    up = sizes[at - wide], corner = sizes[at - wide + 1],
                                    past = sizes_before[at];
                std::uint32_t& busy = activity[line * columns + column];
                const auto scale = static_cast<std::uint32_t>(
                    planes > 1 ? left * 56 + further * 20 + up * 48 + corner * 24 + past * 20 +
                                     (static_cast<std::uint64_t>(busy) * 88 >> 8)
                               : left * 90 + further * 40 + up * 80 + corner * 46);
                const std::uint32_t side = std::min(
                    side_count - 1,
                    16 * level_of(static_cast<std::uint32_t>(256 * std::max(left, up))) / 2 +
                        level_of(busy) / 4);
                const std::uint32_t pattern = static_cast<std::uint32_t>(
                    64 * std::min<std::uint64_t>(3, past) + 16 * std::min<std::uint64_t>(3, left) +
                    4 * std::min<std::uint64_t>(3, up) + std::min<std::uint64_t>(3, corner));
                std::uint32_t magnitude = 0;
                now[at] = coder.value((plane * lines + line) * columns + column, prediction + mean,
                                      {scale, side, pattern}, magnitude) -
                          mean;
                sizes[at] = std::min(magnitude, largest_magnitude);
                busy += static_cast<std::uint32_t>(
                    (static_cast<std::int64_t>(sizes[at] << 8) - static_cast<std::int64_t>(busy)) *
                        24 >>
                    8);
            }
    }
}

}  // namespace narrows::codec
