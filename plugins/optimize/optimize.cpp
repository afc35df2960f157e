// Optimisers: a schedule gives the rate, the model computes each tile's gradient and hands it to
// the rule, which updates weights and moments in one pass.
//   sgd    v = mu v + g; w -= rate v (nesterov: w -= rate (g + mu v))
//   adam   Kingma and Ba 2015, Algorithm 1; decay is L2, added to the gradient
//   adamw  decoupled decay, Loshchilov and Hutter 2019, Algorithm 2
// precision = "bf16" stores the moments of adam and adamw in half the memory: simd/bf16.hpp.
#include "pipeline/model/autoencoder.hpp"
#include "pipeline/plugin.hpp"
#include "pipeline/simd/random.hpp"
#include "plugins/encode/bound_model.hpp"
#include "plugins/optimize/revive.hpp"
#include "plugins/optimize/schedule.hpp"

namespace {

using narrows::Context;
using narrows::OpenContext;
using narrows::RunContext;
using narrows::Schema;
using narrows::layers::Parameter;
using narrows::layers::Precision;
using narrows::layers::UpdateBlock;
using narrows::plugins::autoencoder;
using narrows::simd::AdamStep;
using narrows::simd::kernels;
using narrows::simd::MomentumStep;

// The keys of the rounding that this step takes, one a parameter.
using RoundingKeys = std::vector<std::array<std::uint32_t, 2>>;

class AdamRule final : public narrows::layers::UpdateRule {
public:
    // keys: empty where the moments are fp32; must outlive the rule.
    AdamRule(const AdamStep& matrices, const AdamStep& vectors, const RoundingKeys& keys)
        : matrices_(matrices), vectors_(vectors), keys_(keys) {}
    int states() const override { return 2; }
    void apply(const UpdateBlock& block) const override {
        if (!keys_.empty())
            return kernels().adam_bf16(*adam(*block.parameter), block.offset, block.weight,
                                       block.gradient, block.state[0], block.count);
        kernels().adam(block.decays ? matrices_ : vectors_, block.weight, block.gradient,
                       block.state[0], block.state[1], block.count);
    }
    std::optional<AdamStep> adam(const Parameter& parameter) const override {
        AdamStep step = parameter.decays() ? matrices_ : vectors_;
        if (!keys_.empty()) step.rounding = keys_[parameter.place];
        return step;
    }

private:
    AdamStep matrices_, vectors_;
    const RoundingKeys& keys_;
};

class MomentumRule final : public narrows::layers::UpdateRule {
public:
    MomentumRule(const MomentumStep& matrices, const MomentumStep& vectors)
        : matrices_(matrices), vectors_(vectors) {}
    int states() const override { return matrices_.momentum > 0 ? 1 : 0; }
    void apply(const UpdateBlock& block) const override {
        kernels().momentum(block.decays ? matrices_ : vectors_, block.weight, block.gradient,
                           block.state[0], block.count);
    }

private:
    MomentumStep matrices_, vectors_;
};

class Optimizer : public narrows::Node {
public:
    void open(OpenContext& context) override {
        total_steps_ = context.total_steps();
        epochs_ = context.epochs();
        if (context.mode() != narrows::Mode::train)
            context.fail("optimisers need mode = \"train\"");
        narrows::model::Autoencoder& model = autoencoder(context.model());
        model.make_states(states(), precision());
        model.distribute(narrows::ranks::all());
    }

    void start(RunContext& run) override { read_history(run); }
    void epoch_end(RunContext& run) override { read_history(run); }

    void process(Context& context) override {
        const auto& place = context.place();
        const double rate = schedule_.at(place.step, total_steps_, place.epoch, epochs_, losses_);
        update(context, rate, place.step + 1);
    }

protected:
    template <class Self>
    static Schema& describe_common(Schema& schema, std::string_view summary, double rate) {
        return schema.summary(summary)
            .threads(narrows::Threads::serial)
            .binds_model()
            .updates_model()
            .in("loss", "scalar", "what to make small; several are added", narrows::Need::many)
            .out("done", "event", "the model has been updated")
            .template number<&Self::rate_>("rate", rate, 0, 1e6, "learning rate")
            .template choice<&Self::kind_>("schedule", "constant", "constant|step|cosine|plateau",
                                           "how the rate changes over the run")
            .template number<&Self::warmup_>("warmup", 0, 0, 1e6, "linear rise at the start",
                                             "epochs")
            .template number<&Self::factor_>("factor", 0.1, 0, 1,
                                             "step, plateau: the rate is multiplied with this")
            .template integer<&Self::every_>("every", 10, 1, 1e9, "step: between two drops",
                                             "epochs")
            .template integer<&Self::patience_>("patience", 5, 1, 1e9,
                                                "plateau: without a better loss", "epochs")
            .template number<&Self::final_>("final", 0, 0, 1, "cosine: part of the rate at the end")
            .template number<&Self::clip_>("clip", 0, 0, 1e30,
                                           "largest norm of the whole gradient; 0: no clipping")
            .template number<&Self::decay_>("decay", 0, 0, 1e6, "weight decay of matrices");
    }
    void take_schedule() {
        schedule_ = {kind_, rate_, warmup_, factor_, every_, patience_, final_};
    }

    std::string kind_;
    double rate_ = 0, warmup_ = 0, factor_ = 0, final_ = 0, clip_ = 0, decay_ = 0;
    std::int64_t every_ = 1, patience_ = 1;

private:
    virtual int states() const = 0;
    virtual Precision precision() const { return Precision::fp32; }
    virtual void update(Context& context, double rate, std::uint64_t t) = 0;

    void read_history(RunContext& run) {
        take_schedule();
        losses_.clear();
        const auto& progress = run.progress();
        std::size_t column = progress.history_names.size();
        for (std::size_t i = 0; i < progress.history_names.size(); ++i) {
            const auto& name = progress.history_names[i];
            if (name == "validation_loss" ||
                (name == "loss" && column == progress.history_names.size()))
                column = i;
        }
        for (const auto& row : progress.history)
            if (column < row.size()) losses_.push_back(row[column]);
    }

    narrows::plugins::Schedule schedule_;
    std::vector<double> losses_;
    std::uint64_t total_steps_ = 1;
    std::uint32_t epochs_ = 1;
};

// Adam and AdamW differ in where the decay goes.
template <bool Decoupled>
class AdamLike final : public Optimizer {
public:
    static void describe(Schema& schema) {
        describe_common<AdamLike>(schema,
                                  Decoupled ? "AdamW: Adam with decoupled weight decay."
                                            : "Adam, first and second moments per weight.",
                                  1e-3)
            .template number<&AdamLike::beta1_>("beta1", 0.9, 0, 1, "decay of the first moment")
            .template number<&AdamLike::beta2_>("beta2", 0.999, 0, 1, "decay of the second moment")
            .template number<&AdamLike::epsilon_>("epsilon", 1e-8, 0, 1,
                                                  "added to the root of the second moment")
            .template choice<&AdamLike::precision_>(
                "precision", "fp32", "fp32|bf16",
                "of the moments between steps; bf16: half the memory, rounded at random");
    }

private:
    int states() const override { return 2; }
    Precision precision() const override {
        return precision_ == "bf16" ? Precision::bf16 : Precision::fp32;
    }
    void update(Context& context, double rate, std::uint64_t t) override {
        AdamStep step;
        step.rate = static_cast<float>(rate);
        step.beta1 = static_cast<float>(beta1_);
        step.beta2 = static_cast<float>(beta2_);
        step.epsilon = static_cast<float>(epsilon_);
        step.correction1 = static_cast<float>(1 / (1 - narrows::plugins::power(beta1_, t)));
        step.correction2 = static_cast<float>(1 / (1 - narrows::plugins::power(beta2_, t)));
        AdamStep decaying = step;
        (Decoupled ? decaying.decoupled_decay : decaying.decay) = static_cast<float>(decay_);
        narrows::model::Autoencoder& model = autoencoder(context.model());
        if (precision() == Precision::bf16) draw_keys(context.key(), t, model.parameters().size());
        model.update(context.loop(), AdamRule(decaying, step, keys_), clip_);
    }
    void draw_keys(narrows::RandomKey key, std::uint64_t t, std::size_t parameters) {
        keys_.resize(parameters);
        for (std::size_t i = 0; i < parameters; ++i) {
            const auto words =
                narrows::simd::philox(key.seed, key.node, 0, t, static_cast<std::uint32_t>(i));
            keys_[i] = {words[0], words[1]};
        }
    }
    std::string precision_;
    RoundingKeys keys_;
    double beta1_ = 0.9, beta2_ = 0.999, epsilon_ = 1e-8;
};

class Sgd final : public Optimizer {
public:
    static void describe(Schema& schema) {
        describe_common<Sgd>(schema, "Stochastic gradient descent with momentum.", 1e-2)
            .number<&Sgd::momentum_>("momentum", 0, 0, 1, "part of the last step that is kept")
            .flag<&Sgd::nesterov_>("nesterov", false, "look ahead (Nesterov 1983)");
    }

private:
    int states() const override { return momentum_ > 0 ? 1 : 0; }
    void update(Context& context, double rate, std::uint64_t) override {
        MomentumStep step;
        step.rate = static_cast<float>(rate);
        step.momentum = static_cast<float>(momentum_);
        step.nesterov = nesterov_;
        MomentumStep decaying = step;
        decaying.decay = static_cast<float>(decay_);
        autoencoder(context.model()).update(context.loop(), MomentumRule(decaying, step), clip_);
    }
    double momentum_ = 0;
    bool nesterov_ = false;
};

using Adam = AdamLike<false>;
using AdamW = AdamLike<true>;

}  // namespace

NARROWS_PLUGIN("optimize", "0.1.0", "Optimisers and learning-rate schedules",
               NARROWS_NODE(Sgd, "optimize.sgd"), NARROWS_NODE(Adam, "optimize.adam"),
               NARROWS_NODE(AdamW, "optimize.adamw"),
               NARROWS_NODE(narrows::plugins::Revive, "optimize.revive"))
