// Inputs that excite a unit most, against closed forms: of a linear unit its weights at the
// radius, and of a convolution's unit nothing outside of what it sees.
#include <thread>

#include "pipeline/model/activation_maximisation.hpp"
#include "pipeline/model/scaling.hpp"
#include "tests/model/model_bench.hpp"

using namespace model_bench;
using namespace narrows::model;

namespace {

void set(const Autoencoder& model, std::size_t layer, std::string_view name,
         const std::vector<float>& values) {
    for (layers::Parameter* parameter : model.encoder().layer(layer).parameters())
        if (parameter->name() == name) return parameter->set_values(values);
    throw std::logic_error("no such parameter");
}

std::vector<float> directions(const Autoencoder& model, const Ascent& ascent, std::size_t count,
                              const Loop& loop = SerialLoop{}) {
    std::vector<float> out(count * size_of_sample(model.input_shape()));
    maximise_activation(model, loop, ascent, 0, count, out.data());
    return out;
}

}  // namespace

TEST_CASE("a linear unit is excited most by its own weights, at the data's distance",
          "[activation_maximisation]") {
    const auto model = build(mirrored({3}, {dense(2), dense(1, "sigmoid")}));
    set(*model, 0, "weight", {1, 0, 0, 2, 0, 0});  // [3 inputs, 2 units]
    set(*model, 1, "weight", {3, -2});
    Scaling scaling;
    scaling.shift = {1};
    scaling.factor = {2};
    scaling.mean = {5, 6, 7};
    scaling.deviation = {2, 1, 1};
    model->set_scaling(scaling);

    Ascent ascent = ascent_within_data(*model, 1);
    CHECK(ascent.centre == std::vector<float>{8, 10, 12});
    CHECK(ascent.radius == Approx(std::sqrt(16.0 + 4 + 4)));
    const auto found = directions(*model, ascent, 1);
    // 3 * (1, 0, 0) - 2 * (0, 2, 0), at the radius; the sigmoid above does not flatten it.
    CHECK(found[0] == Approx(ascent.radius * 3 / 5).epsilon(1e-4));
    CHECK(found[1] == Approx(-ascent.radius * 4 / 5).epsilon(1e-4));
    CHECK(found[2] == Approx(0).margin(1e-5));
}

TEST_CASE("behind relu units an ascent ends at the best of the sphere",
          "[activation_maximisation]") {
    // relu(x0) + relu(-x0) / 2 + relu(x1): at radius 1 the best is (1, 1) / sqrt 2.
    const auto model = build(mirrored({2}, {dense(3, "relu"), dense(1)}));
    set(*model, 0, "weight", {1, -1, 0, 0, 0, 1});
    set(*model, 1, "weight", {1, 0.5f, 1});
    Ascent ascent = ascent_within_data(*model, 1);
    ascent.radius = 1;
    ascent.starts = 8;
    const auto found = directions(*model, ascent, 1);
    CHECK(found[0] == Approx(std::sqrt(0.5)).epsilon(0.02));
    CHECK(found[1] == Approx(std::sqrt(0.5)).epsilon(0.02));

    set(*model, 1, "weight", {0, 0, 0});  // no gradient anywhere
    CHECK(directions(*model, ascent, 1) == std::vector<float>{0, 0});
}

TEST_CASE("a channel is searched in the middle, and nothing is outside of what it sees",
          "[activation_maximisation]") {
    const auto model = build(mirrored(
        {9, 9}, {conv(4, "relu", 1), layer("batch_norm"), layer("dropout"), conv(2, "linear", 1)}));
    const Units units = units_of(*model, 3);
    CHECK(units.count == 2);
    CHECK(units.offset == (4 * 9 + 4) * 2);
    const Ascent ascent = ascent_within_data(*model, 3);
    const auto found = directions(*model, ascent, 2);
    double inside = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const std::size_t row = i % 81 / 9, column = i % 9;
        const bool seen = row >= 2 && row <= 6 && column >= 2 && column <= 6;  // two kernels of 3
        if (!seen) CHECK(found[i] == 0);
        inside += static_cast<double>(found[i]) * found[i];
    }
    CHECK(inside == Approx(2 * 81).epsilon(1e-4));

    const auto bits = directions(*model, ascent, 2, test::ThreadLoop(3));
    CHECK(bits == found);
}

TEST_CASE("layers are named as in files", "[activation_maximisation]") {
    const auto model = build(mirrored({4}, {layer("activation"), dense(3), dense(2)}));
    CHECK(encoder_layer(*model, "") == 1);
    CHECK(encoder_layer(*model, "encoder.2") == 2);
    CHECK(encoder_layer(*model, "0") == 0);
    CHECK(encoder_layer(*model, "code") == 2);
    for (const char* wrong : {"encoder.3", "encoder.", "decoder.0", "-1", "1x"})
        CHECK_THROWS_AS(encoder_layer(*model, wrong), Error);
}

TEST_CASE("scaling is undone feature by feature, a constant one is its shift", "[scaling]") {
    Scaling scaling;
    scaling.shift = {1, 2};
    scaling.factor = {0.5f, 0};
    std::vector<float> values{1, 5, -1, 6};
    undo_scaling(scaling, 2, values);
    CHECK(values == std::vector<float>{3, 2, -1, 2});
    CHECK_THROWS_AS(undo_scaling(scaling, 3, values), Error);
}
