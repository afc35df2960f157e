#include "pipeline/codec/settle.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/interpolate.hpp"
#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

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

}  // namespace narrows::codec
