#include "plugins/store/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "plugins/store/outputs.hpp"

namespace narrows::plugins {

namespace {

using storage::Numeric;

constexpr Numeric all_types[] = {Numeric::i8,  Numeric::u8,  Numeric::i16, Numeric::u16,
                                 Numeric::i32, Numeric::u32, Numeric::i64, Numeric::u64,
                                 Numeric::f32, Numeric::f64};

std::optional<Numeric> type_named(std::string_view name) {
    for (const Numeric type : all_types)
        if (storage::to_string(type) == name) return type;
    return std::nullopt;
}

// Values that are converted at once.
std::int64_t rows_together(std::int64_t features) {
    constexpr std::int64_t values = 1 << 20;
    return std::max<std::int64_t>(1, values / std::max<std::int64_t>(1, features));
}

// To the nearest integer (halves to even), held inside the type's range.
template <class T>
T stored(float value) {
    if constexpr (std::is_floating_point_v<T>)
        return static_cast<T>(value);
    else {
        const double low = static_cast<double>(std::numeric_limits<T>::lowest());
        const double high = static_cast<double>(std::numeric_limits<T>::max());
        const double rounded = std::nearbyint(static_cast<double>(value));
        if (rounded <= low) return std::numeric_limits<T>::lowest();
        if (rounded >= high) return std::numeric_limits<T>::max();
        return static_cast<T>(rounded);
    }
}

template <class T>
std::vector<std::byte> pack(std::span<const float> values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const T value = stored<T>(values[i]);
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    return bytes;
}

std::vector<std::byte> pack_as(Numeric type, std::span<const float> values) {
    switch (type) {
        case Numeric::i8:
            return pack<std::int8_t>(values);
        case Numeric::u8:
            return pack<std::uint8_t>(values);
        case Numeric::i16:
            return pack<std::int16_t>(values);
        case Numeric::u16:
            return pack<std::uint16_t>(values);
        case Numeric::i32:
            return pack<std::int32_t>(values);
        case Numeric::u32:
            return pack<std::uint32_t>(values);
        case Numeric::i64:
            return pack<std::int64_t>(values);
        case Numeric::u64:
            return pack<std::uint64_t>(values);
        case Numeric::f64:
            return pack<double>(values);
        case Numeric::f16:
        case Numeric::f32:
            break;
    }
    return pack<float>(values);
}

}  // namespace

void StoreSamples::describe(Schema& schema) {
    schema.summary("Write samples as a dataset, /samples with /ids and /labels.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("x", "f32[batch, ...]", "samples, become /samples")
        .in("labels", "i64[batch]", "labels, become /labels", Need::optional)
        .text<&StoreSamples::file_>("file", "", "HDF5 file of the dataset", Need::required)
        .choice<&StoreSamples::type_>(
            "sample_type", "auto", "auto|f32|f64|i8|u8|i16|u16|i32|u32|i64|u64",
            "stored type; auto: of the model's data with restore, else f32")
        .integer<&StoreSamples::level_>("level", 0, 0, 12, "deflate level; 0 stores uncompressed")
        .flag<&StoreSamples::restore_>("restore", false,
                                       "undo the model's scaling: back to the units of its data");
}

void StoreSamples::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("store.samples needs mode = \"stream\"");
    if (restore_ && bound_autoencoder(context.model()) == nullptr)
        context.fail("restore needs a model whose scaling is undone",
                     "bind one with model = \"NAME\", or leave restore out");
    has_labels_ = context.connected("labels");
    stored_ = type_named(type_).value_or(Numeric::f32);
    const std::int64_t features = context.shape("x").sample().elements();
    context.hold(static_cast<std::uint64_t>(rows_together(features) * features) * 12);
    if (restore_) scaling_ = bound_autoencoder(context.model())->scaling();
    if (scaling_ && type_ == "auto") stored_ = type_named(scaling_->source_type).value_or(stored_);
}

storage::DatasetLayout StoreSamples::layout(const RunContext& run) const {
    storage::DatasetLayout layout;
    layout.sample = run.shape("x").sample();
    layout.type = stored_;
    layout.rows = run.samples();
    layout.level = static_cast<int>(level_);
    layout.attributes = origin_of(run);
    return layout;
}

bool StoreSamples::restore(RunContext& run) {
    return restore_finished(file_, layout(run), run);
}

void StoreSamples::start(RunContext& run) {
    check_output(file_, run);
    if (scaling_)
        model::require_features(*scaling_,
                                static_cast<std::size_t>(run.shape("x").sample().elements()));
    writer_ = std::make_unique<storage::DatasetWriter>(file_, layout(run));
}

// Rows of a packet in the units and type of the file.
std::vector<std::byte> StoreSamples::packed(Context& context, std::int64_t first,
                                            std::int64_t count) const {
    const Tensor<const float> x = context.in("x");
    const auto features = static_cast<std::size_t>(x.row_size());
    std::vector<float> values(x.row(first),
                              x.row(first) + static_cast<std::size_t>(count) * features);
    if (scaling_) model::undo_scaling(*scaling_, features, values);
    const bool whole = stored_ != Numeric::f32 && stored_ != Numeric::f64;
    for (std::size_t i = 0; whole && i < values.size(); ++i)
        if (std::isnan(values[i]))
            context.fail(
                "sample " +
                    std::to_string(
                        context.sample_ids()[static_cast<std::size_t>(first) + i / features]) +
                    " is not a number, it cannot be stored as " + storage::to_string(stored_),
                "use type = \"f32\"");
    return pack_as(stored_, values);
}

void StoreSamples::process(Context& context) {
    const Tensor<const float> x = context.in("x");
    const std::int64_t rows = context.place().count, together = rows_together(x.row_size());
    for (std::int64_t first = 0; first < rows; first += together) {
        const std::int64_t count = std::min(together, rows - first);
        if (stored_ == Numeric::f32 && !scaling_)
            writer_->append(std::as_bytes(std::span(
                                x.row(first), static_cast<std::size_t>(count * x.row_size()))),
                            context.loop());
        else
            writer_->append(packed(context, first, count), context.loop());
    }
    writer_->append_ids(context.sample_ids());
    if (has_labels_) {
        const Tensor<const std::int64_t> labels = context.in<std::int64_t>("labels");
        writer_->append_labels({labels.data, static_cast<std::size_t>(context.place().count)});
    }
}

void StoreSamples::finish(RunContext&) {
    writer_->commit();
    writer_.reset();
}

void StoreSamples::abandon(RunContext&) noexcept {
    writer_.reset();
}

}  // namespace narrows::plugins
