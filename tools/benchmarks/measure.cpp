#include "tools/benchmarks/measure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "pipeline/simd/kernels.hpp"

namespace narrows::tools::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& body, std::size_t calls) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < calls; ++i) body();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

double median_seconds(const std::function<void()>& body) {
    body();
    const double once = std::max(seconds_of(body, 1), 1e-8);
    const auto calls = static_cast<std::size_t>(std::clamp(2e-3 / once, 1.0, 1e6));
    std::array<double, 9> seconds{};
    for (double& s : seconds) s = seconds_of(body, calls) / static_cast<double>(calls);
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double peak_flops() {
    static const double best = [] {
        double rate = 0;
        for (int i = 0; i < 20; ++i) {
            const auto start = Clock::now();
            const double done = simd::kernels().peak(1'000'000);
            rate =
                std::max(rate, done / std::chrono::duration<double>(Clock::now() - start).count());
        }
        return rate;
    }();
    return best;
}

double copy_rate() {
    static const double rate = [] {
        std::vector<float> from(1u << 22, 1.0f), to(1u << 22);
        return 2.0 * sizeof(float) * static_cast<double>(from.size()) /
               median_seconds([&] { std::copy(from.begin(), from.end(), to.begin()); });
    }();
    return rate;
}

layers::Floats filled(std::size_t count, std::size_t stagger) {
    layers::Floats values(count, stagger);
    for (std::size_t i = 0; i < count; ++i)
        values.data()[i] =
            static_cast<float>(static_cast<int>(i * 2654435761u % 2001u) - 1000) * 1e-3f;
    return values;
}

Figure of_peak(std::string name, std::string size, double operations, double seconds,
               std::size_t threads) {
    const double rate = operations / seconds;
    return {std::move(name), std::move(size), seconds,
            rate / 1e9,      "GFLOP/s",       rate / (peak_flops() * static_cast<double>(threads)),
            threads,         "of the peak"};
}

Figure of_copy(std::string name, std::string size, double bytes, double seconds) {
    const double rate = bytes / seconds;
    return {std::move(name), std::move(size),    seconds, rate / 1e9,
            "GB/s",          rate / copy_rate(), 1,       "of a plain copy"};
}

}  // namespace narrows::tools::benchmarks
