// Encodes generated data of many kinds by every way of coding and prints a hash of all bytes, and
// of all that was decoded: the same line from every compiler and optimisation (same_bytes.sh).
#include <cmath>
#include <cstdio>

#include "pipeline/codec/fit_latents.hpp"
#include "pipeline/codec/stream.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tests/codec/support.hpp"

using namespace narrows;
using namespace narrows::codec;

// Of the storage room, which is not linked here: it needs HDF5.
std::size_t storage::size_of(Numeric type) {
    constexpr std::size_t bytes[] = {1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
    return bytes[static_cast<std::size_t>(type)];
}

int main(int count, char** words) {
    if (count > 1 && !simd::select(*simd::level_from(words[1]))) return 2;
    Bytes all;
    const auto add = [&](std::span<const std::byte> bytes) {
        all.insert(all.end(), bytes.begin(), bytes.end());
    };
    const auto code = [&](const Plan& plan, Numeric type, const Shape& shape, const Bytes& values) {
        ChunkReport report;
        const Bytes stored = encode_chunk(plan, type, shape, values, report);
        Bytes decoded(values.size());
        if (report.violations > 0 || !decode_chunk(stored, type, plan.model.get(), decoded))
            std::puts("FAILED");
        add(stored);
        add(decoded);
    };
    // Rows: fitted models, lanes, small chunks that start from the model.
    constexpr std::size_t rows = 900, columns = 12;
    const Bytes sensors = codec_test::sensors(rows, columns);
    Sample sample{rows, columns, {}, {0}, 1e-3};
    for (std::size_t i = 0; i < rows * columns; ++i)
        sample.values.push_back(
            static_cast<double>(reinterpret_cast<const float*>(sensors.data())[i]));
    Plan plan;
    plan.guard = false;
    plan.low = -1000;
    plan.high = 1000;
    plan.method = Method::rows;
    for (const FittedModel& one : fit_rows(sample, rows, SerialLoop{})) {
        add(one.bytes);
        plan.model = one.model;
        for (const double bound : {1e-1, 1e-3, 1e-5})
            for (const std::size_t lanes : {1u, 5u, 16u}) {
                plan.bound = {Bound::Kind::absolute, bound};
                plan.lanes = lanes;
                code(plan, Numeric::f32, Shape{rows, columns}, sensors);
            }
        RowModel model = std::get<RowModel>(*one.model);
        model.start = learn_start(plan, Numeric::f32, sensors);
        const Bytes bytes = write_model(model);
        add(bytes);
        plan.model = read_model(bytes);
        code(plan, Numeric::f32, Shape{16, columns},
             Bytes(sensors.begin(), sensors.begin() + 16 * columns * 4));
    }
    // Autoencoders: over rows, and over images.
    const auto autoencoder = [&](const Bytes& values, const LatentSize& size, const Shape& shape) {
        const std::size_t features = size.channels * size.lines * size.columns;
        Sample drawn{static_cast<std::size_t>(shape[0]), features, {}, {0}, 0.1};
        for (std::size_t i = 0; i < drawn.rows * features; ++i)
            drawn.values.push_back(
                static_cast<double>(reinterpret_cast<const float*>(values.data())[i]));
        const std::uint8_t shifts[] = {2, 5};
        const PlaneShape plane{size.lines, size.is_grid() ? size.columns : features};
        for (const FittedModel& one : fit_latents(drawn, size, plane, 12, shifts, SerialLoop{})) {
            add(one.bytes);
            plan.method = Method::codes;
            plan.model = one.model;
            for (const double bound : {1e-1, 1e-3}) {
                plan.bound = {Bound::Kind::absolute, bound};
                code(plan, Numeric::f32, shape, values);
            }
            const auto given = with_encoder(*read_model(one.bytes), drawn, 5, SerialLoop{});
            plan.model = given;
            code(plan, Numeric::f32, shape, values);
        }
    };
    autoencoder(codec_test::pulses(500, 40, 0.02), {40, 1, 1, 3, 32}, Shape{500, 40});
    autoencoder(codec_test::spots(70, 13, 18, 3), {1, 13, 18, 2, 16}, Shape{70, 13, 18});
    // Fields, differences, interpolation, grids, logarithms.
    for (const FittedModel& one : fit_field(sample, 30, 30, SerialLoop{})) add(one.bytes);
    for (const Numeric type : {Numeric::i16, Numeric::u8, Numeric::i32, Numeric::f32, Numeric::f64})
        for (const codec_test::Pattern pattern : codec_test::all_patterns) {
            const Bytes values = codec_test::make(type, 2400, pattern, 7);
            for (const Method method :
                 {Method::packed, Method::grid, Method::field, Method::interpolation})
                for (const Bound& bound : {Bound{Bound::Kind::absolute, 0.01},
                                           Bound{Bound::Kind::pointwise, 1e-3}, Bound{}}) {
                    Plan one;
                    one.method = method;
                    one.axes = method == Method::field ? 3 : 0;
                    one.bound = bound;
                    one.low = type == Numeric::u8 ? 0 : -30000;
                    one.high = type == Numeric::u8 ? 255 : 30000;
                    code(one, type, Shape{6, 20, 20}, values);
                }
        }
    // Interpolation over one to four axes, with steps that are smaller at coarse levels.
    plan.method = Method::interpolation;
    plan.model = nullptr;
    const Bytes smooth = codec_test::field(Shape{9, 40, 65});
    for (const Shape& shape : {Shape{23400}, Shape{360, 65}, Shape{9, 40, 65}, Shape{3, 3, 40, 65}})
        for (const double bound : {1e-1, 1e-2, 1e-4})
            for (const std::uint8_t tightening : std::initializer_list<std::uint8_t>{0, 1, 2}) {
                plan.bound = {Bound::Kind::absolute, bound};
                plan.tightening = tightening;
                plan.axes = tightening == 1 ? 1 : 0;
                code(plan, Numeric::f32, shape, smooth);
            }
    std::printf("%s %zu bytes\n", hash_of(all).c_str(), all.size());
}
