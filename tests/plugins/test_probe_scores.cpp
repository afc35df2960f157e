// measure.probe and store.scores as nodes, against what can be reckoned by hand.
#include <cmath>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

std::string csv(const std::vector<std::vector<double>>& rows, const std::string& head = {}) {
    std::string out = head.empty() ? "" : head + "\n";
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            out += std::to_string(row[i]) + (i + 1 < row.size() ? "," : "\n");
    return out;
}

std::string load(const std::string& more = {}) {
    return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nscale = \"none\"\nbatch = 7\n" + more;
}

std::string probe(const std::string& codes, const std::string& more) {
    return load() + "[node.probe]\ntype = \"measure.probe\"\nin.x = \"data.x\"\nin.z = \"" + codes +
           "\"\nlabels_file = \"@y.csv\"\n" + more;
}

template <class T>
std::vector<T> column(const Work& work, const std::string& path) {
    const auto array = storage::open_array(work.file("s.h5"), path);
    std::vector<T> out(static_cast<std::size_t>(array->info().shape.elements()));
    array->read(0, array->info().shape[0], reinterpret_cast<std::byte*>(out.data()));
    return out;
}

}  // namespace

TEST_CASE("a probe of values gives the R squared of a line with noise that is known", "[probe]") {
    // Each x comes with 2 x + 5 - 1 and 2 x + 5 + 1, four times over; the last time is the test.
    // The least squares line is 2 x + 5 and so is the mean of the two neighbours: each error is 1.
    Work work;
    std::vector<std::vector<double>> x, y;
    double squares = 0;
    for (int round = 0; round < 4; ++round)
        for (int i = -10; i <= 10; ++i)
            for (const int noise : {-1, 1}) {
                x.push_back({i * 1.0});
                y.push_back({2.0 * i + 5 + noise + 1e-3 * (i % 2)});
                if (round == 3) squares += 4.0 * i * i + 1;
            }
    work.write("x.csv", csv(x));
    work.write("y.csv", csv(y));
    const double expected = 1 - 42 / squares;

    const auto found =
        work.run("stream", probe("data.x", "test_rows = 42\nneighbours = 6\n")).numbers;

    for (const char* key : {"linear_r2", "raw_linear_r2", "pca_linear_r2"})
        CHECK(found.at(key) == Approx(expected).margin(1e-3));
    for (const char* key : {"knn_r2", "raw_knn_r2", "pca_knn_r2"})
        CHECK(found.at(key) == Approx(expected).margin(1e-3));
    CHECK(found.at("train_samples") == 126);
    CHECK(found.at("test_samples") == 42);
    CHECK(found.count("linear_accuracy") == 0);
}

TEST_CASE("a probe of classes is right where a line parts them, and codes of noise lose to PCA",
          "[probe]") {
    Work work;
    std::vector<std::vector<double>> x, y;
    for (int i = 0; i < 200; ++i) {
        const int label = i % 2;
        x.push_back({label * 8.0 + std::sin(i * 1.7), std::cos(i * 0.9)});
        y.push_back({label * 1.0});
    }
    work.write("x.csv", csv(x));
    work.write("y.csv", csv(y));

    const auto good = work.run("stream", probe("data.x", "splits = 3\n"));
    for (const char* key : {"linear_accuracy", "knn_accuracy", "raw_linear_accuracy"}) {
        CHECK(good.numbers.at(key) == 1);
        CHECK(good.numbers.at(std::string(key) + "_spread") == 0);
    }
    CHECK(good.numbers.at("splits") == 3);
    CHECK(good.numbers.at("classes") == 2);
    CHECK(good.texts.at("verdict").find("equals one on PCA") != std::string::npos);

    const std::string noise =
        "[node.noise]\ntype = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = 1000\n";
    const auto bad = work.run("stream", noise + probe("noise.x", ""));
    CHECK(bad.numbers.at("linear_accuracy") < 0.75);
    CHECK(bad.numbers.at("pca_linear_accuracy") == 1);
    CHECK(bad.texts.at("verdict").find("LOSES to one on PCA of size 2") != std::string::npos);

    const auto alone = work.run("stream", noise + probe("noise.x", ""), 1);
    CHECK(alone.numbers == bad.numbers);  // whatever the threads
    work.write("y.csv", csv(std::vector<std::vector<double>>(200, {1.0})));
    CHECK_THROWS_AS(work.run("stream", probe("data.x", "")), Error);
    work.write("y.csv", csv(std::vector<std::vector<double>>(199, {1.0})));
    CHECK_THROWS_AS(work.run("stream", probe("data.x", "")), Error);
}

namespace {

// The reconstruction is the mirror image: each error is a difference of two values of the sample.
std::string scores(const std::string& source, const std::string& more) {
    return load(source) +
           "[node.mirror]\ntype = \"corrupt.mirror\"\nin.x = \"data.x\"\naxis = 0\n"
           "[node.scores]\ntype = \"store.scores\"\nin.prediction = \"mirror.x\"\nin.target = "
           "\"data.x\"\nfile = \"@s.h5\"\n" +
           more;
}

}  // namespace

TEST_CASE("scores are distances, with each value's error, AUC, precision and flags", "[scores]") {
    Work work;
    // Squared errors 2 (a - c)^2: scores sqrt(2) |a - c|, 0 to 9 times sqrt(2).
    std::vector<std::vector<double>> x, y;
    for (int i = 0; i < 10; ++i) {
        x.push_back({1.0 * i, 3, 0});
        y.push_back({i == 9 || i == 7 || i == 3 ? 1.0 : 0.0});
    }
    work.write("x.csv", csv(x));
    work.write("y.csv", csv(y));

    const auto found = work.run("stream", scores("",
                                                 "per_feature = true\nthreshold_quantile = 0.7\n"
                                                 "labels_file = \"@y.csv\"\n"))
                           .numbers;

    const std::vector<float> distance = column<float>(work, "/scores");
    const std::vector<float> errors = column<float>(work, "/squared_errors");
    for (int i = 0; i < 10; ++i) {
        CHECK(distance[static_cast<std::size_t>(i)] == Approx(std::sqrt(2.0) * i));
        CHECK(errors[static_cast<std::size_t>(3 * i)] == Approx(1.0 * i * i));
        CHECK(errors[static_cast<std::size_t>(3 * i + 1)] == 0);
    }
    // Of 3 x 7 pairs, 9 wins all 7, 7 wins 6 (8 is above), 3 wins 3.
    CHECK(found.at("auc") == Approx(16.0 / 21));
    CHECK(found.at("average_precision") == Approx((1.0 + 2.0 / 3 + 3.0 / 7) / 3));
    // 0.7 of the way from place 0 to 9: 6.3 steps; 7, 8 and 9 are above.
    CHECK(found.at("threshold") == Approx(std::sqrt(2.0) * 6.3));
    CHECK(found.at("flagged") == 3);
    CHECK(found.at("flagged_share") == Approx(0.3));
    CHECK(found.at("precision") == Approx(2.0 / 3));
    CHECK(found.at("recall") == Approx(2.0 / 3));
    CHECK(column<std::uint8_t>(work, "/flagged") ==
          std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 0, 1, 1, 1});
    CHECK(column<double>(work, "/threshold")[0] == Approx(found.at("threshold")));

    // The first four set the threshold and are not scored.
    const auto rest =
        work.run("stream", scores("", "reference_rows = 4\nthreshold_quantile = 1\n")).numbers;
    CHECK(rest.at("threshold") == Approx(std::sqrt(2.0) * 3));
    CHECK(rest.at("flagged") == 6);
    CHECK(column<float>(work, "/scores").size() == 6);
    CHECK(column<std::int64_t>(work, "/ids") == std::vector<std::int64_t>{4, 5, 6, 7, 8, 9});
}

TEST_CASE("scores of windows go back to the rows of their series", "[scores]") {
    Work work;
    // Windows of three rows, two apart, of 0 0 0 0 0 6 0 0: the fault is the end of the second
    // window (rows 2 to 4 do not hold it), the middle of none, and in the third (rows 4, 5, 6) the
    // middle.
    work.write("x.csv", csv({{0}, {0}, {0}, {0}, {0}, {6}, {0}, {3}}, "value"));
    work.write("y.csv", csv({{0}, {0}, {0}, {0}, {0}, {1}, {0}, {0}}, "label"));
    const std::string windows = "window = 3\nstride = 1\n";

    const auto found = work.run("stream", scores(windows,
                                                 "series_rows = 8\nstride = 1\n"
                                                 "threshold_quantile = 0.5\n"
                                                 "labels_file = \"@y.csv\"\n"))
                           .numbers;

    // Windows start at rows 0 to 5; ends differ in window 3 (0, 6) and 5 (6, 3): errors 36, 36,
    // 9, 9.
    const std::vector<float> scores_found = column<float>(work, "/scores");
    const double four = std::sqrt(72.0), six = std::sqrt(18.0);
    CHECK(scores_found ==
          std::vector<float>{0, 0, 0, static_cast<float>(four), 0, static_cast<float>(six)});
    CHECK(column<std::int64_t>(work, "/first_row") == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
    // Row 3 is in windows 1, 2 and 3, in the last with 36; row 5 in 3 (36), 4 (0) and 5 (9); row 7
    // in 5 alone (9).
    const std::vector<float> rows = column<float>(work, "/row_scores");
    CHECK(rows[0] == 0);
    CHECK(rows[3] == Approx(std::sqrt(12.0)));
    CHECK(rows[5] == Approx(std::sqrt(15.0)));
    CHECK(rows[6] == 0);
    CHECK(rows[7] == Approx(3));
    CHECK(found.at("row_auc") == 1);
    // The windows that hold row 5: 3, 4 and 5; two of the three are above the three others.
    CHECK(found.at("anomalies") == 3);
    CHECK(found.at("auc") == Approx((3 + 1.5 + 3) / 9.0));
    // Half of the scores are 0: both others are flagged, with all their rows.
    CHECK(found.at("threshold") == 0);
    CHECK(column<std::uint8_t>(work, "/row_flagged") ==
          std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1, 1, 1});

    CHECK_THROWS_AS(work.run("stream", scores(windows, "series_rows = 9\nstride = 2\n")), Error);
}
