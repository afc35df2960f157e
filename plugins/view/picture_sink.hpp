// What the nodes that draw share: how values become a picture, and its file.
#pragma once

#include <optional>

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/pictures/grid.hpp"

namespace narrows::plugins {

// Null: none, or of another type.
inline const model::Autoencoder* autoencoder_of(const Model* model) {
    return dynamic_cast<const model::Autoencoder*>(model);
}

class PictureSink : public Node {
public:
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;

protected:
    static void describe_drawing(Schema& schema);
    // Checks parameters and that `sample` can be drawn; throws Error{Fault::usage}.
    void open_drawing(OpenContext& context, const Shape& sample);
    // x [n, sample...] and below (empty, or as large) in model units: drawn, written, reported.
    void write(RunContext& run, std::vector<float>& x, std::vector<float>& below) const;

private:
    std::string file_, style_, colours_;
    std::vector<double> sample_shape_, range_;
    std::int64_t columns_ = 0, scale_ = 0;
    bool each_ = false, crop_ = false, restore_ = false;
    Shape sample_;  // as it is drawn
};

}  // namespace narrows::plugins
