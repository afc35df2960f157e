// quantise: the last layer of an encoder that ends in `vector_quantise`, as a node that also tells
// which entry each vector became, what the step from x to z costs, and how much of the codebook is
// in use. z may be quantised again: an entry is its own nearest one.
#pragma once

#include "pipeline/layers/vector_quantise.hpp"
#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

// The layer that a model's encoder ends in; throws Error{Fault::usage} when it is another.
layers::VectorQuantise& quantiser_of(Model* bound);

class Quantise final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

private:
    void measure(Context& context, const float* x, const float* z, const std::int32_t* index) const;

    double beta_ = 0.25;
    model::LayerRange range_;
    std::size_t workspace_ = 0, z_ = 0, rows_ = 0;
};

// measure.codebook: how often each entry is used over a whole stream.
class MeasureCodebook final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    std::vector<double> counts_;
    double bits_ = 0;
};

// exp of the entropy of counts / total: how many entries, equally used, would tell as much.
double perplexity(std::span<const double> counts);

}  // namespace narrows::plugins
