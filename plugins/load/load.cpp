#include "plugins/load/load.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/storage/part.hpp"
#include "plugins/load/bad_rows.hpp"
#include "plugins/load/scaling.hpp"

namespace narrows::plugins {
namespace {

constexpr std::uint64_t memory_budget = 192u << 20;

// Bytes in memory, whose conversion and scaling are one pass.
bool are_bytes(const datasets::Dataset& data) {
    return data.in_memory() && data.stored_as_read() && data.type() == storage::Numeric::u8;
}

}  // namespace

void Load::describe(Schema& schema) {
    schema.summary("Read samples from HDF5, IDX, NPY, CSV, raw, .ts, chess or a folder of PNG.")
        .threads(Threads::parallel)
        .source()
        .out("x", "f32[batch, ...]", "samples, scaled")
        .out("stored", "u8[batch, ...]",
             "streaming bytes that a trained model scales: as they are stored")
        .out("labels", "i64[batch]", "their labels, where the data has any")
        .out("weight", "f32 like x", "1, and 0 where a value was missing (on_bad_row = \"mask\")")
        .texts<&Load::file_>("file", "DATA: FILE[:/dataset][@first:last], one or several",
                             Need::required)
        .text<&Load::dataset_>("dataset", "", "path of the dataset in an HDF5 file")
        .text<&Load::format_>(
            "format", "",
            "hdf5, idx, npy, csv, raw, ts, png, pgn, epd, fen or a plugin's; empty: by content")
        .integer<&Load::batch_>("batch", 128, 1, 1 << 24, "samples in a packet", "samples")
        .flag<&Load::shuffle_>("shuffle", false, "training: another order each epoch")
        .integer<&Load::block_rows_>("block_rows", 4096, 1, 1 << 30,
                                     "rows that stay together when blocks are shuffled", "rows")
        .integer<&Load::window_rows_>("window_rows", 65536, 1, std::int64_t{1} << 40,
                                      "rows that are shuffled among themselves", "rows")
        .choice<&Load::scale_>("scale", "auto", "auto|none|unit|minmax|standard",
                               "auto: u8 to [0, 1], all else as it is")
        .number<&Load::validation_>("validation", 0, 0, 0.9,
                                    "part of the rows held out, evenly spread")
        .text<&Load::validation_file_>("validation_file", "", "DATA of its own for validation")
        .text<&Load::labels_file_>("labels_file", "", "DATA with one label a row")
        .text<&Load::validation_labels_file_>("validation_labels_file", "",
                                              "DATA with one label a row of validation_file")
        .integer<&Load::labels_per_class_>("labels_per_class", 0, 0, 1 << 30,
                                           "labelled rows of each class that are drawn; 0: all",
                                           "rows")
        .text<&Load::label_column_>("label_column", "", "CSV: name or place of the labels, or none")
        .text<&Load::columns_>("columns", "", "CSV: names and places that are read, \"a,b,3-7\"")
        .integer<&Load::window_>("window", 0, 0, 1 << 24, "cut a long series into samples", "steps")
        .integer<&Load::stride_>("stride", 0, 0, 1 << 24, "between windows; 0: as long as one",
                                 "steps")
        .text<&Load::part_>("part", "", "streaming: one of n contiguous parts of the rows, \"2/4\"")
        .integer<&Load::ply_>("ply", 40, 0, 10000, "PGN: the position after so many half-moves",
                              "half-moves")
        .numbers<&Load::shape_>("shape", "raw numbers: of a sample")
        .text<&Load::sample_type_>("sample_type", "", "raw numbers: f32, u8, ...")
        .choice<&Load::on_bad_row_>(
            "on_bad_row", "stop", "stop|skip|mask",
            "rows with NaN or Inf; mask: such values become the feature's mean, of weight 0")
        .choice<&Load::on_drift_>("on_drift", "warn", "warn|stop",
                                  "data unlike what a trained model learned from");
}

datasets::DataSpec Load::beside() const {
    datasets::DataSpec spec;
    spec.dataset = dataset_;
    spec.format = format_;
    spec.type = sample_type_;
    spec.label_column = label_column_;
    spec.columns = columns_;
    spec.window = window_;
    spec.stride = stride_;
    spec.ply = ply_;
    for (const double extent : shape_) spec.shape.push_back(static_cast<std::int64_t>(extent));
    return spec;
}

std::shared_ptr<const datasets::Dataset> Load::open_all(std::span<const std::string> data,
                                                        bool once) const {
    return datasets::open(datasets::parse_data(data, beside()), memory_budget, once);
}

// Every so many rows one is held out: place i of v among n is the first r with (r + 1) v / n > i.
std::int64_t Load::validation_row(std::int64_t i) const {
    const std::int64_t n = training_ + validation_rows_;
    return ((i + 1) * n + validation_rows_ - 1) / validation_rows_ - 1;
}
std::int64_t Load::training_row(std::int64_t i) const {
    if (held_out_ || validation_rows_ == 0) return i;
    return i * (training_ + validation_rows_) / training_;
}

void Load::hold_out(OpenContext& context) {
    training_ = data_->rows();
    if (context.mode() != Mode::train) return;
    if (!validation_file_.empty()) {
        if (validation_ > 0) context.fail("takes validation or validation_file, not both");
        const std::string one[] = {validation_file_};
        datasets::Summary ignored;
        held_out_ = without_bad_rows(context, open_all(one), on_bad_row_, ignored);
        if (!(held_out_->sample() == data_->sample()))
            throw Error(Fault::input,
                        fmt::format("{} has samples of shape {}, {} of {}", held_out_->name(),
                                    to_string(held_out_->sample()), data_->name(),
                                    to_string(data_->sample())),
                        "validation needs samples of the training shape");
        validation_rows_ = held_out_->rows();
    } else if (validation_ > 0) {
        validation_rows_ = static_cast<std::int64_t>(static_cast<double>(training_) * validation_);
        if (validation_rows_ < 1)
            context.fail(fmt::format("validation = {} of {} rows is none", validation_, training_),
                         "hold out a larger part");
        training_ -= validation_rows_;
    }
}

std::vector<std::int64_t> Load::labels_of(const datasets::Dataset& data,
                                          const std::string& file) const {
    std::vector<std::int64_t> labels =
        file.empty() ? data.labels()
                     : datasets::open_labels(datasets::parse_data({&file, 1}, beside())).values;
    if (labels.empty())
        throw Error(Fault::input, fmt::format("{} has no labels", data.name()),
                    "name them with labels_file or label_column");
    if (static_cast<std::int64_t>(labels.size()) != data.rows())
        throw Error(Fault::input,
                    fmt::format("there are {} labels for {} samples", labels.size(), data.rows()),
                    "give one label a sample");
    return labels;
}

// Behind here the data is what is trained on: with labels_per_class a few rows of each label.
void Load::read_labels(OpenContext& context) {
    if (!context.connected("labels")) {
        if (labels_per_class_ > 0)
            context.fail("labels_per_class needs the output labels to be read");
        return;
    }
    labels_ = labels_of(*data_, labels_file_);
    if (labels_per_class_ == 0) return;
    const std::vector<std::int64_t> rows =
        datasets::draw_per_label(labels_, labels_per_class_, context.key());
    std::vector<std::int64_t> drawn;
    for (const std::int64_t row : rows) drawn.push_back(labels_[static_cast<std::size_t>(row)]);
    labels_ = std::move(drawn);
    data_ = datasets::select(data_, rows);
}

void Load::read_held_out_labels() {
    if (!labels_.empty() && held_out_)
        held_out_labels_ = labels_of(*held_out_, validation_labels_file_);
}

// What check_fits() found: said, or the end of the run.
void Load::judge_drift(OpenContext& context, const model::Scaling& scaling) const {
    const std::vector<std::string> found = check_fits(scaling, *data_, first_row_);
    if (found.empty()) return;
    if (on_drift_ == "stop")
        throw Error(Fault::input,
                    fmt::format("unlike the training data: {}", fmt::join(found, "; ")),
                    "look at these rows, or go on with --on-drift warn");
    for (const std::string& text : found) context.warn("unlike the training data: " + text);
}

// While training the model learns the scaling; a model from a file brings its own.
void Load::take_scaling(OpenContext& context) {
    auto* model = dynamic_cast<model::Autoencoder*>(context.downstream_model());
    if (model != nullptr && model->scaling()) {
        if (scale_ != "none") {
            judge_drift(context, *model->scaling());
            scaling_ = model->scaling();
            stored_ = context.mode() == Mode::stream && data_->stored_as_read() &&
                      data_->type() == storage::Numeric::u8;
        }
        return;
    }
    const bool needs_summary =
        scale_ == "minmax" || scale_ == "standard" || context.mode() == Mode::train;
    if (needs_summary && summary_.rows == 0)
        summary_ = datasets::summarise(*data_, storage::loop(), 0, -1, counted(on_bad_row_));
    if (!needs_summary) {
        summary_.type = data_->type();
        summary_.sample = data_->sample();
    }
    scaling_ = fit_scaling(scale_, summary_);
    if (model != nullptr && context.mode() == Mode::train) model->set_scaling(*scaling_);
}

// A missing value becomes the mean that its feature had in training, so that it says nothing new:
// 0 under scale = "standard". Without a model's scaling: the mean of this data.
void Load::find_neutral() {
    const auto features = static_cast<std::size_t>(data_->sample().elements());
    neutral_.assign(features, 0);
    if (scaling_ && scaling_->mean.size() == features)
        neutral_ = scaling_->mean;
    else if (summary_.mean.size() == features)
        neutral_ = summary_.mean;
}

void Load::replace_missing(std::span<float> row, float* weight) const {
    for (std::size_t f = 0; f < row.size(); ++f) {
        if (std::isfinite(row[f])) continue;
        row[f] = neutral_[f];
        if (weight != nullptr) weight[f] = 0;
    }
}

void Load::take_part(OpenContext& context) {
    if (part_.empty()) return;
    if (context.mode() != Mode::stream) context.fail("part is for mode = \"stream\"");
    const storage::PartRows rows = rows_of(storage::parse_part(part_), data_->rows());
    data_ = datasets::rows_between(data_, rows.first, rows.last);
    first_row_ = rows.first;
}

// What is not in memory is shuffled so that few of its rows must be there at once: blocks of whole
// chunks, and as many of them in a window as are kept.
void Load::set_order(OpenContext& context) {
    std::int64_t block = block_rows_, window = window_rows_;
    if (shuffle_ && context.mode() == Mode::train && !data_->in_memory()) {
        constexpr std::uint64_t unit_bytes = 1u << 20, block_bytes = 12u << 20,
                                kept_bytes = memory_budget / 8 * 7;  // a run stays below 256 MB
        const std::uint64_t value =
            data_->stored_as_read() ? size_of(data_->type()) : sizeof(float);
        const std::uint64_t row = std::max<std::uint64_t>(
            1, static_cast<std::uint64_t>(data_->sample().elements()) * value);
        const auto fitting = [&](std::uint64_t bytes) {
            return std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes / row));
        };
        std::int64_t unit = data_->rows_together();
        if (unit <= 1 || unit > fitting(kept_bytes / 4)) unit = fitting(unit_bytes);
        const auto whole = [&](std::int64_t rows, std::int64_t of) {
            return std::max<std::int64_t>(1, rows / of) * of;
        };
        block = whole(std::min(block, fitting(block_bytes)), unit);
        // Packets before and behind a window's end may be under way together.
        window = whole(std::min(window, fitting(kept_bytes / 8 * 7)), block);
        data_ = datasets::keep_blocks(data_, unit, kept_bytes);
        context.hold(kept_bytes);
    }
    order_.emplace(context.key(), training_, block, window);
}

void Load::open(OpenContext& context) {
    data_ = open_all(file_, context.mode() == Mode::stream && on_bad_row_ == "stop");
    if (data_->rows() == 0)
        throw Error(Fault::input, fmt::format("{} has no samples", data_->name()));
    if (context.mode() == Mode::train || on_bad_row_ != "stop")
        data_ = without_bad_rows(context, data_, on_bad_row_, summary_);
    take_part(context);
    read_labels(context);
    hold_out(context);
    read_held_out_labels();
    take_scaling(context);
    if (on_bad_row_ == "mask") find_neutral();
    ids_ = data_->ids();
    context.stream(training_, std::min(batch_, training_), validation_rows_);
    set_order(context);  // by the key of the stream
    for (const auto& data : {data_, held_out_})
        if (data) context.hold(data->reading_bytes(storage::loop().threads()));
    context.set_shape("x", data_->sample().with_batch(context.batch()));
    context.set_shape("weight", data_->sample().with_batch(context.batch()));
    context.set_shape("stored", data_->sample().with_batch(context.batch()), Type::u8);
    if (!stored_) context.disable("stored");
    one_step_ = (stored_ || (are_bytes(*data_) && (!held_out_ || are_bytes(*held_out_)))) &&
                context.connected("x") && !context.connected("weight") && scaling_ &&
                scaling_->factor.size() == 1 && scaling_->shift[0] == 0;
    if (one_step_)
        bytes_ = context.reserve(
            static_cast<std::size_t>((stored_ ? context.batch() : 1) * data_->sample().elements()));
    context.set_shape("labels", Shape{context.batch()}, Type::i64);
    // Weights come from values, also where only weights are read.
    if (context.connected("weight") && !context.connected("x"))
        values_ = context.reserve(
            static_cast<std::size_t>(context.batch() * data_->sample().elements()) * sizeof(float));
}

void Load::read_rows(const datasets::Dataset& data, std::span<const std::int64_t> rows, float* x,
                     float* weight) const {
    const auto features = static_cast<std::size_t>(data.sample().elements());
    data.gather(rows, x);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::span<float> row(x + i * features, features);
        if (simd::kernels().all_finite(row.data(), features)) continue;
        if (on_bad_row_ != "mask") refuse_row(data, first_row_ + rows[i]);
        replace_missing(row, weight == nullptr ? nullptr : weight + i * features);
    }
    if (scaling_) apply_scaling(*scaling_, x, features, rows.size());
}

// (x - 0) * factor, rounded once, as apply_scaling() gives it. Rows in any order come from beyond
// the caches: the next but one is asked for. `spare` is for a row that lies nowhere.
void Load::convert_rows(const datasets::Dataset& data, std::span<const std::int64_t> rows,
                        std::byte* spare, float* x) const {
    constexpr std::size_t ahead = 2, line = 64;
    const auto features = static_cast<std::size_t>(data.sample().elements());
    for (std::size_t i = 0; i < rows.size(); ++i, x += features) {
        if (i + ahead < rows.size())
            if (const std::byte* const next = data.stored_row(rows[i + ahead]))
                for (std::size_t at = 0; at < features; at += line) __builtin_prefetch(next + at);
        const std::byte* row = data.stored_row(rows[i]);
        if (row == nullptr) {
            data.read_stored(rows[i], 1, spare);
            row = spare;
        }
        simd::kernels().from_u8(reinterpret_cast<const std::uint8_t*>(row), scaling_->factor[0], x,
                                features);
    }
}

bool Load::peek(std::string_view port, std::span<const std::int64_t> rows, void* values) {
    if (port == "x") {
        read_rows(*data_, rows, static_cast<float*>(values), nullptr);
        return true;
    }
    if (port != "stored" || !stored_) return false;
    auto* to = static_cast<std::byte*>(values);
    for (const std::int64_t row : rows) {
        data_->read_stored(row, 1, to);
        to += data_->sample().elements();
    }
    return true;
}

void Load::process(Context& context) {
    const Context::Place& place = context.place();
    const std::span<std::int64_t> ids = context.sample_ids();
    const bool validation = place.phase == Phase::validation;
    const bool shuffled = place.phase == Phase::training && shuffle_;
    const datasets::Dataset& data = validation && held_out_ ? *held_out_ : *data_;
    if (shuffled) {
        order_->rows(place.epoch, place.first, ids);
    } else {
        for (std::size_t i = 0; i < ids.size(); ++i)
            ids[i] = place.first + static_cast<std::int64_t>(i);
    }
    if (place.phase == Phase::training)
        for (std::int64_t& id : ids) id = training_row(id);
    if (validation && !held_out_)
        for (std::int64_t& id : ids) id = validation_row(id);
    const auto features = static_cast<std::size_t>(data.sample().elements());
    if (context.wanted("x") || context.wanted("weight")) {
        Tensor<float> x = context.out("x");
        if (x.data == nullptr) x.data = reinterpret_cast<float*>(context.workspace(values_).data());
        const Tensor<float> weight = context.out("weight");  // no data where nobody reads it
        if (weight.data != nullptr) std::fill_n(weight.data, ids.size() * features, 1.0f);
        if (!one_step_) read_rows(data, ids, x.data, weight.data);
    }
    const bool convert = one_step_ && context.wanted("x");
    const bool stored = stored_ && context.wanted("stored");
    if (stored_ && (stored || convert)) {
        std::uint8_t* bytes =
            stored ? context.out<std::uint8_t>("stored").data
                   : reinterpret_cast<std::uint8_t*>(context.workspace(bytes_).data());
        data.read_stored(place.first, place.count, reinterpret_cast<std::byte*>(bytes));
        if (convert)  // as convert_rows() does
            simd::kernels().from_u8(bytes, scaling_->factor[0], context.out("x").data,
                                    ids.size() * features);
    } else if (convert) {
        convert_rows(data, ids, context.workspace(bytes_).data(), context.out("x").data);
    }
    if (context.wanted("labels")) {
        const Tensor<std::int64_t> labels = context.out<std::int64_t>("labels");
        const std::vector<std::int64_t>& from =
            validation && held_out_ ? held_out_labels_ : labels_;
        for (std::size_t i = 0; i < ids.size(); ++i)
            labels.data[i] = from[static_cast<std::size_t>(ids[i])];
    }
    // Held-out rows of another file are told apart from those of this one.
    if (validation && held_out_)
        for (std::int64_t& id : ids) id = data_->rows() + id;
    else if (!ids_.empty() && place.phase == Phase::streaming)
        for (std::int64_t& id : ids) id = ids_[static_cast<std::size_t>(id)];
    else if (place.phase == Phase::streaming)
        for (std::int64_t& id : ids) id += first_row_;
}

}  // namespace narrows::plugins
