#include "plugins/store/codes.hpp"

#include "plugins/store/appended.hpp"
#include "plugins/store/outputs.hpp"

namespace narrows::plugins {

namespace {

enum Column : std::size_t { codes, ids };  // that are always there

}  // namespace

void StoreCodes::describe(Schema& schema) {
    schema.summary("Write latent codes with their row numbers, in input order.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("z", "f32[batch, ...]", "codes, become /codes")
        .in("sse", "f32[batch]", "error of each sample, becomes /sse", Need::optional)
        .in("indices", "i32[batch, ...]", "entries of a codebook, become /indices", Need::optional)
        .in("log_variance", "f32[batch, ...]", "of a gaussian latent, becomes /log_variance",
            Need::optional)
        .in("draws", "f32[batch, ...]", "samples of a gaussian latent, become /draws",
            Need::optional)
        .text<&StoreCodes::file_>(
            "file", "", "HDF5 file; FILE.csv (no draws and entries); FILE.npy (the codes alone)",
            Need::required)
        .flag<&StoreCodes::live_>("live_file", false,
                                  "under its own name from the start, refused until complete")
        .text<&StoreCodes::part_>("part", "",
                                  "the rows are one of n contiguous parts, \"2/4\"; for join")
        .integer<&StoreCodes::all_rows_>("all_rows", 0, 0, 1e15, "of all parts together", "rows")
        .flag<&StoreCodes::append_>("append", false,
                                    "behind the rows that the file has, of the same model");
}

void StoreCodes::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("store.codes needs mode = \"stream\"");
    has_error_ = context.connected("sse");
    has_indices_ = context.connected("indices");
    has_log_variance_ = context.connected("log_variance");
    has_draws_ = context.connected("draws");
    part_attributes(part_, all_rows_, context.samples());
    if (append_) context.hold(AppendedTo::block_bytes);
    if (!CodeTable::names_table(file_)) return;
    const char* kind = file_.ends_with(".csv") ? ".csv" : ".npy";
    if (!part_.empty()) context.fail(std::string("part is for HDF5, not for ") + kind);
    if (append_) context.fail(std::string("append is for HDF5, not for ") + kind);
    if (live_) context.fail(std::string("live_file is for HDF5, not for ") + kind);
    if (has_draws_ || has_indices_)
        context.fail(std::string("a ") + kind + " file holds no draws and no entries of a codebook",
                     "write FILE.h5");
    if (file_.ends_with(".npy") && has_log_variance_)
        context.fail("an .npy file holds the codes alone", "write FILE.h5 or FILE.csv");
}

storage::CodesLayout StoreCodes::layout(const RunContext& run) const {
    storage::CodesLayout layout;
    layout.rows = run.samples();
    layout.live = live_;
    layout.columns = {{"/codes", Type::f32, run.shape("z").sample()}, {"/ids", Type::i64, {}}};
    const auto add = [&](bool there, const char* name, const char* port, Type type) {
        if (there) layout.columns.push_back({name, type, run.shape(port).sample()});
    };
    add(has_error_, "/sse", "sse", Type::f32);
    add(has_indices_, "/indices", "indices", Type::i32);
    add(has_log_variance_, "/log_variance", "log_variance", Type::f32);
    add(has_draws_, "/draws", "draws", Type::f32);
    layout.attributes = origin_of(run);
    for (auto& attribute : part_attributes(part_, all_rows_, layout.rows))
        layout.attributes.push_back(std::move(attribute));
    return layout;
}

// Tells how many rows are there, less one: the engine goes on at the least of all sinks, so that
// the last rows come again. The writer compares them: other bits are of other data.
bool StoreCodes::restore(RunContext& run) {
    if (CodeTable::names_table(file_)) storage::refuse_unknown_run(file_);
    if (CodeTable::names_table(file_) || append_) return false;  // starts again
    writer_ = std::make_unique<storage::CodesWriter>(file_, layout(run), true);
    const std::int64_t done = writer_->done();
    if (done == 0) return false;
    run.progress().samples_seen = static_cast<std::uint64_t>(done - 1);
    // All rows may be there, and the end still to come.
    run.progress().complete = writer_->finished();
    return true;
}

void StoreCodes::start(RunContext& run) {
    if (writer_) return;
    check_output(file_, run);
    if (CodeTable::names_table(file_)) {
        table_ = std::make_unique<CodeTable>(
            file_, CodeTable::Columns{run.shape("z").sample(), has_log_variance_, has_error_,
                                      run.samples()});
        return;
    }
    std::error_code ignored;
    if (append_ && std::filesystem::exists(file_, ignored)) {
        const AppendedTo before(file_, layout(run));
        writer_ = std::make_unique<storage::CodesWriter>(file_, before.whole(), false);
        before.copy_to(*writer_);
        rows_before_ = before.rows();
        return;
    }
    writer_ = std::make_unique<storage::CodesWriter>(file_, layout(run), run.resuming());
}

const float* StoreCodes::values(Context& context, bool there, std::string_view port) const {
    return there ? context.in(port).data : nullptr;
}

void StoreCodes::write_table(Context& context) {
    refuse_gap(context, table_->done(), file_);
    table_->write(context.sample_ids().first(static_cast<std::size_t>(context.place().count)),
                  context.in("z").data, values(context, has_log_variance_, "log_variance"),
                  values(context, has_error_, "sse"));
}

void StoreCodes::process(Context& context) {
    if (table_) return write_table(context);
    const Context::Place& place = context.place();
    refuse_gap(context, writer_->done() - rows_before_, file_);
    const std::int64_t first = rows_before_ + place.first;
    writer_->write(codes, first, place.count, context.in("z").data);
    writer_->write(ids, first, place.count, context.sample_ids().data());
    std::size_t column = ids;
    const auto write = [&](bool there, const auto& fetch) {
        if (there) writer_->write(++column, first, place.count, fetch());
    };
    write(has_error_, [&] { return context.in("sse").data; });
    write(has_indices_, [&] { return context.in<std::int32_t>("indices").data; });
    write(has_log_variance_, [&] { return context.in("log_variance").data; });
    write(has_draws_, [&] { return context.in("draws").data; });
    writer_->rows_written(first + place.count);
}

void StoreCodes::finish(RunContext&) {
    if (table_) {
        table_->commit();
        table_.reset();
        return;
    }
    writer_->commit();
    writer_.reset();
}

// Committed rows stay as FILE.partial, for --resume.
void StoreCodes::stopped(RunContext&) {
    writer_.reset();
    table_.reset();
}
void StoreCodes::abandon(RunContext&) noexcept {
    writer_.reset();
    table_.reset();
}

}  // namespace narrows::plugins
