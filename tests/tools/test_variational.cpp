// Likelihoods, importance sampling, interpolation and mixtures from the command line.

#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

TEST_CASE("likelihoods train, resume and evaluate to the same bits", "[tools]") {
    const std::string likelihood =
        GENERATE("bernoulli", "gaussian", "gaussian:0.2", "laplace", "laplace:0.2");
    INFO(likelihood);
    const Folder folder;
    folder.must("generate digits -n 200 -o d.h5");
    const std::string train =
        "train d.h5 --model variational --hidden 32 --latent 4 --epochs 3 --likelihood " +
        likelihood + " --json -o ";
    const auto first = folder.must(train + "a.h5 --threads 1 --stats a.json").json();
    CHECK(first["kl_per_dimension"].size() == 4);
    for (const char* other : {"--threads 5", "--threads 2 --kernel avx2", "--kernel portable"}) {
        const auto outcome = folder.narrows(train + "b.h5 " + other);
        if (outcome.code == 2) continue;  // a kernel that this machine has not
        REQUIRE(outcome.code == 0);
        CHECK(outcome.json()["model_sha256"] == first["model_sha256"]);
        CHECK(outcome.json()["loss"] == first["loss"]);
        CHECK(outcome.json()["kl_per_dimension"] == first["kl_per_dimension"]);
    }
    const auto stats = nlohmann::json::parse(folder.read("a.json"));
    CHECK(stats["history"][2]["kl_per_dimension"].size() == 4);
    CHECK(stats["history"][2].contains("active_units"));
    const std::string evaluate = "evaluate d.h5 -m a.h5 --json --importance 20 ";
    const auto health = folder.must(evaluate + "--threads 1").json();
    CHECK(health["nll"].get<double>() < health["negative_elbo"].get<double>());
    const auto again = folder.must(evaluate + "--threads 5 --kernel portable").json();
    CHECK(again["nll"] == health["nll"]);
    CHECK(again["negative_elbo"] == health["negative_elbo"]);
    CHECK(folder.must("info a.h5 --check --json").json()["model"].is_null() == false);
}

TEST_CASE("interpolate and mixtures work for any model, with the same bits", "[tools]") {
    const std::string preset = GENERATE("undercomplete", "variational", "convolutional");
    INFO(preset);
    const Folder folder;
    folder.must("generate digits -n 200 -o d.h5");
    folder.must("train d.h5 --model " + preset + " --epochs 2 -o m.h5");
    for (const char* path : {"linear", "spherical"}) {
        const std::string verb =
            std::string("interpolate -m m.h5 --from d.h5@0:3 --to d.h5@3:6 --steps 7 --path ") +
            path;
        folder.must(verb + " -o a.h5 --threads 1");
        folder.must(verb + " -o b.h5 --threads 5 --kernel portable");
        CHECK(folder.read("a.h5") == folder.read("b.h5"));
        CHECK(folder.must("info a.h5").out.find("21") != std::string::npos);
    }
    const std::string mixture = "sample -m m.h5 --fit d.h5 --mixture 3 -n 40 --json -o ";
    const auto one = folder.must(mixture + "a.h5 --threads 1").json();
    const auto other = folder.must(mixture + "b.h5 --threads 5 --kernel portable").json();
    CHECK(folder.read("a.h5") == folder.read("b.h5"));
    CHECK(one["mixture_log_likelihood"] == other["mixture_log_likelihood"]);
}

TEST_CASE("what variational verbs cannot do is refused with the next step", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 60 -o d.h5");
    folder.must("train d.h5 --model undercomplete --epochs 1 -o m.h5");
    folder.refuses("train d.h5 --model variational --likelihood gausian -o x.h5", 2,
                   "did you mean \"gaussian\"?");
    folder.refuses("train d.h5 --model variational --likelihood gaussian:0 -o x.h5", 2,
                   "is not a scale");
    folder.refuses("train d.h5 --model variational --likelihood bernoulli:1 -o x.h5", 2,
                   "has none");
    folder.refuses("train d.h5 --model variational --likelihood gaussian --loss mse -o x.h5", 2,
                   "give one of them");
    folder.refuses("train d.h5 --model deep --likelihood gaussian -o x.h5", 2,
                   "belongs to --model variational");
    folder.refuses("evaluate d.h5 -m m.h5 --importance 5", 2, "no gaussian latent");
    folder.refuses("evaluate d.h5 -m m.h5 --importance 0", 2, "must be from 1");
    folder.refuses("interpolate -m m.h5 --from d.h5@0:3 --to d.h5@0:2 -o x.h5", 4,
                   "rows are paired");
    folder.refuses("interpolate -m m.h5 --from d.h5@0:1 --to d.h5@1:2 --steps 1 -o x.h5", 2,
                   "both ends are counted");
    folder.refuses("interpolate -m m.h5 --from d.h5@0:1 --to d.h5@1:2 -o d.h5", 2,
                   "is also an input");
    folder.refuses("sample -m m.h5 -n 5 -o x.h5", 2, "no gaussian latent");
    folder.refuses("sample -m m.h5 -n 5 --mixture 3 -o x.h5", 2, "needs DATA");
    folder.refuses("sample -m m.h5 -n 5 --fit d.h5 -o x.h5", 2, "--fit needs --mixture");
    folder.refuses("sample -m m.h5 -n 5 --fit d.h5 --mixture 61 -o x.h5", 4,
                   "too few for a mixture");
    CHECK_FALSE(folder.has("x.h5"));
}

TEST_CASE("the score of a variational model is its -log p(x), the mean that evaluate tells",
          "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 300 -o d.h5 -q");
    folder.must("train d.h5 --model variational --latent 4 --hidden 32 --epochs 3 -o m.h5 -q");
    const double nll =
        folder.must("evaluate d.h5 -m m.h5 --importance 8 --json -q").json().at("nll");
    const auto found =
        folder.must("score d.h5 -m m.h5 --importance 8 --threshold-quantile 0.9 -o s.h5 --json -q")
            .json();
    CHECK(found.at("mean_score").get<double>() == Approx(nll).epsilon(1e-6));
    CHECK(found.at("flagged_share").get<double>() == Approx(0.1));
    folder.must("train d.h5 --model undercomplete --latent 4 --epochs 1 -o plain.h5 -q");
    CHECK(folder.narrows("score d.h5 -m plain.h5 --importance 8 -o s.h5").code == 2);
    CHECK(folder.narrows("score d.h5 -m m.h5 --importance 0 -o s.h5").code == 2);
}

TEST_CASE("a variational model follows the published curve on MNIST", "[tools][real]") {
    const auto data = narrows::test::real_data("the variational curve on MNIST");
    if (!data) return;
    const Folder folder;
    const std::string mnist = *data + "/mnist/";
    folder.must("train '" + mnist +
                "train-images-idx3-ubyte.gz' --model variational --epochs 2 --validate '" + mnist +
                "t10k-images-idx3-ubyte.gz' --stats s.json -o m.h5 -q");
    const auto history = nlohmann::json::parse(folder.read("s.json"))["history"];
    CHECK(history[0]["validation_loss"].get<double>() == Approx(127.30).margin(1.5));
    CHECK(history[1]["validation_loss"].get<double>() == Approx(115.79).margin(1.5));
    CHECK(history[1]["validation_kl_per_dimension"].size() == 20);
    const auto health =
        folder
            .must("evaluate '" + mnist +
                  "t10k-images-idx3-ubyte.gz@0:1000' -m m.h5 --importance 20 --json")
            .json();
    CHECK(health["nll"].get<double>() < health["negative_elbo"].get<double>() - 2);
}
