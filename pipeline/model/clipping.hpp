// Clipping by the global norm (Pascanu et al. 2013) without gradient arrays: one round measures
// each tile's gradient, a second computes it again, scaled, and hands it to the optimiser's rule.
#pragma once

#include <map>
#include <vector>

#include "pipeline/layers/layer.hpp"

namespace narrows::model {

// Changes nothing; remembers the sum of squares of every tile by its place.
class Measure final : public layers::UpdateRule {
public:
    explicit Measure(std::span<layers::Parameter* const> parameters);
    ~Measure() override;
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock& block) const override;
    double norm() const;  // tiles added in order

private:
    mutable std::map<const layers::Parameter*, std::vector<double>> squares_;
    std::vector<const layers::Parameter*> order_;
};

class Scaled final : public layers::UpdateRule {
public:
    Scaled(const layers::UpdateRule& rule, float factor) : rule_(rule), factor_(factor) {}
    ~Scaled() override;
    int states() const override { return rule_.states(); }
    void apply(const layers::UpdateBlock& block) const override;

private:
    const layers::UpdateRule& rule_;
    float factor_;
};

}  // namespace narrows::model
