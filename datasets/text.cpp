// Delimited text and UCR / UEA .ts files: numbers in rows, a label beside them. One pass; errors
// name line and column.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "datasets/formats.hpp"
#include "datasets/lines.hpp"

namespace narrows::datasets {
namespace {

std::string_view unquoted(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
    return text;
}

bool to_number(std::string_view text, float& out) {
    text = unquoted(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        if (!text.empty() && text != "NA" && text != "?" && text != "null") return false;
        value = std::numeric_limits<double>::quiet_NaN();  // missing
    }
    out = static_cast<float>(value);
    return true;
}

std::string folded(std::string_view text) {
    std::string out(unquoted(text));
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

// One or more blanks are one delimiter; every other delimiter counts each time. Quotes protect.
std::vector<std::string_view> split(std::string_view line, char delimiter) {
    std::vector<std::string_view> out;
    if (delimiter == ' ') {
        for (std::size_t at = 0; at < line.size();) {
            const std::size_t from = line.find_first_not_of(" \t", at);
            if (from == std::string_view::npos) break;
            at = std::min(line.find_first_of(" \t", from), line.size());
            out.push_back(line.substr(from, at - from));
        }
        return out;
    }
    bool quoted = false;
    std::size_t from = 0;
    for (std::size_t at = 0; at <= line.size(); ++at) {
        if (at < line.size() && line[at] == '"') quoted = !quoted;
        if (at == line.size() || (line[at] == delimiter && !quoted)) {
            out.push_back(line.substr(from, at - from));
            from = at + 1;
        }
    }
    return out;
}

char delimiter_of(std::string_view line) {
    for (const char candidate : {',', ';', '\t'})
        if (line.find(candidate) != std::string_view::npos) return candidate;
    return ' ';
}

// "a,b,3-7": names and ranges of places.
std::vector<std::size_t> chosen_columns(const DataSpec& spec, const std::vector<std::string>& names,
                                        std::size_t count) {
    std::vector<std::size_t> out;
    for (const std::string_view part : split(spec.columns, ',')) {
        const std::string_view text = unquoted(part);
        const auto named = std::find(names.begin(), names.end(), text);
        if (named != names.end()) {
            out.push_back(static_cast<std::size_t>(named - names.begin()));
            continue;
        }
        const std::size_t dash = text.find('-');
        std::size_t first = 0, last = 0;
        const auto read = [](std::string_view digits, std::size_t& value) {
            const auto [end, error] =
                std::from_chars(digits.data(), digits.data() + digits.size(), value);
            return error == std::errc{} && end == digits.data() + digits.size();
        };
        bool good = read(text.substr(0, dash), first);
        last = first;
        if (dash != std::string_view::npos) good = good && read(text.substr(dash + 1), last);
        if (!good || first > last || last >= count)
            throw Error(
                Fault::usage, fmt::format("\"{}\" has no column \"{}\"", spec.file, text),
                fmt::format("it has columns 0 to {}{}", count - 1,
                            names.empty() ? "" : fmt::format(": {}", fmt::join(names, ", "))));
        for (std::size_t i = first; i <= last; ++i) out.push_back(i);
    }
    return out;
}

std::optional<std::size_t> label_place(const DataSpec& spec, const std::vector<std::string>& names,
                                       std::size_t count) {
    if (spec.label_column == "none") return std::nullopt;
    if (spec.label_column.empty()) {
        for (std::size_t i = 0; i < names.size(); ++i)
            for (const char* known : {"label", "class", "target", "y", "anomaly"})
                if (folded(names[i]) == known) return i;
        return std::nullopt;
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == spec.label_column) return i;
    std::int64_t place = 0;
    const std::string& text = spec.label_column;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place);
    if (error == std::errc{} && end == text.data() + text.size()) {
        if (place < 0) place += static_cast<std::int64_t>(count);
        if (place >= 0 && place < static_cast<std::int64_t>(count))
            return static_cast<std::size_t>(place);
    }
    throw Error(Fault::usage,
                fmt::format("\"{}\" has no column \"{}\" for labels", spec.file, text),
                names.empty() ? fmt::format("it has columns 0 to {}", count - 1)
                              : fmt::format("it has {}", fmt::join(names, ", ")));
}

// Rows of floats with their labels, as one dataset.
class Collector {
public:
    Collector(const DataSpec& spec, std::uint64_t budget) : spec_(spec), spool_(budget) {}
    void add(std::span<const float> row) {
        spool_.add(row.data(), row.size_bytes());
        ++rows_;
    }
    void label(std::string_view text) { labels_.texts.emplace_back(text); }
    std::shared_ptr<const Dataset> finish(const Shape& sample) {
        if (rows_ == 0) throw Error(Fault::input, fmt::format("\"{}\" has no rows", spec_.file));
        Companions companions;
        if (!labels_.texts.empty()) {
            Labels labels = labels_.finish();
            companions.labels = std::move(labels.values);
            companions.label_names = std::move(labels.names);
        }
        RowLayout layout{short_name(spec_.file), 0, rows_, sample, storage::Numeric::f32, false};
        return make_rows(spool_.finish(), std::move(layout), std::move(companions));
    }

private:
    const DataSpec& spec_;
    Spool spool_;
    LabelReader labels_;
    std::int64_t rows_ = 0;
};

}  // namespace

std::shared_ptr<const Dataset> open_csv(const DataSpec& spec, std::uint64_t budget) {
    Lines lines(spec.file, budget);
    std::string line;
    do {
        if (!lines.next(line))
            throw Error(Fault::input, fmt::format("\"{}\" has no rows", spec.file));
        if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    } while (unquoted(line).empty() || line[0] == '#');
    const char delimiter = delimiter_of(line);
    std::vector<std::string_view> cells = split(line, delimiter);
    const std::size_t count = cells.size();
    // A header: no cell but perhaps empty ones is a number.
    std::vector<std::string> names;
    float number = 0;
    const bool header = std::none_of(cells.begin(), cells.end(), [&](std::string_view cell) {
        return !unquoted(cell).empty() && to_number(cell, number) && !std::isnan(number);
    });
    if (header)
        for (const std::string_view cell : cells) names.emplace_back(unquoted(cell));
    const std::optional<std::size_t> label = label_place(spec, names, count);
    std::vector<std::size_t> columns;
    if (!spec.columns.empty())
        columns = chosen_columns(spec, names, count);
    else
        for (std::size_t i = 0; i < count; ++i)
            if (!label || i != *label) columns.push_back(i);
    Collector collector(spec, budget);
    // Nothing but labels: rows of one missing value, which no run takes as samples.
    std::vector<float> row(std::max<std::size_t>(columns.size(), 1),
                           std::numeric_limits<float>::quiet_NaN());
    bool first = !header;
    bool guessed = spec.columns.empty();
    while (first || lines.next(line)) {
        first = false;
        if (unquoted(line).empty()) continue;
        cells = split(line, delimiter);
        if (cells.size() != count)
            throw Error(Fault::input,
                        fmt::format("{}:{}: {} values, the rows before have {}", spec.file,
                                    lines.number(), cells.size(), count),
                        "every row needs as many values");
        // Columns that hold text in the first row (times, names) are left out unless asked for.
        if (guessed) {
            std::erase_if(columns,
                          [&](std::size_t column) { return !to_number(cells[column], number); });
            row.assign(std::max<std::size_t>(columns.size(), 1),
                       std::numeric_limits<float>::quiet_NaN());
            guessed = false;
            if (columns.empty() && !label)
                throw Error(Fault::input, fmt::format("{}:{}: no column holds numbers", spec.file,
                                                      lines.number()));
        }
        for (std::size_t i = 0; i < columns.size(); ++i)
            if (!to_number(cells[columns[i]], row[i]))
                throw Error(Fault::input,
                            fmt::format("{}:{}:{}: \"{}\" is not a number", spec.file,
                                        lines.number(), cells[columns[i]].data() - line.data() + 1,
                                        unquoted(cells[columns[i]])),
                            names.empty() ? ""
                                          : fmt::format("column {}; --columns chooses others",
                                                        names[columns[i]]));
        collector.add(row);
        if (label) collector.label(unquoted(cells[*label]));
    }
    return collector.finish(
        Shape{std::max<std::int64_t>(1, static_cast<std::int64_t>(columns.size()))});
}

// Lines of "@key value", then a series a line: values joined by commas, channels by colons, the
// class behind the last colon.
std::shared_ptr<const Dataset> open_ts(const DataSpec& spec, std::uint64_t budget) {
    Lines lines(spec.file, budget);
    std::string line;
    bool data = false, classes = false;
    Collector collector(spec, budget);
    std::size_t channels = 0, length = 0;
    std::vector<float> row;
    while (lines.next(line)) {
        const std::string_view text = unquoted(line);
        if (text.empty() || text[0] == '#') continue;
        if (!data) {
            if (text[0] != '@')
                throw Error(Fault::input, fmt::format("{}:{}: expected a line that begins with @",
                                                      spec.file, lines.number()));
            const std::string key = folded(text);
            if (key.starts_with("@classlabel")) classes = key.find("true") != std::string::npos;
            if (key.starts_with("@data")) data = true;
            continue;
        }
        std::vector<std::string_view> parts = split(text, ':');
        if (classes) {
            collector.label(unquoted(parts.back()));
            parts.pop_back();
        }
        std::vector<std::vector<float>> series;
        for (const std::string_view part : parts) {
            std::vector<float>& own = series.emplace_back();
            for (const std::string_view cell : split(part, ',')) {
                own.push_back(0);
                if (!to_number(cell, own.back()))
                    throw Error(
                        Fault::input,
                        fmt::format("{}:{}:{}: \"{}\" is not a number", spec.file, lines.number(),
                                    cell.data() - line.data() + 1, unquoted(cell)));
            }
        }
        if (channels == 0) {
            channels = series.size();
            length = series.empty() ? 0 : series[0].size();
        }
        const bool same = series.size() == channels &&
                          std::all_of(series.begin(), series.end(),
                                      [&](const auto& own) { return own.size() == length; });
        if (!same || length == 0)
            throw Error(Fault::input,
                        fmt::format("{}:{}: the series before have {} channels of {} values",
                                    spec.file, lines.number(), channels, length),
                        "series of several lengths are not supported");
        row.resize(channels * length);
        for (std::size_t t = 0; t < length; ++t)  // time first, channels last
            for (std::size_t c = 0; c < channels; ++c) row[t * channels + c] = series[c][t];
        collector.add(row);
    }
    Shape sample{static_cast<std::int64_t>(length)};
    if (channels > 1) sample.push_back(static_cast<std::int64_t>(channels));
    return collector.finish(sample);
}

}  // namespace narrows::datasets
