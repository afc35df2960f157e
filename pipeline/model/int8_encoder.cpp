#include "pipeline/model/int8_encoder.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/layers/activation.hpp"
#include "pipeline/layers/dense.hpp"
#include "pipeline/model/whole_lines.hpp"

namespace narrows::model {
namespace {

constexpr std::size_t block_rows =
    128;  // bytes of a block and a layer's weights share the L2 cache
constexpr double most_weight = 127;

std::size_t padded(std::size_t columns) {
    return simd::panel_count(columns) * simd::panel_width;
}

struct Range {
    double low = 0, high = 0;
    double step() const { return high > low ? (high - low) / 255 : 1; }
};

Range range_of(std::span<const float> values) {
    constexpr float most = std::numeric_limits<float>::max();
    float low = most, high = -most;
    for (const float value : values) {  // NaN and Inf are never chosen
        low = value < low && value >= -most ? value : low;
        high = value > high && value <= most ? value : high;
    }
    return low <= high ? Range{low, high} : Range{};
}

[[noreturn]] void refuse(std::size_t layer, const std::string& type, const std::string& why) {
    throw Error(Fault::usage, "encoder layer " + std::to_string(layer) + " (" + type + ") " + why,
                "8-bit codes are for encoders of dense layers, activations, normalise, batch_norm "
                "and dropout; encode without --int8");
}

}  // namespace

// Layer by layer: what the layers so far are, and what the calibration samples become.
struct Int8Encoder::Chain {
    std::size_t rows;
    Range range;                        // of what the affine steps stand behind
    std::vector<double> factor, shift;  // value = carrier * factor + shift
    std::vector<double> scale, bias;    // of the last stage, in double

    void begin(std::size_t values) {
        factor.assign(values, 1);
        shift.assign(values, 0);
    }
    bool plain() const {
        return std::all_of(factor.begin(), factor.end(), [](double f) { return f == 1; }) &&
               std::all_of(shift.begin(), shift.end(), [](double s) { return s == 0; });
    }
    // Moves the affine steps into the last stage, before its activation.
    void fold() {
        for (std::size_t j = 0; j < scale.size(); ++j) {
            scale[j] *= factor[j];
            bias[j] = bias[j] * factor[j] + shift[j];
        }
        begin(scale.size());
    }
    void keep(Stage& stage) const {
        std::copy(scale.begin(), scale.end(), stage.scale.data());
        std::copy(bias.begin(), bias.end(), stage.bias.data());
    }
    void dense(layers::Dense& layer, std::span<const float> x, Stage& stage) {
        const std::size_t inputs = stage.inputs, outputs = stage.outputs;
        const std::vector<layers::Parameter*> parameters = layer.parameters();
        const xt::xtensor<float, 1> weights = parameters[0]->values();
        const std::size_t all = weights.size() / inputs;  // of a Gaussian latent half is computed
        scale.assign(outputs, 0);
        bias.assign(outputs, 0);
        if (parameters.size() > 1)
            for (std::size_t j = 0; j < outputs; ++j) bias[j] = parameters[1]->data()[j];

        // The mean of each input as a byte: what rounding of the weights does to the mean output
        // is taken out of the bias (Nagel et al. 2019, section 4.2).
        std::vector<double> mean(inputs, 0);
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t k = 0; k < inputs; ++k) mean[k] += x[r * inputs + k];
        for (std::size_t k = 0; k < inputs; ++k) {
            mean[k] /= static_cast<double>(rows);
            mean[k] = factor[k] != 0 ? (mean[k] - shift[k]) / factor[k] : 0;
            for (std::size_t j = 0; j < outputs; ++j)
                scale[j] = std::max(scale[j], std::abs(factor[k] * weights(k * all + j)));
        }
        std::vector<std::int8_t> whole(inputs * outputs);
        for (double& s : scale) s = s > 0 ? s / most_weight : 1;
        for (std::size_t k = 0; k < inputs; ++k)
            for (std::size_t j = 0; j < outputs; ++j) {
                const double w = weights(k * all + j), exact = factor[k] * w;
                const double q = std::nearbyint(exact / scale[j]);
                whole[k * outputs + j] = static_cast<std::int8_t>(q);
                bias[j] += shift[k] * w + mean[k] * (exact - scale[j] * q);
            }
        stage.panels = layers::Floats(simd::int8_panels_size(inputs, outputs) / sizeof(float));
        simd::pack_int8(whole.data(), inputs, outputs,
                        reinterpret_cast<std::int8_t*>(stage.panels.data()));
        stage.scale = layers::Floats(padded(outputs));
        stage.bias = layers::Floats(padded(outputs));
        begin(outputs);
        keep(stage);
    }
};

Int8Encoder::Int8Encoder(const Autoencoder& model, std::span<const float> x,
                         std::optional<ByteInput> bytes) {
    const Stack& stack = model.encoder();
    features_ = static_cast<std::size_t>(model.input_shape().elements());
    units_ = static_cast<std::size_t>(model.code_shape().elements());
    const std::size_t rows = x.size() / features_;
    std::size_t last_dense = stack.size();
    for (std::size_t i = 0; i < stack.size(); ++i)
        if (dynamic_cast<layers::Dense*>(&stack.layer(i))) last_dense = i;
    if (last_dense == stack.size()) refuse(0, stack.spec(0).type, "is followed by no dense layer");

    Chain chain{rows, range_of(x), {}, {}, {}, {}};
    chain.begin(features_);
    if (bytes && !bytes->factor.empty())
        for (std::size_t k = 0; k < features_; ++k) {
            const std::size_t at = bytes->factor.size() == 1 ? 0 : k;
            chain.factor[k] = bytes->factor[at];
            chain.shift[k] = -double{bytes->shift[at]} * double{bytes->factor[at]};
        }

    const SerialLoop loop;
    std::vector<std::int64_t> ids(rows);
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = rows;
    pass.sample_ids = ids;
    layers::Floats workspace((stack.workspace_bytes(rows, false) + 3) / sizeof(float));
    layers::Floats from(rows * features_);
    std::copy(x.begin(), x.end(), from.data());
    for (std::size_t i = 0; i < stack.size(); ++i) {
        layers::Layer& layer = stack.layer(i);
        const std::string& type = stack.spec(i).type;
        const auto values = static_cast<std::size_t>(stack.input_of(i + 1).elements());
        layers::Floats to(rows * values);
        stack.forward(pass, reinterpret_cast<std::byte*>(workspace.data()), from.data(), to.data(),
                      false, {i, i + 1});
        const std::size_t kept = i >= last_dense ? units_ : values;
        if (auto* dense = dynamic_cast<layers::Dense*>(&layer)) {
            Stage stage;
            stage.inputs = from.size() / rows;
            stage.outputs = kept;
            stage.activation = *dense->activation();
            stage.alpha = dense->alpha();
            if (stage.inputs > simd::int8_most_depth)
                refuse(i, type,
                       "has " + std::to_string(stage.inputs) +
                           " inputs, more than exact sums can hold");
            const double step = chain.range.step(), low = chain.range.low;
            const bool quantised = !stages_.empty() || !bytes;
            if (!stages_.empty()) {
                Stage& before = stages_.back();
                before.factor = layers::Floats(padded(before.outputs));
                before.offset = layers::Floats(padded(before.outputs));
                std::fill_n(before.factor.data(), before.outputs, static_cast<float>(1 / step));
                std::fill_n(before.offset.data(), before.outputs, static_cast<float>(-low / step));
            } else if (!bytes) {
                chain.range = range_of({from.data(), from.size()});
                const double s = chain.range.step();
                for (std::size_t k = 0; k < features_; ++k) {
                    factor_.push_back(static_cast<float>(chain.factor[k] / s));
                    offset_.push_back(static_cast<float>((chain.shift[k] - chain.range.low) / s));
                    chain.factor[k] = s;
                    chain.shift[k] = chain.range.low;
                }
            }
            if (quantised && !stages_.empty())
                for (std::size_t k = 0; k < stage.inputs; ++k) {
                    chain.shift[k] += chain.factor[k] * low;
                    chain.factor[k] *= step;
                }
            chain.dense(*dense, {from.data(), from.size()}, stage);
            widest_ = std::max(widest_, stage.outputs);
            stages_.push_back(std::move(stage));
        } else if (layer.activation()) {
            auto* activation = dynamic_cast<layers::ActivationLayer*>(&layer);
            if (activation == nullptr) refuse(i, type, "is neither dense nor elementwise");
            if (*layer.activation() == simd::Activation::linear) {
                from = std::move(to);
                continue;
            }
            if (stages_.empty() || stages_.back().activation != simd::Activation::linear)
                refuse(i, type,
                       stages_.empty() ? "stands before the first dense layer"
                                       : "follows another activation");
            chain.fold();
            chain.keep(stages_.back());
            stages_.back().activation = *layer.activation();
            stages_.back().alpha = activation->alpha();
        } else {
            std::vector<float> factor(values), offset(values);
            if (!layer.affine(factor, offset)) refuse(i, type, "is neither dense nor elementwise");
            for (std::size_t k = 0; k < chain.factor.size(); ++k) {
                chain.factor[k] *= factor[k];
                chain.shift[k] = chain.shift[k] * factor[k] + offset[k];
            }
            from = std::move(to);
            continue;
        }
        chain.range = range_of({to.data(), to.size()});
        from = std::move(to);
    }
    if (stages_.back().activation == simd::Activation::linear) {
        chain.fold();
        chain.keep(stages_.back());
    } else if (!chain.plain()) {
        last_factor_.assign(chain.factor.begin(), chain.factor.end());
        last_offset_.assign(chain.shift.begin(), chain.shift.end());
    }
    reference_ = layers::Floats(rows * units_);
    const std::size_t stride = rows > 0 ? from.size() / rows : 0;
    for (std::size_t r = 0; r < rows; ++r)
        std::copy_n(from.data() + r * stride, units_, reference_.data() + r * units_);
}

std::size_t Int8Encoder::block_bytes() const {
    return 2 * whole_lines(block_rows * widest_) + whole_lines(block_rows * features_);
}

std::size_t Int8Encoder::workspace_bytes(std::size_t rows) const {
    return (rows + block_rows - 1) / block_rows * block_bytes();
}

std::uint64_t Int8Encoder::bytes() const {
    std::uint64_t sum = (factor_.size() + offset_.size() + reference_.size()) * sizeof(float);
    for (const Stage& stage : stages_)
        sum += sizeof(float) * (stage.panels.size() + stage.scale.size() + stage.bias.size() +
                                stage.factor.size() + stage.offset.size());
    return sum;
}

void Int8Encoder::run(std::size_t rows, const std::uint8_t* u, std::byte* workspace,
                      float* z) const {
    auto* turn = reinterpret_cast<std::uint8_t*>(workspace);
    const std::size_t buffer = whole_lines(block_rows * widest_);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const Stage& stage = stages_[i];
        simd::Int8Product product;
        product.a = u;
        product.a_stride = product.depth = stage.inputs;
        product.rows = rows;
        product.panels = reinterpret_cast<const std::int8_t*>(stage.panels.data());
        product.columns = product.c_stride = stage.outputs;
        product.scale = stage.scale.data();
        product.bias = stage.bias.data();
        product.activation = stage.activation;
        product.alpha = stage.alpha;
        if (i + 1 == stages_.size()) {
            product.c = z;
        } else {
            product.bytes = turn + (i % 2) * buffer;
            product.factor = stage.factor.data();
            product.offset = stage.offset.data();
        }
        simd::kernels().int8_product(product);
        u = product.bytes;
    }
    if (last_factor_.empty()) return;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t j = 0; j < units_; ++j)
            z[r * units_ + j] = z[r * units_ + j] * last_factor_[j] + last_offset_[j];
}

void Int8Encoder::encode(const Loop& loop, std::size_t rows, const std::uint8_t* u,
                         std::byte* workspace, float* z) const {
    loop.each((rows + block_rows - 1) / block_rows, [&](std::size_t block) {
        const std::size_t first = block * block_rows, count = std::min(block_rows, rows - first);
        std::byte* own = workspace + (loop.threads() > 1 ? block * block_bytes() : 0);
        run(count, u + first * features_, own, z + first * units_);
    });
}

void Int8Encoder::encode(const Loop& loop, std::size_t rows, const float* x, std::byte* workspace,
                         float* z) const {
    loop.each((rows + block_rows - 1) / block_rows, [&](std::size_t block) {
        const std::size_t first = block * block_rows, count = std::min(block_rows, rows - first);
        std::byte* own = workspace + (loop.threads() > 1 ? block * block_bytes() : 0);
        auto* u = reinterpret_cast<std::uint8_t*>(own) + 2 * whole_lines(block_rows * widest_);
        simd::kernels().quantise(x + first * features_, factor_.data(), offset_.data(), features_,
                                 count, u);
        run(count, u, own, z + first * units_);
    });
}

CodeError Int8Encoder::error(std::span<const float> x, std::span<const std::uint8_t> u) const {
    CodeError out;
    const std::size_t rows = reference_.size() / units_;
    out.samples = static_cast<std::int64_t>(rows);
    if (rows == 0) return out;
    layers::Floats workspace(workspace_bytes(rows) / sizeof(float)), z(rows * units_);
    auto* memory = reinterpret_cast<std::byte*>(workspace.data());
    const SerialLoop loop;
    if (u.empty())
        encode(loop, rows, x.data(), memory, z.data());
    else
        encode(loop, rows, u.data(), memory, z.data());
    double errors = 0, spread = 0;
    for (std::size_t j = 0; j < units_; ++j) {
        double mean = 0;
        for (std::size_t r = 0; r < rows; ++r) mean += reference_.data()[r * units_ + j];
        mean /= static_cast<double>(rows);
        for (std::size_t r = 0; r < rows; ++r) {
            const double exact = reference_.data()[r * units_ + j];
            const double difference = double{z.data()[r * units_ + j]} - exact;
            errors += difference * difference;
            spread += (exact - mean) * (exact - mean);
            out.most = std::max(out.most, std::abs(difference));
        }
    }
    out.rms = std::sqrt(errors / static_cast<double>(rows * units_));
    out.relative = spread == 0 ? 0 : std::sqrt(errors / spread);
    return out;
}

}  // namespace narrows::model
