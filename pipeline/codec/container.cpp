#include "pipeline/codec/container.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/codec/cut.hpp"
#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/compressed_writer.hpp"

namespace narrows::codec {

namespace {

using storage::ArrayInfo;

constexpr std::size_t plain_at_once = 64u << 20;  // datasets that are carried over as they are
constexpr std::string_view ours[] = {"narrows_bound", "narrows_method", "narrows_model"};

bool is_ours(const std::string& name) {
    return std::find(std::begin(ours), std::end(ours), name) != std::end(ours);
}

// Coordinates and their bounds say where values are: they stay exact beside data that does not.
bool is_scale(const ArrayInfo& info) {
    if (!info.bounds_of.empty()) return true;
    return std::any_of(info.attributes.begin(), info.attributes.end(), [](const auto& attribute) {
        const auto* text = std::get_if<std::string>(&attribute.second);
        return attribute.first == "CLASS" && text != nullptr && *text == "DIMENSION_SCALE";
    });
}

bool is_real(Numeric type) {
    return type >= Numeric::f16;
}

// What stops between two tasks, so that fitting does not hold up who asks for it.
class StoppedLoop final : public Loop {
public:
    StoppedLoop(const Loop& loop, const std::function<bool()>& stop) : loop_(loop), stop_(stop) {}
    std::size_t threads() const noexcept override { return loop_.threads(); }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        loop_.each(tasks, [&](std::size_t task) {
            if (stop_ && stop_()) throw Error(Fault::run, "stopped before the file was whole");
            body(task);
        });
    }

private:
    const Loop& loop_;
    const std::function<bool()>& stop_;
};

// Calls body(chunk) for all chunks, some at a time, and then take(chunk) in order.
template <class Body, class Take>
void in_batches(std::int64_t chunks, const Loop& loop, const Body& body, const Take& take) {
    const auto together =
        static_cast<std::int64_t>(std::clamp<std::size_t>(2 * loop.threads(), 1, 16));
    for (std::int64_t first = 0; first < chunks; first += together) {
        const std::int64_t count = std::min(together, chunks - first);
        loop.each(static_cast<std::size_t>(count),
                  [&](std::size_t i) { body(first + static_cast<std::int64_t>(i), i); });
        for (std::int64_t i = 0; i < count; ++i) take(first + i, static_cast<std::size_t>(i));
    }
}
constexpr std::size_t most_together = 16;

struct Range {
    double low = std::numeric_limits<double>::max(), high = -std::numeric_limits<double>::max();
    void add(const Range& other) {
        low = std::min(low, other.low);
        high = std::max(high, other.high);
    }
};

Range range_of(Numeric type, std::span<const std::byte> stored, std::optional<double> fill) {
    Range range;
    with_type(type, [&]<class T>() {
        const auto* values = reinterpret_cast<const T*>(stored.data());
        for (std::size_t i = 0; i < stored.size() / sizeof(T); ++i) {
            const auto value = static_cast<double>(values[i]);
            if (!std::isfinite(value) || (fill && value == *fill)) continue;
            range.low = std::min(range.low, value);
            range.high = std::max(range.high, value);
        }
    });
    return range;
}

class Compressor {
public:
    Compressor(storage::CompressedWriter& out, const Job& job, const Loop& loop,
               std::vector<std::string>& models)
        : out_(out), job_(job), loop_(loop), models_(models) {}

    ArrayResult run(const Input& input, const Cut* cut) {
        const ArrayInfo& info = input.info;
        rows_ = storage::stored_rows(info);
        chunk_rows_ = cut != nullptr ? cut->chunk_rows : chunk_rows_of(info, job_);
        chunks_ = (rows_ + chunk_rows_ - 1) / chunk_rows_;
        row_bytes_ = storage::row_bytes_of(info);
        first_row_ = cut != nullptr ? cut->first : 0;
        last_row_ = cut != nullptr ? cut->last : rows_;
        const Plan plan = plan_for(input);
        // The same bits as without parts: what is exact does not depend on chunks.
        if (cut != nullptr && plan.bound.kind != Bound::Kind::exact &&
            chunk_rows_of(info, job_) != chunk_rows_)
            throw Error(Fault::usage,
                        fmt::format("{} is cut into chunks of {} rows, the largest dataset into "
                                    "chunks of {}: parts end between chunks of both",
                                    info.path, chunk_rows_of(info, job_), chunk_rows_),
                        "--chunk-rows gives all datasets the same chunks, also without parts");
        Source source{info.type, info.shape, chunk_rows_, input.read};
        const StoredModel* given = nullptr;
        for (const StoredModel& model : job_.models)
            if (model.path == info.path) given = &model;
        const Choice choice = given == nullptr
                                  ? choose(source, plan, job_.budget, loop_, job_.prefer)
                                  : choose_with(source, plan, *given, loop_, job_.prefer);
        embed_ = given == nullptr || job_.embed;

        ArrayResult result;
        result.path = info.path;
        result.rows = static_cast<std::uint64_t>(last_row_ - first_row_);
        result.type = info.type;
        result.method = choice.tried[choice.winner].name;
        result.bound_text = to_string(wanted_of(info));
        if (plan.bound.kind == Bound::Kind::exact) result.bound_text = "lossless";
        result.bound = plan.bound.value;
        result.tried = choice.tried;
        result.winner = choice.winner;
        result.model_bytes = embed_ ? choice.model.size() : 0;
        begin(input, choice, result);
        pack(input, choice.plan, result);
        const double range = plan.high - plan.low;
        const double mse =
            squared_error_ / static_cast<double>(std::max<std::uint64_t>(1, measured_));
        result.psnr = mse > 0 && range > 0 ? 10 * std::log10(range * range / mse)
                                           : std::numeric_limits<double>::infinity();
        return result;
    }

private:
    const Wanted& wanted_of(const ArrayInfo& info) const {
        for (const auto& [path, wanted] : job_.bounds)
            if (path == info.path) return wanted;
        return job_.wanted;
    }

    Range scan(const Input& input) {
        Range range;
        Range parts[most_together];
        in_batches(
            chunks_, loop_,
            [&](std::int64_t chunk, std::size_t slot) {
                const Bytes values = read(input, chunk);
                parts[slot] = range_of(input.info.type, values, input.info.fill_value);
            },
            [&](std::int64_t, std::size_t slot) { range.add(parts[slot]); });
        return range;
    }

    Plan plan_for(const Input& input) {
        const ArrayInfo& info = input.info;
        Plan plan;
        plan.zstd_level = job_.prefer == Prefer::size ? 19 : job_.zstd_level;
        plan.fill = info.fill_value;
        const Range range = scan(input);
        plan.low = range.low;
        plan.high = range.high;
        const double width = range.low <= range.high ? range.high - range.low : 0;
        const Wanted& wanted = wanted_of(info);
        plan.chunk_rows = chunk_rows_;
        switch (is_scale(info) ? Wanted::Kind::lossless : wanted.kind) {
            case Wanted::Kind::unsaid:
                if (needs_bound(info))
                    throw Error(
                        Fault::usage,
                        info.path + " holds " + storage::to_string(info.type) +
                            " values: how far may they be off?",
                        "--abs E, --rel E (of the range), --pointwise E, --psnr D, or --lossless");
                break;
            case Wanted::Kind::lossless:
                break;
            case Wanted::Kind::absolute:
                plan.bound = {Bound::Kind::absolute, wanted.value};
                break;
            case Wanted::Kind::range:
                plan.bound = {Bound::Kind::absolute, wanted.value * width};
                break;
            case Wanted::Kind::pointwise:
                plan.bound = {Bound::Kind::pointwise, wanted.value};
                break;
            case Wanted::Kind::psnr: {
                // Errors spread evenly over a step have a mean square of bound^2 / 3; each chunk
                // that does worse takes smaller steps.
                const double root = width * std::pow(10.0, -wanted.value / 20);
                plan.bound = {Bound::Kind::absolute, root * std::sqrt(3.0)};
                plan.largest_mse = root * root;
                break;
            }
        }
        // A bound under a half (or none at all) leaves whole numbers as they are.
        if (!is_real(info.type) && plan.bound.kind == Bound::Kind::absolute && plan.bound.value < 1)
            plan.bound = {};
        if (!(plan.bound.value > 0) || !std::isfinite(plan.bound.value) ||
            info.type == Numeric::f16 ||
            (plan.bound.kind == Bound::Kind::pointwise && !is_real(info.type)))
            plan.bound = {};
        return plan;
    }

    Bytes read(const Input& input, std::int64_t chunk) const {
        const std::int64_t first = chunk * chunk_rows_,
                           count = std::min(chunk_rows_, rows_ - first);
        Bytes values(static_cast<std::size_t>(count) * row_bytes_);
        input.read(first, count, values.data());
        return values;
    }

    void begin(const Input& input, const Choice& choice, const ArrayResult& result) {
        storage::PackedLayout layout;
        layout.path = input.info.path;
        layout.type = input.info.type;
        layout.shape = input.info.shape;
        layout.shape[0] = last_row_ - first_row_;
        layout.chunk_rows = std::min(chunk_rows_, layout.shape[0]);
        layout.beside = input.info.beside;
        if (job_.part && job_.part->number > 1) layout.beside.scales.clear();  // not there
        std::erase_if(layout.beside.attributes,
                      [](const auto& attribute) { return is_ours(attribute.name); });
        layout.attributes.emplace_back("narrows_bound",
                                       fmt::format("{} {:.17g}", result.bound_text, result.bound));
        layout.attributes.emplace_back("narrows_method", result.method);
        if (!choice.model.empty()) {
            const std::string hash = hash_of(choice.model);
            ArrayInfo model;
            model.path = "/.models/" + hash;
            model.type = Numeric::u8;
            model.shape = Shape{static_cast<std::int64_t>(choice.model.size())};
            if (embed_ && std::find(models_.begin(), models_.end(), hash) == models_.end()) {
                out_.put(model, choice.model);
                models_.push_back(hash);
            }
            layout.attributes.emplace_back("narrows_model", hash);
            layout.model = hash;
        }
        out_.begin(layout);
    }

    void pack(const Input& input, const Plan& plan, ArrayResult& result) {
        Bytes stored[most_together];
        ChunkReport reports[most_together];
        const std::int64_t before = first_row_ / chunk_rows_;
        in_batches(
            (last_row_ - first_row_ + chunk_rows_ - 1) / chunk_rows_, loop_,
            [&](std::int64_t place, std::size_t slot) {
                const std::int64_t chunk = before + place;
                const Bytes values = read(input, chunk);
                Shape shape = input.info.shape;
                shape[0] = std::min(chunk_rows_, rows_ - chunk * chunk_rows_);
                stored[slot] = encode_chunk(plan, input.info.type, shape, values, reports[slot]);
            },
            [&](std::int64_t place, std::size_t slot) {
                const std::int64_t chunk = before + place;
                out_.chunk(place * chunk_rows_, stored[slot]);
                const ChunkReport& report = reports[slot];
                result.bytes_out += stored[slot].size();
                result.values += report.values;
                result.violations += report.violations;
                result.max_error = std::max(result.max_error, report.max_error);
                squared_error_ += report.squared_error;
                measured_ += report.measured;
                const std::int64_t count = std::min(chunk_rows_, rows_ - chunk * chunk_rows_);
                result.bytes_in += static_cast<std::uint64_t>(count) * row_bytes_;
                if (job_.progress) job_.progress(static_cast<std::uint64_t>(count) * row_bytes_);
            });
    }

    storage::CompressedWriter& out_;
    const Job& job_;
    const Loop& loop_;
    std::int64_t rows_ = 0, chunk_rows_ = 1, chunks_ = 0;
    std::int64_t first_row_ = 0, last_row_ = 0;  // that are packed
    std::size_t row_bytes_ = 0;
    double squared_error_ = 0;
    std::uint64_t measured_ = 0;
    bool embed_ = true;
    std::vector<std::string>& models_;  // that are in the file
};

// As it is; what is large goes through in one piece, which files of text and scales are.
void carry_over(storage::CompressedWriter& out, const Input& input) {
    ArrayInfo info = input.info;
    const std::size_t bytes =
        static_cast<std::size_t>(storage::stored_rows(info)) * storage::row_bytes_of(info);
    if (bytes > plain_at_once * 16)
        throw Error(Fault::usage, info.path + " is too large to be carried over",
                    "name the datasets to compress");
    std::erase_if(info.beside.attributes,
                  [](const auto& attribute) { return is_ours(attribute.name); });
    Bytes values(bytes);
    if (bytes > 0) input.read(0, storage::stored_rows(info), values.data());
    out.put(info, values);
}

}  // namespace

bool needs_bound(const ArrayInfo& info) {
    return is_packed(info) && is_real(info.type) && !is_scale(info);
}

std::string to_string(const Wanted& wanted) {
    switch (wanted.kind) {
        case Wanted::Kind::absolute:
            return "absolute";
        case Wanted::Kind::range:
            return "of the range";
        case Wanted::Kind::pointwise:
            return "pointwise";
        case Wanted::Kind::psnr:
            return "psnr";
        case Wanted::Kind::unsaid:
        case Wanted::Kind::lossless:
            break;
    }
    return "lossless";
}

std::vector<ArrayResult> compress_file(const std::filesystem::path& path,
                                       const std::vector<Input>& inputs,
                                       const storage::FileBeside& beside, const Job& job,
                                       const Loop& loop) {
    const std::optional<Cut> cut = cut_of(inputs, job);
    storage::CompressedWriter out(path, "narrows-compressed",
                                  cut ? beside_part(beside, *cut) : beside);
    const StoppedLoop stopped(loop, job.stop);
    std::vector<ArrayResult> results;
    std::vector<std::string> models;
    for (const Input& input : inputs) {
        const bool is_cut = cut && cut->of(input.info);
        if (cut && !is_cut && cut->part.number > 1) continue;
        if (!is_packed(input.info)) {
            carry_over(out, input);
            continue;
        }
        try {
            results.push_back(
                Compressor(out, job, stopped, models).run(input, is_cut ? &*cut : nullptr));
        } catch (const Damaged& damaged) {
            throw Error(Fault::run,
                        fmt::format("{}: what was just made of it cannot be read ({})",
                                    input.info.path, damaged.what),
                        "compress it with --lossless, and report this");
        }
    }
    if (job.stop && job.stop()) throw Error(Fault::run, "stopped before the file was whole");
    out.commit();
    return results;
}

}  // namespace narrows::codec
