#include "pipeline/model/model_file.hpp"

#include <algorithm>
#include <array>

#include "pipeline/model/digest.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::model {
namespace {

using storage::Array;
using storage::Bundle;

constexpr std::size_t test_rows = 4;
constexpr std::uint32_t test_node = 0x74657374;

Array text_array(std::string path, std::string_view text) {
    return Array::of<std::uint8_t>(
        std::move(path), Shape{static_cast<std::int64_t>(text.size())},
        {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void add_floats(Bundle& bundle, std::string path, const std::vector<float>& values) {
    if (!values.empty())
        bundle.arrays.push_back(Array::of<float>(
            std::move(path), Shape{static_cast<std::int64_t>(values.size())}, values));
}

std::vector<float> floats(const Bundle& bundle, std::string_view path) {
    const Array* array = bundle.find(path);
    if (array == nullptr || array->type != Type::f32) return {};
    const auto values = array->as<float>();
    return {values.begin(), values.end()};
}

// Samples of uniform numbers through encoder and decoder; digests of what comes out of each.
std::array<std::string, 2> test_digests(const Autoencoder& model) {
    const Stack &encoder = model.encoder(), &decoder = model.decoder();
    const SerialLoop loop;
    const std::array<std::int64_t, test_rows> ids{0, 1, 2, 3};
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = test_rows;
    pass.sample_ids = ids;
    const auto features = static_cast<std::size_t>(encoder.input().elements());
    const auto code_size = static_cast<std::size_t>(encoder.output().elements());
    std::vector<float> x(test_rows * features), z(test_rows * code_size);
    for (std::size_t row = 0; row < test_rows; ++row)
        simd::kernels().uniform({0, test_node, 0, row}, 0, x.data() + row * features, features);
    const std::size_t bytes = std::max(encoder.workspace_bytes(test_rows, false),
                                       decoder.workspace_bytes(test_rows, false));
    layers::Floats workspace(bytes / sizeof(float) + 16);
    auto* memory = reinterpret_cast<std::byte*>(workspace.data());
    encoder.forward(pass, memory, x.data(), z.data());
    Digest codes;
    codes.values(z);
    std::array<std::string, 2> out{codes.hex(), ""};
    if (decoder.size() == 0) return out;
    // The decoder reads codes: of a Gaussian latent the means.
    const auto code = static_cast<std::size_t>(model.code_shape().elements());
    for (std::size_t row = 1; row < test_rows && code < code_size; ++row)
        std::copy_n(z.data() + row * code_size, code, z.data() + row * code);
    std::vector<float> y(test_rows * static_cast<std::size_t>(decoder.output().elements()));
    decoder.forward(pass, memory, z.data(), y.data());
    Digest outputs;
    outputs.values(y);
    out[1] = outputs.hex();
    return out;
}

}  // namespace

void add_scaling(Bundle& bundle, const Scaling& scaling) {
    add_floats(bundle, "/scaling/shift", scaling.shift);
    add_floats(bundle, "/scaling/factor", scaling.factor);
    add_floats(bundle, "/scaling/low", scaling.low);
    add_floats(bundle, "/scaling/high", scaling.high);
    add_floats(bundle, "/scaling/mean", scaling.mean);
    add_floats(bundle, "/scaling/deviation", scaling.deviation);
}

Scaling stored_scaling(const Bundle& bundle) {
    Scaling scaling;
    if (const std::string* kind = storage::text_attribute(bundle.attributes, "scaling"))
        scaling.kind = *kind;
    if (const std::string* type = storage::text_attribute(bundle.attributes, "source_type"))
        scaling.source_type = *type;
    scaling.shift = floats(bundle, "/scaling/shift");
    scaling.factor = floats(bundle, "/scaling/factor");
    scaling.low = floats(bundle, "/scaling/low");
    scaling.high = floats(bundle, "/scaling/high");
    scaling.mean = floats(bundle, "/scaling/mean");
    scaling.deviation = floats(bundle, "/scaling/deviation");
    return scaling;
}

Bundle to_bundle(const Autoencoder& model, std::string_view pipeline) {
    Bundle bundle;
    bundle.format = "narrows-model";
    const std::array<std::string, 2> digests = test_digests(model);
    bundle.attributes = {{"model_sha256", model.sha256()},
                         {"parameters", static_cast<std::int64_t>(model.parameter_count())},
                         {"test_codes_sha256", digests[0]},
                         {"test_outputs_sha256", digests[1]}};
    const Scaling none;
    const Scaling& scaling = model.scaling() ? *model.scaling() : none;
    if (model.gaussian()) bundle.attributes.emplace_back("latent", std::string("gaussian"));
    if (model.likelihood() != "none") {
        bundle.attributes.emplace_back("likelihood", model.likelihood());
        bundle.attributes.emplace_back("likelihood_scale", model.likelihood_scale());
        bundle.attributes.emplace_back("learned_scale", std::int64_t{model.learned_scale()});
    }
    bundle.attributes.emplace_back("scaling", scaling.kind);
    bundle.attributes.emplace_back("source_type", scaling.source_type);
    for (const NamedValues& values : model.weights())
        bundle.arrays.push_back(Array::of<float>("/model/" + values.name, values.shape,
                                                 {values.values.data(), values.values.size()}));
    add_scaling(bundle, scaling);
    bundle.arrays.push_back(text_array("/architecture", model.architecture()));
    if (!pipeline.empty()) bundle.arrays.push_back(text_array("/config", pipeline));
    return bundle;
}

std::string stored_architecture(const Bundle& bundle) {
    const Array* array = bundle.find("/architecture");
    if (array == nullptr)
        throw Error(Fault::input, "the model file has no architecture",
                    "it was not written by narrows train");
    return {reinterpret_cast<const char*>(array->bytes.data()), array->bytes.size()};
}

void from_bundle(const Bundle& bundle, Autoencoder& model, std::string_view part) {
    constexpr std::string_view prefix = "/model/";
    std::vector<NamedValues> weights;
    for (const Array& array : bundle.arrays) {
        if (!array.path.starts_with(prefix) || array.type != Type::f32) continue;
        const std::span<const float> from = array.as<float>();
        NamedValues values{array.path.substr(prefix.size()), array.shape, {}};
        values.values.resize({from.size()});
        std::copy(from.begin(), from.end(), values.values.begin());
        weights.push_back(std::move(values));
    }
    model.set_weights(weights, -1, part);
    Scaling scaling = stored_scaling(bundle);
    const auto features = static_cast<std::size_t>(model.input_shape().elements());
    const auto fits = [&](std::size_t size) { return size <= 1 || size == features; };
    if (scaling.shift.size() != scaling.factor.size() || !fits(scaling.shift.size()))
        throw Error(Fault::input, "the model file's scaling does not fit its input");
    model.set_scaling(std::move(scaling));
}

bool reproduces_test_vectors(const Bundle& bundle, const Autoencoder& model) {
    const std::string* codes = storage::text_attribute(bundle.attributes, "test_codes_sha256");
    const std::string* outputs = storage::text_attribute(bundle.attributes, "test_outputs_sha256");
    if (codes == nullptr || outputs == nullptr) return false;
    const std::array<std::string, 2> digests = test_digests(model);
    return digests[0] == *codes && digests[1] == *outputs;
}

}  // namespace narrows::model
