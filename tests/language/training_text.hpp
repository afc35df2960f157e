// A training pipeline that uses most of the language, over the types of test_registry.hpp.
#pragma once

#include <string_view>

namespace language_test {

inline constexpr std::string_view training_text = R"(schema = 1
[run]
mode = "train"
seed = 42
[vars]
data = "digits.h5"
[model.ae]
input = [28, 28]
encoder = [{ dense = 16, act = "relu" }, { dense = 4 }]
decoder = "mirror"
[node.clean]
type = "load"
file = ["a/${data}", 'b$${c}']
batch = 256
[node.noisy]
type = "corrupt.gaussian"
in.x = "clean.x"
sigma = 0.25
[node.code]
type = "encode"
in.x = "noisy"
model = "ae"
[node.loss]
type = "loss.mse"
in.prediction = "code.z"
in.target = "clean.x"
[node.step]
type = "optimize.adam"
model = "ae"
in.loss = ["loss.value"]
[[stage]]
name = "first"
model = "ae"
train = ["ae.encoder"]
node.step.rate = 0.5
node.clean.file = ["x", "y"]
)";

}  // namespace language_test
