// Settings, shapes, parameters and memory of Convolution.
#include "pipeline/layers/convolution.hpp"

#include <algorithm>
#include <array>

#include "pipeline/layers/settings.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t line = 16;  // floats of a cache line
constexpr std::int64_t most_units = 1 << 20, most_kernel = 4096;

std::size_t rounded(std::size_t floats) {
    return (floats + line - 1) / line * line;
}

Setting integer(std::string name, std::int64_t value) {
    Setting setting{std::move(name), {}, {}};
    setting.value.integer = value;
    setting.value.number = static_cast<double>(value);
    return setting;
}
Setting numbers(std::string name, std::vector<double> values) {
    Setting setting{std::move(name), {}, {}};
    setting.value.numbers = std::move(values);
    return setting;
}

// The same number for every axis is written once.
std::string joined(const std::vector<std::int64_t>& values) {
    if (std::all_of(values.begin(), values.end(), [&](auto v) { return v == values[0]; }))
        return std::to_string(values[0]);
    std::string text;
    for (const std::int64_t value : values)
        text += (text.empty() ? "" : "x") + std::to_string(value);
    return text;
}

}  // namespace

Convolution::~Convolution() {
    if (owner_) owner_->partner_ = nullptr;
}

// big -> small. Without padding written: ceil(big / stride) windows, what is missing shared
// between both ends, the odd one behind.
Axis Convolution::down_axis(std::size_t axis, std::int64_t extent) const {
    const std::size_t axes = static_cast<std::size_t>(rank_);
    Axis a;
    a.big = extent;
    a.kernel = per_axis(kernel_, 3, axes, 1, most_kernel, "kernel")[axis];
    a.stride = per_axis(stride_, 1, axes, 1, most_kernel, "stride")[axis];
    a.dilation = per_axis(dilation_, 1, axes, 1, most_kernel, "dilation")[axis];
    const auto pairs = padding_pairs(padding_, axes);
    if (pairs.empty()) {
        a.small = (a.big + a.stride - 1) / a.stride;
        a.low = std::max<std::int64_t>(0, (a.small - 1) * a.stride + a.reach() - a.big) / 2;
        return a;
    }
    const std::int64_t room = a.big + pairs[axis].first + pairs[axis].second - a.reach();
    a.small = room < 0 ? 0 : room / a.stride + 1;
    a.low = pairs[axis].first;
    return a;
}

// small -> big. Without padding written: small * stride, the adjoint of the rule above.
Axis Convolution::up_axis(std::size_t axis, std::int64_t extent) const {
    const std::size_t axes = static_cast<std::size_t>(rank_);
    Axis a = down_axis(axis, 1);  // kernel, stride and dilation
    a.small = extent;
    const std::int64_t whole = (a.small - 1) * a.stride + a.reach();
    const std::int64_t more =
        per_axis(output_padding_, 0, axes, 0, most_kernel, "output_padding")[axis];
    if (more && more >= std::max(a.stride, a.dilation))
        throw Error(Fault::usage, "output_padding " + std::to_string(more) +
                                      " must be smaller than the stride or the dilation");
    const auto pairs = padding_pairs(padding_, axes);
    if (pairs.empty()) {
        a.big = a.small * a.stride + more;
        a.low = std::max<std::int64_t>(0, whole - a.big) / 2;
        return a;
    }
    a.big = whole - pairs[axis].first - pairs[axis].second + more;
    a.low = pairs[axis].first;
    return a;
}

Shape Convolution::configure(const Shape& input) {
    const std::size_t axes = static_cast<std::size_t>(rank_);
    if (input.rank() != axes && input.rank() != axes + 1)
        throw Error(
            Fault::usage,
            "the input " + to_string(input) + " is not " +
                (rank_ == Rank::image ? "an image [rows, columns] or [rows, columns, channels]"
                                      : "a signal [time] or [time, channels]"),
            rank_ == Rank::image ? "put { reshape = [ROWS, COLUMNS, CHANNELS] } before it"
                                 : "put { reshape = [TIME, CHANNELS] } before it");
    input_ = input;
    const std::int64_t in_channels = input.rank() == axes ? 1 : input[axes];
    if (units_ < 1 || units_ > most_units)
        throw Error(Fault::usage, "the number of output channels must be from 1 to " +
                                      std::to_string(most_units));
    if (groups_ < 1 || in_channels % groups_ || units_ % groups_)
        throw Error(Fault::usage, std::to_string(in_channels) + " input and " +
                                      std::to_string(units_) +
                                      " output channels cannot be cut into " +
                                      std::to_string(groups_) + " groups");
    std::array<Axis, 2> axis;
    for (std::size_t i = 0; i < axes; ++i)
        axis[2 - axes + i] = up() ? up_axis(i, input[i]) : down_axis(i, input[i]);
    windows_ = {axis[0], axis[1], up() ? units_ : in_channels, groups_};
    small_channels_ = up() ? in_channels : units_;
    output_ = {};
    for (std::size_t i = 2 - axes; i < 2; ++i) {
        const std::int64_t extent = up() ? axis[i].big : axis[i].small;
        if (extent < 1)
            throw Error(Fault::usage, "the kernel does not fit into " + to_string(input),
                        "use a smaller kernel or more padding");
        output_.push_back(extent);
    }
    if (!(squeeze_ && units_ == 1)) output_.push_back(units_);

    const std::int64_t n = small_channels_, k = static_cast<std::int64_t>(windows_.depth());
    act_ = settings::activation_from(act_name_);
    depthwise_ = groups_ > 1 && windows_.channels == groups_ && small_channels_ == groups_;
    constexpr std::size_t most_kept = 256;  // floats a position: bounds the memory of a batch
    keeps_ = groups_ == 1 && windows_.channels < 8 && windows_.taps() > 1 &&
             windows_.depth() <= most_kept;
    // A block of patches takes about 48 KiB: measured best between 10 and 80, with little between
    // them. Rows in multiples of 36, which the kernels' register tiles divide or nearly so.
    constexpr std::size_t block_floats = 12288, block_rows = 36, most_rows = 504;
    block_ = std::clamp(block_floats / windows_.depth() / block_rows * block_rows, block_rows,
                        most_rows);
    // Layers that share a weight must agree on its transpose, so only what they have in common says
    // which way they compute.
    constexpr std::size_t most_taps = 64;
    constexpr std::int64_t fewest_gathered = 8, fewest_spread = 12;
    const bool cells = groups_ == 1 && windows_.taps() > 1 && windows_.taps() <= most_taps;
    const bool spreads = cells && windows_.channels >= fewest_spread;
    gathers_.clear();
    spreads_.clear();
    if (cells && windows_.channels >= fewest_gathered) gathers_ = gather_cells(windows_, columns());
    if (spreads) spreads_ = spread_cells(windows_, columns());
    own_weight_ = std::make_unique<Parameter>("weight", Shape{k, n}, true, true);
    own_weight_->keep_transposed(spreads ? windows_.taps() : 1);
    weight_ = own_weight_.get();
    bias_.reset();
    if (bias_used_) bias_ = std::make_unique<Parameter>("bias", Shape{units_}, false, false);
    plan_tiles();
    terms_.resize(keeps_ ? 1 : windows_.taps() * static_cast<std::size_t>(groups_));
    const std::size_t fold = out_channels() < 64 ? 64 / out_channels() : 1;
    bias_sums_.resize(out_channels() * (1 + fold));
    return output_;
}

std::vector<Parameter*> Convolution::parameters() {
    std::vector<Parameter*> out;
    if (own_weight_) out.push_back(own_weight_.get());
    if (bias_) out.push_back(bias_.get());
    return out;
}

// Fans count what a value of the big or the small side takes part in, whatever the stride.
void Convolution::initialise(RandomKey key) {
    if (!own_weight_) return;
    const double taps = static_cast<double>(windows_.taps()) / static_cast<double>(groups_);
    const double big = taps * static_cast<double>(windows_.channels);
    const double small = taps * static_cast<double>(small_channels_);
    settings::initialise(*own_weight_, init_, *act_, up() ? small : big, up() ? big : small, key);
}

void Convolution::share_weight(Convolution& other) {
    const Shape mine = weight_->shape(), theirs = other.weight_->shape();
    const bool same = windows_.rows.kernel == other.windows_.rows.kernel &&
                      windows_.columns.kernel == other.windows_.columns.kernel &&
                      windows_.groups == other.windows_.groups && mine == theirs;
    if (!same)
        throw Error(Fault::usage, "cannot tie weights of different shapes: " + describe() + " " +
                                      to_string(mine) + " and " + other.describe() + " " +
                                      to_string(theirs));
    if (!other.own_weight_ || other.partner_)
        throw Error(Fault::usage, "the weight of " + other.describe() + " is already shared");
    weight_ = other.weight_;
    own_weight_.reset();
    owner_ = &other;
    other.partner_ = this;
}

bool Convolution::tie(Layer& other) {
    auto* owner = dynamic_cast<Convolution*>(&other);
    if (owner == nullptr) return false;
    if (owner->direction_ == direction_)
        throw Error(
            Fault::usage,
            "cannot tie weights: " + describe() + " and " + owner->describe() + " go the same way",
            up() ? "the mirror of a conv_transposed is a conv"
                 : "the mirror of a conv is a conv_transposed");
    share_weight(*owner);
    return true;
}

std::size_t Convolution::out_size() const {
    return static_cast<std::size_t>(output_.elements());
}
std::size_t Convolution::out_channels() const {
    return static_cast<std::size_t>(units_);
}

simd::Activation Convolution::act_in_use(const Pass& pass) const {
    return pass.skip_activation || !act_ ? simd::Activation::linear : *act_;
}

std::size_t Convolution::scratch_size() const {
    if (depthwise_ || windows_.pointwise() || !spreads_.empty()) return 0;
    return rounded(block_ * (depth() + (windows_.groups > 1 ? 2 * simd::panel_width : 0)));
}

std::size_t Convolution::tasks_for(std::size_t units, const Loop& loop) const {
    const std::size_t wanted = loop.threads() <= 1 ? 1 : 4 * loop.threads();
    return std::min({units, wanted, max_tasks});
}

Convolution::Part Convolution::parts(std::size_t rows, bool training) const {
    Part part;
    const bool before = training && act_ && simd::derivative_needs_input(*act_);
    part.kept = part.before + (before ? rounded(rows * out_size()) : 0);
    part.scratch =
        part.kept + (training && keeps_ ? rounded(rows * windows_.positions() * depth()) : 0);
    part.end = part.scratch + max_tasks * scratch_size();
    return part;
}

std::size_t Convolution::workspace_bytes(std::size_t max_rows, bool training) const {
    return parts(max_rows, training).end * sizeof(float);
}

// Explicit padding, and as output padding the elements that no window of the last stride reached:
// exact for every size.
std::optional<LayerSpec> Convolution::mirror(const Shape& input) const {
    const std::size_t axes = static_cast<std::size_t>(rank_);
    const bool channel_axis = input.rank() == axes + 1;
    std::vector<double> kernel, stride, dilation, padding, more;
    for (std::size_t i = 2 - axes; i < 2; ++i) {
        const Axis& a = i == 0 ? windows_.rows : windows_.columns;
        const std::int64_t over = (a.small - 1) * a.stride + a.reach() - a.low;  // needed after low
        kernel.push_back(static_cast<double>(a.kernel));
        stride.push_back(static_cast<double>(a.stride));
        dilation.push_back(static_cast<double>(a.dilation));
        padding.push_back(static_cast<double>(a.low));
        padding.push_back(static_cast<double>(std::max<std::int64_t>(0, over - a.big)));
        more.push_back(static_cast<double>(std::max<std::int64_t>(0, a.big - over)));
    }
    LayerSpec spec;
    spec.type = std::string(up() ? "conv" : "conv_transposed");
    if (rank_ == Rank::signal) spec.type = up() ? "conv1d" : "conv1d_transposed";
    Setting act{"act", {}, {}}, init{"init", {}, {}}, alpha{"alpha", {}, {}}, bias{"bias", {}, {}};
    act.value.text = act_name_;
    init.value.text = init_;
    alpha.value.number = alpha_;
    bias.value.flag = bias_used_;
    spec.settings = {integer("units", channel_axis ? input[axes] : 1),
                     numbers("kernel", kernel),
                     numbers("stride", stride),
                     numbers("padding", padding),
                     numbers("dilation", dilation),
                     integer("groups", groups_),
                     act,
                     alpha,
                     bias,
                     init};
    if (!up()) spec.settings.push_back(numbers("output_padding", more));
    if (!channel_axis) {
        Setting squeeze{"squeeze", {}, {}};
        squeeze.value.flag = true;
        spec.settings.push_back(squeeze);
    }
    return spec;
}

std::string Convolution::describe() const {
    std::string text = std::string(rank_ == Rank::signal ? "conv1d" : "conv") +
                       (up() ? "_transposed " : " ") + std::to_string(units_);
    const std::size_t axes = static_cast<std::size_t>(rank_);
    text += " k" + joined(per_axis(kernel_, 3, axes, 1, most_kernel, "kernel"));
    const std::string stride = joined(per_axis(stride_, 1, axes, 1, most_kernel, "stride"));
    if (stride != "1") text += " s" + stride;
    if (act_name_ != "linear") text += " " + act_name_;
    return text;
}

}  // namespace narrows::layers
