// Corruption of a batch: additive Gaussian noise, masking, salt and pepper. Each random number is a
// function of (seed, node, epoch, sample, element), so that batch size, threads and restarts change
// nothing. Validation sees one fixed corruption, the same after every epoch.
#include "pipeline/plugin.hpp"
#include "pipeline/simd/kernels.hpp"

namespace {

using narrows::Context;
using narrows::Need;
using narrows::OpenContext;
using narrows::Schema;
using narrows::Tensor;
using narrows::simd::kernels;
using narrows::simd::RandomStream;

constexpr std::uint32_t validation_epoch = 0xffffffffu;

// What the three have in common: x [batch, ...] in, x of the same shape out, row by row.
class Corruption : public narrows::Node {
public:
    void open(OpenContext& context) override { context.set_shape("x", context.shape("x")); }

    void process(Context& context) override {
        const Tensor<const float> clean = context.in("x");
        const Tensor<float> noisy = context.out("x");
        each_row(context, clean, noisy, [this](const RandomStream& stream, auto x, auto y, auto n) {
            corrupt(stream, x, y, n);
        });
    }

    void backward(Context& context) override {
        const Tensor<const float> dy = context.gradient_of("x");
        const Tensor<float> dx = context.gradient_for("x");
        if (dx.data == nullptr || dy.data == nullptr) return;
        each_row(context, dy, dx, [this](const RandomStream& stream, auto g, auto out, auto n) {
            pass_back(stream, g, out, n);
        });
    }

protected:
    static Schema& describe_ports(Schema& schema, std::string_view summary) {
        return schema.summary(summary)
            .threads(narrows::Threads::parallel)
            .in("x", "f32[batch, ...]", "clean samples")
            .out("x", "f32 like x", "corrupted samples");
    }

private:
    virtual void corrupt(const RandomStream& stream, const float* x, float* y,
                         std::size_t n) const = 0;
    // The gradient of a corrupted value with respect to the clean one, times g.
    virtual void pass_back(const RandomStream& stream, const float* g, float* out,
                           std::size_t n) const = 0;

    template <class Body>
    static void each_row(Context& context, const Tensor<const float>& from, const Tensor<float>& to,
                         const Body& body) {
        const auto& place = context.place();
        const narrows::RandomKey key = context.key();
        const auto ids = context.sample_ids();
        const std::uint32_t epoch =
            place.phase == narrows::Phase::validation ? validation_epoch : place.epoch;
        const auto features = static_cast<std::size_t>(from.row_size());
        context.loop().each(static_cast<std::size_t>(place.count), [&](std::size_t r) {
            const auto row = static_cast<std::int64_t>(r);
            body(RandomStream{key.seed, key.node, epoch, static_cast<std::uint64_t>(ids[r])},
                 from.row(row), to.row(row), features);
        });
    }
};

class Gaussian final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Add zero-mean Gaussian noise to every value.")
            .number<&Gaussian::sigma_>("sigma", 0.1, 0, 1e6, "standard deviation", "data units");
    }

private:
    void corrupt(const RandomStream& stream, const float* x, float* y,
                 std::size_t n) const override {
        kernels().add_gaussian(stream, sigma_, x, y, n);
    }
    void pass_back(const RandomStream&, const float* g, float* out, std::size_t n) const override {
        std::copy(g, g + n, out);
    }
    float sigma_ = 0.1f;
};

class Masking final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Set a random part of the values to a constant (masking noise).")
            .number<&Masking::rate_>("rate", 0.25, 0, 1, "part of the values that is masked")
            .number<&Masking::value_>("value", 0, -1e30, 1e30, "what masked values become",
                                      "data units");
    }

private:
    void corrupt(const RandomStream& stream, const float* x, float* y,
                 std::size_t n) const override {
        kernels().mask(stream, rate_, value_, 1.0f, x, y, n);
    }
    void pass_back(const RandomStream& stream, const float* g, float* out,
                   std::size_t n) const override {
        kernels().mask(stream, rate_, 0.0f, 1.0f, g, out, n);
    }
    float rate_ = 0.25f, value_ = 0;
};

class SaltAndPepper final : public Corruption {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Set a random part of the values to the lowest or highest value.")
            .number<&SaltAndPepper::rate_>("rate", 0.1, 0, 1, "part of the values that is replaced")
            .number<&SaltAndPepper::low_>("low", 0, -1e30, 1e30, "pepper", "data units")
            .number<&SaltAndPepper::high_>("high", 1, -1e30, 1e30, "salt", "data units");
    }

private:
    void corrupt(const RandomStream& stream, const float* x, float* y,
                 std::size_t n) const override {
        kernels().salt_and_pepper(stream, rate_, low_, high_, x, y, n);
    }
    void pass_back(const RandomStream& stream, const float* g, float* out,
                   std::size_t n) const override {  // the same elements are replaced, by constants
        kernels().salt_and_pepper(stream, rate_, 0.0f, 0.0f, g, out, n);
    }
    float rate_ = 0.1f, low_ = 0, high_ = 1;
};

}  // namespace

NARROWS_PLUGIN("corrupt", "0.1.0", "Corruption of samples: noise that denoising has to undo",
               NARROWS_NODE(Gaussian, "corrupt.gaussian"),
               NARROWS_NODE(Masking, "corrupt.masking"),
               NARROWS_NODE(SaltAndPepper, "corrupt.salt_and_pepper"))
