#include "pipeline/codec/choose.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/codec/choose_nets.hpp"
#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/interpolate.hpp"
#include "pipeline/codec/models.hpp"
#include "pipeline/codec/residuals.hpp"
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

struct Block {
    Shape shape;
    Bytes values;
};

// Lanes that leave each of them rows enough to learn from.
std::size_t usable_lanes(std::int64_t rows) {
    std::size_t lanes = most_lanes;
    while (lanes > 1 && static_cast<std::int64_t>(lanes) * 128 > rows) lanes /= 2;
    return lanes;
}

double bytes_of(const Plan& plan, Numeric type, const std::vector<Block>& blocks,
                const Loop& loop) {
    std::vector<double> bytes(blocks.size());
    loop.each(blocks.size(), [&](std::size_t b) {
        ChunkReport report;
        bytes[b] = static_cast<double>(
            encode_chunk(plan, type, blocks[b].shape, blocks[b].values, report).size());
    });
    double sum = 0;
    for (const double one : bytes) sum += one;
    return sum;
}

// Small chunks gain from what the model can say once for all of them.
void choose_start(Choice& choice, const std::vector<Block>& blocks, Numeric type, double scale,
                  const Loop& loop) {
    Plan plan = choice.plan;
    plan.guard = false;
    plan.trial = true;
    plan.lanes = usable_lanes(blocks[0].shape[0]);
    Bytes all;
    for (const Block& block : blocks)
        all.insert(all.end(), block.values.begin(), block.values.end());
    RowModel model = std::get<RowModel>(*plan.model);
    const double before =
        bytes_of(plan, type, blocks, loop) * scale + static_cast<double>(choice.model.size());
    model.start = learn_start(plan, type, all);
    double least = before;
    for (const bool levels : {true, false}) {
        if (!levels) model.start.levels.clear();
        Bytes bytes = write_model(model);
        plan.model = read_model(bytes);
        const double now =
            bytes_of(plan, type, blocks, loop) * scale + static_cast<double>(bytes.size());
        if (now >= least) continue;
        least = now;
        choice.plan.model = plan.model;
        choice.model = std::move(bytes);
    }
}

// A lane's first rows cost more: so many bytes for each chunk, however many rows it has.
void choose_lanes(Choice& choice, const std::vector<Block>& blocks, Numeric type, double scale,
                  double starts, Prefer prefer, const Loop& loop) {
    const std::string name = choice.tried[choice.winner].name;
    std::vector<std::size_t> lanes;
    const bool settled = prefer == Prefer::speed && usable_lanes(blocks[0].shape[0]) == most_lanes;
    for (std::size_t count = settled ? most_lanes : 1; count <= most_lanes; count *= 2)
        lanes.push_back(count);
    std::vector<double> bytes(lanes.size() * blocks.size());
    loop.each(bytes.size(), [&](std::size_t task) {
        Plan plan = choice.plan;
        plan.guard = false;
        plan.trial = true;
        plan.lanes = lanes[task / blocks.size()];
        const Block& block = blocks[task % blocks.size()];
        ChunkReport report;
        bytes[task] =
            static_cast<double>(encode_chunk(plan, type, block.shape, block.values, report).size());
    });
    std::vector<Candidate> sized;
    double one = 0, least = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        double sum = 0;
        for (std::size_t b = 0; b < blocks.size(); ++b) sum += bytes[i * blocks.size() + b];
        if (i == 0) one = sum;
        const double all = one * scale + (sum - one) / static_cast<double>(blocks.size()) * starts +
                           static_cast<double>(choice.model.size());
        sized.push_back(
            {name + ", " + std::to_string(lanes[i]) + (lanes[i] == 1 ? " lane" : " lanes"), all,
             choice.model.size(), true});
        if (i == 0 || all < least) least = all;
    }
    std::size_t taken = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i)
        if (prefer == Prefer::size
                ? sized[i].bytes < sized[taken].bytes
                : sized[i].bytes <= 1.01 * least ||
                      (prefer == Prefer::speed && lanes[i] <= usable_lanes(blocks[0].shape[0])))
            taken = i;
    choice.plan.lanes = lanes[taken];
    choice.tried.erase(choice.tried.begin() + static_cast<std::ptrdiff_t>(choice.winner));
    choice.winner = choice.tried.size() + taken;
    choice.tried.insert(choice.tried.end(), sized.begin(), sized.end());
}

// Where most residuals are zero, smaller steps at coarse levels may pay.
void choose_tightening(Choice& choice, const Plan& plan, const Candidate& plain,
                       const std::vector<Block>& blocks, const Source& source, double scale,
                       const Loop& loop) {
    const auto values = static_cast<double>(source.shape.elements());
    if (8 * plain.bytes > values || plain.bytes > 1.5 * choice.tried[choice.winner].bytes) return;
    double least = plain.bytes;
    for (std::uint8_t i = 1; i < std::size(tightenings); ++i) {
        Plan tried = plan;
        tried.trial = true;
        tried.tightening = i;
        const double bytes = bytes_of(tried, source.type, blocks, loop) * scale;
        choice.tried.push_back(
            {fmt::format("{}, steps to 1/{}", plain.name, tightenings[i].beta / 16), bytes, 0,
             true});
        if (bytes < choice.tried[choice.winner].bytes) {
            choice.winner = choice.tried.size() - 1;
            choice.plan = plan;
            choice.plan.tightening = i;
            choice.model.clear();
        }
        if (bytes >= least) return;
        least = bytes;
    }
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
