#include "pipeline/recipes/recipes.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::recipes;

namespace {

const DataFacts images{60000, Shape{28, 28}, 0, 1};
const DataFacts table{1000, Shape{9}, -4, 7};

TrainOptions options_for(const std::string& preset) {
    TrainOptions options;
    options.preset = preset;
    options.source.data = {"digits.h5"};
    options.output = "model.h5";
    return options;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Error error_of(const TrainOptions& options, const DataFacts& facts) {
    try {
        resolve(options, facts);
    } catch (const Error& error) {
        return error;
    }
    FAIL("resolve() accepted what it must refuse");
    throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE(
    "the code has min(32, features / 4) units, at least 2, and stays narrower than the sample",
    "[recipes]") {
    CHECK(resolve(options_for("undercomplete"), images).latent == 32);
    CHECK(resolve(options_for("undercomplete"), table).latent == 2);
    CHECK(resolve(options_for("undercomplete"), {100, Shape{64}, 0, 1}).latent == 16);
    CHECK(resolve(options_for("undercomplete"), {100, Shape{2}, 0, 1}).latent == 1);

    TrainOptions given = options_for("undercomplete");
    given.latent = 7;
    CHECK(resolve(given, images).latent == 7);
}

TEST_CASE("data in [0, 1] gets a sigmoid output and BCE, all other a linear output and MSE",
          "[recipes]") {
    const Choices unit = resolve(options_for("undercomplete"), images);
    CHECK(unit.loss == "bce");
    CHECK(unit.output_act == "sigmoid");
    CHECK(unit.init == "glorot_uniform");

    const Choices wide = resolve(options_for("undercomplete"), table);
    CHECK(wide.loss == "mse");
    CHECK(wide.output_act == "linear");

    TrainOptions forced = options_for("undercomplete");
    forced.loss = "bce";
    const Error error = error_of(forced, table);
    CHECK(error.fault() == Fault::usage);
    CHECK(contains(error.what(), "[-4, 7]"));
}

TEST_CASE("linear is always MSE without hidden layers, at the rate that reaches PCA", "[recipes]") {
    const Choices choices = resolve(options_for("linear"), images);

    CHECK(choices.loss == "mse");
    CHECK(sizes(choices) == "784-32-784");
    CHECK(choices.code_act == "linear");
    CHECK(choices.output_act == "linear");
    CHECK(choices.rate == 3e-3);
    CHECK(choices.batch == 256);
    CHECK(choices.epochs == 20);
    CHECK(choices.schedule == "cosine");

    TrainOptions hidden = options_for("linear");
    hidden.hidden = {64};
    CHECK(contains(error_of(hidden, images).what(), "no hidden layers"));
}

TEST_CASE("hidden layers never exceed the sample, and --hidden none gives the code its activation",
          "[recipes]") {
    CHECK(sizes(resolve(options_for("undercomplete"), images)) == "784-256-32-256-784");
    CHECK(sizes(resolve(options_for("undercomplete"), table)) == "9-9-2-9-9");
    CHECK(sizes(resolve(options_for("deep"), images)) == "784-512-256-32-256-512-784");

    TrainOptions deep = options_for("deep");
    deep.hidden = {512, 256};
    deep.latent = 64;
    CHECK(sizes(resolve(deep, images)) == "784-512-256-64-256-512-784");

    TrainOptions bare = options_for("undercomplete");
    bare.hidden = std::vector<std::int64_t>{};
    const Choices choices = resolve(bare, images);
    CHECK(sizes(choices) == "784-32-784");
    CHECK(choices.code_act == "relu");
    CHECK(contains(train(choices), R"({ dense = 32, act = "relu", init = "glorot_uniform" })"));
}

TEST_CASE("denoising corrupts what the encoder reads and compares with the clean sample",
          "[recipes]") {
    const std::string text = train(resolve(options_for("denoising"), images));

    CHECK(contains(text, "type = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = 0.3"));
    CHECK(contains(text, "type = \"encode\"\nmodel = \"ae\"\nin.x = \"noisy.x\""));
    CHECK(contains(text, "in.target = \"data.x\""));
    CHECK(resolve(options_for("denoising"), table).corruption.kind == "masking");

    TrainOptions other = options_for("undercomplete");
    other.corruption = parse_corruption("salt-and-pepper:0.2");
    CHECK(contains(train(resolve(other, images)), "type = \"corrupt.salt_and_pepper\""));
    CHECK(contains(train(resolve(other, table)), "low = -4.0\nhigh = 7.0"));
}

TEST_CASE("a code as wide as the sample is refused unless something else restricts it",
          "[recipes]") {
    TrainOptions wide = options_for("undercomplete");
    wide.latent = 784;
    CHECK(contains(error_of(wide, images).hint(), "--allow-identity"));

    wide.allow_identity = true;
    CHECK(resolve(wide, images).latent == 784);

    TrainOptions noisy = options_for("denoising");
    noisy.latent = 1000;
    CHECK(resolve(noisy, images).latent == 1000);
}

TEST_CASE("an unknown preset is refused with those that are available", "[recipes]") {
    const Error other = error_of(options_for("diffusion"), images);
    CHECK(other.fault() == Fault::usage);
    CHECK(contains(other.what(), "no preset \"diffusion\""));
    for (const PresetInfo& preset : presets())
        CHECK(contains(other.hint(), std::string(preset.name)));

    CHECK(
        contains(error_of(options_for("denoisng"), images).hint(), "did you mean \"denoising\"?"));
}

TEST_CASE("corruption is read with its amount, and refused with what is known", "[recipes]") {
    CHECK(parse_corruption("gaussian:0.5").amount == 0.5);
    CHECK(parse_corruption("masking").amount == 0.25);
    CHECK(parse_corruption("none").kind.empty());
    CHECK_FALSE(parse_corruption("gaussian:0.5").last);
    CHECK(parse_corruption("gaussian:0.5:0.1").last == 0.1);
    CHECK_THROWS_AS(parse_corruption("masking:0.5:2"), Error);
    CHECK(parse_emphasis("2").beta == 1);
    CHECK(parse_emphasis("1,0").beta == 0);
    for (const char* wrong : {"", "x", "1,", "-1", "0,0"})
        CHECK_THROWS_AS(parse_emphasis(wrong), Error);
    for (const char* wrong :
         {"gausian:0.3", "masking:2", "masking:x", "masking:", "gaussian:-1", "gaussian:nan"})
        CHECK_THROWS_AS(parse_corruption(wrong), Error);
}

TEST_CASE("small data gets more epochs and a batch no larger than itself", "[recipes]") {
    const Choices choices = resolve(options_for("undercomplete"), {100, Shape{9}, 0, 1});
    CHECK(choices.batch == 100);
    CHECK(choices.epochs == 200);
    CHECK(resolve(options_for("undercomplete"), images).epochs == 20);

    TrainOptions given = options_for("undercomplete");
    given.epochs = 3;
    CHECK(resolve(given, images).epochs == 3);
}

TEST_CASE("--validate is a fraction in (0, 1) or a file", "[recipes]") {
    TrainOptions options = options_for("undercomplete");
    options.validate = "0.1";
    CHECK(contains(train(resolve(options, images)), "validation = 0.1\n"));
    options.validate = "test.h5@0:100";
    CHECK(contains(train(resolve(options, images)), "validation_file = \"test.h5@0:100\"\n"));
    options.validate = "1.5";
    CHECK(contains(error_of(options, images).what(), "between 0 and 1"));
}

TEST_CASE("the contractive preset is tied, and says how it knows the Jacobian", "[recipes]") {
    const Choices one = resolve(options_for("contractive"), images);
    CHECK(one.tied);
    CHECK(one.hidden.empty());
    CHECK(one.code_act == "sigmoid");
    CHECK(exact_contraction(one));
    CHECK(contains(train(one), "type = \"penalty.contractive\""));

    TrainOptions deeper = options_for("contractive");
    deeper.hidden = std::vector<std::int64_t>{100};
    const std::string text = train(resolve(deeper, images));
    CHECK(contains(text, "type = \"penalty.contractive_estimate\""));
    CHECK(contains(text, "in.moved = \"moved_code.z\""));

    TrainOptions wrong = options_for("variational");
    wrong.contraction = 1;
    CHECK(contains(error_of(wrong, images).what(), "takes no contractive penalty"));
}

TEST_CASE("a codebook stands behind the last layer, and its entries divide the code", "[recipes]") {
    const Choices choices = resolve(options_for("vector-quantised"), images);
    CHECK(choices.codebook == 512);
    CHECK(choices.entry_size == 4);
    CHECK(choices.beta == 0.25);
    const std::string text = train(choices);
    CHECK(contains(text, "{ vector_quantise = 512, size = 4 }"));
    CHECK(contains(text, "last = 2"));
    CHECK(contains(text, "in.z = \"quantised.z\""));

    TrainOptions odd = options_for("vector-quantised");
    odd.latent = 9;
    CHECK(resolve(odd, images).entry_size == 1);
    odd.codebook = "64:2";
    CHECK(contains(error_of(odd, images).what(), "a code of 9 values is not made of vectors of 2"));
    odd.codebook = "many";
    CHECK(contains(error_of(odd, images).what(), "\"many\" is not a number"));

    TrainOptions wrong = options_for("variational");
    wrong.codebook = "64";
    CHECK(contains(error_of(wrong, images).what(), "takes no codebook"));
    wrong = options_for("contractive");
    wrong.codebook = "64";
    CHECK(
        contains(error_of(wrong, images).what(), "a quantised code takes no contractive penalty"));
}

TEST_CASE("sparse with k units is tied, centred, of length 1, with a falling k and revival",
          "[recipes]") {
    TrainOptions options = options_for("sparse");
    options.sparsity = "k:25";
    options.latent = 1000;
    const Choices choices = resolve(options, images);
    CHECK(choices.loss == "mse");
    const std::string text = train(choices);
    CHECK(contains(text, "{ dense = 1000, unit_norm = true }"));
    CHECK(contains(text, "{ top_k = 25, start = 100, epochs = 10 }"));
    CHECK(contains(text, "{ centre = true, inverse = true }"));
    CHECK(contains(text, "tied = true"));
    CHECK(contains(text, "optimize.revive"));

    options.latent.reset();
    CHECK(resolve(options, images).latent == 784);
    options.hidden = {300};
    const std::string deep = train(resolve(options, images));
    CHECK_FALSE(contains(deep, "centre"));
    CHECK(contains(deep, "top_k = 25, start = 100"));
}
