#include "pipeline/model/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::model {
namespace {

constexpr double half_log_two_pi = 0.91893853320467274178, log_two = 0.69314718055994530942;

}  // namespace

double Likelihood::nats(const float* prediction, const float* log_scale, const float* target,
                        std::size_t n, float factor, float* to_prediction,
                        float* to_log_scale) const {
    const auto& kernels = simd::kernels();
    if (kind == Kind::bernoulli)
        return (logits ? kernels.bce_logits : kernels.bce)(prediction, target, factor,
                                                           to_prediction, n);
    if (log_scale == nullptr && kind == Kind::gaussian) {
        const double weight = 0.5 / (scale * scale);
        const auto slope = static_cast<float>(factor * weight);
        return weight * kernels.squared_error(prediction, target, slope, to_prediction, n) +
               static_cast<double>(n) * (simd::logarithm(scale) + half_log_two_pi);
    }
    return scaled(prediction, log_scale, target, n, factor, to_prediction, to_log_scale);
}

double Likelihood::scaled(const float* prediction, const float* log_scale, const float* target,
                          std::size_t n, float factor, float* to_prediction,
                          float* to_log_scale) const {
    const bool gaussian = kind == Kind::gaussian;
    const double constant = gaussian ? half_log_two_pi : log_two;
    const double lowest = simd::logarithm(smallest);
    double log_s = simd::logarithm(scale), inverse = 1 / scale, sum = 0;
    float last = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = 0; i < n; ++i) {
        if (log_scale != nullptr && log_scale[i] != last) {  // often the same for a whole row
            last = log_scale[i];
            log_s = std::clamp(static_cast<double>(last), lowest, largest_log_scale);
            inverse = simd::exponential(-log_s);
        }
        const double d = (static_cast<double>(prediction[i]) - target[i]) * inverse;
        const double distance = gaussian ? d * d : std::fabs(d);
        sum += (gaussian ? 0.5 * distance : distance) + log_s + constant;
        if (to_prediction != nullptr) {
            const double slope = gaussian ? d : d > 0 ? 1.0 : d < 0 ? -1.0 : 0.0;
            to_prediction[i] = static_cast<float>(factor * slope * inverse);
        }
        if (to_log_scale != nullptr) {
            const bool held = last < lowest || last > largest_log_scale;
            to_log_scale[i] = held ? 0.0f : static_cast<float>(factor * (1 - distance));
        }
    }
    return sum;
}

Likelihood::Kind likelihood_named(std::string_view name) {
    if (name == "bernoulli") return Likelihood::Kind::bernoulli;
    if (name == "gaussian") return Likelihood::Kind::gaussian;
    if (name == "laplace") return Likelihood::Kind::laplace;
    throw Error(Fault::usage, "no likelihood \"" + std::string(name) + "\"",
                "known: bernoulli, gaussian, laplace");
}

}  // namespace narrows::model
