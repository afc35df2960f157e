#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

UpdateRule::~UpdateRule() = default;
Layer::~Layer() = default;

}  // namespace narrows::layers
