#include "plugins/view/map.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "pipeline/analysis/neighbourhoods.hpp"
#include "pipeline/model/scaling.hpp"
#include "pipeline/pictures/png.hpp"
#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "plugins/view/map_page.hpp"
#include "plugins/view/picture_sink.hpp"

namespace narrows::plugins {
namespace {

constexpr std::size_t longest_attribute = 60000;  // HDF5 keeps one in at most 64 KiB

bool ends_in(std::string_view name, std::string_view ending) {
    return name.size() > ending.size() &&
           std::equal(ending.begin(), ending.end(),
                      name.end() - static_cast<std::ptrdiff_t>(ending.size()),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

}  // namespace

void ViewMap::describe(Schema& schema) {
    schema
        .summary(
            "Map samples or codes to the plane by t-SNE or PCA, as data, picture or page. Holds "
            "all "
            "of them in memory.")
        .threads(Threads::parallel)
        .binds_model(Need::optional)
        .in("z", "f32[batch, ...]", "what is mapped: codes, or samples")
        .in("x", "f32[batch, ...]", "samples that an HTML page shows (z)", Need::optional)
        .text<&ViewMap::file_>("file", "",
                               "FILE.h5 (narrows-map), .png, .svg or .html (shows samples)",
                               Need::required)
        .choice<&ViewMap::method_>("method", "tsne", "tsne|pca", "how")
        .number<&ViewMap::perplexity_>("perplexity", 30, 1, 10000,
                                       "t-SNE: about so many neighbours matter", "samples")
        .integer<&ViewMap::iterations_>("iterations", 1000, 1, 1e6, "t-SNE: steps of the descent")
        .number<&ViewMap::exaggeration_>("exaggeration", 12, 1, 1000,
                                         "t-SNE: of attraction in the first quarter, 250 at most")
        .number<&ViewMap::theta_>("theta", 0.5, 0, 0.9,
                                  "t-SNE: cells of this size a distance count as one point; 0, and "
                                  "up to 1000 samples: exact")
        .integer<&ViewMap::neighbours_>("neighbours", 12, 1, 10000,
                                        "that trustworthiness and continuity look at", "samples")
        .texts<&ViewMap::labels_file_>("labels_file",
                                       "DATA with one label a sample: classes, or numbers")
        .choice<&ViewMap::format_>("format", "", "|hdf5|idx|npy|csv|raw|ts|png",
                                   "of the labels; empty: by content")
        .text<&ViewMap::label_column_>("label_column", "", "CSV: name or place of the labels")
        .text<&ViewMap::columns_>("columns", "", "CSV: names and places that are read")
        .numbers<&ViewMap::sample_shape_>("sample_shape",
                                          "page: draw samples as if of this shape: rows, "
                                          "columns[, 3]");
}

void ViewMap::take_labels() {
    if (labels_file_.empty()) return;
    labels_ = datasets::open_labels(labels_file_, format_, label_column_, columns_);
    if (labels_.size() != samples_)
        throw Error(Fault::input,
                    fmt::format("there are {} labels for {} samples", labels_.size(), samples_),
                    "give one label a sample");
}

void ViewMap::take_sample_shape(OpenContext& context) {
    shown_ = context.shape(own_samples_ ? "x" : "z").sample();
    if (sample_shape_.empty()) return;
    Shape shape;
    for (const double extent : sample_shape_) {
        if (!(extent >= 1) || !(extent <= 1 << 24) || extent != std::floor(extent))
            context.fail(fmt::format("sample_shape: {} is no extent", extent));
        shape.push_back(static_cast<std::int64_t>(extent));
    }
    if (shape.elements() != shown_.elements())
        context.fail(fmt::format("sample_shape {} has {} values, samples have {} ({})",
                                 to_string(shape), shape.elements(), shown_.elements(),
                                 to_string(shown_)));
    shown_ = shape;
}

analysis::TsneSettings ViewMap::settings() const {
    analysis::TsneSettings s;
    s.perplexity = perplexity_;
    s.iterations = static_cast<std::size_t>(iterations_);
    s.exaggerated = std::min<std::size_t>(250, s.iterations / 4);
    s.exaggeration = exaggeration_;
    s.theta = theta_;
    return s;
}

void ViewMap::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("view.map needs mode = \"stream\"");
    if (ends_in(file_, ".h5") || ends_in(file_, ".hdf5"))
        kind_ = Kind::hdf5;
    else if (pictures::names_png(file_))
        kind_ = Kind::png;
    else if (ends_in(file_, ".svg"))
        kind_ = Kind::svg;
    else if (ends_in(file_, ".html"))
        kind_ = Kind::html;
    else
        context.fail(fmt::format("\"{}\" does not end in .h5, .png, .svg or .html", file_),
                     "the ending says what is written");
    samples_ = static_cast<std::size_t>(context.samples());
    size_ = static_cast<std::size_t>(context.shape("z").sample().elements());
    own_samples_ = kind_ == Kind::html && context.connected("x");
    take_sample_shape(context);
    shown_size_ = own_samples_ ? static_cast<std::size_t>(shown_.elements()) : 0;
    if (samples_ < 5)
        throw Error(Fault::input, fmt::format("{} samples are too few for a map", samples_),
                    "give five or more");
    if (samples_ > std::numeric_limits<std::uint32_t>::max() / 2)
        throw Error(Fault::input, fmt::format("{} samples are too many for a map", samples_),
                    "map a part: DATA@0:100000");
    take_labels();
    const std::uint64_t held = samples_ * (4 * (size_ + shown_size_) + 80);
    const std::uint64_t quality =
        samples_ * (4 * size_ + 600) + 4 * (2048 * size_ + 64 * 2048 * 64);
    context.hold(held + std::max(quality, method_ == "tsne"
                                              ? analysis::tsne_bytes(samples_, size_, settings())
                                              : std::uint64_t{0}));
}

bool ViewMap::restore(RunContext& run) {
    if (kind_ != Kind::hdf5) {
        storage::refuse_unknown_run(file_);
        return false;
    }
    if (!storage::finished_before(file_, layout(run))) return false;
    run.progress().samples_seen = samples_;
    run.progress().complete = true;
    return true;
}

void ViewMap::start(RunContext& run) {
    std::error_code ignored;
    if (run.no_clobber() && std::filesystem::exists(file_, ignored))
        throw Error(Fault::usage, "output \"" + file_ + "\" exists and is to be kept",
                    "choose another name, or leave --no-clobber out");
    const storage::AtomicFile probe(file_);
    values_.resize(samples_ * size_);
    samples_shown_.resize(samples_ * shown_size_);
    ids_.resize(samples_);
}

void ViewMap::process(Context& context) {
    // Packets write places of their own: no two of them meet.
    const auto first = static_cast<std::size_t>(context.place().first);
    const auto count = static_cast<std::size_t>(context.place().count);
    const Tensor<const float> z = context.in("z");
    std::copy_n(z.data, count * size_, values_.data() + first * size_);
    if (own_samples_)
        std::copy_n(context.in("x").data, count * shown_size_,
                    samples_shown_.data() + first * shown_size_);
    std::copy_n(context.sample_ids().data(), count, ids_.data() + first);
}

ViewMap::Drawn ViewMap::make_map(RunContext& run) {
    const analysis::Matrix values{values_.data(), samples_, size_};
    Drawn out;
    const auto bad = std::find_if(values_.begin(), values_.end(),
                                  [](float value) { return !std::isfinite(value); });
    if (bad != values_.end())
        throw Error(Fault::input,
                    fmt::format("sample {} holds NaN or Inf: it has no place on a map",
                                static_cast<std::size_t>(bad - values_.begin()) / size_),
                    "--on-bad-row skip leaves such rows out");
    std::string how = "PCA";
    if (method_ == "pca") {
        out.map = analysis::pca_map(values, run.loop());
    } else {
        const analysis::Embedding found = analysis::tsne(values, settings(), run.loop());
        out.map = found.map;
        how = fmt::format("t-SNE ({}perplexity {:.4g})", found.exact ? "exact, " : "",
                          found.perplexity);
        if (found.perplexity < perplexity_)
            run.warn(fmt::format("perplexity {} is for more than {} samples: {:.4g} was used",
                                 perplexity_, samples_, found.perplexity));
        run.result("kl_divergence", found.divergence);
        run.result("perplexity", found.perplexity);
    }
    const analysis::Preservation kept = analysis::preservation(
        values, {out.map.data(), samples_, 2}, static_cast<std::size_t>(neighbours_), run.loop());
    run.result("trustworthiness", kept.trustworthiness);
    run.result("continuity", kept.continuity);
    run.result("method", method_);
    run.result("neighbours", static_cast<double>(kept.neighbours));
    out.caption.push_back(fmt::format("{} of {} samples with {} values", how, samples_, size_));
    out.caption.push_back(
        fmt::format("trustworthiness {:.4f}, continuity {:.4f} (0 to 1, {} neighbours)",
                    kept.trustworthiness, kept.continuity, kept.neighbours));
    return out;
}

pictures::Colouring ViewMap::colouring() const {
    if (!labels_.targets.empty()) return pictures::colour_values(labels_.targets);
    if (!labels_.values.empty()) return pictures::colour_classes(labels_.values, labels_.names);
    return pictures::one_colour(samples_);
}

std::vector<std::string> ViewMap::label_texts() const {
    std::vector<std::string> out;
    for (const double target : labels_.targets) out.push_back(fmt::format("{:.6g}", target));
    for (const std::int64_t label : labels_.values) {
        const bool named = label >= 0 && label < static_cast<std::int64_t>(labels_.names.size());
        out.push_back(named ? labels_.names[static_cast<std::size_t>(label)]
                            : std::to_string(label));
    }
    return out;
}

storage::CodesLayout ViewMap::layout(const RunContext& run) const {
    storage::CodesLayout layout;
    layout.rows = static_cast<std::int64_t>(samples_);
    layout.format = "narrows-map";
    layout.columns = {{"/map", Type::f32, {2}}, {"/ids", Type::i64, {}}};
    if (!labels_.targets.empty()) layout.columns.push_back({"/labels", Type::f64, {}});
    if (!labels_.values.empty()) layout.columns.push_back({"/labels", Type::i64, {}});
    layout.attributes.emplace_back("method", method_);
    if (const auto* model = autoencoder_of(run.model()))
        layout.attributes.emplace_back("model_sha256", model->sha256());
    std::string names;
    for (const std::string& name : labels_.names) names += (names.empty() ? "" : "\n") + name;
    if (!names.empty() && names.size() < longest_attribute)
        layout.attributes.emplace_back("label_names", names);
    if (!run.pipeline_text().empty() && run.pipeline_text().size() < longest_attribute)
        layout.attributes.emplace_back("pipeline", std::string(run.pipeline_text()));
    return layout;
}

void ViewMap::write_data(RunContext& run, const Drawn& drawn) const {
    storage::CodesWriter writer(file_, layout(run), false);
    const auto n = static_cast<std::int64_t>(samples_);
    writer.write(0, 0, n, drawn.map.data());
    writer.write(1, 0, n, ids_.data());
    if (!labels_.targets.empty()) writer.write(2, 0, n, labels_.targets.data());
    if (!labels_.values.empty()) writer.write(2, 0, n, labels_.values.data());
    writer.rows_written(n);
    writer.commit();
}

void ViewMap::write_page(RunContext& run, pictures::Scatter scatter) {
    MapPage page;
    page.title = method_ == "pca" ? "Map by PCA" : "Map by t-SNE";
    page.scatter = std::move(scatter);
    page.labels = label_texts();
    page.ids = ids_;
    page.pipeline = run.pipeline_text();
    std::vector<float>& shown = own_samples_ ? samples_shown_ : values_;
    const model::Autoencoder* model = autoencoder_of(run.model());
    bool bytes = false;
    if (own_samples_ && model != nullptr && model->scaling()) {
        model::undo_scaling(*model->scaling(), shown_size_, shown);
        bytes = model->scaling()->source_type == "u8";
    }
    page.sprites = draw_sprites(shown_, shown, bytes);
    storage::write_text_atomically(file_, map_page(page));
}

void ViewMap::finish(RunContext& run) {
    const Drawn drawn = make_map(run);
    if (kind_ == Kind::hdf5) return write_data(run, drawn);
    pictures::Scatter scatter{drawn.map, colouring(), drawn.caption};
    if (kind_ == Kind::svg)
        return storage::write_text_atomically(file_, pictures::scatter_svg(scatter));
    if (kind_ == Kind::html) return write_page(run, std::move(scatter));
    pictures::Texts texts{{"Software", "narrows"}};
    if (const auto* model = autoencoder_of(run.model()))
        texts.emplace_back("model_sha256", model->sha256());
    if (!run.pipeline_text().empty())
        texts.emplace_back("pipeline", std::string(run.pipeline_text()));
    pictures::write_png(file_, pictures::draw_scatter(scatter), texts);
}

}  // namespace narrows::plugins
