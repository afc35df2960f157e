#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "datasets/formats.hpp"

namespace narrows::datasets {
namespace {

std::string known_formats() {
    std::string names = "hdf5, idx, npy, csv, raw, ts, png, pgn, epd, fen";
    for (const NamedFormat& other : other_formats()) names += ", " + other.name;
    return names;
}

// The first of the plugins' formats that says yes; empty: none.
std::string recognise_other(const DataSpec& spec, std::string_view head) {
    for (const NamedFormat& other : other_formats())
        if (other.format->recognises(spec.file, head)) return other.name;
    return {};
}

// By content; the name only where content says nothing.
std::string recognise(const DataSpec& spec) {
    if (std::filesystem::is_directory(spec.file)) {
        const std::string other = recognise_other(spec, {});
        return other.empty() ? "png" : other;
    }
    if (storage::is_hdf5(spec.file)) return "hdf5";
    const std::string head = first_bytes(spec.file, 4096);
    if (head.starts_with("\x93NUMPY")) return "npy";
    if (head.size() >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0e &&
        head[3] > 0)
        return "idx";
    if (!spec.shape.empty() || !spec.type.empty()) return "raw";
    if (std::string other = recognise_other(spec, head); !other.empty()) return other;
    const bool text = !head.empty() && std::all_of(head.begin(), head.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    });
    const std::string extension = std::filesystem::path(spec.file).extension();
    for (const char* hdf5 : {".h5", ".hdf5", ".he5", ".nc"})
        if (extension == hdf5 && !head.empty()) storage::refuse_as_hdf5(spec.file);
    if (head.starts_with("CDF") && !text) storage::refuse_as_hdf5(spec.file);
    if (text) {
        if (looks_like_pgn(head)) return "pgn";
        if (looks_like_epd(head)) return "epd";
        for (std::size_t at = 0; at < head.size();) {
            const std::size_t end = std::min(head.find('\n', at), head.size());
            if (head[at] == '@') return "ts";
            if (head[at] != '#' && end > at + 1) break;
            at = end + 1;
        }
        return "csv";
    }
    if (head.empty()) throw Error(Fault::input, fmt::format("\"{}\" is empty", spec.file));
    throw Error(Fault::input, fmt::format("\"{}\" is of no format that narrows knows", spec.file),
                "raw numbers need --shape and --type; known formats: " + known_formats());
}

std::shared_ptr<const Dataset> open_other(const DataSpec& spec, const std::string& name,
                                          std::uint64_t budget) {
    for (const NamedFormat& other : other_formats())
        if (other.name == name) return other.format->open(spec, budget);
    throw Error(Fault::usage, fmt::format("format \"{}\" is not known", name),
                "known formats: " + known_formats());
}

// Files are read more than once, and from anywhere.
void refuse_pipe(const std::string& file) {
    std::error_code ignored;
    const auto status = std::filesystem::status(file, ignored);
    const bool pipe =
        file == "-" || std::filesystem::is_fifo(status) || std::filesystem::is_socket(status);
    if (!pipe && !std::filesystem::is_character_file(status)) return;
    throw Error(Fault::usage,
                fmt::format("\"{}\" is {}: narrows reads files", file,
                            pipe ? "a pipe, not a file" : "a device, not a file"),
                "write the data to a file first; gzipped text is read as it is");
}

std::shared_ptr<const Dataset> open_one(const DataSpec& spec, std::uint64_t budget, bool once) {
    std::error_code ignored;
    refuse_pipe(spec.file);
    if (!std::filesystem::exists(spec.file, ignored))
        throw Error(Fault::input, fmt::format("there is no file \"{}\"", spec.file),
                    "check the name and the folder");
    const std::string format = spec.format.empty() ? recognise(spec) : spec.format;
    std::shared_ptr<const Dataset> data;
    if (format == "hdf5")
        data = open_hdf5(spec, budget, once);
    else if (format == "idx")
        data = open_idx(spec, budget, once);
    else if (format == "npy")
        data = open_npy(spec, budget, once);
    else if (format == "csv")
        data = open_csv(spec, budget);
    else if (format == "raw")
        data = open_raw(spec, budget, once);
    else if (format == "ts")
        data = open_ts(spec, budget);
    else if (format == "png")
        data = open_png_folder(spec, budget);
    else if (format == "pgn")
        data = open_pgn(spec, budget);
    else if (format == "epd" || format == "fen")
        data = open_epd(spec, budget);
    else
        data = open_other(spec, format, budget);
    if (data->sample().elements() == 0)  // nothing to train on, and a division by it elsewhere
        throw Error(Fault::input,
                    fmt::format("{}: its samples are of shape {}: they hold no values",
                                data->name(), to_string(data->sample())),
                    "narrows info lists the datasets that are there");
    if (spec.window > 0) data = make_windows(data, spec.window, spec.stride);
    if (spec.first || spec.last)
        data = make_range(data, spec.first.value_or(0), spec.last.value_or(data->rows()));
    return data;
}

}  // namespace

std::string short_name(const std::string& file) {
    return std::filesystem::path(file).filename().string();
}

std::shared_ptr<const Dataset> open(std::span<const DataSpec> specs, std::uint64_t memory_budget,
                                    bool once) {
    if (specs.empty()) throw Error(Fault::usage, "no data was named");
    std::vector<std::shared_ptr<const Dataset>> parts;
    for (const DataSpec& spec : specs)
        parts.push_back(open_one(spec, memory_budget / specs.size(), once));
    return make_joined(std::move(parts));
}

Labels LabelReader::finish() const {
    Labels out;
    bool whole = true;
    for (const std::string& text : texts) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size() ||
            !(std::abs(number) < 0x1p63) ||
            number != static_cast<double>(static_cast<std::int64_t>(number))) {
            whole = false;
            break;
        }
        out.values.push_back(static_cast<std::int64_t>(number));
    }
    if (whole) return out;
    // Numbered in the order of their names, so that the order of rows does not matter.
    out.names = texts;
    std::sort(out.names.begin(), out.names.end());
    out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
    out.values.clear();
    for (const std::string& text : texts)
        out.values.push_back(std::lower_bound(out.names.begin(), out.names.end(), text) -
                             out.names.begin());
    return out;
}

}  // namespace narrows::datasets
