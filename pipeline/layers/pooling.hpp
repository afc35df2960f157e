// max_pool and average_pool over channels-last images and signals. One rule: padding is never
// compared nor counted; each task owns whole samples and takes a window's elements in row-major
// order, channels side by side.
#pragma once

#include <vector>

#include "pipeline/layers/layer.hpp"
#include "pipeline/layers/windows.hpp"

namespace narrows::layers {

// y = maximum or mean of the elements of a window that lie inside the input (padding is neither
// compared nor counted). A maximum's gradient goes to the first of equal elements.
class NARROWS_PUBLIC Pooling : public Layer {
public:
    ~Pooling() override;
    Shape configure(const Shape& input) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    // upsample to the exact input size; throws Error with both shapes when some input elements lie
    // in no window of the mirrored layer.
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

    const Windows& windows() const { return windows_; }
    std::size_t axes() const { return axes_; }  // 1 signals, 2 images

protected:
    enum class Kind : std::uint8_t { maximum, average };
    explicit Pooling(Kind kind) : kind_(kind) {}
    static void describe_settings(Schema& schema);

    std::vector<double> size_, stride_, padding_;
    bool ceil_ = false;

private:
    void maximum(const float* x, float* y, std::int32_t* chosen) const;
    void average(const float* x, float* y) const;
    template <class Body>
    void each_window(Body body) const;

    Kind kind_;
    Windows windows_;
    Shape input_, output_;
    std::size_t axes_ = 2;
};

class NARROWS_PUBLIC MaxPool final : public Pooling {
public:
    MaxPool() : Pooling(Kind::maximum) {}
    ~MaxPool() override;
    static void describe(Schema& schema);
    using Pooling::describe;
};
class NARROWS_PUBLIC AveragePool final : public Pooling {
public:
    AveragePool() : Pooling(Kind::average) {}
    ~AveragePool() override;
    static void describe(Schema& schema);
    using Pooling::describe;
};

}  // namespace narrows::layers
