#include "plugins/encode/encode_int8.hpp"

#include <algorithm>

namespace narrows::plugins {
namespace {

constexpr std::int64_t rows_together = 32;  // read in one go, and out of one chunk

}  // namespace

void EncodeInt8::describe(Schema& schema) {
    schema.summary("Map samples to their codes in 8-bit integers, with a dense encoder.")
        .threads(Threads::parallel)
        .binds_model()
        .in("x", "f32[batch, ...]",
            "samples right from a source, scaled as the model's training data; the source's "
            "`stored` is read instead where it has that")
        .out("z", "f32[batch, ...]", "codes; of a gaussian latent the means")
        .integer<&EncodeInt8::calibration_>(
            "calibration", 1024, 1, 1 << 20,
            "samples, spread over the stream, whose values fix the ranges of the bytes", "samples");
}

// Runs of neighbours, evenly spread: the same rows for any batch and thread count.
std::vector<std::int64_t> EncodeInt8::calibration_rows(std::int64_t samples) const {
    const std::int64_t wanted = std::min(calibration_, samples);
    const std::int64_t runs = (wanted + rows_together - 1) / rows_together;
    std::vector<std::int64_t> rows;
    for (std::int64_t run = 0; run < runs; ++run) {
        const std::int64_t begin = samples * run / runs, end = samples * (run + 1) / runs;
        const std::int64_t count = wanted * (run + 1) / runs - wanted * run / runs;
        for (std::int64_t i = 0; i < std::min(count, end - begin); ++i) rows.push_back(begin + i);
    }
    return rows;
}

void EncodeInt8::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    if (context.mode() != Mode::stream) context.fail("encode.int8 needs mode = \"stream\"");
    const Shape shape = context.shape("x");
    model.configure(shape.sample());
    const std::vector<std::int64_t> rows = calibration_rows(context.samples());
    const auto features = static_cast<std::size_t>(shape.sample().elements());
    std::vector<float> x(rows.size() * features);
    std::vector<std::uint8_t> u;
    if (!context.peek("x", rows, x.data()))
        context.fail("needs samples before the run, to fit its ranges, but x does not come right "
                     "from a source that can give them",
                     "read x of load");
    stored_ = context.prefer("x", "stored");
    std::optional<model::ByteInput> bytes;
    if (stored_) {
        u.resize(x.size());
        if (!context.peek("x", rows, u.data())) context.fail("the source gives no stored bytes");
        bytes.emplace();
        if (model.scaling()) *bytes = {model.scaling()->shift, model.scaling()->factor};
    }
    encoder_.emplace(model, x, bytes);
    error_ = encoder_->error(x, u);
    model.note_codes("code_relative_error", error_.relative);
    model.note_codes("code_rms_error", error_.rms);
    model.note_codes("code_max_error", error_.most);
    model.note_codes("calibration_samples", static_cast<double>(error_.samples));
    context.hold(encoder_->bytes());
    context.set_shape("z", model.code_shape().with_batch(shape[0]));
    workspace_ = context.reserve(encoder_->workspace_bytes(static_cast<std::size_t>(shape[0])));
}

void EncodeInt8::start(RunContext& run) {
    run.result("code_relative_error", error_.relative);
    run.result("code_rms_error", error_.rms);
    run.result("code_max_error", error_.most);
    run.result("calibration_samples", static_cast<double>(error_.samples));
}

void EncodeInt8::process(Context& context) {
    const Tensor<float> z = context.out("z");
    if (z.data == nullptr) return;
    std::byte* workspace = context.workspace(workspace_).data();
    const auto rows = static_cast<std::size_t>(context.place().count);
    if (stored_)
        encoder_->encode(context.loop(), rows, context.in<std::uint8_t>("x").data, workspace, z.data);
    else
        encoder_->encode(context.loop(), rows, context.in("x").data, workspace, z.data);
}

}  // namespace narrows::plugins
