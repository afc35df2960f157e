#include "tools/bounds.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/storage/whole_file.hpp"

namespace narrows::tools {

using codec::Wanted;

namespace {

// "NAME=KIND:E" or "NAME=lossless".
std::pair<std::string, Wanted> bound_of_variable(const std::string& text) {
    const std::size_t equals = text.rfind('='),
                      colon = text.find(':', equals == std::string::npos ? 0 : equals);
    const std::string kind =
        equals == std::string::npos
            ? ""
            : text.substr(equals + 1, colon == std::string::npos ? colon : colon - equals - 1);
    std::optional<double> absolute, range, pointwise, psnr;
    std::optional<double>* const taken = kind == "abs"         ? &absolute
                                         : kind == "rel"       ? &range
                                         : kind == "pointwise" ? &pointwise
                                         : kind == "psnr"      ? &psnr
                                                               : nullptr;
    if (equals == 0 || equals == std::string::npos ||
        (taken == nullptr) != (kind == "lossless" && colon == std::string::npos) ||
        (taken != nullptr && colon == std::string::npos))
        throw Error(
            Fault::usage,
            fmt::format(
                "--per-variable \"{}\": must be NAME=abs:E, rel:E, pointwise:E, psnr:D or lossless",
                text));
    if (taken != nullptr) {
        char* end = nullptr;
        *taken = std::strtod(text.c_str() + colon + 1, &end);
        if (*end != '\0' || end == text.c_str() + colon + 1)
            throw Error(Fault::usage, fmt::format("--per-variable \"{}\": \"{}\" is not a number",
                                                  text, text.substr(colon + 1)));
    }
    const std::string name = text.substr(0, equals);
    return {name.starts_with('/') ? name : "/" + name,
            wanted_of(absolute, range, pointwise, psnr, kind == "lossless")};
}

bool is_float(const storage::ArrayInfo& info) {
    return info.numeric && info.type >= storage::Numeric::f16;
}

}  // namespace

Wanted wanted_of(const std::optional<double>& absolute, const std::optional<double>& range,
                 const std::optional<double>& pointwise, const std::optional<double>& psnr,
                 bool lossless) {
    Wanted wanted;
    std::vector<std::string> given;
    const auto take = [&](const char* name, const std::optional<double>& value, Wanted::Kind kind) {
        if (!value) return;
        given.emplace_back(name);
        if (!(*value > 0) || !std::isfinite(*value))
            throw Error(Fault::usage, fmt::format("{} {:g}: must be above 0", name, *value));
        wanted = {kind, *value};
    };
    take("--abs", absolute, Wanted::Kind::absolute);
    take("--rel", range, Wanted::Kind::range);
    take("--pointwise", pointwise, Wanted::Kind::pointwise);
    take("--psnr", psnr, Wanted::Kind::psnr);
    if (lossless) {
        given.emplace_back("--lossless");
        wanted = {Wanted::Kind::lossless, 0};
    }
    if (given.size() > 1)
        throw Error(Fault::usage, fmt::format("{} and {} are two bounds", given[0], given[1]),
                    "give one");
    if (wanted.kind == Wanted::Kind::pointwise && wanted.value >= 1)
        throw Error(Fault::usage, fmt::format("--pointwise {:g}: must be below 1", wanted.value));
    return wanted;
}

Bounds bounds_of_variables(const std::vector<std::string>& texts) {
    Bounds bounds;
    for (const std::string& text : texts) {
        auto bound = bound_of_variable(text);
        if (named(bounds, bound.first) != nullptr)
            throw Error(Fault::usage,
                        fmt::format("--per-variable gives {} two bounds", bound.first), "give one");
        bounds.push_back(std::move(bound));
    }
    return bounds;
}

const Wanted* named(const Bounds& bounds, const std::string& path) {
    const auto found = std::find_if(bounds.begin(), bounds.end(),
                                    [&](const auto& one) { return one.first == path; });
    return found == bounds.end() ? nullptr : &found->second;
}

void keep_exact(const std::vector<codec::Input>& inputs, Bounds& bounds) {
    const auto any = [&](auto test) {
        return std::any_of(inputs.begin(), inputs.end(),
                           [&](const codec::Input& one) { return test(one.info); });
    };
    const bool floats = any(
        [](const storage::ArrayInfo& info) { return is_float(info) && info.shape.elements() > 0; });
    const bool samples = any([](const storage::ArrayInfo& info) { return info.shape.rank() > 1; });
    for (const codec::Input& input : inputs)
        if (input.info.numeric &&
            ((floats && !is_float(input.info)) || (samples && input.info.shape.rank() == 1)) &&
            named(bounds, input.info.path) == nullptr)
            bounds.emplace_back(input.info.path, Wanted{Wanted::Kind::lossless, 0});
}

void leave_out_checksums(std::vector<codec::Input>& inputs, const codec::Job& job) {
    std::vector<std::string> gone;
    for (codec::Input& input : inputs) {
        const Wanted* own = named(job.bounds, input.info.path);
        const Wanted::Kind kind = (own != nullptr ? *own : job.wanted).kind;
        if (kind == Wanted::Kind::lossless || kind == Wanted::Kind::unsaid) continue;
        gone.push_back(storage::checksums_of(input.info.path));
        std::erase_if(input.info.beside.attributes,
                      [](const auto& one) { return one.name == storage::checksum_attribute; });
    }
    std::erase_if(inputs, [&](const codec::Input& input) {
        return std::find(gone.begin(), gone.end(), input.info.path) != gone.end();
    });
}

void check_names(const std::vector<codec::Input>& inputs, const Bounds& bounds) {
    for (const auto& bound : bounds)
        if (std::none_of(inputs.begin(), inputs.end(),
                         [&](const codec::Input& one) { return one.info.path == bound.first; }))
            throw Error(Fault::usage,
                        fmt::format("--per-variable: there is no dataset {}", bound.first),
                        "narrows info lists what is there");
}

void check_bounds(const std::vector<codec::Input>& inputs, const codec::Job& job) {
    if (job.wanted.kind != Wanted::Kind::unsaid) return;
    for (const codec::Input& input : inputs)
        if (named(job.bounds, input.info.path) == nullptr && codec::needs_bound(input.info))
            throw Error(Fault::usage,
                        fmt::format("{} holds {} values: how far may they be off?", input.info.path,
                                    storage::to_string(input.info.type)),
                        "--abs E, --rel E (of the range), --pointwise E, --psnr D, or --lossless");
}

}  // namespace narrows::tools
