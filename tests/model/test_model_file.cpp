// A model as a file: what is written comes back with the same bits, whatever defaults a later
// version has, and a machine can tell whether it computes the same.
#include <nlohmann/json.hpp>

#include "tests/model/model_bench.hpp"

using namespace model_bench;
using Catch::Contains;

namespace {

ModelSpec from_file(const std::filesystem::path& path) {
    ModelSpec spec;
    spec.name = "loaded";
    spec.file = path.string();
    return spec;
}

ModelSpec many_layers() {
    return mirrored({12, 12, 2}, {conv(6, "relu"), layer("batch_norm", {number("momentum", 0.3)}),
                                  layer("dropout", {number("rate", 0.25)}),
                                  layer("dense", {number("units", 9), text("act", "leaky_relu"),
                                                  number("alpha", 0.2), number("bias", 0)}),
                                  layer("layer_norm"), dense(4)});
}

void train_a_little(Autoencoder& model) {
    SerialLoop loop;
    model.make_states(2);
    for (int step = 1; step <= 3; ++step) {
        Batch batch(model, noise(6 * size_of_sample(model.input_shape()), unsigned(step)), loop);
        batch.forward();
        batch.backward();
        model.update(loop, Adam(0.01f, step));
    }
}

}  // namespace

TEST_CASE("a model comes back from its file with the same digest and outputs", "[model_file]") {
    const Folder folder;
    SerialLoop loop;
    for (const bool tied : {false, true}) {
        INFO("tied " << tied);
        const auto model = build(
            tied ? mirrored({30}, {dense(8, "gelu"), dense(3)}) : many_layers(), tied, "sigmoid");
        train_a_little(*model);
        model::Scaling scaling;
        scaling.kind = "standard";
        scaling.source_type = "u8";
        scaling.shift = scaling.mean = noise(size_of_sample(model->input_shape()), 7);
        scaling.factor = scaling.deviation = noise(scaling.shift.size(), 8);
        scaling.low = {-3};
        scaling.high = {5};
        model->set_scaling(scaling);
        const auto path = folder / (tied ? "tied.h5" : "plain.h5");
        storage::write_bundle(path, model::to_bundle(*model, "[pipeline]\n"));

        const auto loaded = build(from_file(path), false, "linear", 99);
        CHECK(loaded->from_file());
        CHECK(loaded->configured());
        CHECK(loaded->sha256() == model->sha256());
        CHECK(loaded->architecture() == model->architecture());
        CHECK(loaded->describe() == model->describe());
        REQUIRE(loaded->scaling());
        const model::Scaling& back = *loaded->scaling();
        CHECK(back.kind == "standard");
        CHECK(back.source_type == "u8");
        CHECK(same_bits(back.shift, scaling.shift));
        CHECK(same_bits(back.factor, scaling.factor));
        CHECK(same_bits(back.mean, scaling.mean));
        CHECK(same_bits(back.deviation, scaling.deviation));
        CHECK(back.low == scaling.low);
        CHECK(back.high == scaling.high);
        const std::vector<float> x = noise(5 * size_of_sample(model->input_shape()), 9);
        const Outputs a = run(*model, x, loop), b = run(*loaded, x, ThreadLoop(3));
        CHECK(same_bits(a.code, b.code));
        CHECK(same_bits(a.y, b.y));

        // Loaded again and written again, nothing has changed.
        const storage::Bundle read = storage::read_bundle(path, "narrows-model");
        const storage::Bundle again = model::to_bundle(*loaded, "[pipeline]\n");
        REQUIRE(read.arrays.size() == again.arrays.size());
        for (const storage::Array& array : again.arrays) {
            INFO(array.path);
            REQUIRE(read.find(array.path));
            CHECK(read.find(array.path)->bytes == array.bytes);
        }
        CHECK(std::get<std::string>(*read.attribute("model_sha256")) == model->sha256());
        CHECK(std::get<std::int64_t>(*read.attribute("parameters")) ==
              std::int64_t(model->parameter_count()));
    }
}

TEST_CASE("test vectors tell whether the same bits are computed", "[model_file]") {
    const auto model = build(many_layers(), false, "sigmoid");
    train_a_little(*model);
    const storage::Bundle bundle = model::to_bundle(*model, "");
    const auto level = simd::kernels().level;
    for (const simd::Level other : simd::available()) {
        REQUIRE(simd::select(other));
        CHECK(model::reproduces_test_vectors(bundle, *model));
    }
    simd::select(level);

    const std::vector<model::NamedValues> weights = model->weights();
    for (const std::size_t changed : {std::size_t{0}, weights.size() - 1}) {
        INFO(weights[changed].name);
        std::vector<model::NamedValues> others = weights;
        others[changed].values(0) += 0.5f;
        model->set_weights(others);
        CHECK_FALSE(model::reproduces_test_vectors(bundle, *model));
    }
    model->set_weights(weights);
    CHECK(model::reproduces_test_vectors(bundle, *model));

    storage::Bundle without = bundle;
    std::erase_if(without.attributes, [](const auto& a) { return a.first == "test_codes_sha256"; });
    CHECK_FALSE(model::reproduces_test_vectors(without, *model));
}

TEST_CASE("the architecture keeps every setting of every layer", "[model_file]") {
    const Folder folder;
    // None of them as the default.
    const std::vector<LayerSpec> encoder = {
        layer("conv", {number("units", 4), numbers("kernel", {5, 3}), numbers("stride", {2, 1}),
                       numbers("padding", {2, 1}), numbers("dilation", {1, 1}), number("groups", 2),
                       text("act", "elu"), number("alpha", 0.7), number("bias", 0),
                       text("init", "he_normal")}),
        layer("batch_norm", {number("momentum", 1), number("epsilon", 0.001)}),
        layer("activation", {text("function", "leaky_relu"), number("alpha", 0.125)}),
        layer("dropout", {number("rate", 0.1)}),
        layer("dense", {number("units", 6), text("act", "leaky_relu"), number("alpha", 1.0 / 3),
                        number("bias", 0), text("init", "lecun_normal")}),
        layer("layer_norm", {number("epsilon", 0.25)}),
    };
    const auto model = build(mirrored({8, 6, 2}, encoder), false, "sigmoid");
    const auto path = folder / "model.h5";
    storage::write_bundle(path, model::to_bundle(*model, ""));

    const nlohmann::json json = nlohmann::json::parse(model->architecture());
    CHECK(json.at("input") == nlohmann::json({8, 6, 2}));
    REQUIRE(json.at("encoder").size() == encoder.size());

    // A later version whose defaults are all different reads the same model.
    Layers later;
    for (const char* name : {"dense.act", "conv.act", "conv_transposed.act"})
        later.other_defaults[name].text = "tanh";
    for (const char* name : {"dense.init", "conv.init", "conv_transposed.init"})
        later.other_defaults[name].text = "zeros";
    for (const char* name :
         {"dense.alpha", "conv.alpha", "conv_transposed.alpha", "activation.alpha",
          "batch_norm.epsilon", "batch_norm.momentum", "layer_norm.epsilon", "dropout.rate"})
        later.other_defaults[name].number = 0.77;
    for (const char* name : {"dense.bias", "conv.bias", "conv_transposed.bias"})
        later.other_defaults[name].flag = false;
    for (const char* name : {"conv.stride", "conv_transposed.stride"})
        later.other_defaults[name].numbers = {3};
    const auto loaded = build(from_file(path), false, "linear", 1, later);
    CHECK(loaded->architecture() == model->architecture());
    CHECK(loaded->sha256() == model->sha256());

    for (const bool first : {true, false}) {
        const Stack& before = first ? model->encoder() : model->decoder();
        const Stack& after = first ? loaded->encoder() : loaded->decoder();
        REQUIRE(before.size() == after.size());
        for (std::size_t i = 0; i < before.size(); ++i) {
            REQUIRE(before.spec(i).type == after.spec(i).type);
            const auto wanted =
                factory().complete(Kind::layer, before.spec(i).type, before.spec(i).settings);
            const auto found =
                later.complete(Kind::layer, after.spec(i).type, after.spec(i).settings);
            REQUIRE(wanted.size() == found.size());
            for (std::size_t s = 0; s < wanted.size(); ++s) {
                INFO(before.spec(i).type << "." << wanted[s].name);
                const Value &a = wanted[s].value, &b = found[s].value;
                switch (wanted[s].kind) {
                    case ParameterKind::integer:
                        CHECK(a.integer == b.integer);
                        break;
                    case ParameterKind::number:
                        CHECK(a.number == b.number);
                        break;
                    case ParameterKind::flag:
                        CHECK(a.flag == b.flag);
                        break;
                    case ParameterKind::numbers:
                        CHECK(a.numbers == b.numbers);
                        break;
                    case ParameterKind::texts:
                        CHECK(a.texts == b.texts);
                        break;
                    default:
                        CHECK(a.text == b.text);
                }
            }
        }
    }
    SerialLoop loop;
    const std::vector<float> x = noise(3 * 96, 2);
    CHECK(same_bits(run(*model, x, loop).y, run(*loaded, x, loop).y));
}

TEST_CASE("a model file that does not fit is refused as wrong input", "[model_file]") {
    const Folder folder;
    const auto model = build(mirrored({12}, {dense(5, "relu"), dense(2)}));
    const storage::Bundle bundle = model::to_bundle(*model, "");
    const auto error = [&](auto change) {
        storage::Bundle changed = bundle;
        change(changed);
        const auto path = folder / "changed.h5";
        std::filesystem::remove(path);
        storage::write_bundle(path, changed);
        try {
            build(from_file(path));
        } catch (const Error& e) {
            return std::to_string(int(e.fault())) + "|" + e.what();
        }
        return std::string("none");
    };
    const auto array = [](storage::Bundle& of, std::string_view path) -> storage::Array& {
        for (storage::Array& one : of.arrays)
            if (one.path == path) return one;
        throw std::logic_error("no such array");
    };
    const auto architecture = [&](storage::Bundle& of, const std::string& json) {
        array(of, "/architecture") = storage::Array::of<std::uint8_t>(
            "/architecture", Shape{std::int64_t(json.size())},
            {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
    };
    CHECK(error([](storage::Bundle&) {}) == "none");
    CHECK_THAT(error([&](storage::Bundle& of) {
                   std::erase_if(of.arrays,
                                 [](const auto& a) { return a.path == "/architecture"; });
               }),
               Contains("4|") && Contains("architecture"));
    CHECK_THAT(error([&](storage::Bundle& of) { architecture(of, "{\"format\": 1"); }),
               Contains("4|") && Contains("architecture"));
    CHECK_THAT(error([&](storage::Bundle& of) {
                   std::string json = model->architecture();
                   json.replace(json.find("\"format\":1"), 10, "\"format\":9");
                   architecture(of, json);
               }),
               Contains("4|") && Contains("format 9"));
    CHECK_THAT(error([&](storage::Bundle& of) {
                   std::erase_if(of.arrays,
                                 [](const auto& a) { return a.path == "/model/decoder.0.weight"; });
               }),
               Contains("4|") && Contains("decoder.0.weight"));
    CHECK_THAT(error([&](storage::Bundle& of) {
                   const std::vector<float> few(10);
                   array(of, "/model/encoder.1.weight") =
                       storage::Array::of<float>("/model/encoder.1.weight", Shape{2, 5}, few);
               }),
               Contains("4|encoder.1.weight") && Contains("[2, 5]") && Contains("[5, 2]"));
    CHECK_THAT(
        error([&](storage::Bundle& of) {
            const std::vector<float> five(5, 1.0f);
            of.arrays.push_back(storage::Array::of<float>("/scaling/shift", Shape{5}, five));
            of.arrays.push_back(storage::Array::of<float>("/scaling/factor", Shape{5}, five));
        }),
        Contains("4|") && Contains("scaling"));
}
