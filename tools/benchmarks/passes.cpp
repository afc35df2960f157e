// Passes over values: what stands between the products. 4 Mi values each, more than a cache holds.
#include "pipeline/simd/kernels.hpp"
#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {
namespace {

constexpr std::size_t count = 1u << 22;

}  // namespace

void passes(const Settings&, const Tell& tell) {
    const simd::Kernels& kernels = simd::kernels();
    layers::Floats x = filled(count), y(count, 9), z = filled(count, 18), v(count, 27);
    for (std::size_t i = 0; i < count; ++i) {
        z.data()[i] = 0.5f + 0.4f * z.data()[i];  // a target within (0, 1)
        v.data()[i] = 1;
    }
    const std::vector<std::uint8_t> bytes(count, 7);
    const auto pass = [&](const char* name, double bytes_a_value,
                          const std::function<void()>& body) {
        tell(of_copy(name, "4 Mi values", bytes_a_value * static_cast<double>(count),
                     median_seconds(body)));
    };
    const simd::RandomStream stream{1, 2, 3, 4};
    pass("from-u8", 5, [&] { kernels.from_u8(bytes.data(), 1.0f / 255.0f, y.data(), count); });
    pass("affine", 8, [&] {
        const float shift = 0.5f, factor = 2;
        kernels.affine(x.data(), &shift, &factor, 1, count, y.data());
    });
    pass("relu", 8,
         [&] { kernels.activate(simd::Activation::relu, 0, x.data(), y.data(), count); });
    pass("sigmoid", 8,
         [&] { kernels.activate(simd::Activation::sigmoid, 0, x.data(), y.data(), count); });
    pass("gelu", 8,
         [&] { kernels.activate(simd::Activation::gelu, 1, x.data(), y.data(), count); });
    pass("squared-error", 12,
         [&] { kernels.squared_error(x.data(), z.data(), 1, y.data(), count); });
    pass("bce", 12, [&] { kernels.bce_logits(x.data(), z.data(), 1, y.data(), count); });
    pass("mask", 8, [&] { kernels.mask(stream, 0.5f, 0, 1, x.data(), y.data(), count); });
    pass("gaussian", 8, [&] { kernels.add_gaussian(stream, 0.3f, x.data(), y.data(), count); });
    layers::Floats mean(count, 36);
    pass("adam", 28, [&] { kernels.adam({}, x.data(), z.data(), mean.data(), v.data(), count); });
    pass("adam-bf16", 20,
         [&] { kernels.adam_bf16({}, 0, x.data(), z.data(), mean.data(), count); });
    pass("momentum", 20, [&] { kernels.momentum({}, x.data(), z.data(), mean.data(), count); });
}

}  // namespace narrows::tools::benchmarks
