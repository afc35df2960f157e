#include "plugins/loss/classes.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {

using simd::kernels;

void ClassIndex::open(OpenContext& context, std::int64_t logits) {
    const auto* model = dynamic_cast<const model::Autoencoder*>(context.model());
    if (model == nullptr || model->classes().empty())
        context.fail("needs a model with classes",
                     "write classes = [0, 1, ...] in its [model.NAME] table");
    labels_.assign(model->classes().begin(), model->classes().end());
    if (static_cast<std::int64_t>(labels_.size()) != logits)
        context.fail("reads " + std::to_string(logits) + " values a sample for " +
                         std::to_string(labels_.size()) + " classes",
                     "connect the decoder's output");
    sorted_.clear();
    for (std::size_t i = 0; i < labels_.size(); ++i) sorted_.emplace_back(labels_[i], i);
    std::sort(sorted_.begin(), sorted_.end());
}

std::size_t ClassIndex::place(std::int64_t label, std::int64_t row) const {
    const auto found =
        std::lower_bound(sorted_.begin(), sorted_.end(), std::pair{label, std::size_t{0}});
    if (found == sorted_.end() || found->first != label)
        throw Error(Fault::input,
                    "row " + std::to_string(row) + " has the label " + std::to_string(label) +
                        ", which is none of the model's " + std::to_string(labels_.size()) +
                        " classes",
                    "narrows info shows the classes; leave such rows out");
    return found->second;
}

double softmax(const float* logits, float* probabilities, std::size_t n) {
    const float top = *std::max_element(logits, logits + n);
    for (std::size_t i = 0; i < n; ++i) probabilities[i] = logits[i] - top;
    kernels().exponential(probabilities, probabilities, n);
    const double sum = kernels().sum(probabilities, n);
    const auto factor = static_cast<float>(1 / sum);
    kernels().scale(factor, probabilities, n);
    auto total = static_cast<float>(sum);
    kernels().logarithm(&total, &total, 1);
    return static_cast<double>(total) + top;
}

std::size_t largest(const float* values, std::size_t n) {
    return static_cast<std::size_t>(std::max_element(values, values + n) - values);
}

void CrossEntropy::describe(Schema& schema) {
    schema.summary("Cross-entropy of labels under the softmax of a model's class logits, in nats.")
        .threads(Threads::parallel)
        .binds_model()
        .in("prediction", "f32[batch, ...]", "logits, one a class of the model")
        .in("labels", "i64[batch]", "one of the model's classes each")
        .out("value", "scalar", "mean over the batch")
        .out("per_sample", "f32[batch]", "nats of each sample")
        .number<&CrossEntropy::smoothing_>(
            "smoothing", 0, 0, 0.999,
            "part of the target that is spread evenly over all classes "
            "(Szegedy et al. 2016)");
}

void CrossEntropy::open(OpenContext& context) {
    const Shape shape = context.shape("prediction");
    classes_.open(context, shape.sample().elements());
    const auto rows = static_cast<std::size_t>(shape[0]);
    context.set_shape("per_sample", Shape{shape[0]});
    probabilities_ = context.reserve(rows * classes_.size() * sizeof(float));
    losses_ = context.reserve(rows * sizeof(double));
}

void CrossEntropy::process(Context& context) {
    const Tensor<const float> logits = context.in("prediction");
    const Tensor<const std::int64_t> labels = context.in<std::int64_t>("labels");
    const std::size_t rows = static_cast<std::size_t>(context.place().count), n = classes_.size();
    auto* probabilities = reinterpret_cast<float*>(context.workspace(probabilities_).data());
    auto* losses = reinterpret_cast<double*>(context.workspace(losses_).data());
    const std::span<const std::int64_t> ids = context.sample_ids();
    double sum = 0, right = 0;
    for (std::size_t r = 0; r < rows; ++r) {
        const float* z = logits.row(static_cast<std::int64_t>(r));
        const std::size_t label = classes_.place(labels.data[r], ids[r]);
        const double log_sum = softmax(z, probabilities + r * n, n);
        double target = (1 - smoothing_) * z[label];
        if (smoothing_ > 0) target += smoothing_ / static_cast<double>(n) * kernels().sum(z, n);
        losses[r] = log_sum - target;
        sum += losses[r];
        if (largest(z, n) == label) right += 1;
    }
    if (context.wanted("per_sample")) {
        const Tensor<float> out = context.out("per_sample");
        for (std::size_t r = 0; r < rows; ++r) out.data[r] = static_cast<float>(losses[r]);
    }
    const auto count = static_cast<double>(rows);
    context.set_scalar("value", sum / count);
    context.metric("cross_entropy", sum, count);
    context.metric("accuracy", right, count);
}

// d/dz = softmax(z) - target
void CrossEntropy::backward(Context& context) {
    const Tensor<float> gradient = context.gradient_for("prediction");
    if (gradient.data == nullptr) return;
    const Tensor<const std::int64_t> labels = context.in<std::int64_t>("labels");
    const std::size_t rows = static_cast<std::size_t>(context.place().count), n = classes_.size();
    const auto* probabilities =
        reinterpret_cast<const float*>(context.workspace(probabilities_).data());
    const auto step =
        static_cast<float>(context.scalar_gradient("value") / static_cast<double>(rows));
    const auto even = static_cast<float>(smoothing_ / static_cast<double>(n)),
               full = static_cast<float>(1 - smoothing_);
    const std::span<const std::int64_t> ids = context.sample_ids();
    for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t label = classes_.place(labels.data[r], ids[r]);
        float* to = gradient.row(static_cast<std::int64_t>(r));
        for (std::size_t i = 0; i < n; ++i) {
            const float target = (i == label ? full : 0.0f) + even;
            to[i] = step * (probabilities[r * n + i] - target);
        }
    }
}

void MeasureClasses::describe(Schema& schema) {
    schema
        .summary(
            "The class that a classifier gives each sample; with labels its accuracy and confusion "
            "matrix.")
        .threads(Threads::ordered)
        .binds_model()
        .in("logits", "f32[batch, ...]", "logits, one a class of the model")
        .in("labels", "i64[batch]", "true classes", Need::optional)
        .out("label", "f32[batch]", "label of the likeliest class")
        .out("confidence", "f32[batch]", "its probability")
        .out("probabilities", "f32[batch, ...]", "of all classes, in the model's order");
}

void MeasureClasses::open(OpenContext& context) {
    const Shape shape = context.shape("logits");
    classes_.open(context, shape.sample().elements());
    labelled_ = context.connected("labels");
    context.set_shape("label", Shape{shape[0]});
    context.set_shape("confidence", Shape{shape[0]});
    context.set_shape("probabilities", Shape{shape[0], static_cast<std::int64_t>(classes_.size())});
    confusion_.assign(classes_.size() * classes_.size(), 0);
}

void MeasureClasses::process(Context& context) {
    const Tensor<const float> logits = context.in("logits");
    const std::size_t n = classes_.size();
    const Tensor<float> label = context.wanted("label") ? context.out("label") : Tensor<float>{};
    const Tensor<float> confidence =
        context.wanted("confidence") ? context.out("confidence") : Tensor<float>{};
    const Tensor<float> probabilities =
        context.wanted("probabilities") ? context.out("probabilities") : Tensor<float>{};
    const Tensor<const std::int64_t> truth =
        labelled_ ? context.in<std::int64_t>("labels") : Tensor<const std::int64_t>{};
    std::vector<float> own(n);
    for (std::int64_t r = 0; r < context.place().count; ++r) {
        const float* z = logits.row(r);
        const double log_sum = softmax(z, own.data(), n);
        const std::size_t guess = largest(z, n);
        if (label.data) label.data[r] = static_cast<float>(classes_.label(guess));
        if (confidence.data) confidence.data[r] = own[guess];
        if (probabilities.data) std::copy(own.begin(), own.end(), probabilities.row(r));
        if (!labelled_) continue;
        const std::size_t place =
            classes_.place(truth.data[r], context.sample_ids()[static_cast<std::size_t>(r)]);
        confusion_[place * n + guess] += 1;
        nats_ += log_sum - z[place];
    }
}

void MeasureClasses::finish(RunContext& run) {
    const std::size_t n = classes_.size();
    double right = 0, all = 0;
    std::vector<double> labels(n), counts(n, 0.0), recall(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        labels[i] = static_cast<double>(classes_.label(i));
        for (std::size_t j = 0; j < n; ++j) counts[i] += confusion_[i * n + j];
        right += confusion_[i * n + i];
        all += counts[i];
        recall[i] = counts[i] > 0 ? confusion_[i * n + i] / counts[i]
                                  : std::numeric_limits<double>::quiet_NaN();
    }
    run.result("classes", labels);
    if (!labelled_ || all == 0) return;
    run.result("accuracy", right / all);
    run.result("cross_entropy", nats_ / all);
    run.result("class_counts", counts);
    run.result("class_accuracy", recall);
    run.result("confusion", confusion_);
}

}  // namespace narrows::plugins
