// Every text that a recipe gives is a pipeline that the language accepts. Needs the plugins of the
// same build; skipped where a build has none.
#include <iostream>

#include "pipeline/recipes/session.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::recipes;

namespace {

const std::string folder = NARROWS_BUILD_DIR "/lib/narrows";

Session& session() {
    static Session made = [] {
        const std::vector<std::string> folders{folder};
        return Session(folders);
    }();
    return made;
}

bool have_plugins() {
    for (const char* type : {"load", "generate", "encode", "decode", "loss.bce", "loss.mse",
                             "measure.units", "corrupt.gaussian", "optimize.adam", "store.codes",
                             "store.samples", "store.checkpoint", "view.grid"}) {
        if (session().registry().find(Kind::node, type) != nullptr) continue;
        std::cout << "skipped: no node type " << type << " in " << folder << "\n";
        return false;
    }
    return true;
}

language::Pipeline parsed(const std::string& text) {
    INFO(text);
    language::Pipeline pipeline = session().parse(text, "recipe");
    CHECK(pipeline.warnings.empty());
    // What is printed stands for what runs.
    CHECK(language::write(session().parse(language::write(pipeline))) == language::write(pipeline));
    return pipeline;
}

StreamOptions stream() {
    StreamOptions options;
    options.source.data = {"a b.h5:/samples@0:100", "c\"d.csv"};
    options.model = "model.h5";
    options.output = "out.h5";
    options.labels = options.bce = true;
    return options;
}

}  // namespace

TEST_CASE("every preset gives a pipeline that parses without a warning", "[recipes]") {
    if (!have_plugins()) return;
    for (const PresetInfo& preset : presets())
        for (const DataFacts& facts :
             {DataFacts{60000, Shape{28, 28}, 0, 1}, DataFacts{50, Shape{9}, -3, 8}}) {
            TrainOptions options;
            options.preset = preset.name;
            options.source.data = {"digits.h5"};
            options.output = "model.h5";
            options.validate = "0.2";
            options.patience = 5;
            options.keep_checkpoints = true;
            for (const char* corruption : {"", "gaussian:0.1", "masking", "salt-and-pepper"}) {
                if (*corruption != 0) options.corruption = parse_corruption(corruption);
                const language::Pipeline pipeline = parsed(train(resolve(options, facts)));
                CHECK(pipeline.run.mode == Mode::train);
                REQUIRE(pipeline.models.size() == 1);
                const ModelSpec& model = pipeline.models[0];
                const auto matrices = [](const std::vector<LayerSpec>& layers) {
                    return std::count_if(layers.begin(), layers.end(), [](const LayerSpec& layer) {
                        return layer.type == "dense";
                    });
                };
                CHECK((model.mirror || matrices(model.encoder) == matrices(model.decoder)));
            }
        }
}

// build() throws when the decoder does not give as many values as a sample has.
TEST_CASE("the convolutional preset's decoder ends at the size of every image and signal",
          "[recipes]") {
    if (!have_plugins()) return;
    TrainOptions options;
    options.preset = "convolutional";
    options.source.data = {"data.h5"};
    options.output = "model.h5";
    const auto describe = [&](const Shape& sample) {
        INFO(to_string(sample));
        const language::Pipeline pipeline =
            parsed(train(resolve(options, DataFacts{100, sample, 0, 1})));
        const ModelSpec& spec = pipeline.models.at(0);
        const auto made = session().registry().create(Kind::model, spec.type, spec.settings);
        auto* const model = dynamic_cast<Model*>(made.get());
        REQUIRE(model != nullptr);
        model->build(spec, session().registry(), 1);
        return model->describe();
    };
    // The published network: the one unpadded convolution leads from 16 x 16 to 14 x 14.
    const std::string published = train(resolve(options, DataFacts{100, Shape{28, 28}, 0, 1}));
    CHECK(published.find("{ conv = 16, kernel = 3, padding = 0, act = \"relu\"") !=
          std::string::npos);
    CHECK(published.find("padding") == published.rfind("padding"));
    CHECK(describe({28, 28}) ==
          "[28, 28] -> conv 16 k3 relu -> max_pool 2 -> conv 8 k3 relu -> max_pool 2 -> "
          "conv 8 k3 -> max_pool 2 | conv 8 k3 relu -> upsample 2 -> conv 8 k3 relu -> "
          "upsample 2 -> conv 16 k3 relu -> upsample 2 -> conv 1 k3 sigmoid");
    for (const std::vector<std::int64_t>& hidden :
         {std::vector<std::int64_t>{3}, {4, 3}, {4, 3, 2}, {5, 4, 3, 2}}) {
        options.hidden = hidden;
        for (std::int64_t size = 1; size <= 35; ++size) {
            describe({size, 37 - size});
            describe({size, 2 * size + 1, 3});
            describe({size});
        }
    }
    options.hidden.reset();
    options.latent = 32;
    CHECK(describe({28, 28}) ==
          "[28, 28] -> conv 16 k3 relu -> max_pool 2 -> conv 8 k3 relu -> max_pool 2 -> "
          "conv 8 k3 relu -> max_pool 2 -> flatten -> dense 32 | dense 128 relu -> "
          "reshape [4, 4, 8] -> conv 8 k3 relu -> upsample 2 -> conv 8 k3 relu -> "
          "upsample 2 -> conv 16 k3 relu -> upsample 2 -> conv 1 k3 sigmoid");
    describe({41, 3});
    describe({50});
    options.codebook = "16";
    CHECK_THROWS_AS(describe({28, 28}), Error);
    options.codebook.clear();
    options.sparsity = "k:4";
    CHECK_THROWS_AS(describe({28, 28}), Error);
    options.sparsity.clear();
    options.tied = true;
    CHECK(describe({27, 13, 2}).find("(tied)") != std::string::npos);
}

TEST_CASE("every streaming verb gives a pipeline that parses without a warning", "[recipes]") {
    if (!have_plugins()) return;
    for (const std::string& text :
         {encode(stream()), decode(stream()), reconstruct(stream()), evaluate(stream())}) {
        const language::Pipeline pipeline = parsed(text);
        CHECK(pipeline.run.mode == Mode::stream);
        CHECK(pipeline.models.at(0).file == "model.h5");
    }
}

TEST_CASE("verbs that draw give pipelines that parse without a warning", "[recipes]") {
    if (!have_plugins()) return;
    StreamOptions options = stream();
    options.output = "out.png";
    options.samples = 9;
    options.picture = PictureOptions{9, 3, 2, {4, 4}, "pictures"};
    UnitsOptions unit;
    unit.model = "model.h5";
    unit.output = "out.png";
    unit.layer = "encoder.1";
    unit.method = "ascent";
    UnitsOptions with_data = unit;
    with_data.source = options.source;
    with_data.last = 2;
    with_data.samples = 5;
    for (const std::string& text :
         {reconstruct(options), sample(options), units(unit), units(with_data)})
        CHECK(parsed(text).nodes.back().id == "out");
}

TEST_CASE("import, generate and the starter parse", "[recipes]") {
    if (!have_plugins()) return;
    GenerateOptions digits{"digits", "digits.h5", "u8", 1000, 3, 4};
    CHECK(parsed(generate(digits)).run.seed == 3);
    ImportOptions import;
    import.source = stream().source;
    import.output = "all.h5";
    import.labels = true;
    parsed(import_data(import));
    CHECK(parsed(starter("mine")).run.mode == Mode::train);
}

TEST_CASE("a session runs a pipeline in a few lines", "[recipes]") {
    if (!have_plugins()) return;
    const flow::Result result = session().run(R"(
schema = 1
[run]
mode = "stream"
[node.data]
type = "generate"
kind = "digits"
samples = 300
[node.error]
type = "loss.mse"
in.prediction = "data.x"
in.target = "data.x"
)");
    CHECK(result.samples == 300);
    CHECK(result.numbers.at("sse") == 0);
}
