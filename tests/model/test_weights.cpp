// Weights of a model as files and people see them, and their digest.
#include "tests/model/model_bench.hpp"

using namespace model_bench;

namespace {

using Catch::Contains;

}  // namespace

TEST_CASE("weights and states leave a model and come back bit by bit", "[model]") {
    const auto spec = mirrored({6, 6, 2}, {conv(5, "relu"), layer("batch_norm"), dense(4)});
    const auto model = build(spec), other = build(spec, false, "linear", 2);
    for (Autoencoder* one : {model.get(), other.get()}) one->make_states(2);
    SerialLoop loop;
    Batch batch(*model, noise(4 * 72, 1), loop);
    batch.forward();
    batch.backward();
    model->update(loop, Adam(0.01f, 1));

    CHECK(model->sha256() != other->sha256());
    for (const int which : {-1, 0, 1}) other->set_weights(model->weights(which), which);
    CHECK(model->sha256() == other->sha256());
    for (const int which : {-1, 0, 1}) {
        const auto a = model->weights(which), b = other->weights(which);
        REQUIRE(a.size() == b.size());
        REQUIRE(a.size() >= 6);
        for (std::size_t i = 0; i < a.size(); ++i) {
            CHECK(a[i].name == b[i].name);
            CHECK(std::equal(a[i].values.begin(), a[i].values.end(), b[i].values.begin()));
        }
    }
    const std::vector<float> x = noise(3 * 72, 5);
    CHECK(same_bits(run(*model, x, loop).y, run(*other, x, loop).y));

    std::vector<model::NamedValues> weights = model->weights();
    weights[0].shape = Shape{1, 2};
    CHECK_THAT(error_of([&] { other->set_weights(weights); }),
               Contains("4|encoder.0.weight") && Contains("[1, 2]"));
    weights.erase(weights.begin());
    CHECK_THAT(error_of([&] { other->set_weights(weights); }),
               Contains("no values for encoder.0.weight"));
}

TEST_CASE("the digest changes with every part of a model and with nothing else", "[model]") {
    const auto spec = mirrored({10}, {dense(6, "relu"), layer("batch_norm"), dense(2)});
    const auto model = build(spec);
    const std::string sha = model->sha256();
    CHECK(sha.size() == 64);
    CHECK(sha == build(spec)->sha256());

    const std::vector<model::NamedValues> weights = model->weights();
    for (std::size_t i = 0; i < weights.size(); ++i) {
        std::vector<model::NamedValues> changed = weights;
        float& value = changed[i].values(changed[i].values.size() - 1);
        value = std::nextafter(value, 10.0f);
        model->set_weights(changed);
        INFO(weights[i].name);
        CHECK(model->sha256() != sha);
    }
    model->set_weights(weights);
    CHECK(model->sha256() == sha);

    model::Scaling scaling;
    scaling.kind = "minmax";
    scaling.shift = {1};
    scaling.factor = {2};
    model->set_scaling(scaling);
    const std::string scaled = model->sha256();
    CHECK(scaled != sha);
    scaling.factor = {2.5f};
    model->set_scaling(scaling);
    CHECK(model->sha256() != scaled);
    CHECK(model->sha256() != sha);

    CHECK(build(spec, false, "sigmoid")->sha256() != sha);
    CHECK(build(spec, false, "linear", 2)->sha256() != sha);
    model->make_states(2);
    model->set_scaling({});
    CHECK(model->sha256() == sha);
}

TEST_CASE("weights that are not finite are named", "[model]") {
    const auto model = build(mirrored({10}, {dense(6, "relu"), dense(2)}));
    std::string which = "-";
    CHECK(model->weights_finite(which));
    std::vector<model::NamedValues> weights = model->weights();
    weights[5].values(3) = std::numeric_limits<float>::infinity();
    weights[6].values(0) = std::numeric_limits<float>::quiet_NaN();
    model->set_weights(weights);
    CHECK_FALSE(model->weights_finite(which));
    CHECK(which == weights[5].name);
}

TEST_CASE("states in bf16 take half the memory, and come back exactly", "[model]") {
    const ModelSpec spec = mirrored({40}, {dense(33, "relu"), dense(3)});
    const auto model = build(spec), other = build(spec);
    const std::uint64_t weights = model->bytes();
    model->make_states(2);
    const std::uint64_t states = model->bytes() - weights;
    for (Autoencoder* one : {model.get(), other.get()})
        one->make_states(2, layers::Precision::bf16);
    CHECK(model->bytes() - weights == states / 2);

    // 1 + i / 128: numbers that bf16 has.
    std::vector<model::NamedValues> values[2] = {model->weights(0), model->weights(1)};
    for (int which = 0; which < 2; ++which) {
        REQUIRE(values[which].size() == model->weights().size());
        for (model::NamedValues& one : values[which])
            for (std::size_t i = 0; i < one.values.size(); ++i)
                one.values(i) = 1 + float((i + std::size_t(which) * 5) % 128) / 128;
        model->set_weights(values[which], which);
    }
    for (int which = 0; which < 2; ++which) other->set_weights(model->weights(which), which);
    for (int which = 0; which < 2; ++which)
        for (std::size_t p = 0; p < values[which].size(); ++p) {
            CHECK((model->weights(which)[p].values == values[which][p].values));
            CHECK((other->weights(which)[p].values == values[which][p].values));
        }
}
