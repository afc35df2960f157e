#include "tools/benchmarks/products.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "pipeline/layers/dense.hpp"
#include "pipeline/layers/spaced_rows.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/whole_product.hpp"

namespace narrows::tools::benchmarks {
namespace {

void multiply(std::size_t rows, const float* a, std::size_t depth, const float* panels,
              std::size_t columns, float* c) {
    simd::kernels().product(simd::whole_product(a, rows, depth, panels, columns, c));
}

using Which = void (LayerProducts::*)();

// All layers of 784-512-256-64 and back at batch 128, one after the other.
void step(const char* name, Which which, const Tell& tell) {
    constexpr std::array<std::size_t, 7> widths{784, 512, 256, 64, 256, 512, 784};
    std::vector<std::unique_ptr<LayerProducts>> layers;
    double operations = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
        layers.push_back(std::make_unique<LayerProducts>(128, widths[i], widths[i + 1]));
        operations += layers.back()->operations();
    }
    const double seconds = median_seconds([&] {
        for (auto& layer : layers) ((*layer).*which)();
    });
    tell(of_peak(name, "784-512-256-64 and back, 128 rows", operations, seconds));
}

}  // namespace

LayerProducts::LayerProducts(std::size_t rows, std::size_t in, std::size_t out)
    : rows_(rows),
      in_(in),
      out_(out),
      x_(filled(rows * in)),
      dz_(filled(rows * out, 9)),
      panels_(simd::panels_size(in, out), 18),
      transposed_(simd::panels_size(out, in), 27),
      y_(rows * out, 36),
      dx_(rows * in, 45),
      spaced_x_(rows * layers::spaced::stride(in), 54),
      spaced_dz_(rows * layers::spaced::stride(out), 63) {
    const layers::Floats weights = filled(in * out);
    simd::pack(weights.data(), in, out, panels_.data());
    simd::pack_transposed(weights.data(), in, out, transposed_.data());
}

void LayerProducts::forward() {
    multiply(rows_, x_.data(), in_, panels_.data(), out_, y_.data());
}

void LayerProducts::input_gradient() {
    multiply(rows_, dz_.data(), out_, transposed_.data(), in_, dx_.data());
}

// As a dense layer does it: copies with spaced rows first, where they pay; in its order.
void LayerProducts::weight_gradient() {
    constexpr std::size_t together = 96;
    alignas(64) std::array<float, together * simd::panel_width> tile;
    simd::OuterTerm term{x_.data(), in_, dz_.data(), out_, rows_};
    if (layers::spaced::pays(in_, out_)) {
        layers::spaced::copy(x_.data(), in_, 0, rows_, spaced_x_.data());
        term.a = spaced_x_.data();
        term.a_stride = layers::spaced::stride(in_);
    }
    if (layers::spaced::pays_right(out_, in_)) {
        layers::spaced::copy(dz_.data(), out_, 0, rows_, spaced_dz_.data());
        term.b = spaced_dz_.data();
        term.b_stride = layers::spaced::stride(out_);
    }
    const std::size_t panels = simd::panel_count(out_), parts = (in_ + together - 1) / together;
    const bool rows_first = layers::Dense::rows_first(rows_, in_);
    for (std::size_t task = 0; task < panels * parts; ++task) {
        const std::size_t panel = rows_first ? task % panels : task / parts;
        const std::size_t first = (rows_first ? task / panels : task % parts) * together;
        simd::kernels().weight_gradient({&term, 1}, first, std::min(together, in_ - first), panel,
                                        out_, tile.data());
    }
}

double LayerProducts::operations() const {
    return 2.0 * static_cast<double>(rows_) * static_cast<double>(in_) * static_cast<double>(out_);
}

void product_forward(const Settings&, const Tell& tell) {
    step("product-forward", &LayerProducts::forward, tell);
}
void product_input_gradient(const Settings&, const Tell& tell) {
    step("product-input-gradient", &LayerProducts::input_gradient, tell);
}
void product_weight_gradient(const Settings&, const Tell& tell) {
    step("product-weight-gradient", &LayerProducts::weight_gradient, tell);
}

// Five batches by nine layers: each product's geometric mean of its shares of the peak, and its
// worst.
void product_shapes(const Settings&, const Tell& tell) {
    struct Layer {
        std::size_t in, out;
    };
    constexpr std::array<std::size_t, 5> batches{32, 64, 128, 512, 1024};
    constexpr std::array<Layer, 9> layers{{{784, 128},
                                           {784, 512},
                                           {512, 256},
                                           {256, 64},
                                           {64, 256},
                                           {1024, 512},
                                           {1024, 1024},
                                           {2048, 512},
                                           {4096, 1024}}};
    struct Kind {
        const char* name;
        Which which;
        double logs = 0, seconds = 0, operations = 0, worst = 1e9;
        std::string worst_shape;
    };
    std::array<Kind, 3> kinds{
        {{"shapes-forward", &LayerProducts::forward, 0, 0, 0, 1e9, {}},
         {"shapes-input-gradient", &LayerProducts::input_gradient, 0, 0, 0, 1e9, {}},
         {"shapes-weight-gradient", &LayerProducts::weight_gradient, 0, 0, 0, 1e9, {}}}};
    for (const Layer& layer : layers)
        for (const std::size_t rows : batches) {
            LayerProducts products(rows, layer.in, layer.out);
            for (Kind& kind : kinds) {
                const double seconds = median_seconds([&] { (products.*kind.which)(); });
                const double share = products.operations() / seconds / peak_flops();
                kind.logs += std::log(share);
                kind.seconds += seconds;
                kind.operations += products.operations();
                if (share < kind.worst) {
                    kind.worst = share;
                    kind.worst_shape = fmt::format("{} x {}, {} rows", layer.in, layer.out, rows);
                }
            }
        }
    constexpr double count = static_cast<double>(batches.size() * layers.size());
    for (const Kind& kind : kinds) {
        Figure figure = of_peak(kind.name, "45 shapes", kind.operations, kind.seconds);
        figure.share_of_limit = std::exp(kind.logs / count);
        figure.note = fmt::format("of the peak, geometric mean; least {:.0f} % ({})",
                                  100 * kind.worst, kind.worst_shape);
        tell(figure);
    }
}

void peak(const Settings&, const Tell& tell) {
    tell({"peak", "fused multiply-adds in registers", 0, peak_flops() / 1e9, "GFLOP/s", 1, 1,
          "the limit of products"});
    tell({"copy", "16 MiB, read and written", 0, copy_rate() / 1e9, "GB/s", 1, 1,
          "the limit of passes"});
}

}  // namespace narrows::tools::benchmarks
