// Supervised heads: labels against one logit a class. The classes are those of the bound model
// (model::Autoencoder::classes()); a label that is none of them is refused by name.
#pragma once

#include "pipeline/model/autoencoder.hpp"

namespace narrows::plugins {

// Places of labels among a model's classes.
class ClassIndex {
public:
    // Throws Error{Fault::usage}: no model with classes, or not as many as `logits`.
    void open(OpenContext& context, std::int64_t logits);
    std::size_t size() const { return labels_.size(); }
    std::int64_t label(std::size_t place) const { return labels_[place]; }
    // Throws Error{Fault::input} that names the sample's row and its label.
    std::size_t place(std::int64_t label, std::int64_t row) const;

private:
    std::vector<std::int64_t> labels_;  // as the logits stand
    std::vector<std::pair<std::int64_t, std::size_t>> sorted_;
};

// probabilities[i] = exp(logits[i] - max) / sum; returns log of the sum plus max, in nats.
double softmax(const float* logits, float* probabilities, std::size_t n);
std::size_t largest(const float* values, std::size_t n);  // ties: the first

// loss.cross_entropy: -log softmax(logits)[label], mean over the batch.
class CrossEntropy final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

private:
    double smoothing_ = 0;
    ClassIndex classes_;
    std::size_t probabilities_ = 0, losses_ = 0;
};

// measure.classes: what a classifier says of each sample and, with labels, how often it is right.
class MeasureClasses final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    ClassIndex classes_;
    bool labelled_ = false;
    std::vector<double> confusion_;  // [true class, predicted class], samples
    double nats_ = 0;
};

}  // namespace narrows::plugins
