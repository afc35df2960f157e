// Corruption of a batch: additive Gaussian noise, masking, salt and pepper (Vincent et al. 2010).
// The two that choose values also tell which, as weights for the loss: the emphasis on corrupted
// dimensions there counts chosen values alpha times and all others beta times.
#include <algorithm>

#include "plugins/corrupt/corruption.hpp"
#include "plugins/corrupt/places.hpp"

namespace {

using narrows::Schema;
using narrows::plugins::Corruption;
using narrows::simd::kernels;
using narrows::simd::RandomStream;

class Gaussian final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Add zero-mean Gaussian noise to every value.")
            .number<&Gaussian::strength_>("sigma", 0.1, 0, 1e6, "standard deviation", "data units")
            .number<&Gaussian::end_>("sigma_end", -1, -1, 1e6,
                                     "in the last epoch, in validation and outside training; "
                                     "below 0: as sigma",
                                     "data units");
        describe_schedule<Gaussian>(schema);
    }

private:
    bool chooses() const override { return false; }
    void corrupt(const RandomStream& stream, float sigma, const float* x, float* y,
                 std::size_t n) const override {
        kernels().add_gaussian(stream, sigma, x, y, n);
    }
    void pass_back(const RandomStream&, float, const float* g, float* out,
                   std::size_t n) const override {
        std::copy(g, g + n, out);
    }
};

constexpr std::string_view rate_end =
    "in the last epoch, in validation and outside training; below 0: as rate";

class Masking final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Set a random part of the values to a constant (masking noise).")
            .number<&Masking::strength_>("rate", 0.25, 0, 1, "part of the values that is masked")
            .number<&Masking::end_>("rate_end", -1, -1, 1, rate_end)
            .number<&Masking::value_>("value", 0, -1e30, 1e30, "what masked values become",
                                      "data units");
        describe_weight<Masking>(describe_schedule<Masking>(schema));
    }

private:
    void corrupt(const RandomStream& stream, float rate, const float* x, float* y,
                 std::size_t n) const override {
        kernels().mask(stream, rate, value_, 1.0f, x, y, n);
    }
    void pass_back(const RandomStream& stream, float rate, const float* g, float* out,
                   std::size_t n) const override {
        kernels().mask(stream, rate, 0.0f, 1.0f, g, out, n);
    }
    float value_ = 0;
};

class SaltAndPepper final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Set a random part of the values to the lowest or highest value.")
            .number<&SaltAndPepper::strength_>("rate", 0.1, 0, 1,
                                               "part of the values that is replaced")
            .number<&SaltAndPepper::end_>("rate_end", -1, -1, 1, rate_end)
            .number<&SaltAndPepper::low_>("low", 0, -1e30, 1e30, "pepper", "data units")
            .number<&SaltAndPepper::high_>("high", 1, -1e30, 1e30, "salt", "data units");
        describe_weight<SaltAndPepper>(describe_schedule<SaltAndPepper>(schema));
    }

private:
    void corrupt(const RandomStream& stream, float rate, const float* x, float* y,
                 std::size_t n) const override {
        kernels().salt_and_pepper(stream, rate, low_, high_, x, y, n);
    }
    void pass_back(const RandomStream& stream, float rate, const float* g, float* out,
                   std::size_t n) const override {  // the same elements are replaced, by constants
        kernels().salt_and_pepper(stream, rate, 0.0f, 0.0f, g, out, n);
    }
    float low_ = 0, high_ = 1;
};

}  // namespace

NARROWS_PLUGIN("corrupt", "0.1.0", "Corruption of samples: noise that denoising has to undo",
               NARROWS_NODE(Gaussian, "corrupt.gaussian"), NARROWS_NODE(Masking, "corrupt.masking"),
               NARROWS_NODE(SaltAndPepper, "corrupt.salt_and_pepper"),
               NARROWS_NODE(narrows::plugins::Mirror, "corrupt.mirror"),
               NARROWS_NODE(narrows::plugins::Shuffle, "corrupt.shuffle"))
