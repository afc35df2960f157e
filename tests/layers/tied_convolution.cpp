// A convolution and the transposed one that computes with its weight: one gradient of both sides.
#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"

using namespace conv_test;

namespace {

struct Case {
    std::string type;
    Shape input;
    std::vector<Setting> settings;
    Direct direct;  // of both layers
};

// rows, columns, channels, units; kernel; stride; dilation; top, left, groups; small side
const std::vector<Case> cases = {
    // patches are kept: few channels
    {"conv",
     {9, 7, 2},
     {number("units", 5), number("kernel", 3), number("stride", 2), number("padding", 1)},
     {9, 7, 2, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1, 5, 4}},
    // read in place
    {"conv",
     {6, 7, 9},
     {number("units", 34), numbers("kernel", {3, 2}), number("padding", 0)},
     {6, 7, 9, 34, 3, 2, 1, 1, 1, 1, 0, 0, 1, 4, 6}},
    // groups that share a panel
    {"conv",
     {6, 5, 12},
     {number("units", 18), number("kernel", 3), number("padding", 1), number("groups", 3)},
     {6, 5, 12, 18, 3, 3, 1, 1, 1, 1, 1, 1, 3, 6, 5}},
    // one channel a group
    {"conv",
     {6, 5, 35},
     {number("units", 35), number("kernel", 3), number("padding", 1), number("groups", 35)},
     {6, 5, 35, 35, 3, 3, 1, 1, 1, 1, 1, 1, 35, 6, 5}},
    // a signal, dilated
    {"conv1d",
     {17, 8},
     {number("units", 6), number("kernel", 3), number("stride", 2), number("padding", 2),
      number("dilation", 2)},
     {1, 17, 8, 6, 1, 3, 1, 2, 1, 2, 0, 2, 1, 1, 9}},
};

struct Both {
    std::vector<float> weight, down_y, up_y, dx, gradient, updated;
    std::vector<float> big, small, big_dy, small_dy;  // inputs and gradients of the outputs
    std::vector<std::vector<float>> biases;           // their gradients
};

// A step of the pair, each with a batch of its own, in `cut` traces.
Both step(const Case& c, const Loop& loop, std::size_t cut = 1) {
    constexpr std::size_t rows = 7;
    const std::unique_ptr<Layer> down = make(LayerSpec{c.type, c.settings, {}});
    const Shape small = down->configure(c.input);
    const std::unique_ptr<Layer> up = make(*down->mirror(c.input));
    REQUIRE(up->configure(small) == c.input);
    REQUIRE(up->tie(*down));
    REQUIRE(up->parameters().size() == 1);  // its bias

    const auto big_size = static_cast<std::size_t>(c.input.elements());
    const auto small_size = static_cast<std::size_t>(small.elements());
    Both both;
    both.big = noise(rows * big_size, 1);
    both.small = noise(rows * small_size, 2);
    both.big_dy = noise(rows * big_size, 3);
    both.small_dy = noise(rows * small_size, 4);
    both.down_y.resize(rows * small_size);
    both.up_y.resize(rows * big_size);
    both.dx.resize(rows * small_size);
    layers::Parameter& weight = *down->parameters()[0];
    both.weight = noise(weight.count(), 5);
    weight.set_values(both.weight);
    Record rule(0.01f);
    for (Layer* layer : {down.get(), up.get()})
        for (layers::Parameter* parameter : layer->parameters()) rule.expect(*parameter);

    std::vector<std::unique_ptr<Memory>> memory;
    std::vector<layers::Trace> of_down, of_up;
    std::vector<float> down_dz = both.small_dy, up_dz = both.big_dy;
    for (std::size_t part = 0; part < cut; ++part) {
        const std::size_t first = rows * part / cut, count = rows * (part + 1) / cut - first;
        const auto pass_of = [&](const Layer& layer) {
            memory.push_back(std::make_unique<Memory>(layer.workspace_bytes(count, true)));
            layers::Pass pass;
            pass.loop = &loop;
            pass.phase = Phase::training;
            pass.rows = count;
            pass.workspace = memory.back()->data;
            return pass;
        };
        const std::size_t b = first * big_size, s = first * small_size;
        const layers::Pass one = pass_of(*down), two = pass_of(*up);
        down->forward(one, both.big.data() + b, both.down_y.data() + s);
        up->forward(two, both.small.data() + s, both.up_y.data() + b);
        up->backward(two, both.small.data() + s, both.up_y.data() + b, up_dz.data() + b,
                     both.dx.data() + s);
        down->backward(one, both.big.data() + b, both.down_y.data() + s, down_dz.data() + s,
                       nullptr);
        of_down.push_back({one, both.big.data() + b, both.down_y.data() + s, down_dz.data() + s});
        of_up.push_back({two, both.small.data() + s, both.up_y.data() + b, up_dz.data() + b});
    }
    down->prepare_update(of_down);
    up->prepare_update(of_up);
    down->update_layer(loop, of_down, rule);
    up->update_layer(loop, of_up, rule);
    both.gradient = rule.of(weight);
    both.biases = {rule.of(*down->parameters()[1]), rule.of(*up->parameters()[0])};
    const xt::xtensor<float, 1> values = weight.values();
    both.updated.assign(values.begin(), values.end());
    return both;
}

// The largest difference, in units of the largest expected value.
double worst(const std::vector<float>& got, const Doubles& expected) {
    REQUIRE(got.size() == expected.size());
    double scale = 1e-3, difference = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        scale = std::max(scale, std::abs(expected[i]));
        const double d = std::abs(double(got[i]) - expected[i]);
        if (!(d <= difference)) difference = std::isnan(d) ? 1e9 : d;
    }
    return difference / scale;
}

Doubles row_of(const std::vector<float>& values, std::size_t row, std::size_t size) {
    const auto first = values.begin() + static_cast<long>(row * size);
    return Doubles(first, first + static_cast<long>(size));
}

}  // namespace

TEST_CASE("tied convolutions share one weight and its gradient of both sides", "[convolution]") {
    for (const Case& c : cases) {
        INFO(c.type << " " << to_string(c.input));
        const Direct& direct = c.direct;
        const std::size_t big = direct.big_size(), small = direct.small_size();
        for (const std::size_t cut : {1, 3}) {
            const Both got = step(c, SerialLoop{}, cut);

            const Doubles weight = row_of(got.weight, 0, direct.weight_size());
            Doubles down_y, up_y, dx, gradient(weight.size());
            const auto append = [](Doubles& to, const Doubles& from) {
                to.insert(to.end(), from.begin(), from.end());
            };
            for (std::size_t row = 0; row * big < got.big.size(); ++row) {
                const Doubles x = row_of(got.big, row, big), z = row_of(got.small, row, small);
                const Doubles dx_of = row_of(got.big_dy, row, big);
                append(down_y, direct.down(x, weight));
                append(up_y, direct.up(z, weight));
                append(dx, direct.down(dx_of, weight));
                direct.add_weight_gradient(x, row_of(got.small_dy, row, small), gradient);
                direct.add_weight_gradient(dx_of, z, gradient);
            }
            CHECK(worst(got.down_y, down_y) < 3e-6);
            CHECK(worst(got.up_y, up_y) < 3e-6);
            CHECK(worst(got.dx, dx) < 3e-6);
            CHECK(worst(got.gradient, gradient) < 3e-6);
        }
    }
}

TEST_CASE("tied convolutions give the same bits for all loops, cuts and kernel levels",
          "[convolution]") {
    const auto level = simd::kernels().level;
    for (const Case& c : cases) {
        INFO(c.type << " " << to_string(c.input));
        const Both one = step(c, SerialLoop{});
        const auto same = [&](const Both& other) {
            CHECK(same_bits(one.up_y, other.up_y));
            CHECK(same_bits(one.dx, other.dx));
            CHECK(same_bits(one.gradient, other.gradient));
            CHECK(same_bits(one.updated, other.updated));
            CHECK(same_bits(one.biases[1], other.biases[1]));
        };
        same(step(c, BackwardLoop{}));
        same(step(c, ThreadLoop(4)));
        for (const simd::Level other : simd::available()) {
            REQUIRE(simd::select(other));
            same(step(c, SerialLoop{}));
        }
        simd::select(level);
    }
}

TEST_CASE("convolutions are tied to their adjoints alone", "[convolution]") {
    const auto conv = make<layers::Conv>({number("units", 4)});
    const auto like = make<layers::Conv>({number("units", 4)});
    const auto wider = make<layers::ConvTransposed>({number("units", 4), number("kernel", 5)});
    const auto second = make<layers::ConvTransposed>({number("units", 4)});
    const auto third = make<layers::ConvTransposed>({number("units", 4)});
    const auto flatten = make<layers::Flatten>({});
    for (Layer* layer : std::vector<Layer*>{conv.get(), like.get(), wider.get(), second.get(),
                                            third.get(), flatten.get()})
        layer->configure({6, 6, 4});

    CHECK_FALSE(second->tie(*flatten));
    CHECK_THROWS_WITH(like->tie(*conv), Catch::Contains("go the same way"));
    CHECK_THROWS_WITH(wider->tie(*conv), Catch::Contains("[100, 4]") && Catch::Contains("[36, 4]"));
    CHECK(second->tie(*conv));
    CHECK_THROWS_WITH(third->tie(*conv), Catch::Contains("already shared"));
}
