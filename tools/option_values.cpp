#include "tools/option_values.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "pipeline/storage/array_file.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

std::string why_no_whole_number(const std::string& text, std::int64_t low, std::int64_t high) {
    using Limits = std::numeric_limits<std::int64_t>;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool fits = error == std::errc{} && value >= low && value <= high;
    const bool number = error != std::errc::invalid_argument && end == text.data() + text.size();
    if (number && fits) return {};
    const bool bounded = low > Limits::min() && high < Limits::max();
    if (bounded) return fmt::format("\"{}\" is not a whole number from {} to {}", text, low, high);
    if (!number) return fmt::format("\"{}\" is not a whole number", text);
    return error == std::errc{} ? fmt::format("\"{}\" is less than {}", text, low)
                                : fmt::format("\"{}\" is beyond all bounds", text);
}

std::int64_t threads_from_environment() {
    const char* text = std::getenv("NARROWS_THREADS");
    if (text == nullptr || *text == 0) return 0;
    std::int64_t threads = 0;
    const std::string_view view(text);
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), threads);
    if (error != std::errc{} || end != view.data() + view.size() || threads < 1)
        throw Error(Fault::usage,
                    fmt::format("NARROWS_THREADS is \"{}\", not a number of threads", view));
    return threads;
}

void check_source(const recipes::Source& source, bool stride) {
    if (stride && source.window == 0)
        throw Error(Fault::usage, "--stride without --window", "give the windows' length too");
    if (source.label_column.empty() && source.columns.empty()) return;
    const auto is_hdf5 = [](const std::string& text) {
        const std::string file = datasets::parse_data(text).file;
        std::error_code ignored;
        return std::filesystem::is_regular_file(file, ignored) && storage::is_hdf5(file);
    };
    if (!source.data.empty() && std::all_of(source.data.begin(), source.data.end(), is_hdf5))
        throw Error(Fault::usage,
                    fmt::format("{} is for text, but \"{}\" is HDF5",
                                source.columns.empty() ? "--label-column" : "--columns",
                                source.data.front()),
                    "leave it out; FILE:/dataset names what is read of HDF5");
}

std::vector<std::int64_t> parse_widths(const std::string& option, const std::string& text) {
    std::vector<std::int64_t> widths;
    if (text == "none" || text.empty()) return widths;
    std::size_t first = 0;
    while (first <= text.size()) {
        const std::size_t comma = std::min(text.find(',', first), text.size());
        std::int64_t width = 0;
        const auto [end, error] = std::from_chars(text.data() + first, text.data() + comma, width);
        if (error != std::errc{} || end != text.data() + comma || width < 1)
            throw Error(Fault::usage,
                        fmt::format("{} {}: \"{}\" is not a positive number", option, text,
                                    text.substr(first, comma - first)),
                        fmt::format("write it as {} 512,256", option));
        widths.push_back(width);
        first = comma + 1;
    }
    return widths;
}

}  // namespace narrows::tools
