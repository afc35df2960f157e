#include "pipeline/codec/latents.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/codec/lists.hpp"
#include "pipeline/codec/trainer.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t most_layers = 6, most_units = 512, most_codes = 64, most_values = 1u << 18;
constexpr std::size_t most_weights = 1u << 20,
                      most_products = 1u << 14;  // of a layer, for each value

// The way through codes that both directions share: code(index, predicted, context) gives the code.
template <class Code>
void through_codes(const LatentModel& model, std::size_t rows, std::span<std::int32_t> codes,
                   const Code& code) {
    const Spread& grid = model.codes();
    const std::size_t channels = grid.channels, row_codes = grid.values();
    const bool is_grid = grid.lines * grid.columns > 1;
    std::vector<std::uint32_t> size(channels, 2048), missed(row_codes, 0);
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t i = 0; i < row_codes; ++i) {
            const std::size_t channel = i % channels, column = i / channels % grid.columns,
                              line = i / channels / grid.columns;
            const std::size_t at = row * row_codes + i;
            const std::int32_t last = row > 0 ? codes[at - row_codes] : 0;
            const std::int32_t predicted = (model.carry[channel] * last + 8) >> 4;
            const std::uint32_t left = column > 0 ? missed[i - channels] : 0,
                                up = line > 0 ? missed[i - channels * grid.columns] : 0,
                                past = missed[i];
            Context context{
                size[channel], static_cast<std::uint32_t>(channel),
                64 * std::min(3u, past) + 16 * std::min(3u, left) + 4 * std::min(3u, up)};
            if (is_grid) context.scale = size[channel] / 2 + 64 * (left + up);
            codes[at] = code(at, predicted, context);
            const std::int32_t apart = codes[at] - predicted;
            missed[i] = static_cast<std::uint32_t>(apart < 0 ? -apart : apart);
            size[channel] += static_cast<std::uint32_t>((static_cast<std::int64_t>(missed[i] << 8) -
                                                         static_cast<std::int64_t>(size[channel])) *
                                                            24 >>
                                                        8);
        }
}

Spread spread_of(std::uint8_t byte, std::size_t lines, std::size_t columns, std::size_t channels) {
    Spread spread{lines, columns, channels, 1, 1, 1};
    if ((byte & 1) != 0) spread.side = 3;
    if ((byte & 2) != 0) spread.up = 2;
    if (byte > 3) throw Damaged{"model"};
    return spread;
}

// No sum may leave 32 bits, whatever comes in.
void check_sums(const NetLayer& layer) {
    for (std::size_t o = 0; o < layer.outputs; ++o) {
        std::int64_t sum = std::abs(static_cast<std::int64_t>(layer.bias[o]));
        for (std::size_t i = 0; i < layer.inputs; ++i)
            sum +=
                std::abs(static_cast<std::int64_t>(layer.weights[o * layer.inputs + i])) * net_most;
        if (sum > 0x7fffffff) throw Damaged{"model"};
    }
}

}  // namespace

void put_latents(ByteWriter& out, const LatentModel& model) {
    out.varint(model.channels);
    out.varint(model.lines);
    out.varint(model.columns);
    out.varint(model.codes().channels);
    out.varint(model.layers.size());
    for (const LatentLayer& layer : model.layers) {
        out.put(static_cast<std::uint8_t>((layer.spread.side == 3 ? 1 : 0) |
                                          (layer.spread.up == 2 ? 2 : 0)));
        out.put(layer.shift);
        out.varint(layer.net.outputs);
    }
    out.put(model.offset);
    out.put(model.unit);
    for (const std::uint8_t carry : model.carry) out.put(carry);
    put_terms(out, model.local);
    out.put(model.local.mean.empty() ? 0.0 : model.local.mean[0]);
    ResidualEncoder coder;
    for (std::uint32_t l = 0; l < model.layers.size(); ++l)
        put_layer(coder, l, model.layers[l].net, model.layers[l].shift);
    out.append(coder.finish());
}

LatentModel take_latents(ByteReader& in) {
    LatentModel model;
    model.channels = in.count(most_values);
    model.lines = in.count(most_image_side);
    model.columns = in.count(most_image_side);
    std::size_t before = in.count(most_codes);
    model.layers.resize(in.count(most_layers));
    if (model.channels == 0 || model.lines == 0 || model.columns == 0 || before == 0 ||
        model.layers.empty() || model.features() > most_values)
        throw Damaged{"model"};
    model.carry.resize(before);
    std::vector<std::uint8_t> kinds;
    std::size_t finer = 1;
    for (LatentLayer& layer : model.layers) {
        kinds.push_back(in.take<std::uint8_t>());
        if ((kinds.back() & 2) != 0) finer *= 2;
        layer.shift = in.take<std::uint8_t>();
        layer.net.outputs = in.count(&layer == &model.layers.back() ? most_values : most_units);
        if (layer.shift > 10 || layer.net.outputs == 0) throw Damaged{"model"};
    }
    std::size_t lines = (model.lines + finer - 1) / finer,
                columns = (model.columns + finer - 1) / finer;
    for (std::size_t l = 0; l < model.layers.size(); ++l) {
        LatentLayer& layer = model.layers[l];
        layer.spread = spread_of(kinds[l], lines, columns, before);
        layer.net.inputs = layer.spread.inputs();
        lines = layer.spread.lines_out();
        columns = layer.spread.columns_out();
        before = layer.net.outputs;
        if (layer.net.inputs * before > most_weights ||
            layer.spread.places() * before > 2 * most_values ||
            layer.spread.places() * layer.net.inputs * before > most_products * model.features())
            throw Damaged{"model"};
    }
    if (before != model.channels || model.codes().values() > model.features())
        throw Damaged{"model"};
    model.offset = finite(in.take<double>());
    model.unit = finite(in.take<double>());
    for (std::uint8_t& carry : model.carry)
        if ((carry = in.take<std::uint8_t>()) > 16) throw Damaged{"model"};
    take_terms(in, model.local);
    model.local.lines = model.local.columns = 1;
    model.local.mean.push_back(finite(in.take<double>()));
    ResidualDecoder coder(in.take_bytes(in.left()));
    for (std::uint32_t l = 0; l < model.layers.size(); ++l) {
        take_layer(coder, l, model.layers[l].net, model.layers[l].shift, most_latent_weight);
        check_sums(model.layers[l].net);
    }
    coder.end();
    return model;
}

Bytes put_codes(const LatentModel& model, std::span<const std::int32_t> codes) {
    ResidualEncoder coder;
    std::vector<std::int32_t> copy(codes.begin(), codes.end());
    through_codes(model, codes.size() / model.codes().values(), copy,
                  [&](std::size_t at, std::int32_t predicted, Context context) {
                      coder.put(codes[at] - predicted, context);
                      return codes[at];
                  });
    return coder.finish();
}

std::vector<std::int32_t> take_codes(const LatentModel& model, std::size_t rows,
                                     std::span<const std::byte> bytes) {
    ResidualDecoder coder(bytes);
    std::vector<std::int32_t> codes(rows * model.codes().values());
    through_codes(model, rows, codes, [&](std::size_t, std::int32_t predicted, Context context) {
        const std::int64_t code = coder.take(context) + predicted;
        if (code > most_code || code < -most_code) throw Damaged{"codes"};
        return static_cast<std::int32_t>(code);
    });
    coder.end();
    return codes;
}

std::vector<std::uint32_t> output_places(const LatentModel& model) {
    std::vector<std::uint32_t> places;
    const std::size_t wide = model.layers.back().spread.columns_out();
    for (std::size_t channel = 0; channel < model.channels; ++channel)
        for (std::size_t line = 0; line < model.lines; ++line)
            for (std::size_t column = 0; column < model.columns; ++column)
                places.push_back(
                    static_cast<std::uint32_t>((line * wide + column) * model.channels + channel));
    return places;
}

FieldShape guessed_field(const Shape& shape) {
    FieldShape field = field_of(shape);
    if (shape.rank() == 2) std::swap(field.planes, field.lines);
    return field;
}

bool is_of(const LatentModel& model, const FieldShape& field) {
    const std::size_t plane = field.lines * field.columns;
    return plane > 0 && model.features() % plane == 0 &&
           field.planes % (model.features() / plane) == 0;
}

Guesses::Guesses(const LatentModel& model, std::vector<std::int32_t> codes, const FieldShape& field)
    : model_(model),
      codes_(std::move(codes)),
      plane_size_(field.lines * field.columns),
      planes_of_row_(model.features() / plane_size_),
      places_(output_places(model)),
      rows_(model.features() * net_lanes) {}

const double* Guesses::operator()(std::size_t plane) const {
    const std::size_t row = plane / planes_of_row_;
    if (row / net_lanes != block_) make(row / net_lanes * net_lanes);
    return rows_.data() + row % net_lanes * model_.features() +
           plane % planes_of_row_ * plane_size_;
}

// Rows are lanes.
void Guesses::make(std::size_t first_row) const {
    block_ = first_row / net_lanes;
    const std::size_t row_codes = model_.codes().values();
    const std::size_t count = std::min(net_lanes, codes_.size() / row_codes - first_row);
    before_.assign(row_codes * net_lanes, 0);
    for (std::size_t lane = 0; lane < count; ++lane)
        for (std::size_t i = 0; i < row_codes; ++i)
            before_[i * net_lanes + lane] = code_one * codes_[(first_row + lane) * row_codes + i];
    for (const LatentLayer& layer : model_.layers) {
        const Spread& spread = layer.spread;
        const bool last = &layer == &model_.layers.back();
        const std::size_t block = spread.channels * net_lanes, taps = spread.side * spread.side;
        inputs_.resize(spread.inputs() * net_lanes);
        after_.resize(spread.places() * layer.net.outputs * net_lanes);
        for (std::size_t place = 0; place < spread.places(); ++place) {
            for (std::size_t tap = 0; tap < taps; ++tap) {
                const std::size_t cell =
                    spread.cell(place / spread.columns_out(), place % spread.columns_out(), tap);
                std::int32_t* const to = inputs_.data() + tap * block;
                if (cell == Spread::outside)
                    std::fill_n(to, block, 0);
                else
                    std::copy_n(before_.data() + cell * block, block, to);
            }
            run_layer(layer.net, last, inputs_.data(),
                      after_.data() + place * layer.net.outputs * net_lanes);
        }
        before_.swap(after_);
    }
    const std::size_t features = model_.features();
    for (std::size_t f = 0; f < features; ++f)
        for (std::size_t lane = 0; lane < count; ++lane)
            rows_[lane * features + f] =
                model_.offset +
                model_.unit * static_cast<double>(before_[places_[f] * net_lanes + lane]);
}

std::vector<std::int32_t> codes_of(const LatentModel& model, std::span<const double> values) {
    const FloatStack& encoder = *model.encoder;
    const std::size_t features = model.features(), rows = values.size() / features,
                      row_codes = model.codes().values();
    const double scale = 1 / (model.unit * net_one);
    std::vector<std::int32_t> codes;
    std::vector<float> input(net_lanes * features), patches, before, after;
    for (std::size_t first = 0; first < rows; first += net_lanes) {
        const std::size_t count = std::min(net_lanes, rows - first);
        for (std::size_t row = 0; row < count; ++row)
            for (std::size_t f = 0; f < features; ++f) {
                const double value = (values[(first + row) * features + f] - model.offset) * scale;
                // Channels are last within the network.
                const std::size_t place = model.lines * model.columns;
                input[row * features + f % place * model.channels + f / place] =
                    static_cast<float>(std::isfinite(value) ? std::clamp(value, -1e3, 1e3) : 0.0);
            }
        before = input;
        for (const FloatLayer& layer : encoder) {
            const float* const from = spread_rows(layer, before.data(), count, patches);
            after.resize(count * layer.spread.places() * layer.outputs);
            run_float(layer, from, count, after.data());
            before.swap(after);
        }
        for (std::size_t i = 0; i < count * row_codes; ++i) {
            const double code = static_cast<double>(before[i]) / code_step;
            codes.push_back(code == code ? static_cast<std::int32_t>(to_whole(
                                               std::clamp(code, -1.0 * most_code, 1.0 * most_code)))
                                         : 0);
        }
    }
    return codes;
}

}  // namespace narrows::codec
