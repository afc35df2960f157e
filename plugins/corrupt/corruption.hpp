// What the corruptions have in common: x [batch, ...] in, x of the same shape out, row by row, with
// a strength that may change over the epochs of a run. Each random number is a function of (seed,
// node, epoch, sample, element), and so is the strength of the epoch: batch size, threads and
// restarts change nothing. Validation and streaming see one fixed corruption of the last strength.
#pragma once

#include "pipeline/plugin.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {

// From `start` in the first epoch to `end` in the last, on a line or half a cosine.
struct Ramp {
    double start = 0, end = 0;
    std::string kind = "linear";
    // epochs: of the run; 0 where there are none, then the end.
    double at(std::uint32_t epoch, std::uint32_t epochs) const;
};

class Corruption : public Node {
public:
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

protected:
    static Schema& describe_ports(Schema& schema, std::string_view summary) {
        return schema.summary(summary)
            .threads(Threads::parallel)
            .in("x", "f32[batch, ...]", "clean samples")
            .out("x", "f32 like x", "corrupted samples");
    }
    // Which values were chosen, as a weight for a loss: for corruptions that choose.
    template <class Type>
    static Schema& describe_weight(Schema& schema) {
        return schema
            .in("weight", "f32[batch, ...]", "multiplies the output \"weight\"", Need::optional)
            .out("weight", "f32 like x", "alpha where a value was chosen, beta elsewhere")
            .template number<&Type::alpha_>(
                "alpha", 1, 0, 1e6, "weight of the values that were chosen (emphasised denoising)")
            .template number<&Type::beta_>("beta", 0, 0, 1e6, "weight of all other values");
    }
    template <class Type>
    static Schema& describe_schedule(Schema& schema) {
        return schema.template choice<&Type::schedule_>(
            "schedule", "linear", "linear|cosine",
            "how the strength gets from the first epoch's to the last one's");
    }

    std::string schedule_ = "linear";
    double strength_ = 0, end_ = -1;  // end_ below 0: as strength_
    float alpha_ = 1, beta_ = 0;

private:
    virtual void corrupt(const simd::RandomStream& stream, float strength, const float* x, float* y,
                         std::size_t n) const = 0;
    // The gradient of a corrupted value with respect to the clean one, times g.
    virtual void pass_back(const simd::RandomStream& stream, float strength, const float* g,
                           float* out, std::size_t n) const = 0;
    virtual bool chooses() const { return true; }
    float strength_at(const Context::Place& place) const;
    void weigh(Context& context, const Tensor<const float>& clean) const;

    Ramp ramp_;
    std::uint32_t epochs_ = 0;
};

}  // namespace narrows::plugins
