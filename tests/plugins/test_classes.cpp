// Cross-entropy and class measures against formulas in double.
#include <cmath>

#include "pipeline/storage/bundle.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

constexpr int labels[] = {7, 3, 9, 7, 7, 9};
constexpr double x[6][2] = {{1, 2}, {-1, 0.5}, {0.25, -2}, {3, 1}, {0, 1}, {-0.5, -0.5}};

void write_data(const Work& work) {
    std::string text = "a,b,label\n";
    for (int r = 0; r < 6; ++r)
        text += std::to_string(x[r][0]) + "," + std::to_string(x[r][1]) + "," +
                std::to_string(labels[r]) + "\n";
    work.write("d.csv", text);
}

std::string pipeline(const std::string& loss = "", const std::string& classes = "[3, 7, 9]") {
    return "epochs = 1\n[model.c]\nencoder = [{ flatten = true }]\n"
           "decoder = [{ dense = 3, init = \"zeros\" }]\nclasses = " +
           classes +
           "\n"
           "[node.data]\ntype = \"load\"\nfile = \"@d.csv\"\nbatch = 6\n"
           "[node.code]\ntype = \"encode\"\nmodel = \"c\"\nin.x = \"data.x\"\n[node.logits]\nmodel "
           "= \"c\"\ntype = "
           "\"decode\"\nin.z = \"code.z\"\n"
           "[node.loss]\ntype = \"loss.cross_entropy\"\nmodel = \"c\"\nin.prediction = "
           "\"logits.x\"\nin.labels = "
           "\"data.labels\"\n" +
           loss +
           "[node.step]\ntype = \"optimize.sgd\"\nmodel = \"c\"\nrate = 1.0\nin.loss = "
           "\"loss.value\"\n"
           "[node.keep]\ntype = \"store.checkpoint\"\nmodel = \"c\"\nin.after = "
           "\"step.done\"\nfile = \"@c.h5\"\n";
}

std::vector<float> weights(const Work& work, const char* name) {
    const storage::Bundle bundle = storage::read_bundle(work.file("c.h5"), "narrows-model");
    const auto values = bundle.find(name)->as<float>();
    return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("cross-entropy at zero logits is log 3, and its gradient is softmax minus target",
          "[plugins]") {
    const double smoothing = GENERATE(0.0, 0.3);
    const Work work;
    write_data(work);
    const flow::Result result =
        work.run("train", pipeline(smoothing > 0 ? "smoothing = 0.3\n" : ""));
    CHECK(result.numbers.at("cross_entropy") == Approx(std::log(3.0)).epsilon(1e-6));
    const std::vector<float> w = weights(work, "/model/decoder.0.weight"),
                             b = weights(work, "/model/decoder.0.bias");
    REQUIRE(w.size() == 6);
    for (int c = 0; c < 3; ++c) {
        constexpr int classes[] = {3, 7, 9};
        double bias = 0, weight[2] = {0, 0};
        for (int r = 0; r < 6; ++r) {
            const double target = (1 - smoothing) * (labels[r] == classes[c]) + smoothing / 3;
            bias -= (1.0 / 3 - target) / 6;
            for (int i = 0; i < 2; ++i) weight[i] -= (1.0 / 3 - target) * x[r][i] / 6;
        }
        CHECK(b[static_cast<std::size_t>(c)] == Approx(bias).margin(1e-6));
        for (int i = 0; i < 2; ++i)
            CHECK(w[static_cast<std::size_t>(i * 3 + c)] == Approx(weight[i]).margin(1e-6));
    }
}

TEST_CASE("a label that is no class, and classes that do not fit the logits, are refused",
          "[plugins]") {
    const Work work;
    write_data(work);
    CHECK_THROWS_WITH(
        work.run("train", pipeline("", "[3, 7, 8]")),
        Catch::Contains("row 2 has the label 9, which is none of the model's 3 classes"));
    CHECK_THROWS_WITH(work.run("train", pipeline("", "[3, 7]")),
                      Catch::Contains("the decoder gives [3] values for 2 classes"));
    CHECK_THROWS_WITH(work.run("train", pipeline("", "[3, 7, 7]")),
                      Catch::Contains("different integers"));
}

TEST_CASE("classes are measured: accuracy, confusion and probabilities", "[plugins]") {
    const Work work;
    write_data(work);
    std::string training = pipeline();
    training.replace(training.find("epochs = 1"), 10, "epochs = 400");
    work.run("train", training);
    const flow::Result result = work.run(
        "stream",
        "[model.c]\nfile = \"@c.h5\"\n[node.data]\ntype = \"load\"\nfile = \"@d.csv\"\nbatch = 2\n"
        "[node.code]\ntype = \"encode\"\nmodel = \"c\"\nin.x = \"data.x\"\n[node.logits]\ntype = "
        "\"decode\"\nmodel = \"c\"\nin.z "
        "= \"code.z\"\n"
        "[node.seen]\ntype = \"measure.classes\"\nmodel = \"c\"\nin.logits = "
        "\"logits.x\"\nin.labels = "
        "\"data.labels\"\n"
        "[node.out]\ntype = \"store.table\"\nin.row = \"seen.label\"\nin.second = "
        "\"seen.confidence\"\n"
        "columns = [\"label\", \"confidence\"]\nfile = \"@p.csv\"\n",
        5);
    // The six points can be told apart by straight lines, so all are right after enough steps.
    CHECK(result.numbers.at("accuracy") == 1.0);
    CHECK(result.vectors.at("confusion") == std::vector<double>{1, 0, 0, 0, 3, 0, 0, 0, 2});
    CHECK(result.vectors.at("class_counts") == std::vector<double>{1, 3, 2});
    const std::vector<float> table = work.values("p.csv");  // id, label, confidence
    REQUIRE(table.size() == 6 * 3 - 6 * 1);                 // `label` is taken as labels
    const std::vector<float> w = weights(work, "/model/decoder.0.weight"),
                             b = weights(work, "/model/decoder.0.bias");
    for (std::size_t r = 0; r < 6; ++r) {
        double z[3], sum = 0;
        for (std::size_t c = 0; c < 3; ++c) {
            z[c] = b[c] + w[c] * x[r][0] + w[3 + c] * x[r][1];
            sum += std::exp(z[c]);
        }
        const double top = std::exp(*std::max_element(z, z + 3)) / sum;
        CHECK(table[r * 2 + 1] == Approx(top).epsilon(1e-5));
    }
}
