// The pictures of a report: reconstructions, units, new samples, ways between samples.
#include <algorithm>
#include <numeric>

#include "pipeline/pictures/grid.hpp"
#include "tools/report_reporter.hpp"

namespace narrows::tools {
namespace {

constexpr std::size_t shown_each = 8;  // best, typical and worst reconstructions
constexpr std::int64_t shown_units = 32, shown_samples = 32, path_steps = 8, paths = 4;

}  // namespace

void Reporter::reconstructions() {
    std::vector<std::size_t> order(scores_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores_[a] < scores_[b]; });
    const std::size_t count = std::min(shown_each, order.size());
    const std::size_t middle = (order.size() - count) / 2, last = order.size() - count;
    // Rows of what was read; with bad rows left out, ids still are row numbers.
    const auto take = [&](const char* title, const char* file, std::size_t first) {
        std::vector<std::int64_t> rows;
        for (std::size_t i = first; i < first + count; ++i) rows.push_back(row_of(order[i]));
        recipes::StreamOptions stream = this->stream(scratch_.file(std::string(file) + ".png"));
        stream.source = plain_source(part_of_data(std::string(file) + ".h5", rows));
        stream.picture = picture(static_cast<std::int64_t>(count), 4);
        const flow::Result drawn = run(recipes::reconstruct(stream));
        const auto [low, high] =
            std::minmax(scores_[order[first]], scores_[order[first + count - 1]]);
        std::string ids;
        for (const std::int64_t row : rows) ids += (ids.empty() ? "" : ", ") + std::to_string(row);
        return Picture{title,
                       fmt::format("{} Distance {:.4g} to {:.4g} in scaled units; rows {}.",
                                   drawn_as(drawn) == "curves"
                                       ? "Samples blue, reconstructions orange." + axes_of(drawn)
                                       : "Samples above, reconstructions below." + axes_of(drawn),
                                   low, high, ids),
                       picture_of(stream.output)};
    };
    std::vector<Picture>& list = measured_.page.reconstructions;
    part(list, "Best", [&] { return take("Best", "best", 0); });
    part(list, "Typical", [&] { return take("Typical", "typical", middle); });
    part(list, "Worst", [&] { return take("Worst", "worst", last); });
}

std::int64_t Reporter::row_of(std::size_t sample) const {
    // ids are those of the source's own file; places are those of the opened data.
    const bool dropped = static_cast<std::int64_t>(scores_.size()) != data_->rows();
    return dropped ? rows_[sample] : static_cast<std::int64_t>(sample);
}

// What the picture's axes and colours stand for, where a reader cannot know.
std::string Reporter::axes_of(const flow::Result& drawn) {
    const auto low = drawn.numbers.find("low"), high = drawn.numbers.find("high");
    if (low == drawn.numbers.end() || high == drawn.numbers.end()) return {};
    if (drawn_as(drawn) == "curves")
        return fmt::format(
            " Steps from left to right, values from {:.4g} at the bottom to {:.4g} at the top, "
            "in "
            "units of the data.",
            low->second, high->second);
    if (drawn_as(drawn) == "field")
        return fmt::format(" Colours from {:.4g} (dark) to {:.4g} (light), in units of the data.",
                           low->second, high->second);
    return {};
}

std::string Reporter::drawn_as(const flow::Result& drawn) {
    const auto colours = drawn.texts.find("colours");
    return colours == drawn.texts.end() ? std::string() : colours->second;
}

bool Reporter::drawn_as_curves() const {
    const Shape own = data_->sample();
    if (o_.picture.style == "pictures") return false;
    if (o_.picture.style == "curves") return true;
    if (o_.picture.sample_shape.empty()) return pictures::layout_of(own, {}).curves;
    Shape shape;
    for (const std::int64_t extent : o_.picture.sample_shape) shape.push_back(extent);
    return pictures::layout_of(shape, {}).curves;
}

recipes::PictureOptions Reporter::picture(std::int64_t count, std::int64_t columns) const {
    recipes::PictureOptions picture = o_.picture;
    picture.count = count;
    picture.columns = columns;
    return picture;
}

Picture Reporter::units() {
    recipes::UnitsOptions units;
    units.model = o_.evaluate.model;
    units.output = scratch_.file("units.png");
    units.seed = o_.evaluate.seed;
    units.layer = "code";
    const bool curves = drawn_as_curves();
    units.picture = picture(shown_units, curves ? 4 : 8);
    units.picture.scale = 0;
    const flow::Result drawn = run(recipes::units(units));
    const auto method = drawn.texts.find("method");
    const std::string how = method != drawn.texts.end() && method->second == "weights"
                                ? "its weights"
                                : "the change of the mean sample that raises it most";
    return {"Units of the code",
            fmt::format("What each of {} units responds to: {}. {} Each has a range of its own.",
                        drawn.numbers.at("pictures"), how,
                        curves ? "Above the thin line raises the unit, below lowers it."
                               : "Red raises the unit, blue lowers it."),
            picture_of(units.output)};
}

Picture Reporter::samples() {
    recipes::StreamOptions stream = this->stream(scratch_.file("samples.png"));
    stream.samples = shown_samples;
    stream.picture = picture(shown_samples, drawn_as_curves() ? 4 : 8);
    if (!o_.evaluate.gaussian) {  // no prior of its own: one is fitted to the codes
        stream.fit = subset();
        stream.components = 20;
    }
    const flow::Result drawn = run(recipes::sample(stream));
    const char* from =
        o_.evaluate.gaussian
            ? "Drawn from the prior and decoded."
            : "Drawn from a mixture of 20 normal distributions that was fitted to the codes.";
    return {"New samples", from + axes_of(drawn), picture_of(stream.output)};
}

Picture Reporter::ways() {
    const std::vector<std::int64_t> rows = spread(data_->rows(), 2 * paths);
    const std::string file = part_of_data("ends.h5", rows);
    const auto half = static_cast<std::int64_t>(rows.size()) / 2;
    if (half == 0) throw Error(Fault::input, "one sample has no way to another");
    recipes::StreamOptions stream = this->stream(scratch_.file("ways.png"));
    stream.from = fmt::format("{}@0:{}", file, half);
    stream.to = fmt::format("{}@{}:{}", file, half, 2 * half);
    stream.steps = path_steps;
    stream.picture = picture(half * path_steps, path_steps);
    const flow::Result drawn = run(recipes::interpolate(stream));
    return {"Ways between samples",
            "Each row goes in equal steps from one code to another." + axes_of(drawn),
            picture_of(stream.output)};
}

}  // namespace narrows::tools
