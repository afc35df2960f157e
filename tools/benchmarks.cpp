// Kernel benchmarks: the three products of a training step over the layers of 784-512-256-64 at
// batch 128, and the passes that are bound by memory. The limit of a product is the rate of fused
// multiply-adds that never leave the registers.
#include "tools/benchmarks.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "pipeline/simd/kernels.hpp"

namespace narrows::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int repeats = 9;

struct Layer {
    std::size_t in, out;
};
constexpr std::array<Layer, 6> layers{{{784, 512}, {512, 256}, {256, 64}, {64, 256}, {256, 512}, {512, 784}}};
constexpr std::size_t rows = 128;

double median_seconds(const std::function<void()>& body) {
    body();   // warm-up
    std::array<double, repeats> seconds{};
    for (double& s : seconds) {
        const auto start = Clock::now();
        body();
        s = std::chrono::duration<double>(Clock::now() - start).count();
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[repeats / 2];
}

double peak_flops() {
    constexpr std::size_t iterations = 2'000'000;
    double done = 0;
    const double seconds = median_seconds([&] { done = simd::kernels().peak(iterations); });
    return done / seconds;
}

std::vector<float> filled(std::size_t count) {   // values of a layer's size, the same every time
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = static_cast<float>(static_cast<int>(i * 2654435761u % 2001u) - 1000) * 1e-3f;
    return values;
}

struct Buffers {
    std::vector<float> x, dz, panels, transposed, y, dx;
    explicit Buffers(Layer layer)
        : x(filled(rows * layer.in)),
          dz(filled(rows * layer.out)),
          panels(simd::panels_size(layer.in, layer.out)),
          transposed(simd::panels_size(layer.out, layer.in)),
          y(rows * layer.out),
          dx(rows * layer.in) {
        const std::vector<float> weights = filled(layer.in * layer.out);
        simd::pack(weights.data(), layer.in, layer.out, panels.data());
        simd::pack_transposed(weights.data(), layer.in, layer.out, transposed.data());
    }
};

std::vector<Buffers>& buffers() {
    static std::vector<Buffers> all(layers.begin(), layers.end());
    return all;
}

double step_flops() {   // of one product over all layers
    double flops = 0;
    for (const Layer& layer : layers) flops += 2.0 * static_cast<double>(rows * layer.in * layer.out);
    return flops;
}

Figure of_peak(const std::function<void()>& body) {
    const double rate = step_flops() / median_seconds(body);
    return {1, rate / 1e9, rate / peak_flops(), std::string(simd::kernels().name)};
}

void multiply(const float* a, std::size_t depth, const std::vector<float>& panels, std::size_t columns,
              float* c) {
    simd::Product product;
    product.a = a;
    product.a_stride = product.depth = depth;
    product.rows = rows;
    product.panels = panels.data();
    product.columns = product.c_stride = columns;
    product.last_panel = simd::panel_count(columns);
    product.c = c;
    simd::kernels().product(product);
}

Figure forward() {
    return of_peak([] {
        for (std::size_t l = 0; l < layers.size(); ++l)
            multiply(buffers()[l].x.data(), layers[l].in, buffers()[l].panels, layers[l].out,
                     buffers()[l].y.data());
    });
}

Figure input_gradient() {
    return of_peak([] {
        for (std::size_t l = 0; l < layers.size(); ++l)
            multiply(buffers()[l].dz.data(), layers[l].out, buffers()[l].transposed, layers[l].in,
                     buffers()[l].dx.data());
    });
}

Figure weight_gradient() {
    return of_peak([] {
        alignas(64) float tile[8 * simd::panel_width];
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Buffers& b = buffers()[l];
            const simd::OuterTerm term{b.x.data(), layers[l].in, b.dz.data(), layers[l].out, rows};
            for (std::size_t panel = 0; panel < simd::panel_count(layers[l].out); ++panel)
                for (std::size_t first = 0; first < layers[l].in; first += 8)
                    simd::kernels().weight_gradient({&term, 1}, first, std::min<std::size_t>(8, layers[l].in - first),
                                                    panel, layers[l].out, tile);
        }
    });
}

// Bytes that a pass must move against what a plain copy moves.
Figure of_copy(double bytes, const std::function<void()>& body) {
    static const double copy_rate = [] {
        std::vector<float> from(1u << 22, 1.0f), to(1u << 22);
        return 2.0 * 4.0 * static_cast<double>(from.size()) /
               median_seconds([&] { std::copy(from.begin(), from.end(), to.begin()); });
    }();
    const double rate = bytes / median_seconds(body);
    return {1, rate / 1e9, rate / copy_rate, std::string(simd::kernels().name)};
}

Figure adam() {
    static std::vector<float> w = filled(1u << 22), g = filled(1u << 22), m(1u << 22), v(1u << 22, 1.0f);
    const simd::AdamStep step;
    return of_copy(7.0 * 4.0 * static_cast<double>(w.size()), [&] {   // reads 4, writes 3
        simd::kernels().adam(step, w.data(), g.data(), m.data(), v.data(), w.size());
    });
}

Figure from_u8() {
    static std::vector<std::uint8_t> x(1u << 22, 7);
    static std::vector<float> y(1u << 22);
    return of_copy(5.0 * static_cast<double>(x.size()),
                   [] { simd::kernels().from_u8(x.data(), 1.0f / 255.0f, y.data(), x.size()); });
}

Figure peak() { return {1, peak_flops() / 1e9, 1, std::string(simd::kernels().name)}; }

}  // namespace

std::vector<Benchmark> benchmarks() {
    return {{"peak", "GFLOP/s", peak},
            {"product-forward", "GFLOP/s", forward},
            {"product-input-gradient", "GFLOP/s", input_gradient},
            {"product-weight-gradient", "GFLOP/s", weight_gradient},
            {"product-int8", "GOP/s", [] { return int8_product(peak_flops()); }},
            {"adam", "GB/s", adam},
            {"from-u8", "GB/s", from_u8}};
}

}  // namespace narrows::tools
