// The 8-bit encoder against the model in floats, and against sums in exact numbers.
#include <algorithm>
#include <cmath>

#include "pipeline/model/int8_encoder.hpp"
#include "tests/catch.hpp"
#include "tests/model/support.hpp"
#include "tests/support/loops.hpp"

using namespace narrows;
using model::Int8Encoder;
using model_test::dense;
using model_test::make;
using model_test::spec_of;

namespace {

LayerSpec plain(const std::string& type) {
    LayerSpec spec;
    spec.type = type;
    return spec;
}

LayerSpec activation(const std::string& function) {
    LayerSpec spec = plain("activation");
    Setting setting{"function", {}, {}};
    setting.value.text = function;
    spec.settings = {setting};
    return spec;
}

std::vector<float> samples(std::size_t count, std::uint64_t seed, float low = 0, float high = 1) {
    std::vector<float> out(count);
    std::uint64_t state = seed * 2 + 1;
    for (float& value : out) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        value = low + (high - low) * static_cast<float>(state >> 40) * 0x1p-24f;
    }
    return out;
}

// Numbers of character in every parameter: trained or not, running statistics too.
void fill(model::Autoencoder& model) {
    std::uint64_t seed = 100;
    for (layers::Parameter* parameter : model.encoder().parameters()) {
        const bool positive = parameter->name().find("variance") != std::string::npos ||
                              parameter->name() == "deviation";
        const float size = parameter->matrix() ? 0.2f : 0.5f;
        parameter->set_values(
            samples(parameter->count(), seed++, positive ? 0.5f : -size, positive ? 2.0f : size));
    }
}

template <class T>
std::vector<float> codes(const Int8Encoder& encoder, const std::vector<T>& x, const Loop& loop) {
    const std::size_t rows = x.size() / encoder.features();
    std::vector<float> z(rows * encoder.units());
    layers::Floats memory(encoder.workspace_bytes(rows) / sizeof(float));
    encoder.encode(loop, rows, x.data(), reinterpret_cast<std::byte*>(memory.data()), z.data());
    return z;
}

}  // namespace

TEST_CASE("one dense layer of bytes is exact where its weights are", "[int8]") {
    const auto model = make(spec_of({dense(3)}));
    model->configure({5});
    // Every unit's largest weight is 127/128, so one step of its scale is 1/128.
    const std::vector<float> weight{127, -127, 5, 3, 127, -127, 0, 1, 2, -90, 60, 127, 8, 9, 10};
    std::vector<float> scaled = weight;
    for (float& w : scaled) w /= 128;
    model->encoder().parameters()[0]->set_values(scaled);
    model->encoder().parameters()[1]->set_values(std::vector<float>{0.5f, -2, 1});
    const std::vector<std::uint8_t> u{255, 0, 17, 255, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255};
    const std::vector<float> x(u.begin(), u.end()), one{1.0f}, zero{0.0f};

    const Int8Encoder encoder(*model, x, model::ByteInput{zero, one});
    const std::vector<float> z = codes(encoder, u, SerialLoop{});

    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t j = 0; j < 3; ++j) {
            double sum = std::vector<double>{0.5, -2, 1}[j];
            for (std::size_t k = 0; k < 5; ++k) sum += u[r * 5 + k] * double{scaled[k * 3 + j]};
            CHECK(z[r * 3 + j] == static_cast<float>(sum));
        }
    CHECK(encoder.error(x, u).most < 1e-4);
}

TEST_CASE("codes are near those in floats, for bytes and floats, whatever stands between",
          "[int8]") {
    const std::vector<std::vector<LayerSpec>> encoders{
        {dense(40, "relu"), dense(20, "relu"), dense(6)},
        {plain("normalise"), dense(40, "tanh"), plain("dropout"), dense(6)},
        {dense(40), plain("batch_norm"), activation("relu"), dense(24, "relu"), plain("batch_norm"),
         dense(6)},
        {plain("flatten"), dense(40, "elu"), dense(30, "sigmoid"), dense(6, "tanh"),
         plain("batch_norm")},
        {dense(40, "gelu"), dense(6), plain("batch_norm")}};
    for (std::size_t which = 0; which < encoders.size(); ++which) {
        const auto model = make(spec_of(encoders[which], {dense(50)}));
        model->configure({5, 10});
        fill(*model);
        std::vector<std::uint8_t> u;
        std::vector<float> x;
        const std::vector<float> factor{1 / 128.0f}, shift{30.0f};
        for (const float value : samples(300 * 50, 7)) {
            u.push_back(static_cast<std::uint8_t>(value * 255));
            x.push_back((static_cast<float>(u.back()) - shift[0]) * factor[0]);
        }

        const Int8Encoder bytes(*model, x, model::ByteInput{shift, factor});
        const Int8Encoder floats(*model, x, std::nullopt);

        INFO("encoder " << which);
        CHECK(bytes.error(x, u).samples == 300);
        CHECK(bytes.error(x, u).relative < 0.03);
        CHECK(bytes.error(x, u).relative > 0);
        CHECK(floats.error(x, {}).relative < 0.03);
    }
}

TEST_CASE("8-bit codes have the same bits at every kernel level and in any tasks", "[int8]") {
    const auto model = make(spec_of({dense(70, "gelu"), dense(33, "relu"), dense(5)}));
    model->configure({61});
    fill(*model);
    const std::vector<float> x = samples(400 * 61, 3, -2, 3);
    const simd::Level best = simd::kernels().level;
    std::vector<std::vector<float>> found;
    for (const simd::Level level : simd::available()) {
        REQUIRE(simd::select(level));
        const Int8Encoder encoder(*model, x, std::nullopt);
        found.push_back(codes(encoder, x, SerialLoop{}));
        found.push_back(codes(encoder, x, test::BackwardLoop{}));
    }
    REQUIRE(simd::select(best));
    for (const auto& z : found) CHECK(z == found[0]);
}

TEST_CASE("a value beyond the calibration's range becomes the range's end", "[int8]") {
    const auto model = make(spec_of({dense(4)}));
    model->configure({8});
    fill(*model);
    const std::vector<float> x = samples(20 * 8, 5);
    const Int8Encoder encoder(*model, x, std::nullopt);
    const float most = *std::max_element(x.begin(), x.end());

    const auto far = codes(encoder, std::vector<float>(8, 1e9f), SerialLoop{});
    const auto end = codes(encoder, std::vector<float>(8, most), SerialLoop{});

    CHECK(far == end);
}

TEST_CASE("what is not dense or elementwise is refused by name", "[int8]") {
    const std::vector<float> x = samples(4 * 8, 1);
    const auto refused = [&](std::vector<LayerSpec> encoder) {
        const auto model = make(spec_of(std::move(encoder), {dense(8)}));
        model->configure({8});
        try {
            const Int8Encoder made(*model, x, std::nullopt);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };

    CHECK(refused({dense(4), plain("layer_norm")}) ==
          "encoder layer 1 (layer_norm) is neither dense nor elementwise");
    CHECK(refused({activation("relu"), dense(4)}) ==
          "encoder layer 0 (activation) stands before the first dense layer");
    CHECK(refused({dense(4, "relu"), activation("tanh")}) ==
          "encoder layer 1 (activation) follows another activation");
    CHECK(refused({dense(4, "relu"), activation("linear")}).empty());
}
