// Nodes of the plugins in small pipelines, against formulas in double.
#include <cmath>

#include "plugins/optimize/schedule.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

std::string csv(std::size_t rows, std::size_t columns, double low, double high, unsigned seed) {
    std::string text;
    std::uint64_t state = seed;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text +=
                std::to_string(low + (high - low) * static_cast<double>(state >> 40) / 16777216.0) +
                (c + 1 < columns ? "," : "\n");
        }
    return text;
}

std::string copy(const std::string& node) {
    return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nbatch = 64\n" + node +
           "[node.out]\ntype = \"store.samples\"\nin.x = \"noisy.x\"\nfile = \"@y.h5\"\n";
}

}  // namespace

TEST_CASE("gaussian corruption has its deviation, and repeats itself for any batch and threads",
          "[plugins]") {
    const Work work;
    work.write("x.csv", csv(2000, 10, 0, 1, 1));
    const std::string noise =
        "[node.noisy]\ntype = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = 0.5\n";
    work.run("stream", copy(noise));
    const auto x = work.values("x.csv"), y = work.values("y.h5");
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = static_cast<double>(y[i]) - x[i];
        mean += d / static_cast<double>(x.size());
        square += d * d / static_cast<double>(x.size());
    }
    CHECK(mean == Approx(0).margin(0.015));
    CHECK(std::sqrt(square) == Approx(0.5).epsilon(0.02));
    std::string other = copy(noise);
    other.replace(other.find("batch = 64"), 10, "batch = 7");
    work.run("stream", other, 5);
    CHECK(work.values("y.h5") == y);
}

TEST_CASE("masking sets its share of values, salt and pepper stand at both ends", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(2000, 10, 1, 2, 2));
    work.run("stream",
             copy("[node.noisy]\ntype = \"corrupt.masking\"\nin.x = \"data.x\"\nrate = 0.3\n"));
    auto y = work.values("y.h5");
    const auto count = [&](float value) {
        return static_cast<double>(std::count(y.begin(), y.end(), value)) /
               static_cast<double>(y.size());
    };
    CHECK(count(0) == Approx(0.3).margin(0.015));
    work.run("stream", copy("[node.noisy]\ntype = \"corrupt.salt_and_pepper\"\nin.x = "
                            "\"data.x\"\nrate = 0.2\nlow = -5.0\nhigh = 7.0\n"));
    y = work.values("y.h5");
    CHECK(count(-5) == Approx(0.1).margin(0.01));
    CHECK(count(7) == Approx(0.1).margin(0.01));
}

TEST_CASE("losses are those of their formulas", "[plugins]") {
    const Work work;
    work.write("p.csv", csv(300, 6, 0.01, 0.99, 3));
    work.write("t.csv", csv(300, 6, 0, 1, 4));
    const std::string sources =
        "[node.p]\ntype = \"load\"\nfile = \"@p.csv\"\n[node.t]\ntype = \"load\"\nfile = "
        "\"@t.csv\"\n";
    const auto loss = [](const std::string& type, const std::string& more = "") {
        return "[node." + type.substr(5) + "]\ntype = \"" + type +
               "\"\nin.prediction = \"p.x\"\nin.target = \"t.x\"\n" + more;
    };
    const flow::Result result = work.run("stream", sources + loss("loss.mse") + loss("loss.bce") +
                                                       loss("loss.huber", "delta = 0.2\n"));
    const auto p = work.values("p.csv"), t = work.values("t.csv");
    double sse = 0, bce = 0, huber = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        const double a = p[i], b = t[i], d = std::abs(a - b);
        sse += d * d / 300;
        bce -= (b * std::log(a) + (1 - b) * std::log(1 - a)) / 300;
        huber += (d <= 0.2 ? d * d / 2 : 0.2 * (d - 0.1)) / (300 * 6);
    }
    CHECK(result.numbers.at("sse") == Approx(sse).epsilon(1e-6));
    CHECK(result.numbers.at("mse") == Approx(sse / 6).epsilon(1e-6));
    CHECK(result.numbers.at("bce") == Approx(bce).epsilon(1e-6));
    CHECK(result.numbers.at("huber") == Approx(huber).epsilon(1e-6));
}

TEST_CASE("two shuffled sources bring the same rows of both files, or stop", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(500, 6, 0, 1, 5));
    const auto load = [](const std::string& name, const std::string& more = "") {
        return "[node." + name +
               "]\ntype = \"load\"\nfile = \"@x.csv\"\nbatch = 32\nshuffle = true\n" + more;
    };
    const auto training = [&](const std::string& sources, const std::string& target) {
        return "[model.ae]\nencoder = [{ dense = 3 }]\ndecoder = [{ dense = 6 }]\n" + sources +
               "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"x.x\"\n[node.recon]\ntype "
               "= "
               "\"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n[node.loss]\ntype = "
               "\"loss.mse\"\nin.prediction = \"recon.x\"\nin.target = \"" +
               target +
               "\"\n[node.step]\ntype = \"optimize.adam\"\nmodel = \"ae\"\nin.loss = "
               "\"loss.value\"\nrate = 1e-2\n";
    };
    const double one = work.run("train", training(load("x"), "x.x")).numbers.at("loss");
    for (const std::size_t threads : {1, 2, 5, 8})
        CHECK(
            work.run("train", training(load("x") + load("y"), "y.x"), threads).numbers.at("loss") ==
            one);
    CHECK_THROWS_WITH(work.run("train", training(load("x") + load("y", "block_rows = 7\n"), "y.x")),
                      Catch::Contains("another order"));
}

TEST_CASE("load scales as it is told, and the model's units are undone on the way out",
          "[plugins]") {
    const Work work;
    work.write("x.csv", "1,10,5\n3,20,5\n5,60,5\n");
    const auto scaled = [&](const std::string& scale) {
        work.run(
            "stream",
            "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nscale = \"" + scale +
                "\"\n[node.out]\ntype = \"store.samples\"\nin.x = \"data.x\"\nfile = \"@y.h5\"\n");
        return work.values("y.h5");
    };
    CHECK(scaled("none") == std::vector<float>{1, 10, 5, 3, 20, 5, 5, 60, 5});
    const auto minmax = scaled("minmax");
    const std::vector<float> wanted{0, 0, 0, 0.5f, 0.2f, 0, 1, 1, 0};
    for (std::size_t i = 0; i < 9; ++i) CHECK(minmax[i] == Approx(wanted[i]).margin(1e-6));
    const auto standard = scaled("standard");
    CHECK(standard[0] == Approx(-2 / std::sqrt(8.0 / 3)));
    CHECK(standard[2] == 0);
    CHECK_THROWS_AS(scaled("unit"), Error);
}

TEST_CASE("held-out rows are evenly spread, train on nothing, and all rows are seen", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(100, 8, 0, 1, 5));
    const std::string body =
        "epochs = 2\n[model.ae]\nencoder = [{ dense = 3 }]\ndecoder = [{ dense = 8 }]\n"
        "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nbatch = 16\nshuffle = true\nvalidation = "
        "0.25\n"
        "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n"
        "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n"
        "[node.loss]\ntype = \"loss.mse\"\nin.prediction = \"recon.x\"\nin.target = \"data.x\"\n"
        "[node.step]\ntype = \"optimize.sgd\"\nmodel = \"ae\"\nin.loss = \"loss.value\"\nrate = "
        "0.01\n";
    const flow::Result result = work.run("train", body);
    CHECK(result.steps == 2 * 5);
    CHECK(result.samples == 150);
    CHECK(result.numbers.count("validation_loss") == 1);
}

TEST_CASE("rows with NaN stop a run by number, or are left out", "[plugins]") {
    const Work work;
    work.write("x.csv", "1,2\nnan,3\n4,5\n6,inf\n");
    const auto body = [](const std::string& more) {
        return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\n" + more +
               "[node.out]\ntype = \"store.samples\"\nin.x = \"data.x\"\nfile = \"@y.h5\"\n";
    };
    try {
        work.run("stream", body(""));
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::input);
        CHECK(std::string(error.what()).find("row 1 of x.csv holds NaN or Inf") !=
              std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(work.file("y.h5")));
    work.run("stream", body("on_bad_row = \"skip\"\n"));
    CHECK(work.values("y.h5") == std::vector<float>{1, 2, 4, 5});
}

TEST_CASE("schedules are their formulas at the start, the middle and the end", "[plugins]") {
    const std::vector<double> none;
    plugins::Schedule schedule;
    schedule.rate = 0.1;
    CHECK(schedule.at(50, 100, 5, 10, none) == Approx(0.1));
    schedule.kind = "cosine";
    schedule.final_fraction = 0.2;
    for (const std::uint64_t step : {0, 13, 50, 99})
        CHECK(schedule.at(step, 100, static_cast<std::uint32_t>(step / 10), 10, none) ==
              Approx(0.02 + 0.08 * (1 + std::cos(M_PI * static_cast<double>(step) / 100)) / 2)
                  .epsilon(1e-9));
    schedule.kind = "step";
    schedule.every = 3;
    schedule.factor = 0.5;
    CHECK(schedule.at(75, 100, 7, 10, none) == Approx(0.1 * 0.25));
    schedule.kind = "plateau";
    schedule.patience = 2;
    const std::vector<double> losses{5, 4, 4, 4, 3, 3};
    CHECK(schedule.at(70, 100, 6, 10, losses) == Approx(0.05));
    schedule.kind = "constant";
    schedule.warmup_epochs = 2;
    CHECK(schedule.at(5, 100, 0, 10, none) < 0.1 * 0.4);
    CHECK(schedule.at(25, 100, 2, 10, none) == Approx(0.1));
}
