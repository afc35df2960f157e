#include "plugins/store/codes.hpp"

#include "plugins/store/outputs.hpp"

namespace narrows::plugins {

namespace {

enum Column : std::size_t { codes, ids, error };

}  // namespace

void StoreCodes::describe(Schema& schema) {
    schema.summary("Write latent codes with their row numbers, in input order.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("z", "f32[batch, ...]", "codes, become /codes")
        .in("sse", "f32[batch]", "error of each sample, becomes /sse", Need::optional)
        .in("indices", "i32[batch, ...]", "entries of a codebook, become /indices", Need::optional)
        .text<&StoreCodes::file_>("file", "", "HDF5 file of the codes", Need::required)
        .flag<&StoreCodes::live_>("live_file", false,
                                  "under its own name from the start, refused until complete");
}

void StoreCodes::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("store.codes needs mode = \"stream\"");
    has_error_ = context.connected("sse");
    has_indices_ = context.connected("indices");
    indices_ = has_error_ ? error + 1 : error;
}

storage::CodesLayout StoreCodes::layout(const RunContext& run) const {
    storage::CodesLayout layout;
    layout.rows = run.samples();
    layout.live = live_;
    layout.columns = {{"/codes", Type::f32, run.shape("z").sample()}, {"/ids", Type::i64, {}}};
    if (has_error_) layout.columns.push_back({"/sse", Type::f32, {}});
    if (has_indices_)
        layout.columns.push_back({"/indices", Type::i32, run.shape("indices").sample()});
    layout.attributes = origin_of(run);
    return layout;
}

// Tells how many rows are there; the engine goes on at the least of all sinks. Rows that come again
// are written again, to the same bits.
bool StoreCodes::restore(RunContext& run) {
    writer_ = std::make_unique<storage::CodesWriter>(file_, layout(run), true);
    const std::int64_t done = writer_->done();
    if (done == 0) return false;
    run.progress().samples_seen = static_cast<std::uint64_t>(done);
    run.progress().complete = done == run.samples();
    return true;
}

void StoreCodes::start(RunContext& run) {
    if (writer_) return;
    check_output(file_, run);
    writer_ = std::make_unique<storage::CodesWriter>(file_, layout(run), run.resuming());
}

void StoreCodes::process(Context& context) {
    const Context::Place& place = context.place();
    refuse_gap(context, writer_->done(), file_);
    writer_->write(codes, place.first, place.count, context.in("z").data);
    writer_->write(ids, place.first, place.count, context.sample_ids().data());
    if (has_error_) writer_->write(error, place.first, place.count, context.in("sse").data);
    if (has_indices_)
        writer_->write(indices_, place.first, place.count,
                       context.in<std::int32_t>("indices").data);
    writer_->rows_written(place.first + place.count);
}

void StoreCodes::finish(RunContext&) {
    writer_->commit();
    writer_.reset();
}

// Committed rows stay as FILE.partial, for --resume.
void StoreCodes::stopped(RunContext&) {
    writer_.reset();
}
void StoreCodes::abandon(RunContext&) noexcept {
    writer_.reset();
}

}  // namespace narrows::plugins
