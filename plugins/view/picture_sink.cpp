#include "plugins/view/picture_sink.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "pipeline/model/scaling.hpp"
#include "pipeline/pictures/png.hpp"
#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/atomic_file.hpp"

namespace narrows::plugins {
namespace {

using pictures::Colours, pictures::Range, pictures::Style;

constexpr double all_numbers = 1e30;

Colours colours_named(std::string_view name) {
    return name == "grey"        ? Colours::grey
           : name == "field"     ? Colours::field
           : name == "diverging" ? Colours::diverging
                                 : Colours::automatic;
}

// Bytes are shown as bytes, and data that lay in [0, 1] between those, whatever a model that may
// go beyond makes of it.
std::optional<Range> usual_range(const model::Scaling& scaling) {
    if (scaling.source_type == "u8") return Range{0, 255};
    if (scaling.low.empty() || scaling.high.empty()) return std::nullopt;
    for (const float low : scaling.low)
        if (low < 0) return std::nullopt;
    for (const float high : scaling.high)
        if (high > 1) return std::nullopt;
    return Range{0, 1};
}

}  // namespace

void PictureSink::describe_drawing(Schema& schema) {
    schema.text<&PictureSink::file_>("file", "", "PNG file of the picture", Need::required)
        .integer<&PictureSink::columns_>("columns", 0, 0, 1 << 15,
                                         "samples side by side; 0: about as wide as high")
        .integer<&PictureSink::scale_>(
            "scale", 0, 0, 256, "pixels for one value; 0: small pictures are enlarged", "pixels")
        .numbers<&PictureSink::sample_shape_>(
            "sample_shape", "draw samples as if of this shape: rows, columns[, 3]")
        .choice<&PictureSink::style_>("style", "auto", "auto|pictures|curves",
                                      "auto: vectors and narrow matrices as curves")
        .choice<&PictureSink::colours_>(
            "colours", "auto", "auto|grey|field|diverging",
            "auto: grey within [0, 1], else a field; diverging: white at zero")
        .numbers<&PictureSink::range_>("range",
                                       "values at both ends of the colours; left out: 0 and 1, or "
                                       "lowest and highest of the first input")
        .flag<&PictureSink::each_>("each", false, "every sample has a range of its own")
        .flag<&PictureSink::crop_>("crop", false, "cut the margin that is zero in all samples")
        .flag<&PictureSink::restore_>("restore", false,
                                      "undo the model's scaling: in the units of its data");
}

void PictureSink::open_drawing(OpenContext& context, const Shape& sample) {
    if (context.mode() != Mode::stream) context.fail("needs mode = \"stream\"");
    if (!pictures::names_png(file_))
        context.fail("\"" + file_ + "\" does not end in .png", "pictures are written as PNG");
    if (restore_ && autoencoder_of(context.model()) == nullptr)
        context.fail("restore needs a model whose scaling is undone",
                     "bind one with model = \"NAME\", or leave restore out");
    if (!range_.empty() && (range_.size() != 2 || !(range_[0] < range_[1]) ||
                            !(range_[0] > -all_numbers) || !(range_[1] < all_numbers)))
        context.fail("range needs two numbers, the lower one first");
    sample_ = sample;
    if (!sample_shape_.empty()) {
        Shape shape;
        for (const double extent : sample_shape_) {
            if (!(extent >= 1) || !(extent <= 1 << 24) ||
                extent != static_cast<double>(static_cast<std::int64_t>(extent)))
                context.fail(fmt::format("sample_shape: {} is no extent", extent));
            shape.push_back(static_cast<std::int64_t>(extent));
        }
        if (shape.elements() != sample.elements())
            context.fail(fmt::format("sample_shape {} has {} values, samples have {} ({})",
                                     to_string(shape), shape.elements(), sample.elements(),
                                     to_string(sample)));
        sample_ = shape;
    }
    const Style style = style_ == "curves"     ? Style::curves
                        : style_ == "pictures" ? Style::pictures
                                               : Style::automatic;
    pictures::layout_of(sample_, style);
}

bool PictureSink::restore(RunContext&) {
    storage::refuse_unknown_run(file_);
    return false;
}

void PictureSink::start(RunContext& run) {
    std::error_code ignored;
    if (run.no_clobber() && std::filesystem::exists(file_, ignored))
        throw Error(Fault::usage, "output \"" + file_ + "\" exists and is to be kept",
                    "choose another name, or leave --no-clobber out");
    const storage::AtomicFile probe(file_);
}

void PictureSink::write(RunContext& run, std::vector<float>& x, std::vector<float>& below) const {
    if (x.empty()) throw Error(Fault::input, "there are no samples to draw");
    pictures::GridOptions options;
    options.sample = sample_;
    options.style = style_ == "curves"     ? Style::curves
                    : style_ == "pictures" ? Style::pictures
                                           : Style::automatic;
    options.colours = colours_named(colours_);
    options.columns = columns_;
    options.scale = scale_;
    options.each = each_;
    options.crop = crop_;
    if (!range_.empty()) options.range = Range{range_[0], range_[1]};
    const model::Autoencoder* model = autoencoder_of(run.model());
    if (restore_ && model->scaling()) {
        const auto features = static_cast<std::size_t>(sample_.elements());
        model::undo_scaling(*model->scaling(), features, x);
        model::undo_scaling(*model->scaling(), features, below);
        options.expected = usual_range(*model->scaling());
    }
    const pictures::Drawn drawn = pictures::draw_grid(options, x, below);

    pictures::Texts texts{{"Software", "narrows"}};
    if (model != nullptr) texts.emplace_back("model_sha256", model->sha256());
    if (!run.pipeline_text().empty()) texts.emplace_back("pipeline", run.pipeline_text());
    pictures::write_png(file_, drawn.image, texts);

    run.result("pictures", static_cast<double>(x.size()) / static_cast<double>(sample_.elements()));
    run.result("colours", drawn.colours);
    if (each_) return;
    run.result("low", drawn.range.low);
    run.result("high", drawn.range.high);
}

}  // namespace narrows::plugins
