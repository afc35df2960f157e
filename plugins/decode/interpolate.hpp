// sample.interpolate: codes between those of pairs of rows. Linear: (1 - t) a + t b. Spherical
// (Shoemake 1985; White 2016): (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between a and
// b: between two draws of a Gaussian prior it keeps to where the prior's draws lie.
#pragma once

#include "plugins/decode/codes_of.hpp"

namespace narrows::plugins {

class SampleInterpolate final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;

private:
    std::string from_, to_, path_ = "linear";
    std::int64_t steps_ = 10, batch_ = 128;
    std::shared_ptr<const datasets::Dataset> from_data_, to_data_;
    layers::Floats from_codes_, to_codes_;
    std::size_t code_ = 0;
};

// Point t of the way from a to b, [n] each; where the two are parallel, or one is zero, linear.
void between(const float* a, const float* b, double t, bool spherical, float* out, std::size_t n);

}  // namespace narrows::plugins
