// What `bench` measures, one entry a name. A benchmark tells each of its figures as it has it;
// every figure is the median of several runs after a warm-up and stands beside a limit of this
// machine.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narrows::tools::benchmarks {

struct Figure {
    std::string name, size;  // size: of the work, for people
    double seconds = 0;      // median of one run
    double rate = 0;
    std::string unit;            // of the rate
    double share_of_limit = -1;  // negative: nothing limits it but the work itself
    std::size_t threads = 1;
    std::string note;  // what the limit is, or what else was seen
};

struct Settings {
    std::size_t threads = 1;  // as many as whole commands may use
};

using Tell = std::function<void(const Figure&)>;

struct Benchmark {
    std::string_view name, summary;
    std::function<void(const Settings&, const Tell&)> run;
};

std::span<const Benchmark> all();

// The benchmarks by file.
void peak(const Settings&, const Tell&);
void product_forward(const Settings&, const Tell&);
void product_input_gradient(const Settings&, const Tell&);
void product_weight_gradient(const Settings&, const Tell&);
void product_int8(const Settings&, const Tell&);
void product_shapes(const Settings&, const Tell&);
void convolution(const Settings&, const Tell&);
void passes(const Settings&, const Tell&);
void training(std::string_view work, std::size_t batch, const Settings&, const Tell&);
void encoding(const Settings&, const Tell&);
void start_up(const Settings&, const Tell&);
void memory(const Settings&, const Tell&);
void threads(const Settings&, const Tell&);
void growth(const Settings&, const Tell&);
void codec(const Settings&, const Tell&);

}  // namespace narrows::tools::benchmarks
