// Health of codes, against figures that can be reckoned by hand, and what is said in words.
#include <cmath>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

std::string load(const std::string& more = "") {
    return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\n" + more;
}

const std::string measured = "[node.units]\ntype = \"measure.units\"\nin.z = \"data.x\"\n";

flow::Result run_warned(const Work& work, std::string body, std::vector<std::string>& warnings) {
    for (std::size_t at = 0; (at = body.find('@', at)) != std::string::npos;)
        body.replace(at, 1, work.file(""));
    flow::Settings settings;
    const auto keep = [&](const std::string& text) { warnings.push_back(text); };
    FunctionRef<void(const std::string&)> warn(keep);
    settings.warn = &warn;
    const std::string text = "schema = 1\n[run]\nmode = \"stream\"\n" + body;
    return flow::run(language::parse(text, "test.toml", plugin_test::plugins()),
                     plugin_test::plugins(), settings);
}

bool any_says(const std::vector<std::string>& warnings, const std::string& words) {
    return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& text) {
        return text.find(words) != std::string::npos;
    });
}

// Unit 0 runs over 0 ... 7, unit 1 is its double, unit 2 is dead, unit 3 swings without relation.
std::string rows() {
    std::string text = "a,b,c,d,class\n";
    const int swing[] = {1, -1, -1, 1, 1, -1, -1, 1};
    for (int r = 0; r < 8; ++r)
        text += std::to_string(r) + "," + std::to_string(2 * r) + ",5," + std::to_string(swing[r]) +
                "," + std::to_string(r / 4) + "\n";
    return text;
}

std::string training(const std::string& act) {
    return "epochs = 3\n[model.ae]\nencoder = [{ dense = 3, act = \"" + act +
           "\" }]\ndecoder = [{ dense = 4 }]\n" + load("batch = 4\n") +
           "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n"
           "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n"
           "[node.loss]\ntype = \"loss.mse\"\nin.prediction = \"recon.x\"\nin.target = \"data.x\"\n"
           "[node.units]\ntype = \"measure.units\"\nmodel = \"ae\"\nin.z = \"code.z\"\n"
           "in.sse = \"loss.per_sample\"\nin.labels = \"data.labels\"\n"
           "[node.step]\ntype = \"optimize.sgd\"\nmodel = \"ae\"\nin.loss = \"loss.value\"\nrate = "
           "1e-9\n"
           "[node.keep]\ntype = \"store.checkpoint\"\nin.after = \"step.done\"\nfile = \"@m.h5\"\n";
}

}  // namespace

TEST_CASE("units are active, dead and alike as they can be reckoned by hand", "[health]") {
    const Work work;
    work.write("x.csv", rows());
    std::vector<std::string> warnings;
    const flow::Result result = run_warned(work, load() + measured, warnings);
    CHECK(result.numbers.at("active_units") == 3);
    CHECK(result.numbers.at("dead_units") == 1);
    CHECK(result.numbers.at("highest_correlation") == Approx(1));
    // Pairs (0, 1): 1, (0, 3) and (1, 3): 0.
    CHECK(result.numbers.at("mean_correlation") == Approx(1.0 / 3));
    CHECK(result.numbers.count("saturated_units") == 0);
    CHECK(any_says(warnings, "1 of 4 units are dead (the first is 2)"));
    CHECK(any_says(warnings, "units 0 and 1 say the same"));

    const flow::Result small = work.run("stream", load("batch = 3\n") + measured, 4);
    CHECK(small.numbers == result.numbers);
}

TEST_CASE("the error of each class is the mean over its samples", "[health]") {
    const Work work;
    work.write("x.csv", rows());
    work.write("zero.csv",
               "0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n");
    const std::string error =
        "[node.zero]\ntype = \"load\"\nfile = \"@zero.csv\"\n"
        "[node.error]\ntype = \"loss.mse\"\nin.prediction = \"zero.x\"\nin.target = \"data.x\"\n";
    const flow::Result result =
        work.run("stream", load() + error + measured +
                               "in.sse = \"error.per_sample\"\nin.labels = \"data.labels\"\n");
    CHECK(result.vectors.at("classes") == std::vector<double>{0, 1});
    // 5 r^2 + 25 + 1, mean over r = 0 ... 3 and 4 ... 7.
    CHECK(result.vectors.at("sse_by_class")[0] == Approx(5 * 14 / 4.0 + 26));
    CHECK(result.vectors.at("sse_by_class")[1] == Approx(5 * 126 / 4.0 + 26));
}

TEST_CASE("outputs at 0 and 1 count where their targets are neither", "[health]") {
    const Work work;
    work.write("x.csv", "0.5,0.5\n0.4,0\n1,0.6\n");
    work.write("out.csv", "0,1\n0.4,1\n1,1\n");
    std::vector<std::string> warnings;
    const flow::Result result =
        run_warned(work,
                   load() + "[node.out]\ntype = \"load\"\nfile = \"@out.csv\"\n" + measured +
                       "in.output = \"out.x\"\nin.target = \"data.x\"\n",
                   warnings);
    CHECK(result.numbers.at("saturated_outputs") == Approx(3.0 / 4));
    CHECK(any_says(warnings, "outputs whose target is neither 0 nor 1 are saturated"));
}

TEST_CASE("each epoch's history has the health of the code, and the model file keeps it",
          "[health]") {
    const Work work;
    // So far from 0 that a sigmoid stands at its ends.
    work.write("x.csv",
               "a,b,c,d,class\n1000,2000,3000,-100,0\n-900,1500,2500,90,1\n"
               "4000,-500,2000,-80,0\n-3000,-2500,10,500,1\n900,800,-7000,20,0\n"
               "4000,1,2,3000,1\n-500,-100,9000,1,0\n10,-8000,700,-5000,1\n");
    const flow::Result result = work.run("train", training("sigmoid"));
    const auto column = [&](const std::string& name) {
        const auto at = std::find(result.history_names.begin(), result.history_names.end(), name);
        REQUIRE(at != result.history_names.end());
        std::vector<double> out;
        for (const auto& row : result.history)
            out.push_back(row[static_cast<std::size_t>(at - result.history_names.begin())]);
        return out;
    };
    CHECK(column("saturated_units") == std::vector<double>{3, 3, 3});
    CHECK(column("active_units") == std::vector<double>{3, 3, 3});
    CHECK(column("dead_units") == std::vector<double>{0, 0, 0});
    CHECK(column("highest_correlation")[0] <= 1);
    CHECK(column("loss_by_class[0]")[0] + column("loss_by_class[1]")[0] ==
          Approx(2 * column("loss")[0] * 4));  // sums of squares, and a mean of 4 features

    std::vector<double> stored(3);
    const auto log = storage::open_array(work.file("m.h5"), "/log/loss");
    log->read(0, 3, reinterpret_cast<std::byte*>(stored.data()));
    CHECK(stored == column("loss"));

    const flow::Result relu = work.run("train", training("relu"));
    CHECK(std::find(relu.history_names.begin(), relu.history_names.end(), "saturated_units") ==
          relu.history_names.end());
}
