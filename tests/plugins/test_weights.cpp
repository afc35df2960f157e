// Values that count less, or not at all: missing ones, emphasised ones, and strengths that change.
#include <cmath>

#include "plugins/corrupt/corruption.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

// rows x columns numbers in [0, 1); "nan" for every seventh where `holes`.
std::string table(std::size_t rows, std::size_t columns, unsigned seed, bool holes,
                  const std::string& hole = "nan") {
    std::string text;
    std::uint64_t state = seed;
    for (std::size_t i = 0; i < rows * columns; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double value = static_cast<double>(state >> 40) / 16777216.0;
        text += holes && i % 7 == 3 ? hole : std::to_string(value);
        text += (i + 1) % columns ? ',' : '\n';
    }
    return text;
}

std::string source(const std::string& id, const std::string& file, const std::string& more = "") {
    return "[node." + id + "]\ntype = \"load\"\nfile = \"@" + file + "\"\nbatch = 16\n" + more;
}
const std::string masked = "on_bad_row = \"mask\"\n";

std::string loss(const std::string& type, const std::string& more = "") {
    return "[node." + type.substr(5) + "]\ntype = \"" + type +
           "\"\nin.prediction = \"p.x\"\nin.target = \"t.x\"\nin.weight = \"t.weight\"\n" + more;
}

// A small model trained on x against t, values of which count by w.
std::string training(const std::string& sources, const std::string& weight) {
    return "epochs = 3\n[model.ae]\nencoder = [{ dense = 3 }]\n"
           "decoder = [{ dense = 6, act = \"sigmoid\" }]\n" +
           sources +
           "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"x.x\"\n"
           "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n"
           "[node.loss]\ntype = \"loss.bce\"\nin.prediction = \"recon.x\"\nin.target = \"t.x\"\n" +
           weight +
           "[node.step]\ntype = \"optimize.sgd\"\nmodel = \"ae\"\nin.loss = \"loss.value\"\n"
           "rate = 0.5\n";
}

}  // namespace

TEST_CASE("masked values become the feature's mean, rows without any are left out", "[plugins]") {
    const Work work;
    work.write("x.csv", "1,10\nnan,20\n3,inf\nnan,nan\n5,60\n");
    work.run("stream",
             source("data", "x.csv", masked) +
                 "[node.out]\ntype = \"store.samples\"\nin.x = \"data.x\"\nfile = \"@y.h5\"\n"
                 "[node.w]\ntype = \"store.samples\"\nin.x = \"data.weight\"\nfile = \"@w.h5\"\n");

    CHECK(work.values("y.h5") == std::vector<float>{1, 10, 3, 20, 3, 30, 5, 60});
    CHECK(work.values("w.h5") == std::vector<float>{1, 1, 0, 1, 1, 0, 1, 1});
}

TEST_CASE("weighted losses are weighted means, whatever part of the values counts", "[plugins]") {
    const Work work;
    work.write("p.csv", table(101, 6, 1, false));
    work.write("t.csv", table(101, 6, 2, true));
    const flow::Result result =
        work.run("stream", source("p", "p.csv") + source("t", "t.csv", masked) + loss("loss.mse") +
                               loss("loss.bce") + loss("loss.huber", "delta = 0.2\n") +
                               "[node.rows]\ntype = \"store.table\"\nin.row = \"mse.per_sample\"\n"
                               "file = \"@rows.csv\"\n");

    const auto p = work.values("p.csv"), t = work.values("t.csv");
    double sse = 0, bce = 0, huber = 0, counted = 0, first = 0, first_counted = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        if (std::isnan(t[i])) continue;
        const double a = std::clamp(double{p[i]}, 1e-7, 1 - 1e-7), b = t[i], d = std::abs(a - b);
        counted += 1;
        sse += d * d;
        bce -= b * std::log(a) + (1 - b) * std::log(1 - a);
        huber += d <= 0.2 ? d * d / 2 : 0.2 * (d - 0.1);
        if (i < 6) first += d * d, first_counted += 1;
    }
    REQUIRE(first_counted == 5);
    CHECK(result.numbers.at("sse") == Approx(6 * sse / counted).epsilon(1e-6));
    CHECK(result.numbers.at("mse") == Approx(sse / counted).epsilon(1e-6));
    CHECK(result.numbers.at("bce") == Approx(6 * bce / counted).epsilon(1e-6));
    CHECK(result.numbers.at("huber") == Approx(huber / counted).epsilon(1e-6));
    CHECK(work.values("rows.csv")[1] == Approx(6 * first / first_counted).epsilon(1e-6));
}

TEST_CASE("what stands at a masked place changes no bit, and threads change none", "[plugins]") {
    const Work work;
    work.write("x.csv", table(90, 6, 3, false));
    work.write("t.csv", table(90, 6, 4, true));
    work.write("low.csv", table(90, 6, 4, true, "0"));
    work.write("high.csv", table(90, 6, 4, true, "1"));
    const auto run = [&](const std::string& target, std::size_t threads) {
        return work
            .run("train",
                 training(source("x", "x.csv") + source("t", target) + source("w", "t.csv", masked),
                          "in.weight = \"w.weight\"\n"),
                 threads)
            .history;
    };

    const auto low = run("low.csv", 1);
    CHECK(run("high.csv", 1) == low);
    CHECK(run("low.csv", 4) == low);
    const auto unweighted = [&](const std::string& target) {
        return work.run("train", training(source("x", "x.csv") + source("t", target), "")).history;
    };
    CHECK(unweighted("high.csv") != unweighted("low.csv"));
}

TEST_CASE("corruption tells which values it chose, as weights", "[plugins]") {
    const Work work;
    work.write("x.csv", table(500, 6, 5, false));
    const std::string type = GENERATE("corrupt.masking", "corrupt.salt_and_pepper");
    INFO(type);
    const std::string value =
        type == "corrupt.masking" ? "value = 9.0\n" : "low = 9.0\nhigh = 9.0\n";
    work.run("stream",
             source("data", "x.csv") + "[node.noisy]\ntype = \"" + type +
                 "\"\nin.x = \"data.x\"\nrate = 0.3\nalpha = 2.0\nbeta = 0.5\n" + value +
                 "[node.out]\ntype = \"store.samples\"\nin.x = \"noisy.x\"\nfile = \"@y.h5\"\n"
                 "[node.w]\ntype = \"store.samples\"\nin.x = \"noisy.weight\"\nfile = \"@w.h5\"\n");

    const auto y = work.values("y.h5"), w = work.values("w.h5");
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        CHECK(w[i] == (y[i] == 9 ? 2.0f : 0.5f));
        chosen += y[i] == 9;
    }
    CHECK(static_cast<double>(chosen) / static_cast<double>(y.size()) == Approx(0.3).margin(0.03));
}

TEST_CASE("a strength goes from the first epoch's to the last one's", "[plugins]") {
    plugins::Ramp ramp{0.5, 0.1, "linear"};
    CHECK(ramp.at(0, 5) == 0.5);
    CHECK(ramp.at(1, 5) == Approx(0.4));
    CHECK(ramp.at(4, 5) == 0.1);
    CHECK(ramp.at(7, 5) == 0.1);  // a resumed run that goes on
    CHECK(ramp.at(0, 1) == 0.1);
    CHECK(ramp.at(0, 0) == 0.1);  // not training
    ramp.kind = "cosine";
    CHECK(ramp.at(1, 5) == Approx(0.1 + 0.4 * (1 + std::cos(M_PI / 4)) / 2).epsilon(1e-12));
    CHECK(ramp.at(2, 5) == Approx(0.3));
}
