// Moving values to other places, and recall of what is there.
#include <algorithm>
#include <set>

#include "plugins/measure/recall.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

std::string copy(const std::string& node) {
    return "[node.data]\ntype = \"load\"\nfile = \"@in.h5\"\nscale = \"none\"\nbatch = 3\n" + node +
           "in.x = \"data.x\"\n[node.out]\ntype = \"store.samples\"\nin.x = \"moved.x\"\nfile = "
           "\"@out.h5\"\n";
}

// 10 samples [2, 3, 4] of 0, 1, 2, ...
void write_samples(const Work& work) {
    storage::DatasetLayout layout;
    layout.sample = {2, 3, 4};
    layout.rows = 10;
    storage::DatasetWriter writer(work.file("in.h5"), layout);
    std::vector<float> values(240);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    writer.append(std::as_bytes(std::span(values)));
    writer.commit();
}

}  // namespace

TEST_CASE("a mirror reverses one axis", "[plugins]") {
    const Work work;
    write_samples(work);
    work.run("stream", copy("[node.moved]\ntype = \"corrupt.mirror\"\n"));
    std::vector<float> out = work.values("out.h5");
    CHECK(std::vector<float>(out.begin(), out.begin() + 8) ==
          std::vector<float>{3, 2, 1, 0, 7, 6, 5, 4});
    work.run("stream", copy("[node.moved]\ntype = \"corrupt.mirror\"\naxis = 0\n"));
    out = work.values("out.h5");
    CHECK(out[0] == 12);
    CHECK(out[12] == 0);
    CHECK(out[24 + 13] == 25);
    work.run("stream", copy("[node.moved]\ntype = \"corrupt.mirror\"\naxis = -2\n"));
    out = work.values("out.h5");
    CHECK(std::vector<float>(out.begin(), out.begin() + 5) == std::vector<float>{8, 9, 10, 11, 4});
    CHECK_THROWS_AS(work.run("stream", copy("[node.moved]\ntype = \"corrupt.mirror\"\naxis = 3\n")),
                    Error);
}

TEST_CASE("a shuffle keeps what is at a place together, each sample in its own order",
          "[plugins]") {
    const Work work;
    write_samples(work);
    const std::string node = "[node.moved]\ntype = \"corrupt.shuffle\"\nchannels = \"first\"\n";
    work.run("stream", copy(node), 1);
    const std::vector<float> out = work.values("out.h5");
    std::set<std::vector<float>> orders;
    for (std::size_t sample = 0; sample < 10; ++sample) {
        std::vector<float> places;
        for (std::size_t k = 0; k < 12; ++k) {
            const float first = out[sample * 24 + k], second = out[sample * 24 + 12 + k];
            CHECK(second == first + 12);
            places.push_back(first - static_cast<float>(sample * 24));
        }
        orders.insert(places);
        std::sort(places.begin(), places.end());
        for (std::size_t k = 0; k < 12; ++k) CHECK(places[k] == static_cast<float>(k));
    }
    CHECK(orders.size() == 10);
    work.run("stream", copy(node), 3);
    CHECK(work.values("out.h5") == out);

    work.run("stream", copy("[node.moved]\ntype = \"corrupt.shuffle\"\nchannels = \"last\"\n"));
    const std::vector<float> last = work.values("out.h5");
    for (std::size_t place = 0; place < 60; ++place)
        for (std::size_t channel = 0; channel < 4; ++channel)
            CHECK(last[place * 4 + channel] == last[place * 4] + static_cast<float>(channel));
}

TEST_CASE("shuffled places are evenly spread", "[plugins]") {
    const Work work;
    storage::DatasetLayout layout;
    layout.sample = {5};
    layout.rows = 4000;
    storage::DatasetWriter writer(work.file("in.h5"), layout);
    std::vector<float> values(20000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 5);
    writer.append(std::as_bytes(std::span(values)));
    writer.commit();
    work.run("stream", copy("[node.moved]\ntype = \"corrupt.shuffle\"\n"));
    const std::vector<float> out = work.values("out.h5");
    int counts[5][5] = {};
    for (std::size_t i = 0; i < out.size(); ++i) ++counts[i % 5][static_cast<int>(out[i])];
    for (const auto& row : counts)
        for (const int count : row) CHECK(std::abs(count - 800) < 110);  // 4 deviations
}

TEST_CASE("recall is the share of what is there among the highest", "[plugins]") {
    using plugins::recall_at_n;
    const std::vector<float> target{0, 1, 0, 1, 1, 0};
    CHECK(recall_at_n(std::vector<float>{0, 9, 0, 8, 7, 0}, target, 0.5) == 1);
    CHECK(recall_at_n(std::vector<float>{9, 8, 7, 6, 5, 4}, target, 0.5) == 1.0 / 3);
    CHECK(recall_at_n(std::vector<float>{9, 0, 9, 0, 0, 9}, target, 0.5) == 0);
    CHECK(recall_at_n(std::vector<float>(6, 1.0f), target, 0.5) == 1.0 / 3);  // ties: the first
    CHECK(std::isnan(recall_at_n(target, std::vector<float>(6, 0.0f), 0.5)));

    const Work work;
    work.write("a.csv", "1,0,1,0\n1,1,0,0\n0,0,1,1\n");
    work.write("b.csv", "0,0,3,1\n0,0,1,1\n");
    const flow::Result found =
        work.run("stream",
                 "[node.data]\ntype = \"load\"\nfile = \"@a.csv\"\nbatch = 2\n"
                 "[node.back]\ntype = \"corrupt.mirror\"\nin.x = \"data.x\"\n"
                 "[node.recall]\ntype = \"measure.recall\"\nname = \"mirrored\"\nin.prediction = "
                 "\"back.x\"\nin.target = \"data.x\"\nmean_of = \"@b.csv\"\n");
    CHECK(std::abs(found.numbers.at("mirrored") - 0.0) < 1e-12);
    CHECK(std::abs(found.numbers.at("mean_mirrored") - (0.5 + 0 + 1) / 3) < 1e-12);
}
