#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "pipeline/model/model_file.hpp"
#include "tests/catch.hpp"
#include "tests/model/support.hpp"

using namespace narrows;
using model_test::dense;
using model_test::make;
using model_test::spec_of;

namespace {

std::vector<float> numbers(std::size_t count, std::uint64_t seed) {
    std::vector<float> out(count);
    simd::kernels().normal({seed, 5, 0, 0}, 0, out.data(), count);
    return out;
}

// One step of 1/2 sum (y - x)^2 / rows with the rule.
double train_step(model::Autoencoder& model, const std::vector<float>& x,
                  const layers::UpdateRule& rule, double clip) {
    const SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::training;
    pass.rows = x.size() / static_cast<std::size_t>(model.input_shape().elements());
    std::vector<float> z(pass.rows * static_cast<std::size_t>(model.code_shape().elements())),
        y(x.size()), dy(x.size()), dz(z.size());
    layers::Floats first(model.encoder().workspace_bytes(pass.rows, true) / 4 + 16);
    layers::Floats second(model.decoder().workspace_bytes(pass.rows, true) / 4 + 16);
    auto* one = reinterpret_cast<std::byte*>(first.data());
    auto* two = reinterpret_cast<std::byte*>(second.data());
    model.encoder().forward(pass, one, x.data(), z.data());
    model.decoder().forward(pass, two, z.data(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i)
        dy[i] = (y[i] - x[i]) / static_cast<float>(pass.rows);
    model.decoder().backward(pass, two, z.data(), y.data(), dy.data(), dz.data());
    model.encoder().backward(pass, one, x.data(), z.data(), dz.data(), nullptr);
    return model.update(loop, rule, clip);
}

class Descent final : public layers::UpdateRule {
public:
    explicit Descent(float rate) : rate_(rate) {}
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock& block) const override {
        for (std::size_t i = 0; i < block.count; ++i) block.weight[i] -= rate_ * block.gradient[i];
    }

private:
    float rate_;
};

struct Folder {
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "narrows-model-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

}  // namespace

TEST_CASE("a mirrored decoder has the encoder's sizes backwards and each activation a layer later",
          "[model]") {
    const auto model =
        make(spec_of({dense(64, "relu"), dense(16, "tanh"), dense(4)}), false, "sigmoid");
    model->configure(Shape{10, 10});
    CHECK(model->describe() ==
          "[10, 10] -> dense 64 relu -> dense 16 tanh -> dense 4 | dense 16 tanh -> dense 64 relu "
          "-> dense 100 sigmoid");
    CHECK(model->parameter_count() ==
          2 * (100 * 64 + 64 * 16 + 16 * 4) + 64 + 16 + 4 + 16 + 64 + 100);
}

TEST_CASE("tied weights halve the matrices", "[model]") {
    const auto model = make(spec_of({dense(20, "relu"), dense(5)}), true);
    model->configure(Shape{30});
    CHECK(model->parameter_count() == 30 * 20 + 20 * 5 + 20 + 5 + 20 + 30);
    CHECK(model->describe().ends_with("(tied)"));
    CHECK_THROWS_AS(make(spec_of({dense(20)}, {dense(7), dense(30)}), true)->configure(Shape{30}),
                    Error);
}

TEST_CASE("a decoder of another size is refused with both shapes", "[model]") {
    const auto model = make(spec_of({dense(4)}, {dense(11)}));
    CHECK_THROWS_WITH(model->configure(Shape{10}),
                      "model \"ae\": the decoder gives [11] (11 values) for samples of [10] (10)");
    const auto good = make(spec_of({dense(4)}));
    good->configure(Shape{2, 5});
    good->configure(Shape{10});
    CHECK_THROWS_AS(good->configure(Shape{11}), Error);
}

TEST_CASE("weights come back as they were, and another architecture's are refused", "[model]") {
    const auto a = make(spec_of({dense(8, "relu"), dense(3)})),
               b = make(spec_of({dense(8, "relu"), dense(3)}));
    a->configure(Shape{12});
    b->configure(Shape{12});
    CHECK(a->sha256() == b->sha256());
    auto weights = a->weights();
    CHECK(weights[0].name == "encoder.0.weight");
    weights[0].values(5) += 1;
    b->set_weights(weights);
    CHECK(a->sha256() != b->sha256());
    CHECK((b->weights()[0].values == weights[0].values));
    weights[0].shape = Shape{8, 12};
    CHECK_THROWS_AS(b->set_weights(weights), Error);
}

TEST_CASE("a model's file gives the same model, and its test vectors notice one changed weight",
          "[model]") {
    const Folder folder;
    const auto model = make(spec_of({dense(8, "gelu"), dense(3)}), false, "sigmoid");
    model->configure(Shape{3, 4});
    model::Scaling scaling;
    scaling.kind = "standard";
    scaling.source_type = "f32";
    scaling.shift = numbers(12, 1);
    scaling.factor = numbers(12, 2);
    scaling.mean = scaling.deviation = scaling.shift;
    model->set_scaling(scaling);
    const std::string file = folder.path / "m.h5";
    storage::write_bundle(file, model::to_bundle(*model, "schema = 1\n"));
    ModelSpec from;
    from.name = "other";
    from.file = file;
    const auto again = make(from);
    CHECK(again->sha256() == model->sha256());
    CHECK(again->architecture() == model->architecture());
    CHECK(again->from_file());
    CHECK(again->scaling()->shift == scaling.shift);
    const auto x = numbers(36, 3);
    CHECK(model_test::reconstruct(*again, x) == model_test::reconstruct(*model, x));
    const storage::Bundle bundle = storage::read_bundle(file, "narrows-model");
    CHECK(model::reproduces_test_vectors(bundle, *again));
    auto weights = again->weights();
    weights[0].values(0) += 0.01f;
    again->set_weights(weights);
    CHECK_FALSE(model::reproduces_test_vectors(bundle, *again));
}

TEST_CASE("the architecture keeps every setting, defaults too", "[model]") {
    const auto model = make(spec_of({dense(8, "relu")}));
    model->configure(Shape{12});
    CHECK(
        model->architecture().find(
            R"({"type":"dense","units":8,"act":"relu","alpha":0.0,"bias":true,"init":"auto","unit_norm":false})") !=
        std::string::npos);
}

TEST_CASE("clipping measures the whole gradient and scales the step to it", "[model]") {
    const auto whole = make(spec_of({dense(6)})), clipped = make(spec_of({dense(6)}));
    whole->configure(Shape{40});
    clipped->configure(Shape{40});
    const auto x = numbers(7 * 40, 4), before = [&] {
        std::vector<float> all;
        for (const auto& w : whole->weights())
            all.insert(all.end(), w.values.begin(), w.values.end());
        return all;
    }();
    const auto moved = [&](const model::Autoencoder& model) {
        std::vector<double> out;
        std::size_t at = 0;
        for (const auto& w : model.weights())
            for (const float value : w.values)
                out.push_back(static_cast<double>(value) - before[at++]);
        return out;
    };
    CHECK(train_step(*whole, x, Descent(0.01f), 0) == 0);
    const double norm = train_step(*clipped, x, Descent(0.01f), 0.25);
    double square = 0;
    const auto free = moved(*whole), held = moved(*clipped);
    for (const double d : free) square += d * d;
    CHECK(norm == Approx(std::sqrt(square) / 0.01).epsilon(1e-3));
    REQUIRE(norm > 0.25);
    for (std::size_t i = 0; i < free.size(); i += 17)
        CHECK(held[i] == Approx(free[i] * 0.25 / norm).margin(1e-7));
}

TEST_CASE("a linear autoencoder learns data of rank two", "[model]") {
    const auto model = make(spec_of({dense(2)}), GENERATE(false, true));
    model->configure(Shape{10});
    const auto basis = numbers(20, 6), mix = numbers(2 * 50, 7);
    std::vector<float> x(500);
    for (std::size_t r = 0; r < 50; ++r)
        for (std::size_t i = 0; i < 10; ++i)
            x[r * 10 + i] = mix[2 * r] * basis[i] + mix[2 * r + 1] * basis[10 + i];
    for (int step = 0; step < 4000; ++step) train_step(*model, x, Descent(0.01f), 0);
    const auto y = model_test::reconstruct(*model, x);
    double error = 0, size = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        error += std::pow(y[i] - x[i], 2);
        size += std::pow(x[i], 2);
    }
    CHECK(error / size < 1e-4);
}

TEST_CASE("normalising layers take the data's statistics in the model's units", "[model]") {
    LayerSpec normalise;
    normalise.type = "normalise";
    const auto model = make(spec_of({normalise, dense(1)}));
    model->configure(Shape{2});
    model::Scaling scaling;
    scaling.shift = {0};
    scaling.factor = {0.5f};
    scaling.mean = {10, 20};
    scaling.deviation = {6, 8};
    model->set_scaling(scaling);
    std::map<std::string, std::vector<float>> found;
    for (const auto& w : model->weights()) found[w.name] = {w.values.begin(), w.values.end()};
    CHECK(found.at("encoder.0.mean") == std::vector<float>{5, 10});
    CHECK(found.at("encoder.0.deviation")[0] == Approx(std::sqrt((9.0 + 16.0) / 2)));
    CHECK(found.at("decoder.1.mean") == std::vector<float>{5, 10});
}
