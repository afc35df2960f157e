// encode.below: what the first layers of an encoder give, computed once a sample and kept: the
// input of layers that are trained above frozen ones (Hinton, Osindero and Teh 2006; Bengio et al.
// 2007).
#pragma once

#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class EncodeBelow final : public Node {
public:
    static void describe(Schema& schema);
    ~EncodeBelow() override;
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;

private:
    bool all_kept(std::span<const std::int64_t> ids) const;
    void keep(std::int64_t id, const float* values);
    void take(std::int64_t id, float* values) const;

    std::int64_t layers_ = 0, rows_ = 0;
    std::size_t workspace_ = 0, features_ = 0;
    layers::Floats memory_;  // small enough: here
    int file_ = -1;          // else: a file without a name
    std::vector<std::uint8_t> kept_;
};

}  // namespace narrows::plugins
