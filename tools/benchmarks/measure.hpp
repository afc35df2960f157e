// Timing, and the limits of this machine that figures are held against.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/layers/layer.hpp"
#include "tools/benchmarks/figure.hpp"

namespace narrows::tools::benchmarks {

// Seconds of one call of body: median of nine groups after a warm-up; a group is as many calls as
// last two milliseconds.
double median_seconds(const std::function<void()>& body);

double median(std::vector<double> values);  // of at least one

// Floating-point operations a second of one thread whose fused multiply-adds never leave the
// registers: the best of several tries, measured once.
double peak_flops();

// Bytes read and written a second by a plain copy of 16 MiB, one thread, measured once.
double copy_rate();

// Values of a layer's size, the same every time, where a model's would lie: at a cache line,
// `stagger` of them into the page.
layers::Floats filled(std::size_t count, std::size_t stagger = 0);

// A figure of floating-point operations against the peak of `threads` threads.
Figure of_peak(std::string name, std::string size, double operations, double seconds,
               std::size_t threads = 1);
// A figure of bytes moved against a plain copy.
Figure of_copy(std::string name, std::string size, double bytes, double seconds);

}  // namespace narrows::tools::benchmarks
