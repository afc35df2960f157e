// Convolutions against the direct sum in double, over everything that can be set.
#include <cmath>

#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"

using namespace conv_test;

namespace {

struct Case {
    Shape input;  // of the layer
    long units;
    std::vector<double> kernel, stride, padding, dilation, more;
    long groups;
    std::string act;
};

const std::vector<Case> images = {
    {{28, 28, 1}, 16, {3}, {2}, {1}, {1}, {}, 1, "relu"},
    {{14, 14, 16}, 32, {3}, {2}, {1}, {1}, {}, 1, "relu"},
    {{7, 7, 16}, 8, {3}, {1}, {}, {1}, {}, 1, "linear"},
    {{9, 6}, 3, {3}, {1}, {}, {1}, {}, 1, "tanh"},
    {{7, 5, 3}, 40, {5, 2}, {2, 1}, {0}, {1}, {}, 1, "gelu"},
    {{11, 10, 2}, 5, {3}, {3, 2}, {2, 0}, {2, 3}, {}, 1, "leaky_relu"},
    {{8, 7, 12}, 33, {2, 3}, {1}, {1, 0, 2, 1}, {1, 2}, {}, 1, "linear"},
    {{5, 6, 20}, 70, {1}, {1}, {0}, {1}, {}, 1, "relu"},
    {{5, 6, 20}, 10, {1}, {2}, {0}, {1}, {}, 1, "relu"},
    {{6, 6, 12}, 18, {3}, {1}, {1}, {1}, {}, 3, "gelu"},
    {{6, 5, 128}, 64, {3}, {2}, {1}, {1}, {}, 2, "relu"},
    {{6, 5, 40}, 80, {3}, {1}, {1}, {1}, {}, 2, "linear"},
    {{9, 8, 37}, 37, {3}, {2}, {1}, {1}, {}, 37, "gelu"},
    {{1, 1, 9}, 4, {3}, {1}, {1}, {1}, {}, 1, "linear"},
    {{3, 40, 16}, 40, {3}, {1}, {1}, {1}, {}, 1, "relu"},      // rows of many windows
    {{40, 3, 13}, 20, {3}, {1}, {1}, {1}, {}, 1, "gelu"},      // columns of many
    {{13, 17, 16}, 16, {2}, {5, 4}, {0}, {1}, {}, 1, "tanh"},  // elements between windows
    {{15, 14, 36}, 12, {4, 3}, {2}, {3, 1, 0, 2}, {2, 1}, {}, 1, "relu"},
    {{6, 6, 16}, 7, {9}, {1}, {4}, {1}, {}, 1, "linear"},  // more taps than cells take
};
const std::vector<Case> signals = {
    {{140}, 4, {7}, {2}, {}, {1}, {}, 1, "relu"},
    {{33, 9}, 6, {5}, {3}, {2}, {2}, {}, 1, "linear"},
    {{20, 8}, 8, {3}, {1}, {2, 0}, {1}, {}, 4, "tanh"},
};

std::vector<Setting> settings_of(const Case& c, bool up) {
    std::vector<Setting> settings = {number("units", double(c.units)),
                                     numbers("kernel", c.kernel),
                                     numbers("stride", c.stride),
                                     numbers("padding", c.padding),
                                     numbers("dilation", c.dilation),
                                     number("groups", double(c.groups)),
                                     text("act", c.act)};
    if (up) settings.push_back(numbers("output_padding", c.more));
    return settings;
}

long at(const std::vector<double>& values, std::size_t axis, std::size_t axes, long fallback) {
    if (values.empty()) return fallback;
    return long(values.size() == 1 ? values[0] : values[values.size() - axes + axis]);
}

// The direct sum's geometry, by the formulas of the manual alone.
Direct direct_of(const Case& c, std::size_t axes, bool up) {
    long big[2] = {1, 1}, small[2] = {1, 1}, kernel[2] = {1, 1}, stride[2] = {1, 1};
    long dilation[2] = {1, 1}, low[2] = {0, 0};
    for (std::size_t i = 0; i < axes; ++i) {
        const std::size_t to = 2 - axes + i;
        const long extent = long(c.input[i]);
        kernel[to] = at(c.kernel, i, axes, 3);
        stride[to] = at(c.stride, i, axes, 1);
        dilation[to] = at(c.dilation, i, axes, 1);
        const long reach = (kernel[to] - 1) * dilation[to] + 1;
        long high = 0;
        if (c.padding.size() == 2 * axes) {
            low[to] = long(c.padding[2 * i]);
            high = long(c.padding[2 * i + 1]);
        } else if (!c.padding.empty()) {
            low[to] = high = at(c.padding, i, axes, 0);
        }
        const long more = at(c.more, i, axes, 0);
        if (up) {
            small[to] = extent;
            big[to] = (extent - 1) * stride[to] + reach - low[to] - high + more;
            if (c.padding.empty()) {
                big[to] = extent * stride[to] + more;
                low[to] = std::max(0L, (extent - 1) * stride[to] + reach - big[to]) / 2;
            }
        } else {
            big[to] = extent;
            small[to] = (extent + low[to] + high - reach) / stride[to] + 1;
            if (c.padding.empty()) {
                small[to] = (extent + stride[to] - 1) / stride[to];
                low[to] = std::max(0L, (small[to] - 1) * stride[to] + reach - extent) / 2;
            }
        }
    }
    const long channels = c.input.rank() == axes ? 1 : long(c.input[axes]);
    return {big[0],
            big[1],
            up ? c.units : channels,
            up ? channels : c.units,
            kernel[0],
            kernel[1],
            stride[0],
            stride[1],
            dilation[0],
            dilation[1],
            low[0],
            low[1],
            c.groups,
            small[0],
            small[1]};
}

double activated(const std::string& act, double z) {
    if (act == "relu") return std::max(0.0, z);
    if (act == "leaky_relu") return z > 0 ? z : 0.01 * z;
    if (act == "tanh") return std::tanh(z);
    if (act == "gelu") return 0.5 * z * (1 + std::erf(z / std::sqrt(2.0)));
    return z;
}
double slope(const std::string& act, double z) {
    if (act == "relu") return z > 0;
    if (act == "leaky_relu") return z > 0 ? 1 : 0.01;
    const double h = 1e-5;
    return (activated(act, z + h) - activated(act, z - h)) / (2 * h);
}

double worst(const std::vector<float>& got, const Doubles& expected) {
    REQUIRE(got.size() == expected.size());
    double scale = 1e-3, difference = 0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double d = std::abs(double(got[i]) - expected[i]);
        if (!(d <= difference)) difference = std::isnan(d) ? 1e9 : d;
    }
    return difference / scale;
}

Doubles doubles(const std::vector<float>& values, std::size_t first, std::size_t count) {
    return Doubles(values.begin() + long(first), values.begin() + long(first + count));
}

std::unique_ptr<Layer> layer_of(const Case& c, std::size_t axes, bool up) {
    const std::string type = std::string(axes == 2 ? "conv" : "conv1d") + (up ? "_transposed" : "");
    return make(LayerSpec{type, settings_of(c, up), {}});
}

void check_case(const Case& c, std::size_t axes, bool up) {
    INFO("input " << to_string(c.input) << " units " << c.units << " up " << up);
    const Direct direct = direct_of(c, axes, up);
    const std::unique_ptr<Layer> layer = layer_of(c, axes, up);
    const Shape out = layer->configure(c.input);
    REQUIRE(std::size_t(out.elements()) == (up ? direct.big_size() : direct.small_size()));

    const std::size_t rows = 5;
    const Step step = train_step(*layer, c.input, out, rows, SerialLoop{});

    const std::size_t in_size = step.x.size() / rows, out_size = step.y.size() / rows;
    const Doubles weight = doubles(step.weights[0], 0, step.weights[0].size());
    REQUIRE(weight.size() == direct.weight_size());
    Doubles y, dx, weight_gradient(weight.size()), bias_gradient(std::size_t(c.units));
    for (std::size_t row = 0; row < rows; ++row) {
        const Doubles x = doubles(step.x, row * in_size, in_size);
        Doubles z = up ? direct.up(x, weight) : direct.down(x, weight);
        Doubles dz = doubles(step.dy, row * out_size, out_size);
        for (std::size_t i = 0; i < out_size; ++i) {
            z[i] += double(step.weights[1][i % std::size_t(c.units)]);
            y.push_back(activated(c.act, z[i]));
            dz[i] *= slope(c.act, z[i]);
            bias_gradient[i % std::size_t(c.units)] += dz[i];
        }
        const Doubles back = up ? direct.down(dz, weight) : direct.up(dz, weight);
        dx.insert(dx.end(), back.begin(), back.end());
        direct.add_weight_gradient(up ? dz : x, up ? x : dz, weight_gradient);
    }
    CHECK(worst(step.y, y) < 3e-6);
    CHECK(worst(step.dx, dx) < 3e-6);
    CHECK(worst(step.gradients[0], weight_gradient) < 3e-6);
    CHECK(worst(step.gradients[1], bias_gradient) < 3e-6);

    // The step reached both copies of the weight: backward and forward agree on it afterwards.
    for (std::size_t i = 0; i < weight.size(); ++i)
        REQUIRE(step.updated[0][i] == step.weights[0][i] - 0.01f * step.gradients[0][i]);
    auto* const parameter = layer->parameters()[0];
    const auto columns = std::size_t(up ? direct.units : c.units);
    const std::size_t blocks = parameter->transposed_blocks();
    const std::size_t height = weight.size() / columns / blocks;
    std::vector<float> below(weight.size());  // the transpose of each block, one below the other
    for (std::size_t i = 0; i < weight.size(); ++i) {
        const std::size_t row = i / columns, column = i % columns;
        below[(row / height * columns + column) * height + row % height] = step.updated[0][i];
    }
    std::vector<float> transposed(simd::panels_size(blocks * columns, height));
    simd::pack(below.data(), blocks * columns, height, transposed.data());
    REQUIRE(transposed.size() == parameter->transposed_stored());
    CHECK(std::equal(transposed.begin(), transposed.end(), parameter->transposed()));
}

}  // namespace

TEST_CASE("the oracle's gradients are the differences of its own sums", "[convolution]") {
    const Direct direct = direct_of(images[5], 2, false);
    Doubles big(direct.big_size()), small(direct.small_size()), weight(direct.weight_size());
    unsigned seed = 1;
    for (Doubles* values : {&big, &small, &weight}) {
        const std::vector<float> random = noise(values->size(), seed++);
        std::copy(random.begin(), random.end(), values->begin());
    }
    const auto loss = [&] {
        const Doubles y = direct.down(big, weight);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * small[i];
        return sum;
    };

    const Doubles dx = direct.up(small, weight);
    Doubles dw(weight.size());
    direct.add_weight_gradient(big, small, dw);

    const double h = 1e-3;
    const std::vector<std::pair<Doubles*, const Doubles*>> pairs = {{&big, &dx}, {&weight, &dw}};
    for (const auto& [values, gradient] : pairs)
        for (std::size_t i = 0; i < values->size(); i += 7) {
            const double middle = (*values)[i];
            (*values)[i] = middle + h;
            const double above = loss();
            (*values)[i] = middle - h;
            const double below = loss();
            (*values)[i] = middle;
            REQUIRE((above - below) / (2 * h) == Approx((*gradient)[i]).margin(1e-8));
        }
}

TEST_CASE("convolutions of images agree with the direct sum", "[convolution]") {
    for (const Case& c : images) check_case(c, 2, false);
}
TEST_CASE("convolutions of signals agree with the direct sum", "[convolution]") {
    for (const Case& c : signals) check_case(c, 1, false);
}
TEST_CASE("transposed convolutions agree with the direct sum", "[convolution]") {
    for (const Case& c : images) {
        Case up = c;
        if (!up.padding.empty() && up.padding != std::vector<double>{0}) up.padding = {1};
        if (up.input == Shape{1, 1, 9}) up.padding = {0};
        check_case(up, 2, true);
    }
    for (Case c : signals) check_case(c, 1, true);
    check_case({{7, 7, 32}, 16, {3}, {2}, {1}, {1}, {1}, 1, "relu"}, 2, true);
    check_case({{14, 14, 16}, 1, {3}, {2}, {1}, {1}, {1}, 1, "linear"}, 2, true);
    check_case({{4, 5, 6}, 3, {3, 2}, {3, 2}, {0}, {1}, {2, 1}, 3, "gelu"}, 2, true);
    check_case({{9, 4}, 5, {4}, {3}, {1, 0}, {2}, {2}, 1, "tanh"}, 1, true);
}

TEST_CASE("a transposed convolution with the same weight is the exact adjoint", "[convolution]") {
    const Case c = images[1];
    const auto down = make<layers::Conv>(settings_of(c, false));
    const Shape small = down->configure(c.input);
    const LayerSpec spec = *down->mirror(c.input);
    const auto layer = make(spec);
    auto& up = dynamic_cast<layers::Convolution&>(*layer);
    REQUIRE(up.configure(small) == c.input);
    up.share_weight(*down);
    REQUIRE(up.parameters().size() == 1);  // its bias
    down->parameters()[0]->set_values(noise(down->parameters()[0]->count(), 5));

    const std::size_t rows = 3;
    const std::vector<float> x = noise(rows * std::size_t(c.input.elements()), 6);
    const std::vector<float> y = noise(rows * std::size_t(small.elements()), 7);
    std::vector<float> ax(y.size()), aty(x.size());
    SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = rows;
    pass.skip_activation = true;
    Memory first(down->workspace_bytes(rows, false)), second(up.workspace_bytes(rows, false));
    pass.workspace = first.data;
    down->forward(pass, x.data(), ax.data());
    pass.workspace = second.data;
    up.forward(pass, y.data(), aty.data());

    double left = 0, right = 0;
    for (std::size_t i = 0; i < y.size(); ++i) left += double(ax[i]) * double(y[i]);
    for (std::size_t i = 0; i < x.size(); ++i) right += double(x[i]) * double(aty[i]);
    CHECK(left == Approx(right).epsilon(1e-6));
    CHECK(std::abs(left) > 1);
}

TEST_CASE("convolutions give the same bits for all loops, cuts and kernel levels",
          "[convolution]") {
    const auto level = simd::kernels().level;
    const std::vector<std::pair<Case, bool>> cases = {
        {images[0], false},
        {images[1], false},
        {images[4], false},
        {images[9], false},
        {images[12], false},
        {{{7, 7, 32}, 16, {3}, {2}, {1}, {1}, {1}, 1, "relu"}, true},
        {{{14, 14, 16}, 1, {3}, {2}, {1}, {1}, {1}, 1, "linear"}, true},
        // blocks of patches end in the middle of rows whose windows overlap
        {{{13, 13, 16}, 1, {3}, {1}, {1}, {1}, {}, 1, "linear"}, true},
        {{{13, 11, 3}, 4, {3}, {1}, {1}, {1}, {}, 1, "linear"}, false},
        {{{13, 11, 16}, 16, {3}, {1}, {1}, {2}, {}, 2, "linear"}, false},
    };
    for (const auto& [c, up] : cases) {
        INFO(to_string(c.input) << " up " << up);
        const auto step = [&c = c, up = up](const Loop& loop, std::size_t cut,
                                            bool want_dx = true) {
            const std::unique_ptr<Layer> layer = layer_of(c, 2, up);
            const Shape out = layer->configure(c.input);
            return train_step(*layer, c.input, out, 23, loop, cut, want_dx);
        };
        const Step one = step(SerialLoop{}, 1);
        const auto same = [&](const Step& other, bool dx) {
            CHECK(same_bits(one.y, other.y));
            if (dx) CHECK(same_bits(one.dx, other.dx));
            CHECK(same_bits(one.updated[0], other.updated[0]));
        };
        same(step(BackwardLoop{}, 1), true);
        same(step(ThreadLoop(4), 1), true);
        same(step(SerialLoop{}, 1, false), false);
        same(step(BackwardLoop{}, 3), true);
        for (const simd::Level other : simd::available()) {
            REQUIRE(simd::select(other));
            same(step(SerialLoop{}, 1), true);
        }
        simd::select(level);
    }
}

TEST_CASE("a sample's result depends neither on its batch nor on the phase", "[convolution]") {
    for (const auto& [c, up] : std::vector<std::pair<Case, bool>>{
             {images[0], false},
             {images[1], false},
             {images[4], false},
             {images[12], false},
             {{{14, 14, 16}, 1, {3}, {2}, {1}, {1}, {1}, 1, "gelu"}, true}}) {
        const std::unique_ptr<Layer> layer = layer_of(c, 2, up);
        const Shape out = layer->configure(c.input);
        const Step step = train_step(*layer, c.input, out, 9, SerialLoop{});
        for (std::size_t i = 0; i < step.weights.size(); ++i)
            layer->parameters()[i]->set_values(step.weights[i]);
        SerialLoop loop;
        Memory memory(layer->workspace_bytes(1, false));
        layers::Pass pass;
        pass.loop = &loop;
        pass.rows = 1;
        pass.workspace = memory.data;
        const auto in_size = std::size_t(c.input.elements()),
                   out_size = std::size_t(out.elements());
        for (std::size_t row = 0; row < 9; ++row) {
            std::vector<float> y(out_size);
            layer->forward(pass, step.x.data() + row * in_size, y.data());
            REQUIRE(std::equal(y.begin(), y.end(), step.y.begin() + long(row * out_size)));
        }
    }
}

TEST_CASE("kept patches bound the memory of a batch", "[convolution]") {
    const auto conv = make<layers::Conv>({number("units", 64), number("kernel", 3)});
    conv->configure({64, 64, 32});
    const std::size_t scratch = conv->workspace_bytes(1, false);
    CHECK(scratch < (std::size_t{8} << 20));
    CHECK(conv->workspace_bytes(128, true) == scratch);  // 9 x 32 floats a position are not kept
}

TEST_CASE("convolutions refuse inputs and settings that do not fit", "[convolution]") {
    const auto refused = [](const char* type, std::vector<Setting> settings, const Shape& input) {
        settings.push_back(number("units", 4));
        try {
            make(LayerSpec{type, settings, {}})->configure(input);
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::usage);
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refused("conv", {}, {784}), Catch::Contains("[784] is not an image"));
    CHECK_THAT(refused("conv1d", {}, {5, 5, 5}), Catch::Contains("is not a signal"));
    CHECK_THAT(refused("conv", {number("groups", 3)}, {5, 5, 3}), Catch::Contains("3 groups"));
    CHECK_THAT(refused("conv", {number("kernel", 7), number("padding", 0)}, {5, 5, 3}),
               Catch::Contains("does not fit"));
    CHECK_THAT(refused("conv", {number("stride", 1.5)}, {5, 5, 3}), Catch::Contains("'stride'"));
    CHECK_THAT(refused("conv", {numbers("kernel", {3, 3, 3})}, {5, 5, 3}),
               Catch::Contains("has 3 numbers"));
    CHECK_THAT(
        refused("conv_transposed", {number("stride", 2), number("output_padding", 2)}, {5, 5, 3}),
        Catch::Contains("output_padding 2"));
}
