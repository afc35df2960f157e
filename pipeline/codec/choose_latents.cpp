#include "pipeline/codec/choose_latents.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "pipeline/codec/stream.hpp"

namespace narrows::codec {

namespace {

constexpr double products_a_second = 1e9, most_steps = 4000, probe_steps = 200;
constexpr std::size_t fewest_values = 20'000, fewest_rows = 256, most_features = 4096;
constexpr double bytes_of_weight = 0.7;

double weights_of(const LatentSize& size) {
    const auto units = static_cast<double>(size.units);
    if (size.is_grid())
        return 9 * units * (static_cast<double>(size.codes + size.channels) + units);
    return units * (static_cast<double>(size.codes + size.channels) + units);
}

}  // namespace

std::vector<FittedModel> try_latents(const Shape& shape, const Plan& plan, double budget,
                                     double least, const std::function<Sample()>& draw,
                                     const std::function<double(const FittedModel&)>& measure,
                                     const Loop& loop) {
    const auto rows = static_cast<std::size_t>(shape[0]);
    const std::size_t features = static_cast<std::size_t>(shape.elements()) / rows;
    if (shape.rank() < 2 || plan.bound.kind == Bound::Kind::pointwise || rows < fewest_rows ||
        features < 8 || features > most_features || rows * features < fewest_values)
        return {};
    const FieldShape field = field_of(shape);
    const PlaneShape plane{shape.rank() == 2 ? 1 : field.lines, field.columns};
    std::vector<FittedModel> out;
    std::optional<Sample> sample;
    std::vector<LatentSize> kinds{{features, 1, 1, 0, 0}};
    const std::size_t channels = features / (plane.lines * plane.columns);
    if (plane.lines >= 8 && plane.columns >= 8 && channels <= 4)
        kinds.push_back({channels, plane.lines, plane.columns, 0, 0});
    for (LatentSize size : kinds) {
        size.units = 64;
        if (weights_of(size) * bytes_of_weight > least / 8) size.units = 32;
        if (weights_of(size) * bytes_of_weight > least / 2) continue;
        if (!sample) sample = draw();
        FittedModel best;
        double fewest = 0;
        LatentSize best_size = size;
        for (const std::size_t codes : size.is_grid() ? std::vector<std::size_t>{1, 2, 4, 8}
                                                      : std::vector<std::size_t>{4, 2, 8, 16}) {
            size.codes = codes;
            const double steps = budget * products_a_second / products_of_step(size) / 20;
            if (steps < probe_steps / 2 || codes * 2 > features) break;
            const std::uint8_t shift[] = {4};
            for (FittedModel& one :
                 fit_latents(*sample, size, plane,
                             static_cast<std::size_t>(std::min(steps, probe_steps)), shift, loop)) {
                const double bytes = measure(one);
                if (std::getenv("NETS_DEBUG"))
                    std::fprintf(stderr, "probe %s: %.0f (model %zu) best other %.0f\n",
                                 one.name.c_str(), bytes, one.bytes.size(), least);
                if (fewest == 0 || bytes < fewest) {
                    fewest = bytes;
                    best = std::move(one);
                    best_size = size;
                }
            }
        }
        if (fewest == 0) continue;
        if (fewest < 2 * least || std::getenv("NETS_FORCE")) {
            const double steps =
                std::min(most_steps, budget * products_a_second / products_of_step(best_size));
            const std::uint8_t shifts[] = {2, 4, 5, 6};
            std::vector<FittedModel> full = fit_latents(
                *sample, best_size, plane, static_cast<std::size_t>(steps), shifts, loop);
            std::vector<double> bytes;
            for (const FittedModel& one : full) {
                bytes.push_back(measure(one));
                if (std::getenv("NETS_DEBUG"))
                    std::fprintf(stderr, "full %s: %.0f (model %zu) best other %.0f, %.0f steps\n",
                                 one.name.c_str(), bytes.back(), one.bytes.size(), least, steps);
            }
            if (!full.empty())
                best = std::move(full[static_cast<std::size_t>(
                    std::min_element(bytes.begin(), bytes.end()) - bytes.begin())]);
        }
        best.name =
            (size.is_grid() ? "convolutional autoencoder: " : "dense autoencoder: ") + best.name;
        out.push_back(std::move(best));
    }
    return out;
}

}  // namespace narrows::codec
