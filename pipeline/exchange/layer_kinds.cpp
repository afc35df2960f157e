// The operators that LayerReader knows, one by one.
#include <algorithm>
#include <cmath>

#include "pipeline/exchange/layer_reader.hpp"
#include "pipeline/exchange/setting.hpp"

namespace narrows::exchange {
namespace {

constexpr std::int64_t most_extent = 4096;  // of kernels, strides and paddings, as layers say too

std::vector<std::int64_t> per_axis(const onnx::Node& node, const char* name, std::size_t axes,
                                   std::int64_t fallback, std::int64_t low) {
    std::vector<std::int64_t> values = Attributes(node).integers(name);
    if (values.empty()) values.assign(axes, fallback);
    if (values.size() != axes)
        refuse(node, std::string("gives ") + name + " for another number of axes");
    for (const std::int64_t value : values)
        if (value < low || value > most_extent)
            refuse(node, std::string(name) + " of " + std::to_string(value) + " is not read");
    return values;
}

// Windows over axes: as the file says, or so that ceil(extent / stride) of them fit.
struct Geometry {
    std::vector<std::int64_t> kernel, stride, dilation, padding;  // padding: low, high of each axis
};

Geometry geometry(const onnx::Node& node, const std::vector<std::int64_t>& kernel,
                  const std::vector<std::int64_t>& extents) {
    const std::size_t axes = kernel.size();
    Geometry out{
        kernel, per_axis(node, "strides", axes, 1, 1), per_axis(node, "dilations", axes, 1, 1), {}};
    const std::string rule = Attributes(node).text("auto_pad", "NOTSET");
    const std::vector<std::int64_t> pads = per_axis(node, "pads", 2 * axes, 0, 0);
    for (std::size_t axis = 0; axis < axes; ++axis) {
        if (rule == "NOTSET" || rule == "VALID") {
            out.padding.push_back(rule == "VALID" ? 0 : pads[axis]);
            out.padding.push_back(rule == "VALID" ? 0 : pads[axis + axes]);
            continue;
        }
        if (rule != "SAME_UPPER" && rule != "SAME_LOWER") refuse(node, "auto_pad is not read");
        const std::int64_t windows = (extents[axis] + out.stride[axis] - 1) / out.stride[axis];
        const std::int64_t reach = (kernel[axis] - 1) * out.dilation[axis] + 1;
        const std::int64_t all =
            std::max<std::int64_t>(0, (windows - 1) * out.stride[axis] + reach - extents[axis]);
        const std::int64_t low = rule == "SAME_UPPER" ? all / 2 : all - all / 2;
        out.padding.push_back(low);
        out.padding.push_back(all - low);
    }
    return out;
}

}  // namespace

// Appends a layer that takes what there is now; its place in the stack.
std::size_t LayerReader::add(const onnx::Node& node, LayerSpec spec) {
    try {
        const auto made = factory_.create(Kind::layer, spec.type, spec.settings);
        auto* layer = dynamic_cast<layers::Layer*>(made.get());
        if (layer == nullptr) throw std::logic_error(spec.type + " is not a layer");
        ours_ = layer->configure(ours_);
    } catch (const Error& error) {
        refuse(node, error.what(), error.hint());
    }
    specs().push_back(std::move(spec));
    return specs().size() - 1;
}

void LayerReader::weight(const char* name, Shape shape, std::vector<float> values) {
    model::NamedValues named;
    named.name = std::string(stack_ == 0 ? "encoder." : "decoder.") +
                 std::to_string(specs().size() - 1) + "." + name;
    named.shape = shape;
    named.values = xt::xtensor<float, 1>::from_shape({values.size()});
    std::copy(values.begin(), values.end(), named.values.begin());
    weights_.push_back(std::move(named));
}

// Of the layer that came last.
model::NamedValues* LayerReader::last_weight(const char* name) {
    if (specs().empty()) return nullptr;
    const std::string wanted = std::string(stack_ == 0 ? "encoder." : "decoder.") +
                               std::to_string(specs().size() - 1) + "." + name;
    for (model::NamedValues& values : weights_)
        if (values.name == wanted) return &values;
    return nullptr;
}

const Constant& LayerReader::floats(const onnx::Node& node, int input) const {
    const Constant* found =
        input < node.input_size() ? chain_.constant(node.input(input)) : nullptr;
    if (found == nullptr || (found->floats.empty() && found->size() > 0))
        refuse(node, "input " + std::to_string(input) + " should be weights that the file holds");
    return *found;
}

// matrix [inputs, outputs] in the order of the file.
void LayerReader::dense(const onnx::Node& node, std::vector<float> matrix, std::size_t outputs,
                        std::vector<float> bias) {
    fix(Order::same);
    if (dims_.size() != 1)
        refuse(node, "multiplies samples of " + std::to_string(dims_.size()) + " axes",
               "only vectors are multiplied: flatten them first");
    const auto inputs = static_cast<std::size_t>(dims_[0]);
    if (outputs < 1 || matrix.size() != inputs * outputs)
        refuse(node, "its weights do not fit " + std::to_string(inputs) + " inputs");
    if (order_ == Order::scrambled) {
        const std::vector<std::size_t> place = places();
        std::vector<float> moved(matrix.size());
        for (std::size_t row = 0; row < inputs; ++row)
            std::copy_n(matrix.begin() + static_cast<std::ptrdiff_t>(row * outputs), outputs,
                        moved.begin() + static_cast<std::ptrdiff_t>(place[row] * outputs));
        matrix = std::move(moved);
    }
    const auto units = static_cast<std::int64_t>(outputs);
    add(node, {"dense",
               {setting::integer("units", units), setting::text("act", "linear"),
                setting::flag("bias", !bias.empty())},
               {}});
    weight("weight", Shape{dims_[0], units}, std::move(matrix));
    if (!bias.empty()) weight("bias", Shape{units}, std::move(bias));
    order_ = Order::same;
    dims_ = {units};
}

void LayerReader::gemm(const Link& link) {
    const onnx::Node& node = *link.node;
    const Attributes attributes(node);
    if (node.input(0) != link.input || attributes.integer("transA", 0) != 0)
        refuse(node, "multiplies from the other side");
    const Constant& table = floats(node, 1);
    if (table.dims.size() != 2) refuse(node, "its weights are no matrix");
    const bool turned = attributes.integer("transB", 0) != 0;
    const auto rows = static_cast<std::size_t>(table.dims[0]);
    const auto columns = static_cast<std::size_t>(table.dims[1]);
    const std::size_t inputs = turned ? columns : rows, outputs = turned ? rows : columns;
    const auto alpha = static_cast<float>(attributes.number("alpha", 1));
    const auto beta = static_cast<float>(attributes.number("beta", 1));
    std::vector<float> matrix(table.floats.size());
    for (std::size_t i = 0; i < inputs; ++i)
        for (std::size_t j = 0; j < outputs; ++j)
            matrix[i * outputs + j] =
                alpha * table.floats[turned ? j * inputs + i : i * outputs + j];
    std::vector<float> bias;
    if (node.input_size() > 2 && !node.input(2).empty()) {
        const Constant& constant = floats(node, 2);
        if (constant.size() != 1 && constant.size() != outputs)
            refuse(node, "its bias has " + std::to_string(constant.size()) + " values for " +
                             std::to_string(outputs) + " outputs");
        for (std::size_t j = 0; j < outputs; ++j)
            bias.push_back(beta * constant.floats[constant.size() == 1 ? 0 : j]);
    }
    dense(node, std::move(matrix), outputs, std::move(bias));
}

void LayerReader::matmul(const Link& link) {
    const onnx::Node& node = *link.node;
    if (node.input(0) != link.input) refuse(node, "multiplies from the other side");
    const Constant& table = floats(node, 1);
    if (table.dims.size() != 2) refuse(node, "its weights are no matrix");
    dense(node, table.floats, static_cast<std::size_t>(table.dims[1]), {});
}

// Closes the layer before, where that has weights and no activation yet.
void LayerReader::activation(const onnx::Node& node, const char* name, double alpha) {
    fix(dims_.size() == 1 ? Order::same : order_);
    if (!specs().empty() &&
        (specs().back().type == "dense" || specs().back().type.starts_with("conv")))
        for (Setting& setting : specs().back().settings)
            if (setting.name == "act" && setting.value.text == "linear") {
                setting.value.text = name;
                if (alpha != 0) specs().back().settings.push_back(setting::number("alpha", alpha));
                return;
            }
    LayerSpec spec{"activation", {setting::text("function", name)}, {}};
    if (alpha != 0) spec.settings.push_back(setting::number("alpha", alpha));
    add(node, std::move(spec));
}

void LayerReader::activate(const Link& link) {
    const onnx::Node& node = *link.node;
    const Attributes attributes(node);
    const std::string& op = link.op;
    const auto slope = [&](double alpha) {
        if (alpha == 0) return activation(node, "relu");
        if (!(alpha > 0 && alpha <= 10))
            refuse(node, "a slope of " + std::to_string(alpha) + " is not read");
        activation(node, "leaky_relu", alpha);
    };
    if (op == "Relu") return activation(node, "relu");
    if (op == "Sigmoid") return activation(node, "sigmoid");
    if (op == "Tanh") return activation(node, "tanh");
    if (op == "Softplus") return activation(node, "softplus");
    if (op == "Selu") {
        const auto is = [&](const char* name, double value) {
            return std::fabs(attributes.number(name, value) - value) <= 1e-6;
        };
        if (!is("alpha", 1.6732632423543772) || !is("gamma", 1.0507009873554805))
            refuse(node, "another alpha or gamma than the usual ones is not read");
        return activation(node, "selu");
    }
    if (op == "LeakyRelu") return slope(attributes.number("alpha", 0.01f));
    if (op == "PRelu" && floats(node, 1).size() == 1)
        return slope(static_cast<double>(floats(node, 1).floats[0]));
    if (op == "Elu") {
        const double alpha = attributes.number("alpha", 1);
        if (!(alpha > 0 && alpha <= 10))
            refuse(node, "a scale of " + std::to_string(alpha) + " is not read");
        return activation(node, "elu", alpha);
    }
    if (op == "Gelu") {
        if (attributes.text("approximate", "none") != "none")
            refuse(node, "the approximate GELU is another function");
        return activation(node, "gelu");
    }
    refuse(
        node, "this operator is not read",
        "read are Gemm, MatMul, Conv, ConvTranspose, pooling, BatchNormalization, activations and "
        "changes of shape");
}

void LayerReader::convolution(const Link& link, bool up) {
    const onnx::Node& node = *link.node;
    const Constant& kernel = floats(node, 1);
    const std::size_t axes = kernel.dims.size() < 2 ? 0 : kernel.dims.size() - 2;
    if (node.input(0) != link.input || axes < 1 || axes > 2)
        refuse(node, "only convolutions over one or two axes are read");
    spatial(node, axes);
    const std::int64_t groups = Attributes(node).integer("group", 1);
    const std::int64_t channels = dims_[0], small = kernel.dims[0];
    const bool divides = groups >= 1 && channels % groups == 0 && small % groups == 0;
    const std::int64_t units = up ? (divides ? kernel.dims[1] * groups : 0) : small;
    if (!divides || units < 1 || (up ? small != channels : kernel.dims[1] * groups != channels))
        refuse(node, "its weights do not fit " + std::to_string(channels) + " channels");
    const std::vector<std::int64_t> taps_of(kernel.dims.begin() + 2, kernel.dims.end());
    const Geometry windows = geometry(node, taps_of, {dims_.begin() + 1, dims_.end()});
    LayerSpec spec{
        std::string(axes == 1 ? "conv1d" : "conv") + (up ? "_transposed" : ""),
        {setting::integer("units", units), setting::numbers("kernel", windows.kernel),
         setting::numbers("stride", windows.stride), setting::numbers("padding", windows.padding),
         setting::numbers("dilation", windows.dilation), setting::integer("groups", groups),
         setting::text("act", "linear"), setting::flag("bias", node.input_size() > 2)},
        {}};
    if (up) {
        if (Attributes(node).find("output_shape", onnx::Attribute::INTS) != nullptr ||
            Attributes(node).text("auto_pad", "NOTSET") != "NOTSET")
            refuse(node, "a transposed convolution is read with pads and output_padding alone");
        spec.settings.push_back(
            setting::numbers("output_padding", per_axis(node, "output_padding", axes, 0, 0)));
    }
    std::vector<std::int64_t> bound{units};  // no smaller than what comes out
    for (std::size_t axis = 0; axis < axes; ++axis)
        bound.push_back((dims_[axis + 1] + 1) * (up ? windows.stride[axis] : 1) + 4 * most_extent);
    checked_elements(bound, name_of(node));

    const auto big = static_cast<std::size_t>(kernel.dims[1]), n = static_cast<std::size_t>(small);
    const std::size_t taps = kernel.floats.size() / std::max<std::size_t>(1, big * n);
    std::vector<float> matrix(kernel.floats.size());
    for (std::size_t s = 0; s < n; ++s)
        for (std::size_t b = 0; b < big; ++b)
            for (std::size_t tap = 0; tap < taps; ++tap)
                matrix[(tap * big + b) * n + s] = kernel.floats[(s * big + b) * taps + tap];
    add(node, std::move(spec));
    weight("weight", Shape{static_cast<std::int64_t>(taps * big), small}, std::move(matrix));
    if (node.input_size() > 2) {
        const Constant& bias = floats(node, 2);
        if (bias.size() != static_cast<std::size_t>(units)) refuse(node, "its bias does not fit");
        weight("bias", Shape{units}, bias.floats);
    }
    dims_.assign(1, units);
    for (std::size_t axis = 0; axis < axes; ++axis) dims_.push_back(ours_[axis]);
}

void LayerReader::pooling(const Link& link) {
    const onnx::Node& node = *link.node;
    const Attributes attributes(node);
    const std::size_t axes = dims_.size() - 1;
    if (axes < 1 || axes > 2) refuse(node, "only pooling over one or two axes is read");
    spatial(node, axes);
    const std::vector<std::int64_t> extents(dims_.begin() + 1, dims_.end());
    const bool global = link.op.starts_with("Global"), maximum = link.op.ends_with("MaxPool");
    const Geometry windows =
        geometry(node, global ? extents : per_axis(node, "kernel_shape", axes, 0, 1), extents);
    const bool padded = std::any_of(windows.padding.begin(), windows.padding.end(),
                                    [](std::int64_t side) { return side > 0; });
    if (windows.dilation != std::vector<std::int64_t>(axes, 1))
        refuse(node, "dilated pooling is not read");
    if (!maximum && padded && attributes.integer("count_include_pad", 0) != 0)
        refuse(node, "counts its padding, which is another mean");
    add(node,
        {maximum ? "max_pool" : "average_pool",
         {setting::numbers("size", windows.kernel), setting::numbers("stride", windows.stride),
          setting::numbers("padding", windows.padding),
          setting::flag("ceil", attributes.integer("ceil_mode", 0) != 0)},
         {}});
    for (std::size_t axis = 0; axis < axes; ++axis) dims_[axis + 1] = ours_[axis];
}

}  // namespace narrows::exchange
