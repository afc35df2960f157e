#include "pipeline/exchange/layer_reader.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace narrows::exchange {
namespace {

constexpr std::int64_t most_values = std::int64_t{1} << 28;  // of a sample, on its whole way
constexpr std::int64_t most_settled = 2048;                  // values that a layer may put in order

std::int64_t product(const std::vector<std::int64_t>& dims) {
    const std::int64_t count = checked_elements(dims, "a sample");
    if (count < 1 || count > most_values)
        throw Error(Fault::input, "a sample has " + std::to_string(count) + " values on its way",
                    "at most 2^28 are read");
    return count;
}

Shape shape_from(const std::vector<std::int64_t>& dims, const std::string& what) {
    if (dims.empty() || dims.size() > Shape::max_rank - 1)
        throw Error(Fault::input,
                    what + " has " + std::to_string(dims.size()) + " axes beside the batch",
                    "from 1 to 7 are read");
    Shape shape;
    for (const std::int64_t extent : dims) shape.push_back(extent);
    return shape;
}

LayerSpec reshape_spec(const Shape& shape) {
    Setting extents{"shape", {}, {}};
    extents.value.numbers.assign(shape.begin(), shape.end());
    return {"reshape", {extents}, {}};
}

}  // namespace

LayerReader::LayerReader(const Chain& chain, const Factory& factory, std::vector<std::int64_t> dims)
    : chain_(chain), factory_(factory), dims_(std::move(dims)), input_dims_(dims_) {
    product(dims_);
    ours_ = input_ = shape_from(dims_, "the input");
    seen_[chain.input()] = dims_;
}

void LayerReader::begin_decoder() {
    settle();
    if (order_ == Order::open) fix(Order::same);
    stack_ = 1;
}

// Channels last, as all images and signals here.
Shape LayerReader::last_of(const std::vector<std::int64_t>& dims) const {
    Shape shape;
    for (std::size_t axis = 1; axis < dims.size(); ++axis) shape.push_back(dims[axis]);
    shape.push_back(dims[0]);
    return shape;
}

bool LayerReader::one_order() const {
    return dims_.size() < 2 || dims_[0] == 1 || product(dims_) == dims_[0];
}

void LayerReader::fix(Order order) {
    if (order_ != Order::open) return;
    order_ = input_order_ = order;
    if (order == Order::channels_last) ours_ = input_ = last_of(dims_);
}

void LayerReader::want(const Shape& shape) {
    if (ours_ == shape) return;
    if (stack_ == 0 && specs().empty())
        input_ = shape;
    else
        specs().push_back(reshape_spec(shape));
    ours_ = shape;
}

// Value o of [channels, axes...] lies at places()[o] of [axes..., channels].
std::vector<std::size_t> LayerReader::places() const {
    const std::vector<std::int64_t>& dims = order_ == Order::scrambled ? scrambled_ : dims_;
    const auto channels = static_cast<std::size_t>(dims[0]);
    const std::size_t positions = static_cast<std::size_t>(product(dims)) / channels;
    std::vector<std::size_t> out(channels * positions);
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < positions; ++p) out[c * positions + p] = p * channels + c;
    return out;
}

// Before an operator over axes: channels last. Where a dense layer gave the values in the other
// order, its units change places.
void LayerReader::spatial(const onnx::Node& node, std::size_t axes) {
    if (dims_.size() != axes + 1)
        refuse(node, "its input has " + std::to_string(dims_.size()) +
                         " axes beside the batch, not " + std::to_string(axes + 1));
    fix(Order::channels_last);
    if (order_ == Order::scrambled) refuse(node, "its input lies in an order that is not read");
    if (order_ == Order::same && !one_order()) {
        std::size_t last = specs().size();
        while (last > 0 && (specs()[last - 1].type == "activation")) --last;
        if (last == 0 || specs()[last - 1].type != "dense")
            refuse(node,
                   "its input lies channels first, and no dense layer before it can change that");
        const std::vector<std::size_t> place = places();
        const std::string prefix =
            std::string(stack_ == 0 ? "encoder." : "decoder.") + std::to_string(last - 1) + ".";
        for (model::NamedValues& values : weights_) {
            if (values.name != prefix + "weight" && values.name != prefix + "bias") continue;
            const xt::xtensor<float, 1> before = values.values;
            for (std::size_t i = 0; i < before.size(); ++i)
                values.values(i / place.size() * place.size() + place[i % place.size()]) =
                    before(i);
        }
    }
    order_ = Order::channels_last;
    want(last_of(dims_));
}

// The same values, there, under other extents.
void LayerReader::lay_out(const onnx::Node& node, std::vector<std::int64_t> dims) {
    if (product(dims) != product(dims_)) refuse(node, "gives a sample another number of values");
    if (dims == dims_) return;
    fix(Order::same);
    if (order_ == Order::scrambled) {
        if (dims != scrambled_) refuse(node, "reshapes values that lie channels first");
        order_ = Order::channels_last;
    } else if (order_ == Order::channels_last) {
        if (one_order())
            order_ = Order::same;
        else if (dims.size() == 1) {
            order_ = Order::scrambled;
            scrambled_ = dims_;
        } else
            refuse(node, "reshapes values that lie channels first");
    }
    dims_ = std::move(dims);
    if (order_ == Order::channels_last) want(last_of(dims_));
}

void LayerReader::transpose(const onnx::Node& node) {
    const std::vector<std::int64_t> order = Attributes(node).integers("perm");
    const std::size_t rank = dims_.size() + 1;
    std::vector<std::int64_t> same(rank), first(rank), last(rank);
    std::iota(same.begin(), same.end(), 0);
    for (std::size_t axis = 1; axis < rank; ++axis) {
        first[axis] =
            axis == 1 ? static_cast<std::int64_t>(rank) - 1 : static_cast<std::int64_t>(axis) - 1;
        last[axis] = axis + 1 == rank ? 1 : static_cast<std::int64_t>(axis) + 1;
    }
    if (order == same) return;
    fix(Order::same);
    if (order_ == Order::same && order == first) {
        std::rotate(dims_.begin(), dims_.end() - 1, dims_.end());
        order_ = Order::channels_last;
        want(last_of(dims_));
    } else if (order_ == Order::channels_last && order == last) {
        std::rotate(dims_.begin(), dims_.begin() + 1, dims_.end());
        order_ = Order::same;
    } else {
        refuse(node, "changes the order of axes in a way that is not read",
               "channels may go from the last to the first place and back");
    }
}

// Small numbers that a file computes on the way to a shape, for a batch of one sample.
std::vector<std::int64_t> LayerReader::integers(const onnx::Node& node, const std::string& tensor) {
    int steps = 0;
    return integers(node, tensor, 0, steps);
}

std::vector<std::int64_t> LayerReader::integers(const onnx::Node& node, const std::string& tensor,
                                                int depth, int& steps) const {
    if (const Constant* found = chain_.constant(tensor)) {
        if (!found->floats.empty()) refuse(node, "\"" + tensor + "\" should hold integers");
        return found->integers;
    }
    const onnx::Node* from = chain_.producer(tensor);
    constexpr int deepest = 32, most_steps = 4096;  // a tensor may be asked for from several sides
    if (from == nullptr || depth > deepest || ++steps > most_steps || from->input_size() < 1)
        refuse(node, "its shape depends on what flows");
    const std::string& op = from->op_type();
    if (op == "Shape") {
        const auto known = seen_.find(from->input(0));
        if (known == seen_.end()) refuse(*from, "asks for the shape of something that is not read");
        std::vector<std::int64_t> out{1};
        out.insert(out.end(), known->second.begin(), known->second.end());
        return out;
    }
    std::vector<std::int64_t> first = integers(node, from->input(0), depth + 1, steps);
    if (op == "Unsqueeze" || op == "Squeeze" || op == "Cast" || op == "Identity") return first;
    if (op == "Concat") {
        for (int i = 1; i < from->input_size(); ++i) {
            const auto more = integers(node, from->input(i), depth + 1, steps);
            first.insert(first.end(), more.begin(), more.end());
            if (first.size() > 64) refuse(*from, "makes too long a shape");
        }
        return first;
    }
    if (op == "Gather" && from->input_size() == 2) {
        std::vector<std::int64_t> out;
        for (std::int64_t at : integers(node, from->input(1), depth + 1, steps)) {
            if (at < 0) at += static_cast<std::int64_t>(first.size());
            if (at < 0 || at >= static_cast<std::int64_t>(first.size()))
                refuse(*from, "takes an axis that is not there");
            out.push_back(first[static_cast<std::size_t>(at)]);
        }
        return out;
    }
    refuse(*from, "computes a shape in a way that is not read",
           "export the model with a fixed shape of samples");
}

void LayerReader::reshape(const Link& link) {
    const onnx::Node& node = *link.node;
    const std::int64_t count = product(dims_);
    if (link.op == "Flatten") {
        if (Attributes(node).integer("axis", 1) != 1) refuse(node, "flattens across the batch");
        return lay_out(node, {count});
    }
    std::vector<std::int64_t> to =
        node.input_size() > 1 ? integers(node, node.input(1)) : Attributes(node).integers("shape");
    if (to.size() < 2 || to.size() > Shape::max_rank)
        refuse(node, "does not give a batch of samples");
    std::int64_t known = 1;
    std::size_t open = 0;
    for (std::size_t axis = 1; axis < to.size(); ++axis) {
        if (to[axis] == 0 && axis <= dims_.size()) to[axis] = dims_[axis - 1];
        if (to[axis] == -1 && open == 0) {
            open = axis;
            continue;
        }
        if (to[axis] < 1 || to[axis] > count || known > count / to[axis])
            refuse(node, "gives a sample another number of values");
        known *= to[axis];
    }
    if (open > 0) to[open] = count / known;
    lay_out(node, {to.begin() + 1, to.end()});
}

void LayerReader::squeeze(const Link& link) {
    const onnx::Node& node = *link.node;
    std::vector<std::int64_t> axes =
        node.input_size() > 1 ? integers(node, node.input(1)) : Attributes(node).integers("axes");
    const bool away = link.op == "Squeeze";
    const auto rank = static_cast<std::int64_t>(dims_.size()) + 1 +
                      (away ? 0 : static_cast<std::int64_t>(axes.size()));
    for (std::int64_t& axis : axes) axis += axis < 0 ? rank : 0;
    std::sort(axes.begin(), axes.end());
    std::vector<std::int64_t> dims = dims_;
    if (away) std::reverse(axes.begin(), axes.end());
    for (const std::int64_t axis : axes) {
        const auto limit = static_cast<std::int64_t>(dims.size()) + (away ? 0 : 1);
        if (axis < 1 || axis > limit) refuse(node, "names an axis that is not one of a sample");
        if (!away) {
            dims.insert(dims.begin() + (axis - 1), 1);
        } else {
            if (dims[static_cast<std::size_t>(axis - 1)] != 1)
                refuse(node, "takes away an axis that is not 1");
            dims.erase(dims.begin() + (axis - 1));
        }
    }
    if (dims.empty()) dims = {1};
    lay_out(node, std::move(dims));
}

// Codes come in the file's order; of images and signals channels last, as all of them here.
void LayerReader::settle() {
    if (order_ == Order::scrambled) {
        const auto size = static_cast<std::size_t>(product(dims_));
        if (size > most_settled)
            throw Error(
                Fault::input,
                "the model ends in " + std::to_string(size) + " values flattened channels first",
                "end it before it flattens: name that tensor with --code");
        std::vector<float> matrix(size * size);  // rows in the order of the file
        for (std::size_t i = 0; i < size; ++i) matrix[i * size + i] = 1;
        static const onnx::Node end;
        dense(end, std::move(matrix), size, {});
    }
    if (order_ == Order::same && dims_.size() == 1) {
        Shape flat;
        flat.push_back(dims_[0]);
        if (!(ours_ == flat) && stack_ == 0) specs().push_back({"flatten", {}, {}});
        ours_ = flat;
    }
    if (stack_ == 1) check_decoder();
}

void LayerReader::check_decoder() const {
    const bool several =
        input_dims_.size() > 1 && input_dims_[0] != 1 && product(input_dims_) != input_dims_[0];
    const bool here = order_ == Order::channels_last && !one_order();
    const bool there = input_order_ == Order::channels_last;
    if (several && product(dims_) == product(input_dims_) && here != there)
        throw Error(Fault::input,
                    "the decoder gives its values in another order of axes than the input has",
                    "import the encoder alone: leave --decoder out");
}

void LayerReader::read(const Link& link) {
    const std::string& domain = link.node->domain();
    if (!domain.empty() && domain != "ai.onnx" && domain != "com.microsoft")
        refuse(*link.node, "is of another set of operators than ONNX's own");
    using Reader = std::function<void(LayerReader&, const Link&)>;
    static const std::map<std::string, Reader, std::less<>> readers = {
        {"Gemm", &LayerReader::gemm},
        {"MatMul", &LayerReader::matmul},
        {"Conv", [](LayerReader& r, const Link& l) { r.convolution(l, false); }},
        {"ConvTranspose", [](LayerReader& r, const Link& l) { r.convolution(l, true); }},
        {"MaxPool", &LayerReader::pooling},
        {"AveragePool", &LayerReader::pooling},
        {"GlobalAveragePool", &LayerReader::pooling},
        {"GlobalMaxPool", &LayerReader::pooling},
        {"Resize", &LayerReader::resize},
        {"Upsample", &LayerReader::resize},
        {"BatchNormalization", &LayerReader::batch_norm},
        {"Add", &LayerReader::arithmetic},
        {"Sub", &LayerReader::arithmetic},
        {"Mul", &LayerReader::arithmetic},
        {"Div", &LayerReader::arithmetic},
        {"Flatten", &LayerReader::reshape},
        {"Reshape", &LayerReader::reshape},
        {"Squeeze", &LayerReader::squeeze},
        {"Unsqueeze", &LayerReader::squeeze},
        {"Transpose", [](LayerReader& r, const Link& l) { r.transpose(*l.node); }},
        {"Slice", &LayerReader::slice},
        {"Pad", &LayerReader::pad},
        {"Identity", [](LayerReader&, const Link&) {}},
        {"Dropout", [](LayerReader&, const Link&) {}},  // outside training
        {"Cast",
         [](LayerReader&, const Link& l) {
             if (Attributes(*l.node).integer("to", 0) != onnx::Tensor::FLOAT)
                 refuse(*l.node, "only 32-bit floats flow through a model");
         }},
    };
    const auto found = readers.find(link.op);
    if (found != readers.end())
        found->second(*this, link);
    else
        activate(link);
    seen_[link.output] = dims_;
}

}  // namespace narrows::exchange
