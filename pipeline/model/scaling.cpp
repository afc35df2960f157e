#include "pipeline/model/scaling.hpp"

namespace narrows::model {

FeatureStatistics scaled_statistics(const Scaling& scaling) {
    FeatureStatistics out{scaling.mean, scaling.deviation};
    if (scaling.factor.empty()) return out;
    for (std::size_t i = 0; i < out.mean.size(); ++i) {
        const std::size_t at = scaling.factor.size() == 1 ? 0 : i;
        out.mean[i] = (out.mean[i] - scaling.shift[at]) * scaling.factor[at];
        out.deviation[i] *= scaling.factor[at];
    }
    return out;
}

void require_features(const Scaling& scaling, std::size_t features) {
    const std::size_t known = scaling.shift.size();
    if (known == scaling.factor.size() && (known <= 1 || known == features)) return;
    throw Error(Fault::usage,
                "the model's scaling has " + std::to_string(known) +
                    " features, the samples have " + std::to_string(features),
                "store what the model's decoder gives");
}

void undo_scaling(const Scaling& scaling, std::size_t features, std::span<float> values) {
    require_features(scaling, features);
    if (scaling.shift.empty()) return;
    const bool one = scaling.shift.size() == 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t feature = one ? 0 : i % features;
        const auto factor = static_cast<double>(scaling.factor[feature]);
        const auto shift = static_cast<double>(scaling.shift[feature]);
        values[i] = static_cast<float>(
            factor == 0 ? shift : static_cast<double>(values[i]) / factor + shift);
    }
}

}  // namespace narrows::model
