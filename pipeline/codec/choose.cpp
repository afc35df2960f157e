#include "pipeline/codec/choose.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/codec/choose_nets.hpp"
#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/models.hpp"
#include "pipeline/codec/residuals.hpp"
#include "pipeline/codec/settle.hpp"
#include "pipeline/codec/stream.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t fewest_chunks = 3, most_looked_at = 64;  // that are looked at
constexpr std::int64_t sample_values = 300'000;  // of a chunk: enough to tell ways of coding apart

// As doubles; what is not finite, or fill, becomes the middle of the range.
void to_double(Numeric type, std::span<const std::byte> stored, const Plan& plan, double* out) {
    const double middle_value = plan.low / 2 + plan.high / 2;
    with_type(type, [&]<class T>() {
        const auto* from = reinterpret_cast<const T*>(stored.data());
        for (std::size_t i = 0; i < stored.size() / sizeof(T); ++i) {
            const auto value = static_cast<double>(from[i]);
            out[i] =
                std::isfinite(value) && !(plan.fill && value == *plan.fill) ? value : middle_value;
        }
    });
}

// Blocks of rows spread over the dataset.
Sample draw(const Source& source, const Plan& plan) {
    Sample sample;
    const std::int64_t rows = source.shape[0];
    sample.columns = static_cast<std::size_t>(source.shape.elements() / rows);
    const auto most =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(fit_bytes / (8 * sample.columns)));
    const std::int64_t blocks = rows <= most ? 1 : std::min<std::int64_t>(8, most);
    const std::int64_t block = rows <= most ? rows : most / blocks;
    sample.rows = static_cast<std::size_t>(blocks * block);
    sample.values.resize(sample.rows * sample.columns);
    const std::size_t row_bytes = sample.columns * storage::size_of(source.type);
    Bytes stored(static_cast<std::size_t>(block) * row_bytes);
    for (std::int64_t i = 0; i < blocks; ++i) {
        const std::int64_t first = blocks == 1 ? 0 : (rows - block) * i / (blocks - 1);
        source.read(first, block, stored.data());
        to_double(source.type, stored, plan,
                  sample.values.data() + static_cast<std::size_t>(i * block) * sample.columns);
        sample.breaks.push_back(static_cast<std::size_t>(i * block));
    }
    switch (plan.bound.kind) {
        case Bound::Kind::absolute:
            sample.bound = plan.bound.value;
            break;
        case Bound::Kind::exact:
            sample.bound = 0.5;
            break;
        case Bound::Kind::pointwise:
            break;
    }
    return sample;
}

bool is_whole(Numeric type) {
    return type < Numeric::f16;
}

struct Trial {
    Plan plan;
    Bytes model;
    std::string name;
};

// Every way of coding that may suit, models fitted.
std::vector<Trial> candidates(const Source& source, const Plan& base, double budget,
                              const Loop& loop) {
    std::vector<Trial> trials;
    const auto add = [&](Method method, std::uint8_t axes, const std::string& name) {
        Plan plan = base;
        plan.method = method;
        plan.axes = axes;
        trials.push_back({plan, {}, name});
    };
    add(Method::packed, 0, "shuffle + zstd");
    const bool predicts = source.type != Numeric::f16 && base.low <= base.high &&
                          (is_whole(source.type) || base.bound.kind != Bound::Kind::exact);
    if (predicts) {
        if (base.bound.kind == Bound::Kind::absolute && !is_whole(source.type))
            add(Method::grid, 0, "grid + shuffle + zstd");
        const FieldShape field = field_of(source.shape);
        add(Method::field, 1, "Lorenzo, 1 axis");
        if (field.lines > 1) add(Method::field, 2, "Lorenzo, 2 axes");
        if (field.planes > 1) add(Method::field, 3, "Lorenzo, 3 axes");
        if (source.shape.rank() >= 3)
            add(Method::field, along_rows, "difference to the row before");
        add(Method::interpolation, 0, "interpolation");
        if (field.planes > 1 && field.lines > 1 && field.columns > 1)
            add(Method::interpolation, 1, "interpolation by planes");
        if (base.bound.kind != Bound::Kind::pointwise) {
            const Sample sample = draw(source, base);
            const auto learn = [&](Method method, const char* what,
                                   std::vector<FittedModel> models) {
                for (FittedModel& one : models) {
                    Plan plan = base;
                    plan.method = method;
                    plan.model = one.model;
                    trials.push_back({plan, std::move(one.bytes), what + (": " + one.name)});
                }
            };
            learn(
                Method::field, "stencil",
                fit_field(sample, source.shape.rank() == 1 ? 1 : field.lines, field.columns, loop));
            if (source.shape.rank() >= 2)
                learn(Method::rows, "linear autoencoder",
                      fit_rows(sample, static_cast<double>(source.shape[0]), loop));
            if (std::optional<FittedModel> net = fit_images(source, base, budget, loop)) {
                std::vector<FittedModel> one;
                one.push_back(std::move(*net));
                learn(Method::images, "causal network", std::move(one));
            }
        }
    }
    return trials;
}

// What takes the fewest bytes on sample chunks. `fitted`: models may be changed, and autoencoders
// are tried after the others.
Choice choose_among(std::vector<Trial> trials, bool fitted, const Source& source, double budget,
                    const Loop& loop, Prefer prefer) {
    Choice choice;
    const std::int64_t rows = source.shape[0];
    const std::int64_t chunks = (rows + source.chunk_rows - 1) / source.chunk_rows;
    const std::size_t row_bytes =
        storage::size_of(source.type) * static_cast<std::size_t>(source.shape.elements() / rows);
    // Samples: first, middle and last whole chunks.
    std::vector<std::int64_t> places;
    const auto chunk_values =
        static_cast<std::size_t>(source.chunk_rows * (source.shape.elements() / rows));
    const std::size_t looked_at =
        std::clamp(static_cast<std::size_t>(sample_values) / std::max<std::size_t>(1, chunk_values),
                   fewest_chunks, most_looked_at);
    for (std::size_t i = 0; i < looked_at; ++i) {
        const std::int64_t place =
            (chunks - 1) * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(looked_at - 1);
        if (places.empty() || places.back() != place) places.push_back(place);
    }
    std::vector<Block> blocks;
    std::int64_t sampled = 0;
    for (const std::int64_t place : places) {
        const std::int64_t first = place * source.chunk_rows;
        const std::int64_t enough =
            sample_values / std::max<std::int64_t>(1, source.shape.elements() / rows) + 1;
        const std::int64_t count =
            std::min({source.chunk_rows, rows - first, std::max<std::int64_t>(enough, 32)});
        Block block{source.shape, Bytes(static_cast<std::size_t>(count) * row_bytes)};
        block.shape[0] = count;
        source.read(first, count, block.values.data());
        sampled += count;
        blocks.push_back(std::move(block));
    }
    const double scale = static_cast<double>(rows) / static_cast<double>(sampled);

    const Plan base = trials[0].plan;
    const auto score = [&](std::size_t from) {
        for (Trial& trial : trials) trial.plan.guard = false;
        std::vector<double> bytes((trials.size() - from) * blocks.size());
        std::vector<Method> used(bytes.size());
        loop.each(bytes.size(), [&](std::size_t task) {
            const Trial& trial = trials[from + task / blocks.size()];
            const Block& block = blocks[task % blocks.size()];
            ChunkReport report;
            Plan plan = trial.plan;
            plan.trial = true;
            plan.lanes = usable_lanes(block.shape[0]);
            bytes[task] = static_cast<double>(
                encode_chunk(plan, source.type, block.shape, block.values, report).size());
            used[task] = report.method;
        });
        for (std::size_t i = from; i < trials.size(); ++i) {
            Candidate candidate{trials[i].name, 0, trials[i].model.size(), false};
            for (std::size_t b = 0; b < blocks.size(); ++b) {
                candidate.bytes += bytes[(i - from) * blocks.size() + b] * scale;
                candidate.possible = candidate.possible ||
                                     used[(i - from) * blocks.size() + b] == trials[i].plan.method;
            }
            candidate.bytes += static_cast<double>(candidate.model_bytes);
            choice.tried.push_back(candidate);
            if (candidate.bytes < choice.tried[choice.winner].bytes) choice.winner = i;
        }
    };
    score(0);
    if (fitted && trials.size() > 1) {
        Plan plan = base;
        plan.method = Method::codes;
        plan.guard = false;
        plan.trial = true;
        const auto measure = [&](const FittedModel& one) {
            plan.model = one.model;
            return bytes_of(plan, source.type, blocks, loop) * scale +
                   static_cast<double>(one.bytes.size());
        };
        const std::size_t before = trials.size();
        for (FittedModel& one : try_latents(
                 source.shape, base, budget, choice.tried[choice.winner].bytes,
                 [&] { return draw(source, base); }, measure, loop)) {
            plan = base;
            plan.method = Method::codes;
            plan.model = one.model;
            trials.push_back({plan, std::move(one.bytes), std::move(one.name)});
        }
        score(before);
    }
    choice.plan = trials[choice.winner].plan;
    choice.model = trials[choice.winner].model;
    std::size_t smooth = trials.size();
    for (std::size_t i = 0; i < trials.size(); ++i)
        if (trials[i].plan.method == Method::interpolation &&
            (smooth == trials.size() || choice.tried[i].bytes < choice.tried[smooth].bytes))
            smooth = i;
    if (smooth < trials.size())
        choose_tightening(choice, trials[smooth].plan, Candidate(choice.tried[smooth]), blocks,
                          source, scale, loop);
    const double chosen = choice.tried[choice.winner].bytes;
    // Chunks that the samples did not show may suit the plain ways better.
    double plain = choice.tried[0].bytes;
    if (trials.size() > 1 && trials[1].plan.method == Method::grid)
        plain = std::min(plain, choice.tried[1].bytes);
    choice.plan.guard = places.size() < static_cast<std::size_t>(chunks) && chosen * 2 > plain;
    if (fitted && choice.plan.method == Method::rows &&
        choice.plan.bound.kind != Bound::Kind::pointwise)
        choose_start(choice, blocks, source.type, scale, loop);
    if (choice.plan.method == Method::rows)
        choose_lanes(choice, blocks, source.type, scale, static_cast<double>(chunks), prefer, loop);
    return choice;
}

}  // namespace

Choice choose(const Source& source, const Plan& base, double budget, const Loop& loop,
              Prefer prefer) {
    return choose_among(candidates(source, base, budget, loop), true, source, budget, loop, prefer);
}

Choice choose_with(const Source& source, const Plan& base, const StoredModel& stored,
                   const Loop& loop, Prefer prefer) {
    std::shared_ptr<const Model> model;
    try {
        model = read_model(stored.bytes);
    } catch (const Damaged&) {
        throw Error(Fault::input,
                    "the model " + stored.hash + " of " + stored.path + " is damaged");
    }
    const FieldShape field = field_of(source.shape);
    bool fits = source.type != Numeric::f16;
    Method method = Method::rows;
    if (const auto* rows = std::get_if<RowModel>(model.get())) {
        fits = fits && rows->features ==
                           static_cast<std::uint64_t>(source.shape.elements() / source.shape[0]);
    } else if (const auto* stencil = std::get_if<StencilModel>(model.get())) {
        method = Method::field;
        fits = fits && (stencil->mean.size() <= 1 ||
                        (stencil->lines == field.lines && stencil->columns == field.columns));
    } else if (std::holds_alternative<LatentModel>(*model)) {
        method = Method::codes;
        if (fits) model = with_encoder(*model, draw(source, base), given_steps, loop);
        fits = fits && model != nullptr;
    } else {
        method = Method::images;
        fits = source.type == Numeric::u8 && source.shape.rank() == 3;
    }
    if (!fits)
        throw Error(Fault::usage,
                    "the model of " + stored.path + " is of rows of another size or type than " +
                        to_string(source.shape),
                    "leave -m out, or compress this dataset by itself");
    std::vector<Trial> trials{{base, {}, "shuffle + zstd"}};
    trials[0].plan.method = Method::packed;
    if (base.bound.kind != Bound::Kind::pointwise && base.low <= base.high &&
        (is_whole(source.type) || base.bound.kind != Bound::Kind::exact)) {
        if (base.bound.kind == Bound::Kind::absolute && !is_whole(source.type)) {
            trials.push_back({base, {}, "grid + shuffle + zstd"});
            trials.back().plan.method = Method::grid;
        }
        Plan plan = base;
        plan.method = method;
        plan.model = model;
        trials.push_back({plan, stored.bytes, "given " + to_string(method)});
    }
    return choose_among(std::move(trials), false, source, 0, loop, prefer);
}

}  // namespace narrows::codec
