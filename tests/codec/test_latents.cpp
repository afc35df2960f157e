// Autoencoders with integer decoders: chunks, models, and where they win.
#include <cmath>
#include <random>

#include "pipeline/codec/container.hpp"
#include "pipeline/codec/fit_latents.hpp"
#include "pipeline/codec/latents.hpp"
#include "pipeline/codec/lists.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"
#include "tests/codec/support.hpp"

using namespace narrows;
using namespace narrows::codec;
using codec_test::Folder;
using codec_test::ThreadLoop;

namespace {

constexpr std::size_t rows = 320, columns = 20;

Sample sample_of(const std::vector<double>& values, std::size_t features, double bound) {
    return {values.size() / features, features, values, {0}, bound};
}

std::vector<double> in_double(const Bytes& values) {
    std::vector<double> out;
    for (std::size_t i = 0; i < values.size() / 4; ++i)
        out.push_back(static_cast<double>(reinterpret_cast<const float*>(values.data())[i]));
    return out;
}

template <class T>
Bytes as(const std::vector<double>& values, double factor) {
    Bytes out(values.size() * sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<T>(values[i] * factor);
        std::memcpy(out.data() + i * sizeof(T), &value, sizeof value);
    }
    return out;
}

FittedModel fit(const std::vector<double>& values, const LatentSize& size, double bound,
                std::size_t steps, const Loop& loop) {
    const std::uint8_t shift[] = {4};
    const PlaneShape plane{size.lines, size.is_grid() ? size.columns : size.channels};
    std::vector<FittedModel> all =
        fit_latents(sample_of(values, size.channels * size.lines * size.columns, bound), size,
                    plane, steps, shift, loop);
    REQUIRE(all.size() == 1);
    return all[0];
}

void comes_back(const FittedModel& one, Numeric type, const Shape& shape, const Bytes& values,
                double bound) {
    Plan plan;
    plan.method = Method::codes;
    plan.model = one.model;
    plan.bound = {bound > 0 ? Bound::Kind::absolute : Bound::Kind::exact, bound};
    plan.low = 0;
    plan.high = 200;
    plan.guard = false;
    ChunkReport report;
    const Bytes stored = encode_chunk(plan, type, shape, values, report);
    CHECK(report.method == Method::codes);
    CHECK(report.violations == 0);
    // What is stored needs no encoder.
    const std::shared_ptr<const codec::Model> model = read_model(one.bytes);
    CHECK(std::get<LatentModel>(*model).encoder == nullptr);
    Bytes decoded(values.size());
    REQUIRE(decode_chunk(stored, type, model.get(), decoded));
    ChunkReport found;
    compare(type, values, decoded, plan.bound, {}, found);
    CHECK(found.violations == 0);
    CHECK(!decode_chunk(stored, type, nullptr, decoded));
}

const Candidate& best_of(const ArrayResult& result, std::string_view name, bool with) {
    const Candidate* best = nullptr;
    for (const Candidate& one : result.tried)
        if (one.possible && one.name.starts_with(name) == with &&
            (best == nullptr || one.bytes < best->bytes))
            best = &one;
    REQUIRE(best != nullptr);
    return *best;
}

}  // namespace

TEST_CASE("rows and images of every type come back from codes within the bound", "[codec]") {
    const std::vector<double> pulses = in_double(codec_test::pulses(rows, columns, 0.02)),
                              spots = in_double(codec_test::spots(96, 10, 14, 2));
    const FittedModel dense = fit(pulses, {columns, 1, 1, 3, 16}, 0.1, 60, SerialLoop{}),
                      grid = fit(spots, {1, 10, 14, 2, 8}, 0.1, 20, SerialLoop{});
    for (const std::size_t count : {rows, std::size_t{1}, std::size_t{33}}) {
        const std::vector<double> some(
            pulses.begin(), pulses.begin() + static_cast<std::ptrdiff_t>(count * columns));
        const Shape shape{static_cast<std::int64_t>(count), columns};
        for (const double bound : {0.3, 1e-2, 1e-3}) {
            comes_back(dense, Numeric::f32, shape, as<float>(some, 1), bound);
            comes_back(dense, Numeric::f64, shape, as<double>(some, 1), bound);
        }
    }
    Bytes holes = as<float>(pulses, 1);
    for (std::size_t i = 3; i < rows * columns; i += 7) {
        const float odd = i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                     : -std::numeric_limits<float>::infinity();
        std::memcpy(holes.data() + 4 * i, &odd, 4);
    }
    comes_back(dense, Numeric::f32, Shape{rows, columns}, holes, 0.1);
    comes_back(grid, Numeric::f32, Shape{96, 10, 14}, as<float>(spots, 1), 0.1);
    comes_back(grid, Numeric::f64, Shape{96, 1, 10, 14}, as<double>(spots, 1), 0.01);
    // Whole numbers, with models of their own.
    std::vector<double> large = pulses;
    for (double& value : large) value = std::nearbyint(std::max(0.0, value) * 60);
    const FittedModel whole = fit(large, {columns, 1, 1, 2, 8}, 0.5, 60, SerialLoop{});
    for (const double bound : {0.0, 3.0}) {
        comes_back(whole, Numeric::u8, Shape{rows, columns}, as<std::uint8_t>(large, 1), bound);
        comes_back(whole, Numeric::i32, Shape{rows, columns}, as<std::int32_t>(large, 1), bound);
    }
}

TEST_CASE("the same autoencoder for any thread count and kernel level", "[codec]") {
    const std::vector<double> pulses = in_double(codec_test::pulses(rows, columns, 0.02)),
                              spots = in_double(codec_test::spots(96, 10, 14, 2));
    const simd::Level before = simd::kernels().level;
    Bytes dense, grid;
    for (const simd::Level level : simd::available())
        for (const std::size_t threads : {1, 3}) {
            REQUIRE(simd::select(level));
            const Bytes one =
                            fit(pulses, {columns, 1, 1, 3, 16}, 0.1, 8, ThreadLoop(threads)).bytes,
                        other = fit(spots, {1, 10, 14, 2, 8}, 0.1, 4, ThreadLoop(threads)).bytes;
            if (dense.empty()) {
                dense = one;
                grid = other;
            }
            REQUIRE(one == dense);
            REQUIRE(other == grid);
        }
    simd::select(before);
}

TEST_CASE("a model whose sums could leave 32 bits is damaged", "[codec]") {
    const std::vector<double> pulses = in_double(codec_test::pulses(rows, columns, 0.02));
    const FittedModel dense = fit(pulses, {columns, 1, 1, 3, 100}, 0.1, 2, SerialLoop{});
    LatentModel model = std::get<LatentModel>(*dense.model);
    for (std::int32_t& weight : model.layers[1].net.weights) weight = most_latent_weight;
    CHECK_THROWS_AS(read_model(write_model(model)), Damaged);
    for (std::int32_t& weight : model.layers[1].net.weights) weight = 1024;
    CHECK_NOTHROW(read_model(write_model(model)));
    model.layers.pop_back();  // what is left does not give a row
    CHECK_THROWS_AS(read_model(write_model(model)), Damaged);
}

TEST_CASE("rows with few nonlinear causes are coded by a dense autoencoder", "[codec]") {
    Folder folder;
    const auto pulses = [](std::size_t count) {
        return std::vector<Input>{codec_test::input_of("/pulses", Numeric::f32,
                                                       Shape{static_cast<std::int64_t>(count), 64},
                                                       codec_test::pulses(count, 64, 0.05))};
    };
    Job job;
    job.wanted = {Wanted::Kind::range, 1e-1};
    job.budget = 60;
    const auto results = compress_file(folder / "c.h5", pulses(20000), {}, job, ThreadLoop(2));
    CHECK(results[0].method.starts_with("dense autoencoder: "));
    const Candidate &ours = best_of(results[0], "dense autoencoder", true),
                    &other = best_of(results[0], "dense autoencoder", false);
    INFO(ours.bytes << " beside " << other.bytes << " of " << other.name);
    CHECK(ours.bytes < 0.9 * other.bytes);
    CHECK(verify_file(folder / "c.h5", pulses(20000), ThreadLoop(2)).violations == 0);

    // The model is reused: its encoder is fitted to the new rows.
    job.models = models_of(folder / "c.h5");
    const auto second = compress_file(folder / "d.h5", pulses(6000), {}, job, ThreadLoop(2));
    CHECK(second[0].method == "given autoencoder");
    CHECK(second[0].model_bytes == 0);
    CHECK(second[0].bytes_out < results[0].bytes_out / 2);
    job.embed = true;
    compress_file(folder / "e.h5", pulses(6000), {}, job, ThreadLoop(1));
    CHECK(verify_file(folder / "e.h5", pulses(6000), SerialLoop{}).problems.empty());
}

TEST_CASE("images of many small shapes are coded by a convolutional autoencoder", "[codec]") {
    Folder folder;
    const std::vector<Input> images{codec_test::input_of(
        "/spots", Numeric::f32, Shape{8000, 12, 12}, codec_test::spots(8000, 12, 12, 2))};
    Job job;
    job.wanted = {Wanted::Kind::range, 1e-1};
    job.budget = 150;
    const auto results = compress_file(folder / "c.h5", images, {}, job, ThreadLoop(2));
    CHECK(results[0].method.starts_with("convolutional autoencoder: "));
    const Candidate &ours = best_of(results[0], "convolutional autoencoder", true),
                    &other = best_of(results[0], "convolutional autoencoder", false);
    INFO(ours.bytes << " beside " << other.bytes << " of " << other.name);
    CHECK(ours.bytes < 0.9 * other.bytes);
    CHECK(verify_file(folder / "c.h5", images, ThreadLoop(2)).violations == 0);
}
