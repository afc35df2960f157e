// Operators that LayerReader knows: normalisation, constants, what is cut off, repeated elements.
#include <algorithm>
#include <cmath>

#include "pipeline/exchange/layer_reader.hpp"
#include "pipeline/exchange/setting.hpp"

namespace narrows::exchange {
void LayerReader::resize(const Link& link) {
    const onnx::Node& node = *link.node;
    const Attributes attributes(node);
    const std::size_t axes = dims_.size() - 1;
    if (axes < 1 || axes > 2) refuse(node, "only one or two axes are resized");
    const std::string how = attributes.text("coordinate_transformation_mode",
                                            link.op == "Resize" ? "half_pixel" : "asymmetric");
    const std::string rounding =
        attributes.text("nearest_mode", link.op == "Resize" ? "round_prefer_floor" : "floor");
    const bool repeats = (how == "asymmetric" && rounding == "floor") ||
                         (how.ends_with("half_pixel") && rounding == "round_prefer_floor");
    if (attributes.text("mode", "nearest") != "nearest" || !repeats)
        refuse(node, "only repeated elements are read", "mode nearest, asymmetric, floor");
    spatial(node, axes);
    std::vector<double> factors;
    const int place = link.op == "Resize" ? 2 : 1;
    if (node.input_size() > place && !node.input(place).empty()) {
        for (const float scale : floats(node, place).floats)
            factors.push_back(static_cast<double>(scale));
    } else if (node.input_size() > 3) {
        const std::vector<std::int64_t> sizes = integers(node, node.input(3));
        if (sizes.size() != axes + 2) refuse(node, "gives sizes for another number of axes");
        factors.assign(2, 1);
        for (std::size_t axis = 1; axis <= axes; ++axis)
            factors.push_back(static_cast<double>(sizes[axis + 1]) /
                              static_cast<double>(dims_[axis]));
    }
    if (factors.size() != axes + 2 || factors[0] != 1 || factors[1] != 1)
        refuse(node, "does not say by how much");
    factors.erase(factors.begin(), factors.begin() + 2);
    std::vector<std::int64_t> bound{dims_[0]};
    for (std::size_t axis = 0; axis < axes; ++axis) {
        if (!(factors[axis] >= 1 && factors[axis] <= 4096) ||
            factors[axis] != std::floor(factors[axis]))
            refuse(node, "elements are repeated a whole number of times or not at all");
        bound.push_back(dims_[axis + 1] * static_cast<std::int64_t>(factors[axis]));
    }
    checked_elements(bound, name_of(node));
    add(node, {"upsample", {setting::numbers("factor", factors)}, {}});
    for (std::size_t axis = 0; axis < axes; ++axis) dims_[axis + 1] = ours_[axis];
}

// One number a channel: as they lie here, where the file's order is another.
std::vector<float> LayerReader::per_channel(const onnx::Node& node,
                                            const Constant& constant) const {
    const auto channels = static_cast<std::size_t>(ours_[ours_.rank() - 1]);
    std::vector<std::int64_t> dims = constant.dims;
    while (dims.size() > dims_.size() && dims.front() == 1) dims.erase(dims.begin());
    if (constant.size() == 1) return std::vector<float>(channels, constant.floats[0]);
    if (order_ == Order::channels_last) {  // [channels, 1, 1]
        bool fits = dims.size() == dims_.size() && constant.size() == channels;
        for (std::size_t axis = 1; axis < dims.size(); ++axis) fits = fits && dims[axis] == 1;
        if (fits && dims[0] == dims_[0]) return constant.floats;
    } else if (constant.size() == channels && !dims.empty() && dims.back() == dims_.back()) {
        if (order_ == Order::same) return constant.floats;
        const std::vector<std::size_t> place = places();
        std::vector<float> moved(channels);
        for (std::size_t i = 0; i < channels; ++i) moved[place[i]] = constant.floats[i];
        return moved;
    }
    refuse(node, "a constant of " + std::to_string(constant.size()) +
                     " values does not fit its input channel by channel");
}

// y = x * factor + offset of each channel, as a batch_norm that has seen nothing: mean 0,
// variance 1.
void LayerReader::affine(const onnx::Node& node, std::vector<float> factor,
                         std::vector<float> offset) {
    const std::size_t channels = factor.size();
    const Shape shape{static_cast<std::int64_t>(channels)};
    add(node, {"batch_norm", {setting::number("epsilon", 0)}, {}});
    weight("gain", shape, std::move(factor));
    weight("shift", shape, std::move(offset));
    weight("running_mean", shape, std::vector<float>(channels));
    weight("running_variance", shape, std::vector<float>(channels, 1));
}

void LayerReader::batch_norm(const Link& link) {
    const onnx::Node& node = *link.node;
    const Attributes attributes(node);
    if (attributes.integer("training_mode", 0) != 0)
        refuse(node, "works in training mode", "export the model for inference: model.eval()");
    if (dims_.size() > 1) spatial(node, dims_.size() - 1);
    fix(Order::same);
    std::vector<float> values[4];
    for (int part = 0; part < 4; ++part) {
        const Constant& constant = floats(node, part + 1);
        if (constant.size() != static_cast<std::size_t>(dims_[0]))
            refuse(node, "has statistics of " + std::to_string(constant.size()) + " channels for " +
                             std::to_string(dims_[0]));
        values[part] = constant.floats;
        if (order_ != Order::scrambled) continue;
        const std::vector<std::size_t> place = places();
        for (std::size_t i = 0; i < place.size(); ++i) values[part][place[i]] = constant.floats[i];
    }
    const double epsilon = attributes.number("epsilon", 1e-5f);
    if (!(epsilon >= 0 && epsilon <= 1)) refuse(node, "epsilon is not from 0 to 1");
    const std::int64_t channels = dims_[0];
    if (order_ == Order::scrambled || dims_.size() == 1) want(Shape{channels});
    add(node, {"batch_norm", {setting::number("epsilon", epsilon)}, {}});
    const char* const names[] = {"gain", "shift", "running_mean", "running_variance"};
    for (int part = 0; part < 4; ++part)
        weight(names[part], Shape{channels}, std::move(values[part]));
}

// What stands before all layers is the model's scaling: x = (x - shift) * factor.
bool LayerReader::scale(const onnx::Node& node, const Constant& constant, char op) {
    const bool moves = op == '+' || op == '-';
    if (stack_ != 0 || !specs().empty() || scaled_ || (moves && !scaling_.shift.empty()))
        return false;
    std::vector<std::int64_t> dims = constant.dims;
    while (dims.size() > dims_.size() && dims.front() == 1) dims.erase(dims.begin());
    const auto features = static_cast<std::size_t>(ours_.elements());
    std::vector<float> values = constant.floats;
    if (values.size() != 1) {
        std::int64_t others = 1;
        for (std::size_t axis = 1; axis < dims.size(); ++axis) others *= dims[axis];
        const bool by_channel = dims_.size() > 1 && dims.size() == dims_.size() && others == 1 &&
                                dims[0] == dims_[0] && order_ != Order::same;
        if (by_channel) {
            fix(Order::channels_last);
            for (std::size_t i = values.size(); i < features; ++i)
                values.push_back(values[i % constant.floats.size()]);
        } else if (dims == dims_ && order_ != Order::channels_last) {
            fix(Order::same);
        } else {
            return false;
        }
    }
    std::vector<float>& into = moves ? scaling_.shift : scaling_.factor;
    for (float& value : values) {
        if (op == '+') value = -value;
        if (op == '/') value = 1 / value;
        if (!std::isfinite(value)) refuse(node, "scales by what is not a number");
    }
    into = std::move(values);
    scaling_.kind = "standard";
    scaled_ = !moves;
    // Both parts have one number, or one a feature.
    if (scaling_.shift.empty()) scaling_.shift.assign(scaling_.factor.size(), 0.0f);
    if (scaling_.factor.empty() || !scaled_) scaling_.factor.assign(scaling_.shift.size(), 1.0f);
    const std::size_t size = std::max(scaling_.shift.size(), scaling_.factor.size());
    for (std::vector<float>* part : {&scaling_.shift, &scaling_.factor})
        if (part->size() == 1) part->assign(size, (*part)[0]);
    return true;
}

void LayerReader::arithmetic(const Link& link) {
    const onnx::Node& node = *link.node;
    if (node.input_size() != 2) refuse(node, "needs two inputs");
    const bool right = node.input(0) == link.input;
    const Constant& constant = floats(node, right ? 1 : 0);
    if (constant.size() == 0) refuse(node, "its constant is empty");
    const char op = link.op == "Add" ? '+' : link.op == "Sub" ? '-' : link.op == "Mul" ? '*' : '/';
    if (op == '/' && !right) refuse(node, "divides by what flows");
    if (right || op == '+' || op == '*')
        if (scale(node, constant, op)) return;
    scaled_ = true;
    fix(dims_.size() == 1 ? Order::same : Order::channels_last);
    // The bias that a product without one is followed by.
    const bool closes = !specs().empty() && specs().back().type == "dense" && op == '+' &&
                        last_weight("bias") == nullptr &&
                        constant.size() == static_cast<std::size_t>(dims_[0]);
    if (closes)
        for (Setting& setting : specs().back().settings) {
            const bool linear = specs().back().settings[1].value.text == "linear";
            if (setting.name != "bias" || !linear) continue;
            setting.value.flag = true;
            return weight("bias", Shape{dims_[0]}, constant.floats);
        }
    if (dims_.size() == 1) want(Shape{dims_[0]});
    std::vector<float> values = per_channel(node, constant);
    std::vector<float> factor(values.size(), 1), offset(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (op == '+') offset[i] = values[i];
        if (op == '-') offset[i] = right ? -values[i] : values[i];
        if (op == '-' && !right) factor[i] = -1;
        if (op == '*') factor[i] = values[i];
        if (op == '/') factor[i] = 1 / values[i];
    }
    affine(node, std::move(factor), std::move(offset));
}

// Units first ... last-1 of the dense layer before: one head of several.
void LayerReader::slice(const Link& link) {
    const onnx::Node& node = *link.node;
    std::vector<std::int64_t> given[4];  // starts, ends, axes, steps
    for (int which = 0; which < 4 && which + 1 < node.input_size(); ++which)
        given[which] = integers(node, node.input(which + 1));
    const bool plain = given[0].size() == 1 && given[1].size() == 1 && given[2].size() == 1 &&
                       (given[2][0] == 1 || given[2][0] == -1) &&
                       (given[3].empty() || given[3] == std::vector<std::int64_t>{1});
    model::NamedValues *matrix = last_weight("weight"), *bias = last_weight("bias");
    if (!plain || dims_.size() != 1 || matrix == nullptr || specs().back().type != "dense")
        refuse(node, "only units of a dense layer can be cut off");
    const std::int64_t units = dims_[0];
    const auto place = [&](std::int64_t at) {
        return std::clamp<std::int64_t>(at < 0 ? at + units : at, 0, units);
    };
    const std::int64_t first = place(given[0][0]), last = place(given[1][0]);
    if (first >= last) refuse(node, "leaves nothing");
    const auto cut = [&](model::NamedValues& values, std::size_t rows) {
        auto kept =
            xt::xtensor<float, 1>::from_shape({rows * static_cast<std::size_t>(last - first)});
        for (std::size_t i = 0, at = 0; i < values.values.size(); ++i) {
            const auto column = static_cast<std::int64_t>(i) % units;
            if (column >= first && column < last) kept(at++) = values.values(i);
        }
        values.values = kept;
        values.shape[values.shape.rank() - 1] = last - first;
    };
    cut(*matrix, static_cast<std::size_t>(matrix->shape[0]));
    if (bias) cut(*bias, 1);
    specs().back().settings[0].value.integer = last - first;
    dims_ = {last - first};
    ours_ = Shape{last - first};
}

// Exporters write one before each pooling, and mean none.
void LayerReader::pad(const Link& link) {
    const onnx::Node& node = *link.node;
    const std::vector<std::int64_t> sides =
        node.input_size() > 1 ? integers(node, node.input(1)) : Attributes(node).integers("pads");
    if (std::any_of(sides.begin(), sides.end(), [](std::int64_t side) { return side != 0; }))
        refuse(node, "pads on its own", "give the padding to the convolution or pooling behind it");
}

}  // namespace narrows::exchange
