// The convolutional layer types: `conv` and `conv_transposed` for images, `conv1d` and
// `conv1d_transposed` for signals. They differ from Convolution only in what can be set.
#pragma once

#include "pipeline/layers/convolution.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Conv final : public Convolution {
public:
    Conv() : Convolution(Rank::image, Direction::down) {}
    ~Conv() override;
    static void describe(Schema& schema);
    using Convolution::describe;
};
class NARROWS_PUBLIC Conv1d final : public Convolution {
public:
    Conv1d() : Convolution(Rank::signal, Direction::down) {}
    ~Conv1d() override;
    static void describe(Schema& schema);
    using Convolution::describe;
};
class NARROWS_PUBLIC ConvTransposed final : public Convolution {
public:
    ConvTransposed() : Convolution(Rank::image, Direction::up) {}
    ~ConvTransposed() override;
    static void describe(Schema& schema);
    using Convolution::describe;
};
class NARROWS_PUBLIC Conv1dTransposed final : public Convolution {
public:
    Conv1dTransposed() : Convolution(Rank::signal, Direction::up) {}
    ~Conv1dTransposed() override;
    static void describe(Schema& schema);
    using Convolution::describe;
};

}  // namespace narrows::layers
