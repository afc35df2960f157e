// Labels alone, of files of their own or of the samples that they belong to.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "datasets/dataset.hpp"

namespace narrows::datasets {
namespace {

using storage::Numeric;

// Finite numbers, every one; names of classes otherwise.
std::optional<std::vector<double>> numbers(std::span<const std::string> names) {
    std::vector<double> out;
    for (const std::string& name : names) {
        double value = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
        if (error != std::errc{} || end != name.data() + name.size() || !std::isfinite(value))
            return std::nullopt;
        out.push_back(value);
    }
    return out;
}

template <class T>
std::vector<std::int64_t> whole(const Dataset& data) {
    const auto rows = static_cast<std::size_t>(data.rows());
    std::vector<std::byte> stored(rows * sizeof(T));
    data.read_stored(0, data.rows(), stored.data());
    std::vector<std::int64_t> out(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        T value{};
        std::memcpy(&value, stored.data() + i * sizeof(T), sizeof(T));
        out[i] = static_cast<std::int64_t>(value);
    }
    return out;
}

// One value a row. Wide integers are not read as floats: those hold 24 bits.
Labels column(const Dataset& data) {
    Labels out;
    switch (data.type()) {
        case Numeric::i32:
            out.values = whole<std::int32_t>(data);
            return out;
        case Numeric::u32:
            out.values = whole<std::uint32_t>(data);
            return out;
        case Numeric::i64:
            out.values = whole<std::int64_t>(data);
            return out;
        case Numeric::u64:
            out.values = whole<std::uint64_t>(data);
            return out;
        default:
            break;
    }
    std::vector<float> values(static_cast<std::size_t>(data.rows()));
    data.read(0, data.rows(), values.data());
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw Error(Fault::input, fmt::format("label {} of {} is NaN or Inf", i, data.name()),
                        "give each row a label");
    const bool classes = std::all_of(values.begin(), values.end(), [](float value) {
        return value == std::floor(value) && std::abs(value) < 0x1p53f;
    });
    if (classes)
        for (const float value : values) out.values.push_back(static_cast<std::int64_t>(value));
    else
        out.targets.assign(values.begin(), values.end());
    return out;
}

}  // namespace

// One number a row, or a file of samples that has labels beside them.
Labels open_labels(const DataSpec& spec) {
    DataSpec plain = spec;
    plain.window = 0;
    if (storage::is_hdf5(spec.file)) {
        bool beside = false, one_a_row = spec.dataset.empty();
        for (const storage::ArrayInfo& array : storage::look(spec.file).arrays) {
            if (array.path == "/labels") beside = true;
            if (array.path == spec.dataset)
                one_a_row = array.shape.rank() > 0 && array.shape.elements() == array.shape[0];
        }
        if (beside && (spec.dataset.empty() || !one_a_row)) plain.dataset = "/labels";
        if (beside && plain.dataset == "/labels") {
            const DataSpec samples[] = {spec};  // their names, where there are any
            if (!spec.dataset.empty() && spec.dataset != "/labels") {
                const auto data = open(samples);
                if (!data->label_names().empty()) return {data->labels(), data->label_names(), {}};
            }
        }
    }
    const DataSpec specs[] = {plain};
    const std::shared_ptr<const Dataset> data = open(specs);
    if (const std::vector<std::int64_t> own = data->labels(); !own.empty()) {
        const std::vector<std::string> names = data->label_names();
        const auto values = names.empty() ? std::nullopt : numbers(names);
        if (!values) return {own, names, {}};
        Labels out;  // text that holds numbers with fractions
        for (const std::int64_t label : own)
            out.targets.push_back((*values)[static_cast<std::size_t>(label)]);
        return out;
    }
    if (data->sample().elements() != 1)
        throw Error(Fault::input,
                    fmt::format("{} has {} values a row: labels are one a row", data->name(),
                                data->sample().elements()),
                    "name a dataset or a column of labels");
    return column(*data);
}

Labels open_labels(std::span<const std::string> texts, const std::string& format,
                   const std::string& label_column, const std::string& columns) {
    DataSpec beside;
    beside.format = format;
    beside.label_column = label_column;
    beside.columns = columns;
    return open_labels(parse_data(texts, beside));
}

Labels open_labels(std::span<const DataSpec> specs) {
    std::vector<Labels> parts;
    for (const DataSpec& spec : specs) parts.push_back(open_labels(spec));
    if (parts.size() == 1) return std::move(parts.front());
    Labels out;
    const auto with = [&](const auto& has) { return std::any_of(parts.begin(), parts.end(), has); };
    const bool names = with([](const Labels& part) { return !part.names.empty(); });
    const bool targets = with([](const Labels& part) { return !part.targets.empty(); });
    for (const Labels& part : parts) {
        if (names && part.names.empty() && part.size() > 0)
            throw Error(Fault::input, "some labels are names, others are numbers",
                        "give all of them in one form");
        out.names.insert(out.names.end(), part.names.begin(), part.names.end());
    }
    std::sort(out.names.begin(), out.names.end());
    out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
    for (const Labels& part : parts) {
        out.targets.insert(out.targets.end(), part.targets.begin(), part.targets.end());
        for (const std::int64_t value : part.values) {
            if (targets)
                out.targets.push_back(static_cast<double>(value));
            else if (names)
                out.values.push_back(std::lower_bound(out.names.begin(), out.names.end(),
                                                      part.names[static_cast<std::size_t>(value)]) -
                                     out.names.begin());
            else
                out.values.push_back(value);
        }
    }
    return out;
}

}  // namespace narrows::datasets
