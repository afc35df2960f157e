#include "pipeline/codec/lists.hpp"

#include <cmath>

namespace narrows::codec {

namespace {

constexpr std::uint64_t most_terms = 256;

}  // namespace

void put_terms(ByteWriter& out, const StencilModel& model) {
    out.varint(model.terms.size());
    for (const StencilModel::Term& term : model.terms) {
        out.put(static_cast<std::int8_t>(term.plane));
        out.put(static_cast<std::int8_t>(term.line));
        out.put(static_cast<std::int8_t>(term.column));
        out.put(static_cast<float>(term.weight));
    }
}

void take_terms(ByteReader& in, StencilModel& model) {
    model.terms.resize(in.count(most_terms));
    for (StencilModel::Term& term : model.terms) {
        term.plane = in.take<std::int8_t>();
        term.line = in.take<std::int8_t>();
        term.column = in.take<std::int8_t>();
        term.weight = static_cast<double>(in.take<float>());
        const bool before =
            term.plane < 0 ||
            (term.plane == 0 && (term.line < 0 || (term.line == 0 && term.column < 0)));
        const auto far = [](std::int32_t offset) {
            return offset > stencil_reach || offset < -stencil_reach;
        };
        if (!before || far(term.plane) || far(term.line) || far(term.column))
            throw Damaged{"model"};
        finite(term.weight);
    }
}

void put_layer(ResidualEncoder& coder, std::uint32_t number, const NetLayer& layer,
               unsigned shift) {
    Following weights(2 * number), biases(2 * number + 1);
    const auto code = [&](Following& list, std::int64_t value) {
        coder.put(value, list.context());
        list.saw(value);
    };
    for (const std::int32_t weight : layer.weights) code(weights, weight >> shift);
    for (const std::int32_t bias : layer.bias) code(biases, bias / bias_unit);
}

void take_layer(ResidualDecoder& coder, std::uint32_t number, NetLayer& layer, unsigned shift,
                std::int64_t most) {
    Following weights(2 * number), biases(2 * number + 1);
    const auto code = [&](Following& list, std::int64_t limit) {
        const std::int64_t value = coder.take(list.context());
        if (value > limit || value < -limit) throw Damaged{"model"};
        list.saw(value);
        return static_cast<std::int32_t>(value);
    };
    for (std::size_t i = 0; i < layer.inputs * layer.outputs; ++i)
        layer.weights.push_back(code(weights, most >> shift) * (1 << shift));
    for (std::size_t i = 0; i < layer.outputs; ++i)
        layer.bias.push_back(code(biases, most_bias) * static_cast<std::int32_t>(bias_unit));
}

}  // namespace narrows::codec
