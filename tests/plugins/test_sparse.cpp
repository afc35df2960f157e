// Sparse codes in whole pipelines: dead units, running means, penalties on inner layers, resuming.
#include <cmath>

#include "pipeline/model/autoencoder.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

std::string csv(std::size_t rows, std::size_t columns, unsigned seed) {
    std::string text;
    std::uint64_t state = seed;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text += std::to_string(static_cast<double>(state >> 40) / 16777216.0) +
                    (c + 1 < columns ? "," : "\n");
        }
    return text;
}

std::string load(const std::string& more = "") {
    return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\n" + more;
}

std::string node(const std::string& id, const std::string& type, const std::string& more) {
    return "[node." + id + "]\ntype = \"" + type + "\"\n" + more;
}

// One of 40 units stays for each of 64 samples: some never win.
std::string dying(const std::string& revive) {
    return "epochs = 6\n[model.ae]\n"
           "encoder = [{ centre = true }, { dense = 40, unit_norm = true }, { top_k = 1 }]\n"
           "decoder = [{ dense = 6, bias = false }, { centre = true, inverse = true }]\n"
           "tied = true\n" +
           load("batch = 16\nshuffle = true\n") +
           node("code", "encode", "model = \"ae\"\nin.x = \"data.x\"\n") +
           node("recon", "decode", "model = \"ae\"\nin.z = \"code.z\"\n") +
           node("loss", "loss.mse", "in.prediction = \"recon.x\"\nin.target = \"data.x\"\n") +
           node("step", "optimize.adam",
                "model = \"ae\"\nin.loss = \"loss.value\"\nrate = 0.02\n") +
           node("revive", "optimize.revive", "model = \"ae\"\nin.z = \"code.z\"\n" + revive) +
           node("keep", "store.checkpoint", "in.after = \"step.done\"\nfile = \"@m.h5\"\n");
}

}  // namespace

TEST_CASE("dead units are counted in each epoch and fewer are left when they start anew",
          "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 7));
    const flow::Result left = work.run("train", dying("restart = false\n"));
    const flow::Result revived = work.run("train", dying("rest = 0.2\n"));
    INFO(left.numbers.at("dead_units") << " without, " << revived.numbers.at("dead_units"));
    CHECK(left.numbers.at("dead_units") > 0);
    CHECK(revived.numbers.at("dead_units") < left.numbers.at("dead_units"));
}

TEST_CASE("runs with revival give the same bits for any number of threads", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 7));
    const auto hash = [&](std::size_t threads) {
        return work.run("train", dying(""), threads).texts.at("model_sha256");
    };
    const std::string one = hash(1);
    CHECK(hash(3) == one);
    CHECK(hash(5) == one);
}

TEST_CASE("a run resumed in the middle of an epoch keeps its counts and running means",
          "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 7));
    std::string body =
        dying("rest = 0.0\n") + node("pull", "penalty.running_activity",
                                     "model = \"ae\"\nin.h = \"code.z\"\nweight = 1e-3\n");
    const auto change = [&](const std::string& from, const std::string& to) {
        body.replace(body.find(from), from.size(), to);
    };
    change("in.loss = \"loss.value\"", "in.loss = [\"loss.value\", \"pull.value\"]");
    change("@m.h5\"\n", "@m.h5\"\nevery = \"3 steps\"\nkeep_checkpoints = true\n");
    const std::string whole = work.run("train", body).texts.at("model_sha256");

    std::filesystem::remove(work.file("m.h5"));
    std::size_t left = 0;
    for (const auto& entry : std::filesystem::directory_iterator(work.file("m.ckpt"))) {
        const std::string name = entry.path().filename().string();
        if (name.substr(0, 5) == "ckpt-" && std::stoi(name.substr(5)) > 21)
            std::filesystem::remove(entry.path());
        else
            left += name == "ckpt-0000000021.h5";  // an epoch has 4 steps
    }
    REQUIRE(left == 1);
    CHECK(work.run("train", body, 3, true).texts.at("model_sha256") == whole);
}

TEST_CASE("revival refuses a layer without units and codes of another width", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 7));
    CHECK_THROWS_AS(work.run("train", dying("layer = 0\n")), Error);
    CHECK_THROWS_AS(work.run("train", dying("layer = 9\n")), Error);
}

namespace {

// A penalty alone, one step of plain descent on one batch: new weights are old ones - gradient.
std::string penalised(const std::string& penalty, double rate, const std::string& last) {
    return "epochs = 1\n[model.ae]\n"
           "encoder = [{ dense = 5, act = \"sigmoid\" }, { dense = 3, act = \"tanh\" }]\n"
           "decoder = [{ dense = 6 }]\n" +
           load("batch = 64\n") +
           node("inner", "encode", "model = \"ae\"\nin.x = \"data.x\"\n" + last) + penalty +
           node("step", "optimize.sgd",
                "model = \"ae\"\nin.loss = \"p.value\"\nrate = " + std::to_string(rate) + "\n") +
           node("keep", "store.checkpoint", "in.after = \"step.done\"\nfile = \"@m.h5\"\n");
}

std::string hidden_of(const std::string& model) {
    return "[model.ae]\nfile = \"@" + model + "\"\n" + load() +
           node("inner", "encode", "model = \"ae\"\nin.x = \"data.x\"\nlast = 1\n") +
           node("out", "store.samples", "in.x = \"inner.z\"\nfile = \"@h.csv.h5\"\n");
}

}  // namespace

// The fall of Omega over a small step is rate * |gradient|^2, which is also |step|^2 / rate: a
// gradient that is not that of the value breaks the equation.
TEST_CASE("a penalty on the first of two hidden layers falls by what its gradient says",
          "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 11));
    const std::string kinds[] = {
        node("p", "penalty.l1", "in.h = \"inner.z\"\nweight = 1.0\n"),
        node("p", "penalty.activity", "in.h = \"inner.z\"\ntarget = 0.2\nweight = 1.0\n"),
        node("p", "penalty.running_activity",
             "model = \"ae\"\nin.h = \"inner.z\"\ntarget = 0.2\nweight = 1.0\nmomentum = 0.0\n")};
    for (const std::string& penalty : kinds) {
        INFO(penalty);
        const auto hidden_after = [&](double rate) {
            work.run("train", penalised(penalty, rate, "last = 1\n"));
            work.run("stream", hidden_of("m.h5"));
            return work.values("h.csv.h5");
        };
        const bool l1 = penalty.find("l1") != std::string::npos;
        const auto omega = [&](const std::vector<float>& h) {
            double sum = 0;
            for (std::size_t j = 0; j < 5; ++j) {
                double mean = 0;
                for (std::size_t r = 0; r < 64; ++r) mean += double(h[r * 5 + j]) / 64;
                sum += l1 ? mean : 0.2 * std::log(0.2 / mean) + 0.8 * std::log(0.8 / (1 - mean));
            }
            return sum;
        };
        const std::vector<float> before = hidden_after(0), after = hidden_after(0.01);
        // d(omega)/d(weights) by hand: h = sigmoid(x W + b), in double.
        const std::vector<float> x = work.values("x.csv");
        double squared = 0;
        for (std::size_t j = 0; j < 5; ++j) {
            double mean = 0;
            for (std::size_t r = 0; r < 64; ++r) mean += double(before[r * 5 + j]) / 64;
            const double slope = l1 ? 1 : 0.8 / (1 - mean) - 0.2 / mean;
            for (std::size_t i = 0; i < 7; ++i) {
                double gradient = 0;
                for (std::size_t r = 0; r < 64; ++r) {
                    const double h = before[r * 5 + j];
                    gradient += slope * h * (1 - h) * (i < 6 ? double(x[r * 6 + i]) : 1) / 64;
                }
                squared += gradient * gradient;
            }
        }
        CHECK(omega(before) - omega(after) == Approx(0.01 * squared).epsilon(0.03));
    }
}

TEST_CASE("the running mean moves by its momentum and is not that of one batch", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(64, 6, 11));
    const auto value = [&](const std::string& more) {
        return work
            .run("train",
                 penalised(node("p", "penalty.running_activity",
                                "model = \"ae\"\nin.h = \"inner.z\"\ntarget = 0.2\n" + more),
                           0, "last = 1\n"))
            .numbers.at("running_activity");
    };
    const double batch = value("momentum = 0.0\n");
    CHECK(value("momentum = 0.75\n") == Approx(0.75 * 0.2 + 0.25 * batch).epsilon(1e-6));
    CHECK_THROWS_AS(value("momentum = 1.0\n"), Error);
}
