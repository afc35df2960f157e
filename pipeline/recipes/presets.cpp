#include "pipeline/recipes/presets.hpp"

#include <algorithm>
#include <array>

namespace narrows::recipes {
namespace {

// Hidden widths that never exceed the sample's: a wider first layer only adds weights.
std::vector<std::int64_t> capped(std::initializer_list<std::int64_t> widths,
                                 std::int64_t features) {
    std::vector<std::int64_t> out;
    for (const std::int64_t width : widths) out.push_back(std::min(width, features));
    return out;
}

// Ends at the principal subspace; rate, batch and epochs reach it within 0.5 % on MNIST. Centred
// and of deviation 1 inside, so that they fit data in any units.
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
        choices.corruption =
            choices.facts.unit_range() ? Corruption{"gaussian", 0.3} : Corruption{"masking", 0.25};
}

// A code at least as wide as the sample, kept useful by what it pays for being active.
void overcomplete(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden.clear();
    if (!options.latent) choices.latent = choices.facts.features();
    choices.code_act = "relu";
    if (choices.sparsity.empty() && choices.corruption.kind.empty()) {
        choices.sparsity = "l1";
        choices.sparsity_amount = choices.loss == "bce" ? 0.1 : 1e-4;
    }
}

// The decoder's matrices are the encoder's, transposed.
void tied(Choices& choices, const TrainOptions& options) {
    undercomplete(choices, options);
    choices.tied = true;
}

// Exactly k active of an overcomplete linear code (Makhzani and Frey 2013): squared error, and
// where there is one layer each way, one set of unit-length weights around the data's centre.
void k_sparse(Choices& choices, const TrainOptions& options) {
    const auto k = static_cast<std::int64_t>(choices.sparsity_amount);
    if (!options.latent) choices.latent = std::max(choices.facts.features(), 4 * k);
    choices.code_act = "linear";
    if (options.loss.empty()) choices.loss = "mse";
    choices.centred = choices.hidden.empty() && choices.loss == "mse";
    choices.tied = choices.tied || choices.centred;
}

// Few active units: a sigmoid code whose mean activity is pulled to a target.
void sparse(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden.clear();
    if (choices.sparsity == "k") return k_sparse(choices, options);
    if (!options.latent) choices.latent = std::max<std::int64_t>(2, choices.facts.features() / 4);
    if (choices.sparsity.empty()) {
        choices.sparsity = "kl";
        choices.sparsity_amount = 0.05;
    }
    choices.code_act = choices.sparsity == "kl" ? "sigmoid" : "relu";
}

// Hinton and Salakhutdinov 2006, Bengio et al. 2007: each pair of layers learns the output of the
// one below it, then all learn together. Layers see each other's output as data: it stays in [0, 1]
// where the data does.
void layerwise(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden = capped({512, 256}, choices.facts.features());
    choices.layerwise = true;
    if (choices.loss == "bce") {
        if (options.activation.empty()) choices.hidden_act = "sigmoid";
        choices.code_act = "sigmoid";
    }
}

// Kingma and Welling 2014: 400 relu units and a code of 20, a constant rate.
void variational(Choices& choices, const TrainOptions& options) {
    choices.variational = true;
    choices.code_act = "linear";
    if (!options.hidden) choices.hidden = {400};
    if (!options.latent)
        choices.latent =
            std::min<std::int64_t>(20, std::max<std::int64_t>(2, choices.facts.features() / 4));
    if (options.schedule.empty()) choices.schedule = "constant";
}

// 16-8-8 channels, each halved by pooling; up again by doubling and convolutions. Under relu one of
// the code's 8 channels died on MNIST, and 16 of its 128 units with it: 82.7 nats after 8 epochs
// instead of 78.1. The code is linear, as in other presets, unless it is to be sparse. With
// --latent a dense layer makes it, else it is what the last pooling leaves.
void convolutional(Choices& choices, const TrainOptions& options) {
    choices.convolutional = true;
    choices.dense_code = options.latent.has_value();
    choices.code_act = choices.sparsity.empty() ? "linear" : choices.hidden_act;
    if (choices.hidden.empty()) choices.hidden = {16, 8, 8};
    if (!options.rate) choices.rate = 3e-3;
}

// Rifai et al. 2011: one wide sigmoid layer, tied, so that neither side can make up for the other.
// With hidden layers the Jacobian is estimated.
void contractive(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden.clear();
    if (!options.latent) choices.latent = std::max<std::int64_t>(2, choices.facts.features() / 4);
    choices.tied = true;
    choices.code_act = "sigmoid";
    if (!options.rate) choices.rate = 3e-3;
    if (!options.contraction) choices.contraction = 0.1;
}

// van den Oord et al. 2017: a code is a few vectors, each replaced by an entry of a codebook.
void vector_quantised(Choices& choices, const TrainOptions& options) {
    undercomplete(choices, options);
    choices.code_act = "linear";
    if (choices.codebook == 0) choices.codebook = 512;
}

// PyOD's network (Zhao et al. 2019): batch norm and dropout behind each layer of 64-32-64, on
// standardised features. Dropout is what keeps a code wider than the sample from copying it.
void anomaly(Choices& choices, const TrainOptions& options) {
    if (!options.hidden) choices.hidden = {64};
    if (!options.latent) choices.latent = 32;
    if (!options.batch) choices.batch = 32;
    if (options.loss.empty()) choices.loss = "mse";
    if (choices.source.scale.empty()) choices.source.scale = "standard";
    choices.code_act = choices.hidden_act;
    choices.batch_norm = true;
    choices.dropout = 0.2;
}

constexpr std::array table{
    Preset{{"linear", "one linear layer each way, mean squared error: ends at the PCA subspace"},
           linear,
           false},
    Preset{{"undercomplete", "one hidden layer each way around a narrow code"}, undercomplete},
    Preset{{"deep", "several hidden layers each way (--hidden 512,256)"}, deep},
    Preset{{"denoising", "undercomplete, trained to undo a corruption of its input"},
           denoising,
           true,
           true},
    Preset{{"overcomplete", "a code as wide as the sample, kept useful by an L1 penalty"},
           overcomplete,
           true,
           true},
    Preset{{"tied", "undercomplete with one set of weights for both directions"}, tied},
    Preset{{"sparse", "a wide code of which few units are active"}, sparse, true, true},
    Preset{{"layerwise", "deep, each layer trained on the codes of the one before, then all"},
           layerwise},
    Preset{{"variational", "a Gaussian latent, to sample from (Kingma and Welling 2014)"},
           variational},
    Preset{{"contractive", "one layer whose codes resist small moves of the sample (Rifai 2011)"},
           contractive,
           true,
           true},
    Preset{{"vector-quantised", "a code of entries of a codebook (van den Oord et al. 2017)"},
           vector_quantised},
    Preset{{"convolutional", "convolutions and pooling down, upsampling and convolutions up"},
           convolutional,
           true,
           true},
    Preset{{"anomaly", "batch norm and dropout on standardised features, for score"},
           anomaly,
           true,
           true},
};

constexpr auto infos = [] {
    std::array<PresetInfo, table.size()> out{};
    for (std::size_t i = 0; i < table.size(); ++i) out[i] = table[i].info;
    return out;
}();

}  // namespace

std::span<const PresetInfo> presets() {
    return infos;
}

const Preset* find_preset(std::string_view name) {
    const auto* found = std::find_if(table.begin(), table.end(),
                                     [&](const Preset& p) { return p.info.name == name; });
    return found == table.end() ? nullptr : found;
}

}  // namespace narrows::recipes
