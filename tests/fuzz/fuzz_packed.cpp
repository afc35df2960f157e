// Chunks of compressed files, with damage anywhere behind a checksum that was made anew: whatever
// comes, the decoder writes inside the chunk or says that it is damaged.
#include <cstring>

#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/fit_latents.hpp"
#include "pipeline/codec/stream.hpp"
#include "tests/codec/support.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;
using namespace narrows::codec;

namespace {

constexpr Numeric types[] = {Numeric::u8, Numeric::i16, Numeric::i32, Numeric::f32, Numeric::f64};
constexpr std::size_t rows = 40, columns = 6;

const std::vector<FittedModel>& fitted() {
    static const std::vector<FittedModel> models = [] {
        Sample sample{rows, columns, {}, {0}, 1e-3};
        const Bytes values = codec_test::sensors(rows, columns);
        for (std::size_t i = 0; i < rows * columns; ++i)
            sample.values.push_back(reinterpret_cast<const float*>(values.data())[i]);
        std::vector<FittedModel> all = fit_rows(sample, rows, SerialLoop{});
        for (FittedModel& one : fit_field(sample, rows, columns, SerialLoop{})) all.push_back(one);
        // Autoencoders over rows, and over rows seen as images.
        const std::uint8_t shift[] = {4};
        for (const LatentSize& size :
             {LatentSize{columns, 1, 1, 2, 4}, LatentSize{1, 2, columns / 2, 1, 4}})
            for (FittedModel& one : fit_latents(sample, size, {1, columns}, 2, shift, SerialLoop{}))
                all.push_back(one);
        return all;
    }();
    return models;
}
std::size_t count() {
    return fitted().size();
}
const FittedModel& fitted(std::size_t number) {
    return fitted()[number % count()];
}

// A chunk of codes of an autoencoder.
Bytes coded(Numeric type, std::size_t model) {
    Plan plan;
    plan.method = Method::codes;
    plan.model = fitted(model).model;
    plan.bound = {Bound::Kind::absolute, type < Numeric::f16 ? 0 : 0.01};
    plan.low = 0;
    plan.high = 100;
    plan.guard = false;
    ChunkReport report;
    return encode_chunk(plan, type, Shape{rows, columns},
                        codec_test::make(type, rows * columns, codec_test::Pattern::smooth, 1),
                        report);
}

// First byte: 0 a model, else a chunk of that type and model.
std::string text_of(std::uint8_t kind, std::uint8_t model, const Bytes& bytes) {
    std::string text{static_cast<char>(kind), static_cast<char>(model)};
    return text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    std::vector<std::string> out;
    for (std::uint8_t model = 0; model < 3; ++model)
        out.push_back(text_of(0, model, fitted(model * 5).bytes));
    for (std::size_t model = count() - 2; model < count(); ++model) {
        out.push_back(text_of(0, 0, fitted(model).bytes));
        for (std::uint8_t type = 0; type < std::size(types); ++type)
            out.push_back(text_of(static_cast<std::uint8_t>(type + 1),
                                  static_cast<std::uint8_t>(model), coded(types[type], model)));
    }
    for (std::uint8_t type = 0; type < std::size(types); ++type)
        for (const Method method :
             {Method::packed, Method::grid, Method::field, Method::rows, Method::interpolation})
            for (const Bound& bound : {Bound{Bound::Kind::absolute, 0.01},
                                       Bound{Bound::Kind::pointwise, 0.01}, Bound{}}) {
                const auto pattern = method == Method::grid ? codec_test::Pattern::holes
                                                            : codec_test::Pattern::smooth;
                Plan plan;
                plan.method = method;
                const bool levels = method == Method::interpolation;
                plan.axes = method == Method::field ? 2 : levels ? type % 2 : 0;
                plan.bound = bound;
                plan.low = -100;
                plan.high = 200;
                plan.guard = false;
                if (types[type] == Numeric::u8) plan.low = 0;
                if (method == Method::rows) plan.model = fitted(3).model;
                if (method == Method::rows) plan.lanes = 1 + 5 * type % 16;
                ChunkReport report;
                out.push_back(text_of(
                    static_cast<std::uint8_t>(type + 1), 3,
                    encode_chunk(plan, types[type],
                                 levels ? Shape{4, rows / 4, columns} : Shape{rows, columns},
                                 codec_test::make(types[type], rows * columns, pattern, 1),
                                 report)));
            }
    return out;
}

void fuzz::run(std::string_view input) {
    if (input.size() < 2) return;
    const auto kind = static_cast<std::uint8_t>(input[0]);
    const auto number = static_cast<std::uint8_t>(input[1]);
    Bytes bytes(input.size() - 2);
    if (!bytes.empty()) std::memcpy(bytes.data(), input.data() + 2, bytes.size());
    if (kind == 0) {
        try {
            (void)read_model(bytes);
        } catch (const Damaged&) {
        }
        return;
    }
    if (bytes.size() >= checked_from) {
        std::memcpy(bytes.data(), &magic, sizeof magic);
        const std::uint64_t sum = checksum(std::span<const std::byte>(bytes).subspan(checked_from));
        std::memcpy(bytes.data() + sizeof magic, &sum, sizeof sum);
    }
    const Numeric type = types[(kind - 1) % std::size(types)];
    const std::size_t size = rows * columns * storage::size_of(type);
    Bytes chunk(size + 16, std::byte{0x5a});
    (void)decode_chunk(bytes, type, fitted(number).model.get(), std::span(chunk).first(size));
    for (std::size_t i = size; i < chunk.size(); ++i)
        if (chunk[i] != std::byte{0x5a}) fail("bytes were written behind the chunk");
}
