#include "plugins/store/table.hpp"

#include <algorithm>
#include <charconv>

#include "plugins/store/outputs.hpp"

namespace narrows::plugins {

namespace {

constexpr std::string_view all_ports[] = {"row", "second", "third", "fourth"};

// The shortest text that reads back as the same float.
void append_number(std::string& text, float value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append(digits, end);
}

}  // namespace

void StoreTable::describe(Schema& schema) {
    schema.summary("Write a table with one line a sample: its row number and a value or more.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("row", "f32[batch]", "first column of values")
        .in("second", "f32[batch]", "second column", Need::optional)
        .in("third", "f32[batch]", "third column", Need::optional)
        .in("fourth", "f32[batch]", "fourth column", Need::optional)
        .text<&StoreTable::file_>("file", "", "FILE.csv, or FILE.h5 for columns in HDF5",
                                  Need::required)
        .texts<&StoreTable::names_>("columns", "names of the columns of values");
}

void StoreTable::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("store.table needs mode = \"stream\"");
    ports_.clear();
    for (const std::string_view port : all_ports)
        if (port == "row" || context.connected(port)) ports_.emplace_back(port);
    if (names_.empty())
        for (const std::string& port : ports_) names_.push_back(port == "row" ? "value" : port);
    if (names_.size() != ports_.size())
        context.fail(std::to_string(names_.size()) + " names in columns for " +
                     std::to_string(ports_.size()) + " inputs");
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::string& name = names_[i];
        if (name.empty() || name == "ids" || name == "id" || name.starts_with('/') ||
            name.find_first_of(",\"\n") != std::string::npos ||
            std::count(names_.begin(), names_.end(), name) > 1)
            context.fail("\"" + name + "\" cannot name a column",
                         "use different plain words, and not \"id\"");
    }
}

storage::CodesLayout StoreTable::layout(const RunContext& run) const {
    storage::CodesLayout layout;
    layout.rows = run.samples();
    layout.format = "narrows-scores";
    for (const std::string& name : names_) layout.columns.push_back({"/" + name, Type::f32, {}});
    layout.columns.push_back({"/ids", Type::i64, {}});
    layout.attributes = origin_of(run);
    return layout;
}

bool StoreTable::restore(RunContext& run) {
    if (as_arrays()) return restore_finished(file_, layout(run), run);
    storage::refuse_unknown_run(file_);
    return false;
}

void StoreTable::start(RunContext& run) {
    check_output(file_, run);
    if (as_arrays())
        arrays_ = std::make_unique<storage::CodesWriter>(file_, layout(run), false);
    else
        start_text();
}

void StoreTable::start_text() {
    target_ = std::make_unique<storage::AtomicFile>(file_);
    text_.open(target_->temporary(), std::ios::binary);
    text_ << "id";
    for (const std::string& name : names_) text_ << ',' << name;
    text_ << '\n';
}

void StoreTable::process(Context& context) {
    if (arrays_)
        write_arrays(context);
    else
        write_text(context);
}

void StoreTable::write_text(Context& context) {
    std::vector<Tensor<const float>> columns;
    for (const std::string& port : ports_) columns.push_back(context.in(port));
    std::string lines;
    for (std::size_t row = 0; row < static_cast<std::size_t>(context.place().count); ++row) {
        lines += std::to_string(context.sample_ids()[row]);
        for (const Tensor<const float>& column : columns) {
            lines += ',';
            append_number(lines, column.data[row]);
        }
        lines += '\n';
    }
    if (!text_.write(lines.data(), static_cast<std::streamsize>(lines.size())))
        context.fail("cannot write \"" + file_ + "\"", "check the disk and its free space");
}

void StoreTable::write_arrays(Context& context) {
    const Context::Place& place = context.place();
    refuse_gap(context, arrays_->done(), file_);
    for (std::size_t i = 0; i < ports_.size(); ++i)
        arrays_->write(i, place.first, place.count, context.in(ports_[i]).data);
    arrays_->write(ports_.size(), place.first, place.count, context.sample_ids().data());
    arrays_->rows_written(place.first + place.count);
}

void StoreTable::finish(RunContext&) {
    if (arrays_) {
        arrays_->commit();
        arrays_.reset();
        return;
    }
    text_.close();
    if (!text_)
        throw Error(Fault::run, "cannot write \"" + file_ + "\"",
                    "check the disk and its free space");
    target_->commit();
    target_.reset();
}

void StoreTable::abandon(RunContext&) noexcept {
    if (arrays_) arrays_->discard();
    arrays_.reset();
    target_.reset();
}

}  // namespace narrows::plugins
