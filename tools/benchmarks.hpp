// The figures that `bench` measures, each against this machine's own limit.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace narrows::tools {

struct Figure {
    std::size_t threads = 1;
    double rate = 0, share_of_limit = 0;
    std::string kernel;
};
struct Benchmark {
    std::string name, unit;
    std::function<Figure()> measure;   // median of several runs after a warm-up
};
std::vector<Benchmark> benchmarks();

// Products of bytes over an encoder's layers, fp32 products' limit known: four byte products for
// each fused multiply-add.
Figure int8_product(double fp32_peak);

}  // namespace narrows::tools
