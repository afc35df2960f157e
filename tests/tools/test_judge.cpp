// narrows probe and score: classes and values, PCA beside the codes, exit codes, windows and
// labels.
#include <cmath>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

// Points of a plane in eight dimensions, and a value that is linear in them: its R squared on two
// principal components is 1 but for rounding.
std::string plane(int rows) {
    std::string text = "a,b,c,d,e,f,g,h,target\n";
    for (int r = 0; r < rows; ++r) {
        const double u = std::sin(r * 1.3), v = std::cos(r * 2.1);
        for (int c = 0; c < 8; ++c) text += std::to_string(u * (c + 1) - v * (c % 3)) + ",";
        text += std::to_string(3 * u + v + 0.5) + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("probe of values: codes of a linear model tell what PCA tells", "[tools][probe]") {
    const Folder folder;
    folder.write("d.csv", plane(400));
    folder.must("train d.csv --model linear --latent 2 --epochs 60 -o m.h5 -q");

    const auto found = folder.must("probe d.csv -m m.h5 --json -q").json();

    for (const char* key : {"linear_r2", "raw_linear_r2", "pca_linear_r2"})
        CHECK(found.at(key).get<double>() > 0.999);
    CHECK(found.at("knn_r2").get<double>() > 0.95);
    CHECK(found.at("linear_r2_spread").get<double>() < 0.01);
    CHECK(found.count("linear_accuracy") == 0);
    CHECK(folder.narrows("probe d.csv -m m.h5 --fail-under 0.9").code == 0);
    CHECK(folder.must("probe d.csv -m m.h5 --json -q").json().at("linear_r2") ==
          found.at("linear_r2"));
}

TEST_CASE("probe says that codes lose to PCA, and --fail-under PCA ends with 1", "[tools][probe]") {
    const Folder folder;
    folder.must("generate digits -n 1200 -o d.h5 -q");
    // Two units after one step of training: less than two principal components.
    folder.must(
        "train d.h5 --model undercomplete --latent 2 --hidden 4 --epochs 1 --rate 1e-5 "
        "-o bad.h5 -q");
    const Outcome lost = folder.narrows("probe d.h5 -m bad.h5 --splits 2 --fail-under PCA --json");
    CHECK(lost.code == 1);
    CHECK(lost.err.find("--fail-under PCA") != std::string::npos);
    CHECK(lost.err.find("the codes lose to PCA") != std::string::npos);
    const auto numbers = lost.json();
    CHECK(numbers.at("linear_accuracy") < numbers.at("pca_linear_accuracy"));
    CHECK(numbers.at("verdict").get<std::string>().find("LOSES") != std::string::npos);
    CHECK(folder.narrows("probe d.h5 -m bad.h5 --splits 1 --fail-under 0.99").code == 1);
    CHECK(folder.narrows("probe d.h5 -m bad.h5 --splits 1 --fail-under 0.01").code == 0);

    CHECK(folder.narrows("probe d.h5 -m bad.h5 --fail-under 7").code == 2);
    CHECK(folder.narrows("probe d.h5 -m bad.h5 --splits 0").code == 2);
    folder.must("generate digits -n 300 --seed 2 -o test.h5 -q");
    const auto apart = folder.must("probe d.h5 -m bad.h5 --test test.h5 --json -q").json();
    CHECK(apart.at("test_samples") == 300);
    CHECK(apart.at("train_samples") == 1200);
    CHECK(apart.count("linear_accuracy_spread") == 0);
}

TEST_CASE("score gives the odd rows of a table the highest scores, with their features",
          "[tools][score]") {
    const Folder folder;
    std::string good, mixed = "a,b,c,d,anomaly\n";
    for (int r = 0; r < 300; ++r) {
        const double t = std::sin(r * 0.7), u = std::cos(r * 1.9);
        const bool odd = r % 15 == 4;
        const auto row = [&](double last) {
            return std::to_string(t) + "," + std::to_string(u) + "," + std::to_string(t + u) + "," +
                   std::to_string(last);
        };
        good += row(t - u) + "\n";
        mixed += row(odd ? t - u + 1.5 : t - u) + (odd ? ",1\n" : ",0\n");
    }
    folder.write("good.csv", good);
    folder.write("mixed.csv", mixed);
    folder.must("train good.csv --model linear --latent 2 --epochs 200 --batch 32 -o m.h5 -q");

    const auto found = folder
                           .must(
                               "score mixed.csv -m m.h5 -o s.h5 --per-feature --reference "
                               "good.csv --threshold-quantile 0.99 --json -q")
                           .json();

    CHECK(found.at("auc").get<double>() > 0.95);
    CHECK(found.at("average_precision").get<double>() > 0.8);
    CHECK(found.at("reference_samples") == 300);
    CHECK(found.at("recall") == 1);
    CHECK(found.at("flagged").get<double>() <= 40);
    CHECK(folder.must("info s.h5").out.find("/squared_errors") != std::string::npos);
    CHECK(folder.narrows("score mixed.csv -m m.h5 -o s.h5 --threshold-quantile 2").code == 2);
    CHECK(folder.narrows("score mixed.csv -m m.h5 -o s.h5 --reference good.csv").code == 2);
}
