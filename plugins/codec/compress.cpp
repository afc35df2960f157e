#include "plugins/codec/compress.hpp"

#include "plugins/store/outputs.hpp"

namespace narrows::plugins {

namespace {

enum Column : std::size_t { values, ids };

codec::Wanted wanted(const std::string& bound, double value) {
    using Kind = codec::Wanted::Kind;
    const Kind kind = bound == "abs"         ? Kind::absolute
                      : bound == "rel"       ? Kind::range
                      : bound == "pointwise" ? Kind::pointwise
                      : bound == "psnr"      ? Kind::psnr
                                             : Kind::lossless;
    return {kind, kind == Kind::lossless ? 0 : value};
}

codec::Prefer prefer(const std::string& word) {
    return word == "size"    ? codec::Prefer::size
           : word == "speed" ? codec::Prefer::speed
                             : codec::Prefer::balanced;
}

}  // namespace

void Compress::describe(Schema& schema) {
    schema
        .summary("Write samples or codes as a compressed file, no value off by more than a bound.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("x", "f32[batch, ...]", "what is compressed")
        .text<&Compress::file_>("file", "", "HDF5 file that HDF5 reads through a filter",
                                Need::required)
        .text<&Compress::dataset_>("dataset", "/codes",
                                   "where the values are in it; row numbers are /ids")
        .choice<&Compress::bound_>("bound", "rel", "rel|abs|pointwise|psnr|lossless",
                                   "what value is: of the range, absolute, of each value, or dB")
        .number<&Compress::value_>("value", 1e-3, 0, 1e30, "how far a decoded value may be off")
        .choice<&Compress::prefer_>("prefer", "balanced", "balanced|size|speed",
                                    "what a percent is worth")
        .number<&Compress::budget_>("budget", 60, 0, 1e6,
                                    "what fitting may take on two ordinary cores, roughly", "s")
        .integer<&Compress::chunk_rows_>("chunk_rows", 0, 0, 1 << 30,
                                         "rows of a chunk; 0: about 4 MiB");
}

void Compress::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("codec.compress needs mode = \"stream\"");
    if (bound_ != "lossless" && !(value_ > 0))
        context.fail("value must be above 0", "or take bound = \"lossless\"");
    if (bound_ == "pointwise" && value_ >= 1)
        context.fail("value of a pointwise bound must be below 1");
    if (dataset_.size() < 2 || dataset_[0] != '/' || dataset_ == "/ids" ||
        dataset_.starts_with("/.models"))
        context.fail("\"" + dataset_ + "\" cannot name the dataset",
                     "use /codes, /samples or the like");
}

storage::CodesLayout Compress::layout(const RunContext& run) const {
    storage::CodesLayout layout;
    layout.rows = run.samples();
    layout.columns = {{dataset_, Type::f32, run.shape("x").sample()}, {"/ids", Type::i64, {}}};
    layout.attributes = origin_of(run);
    return layout;
}

bool Compress::restore(RunContext& run) {
    storage::CodesLayout compressed = layout(run);
    compressed.format = "narrows-compressed";
    return restore_finished(file_, compressed, run);
}

void Compress::start(RunContext& run) {
    check_output(file_, run);
    claim_ = std::make_unique<storage::OutputClaim>(file_);
    waiting_ = claim_->waiting_name("rows");
    storage::CodesLayout waiting = layout(run);
    waiting.checksums = false;
    rows_ = std::make_unique<storage::CodesWriter>(waiting_, waiting, false);
}

void Compress::process(Context& context) {
    const Context::Place& place = context.place();
    refuse_gap(context, rows_->done(), file_);
    rows_->write(values, place.first, place.count, context.in("x").data);
    rows_->write(ids, place.first, place.count, context.sample_ids().data());
    rows_->rows_written(place.first + place.count);
}

void Compress::finish(RunContext& run) {
    rows_->commit();
    rows_.reset();
    codec::Job job;
    job.wanted = wanted(bound_, value_);
    job.chunk_rows = chunk_rows_;
    job.budget = budget_;
    job.prefer = prefer(prefer_);
    job.stop = [&run] { return run.stopping(); };
    job.bounds = {{"/ids", {codec::Wanted::Kind::lossless, 0}}};
    std::vector<codec::ArrayResult> results;
    {
        const storage::ArrayFile plain(waiting_);
        const codec::WholeFile whole = codec::whole_file(plain);
        results = codec::compress_file(file_, whole.inputs, whole.beside, job, run.loop());
    }
    discard();
    for (const codec::ArrayResult& result : results) {
        if (result.path != dataset_) continue;
        const auto stored = static_cast<double>(result.bytes_out + result.model_bytes);
        run.result("bits_per_value", 8 * stored / static_cast<double>(result.values));
        run.result("bound", result.bound);
        run.result("max_error", result.max_error);
        run.result("method", result.method);
    }
}

void Compress::discard() noexcept {
    std::error_code ignored;
    if (!waiting_.empty()) std::filesystem::remove(waiting_, ignored);
    waiting_.clear();
    claim_.reset();
}

void Compress::abandon(RunContext&) noexcept {
    if (rows_) rows_->discard();
    rows_.reset();
    discard();
}

}  // namespace narrows::plugins
