#include "pipeline/recipes/presets.hpp"

#include <algorithm>
#include <array>

namespace narrows::recipes {
namespace {

// Hidden widths that never exceed the sample's: a wider first layer only adds weights.
std::vector<std::int64_t> capped(std::initializer_list<std::int64_t> widths, std::int64_t features) {
    std::vector<std::int64_t> out;
    for (const std::int64_t width : widths) out.push_back(std::min(width, features));
    return out;
}

// Ends at the principal subspace; rate, batch and epochs reach it within 0.5 % on MNIST. Centred and
// of deviation 1 inside, so that they fit data in any units.
void linear(Choices& choices, const TrainOptions& options) {
    choices.hidden.clear();
    choices.normalise = true;
    choices.code_act = "linear";
    if (options.loss.empty()) choices.loss = "mse";
    if (!options.rate) choices.rate = 3e-3;
    if (!options.batch) choices.batch = 256;
}

void undercomplete(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden = capped({256}, choices.facts.features());
}

void deep(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden = capped({512, 256}, choices.facts.features());
}

// Noise in units of the data where the range is known to be [0, 1]; masking fits any range.
void denoising(Choices& choices, const TrainOptions& options) {
    undercomplete(choices, options);
    if (!options.corruption)
        choices.corruption = choices.facts.unit_range() ? Corruption{"gaussian", 0.3}
                                                        : Corruption{"masking", 0.25};
}

constexpr std::array table{
    Preset{{"linear", "one linear layer each way, mean squared error: ends at the PCA subspace"},
           linear, false},
    Preset{{"undercomplete", "one hidden layer each way around a narrow code"}, undercomplete},
    Preset{{"deep", "several hidden layers each way (--hidden 512,256)"}, deep},
    Preset{{"denoising", "undercomplete, trained to undo a corruption of its input"}, denoising,
           true, true},
};

constexpr auto infos = [] {
    std::array<PresetInfo, table.size()> out{};
    for (std::size_t i = 0; i < table.size(); ++i) out[i] = table[i].info;
    return out;
}();

}  // namespace

std::span<const PresetInfo> presets() { return infos; }

const Preset* find_preset(std::string_view name) {
    const auto* found = std::find_if(table.begin(), table.end(),
                                     [&](const Preset& p) { return p.info.name == name; });
    return found == table.end() ? nullptr : found;
}

}  // namespace narrows::recipes
