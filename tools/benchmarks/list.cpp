#include <array>

#include "tools/benchmarks/figure.hpp"

namespace narrows::tools::benchmarks {
namespace {

template <char work, std::size_t batch>
void train(const Settings& settings, const Tell& tell) {
    training(std::string_view(&"abcde"[work - 'a'], 1), batch, settings, tell);
}

}  // namespace

std::span<const Benchmark> all() {
    static const std::array<Benchmark, 23> list{{
        {"peak", "fused multiply-adds and copying: the limits", peak},
        {"product-forward", "layers of 784-512-256-64 and back, one after the other",
         product_forward},
        {"product-input-gradient", "the same, gradient of the inputs", product_input_gradient},
        {"product-weight-gradient", "the same, gradient of the weights", product_weight_gradient},
        {"product-int8", "byte products of an encoder", product_int8},
        {"shapes", "products over 45 shapes", product_shapes},
        {"convolution", "convolutions there and back", convolution},
        {"passes", "conversion, activations, losses, corruption, optimisers", passes},
        {"train-a", "dense 784-512-256-64 and back", train<'a', 128>},
        {"train-b", "dense 784-128-32 and back", train<'b', 128>},
        {"train-c", "convolutional", train<'c', 128>},
        {"train-d", "variational 784-400-20", train<'d', 128>},
        {"train-e", "a with Gaussian corruption", train<'e', 128>},
        {"train-a-batch-16", "a in small batches", train<'a', 16>},
        {"train-b-batch-16", "b in small batches", train<'b', 16>},
        {"train-a-batch-1", "a sample by sample", train<'a', 1>},
        {"train-b-batch-1", "b sample by sample", train<'b', 1>},
        {"encode", "codes of raw and gzip files, fp32 and int8", encoding},
        {"start-up", "processes that do nothing", start_up},
        {"memory", "resident at most", memory},
        {"threads", "training a by thread count", threads},
        {"codec", "compressing an array of sensors: fitting, with a fitted model, and back", codec},
        {"growth", "encoding 10^5 to 10^7 samples", growth},
    }};
    return list;
}

}  // namespace narrows::tools::benchmarks
