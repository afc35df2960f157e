#include "pipeline/codec/model.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "pipeline/codec/lists.hpp"
#include "pipeline/codec/zstandard.hpp"

namespace narrows::codec {

namespace {

constexpr std::uint8_t row_kind = 1, stencil_kind = 2, net_kind = 3, latent_kind = 4;
// Sums of so many products of 12 and 12 bits, and a bias, stay within 32 bits.
constexpr std::uint64_t most_units = 100;
constexpr std::uint64_t most_features = 1u << 14, most_lags = 8, most_terms = 256;
constexpr std::size_t most_bytes = 64u << 20;
constexpr std::int64_t most_weight = 63;  // of a symbol, in quarters of binary logarithms

std::int64_t units(double value, double unit) {
    return static_cast<std::int64_t>(std::nearbyint(value / unit));
}

struct Lists {
    Following means{1}, counts{2}, gaps{3}, same{4}, before{5}, starts{6};
};
constexpr std::uint8_t has_grid = 1, has_levels = 2;

unsigned bits_for(std::uint32_t count) {
    return static_cast<unsigned>(std::bit_width(count - 1));
}

// Terms are in the order of their sources, lag * features + feature.
void put(ByteWriter& out, const RowModel& model, double) {
    const double mean_unit = model.mean_unit, weight_unit = model.weight_unit;
    out.put(row_kind);
    out.varint(model.features);
    out.varint(model.lags);
    out.put(mean_unit);
    out.put(weight_unit);
    const CodingStart& start = model.start;
    out.put(static_cast<std::uint8_t>((start.step != 0 ? has_grid : 0) |
                                      (start.levels.empty() ? 0 : has_levels)));
    if (start.step != 0) {
        out.put(start.step);
        out.put(start.low);
        out.put(start.high);
    }
    Lists lists;
    ResidualEncoder coder;
    const auto code = [&](Following& list, std::int64_t value) {
        coder.put(value, list.context());
        list.saw(value);
    };
    const bool natural = std::is_sorted(model.order.begin(), model.order.end());
    coder.uniform(natural, 1);
    if (!natural)
        for (const std::uint32_t feature : model.order)
            coder.uniform(feature, bits_for(model.features));
    std::int64_t before = 0;
    for (const double mean : model.mean) {
        const std::int64_t here = units(mean, mean_unit);
        code(lists.means, here - before);
        before = here;
    }
    for (const auto& terms : model.terms) {
        code(lists.counts, static_cast<std::int64_t>(terms.size()));
        std::int64_t source = -1;
        for (const RowModel::Term& term : terms) {
            const std::int64_t next = term.lag * model.features + term.feature;
            code(lists.gaps, next - source - 1);
            source = next;
            code(term.lag == 0 ? lists.same : lists.before, units(term.weight, weight_unit));
        }
    }
    if (!start.levels.empty()) {
        std::size_t next = 0;
        for (std::uint32_t level = 0; level < simd::residual_levels; ++level) {
            const bool there = next < start.levels.size() && start.levels[next].level == level;
            coder.uniform(there ? 1 : 0, 1);
            if (!there) continue;
            std::int64_t last = 0;
            for (const std::uint8_t weight : start.levels[next].weight) {
                code(lists.starts, weight - last);
                last = weight;
            }
            ++next;
        }
    }
    out.append(coder.finish());
}

RowModel take_rows(ByteReader& in) {
    RowModel model;
    model.features = static_cast<std::uint32_t>(in.count(most_features));
    model.lags = static_cast<std::uint32_t>(in.count(most_lags));
    if (model.features == 0) throw Damaged{"model"};
    const double mean_unit = finite(in.take<double>()), weight_unit = finite(in.take<double>());
    model.mean_unit = mean_unit;
    model.weight_unit = weight_unit;
    const auto flags = in.take<std::uint8_t>();
    if (flags > (has_grid | has_levels)) throw Damaged{"model"};
    if ((flags & has_grid) != 0) {
        model.start.step = finite(in.take<double>());
        model.start.low = finite(in.take<double>());
        model.start.high = finite(in.take<double>());
    }
    Lists lists;
    ResidualDecoder coder(in.take_bytes(in.left()));
    const auto code = [&](Following& list) {
        const std::int64_t value = coder.take(list.context());
        list.saw(value);
        return value;
    };
    std::vector<std::uint32_t> place(model.features, model.features);
    const bool natural = coder.uniform(1) != 0;
    for (std::uint32_t k = 0; k < model.features; ++k) {
        const std::uint32_t feature =
            natural ? k : static_cast<std::uint32_t>(coder.uniform(bits_for(model.features)));
        if (feature >= model.features || place[feature] != model.features) throw Damaged{"model"};
        place[feature] = k;
        model.order.push_back(feature);
    }
    std::int64_t before = 0;
    for (std::uint32_t k = 0; k < model.features; ++k) {
        before += code(lists.means);
        model.mean.push_back(finite(static_cast<double>(before) * mean_unit));
    }
    model.terms.resize(model.features);
    const std::int64_t sources = static_cast<std::int64_t>(model.features) * (model.lags + 1);
    for (std::uint32_t k = 0; k < model.features; ++k) {
        const std::int64_t count = code(lists.counts);
        if (count < 0 || count > static_cast<std::int64_t>(most_terms)) throw Damaged{"model"};
        std::int64_t source = -1;
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t gap = code(lists.gaps);
            if (gap < 0 || gap >= sources - source - 1) throw Damaged{"model"};
            source += gap + 1;
            RowModel::Term term{static_cast<std::uint32_t>(source / model.features),
                                static_cast<std::uint32_t>(source % model.features), 0};
            if (term.lag == 0 && place[term.feature] >= k) throw Damaged{"model"};
            term.weight = finite(
                static_cast<double>(code(term.lag == 0 ? lists.same : lists.before)) * weight_unit);
            model.terms[k].push_back(term);
        }
    }
    for (std::uint32_t level = 0; (flags & has_levels) != 0 && level < simd::residual_levels;
         ++level) {
        if (coder.uniform(1) == 0) continue;
        CodingStart::Level one{level, {}};
        std::int64_t weight = 0;
        for (std::uint8_t& stored : one.weight) {
            const std::int64_t step = code(lists.starts);
            if (step > most_weight || step < -most_weight || weight + step < 0 ||
                weight + step > most_weight)
                throw Damaged{"model"};
            weight += step;
            stored = static_cast<std::uint8_t>(weight);
        }
        model.start.levels.push_back(one);
    }
    model.tables = tables_of(model.start);
    coder.end();
    return model;
}

void put(ByteWriter& out, const StencilModel& model, double mean_unit) {
    out.put(stencil_kind);
    put_terms(out, model);
    out.varint(model.lines);
    out.varint(model.columns);
    out.put(mean_unit);
    // Differences from the plane through the neighbours before: smooth patterns are small then.
    const auto at = [&](std::size_t line, std::size_t column) {
        return units(model.mean[(line - 1) * model.columns + column - 1], mean_unit);
    };
    for (std::size_t line = 1; line <= model.lines; ++line)
        for (std::size_t column = 1; column <= model.columns; ++column) {
            const std::int64_t left = column > 1 ? at(line, column - 1) : 0;
            const std::int64_t up = line > 1 ? at(line - 1, column) : 0;
            const std::int64_t both = column > 1 && line > 1 ? at(line - 1, column - 1) : 0;
            out.zigzag(at(line, column) - left - up + both);
        }
}

StencilModel take_stencil(ByteReader& in) {
    StencilModel model;
    take_terms(in, model);
    model.lines = static_cast<std::uint32_t>(in.count(most_bytes));
    model.columns = static_cast<std::uint32_t>(in.count(most_bytes));
    const double unit = finite(in.take<double>());
    if (static_cast<std::uint64_t>(model.lines) * model.columns > in.left()) throw Damaged{"model"};
    std::vector<std::uint64_t> whole(static_cast<std::size_t>(model.lines) * model.columns);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const bool left = i % model.columns > 0, up = i >= model.columns;
        whole[i] = static_cast<std::uint64_t>(in.zigzag());
        if (left) whole[i] += whole[i - 1];
        if (up) whole[i] += whole[i - model.columns];
        if (left && up) whole[i] -= whole[i - model.columns - 1];
        model.mean.push_back(
            finite(static_cast<double>(static_cast<std::int64_t>(whole[i])) * unit));
    }
    return model;
}

void put(ByteWriter& out, const NetModel& model, double) {
    out.put(net_kind);
    out.varint(model.layers[0].outputs);
    out.varint(model.layers[1].outputs);
    ResidualEncoder coder;
    for (std::uint32_t l = 0; l < 3; ++l) put_layer(coder, l, model.layers[l], 0);
    out.append(coder.finish());
}

NetModel take_net(ByteReader& in) {
    NetModel model;
    const std::size_t first = in.count(most_units), second = in.count(most_units);
    if (first == 0 || second == 0) throw Damaged{"model"};
    const std::size_t sizes[] = {net_inputs(), first, second, net_outputs};
    ResidualDecoder coder(in.take_bytes(in.left()));
    for (std::uint32_t l = 0; l < 3; ++l) {
        NetLayer& layer = model.layers[l];
        layer.inputs = sizes[l];
        layer.outputs = sizes[l + 1];
        take_layer(coder, l, layer, 0, net_most);
    }
    coder.end();
    return model;
}

void put(ByteWriter& out, const LatentModel& model, double) {
    out.put(latent_kind);
    put_latents(out, model);
}

}  // namespace

Bytes write_model(const Model& model, double mean_unit) {
    ByteWriter out;
    std::visit([&](const auto& one) { put(out, one, mean_unit); }, model);
    ByteWriter packed;
    packed.varint(out.bytes().size());
    packed.append(compress(out.bytes(), 19));
    return packed.take();
}

std::shared_ptr<const Model> read_model(std::span<const std::byte> bytes) {
    ByteReader packed(bytes);
    const std::size_t size = packed.count(std::min(most_bytes, packed.left() * 1024));
    const Bytes plain = decompress(packed.take_bytes(packed.left()), size);
    ByteReader in(plain);
    const auto kind = in.take<std::uint8_t>();
    std::shared_ptr<const Model> model;
    if (kind == row_kind)
        model = std::make_shared<const Model>(take_rows(in));
    else if (kind == stencil_kind)
        model = std::make_shared<const Model>(take_stencil(in));
    else if (kind == net_kind)
        model = std::make_shared<const Model>(take_net(in));
    else if (kind == latent_kind)
        model = std::make_shared<const Model>(take_latents(in));
    if (model == nullptr || in.left() != 0) throw Damaged{"model"};
    return model;
}

std::string hash_of(std::span<const std::byte> bytes) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    if (SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest) ==
        nullptr)
        throw std::bad_alloc();
    std::string text;
    for (const unsigned char part : digest) {
        text += "0123456789abcdef"[part >> 4];
        text += "0123456789abcdef"[part & 15];
    }
    return text;
}

}  // namespace narrows::codec
