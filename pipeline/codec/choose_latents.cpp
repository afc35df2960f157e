#include <algorithm>

#include "pipeline/codec/choose_nets.hpp"
#include "pipeline/codec/stream.hpp"

namespace narrows::codec {

namespace {

// Of weights and values, a second on two ordinary cores.
constexpr double products_a_second = 4e9, usual_budget = 60;
constexpr double most_steps = 4000, most_grid_steps = 2500;
// A short training costs about a third of what looking at the other ways costs.
constexpr double probe_steps = 200, fewest_steps = 60, products_of_value = 2000;
constexpr double patches_cost = 3;  // of a product of patches beside one of rows
constexpr std::size_t fewest_values = 20'000, fewest_rows = 256, most_features = 4096;
// Where values take more bits than that, most of them are noise, which codes cannot say.
constexpr double most_bits = 4;
constexpr double bytes_of_weight = 0.7;
constexpr std::uint8_t probe_shift[] = {4}, shifts[] = {1, 2, 3, 4, 5, 6};
// The first one says whether others are worth looking at.
constexpr std::size_t codes_of_row[] = {4, 2, 8, 16}, codes_of_place[] = {4, 2, 8};

double bytes_of_weights(const LatentSize& size) {
    const auto units = static_cast<double>(size.units);
    return bytes_of_weight * (size.is_grid() ? 9 : 1) * units *
           (static_cast<double>(size.channels) + units);
}

struct Scored {
    FittedModel model;
    LatentSize size;
    double bytes = 0;
};

class Attempt {
public:
    Attempt(const Sample& sample, const PlaneShape& plane, double budget, double least,
            const std::function<double(const FittedModel&)>& measure, const Loop& loop)
        : sample_(sample),
          plane_(plane),
          budget_(budget),
          least_(least),
          measure_(measure),
          loop_(loop) {}

    // Short trainings of several counts of codes; the best of them in full where it is near enough.
    std::optional<FittedModel> run(LatentSize size, double values) const {
        std::optional<Scored> best;
        // How much larger a short training may leave things than the best other way does.
        const double patience = 1 + std::max(0.0, budget_ - usual_budget) / 400;
        const std::span<const std::size_t> counts =
            size.is_grid() ? std::span<const std::size_t>(codes_of_place) : codes_of_row;
        for (const std::size_t codes : counts) {
            size.codes = codes;
            const double steps = std::min(
                probe_steps, budget_ / usual_budget * values * products_of_value /
                                 (products_of_step(size) * (size.is_grid() ? patches_cost : 1)));
            if (steps < fewest_steps || codes * 2 > sample_.columns) continue;
            std::optional<Scored> one = best_of(size, steps, probe_shift);
            if (!one) break;
            const bool far = !best && one->bytes > least_ * (patience + 0.05);
            if (!best || one->bytes < best->bytes) best = std::move(one);
            if (far) break;
        }
        if (!best) return std::nullopt;
        if (best->bytes < least_ * patience) {
            const double steps = std::min(size.is_grid() ? most_grid_steps : most_steps,
                                          budget_ * products_a_second / products_of_step(size));
            std::optional<Scored> full = best_of(best->size, steps, shifts);
            if (full && full->bytes < best->bytes) best = std::move(full);
        }
        return std::move(best->model);
    }

private:
    std::optional<Scored> best_of(const LatentSize& size, double steps,
                                  std::span<const std::uint8_t> weight_shifts) const {
        std::optional<Scored> best;
        for (FittedModel& one : fit_latents(sample_, size, plane_, static_cast<std::size_t>(steps),
                                            weight_shifts, loop_)) {
            const double bytes = measure_(one);
            if (!best || bytes < best->bytes) best = Scored{std::move(one), size, bytes};
        }
        return best;
    }

    const Sample& sample_;
    const PlaneShape& plane_;
    double budget_, least_;
    const std::function<double(const FittedModel&)>& measure_;
    const Loop& loop_;
};

}  // namespace

std::vector<FittedModel> try_latents(const Shape& shape, const Plan& plan, double budget,
                                     double least, const std::function<Sample()>& draw,
                                     const std::function<double(const FittedModel&)>& measure,
                                     const Loop& loop) {
    const auto rows = static_cast<std::size_t>(shape[0]);
    const std::size_t features = static_cast<std::size_t>(shape.elements()) / rows;
    if (shape.rank() < 2 || plan.bound.kind == Bound::Kind::pointwise || rows < fewest_rows ||
        features < 8 || features > most_features || rows * features < fewest_values ||
        (budget <= usual_budget && 8 * least > most_bits * static_cast<double>(rows * features)))
        return {};
    const FieldShape field = field_of(shape);
    const PlaneShape plane{shape.rank() == 2 ? 1 : field.lines, field.columns};
    std::vector<LatentSize> kinds{{features, 1, 1, 0, 64}};
    const std::size_t channels = features / (plane.lines * plane.columns);
    if (plane.lines >= 8 && plane.columns >= 8 && channels <= 4)
        kinds.push_back({channels, plane.lines, plane.columns, 0, 32});
    std::vector<FittedModel> fitted;
    std::optional<Sample> sample;
    for (LatentSize size : kinds) {
        if (bytes_of_weights(size) > least / 8) size.units /= 2;
        if (bytes_of_weights(size) > least / 2) continue;
        if (!sample) sample = draw();
        std::optional<FittedModel> one = Attempt(*sample, plane, budget, least, measure, loop)
                                             .run(size, static_cast<double>(rows * features));
        if (!one) continue;
        one->name =
            (size.is_grid() ? "convolutional autoencoder: " : "dense autoencoder: ") + one->name;
        fitted.push_back(std::move(*one));
    }
    return fitted;
}

}  // namespace narrows::codec
