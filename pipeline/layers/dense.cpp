#include "pipeline/layers/dense.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "pipeline/layers/settings.hpp"
#include "pipeline/layers/spaced_rows.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t width = simd::panel_width;
constexpr std::size_t tile_rows = 8;  // of the transposing kernel
// What takes a thread less than this is not worth handing out.
constexpr std::size_t least_steps = std::size_t{3} << 15;   // multiply-adds of a product
constexpr std::size_t least_values = std::size_t{1} << 14;  // of an elementwise pass

// C = A B, in tasks of whole panels; few panels: also by rows, in multiples of the kernel's tiles.
void multiply(const Loop& loop, const simd::Product& product,
              void (*kernel)(const simd::Product&)) {
    const std::size_t panels = simd::panel_count(product.columns);
    const std::size_t threads = loop.threads();
    if (threads <= 1 || product.rows * product.depth * product.columns < least_steps) {
        simd::Product all = product;
        all.first_panel = 0;
        all.last_panel = panels;
        kernel(all);
        return;
    }
    constexpr std::size_t fewest_rows = 24;
    const std::size_t wanted = 4 * threads;
    const std::size_t groups = std::min(panels, wanted);
    const std::size_t most_cuts = std::max<std::size_t>(1, product.rows / fewest_rows);
    const std::size_t cuts = std::clamp<std::size_t>(wanted / groups, 1, most_cuts);
    loop.each(groups * cuts, [&](std::size_t task) {
        const std::size_t group = task / cuts, cut = task % cuts;
        simd::Product part = product;
        part.first_panel = panels * group / groups;
        part.last_panel = panels * (group + 1) / groups;
        const std::size_t first = product.rows * cut / cuts, last = product.rows * (cut + 1) / cuts;
        part.a += first * product.a_stride;
        part.c += first * product.c_stride;
        if (part.before) part.before += first * product.c_stride;
        if (part.relu_output) part.relu_output += first * product.c_stride;
        part.rows = last - first;
        kernel(part);
    });
}

Setting text_setting(std::string name, std::string value) {
    Setting setting{std::move(name), {}, {}};
    setting.value.text = std::move(value);
    return setting;
}

}  // namespace

Dense::~Dense() = default;

void Dense::describe(Schema& schema) {
    schema.summary("Fully connected: y = act(x W + b)")
        .main("units")
        .integer<&Dense::units_>("units", 0, 1, 1 << 24, "outputs")
        .choice<&Dense::act_name_>("act", "linear", settings::activation_choices, "activation")
        .number<&Dense::alpha_>("alpha", 0, 0, 10, settings::alpha_doc)
        .flag<&Dense::bias_used_>("bias", true, "adds a bias to each output")
        .choice<&Dense::init_>("init", "auto", settings::initialiser_choices,
                               "distribution of the first weights")
        .flag<&Dense::unit_norm_>("unit_norm", false,
                                  "the weights of each unit keep length 1, after each update too");
}

Shape Dense::configure(const Shape& input) {
    if (units_ < 1) throw Error(Fault::usage, "dense needs at least one unit");
    act_ = settings::activation_from(act_name_);
    inputs_ = static_cast<std::size_t>(input.elements());
    outputs_ = static_cast<std::size_t>(units_);
    weight_ = std::make_unique<Parameter>("weight", Shape{input.elements(), units_}, true, true);
    if (bias_used_) bias_ = std::make_unique<Parameter>("bias", Shape{units_}, false, false);
    bias_sums_.assign(outputs_, 0.0f);
    return {units_};
}

std::vector<Parameter*> Dense::parameters() {
    std::vector<Parameter*> out;
    if (weight_) out.push_back(weight_.get());
    if (bias_) out.push_back(bias_.get());
    return out;
}

void Dense::initialise(RandomKey key) {
    if (weight_)
        settings::initialise(*weight_, init_, *act_, static_cast<double>(inputs_),
                             static_cast<double>(outputs_), key);
    if (weight_ && unit_norm_)
        for (std::size_t panel = 0; panel < simd::panel_count(outputs_); ++panel)
            normalise_panel(panel);
}

// All units are drawn, so that a unit's new weights depend on the key and its place alone.
bool Dense::restart(std::span<const std::size_t> units, RandomKey key) {
    if (!weight_) return false;
    if (units.empty()) return true;
    Parameter drawn("weight", weight_->shape(), true, true);
    settings::initialise(drawn, init_, *act_, static_cast<double>(inputs_),
                         static_cast<double>(outputs_), key);
    const xt::xtensor<float, 1> fresh = drawn.values();
    for (int which = -1; which < 2; ++which) {
        if (which >= 0 && !weight_->has_state(which)) continue;
        xt::xtensor<float, 1> values = weight_->values(which);
        for (const std::size_t unit : units)
            for (std::size_t at = unit; at < values.size(); at += outputs_)
                values(at) = which < 0 ? fresh(at) : 0.0f;
        weight_->set_values({values.data(), values.size()}, which);
        if (!bias_) continue;
        xt::xtensor<float, 1> biases = bias_->values(which);
        for (const std::size_t unit : units) biases(unit) = 0;
        bias_->set_values({biases.data(), biases.size()}, which);
    }
    if (unit_norm_)
        for (std::size_t panel = 0; panel < simd::panel_count(outputs_); ++panel)
            normalise_panel(panel);
    return true;
}

// The weight gradient broadcasts the values of its left side, which is x where the weight is this
// layer's own, and reads its right side in vectors.
bool Dense::spaces_x() const {
    return owner_ ? spaced::pays_right(inputs_, outputs_) : spaced::pays(inputs_, outputs_);
}
bool Dense::spaces_dz() const {
    return owner_ ? spaced::pays(outputs_, inputs_) : spaced::pays_right(outputs_, inputs_);
}

std::size_t Dense::workspace_bytes(std::size_t max_rows, bool training) const {
    if (!training) return 0;
    std::size_t floats = 0;
    if (simd::derivative_needs_input(*act_)) floats += max_rows * outputs_;
    if (spaces_x()) floats += max_rows * spaced::stride(inputs_);
    if (spaces_dz()) floats += max_rows * spaced::stride(outputs_);
    return floats * sizeof(float);
}

Dense::Kept Dense::kept(const Pass& pass) const {
    Kept out;
    auto* next = reinterpret_cast<float*>(pass.workspace);
    const auto take = [&](std::size_t row) {
        float* const here = next;
        next += pass.rows * row;
        return here;
    };
    if (simd::derivative_needs_input(*act_)) out.before = take(outputs_);
    if (updates() && spaces_x()) out.x = take(spaced::stride(inputs_));
    if (updates() && spaces_dz()) out.dz = take(spaced::stride(outputs_));
    return out;
}

void Dense::keep(const Kept& to, const float* x, const float* dz, ranks::Rows rows) const {
    if (to.x != nullptr) spaced::copy(x, inputs_, rows.first, rows.last, to.x);
    if (to.dz != nullptr) spaced::copy(dz, outputs_, rows.first, rows.last, to.dz);
}

void Dense::complete(const Trace& trace) {
    keep(kept(trace.pass), trace.x, trace.dz, {0, trace.pass.rows});
}

void Dense::forward(const Pass& pass, const float* x, float* y) {
    simd::Product product;
    product.a = x;
    product.a_stride = product.depth = inputs_;
    product.rows = pass.rows;
    product.panels = panels();
    product.columns = product.c_stride = outputs_;
    product.c = y;
    product.bias = bias_ ? bias_->data() : nullptr;
    product.activation = pass.skip_activation ? simd::Activation::linear : *act_;
    product.alpha = settings::alpha_of(*act_, alpha_);
    if (pass.keeps() && simd::derivative_needs_input(*act_)) product.before = kept(pass).before;
    multiply(*pass.loop, product, simd::kernels().product);
}

void Dense::backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) {
    const bool derives =
        !pass.skip_activation && !pass.relu_passed && *act_ != simd::Activation::linear;
    const Kept kept_here = kept(pass);
    if (derives || kept_here.x != nullptr || kept_here.dz != nullptr) {
        const float* const saved = kept_here.before != nullptr ? kept_here.before : y;
        const std::size_t tasks =
            pass.rows * outputs_ < least_values ? 1 : std::min(pass.rows, 4 * pass.loop->threads());
        pass.loop->each(tasks, [&](std::size_t task) {
            const std::size_t first = pass.rows * task / tasks;
            const std::size_t last = pass.rows * (task + 1) / tasks;
            float* const slopes = dy + first * outputs_;
            if (derives)
                simd::kernels().activation_gradient(*act_, settings::alpha_of(*act_, alpha_),
                                                    saved + first * outputs_, slopes, slopes,
                                                    (last - first) * outputs_);
            keep(kept_here, x, dy, {first, last});
        });
    }
    if (dx == nullptr) return;
    simd::Product product;
    product.a = dy;
    product.a_stride = product.depth = outputs_;
    product.rows = pass.rows;
    product.columns = product.c_stride = inputs_;
    product.c = dx;
    product.relu_output = pass.relu_below ? x : nullptr;
    product.panels = owner_ ? owner_->weight_->data() : weight_->data();
    multiply(*pass.loop, product,
             owner_ ? simd::kernels().product : simd::kernels().transposed_product);
}

// Sums in double over the inputs in order; a unit whose weights are all 0 stays so.
void Dense::normalise_panel(std::size_t panel) {
    float* const first = weight_->data() + panel * inputs_ * width;
    std::array<double, width> squares{};
    for (std::size_t row = 0; row < inputs_; ++row)
        for (std::size_t c = 0; c < width; ++c) {
            const double value = first[row * width + c];
            squares[c] += value * value;
        }
    std::array<float, width> factor{};
    for (std::size_t c = 0; c < width; ++c)
        factor[c] = squares[c] > 0 ? static_cast<float>(1 / std::sqrt(squares[c])) : 1.0f;
    for (std::size_t row = 0; row < inputs_; ++row)
        for (std::size_t c = 0; c < width; ++c) first[row * width + c] *= factor[c];
    if (weight_->transposed() == nullptr) return;
    for (std::size_t row = 0; row < inputs_; row += tile_rows)
        simd::kernels().transpose_tile(first + row * width, row, std::min(tile_rows, inputs_ - row),
                                       panel, inputs_, outputs_, weight_->transposed());
}

float Dense::alpha() const {
    return settings::alpha_of(*act_, alpha_);
}

void Dense::unit_norms(const Loop& loop, float* squares) const {
    loop.each(simd::panel_count(outputs_), [&](std::size_t panel) {
        std::array<double, width> sums{};
        const float* weight = panels() + panel * inputs_ * width;
        for (std::size_t i = 0; i < inputs_ * width; ++i)
            sums[i % width] += static_cast<double>(weight[i]) * weight[i];
        const std::size_t first = panel * width;
        for (std::size_t j = first; j < std::min(outputs_, first + width); ++j)
            squares[j] = static_cast<float>(sums[j - first]);
    });
}

void Dense::pull(std::span<const double> factors, double scale) {
    coming_pull_.resize(simd::panel_count(outputs_) * width);
    for (std::size_t j = 0; j < outputs_; ++j)
        coming_pull_[j] += static_cast<float>(scale * factors[j]);
}

// What was pulled at is used by this update alone.
void Dense::prepare_update(std::span<const Trace> traces) {
    traces_ = traces;
    pull_.swap(coming_pull_);
    coming_pull_.clear();
}

bool Dense::tie(Layer& other) {
    auto* owner = dynamic_cast<Dense*>(&other);
    if (owner == nullptr || !owner->weight_) return false;
    if (owner->inputs_ != outputs_ || owner->outputs_ != inputs_)
        throw Error(Fault::usage, "cannot tie weights: " + describe() + " maps " +
                                      std::to_string(inputs_) + " to " + std::to_string(outputs_) +
                                      " values, " + owner->describe() + " maps " +
                                      std::to_string(owner->inputs_) + " to " +
                                      std::to_string(owner->outputs_));
    if (unit_norm_)
        throw Error(Fault::usage,
                    "unit_norm stands on " + describe() + ", whose weights are the encoder's",
                    "set it on the encoder's layer");
    weight_.reset();
    owner->weight_->keep_transposed();  // what this layer goes forward with
    owner_ = owner;
    owner->partner_ = this;
    return true;
}

std::optional<LayerSpec> Dense::mirror(const Shape& input) const {
    LayerSpec spec;
    spec.type = "dense";
    Setting units{"units", {}, {}}, alpha{"alpha", {}, {}}, bias{"bias", {}, {}};
    units.value.integer = input.elements();
    alpha.value.number = alpha_;
    bias.value.flag = bias_used_;
    spec.settings = {units, text_setting("act", act_name_), alpha, bias,
                     text_setting("init", init_)};
    return spec;
}

std::string Dense::describe() const {
    return "dense " + std::to_string(units_) + (act_name_ == "linear" ? "" : " " + act_name_);
}

}  // namespace narrows::layers
