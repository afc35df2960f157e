// The int8 product over the layers of 784-512-256-64 at 128 rows, with the epilogue to bytes.
#include <algorithm>
#include <array>

#include "pipeline/layers/layer.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {
namespace {

constexpr std::size_t rows = 128;
constexpr std::array<std::size_t, 4> widths{784, 512, 256, 64};

struct Buffers {
    std::vector<std::uint8_t> x, y;
    layers::Floats panels, ones, zeros;
    Buffers(std::size_t in, std::size_t out)
        : x(rows * in, 3),
          y(rows * out),
          panels(simd::int8_panels_size(in, out) / sizeof(float)),
          ones(simd::panel_count(out) * simd::panel_width),
          zeros(ones.size()) {
        std::fill_n(ones.data(), ones.size(), 1.0f);
        std::vector<std::int8_t> weights(in * out);
        for (std::size_t i = 0; i < weights.size(); ++i)
            weights[i] = static_cast<std::int8_t>(i * 2654435761u % 255u - 127);
        simd::pack_int8(weights.data(), in, out, reinterpret_cast<std::int8_t*>(panels.data()));
    }
};

}  // namespace

// Four byte products for each fused multiply-add.
void product_int8(const Settings&, const Tell& tell) {
    std::vector<Buffers> all;
    double operations = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
        all.emplace_back(widths[i], widths[i + 1]);
        operations += 2.0 * static_cast<double>(rows * widths[i] * widths[i + 1]);
    }
    const double seconds = median_seconds([&] {
        for (std::size_t i = 0; i < all.size(); ++i) {
            simd::Int8Product product;
            product.a = all[i].x.data();
            product.a_stride = product.depth = widths[i];
            product.rows = rows;
            product.panels = reinterpret_cast<const std::int8_t*>(all[i].panels.data());
            product.columns = product.c_stride = widths[i + 1];
            product.scale = product.factor = all[i].ones.data();
            product.bias = product.offset = all[i].zeros.data();
            product.activation = simd::Activation::relu;
            product.bytes = all[i].y.data();
            simd::kernels().int8_product(product);
        }
    });
    Figure figure = of_peak("product-int8", "784-512-256-64, 128 rows", operations, seconds);
    figure.unit = "GOP/s";
    figure.share_of_limit /= 4;
    figure.note = "of four times the peak";
    tell(figure);
}

}  // namespace narrows::tools::benchmarks
