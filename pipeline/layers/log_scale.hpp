// log_scale: what a Gaussian or Laplace likelihood learns beside its means. y is x, followed by as
// many values of log s: y [rows, 2 n] = (x [rows, n], log s [n]). log s is a parameter, one for all
// values ("shared", as in Rybkin et al. 2021) or one each ("feature"); it depends on no sample.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC LogScale final : public Layer {
public:
    ~LogScale() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override { return {values_.get()}; }
    void initialise(RandomKey) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    std::string describe() const override { return "log_scale " + kind_; }
    bool samples_apart() const override { return true; }

private:
    bool shared() const { return kind_ == "shared"; }
    std::string kind_ = "shared";
    double start_ = 0;
    std::size_t width_ = 0;
    std::unique_ptr<Parameter> values_;
};

}  // namespace narrows::layers
