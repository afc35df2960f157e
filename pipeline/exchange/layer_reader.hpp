// Nodes of an ONNX graph into layers with weights. One rule: images and signals are channels-last
// here and channels-first there, so it always knows how the values of a sample lie, and moves
// weights instead of values.
#pragma once

#include "pipeline/exchange/chain.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::exchange {

class LayerReader {
public:
    // `dims`: extents of a sample in the file. A decoder goes on where the encoder ends.
    LayerReader(const Chain& chain, const Factory& factory, std::vector<std::int64_t> dims);

    void read(const Link& link);
    // The rest goes into a stack of its own.
    void begin_decoder();
    // Puts the values that come out into the order that the file gives them in.
    void settle();

    const Shape& input() const { return input_; }
    const std::vector<LayerSpec>& encoder() const { return stacks_[0]; }
    const std::vector<LayerSpec>& decoder() const { return stacks_[1]; }
    const std::vector<model::NamedValues>& weights() const { return weights_; }
    const model::Scaling& scaling() const { return scaling_; }

private:
    // How a sample of `dims_` lies here.
    enum class Order : std::uint8_t {
        open,           // no layer has looked at the input yet
        same,           // as there
        channels_last,  // dims_ [channels, axes...], here [axes..., channels]
        scrambled,      // dims_ [n]: channels first and flat there, channels last and flat here
    };

    // layer_reader.cpp: order and shape
    void fix(Order order);
    void want(const Shape& shape);
    void check_decoder() const;  // gives its values as the input has them
    void spatial(const onnx::Node& node, std::size_t axes);
    void lay_out(const onnx::Node& node, std::vector<std::int64_t> dims);
    void transpose(const onnx::Node& node);
    Shape last_of(const std::vector<std::int64_t>& dims) const;
    bool one_order() const;                   // channels first and last are the same
    std::vector<std::size_t> places() const;  // of each value there, here
    void reshape(const Link& link);
    void squeeze(const Link& link);
    std::vector<std::int64_t> integers(const onnx::Node& node, const std::string& tensor);
    std::vector<std::int64_t> integers(const onnx::Node& node, const std::string& tensor, int depth,
                                       int& steps) const;

    // layer_kinds.cpp: one operator each
    std::size_t add(const onnx::Node& node, LayerSpec spec);
    std::vector<LayerSpec>& specs() { return stacks_[stack_]; }
    void weight(const char* name, Shape shape, std::vector<float> values);
    model::NamedValues* last_weight(const char* name);
    const Constant& floats(const onnx::Node& node, int input) const;
    void dense(const onnx::Node& node, std::vector<float> matrix, std::size_t outputs,
               std::vector<float> bias);
    void gemm(const Link& link);
    void matmul(const Link& link);
    void activation(const onnx::Node& node, const char* name, double alpha = 0);
    void activate(const Link& link);
    void convolution(const Link& link, bool up);
    void pooling(const Link& link);
    void resize(const Link& link);
    void batch_norm(const Link& link);
    void arithmetic(const Link& link);
    bool scale(const onnx::Node& node, const Constant& constant, char op);
    void affine(const onnx::Node& node, std::vector<float> factor, std::vector<float> offset);
    std::vector<float> per_channel(const onnx::Node& node, const Constant& constant) const;
    void slice(const Link& link);
    void pad(const Link& link);

    const Chain& chain_;
    const Factory& factory_;
    std::vector<std::int64_t> dims_, scrambled_, input_dims_;
    Order order_ = Order::open, input_order_ = Order::open;
    Shape input_, ours_;
    std::vector<LayerSpec> stacks_[2];
    std::size_t stack_ = 0;
    std::vector<model::NamedValues> weights_;
    model::Scaling scaling_;
    bool scaled_ = false;                                    // nothing more goes into the scaling
    std::map<std::string, std::vector<std::int64_t>> seen_;  // extents of tensors on the way
};

}  // namespace narrows::exchange
