// The rules that presets share: code size, loss by the data's range, epochs by the number of rows.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "pipeline/language/language.hpp"
#include "pipeline/recipes/presets.hpp"

namespace narrows::recipes {
namespace {

constexpr std::int64_t preset_epochs = 20;   // converged on 60,000 samples
constexpr std::int64_t enough_steps = 4000;  // small data: more epochs until about so many updates
constexpr std::int64_t most_epochs = 200;

[[noreturn]] void refuse(const std::string& text, std::string hint = {}) {
    throw Error(Fault::usage, text, std::move(hint));
}

std::string names_of(std::span<const PresetInfo> presets) {
    std::string names;
    for (const PresetInfo& info : presets)
        names += (names.empty() ? "" : ", ") + std::string(info.name);
    return names;
}

const Preset& preset_named(const std::string& name) {
    if (const Preset* preset = find_preset(name)) return *preset;
    std::vector<std::string> known;
    for (const PresetInfo& info : presets()) known.emplace_back(info.name);
    const std::vector<std::string> close = language::suggest(name, known);
    std::string hint = "available: " + names_of(presets()) + "; or a FILE.toml with a model";
    if (!close.empty()) hint = fmt::format("did you mean \"{}\"? {}", close.front(), hint);
    refuse(fmt::format("no preset \"{}\" here", name), hint);
}

// min(32, features / 4), at least 2, and narrower than the sample where that is possible.
std::int64_t default_latent(std::int64_t features) {
    const std::int64_t size = std::max<std::int64_t>(2, std::min<std::int64_t>(32, features / 4));
    return std::min(size, std::max<std::int64_t>(1, features - 1));
}

std::int64_t default_epochs(std::int64_t rows, std::int64_t batch) {
    const std::int64_t steps = std::max<std::int64_t>(1, (rows + batch - 1) / batch);
    return std::clamp((enough_steps + steps - 1) / steps, preset_epochs, most_epochs);
}

// A number between 0 and 1 is a fraction, all else is DATA.
void take_validation(Choices& choices, const std::string& text) {
    if (text.empty()) return;
    double fraction = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fraction);
    if (error != std::errc{} || end != text.data() + text.size()) {
        choices.validation_data = text;
        return;
    }
    if (fraction <= 0 || fraction >= 1)
        refuse(fmt::format("--validate {}: a fraction must lie between 0 and 1", text),
               "hold out a tenth with --validate 0.1, or give a file");
    choices.validation_fraction = fraction;
}

// "l1:W", "kl:RHO" or "k:N".
void take_sparsity(Choices& choices, const std::string& text) {
    if (text.empty()) return;
    const std::size_t colon = text.find(':');
    const std::string kind = text.substr(0, colon);
    if (kind != "l1" && kind != "kl" && kind != "k")
        refuse(fmt::format("--sparsity {}: no such sparsity", text),
               "known: l1:WEIGHT, kl:ACTIVITY, k:UNITS");
    choices.sparsity = kind;
    choices.sparsity_amount = kind == "l1" ? 0.1 : kind == "kl" ? 0.05 : 25;
    if (colon == std::string::npos) return;
    const std::string amount = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(amount.data(), amount.data() + amount.size(), choices.sparsity_amount);
    if (error != std::errc{} || end != amount.data() + amount.size() ||
        choices.sparsity_amount <= 0 || (kind == "kl" && choices.sparsity_amount >= 1))
        refuse(fmt::format("--sparsity {}: \"{}\" is not a good amount", text, amount),
               "for example l1:0.01 or kl:0.05");
}

// "K" or "K:D".
void take_codebook(Choices& choices, const std::string& text) {
    if (text.empty()) return;
    const auto whole = [&](std::string_view part, std::int64_t low) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error != std::errc{} || end != part.data() + part.size() || value < low ||
            value > 1 << 24)
            refuse(fmt::format("--codebook {}: \"{}\" is not a number of at least {}", text, part,
                               low),
                   "for example 512 entries, or 512:4 of 4 values each");
        return value;
    };
    const std::string_view all = text;
    const std::size_t colon = all.find(':');
    choices.codebook = whole(all.substr(0, colon), 2);
    if (colon != std::string_view::npos) choices.entry_size = whole(all.substr(colon + 1), 1);
}

// A dense code is cut into vectors of four values, or as many of its halves as divide it.
void settle_codebook(Choices& choices, const TrainOptions& options) {
    if (choices.codebook == 0) return;
    if (choices.variational || choices.layerwise || choices.batch_norm || choices.centred)
        refuse(fmt::format("preset \"{}\" takes no codebook", choices.preset),
               "leave out --codebook, or use --model vector-quantised");
    if (!options.beta) choices.beta = 0.25;
    if (choices.dense_code)
        refuse("a convolutional codebook quantises the channels that are left, it has no --latent",
               "leave out --latent, or --codebook");
    if (choices.convolutional) return;
    for (const std::int64_t size : {4, 2, 1})
        if (choices.entry_size == 0 && choices.latent % size == 0) choices.entry_size = size;
    if (choices.latent % choices.entry_size != 0)
        refuse(fmt::format("--codebook: a code of {} values is not made of vectors of {}",
                           choices.latent, choices.entry_size),
               "give a --latent that is a multiple of the entries' size");
}

void settle_contraction(Choices& choices) {
    if (choices.contraction == 0) return;
    if (choices.variational || choices.layerwise || choices.codebook > 0)
        refuse(fmt::format("{} takes no contractive penalty",
                           choices.codebook > 0 ? "a quantised code"
                                                : fmt::format("preset \"{}\"", choices.preset)),
               "leave out --contraction, or use --model contractive");
}

// "bernoulli", "gaussian" or "laplace"; a number behind a colon is a fixed scale.
void take_likelihood(Choices& choices, const TrainOptions& options) {
    const std::string& text = options.likelihood;
    if (text.empty()) return;
    if (!choices.variational)
        refuse(fmt::format("--likelihood {}: belongs to --model variational", text),
               "other presets take --loss");
    if (!options.loss.empty())
        refuse(fmt::format("--likelihood {} and --loss {}: give one of them", text, options.loss));
    const std::size_t colon = text.find(':');
    choices.likelihood = text.substr(0, colon);
    const bool bernoulli = choices.likelihood == "bernoulli";
    if (!bernoulli && choices.likelihood != "gaussian" && choices.likelihood != "laplace") {
        const auto close = language::suggest(
            choices.likelihood, std::vector<std::string>{"bernoulli", "gaussian", "laplace"});
        refuse(fmt::format("--likelihood {}: no such likelihood", text),
               (close.empty() ? "" : fmt::format("did you mean \"{}\"? ", close.front())) +
                   "known: bernoulli, gaussian, gaussian:SCALE, laplace, laplace:SCALE");
    }
    choices.loss = bernoulli ? "bce" : choices.likelihood + "_nll";
    if (colon == std::string::npos) return;
    const std::string amount = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(amount.data(), amount.data() + amount.size(), choices.likelihood_scale);
    if (bernoulli || error != std::errc{} || end != amount.data() + amount.size() ||
        !(choices.likelihood_scale >= 1e-12 && choices.likelihood_scale <= 1e12))
        refuse(fmt::format("--likelihood {}: \"{}\" is not a scale", text, amount),
               bernoulli ? "a Bernoulli likelihood has none"
                         : "a number above 0, for example gaussian:0.1; without one it is learned");
}

void check_choices(const Choices& choices, const TrainOptions& options, const Preset& preset) {
    if (!preset.takes_hidden && options.hidden && !options.hidden->empty())
        refuse(fmt::format("preset \"{}\" has no hidden layers", preset.info.name),
               "leave out --hidden, or use --model deep");
    for (const std::int64_t width : choices.hidden)
        if (width < 1) refuse(fmt::format("--hidden: a layer of {} units", width));
    if (choices.convolutional && choices.sparsity == "k")
        refuse("preset \"convolutional\" takes no k-sparse code",
               "use --sparsity l1:W or kl:RHO, or --model sparse");
    if (choices.latent < 1) refuse(fmt::format("--latent {}: must be at least 1", choices.latent));
    const bool restricted = preset.restricted || !choices.corruption.kind.empty() ||
                            !choices.sparsity.empty() || choices.contraction > 0 ||
                            choices.codebook > 0;
    if (options.latent && choices.latent >= choices.facts.features() && !restricted &&
        !options.allow_identity)
        refuse(fmt::format("a code of {} is not narrower than a sample of {} values, and nothing "
                           "else keeps it from copying its input",
                           choices.latent, choices.facts.features()),
               "give a smaller --latent, a --corruption, or --allow-identity");
}

bool read_number(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

void check_weights(const Choices& choices) {
    if (choices.layerwise && choices.source.masks())
        refuse("--model layerwise learns the codes of the layers below: they cannot be masked",
               "use --on-bad-row skip, or --model deep");
    const bool weighed = choices.source.masks() || choices.emphasis.has_value();
    if (weighed && (choices.likelihood == "gaussian" || choices.likelihood == "laplace"))
        refuse(fmt::format("a {} likelihood takes no weights of values", choices.likelihood),
               "use --on-bad-row skip, or leave out --likelihood");
    if (!choices.emphasis) return;
    if (choices.corruption.kind.empty())
        refuse("--emphasis weighs corrupted values, but nothing is corrupted",
               "add --corruption masking:0.25, or use --model denoising");
    if (choices.corruption.kind == "gaussian")
        refuse(
            "--emphasis tells corrupted values from others, but Gaussian noise is on every value",
            "use --corruption masking:R or salt-and-pepper:R");
}

}  // namespace

Emphasis parse_emphasis(std::string_view text) {
    Emphasis out;
    const std::size_t comma = text.find(',');
    const bool good =
        read_number(text.substr(0, comma), out.alpha) &&
        (comma == std::string_view::npos || read_number(text.substr(comma + 1), out.beta));
    if (!good || !(out.alpha >= 0 && out.alpha <= 1e6 && out.beta >= 0 && out.beta <= 1e6) ||
        out.alpha + out.beta <= 0)
        refuse(fmt::format("--emphasis {}: not a weight of corrupted values, and of others", text),
               "for example 2 (twice as much as others) or 1,0 (only they count)");
    return out;
}

void require_preset(const std::string& name) {
    preset_named(name);
}

Corruption parse_corruption(std::string_view text) {
    struct Known {
        std::string_view kind;
        double amount, high;
    };
    static constexpr Known known[] = {
        {"gaussian", 0.3, 1e6}, {"masking", 0.25, 1}, {"salt-and-pepper", 0.1, 1}};
    if (text == "none") return {};
    const std::size_t colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    for (const Known& entry : known) {
        if (entry.kind != kind) continue;
        Corruption out{std::string(kind), entry.amount};
        if (colon == std::string_view::npos) return out;
        const auto number = [&](std::string_view amount) {
            double value = 0;
            if (!read_number(amount, value) || !(value >= 0 && value <= entry.high))
                refuse(fmt::format("--corruption {}: \"{}\" is not a number in [0, {}]", text,
                                   amount, entry.high));
            return value;
        };
        const std::string_view amount = text.substr(colon + 1);
        const std::size_t second = amount.find(':');
        out.amount = number(amount.substr(0, second));
        if (second != std::string_view::npos) out.last = number(amount.substr(second + 1));
        return out;
    }
    const std::vector<std::string> names{"gaussian", "masking", "salt-and-pepper", "none"};
    const auto close = language::suggest(kind, names);
    refuse(fmt::format("no corruption \"{}\"", kind),
           (close.empty() ? "" : fmt::format("did you mean \"{}\"? ", close.front())) +
               "known: gaussian:SIGMA, masking:RATE, salt-and-pepper:RATE, none");
}

Choices resolve(const TrainOptions& options, const DataFacts& facts) {
    Choices choices;
    choices.source = options.source;
    choices.output = options.output;
    choices.facts = facts;
    choices.seed = options.seed;
    choices.keep_checkpoints = options.keep_checkpoints;
    const bool unit = facts.unit_range();
    choices.loss = unit ? "bce" : "mse";
    if (options.hidden) choices.hidden = *options.hidden;
    choices.latent = options.latent.value_or(default_latent(facts.features()));
    if (options.batch) choices.batch = *options.batch;
    if (options.rate) choices.rate = *options.rate;
    if (options.corruption) choices.corruption = *options.corruption;
    choices.emphasis = options.emphasis;
    if (!options.loss.empty()) choices.loss = options.loss;
    if (!options.schedule.empty()) choices.schedule = options.schedule;
    if (!options.optimizer.empty()) choices.optimizer = options.optimizer;
    if (!options.precision.empty()) choices.precision = options.precision;
    if (choices.precision == "bf16" && choices.optimizer == "sgd")
        refuse("--precision bf16 stores the moments of adam and adamw, sgd has none",
               "leave out --precision, or use --optimizer adam");
    if (!options.activation.empty()) choices.hidden_act = options.activation;
    choices.patience = options.patience.value_or(0);
    choices.beta = options.beta.value_or(1);
    choices.tied = options.tied;
    choices.contraction = options.contraction.value_or(0);
    take_sparsity(choices, options.sparsity);
    take_codebook(choices, options.codebook);
    take_validation(choices, options.validate);

    if (!options.model_text.empty()) {
        choices.preset = "";
        choices.model_text = options.model_text;
        choices.model_name = options.model_name;
    } else {
        const Preset& preset = preset_named(options.preset);
        choices.preset = preset.info.name;
        // Without a hidden layer a linear code would leave a linear model: the code takes the
        // activation. Linear presets say otherwise.
        if (choices.hidden.empty() && options.hidden) choices.code_act = choices.hidden_act;
        preset.decide(choices, options);
        take_likelihood(choices, options);
        const bool sigmoid = choices.loss == "bce" || (unit && !choices.likelihood.empty());
        choices.output_act = sigmoid ? "sigmoid" : "linear";
        if (!options.output_activation.empty()) choices.output_act = options.output_activation;
        // Under a sigmoid and BCE, He's wider weights start small models in a worse place:
        // 784-32-784 ends near 72 nats with Glorot's, above 74 with He's.
        if (choices.init.empty() && sigmoid) choices.init = "glorot_uniform";
        if (!options.init.empty()) choices.init = options.init;
        settle_codebook(choices, options);
        settle_contraction(choices);
        check_choices(choices, options, preset);
    }
    if (choices.loss == "bce" && choices.preset != "" && choices.output_act != "sigmoid")
        refuse(
            fmt::format("BCE needs an output in (0, 1), \"{}\" gives others", choices.output_act),
            "leave out --output-activation, or use --loss mse");
    if (choices.output_act == "sigmoid" && !unit)
        refuse(fmt::format("a sigmoid cannot give data in [{:g}, {:g}]", facts.low, facts.high),
               "leave out --output-activation, or use --scale minmax");
    check_weights(choices);
    if (choices.preset.empty() && !options.likelihood.empty())
        refuse("--likelihood belongs to --model variational",
               "in a file, set likelihood in [model.NAME] and take loss.gaussian_nll");
    if (choices.loss == "bce" && !unit)
        refuse(fmt::format("BCE needs data in [0, 1], found [{:g}, {:g}]", facts.low, facts.high),
               "use --loss mse, or --scale minmax");
    if (options.beta && !choices.variational && choices.codebook == 0)
        refuse(fmt::format("--beta {:g}: there is no divergence and no codebook to weigh",
                           *options.beta),
               "leave it out, or use --model variational, or a --codebook");
    if (!(choices.beta >= 0)) refuse(fmt::format("--beta {:g}: must be at least 0", choices.beta));
    choices.batch = std::max<std::int64_t>(1, std::min(choices.batch, facts.rows));
    choices.epochs = options.epochs.value_or(default_epochs(facts.rows, choices.batch));
    choices.pretrain_epochs =
        options.pretrain_epochs.value_or(std::max<std::int64_t>(1, choices.epochs / 2));
    if (options.pretrain_epochs && !choices.layerwise)
        refuse("--pretrain-epochs belongs to --model layerwise");
    if (choices.layerwise && choices.loss == "bce" && choices.hidden_act != "sigmoid")
        refuse(
            fmt::format(
                "--model layerwise with BCE needs layers whose output is in [0, 1], \"{}\" is not",
                choices.hidden_act),
            "use --loss mse, or leave out --activation");
    return choices;
}

bool exact_contraction(const Choices& c) {
    return c.hidden.empty() && !c.convolutional && !c.normalise && c.sparsity != "k" &&
           c.code_act != "gelu";
}

std::string sizes(const Choices& choices) {
    if (!choices.model_text.empty()) return {};
    std::string text = std::to_string(choices.facts.features());
    for (const std::int64_t width : choices.hidden) text += fmt::format("-{}", width);
    if (choices.dense_code) return text + fmt::format(" channels-{} and back", choices.latent);
    if (choices.convolutional) return text + " channels and back";
    text += fmt::format("-{}", choices.latent);
    for (auto width = choices.hidden.rbegin(); width != choices.hidden.rend(); ++width)
        text += fmt::format("-{}", *width);
    return text + fmt::format("-{}", choices.facts.features());
}

}  // namespace narrows::recipes
