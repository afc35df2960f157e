#include "plugins/encode/measure_units.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plugins/encode/bound_model.hpp"
#include "plugins/encode/element.hpp"

namespace narrows::plugins {
namespace {

constexpr std::size_t paired_in_stream = 64, paired_in_training = 16;
constexpr std::int64_t batches_an_epoch = 32;
constexpr std::size_t most_classes = 1000;
constexpr std::int64_t most_noted = 100;  // in training: classes 0 ... 99
// Where a figure is worth a word.
constexpr double many_dead = 0.05, same = 0.995, alike = 0.6, half = 0.5;

// Of the encoder's last layer, where its activation has ends and z is its output.
std::optional<Bounds> bounds_of(const model::Autoencoder* model, std::int64_t values) {
    if (model == nullptr || !model->configured() || model->encoder().size() == 0) return {};
    const model::Stack& encoder = model->encoder();
    if (encoder.output().elements() != values) return {};
    for (const Setting& setting : encoder.spec(encoder.size() - 1).settings) {
        if (setting.value.text == "sigmoid") return Bounds{0, 1};
        if (setting.value.text == "tanh") return Bounds{-1, 1};
    }
    return {};
}

}  // namespace

void MeasureUnits::describe(Schema& schema) {
    schema
        .summary(
            "Health of a layer's output: active, dead and saturated units, correlation; with "
            "labels the error of each class.")
        .threads(Threads::ordered)  // sums in sequence order: the same bits for any thread count
        .binds_model(Need::optional)
        .in("z", "f32[batch, ...]", "codes, or any layer's output")
        .in("sse", "f32[batch]", "error or loss of each sample, to be told by class",
            Need::optional)
        .in("labels", "i64[batch]", "classes of the samples", Need::optional)
        .in("output", "f32[batch, ...]", "reconstructions in [0, 1], for saturated outputs",
            Need::optional)
        .in("target", "f32[batch, ...]", "samples that they are to equal", Need::optional)
        .flag<&MeasureUnits::counts_active_>(
            "active", true, "count active units (measure.latent has its own count)")
        .flag<&MeasureUnits::counts_dead_>(
            "dead", true, "count dead units (in training optimize.revive does so too)");
}

void MeasureUnits::open(OpenContext& context) {
    const bool streaming = context.mode() == Mode::stream;
    const std::int64_t units = context.shape("z").sample().elements();
    moments_.resize(static_cast<std::size_t>(units),
                    streaming ? paired_in_stream : paired_in_training);
    has_classes_ = context.connected("sse") && context.connected("labels");
    has_outputs_ = context.connected("output") && context.connected("target");
    if (has_outputs_ && context.shape("output").elements() != context.shape("target").elements())
        context.fail(fmt::format("output is {}, target {}", to_string(context.shape("output")),
                                 to_string(context.shape("target"))));
    batch_ = std::max<std::int64_t>(1, context.batch());
    const std::int64_t batches = (context.samples() + batch_ - 1) / batch_;
    batches_apart_ = std::max<std::int64_t>(1, (batches + batches_an_epoch - 1) / batches_an_epoch);
    bounds_ = context.model() == nullptr
                  ? std::nullopt
                  : bounds_of(dynamic_cast<const model::Autoencoder*>(context.model()), units);
}

void MeasureUnits::process(Context& context) {
    const Tensor<const float> z = context.in("z");
    const Context::Place& place = context.place();
    const auto rows = static_cast<std::size_t>(place.count);
    if (place.phase != Phase::streaming) {
        if (place.first / batch_ % batches_apart_ == 0) note(context, z.data, rows);
        if (has_classes_) note_classes(context);
        return;
    }
    moments_.add(z.data, rows, bounds_);
    if (has_outputs_) add_outputs(context);
    if (has_classes_ && classes_.size() <= most_classes) add_classes(context, classes_);
}

void MeasureUnits::add_classes(Context& context, Classes& classes) {
    const Tensor<const float> error = context.in("sse");
    const Tensor<const std::int64_t> labels = context.in<std::int64_t>("labels");
    for (std::int64_t r = 0; r < context.place().count; ++r) {
        ClassError& one = classes[labels.data[r]];
        one.sum += error.data[r];
        one.count += 1;
    }
}

// In the training loss's units.
void MeasureUnits::note_classes(Context& context) {
    Classes classes;
    add_classes(context, classes);
    for (const auto& [label, error] : classes)
        if (label >= 0 && label < most_noted)
            context.metric(element("loss_by_class", static_cast<std::size_t>(label)), error.sum,
                           error.count);
}

// What the engine keeps lives through a stop and --resume in the middle of an epoch.
void MeasureUnits::note(Context& context, const float* rows, std::size_t count) {
    moments_.clear();
    moments_.add(rows, count, bounds_);
    const auto keep = [&](const char* name, const std::vector<double>& values) {
        for (std::size_t i = 0; i < values.size(); ++i)
            context.metric(element(name, i), values[i], moments_.count);
    };
    keep(".unit_sum", moments_.sum);
    keep(".unit_square", moments_.square);
    keep(".unit_cross", moments_.cross);
    if (bounds_) keep(".unit_end", moments_.at_end);
}

// Means of an epoch, as sums over one row.
CodeMoments MeasureUnits::epoch(const RunContext& run, Phase phase) const {
    CodeMoments out = moments_;
    out.clear();
    const auto fetch = [&](const char* name, std::vector<double>& values) {
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = run.epoch_mean(element(name, i), phase);
    };
    fetch(".unit_sum", out.sum);
    fetch(".unit_square", out.square);
    fetch(".unit_cross", out.cross);
    if (bounds_) fetch(".unit_end", out.at_end);
    out.count = !out.sum.empty() && out.sum[0] == out.sum[0] ? 1 : 0;
    return out;
}

void MeasureUnits::epoch_end(RunContext& run) {
    for (const Phase phase : {Phase::training, Phase::validation}) {
        const CodeMoments means = epoch(run, phase);
        if (means.count == 0) continue;
        last_ = means.health();
        seen_ = true;
        report(run, last_, phase == Phase::training ? "" : "validation_");
    }
}

void MeasureUnits::report(RunContext& run, const CodeHealth& health,
                          const std::string& prefix) const {
    if (counts_active_) run.result(prefix + "active_units", health.active);
    if (counts_dead_) run.result(prefix + "dead_units", health.dead);
    if (bounds_) run.result(prefix + "saturated_units", health.saturated);
    if (moments_.units() < 2) return;
    run.result(prefix + "mean_correlation", health.mean_correlation);
    run.result(prefix + "highest_correlation", health.highest_correlation);
}

void MeasureUnits::add_outputs(Context& context) {
    constexpr float inner = 0.05F, outer = 0.001F;
    const Tensor<const float> output = context.in("output"), target = context.in("target");
    const std::int64_t values = context.place().count * output.row_size();
    for (std::int64_t i = 0; i < values; ++i) {
        if (!(target.data[i] > inner && target.data[i] < 1 - inner)) continue;
        grey_ += 1;
        grey_saturated_ += output.data[i] < outer || output.data[i] > 1 - outer;
    }
}

void MeasureUnits::report_classes(RunContext& run) const {
    if (classes_.empty() || classes_.size() > most_classes) return;
    std::vector<double> labels, errors;
    for (const auto& [label, error] : classes_) {
        labels.push_back(static_cast<double>(label));
        errors.push_back(error.sum / error.count);
    }
    run.result("classes", labels);
    run.result("sse_by_class", errors);
}

void MeasureUnits::finish(RunContext& run) {
    if (run.mode() == Mode::stream) {
        if (moments_.count > 0) {
            last_ = moments_.health();
            seen_ = true;
            report(run, last_, "");
        }
        report_classes(run);
        if (grey_ > 0) run.result("saturated_outputs", grey_saturated_ / grey_);
        if (moments_.bad_rows > 0)
            run.warn(
                fmt::format("the codes of {:.0f} samples hold NaN or Inf and were left out of "
                            "the counts: look at the data's range, or train with a lower rate",
                            moments_.bad_rows));
        if (grey_ > 0 && grey_saturated_ > half * grey_)
            run.warn(
                fmt::format("{:.0f} % of the outputs whose target is neither 0 nor 1 are "
                            "saturated at 0 or 1: lower the rate, or check the scaling",
                            100 * grey_saturated_ / grey_));
    }
    if (seen_ && run.last_stage()) warn(run);
}

void MeasureUnits::warn(RunContext& run) const {
    const auto units = static_cast<double>(moments_.units());
    if (counts_dead_ && last_.dead > many_dead * units)
        run.warn(
            fmt::format("{:.0f} of {:.0f} units are dead (the first is {}): they give one "
                        "value for all samples; use fewer, a lower rate, or leaky_relu",
                        last_.dead, units, last_.first_dead));
    if (last_.saturated > half * units)
        run.warn(
            fmt::format("{:.0f} of {:.0f} units are saturated: nearly all their values lie at "
                        "the ends of the activation; lower the rate, or use another activation",
                        last_.saturated, units));
    if (last_.highest_correlation > same)
        run.warn(
            fmt::format("units {} and {} say the same (correlation {:.4f}): a smaller code may "
                        "do",
                        last_.pair[0], last_.pair[1], last_.highest_correlation));
    else if (last_.mean_correlation > alike)
        run.warn(
            fmt::format("units largely repeat each other (mean correlation {:.2f}): a smaller "
                        "code may do",
                        last_.mean_correlation));
}

}  // namespace narrows::plugins
