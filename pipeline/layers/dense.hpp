// dense: y = act(x W + b), W [inputs, units]; a sample of any shape is read as a vector. Work is
// cut by column panels and, where those are few, by rows: every output stays one chain over the
// inputs. With unit_norm each unit's weights have length 1, at first and after each update.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Dense final : public Layer {
public:
    ~Dense() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey key) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void prepare_update(std::span<const Trace> traces) override;
    bool restart(std::span<const std::size_t> units, RandomKey key) override;
    std::size_t plan_update(std::span<const Trace> traces) override;
    void update_task(std::size_t task, std::span<const Trace> traces,
                     const UpdateRule& rule) override;
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    std::optional<simd::Activation> activation() const override { return act_; }
    float alpha() const;
    // Sum of the squares of each unit's weights, [units]; one chain a unit, in double.
    void unit_norms(const Loop& loop, float* squares) const;
    // Is the weight's gradient taken for some rows of all panels at a time, instead of panel by
    // panel? Activations that fit no cache are then read once.
    static constexpr bool rows_first(std::size_t samples, std::size_t inputs) {
        return samples * inputs >= std::size_t{3} << 20;
    }
    // Adds scale * factors[j] * W_j to the gradient of unit j's weights in the coming update; calls
    // add up. factors [units].
    void pull(std::span<const double> factors, double scale);
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    // From now on W is the transpose of the other's, which must outlive this layer.
    bool tie(Layer& other) override;
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool passes_relu() const override { return true; }
    bool update_part(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule,
                     const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) override;
    void complete(const Trace& trace) override;
    void parts_arrived(const Loop& loop) override;
    void add_states(const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) override;

private:
    // The matrix that forward multiplies with.
    const float* panels() const { return owner_ ? owner_->weight_->transposed() : weight_->data(); }
    void update_tiles(std::size_t panel, std::size_t first, std::size_t last,
                      const UpdateRule& rule);
    void normalise_panel(std::size_t panel);
    void update_bias(std::span<const Trace> traces, const UpdateRule& rule);
    // The weight in tasks of some rows of a panel, as they lie in memory.
    std::size_t panels_count() const { return simd::panel_count(outputs_); }
    std::size_t panel_tasks() const;
    std::size_t weight_tasks() const { return weight_ ? panels_count() * panel_tasks() : 0; }
    std::size_t task_row(std::size_t task) const;  // counted through the panels
    std::vector<std::size_t> task_bounds(const ranks::Ranks& ranks) const;
    bool collect_terms(std::span<const Trace> traces);
    // A pass's workspace: values before the activation [rows, outputs] where its derivative needs
    // them, and copies of x and dz with spaced rows where those pay; null else.
    struct Kept {
        float *before = nullptr, *x = nullptr, *dz = nullptr;
    };
    bool spaces_x() const;
    bool spaces_dz() const;
    Kept kept(const Pass& pass) const;
    void keep(const Kept& to, const float* x, const float* dz, ranks::Rows rows) const;
    bool updates() const { return !(owner_ ? owner_ : this)->weight_->frozen; }
    simd::OuterTerm term_of(const Trace& trace) const;  // x^T dz, from the copies if there are any
    std::size_t plan_tasks(std::span<const Trace> traces, ranks::Rows tasks);

    std::int64_t units_ = 1;
    std::string act_name_ = "linear", init_ = "auto";
    double alpha_ = 0;
    bool bias_used_ = true, unit_norm_ = false;

    std::optional<simd::Activation> act_;
    std::size_t inputs_ = 0, outputs_ = 0;
    std::unique_ptr<Parameter> weight_, bias_;
    Dense* owner_ = nullptr;    // of the weight, when tied
    Dense* partner_ = nullptr;  // who borrows it
    std::span<const Trace> traces_;
    std::vector<simd::OuterTerm> terms_;
    ranks::Rows own_tasks_;  // of this update
    std::size_t together_ = 1;
    bool collected_ = false, bias_task_ = false;  // it changes the weight; the bias
    bool by_rows_ = false;                        // tasks go through the panels first
    std::vector<float> bias_sums_;
    std::vector<float> pull_, coming_pull_;  // of this update and the next, [units in panels]
};

}  // namespace narrows::layers
