// view.units: what each unit of an encoder's layer responds to, as a stream of one sample a unit:
// weights where a layer reads the sample itself, else the inputs that excite its units most.
#pragma once

#include <optional>

#include "pipeline/model/activation_maximisation.hpp"

namespace narrows::plugins {

class ViewUnits final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;

private:
    const model::Autoencoder* model_ = nullptr;
    std::string layer_name_, method_;
    std::int64_t count_ = 0, steps_ = 0, starts_ = 0, batch_ = 0;
    std::size_t layer_ = 0;
    std::vector<float> weights_;  // [values of a picture, units of the layer]; empty: ascent
    std::size_t units_ = 0;       // of the layer
    std::optional<model::Ascent> ascent_;
};

}  // namespace narrows::plugins
