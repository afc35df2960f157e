// What likelihoods and the verbs of variational models stand for.
#include "pipeline/recipes/recipes.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::recipes;

namespace {

const DataFacts images{60000, Shape{28, 28}, 0, 1};
const DataFacts table{1000, Shape{10}, -4, 7};

std::string text_for(const std::string& likelihood, const DataFacts& facts,
                     const std::string& loss = "") {
    TrainOptions options;
    options.preset = "variational";
    options.source.data = {"x.h5"};
    options.output = "m.h5";
    options.likelihood = likelihood;
    options.loss = loss;
    options.beta = 3;
    return train(resolve(options, facts));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("beta is the same weight against the nats of every likelihood", "[recipes]") {
    for (const char* likelihood :
         {"bernoulli", "gaussian", "laplace", "gaussian:0.5", "laplace:0.5"})
        CHECK(contains(text_for(likelihood, images), "\nbeta = 3.0\n"));
    // MSE is 2 / features of a normal's nats, and so is the divergence.
    CHECK(contains(text_for("", table, "mse"), "\nbeta = 0.6\n"));
}

TEST_CASE("a likelihood decides loss, output and what the decoder ends in", "[recipes]") {
    const std::string bernoulli = text_for("bernoulli", images);
    CHECK(contains(bernoulli, "type = \"loss.bce\""));
    CHECK(contains(bernoulli, "likelihood = \"bernoulli\""));
    const std::string learned = text_for("gaussian", images);
    CHECK(contains(learned, "type = \"loss.gaussian_nll\""));
    CHECK(contains(learned, "in.log_scale = \"recon.log_scale\""));
    CHECK(contains(learned, "{ log_scale = \"shared\" }"));
    CHECK(contains(learned, "{ dense = 784, act = \"sigmoid\""));
    const std::string fixed = text_for("laplace:0.5", table);
    CHECK(contains(fixed, "type = \"loss.laplace_nll\""));
    CHECK_FALSE(contains(fixed, "log_scale"));
    CHECK_FALSE(contains(fixed, "sigmoid"));
    CHECK(contains(fixed, "latent = \"gaussian\"\nlikelihood = \"laplace\"\nscale = 0.5\n"));
    CHECK_THROWS_AS(text_for("bernoulli", table), Error);
}

TEST_CASE("evaluate measures with the likelihood that the model was made for", "[recipes]") {
    StreamOptions options;
    options.source.data = {"x.h5"};
    options.model = "m.h5";
    options.gaussian = true;
    options.bce = true;
    options.importance = 7;
    CHECK(contains(evaluate(options), "draws = 7\n"));
    CHECK_FALSE(contains(evaluate(options), "gaussian_nll"));
    options.likelihood = "laplace";
    options.likelihood_scale = 0.5;
    const std::string text = evaluate(options);
    CHECK(contains(text, "[node.nats]\ntype = \"loss.laplace_nll\""));
    CHECK(contains(text, "likelihood = \"laplace\"\nscale = 0.5"));
    options.likelihood = "";
    options.likelihood_scale = 1;
    options.bce = false;  // trained with squared error: a normal of deviation 1
    CHECK(contains(evaluate(options), "type = \"loss.gaussian_nll\""));
}
