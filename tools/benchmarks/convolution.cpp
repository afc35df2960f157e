// The convolutions of a small image model at 128 samples, one thread: forward, input gradient,
// weight gradient (update with a rule that changes nothing).
#include <fmt/format.h>

#include <numeric>

#include "pipeline/layers/builtin.hpp"
#include "pipeline/layers/layer.hpp"
#include "pipeline/registry/registry.hpp"
#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {
namespace {

constexpr std::size_t rows = 128;

struct Case {
    const char *type, *text;
    std::int64_t side, channels, units;
};
constexpr Case cases[] = {{"conv", "28x28x1 to 14x14x16", 28, 1, 16},
                          {"conv", "14x14x16 to 7x7x32", 14, 16, 32},
                          {"conv", "28x28x16 to 14x14x32", 28, 16, 32},
                          {"conv_transposed", "7x7x32 to 14x14x16", 7, 32, 16},
                          {"conv_transposed", "14x14x16 to 28x28x1", 14, 16, 1}};

class NoRule final : public layers::UpdateRule {
public:
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock&) const override {}
};

Setting integer(const char* name, std::int64_t value) {
    Setting setting{name, {}, {}};
    setting.value.integer = value;
    return setting;
}

void measure(const Case& c, const registry::Registry& registry, const Tell& tell) {
    const bool up = std::string_view(c.type) == "conv_transposed";
    std::vector<Setting> settings{integer("units", c.units), integer("kernel", 3),
                                  integer("stride", 2)};
    if (up) settings.push_back(integer("output_padding", 1));
    const std::unique_ptr<Component> made = registry.create(Kind::layer, c.type, settings);
    auto& layer = dynamic_cast<layers::Layer&>(*made);
    const Shape input{c.side, c.side, c.channels};
    const Shape output = layer.configure(input);
    layer.initialise({1, 2});
    const auto in = static_cast<std::size_t>(input.elements());
    const auto out = static_cast<std::size_t>(output.elements());
    const layers::Floats x = filled(rows * in);
    layers::Floats y(rows * out, 9), dy = filled(rows * out, 18), dx(rows * in, 27);
    std::vector<std::int64_t> ids(rows);
    std::iota(ids.begin(), ids.end(), 0);
    layers::Floats memory(layer.workspace_bytes(rows, true) / sizeof(float) + 64);
    const SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::training;
    pass.rows = rows;
    pass.sample_ids = ids;
    pass.workspace = reinterpret_cast<std::byte*>(memory.data());
    const layers::Trace trace{pass, x.data(), y.data(), dy.data()};
    const NoRule rule;
    const std::int64_t small = up ? c.side : output[0];  // each of its places meets the kernel once
    const double operations = 2.0 * static_cast<double>(rows) * static_cast<double>(small * small) *
                              9 * static_cast<double>(c.channels * c.units);
    const auto one = [&](const char* what, const std::function<void()>& body) {
        tell(of_peak(fmt::format("{}-{}", c.type, what), c.text, operations, median_seconds(body)));
    };
    one("forward", [&] { layer.forward(pass, x.data(), y.data()); });
    one("input-gradient", [&] { layer.backward(pass, x.data(), y.data(), dy.data(), dx.data()); });
    one("weight-gradient", [&] { layer.update_layer(loop, {&trace, 1}, rule); });
}

}  // namespace

void convolution(const Settings&, const Tell& tell) {
    registry::Registry registry;
    registry.add(layers::builtin_layers());
    for (const Case& c : cases) measure(c, registry, tell);
}

}  // namespace narrows::tools::benchmarks
