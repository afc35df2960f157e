// The codebook: nearest entries, the straight-through gradient, both ways of learning, restarts.
#include "pipeline/layers/vector_quantise.hpp"

#include "tests/layers/layer_bench.hpp"

using namespace layer_test;
using layers::VectorQuantise;

namespace {

constexpr std::size_t batch = 40;

std::unique_ptr<VectorQuantise> quantiser(const Shape& in, std::vector<Setting> settings,
                                          unsigned seed = 7) {
    auto layer = make<VectorQuantise>(settings);
    REQUIRE(layer->configure(in) == in);
    layer->initialise({3, 4});
    layer->parameters()[0]->set_values(noise(layer->parameters()[0]->count(), seed));
    return layer;
}

double distance(const float* x, const float* e, std::size_t size) {
    double sum = 0;
    for (std::size_t c = 0; c < size; ++c) sum += std::pow(double(x[c]) - double(e[c]), 2);
    return sum;
}

// A step: forward, backward, learning.
void step(Bench& bench, const layers::UpdateRule& rule) {
    bench.forward();
    bench.backward();
    const std::vector<layers::Trace> traces{bench.trace()};
    bench.layer.prepare_update(traces);
    bench.layer.update_layer(bench.serial, traces, rule);
}

}  // namespace

TEST_CASE("each vector becomes its nearest entry, of equals the first", "[quantise]") {
    for (const std::size_t entries : {1u, 31u, 32u, 70u}) {
        INFO(entries);
        const Shape in{3, 2, 5};  // a picture of 3 x 2 places and 5 channels
        const auto layer = quantiser(in, {number("entries", double(entries))});
        CHECK(layer->positions() == 6);
        CHECK(layer->size() == 5);
        std::vector<float> codebook = values_of(*layer->parameters()[0]);
        if (entries > 40)  // the last entry once more, at the front
            std::copy_n(codebook.end() - 5, 5, codebook.begin() + 10);
        layer->parameters()[0]->set_values(codebook);
        Bench bench(*layer, in, in, batch);
        if (entries > 40) std::copy_n(codebook.end() - 5, 5, bench.x.begin());
        bench.forward();
        const std::int32_t* index = VectorQuantise::indices(bench.pass.workspace);
        for (std::size_t at = 0; at < batch * 6; ++at) {
            const auto k = static_cast<std::size_t>(index[at]);
            const double own = distance(&bench.x[at * 5], &codebook[k * 5], 5);
            for (std::size_t other = 0; other < entries; ++other) {
                const double that = distance(&bench.x[at * 5], &codebook[other * 5], 5);
                REQUIRE(own <= that * (1 + 1e-6));
            }
            REQUIRE(std::equal(&bench.y[at * 5], &bench.y[at * 5] + 5, &codebook[k * 5]));
        }
        if (entries > 40) CHECK(index[0] == 2);
    }
}

TEST_CASE("the gradient goes straight through a codebook", "[quantise]") {
    const auto layer = quantiser({8}, {number("entries", 16), number("size", 4)});
    CHECK(layer->positions() == 2);
    Bench bench(*layer, {8}, {8}, batch);
    bench.forward();
    bench.backward();
    CHECK(bench.dx == bench.weight_of_y);
}

TEST_CASE("entries are the smoothed moving averages of their vectors", "[quantise]") {
    constexpr std::size_t entries = 6, size = 4, vectors = batch * 2;
    const double decay = 0.8, smoothing = 0.1;
    const auto layer =
        quantiser({8}, {number("entries", entries), number("size", size), number("decay", decay),
                        number("smoothing", smoothing), number("restart", 0)});
    Doubles count(entries), sum(entries * size);
    std::vector<float> codebook = values_of(*layer->parameters()[0]);
    for (unsigned round = 0; round < 3; ++round) {
        Bench bench(*layer, {8}, {8}, batch, 20 + round);
        Gradients rule(*layer);
        step(bench, rule);
        for (double& value : count) value *= decay;
        for (double& value : sum) value *= decay;
        for (std::size_t at = 0; at < vectors; ++at) {
            std::size_t nearest = 0;
            for (std::size_t k = 1; k < entries; ++k)
                if (distance(&bench.x[at * size], &codebook[k * size], size) <
                    distance(&bench.x[at * size], &codebook[nearest * size], size))
                    nearest = k;
            count[nearest] += 1 - decay;
            for (std::size_t c = 0; c < size; ++c)
                sum[nearest * size + c] += (1 - decay) * double(bench.x[at * size + c]);
        }
        const double total = std::accumulate(count.begin(), count.end(), 0.0);
        const std::vector<float> now = values_of(*layer->parameters()[0]);
        for (std::size_t k = 0; k < entries; ++k) {
            const double n = (count[k] + smoothing) / (total + double(entries) * smoothing) * total;
            for (std::size_t c = 0; c < size; ++c)
                REQUIRE(double(now[k * size + c]) == Approx(sum[k * size + c] / n).margin(1e-6));
        }
        codebook = now;
    }
}

TEST_CASE("a codebook's own gradient is the difference of the distance to it", "[quantise]") {
    constexpr std::size_t entries = 5, size = 3;
    const auto layer = quantiser({6}, {number("entries", entries), number("size", size),
                                       number("restart", 0), text("learning", "gradient")});
    Bench bench(*layer, {6}, {6}, batch);
    Gradients rule(*layer);
    step(bench, rule);
    const std::vector<float> gradient = rule.of(*layer->parameters()[0]);
    const std::int32_t* index = VectorQuantise::indices(bench.pass.workspace);
    const std::vector<float> codebook = values_of(*layer->parameters()[0]);
    const auto loss = [&](const Doubles& e) {
        double total = 0;
        for (std::size_t at = 0; at < batch * 2; ++at)
            for (std::size_t c = 0; c < size; ++c)
                total += std::pow(double(bench.x[at * size + c]) -
                                      e[static_cast<std::size_t>(index[at]) * size + c],
                                  2);
        return total / double(batch);
    };
    REQUIRE(largest(gradient) > 0.01);
    for (std::size_t i = 0; i < codebook.size(); ++i)
        CHECK(double(gradient[i]) == Approx(difference(1e-4, [&](double by) {
                                         Doubles e(codebook.begin(), codebook.end());
                                         e[i] += by;
                                         return loss(e);
                                     })).margin(1e-5));
    CHECK(layer->parameters().size() == 2);
}

TEST_CASE("entries that are not used move to vectors of the batch, the same for any loop",
          "[quantise]") {
    const auto run = [](const Loop& loop, std::string learning) {
        const auto layer =
            quantiser({8}, {number("entries", 16), number("size", 4), text("learning", learning)});
        std::vector<float> far(64, 100.0f);  // nothing is near
        layer->parameters()[0]->set_values(far);
        Bench bench(*layer, {8}, {8}, batch);
        bench.pass.loop = &loop;
        Gradients rule(*layer);
        step(bench, rule);
        const std::vector<float> codebook = values_of(*layer->parameters()[0]);
        for (std::size_t k = 1; k < 16; ++k) {
            bool found = false;
            for (std::size_t at = 0; at < batch * 2; ++at)
                found =
                    found || std::equal(&codebook[k * 4], &codebook[k * 4] + 4, &bench.x[at * 4]);
            INFO(k);
            CHECK(found);
        }
        return codebook;
    };
    const SerialLoop serial;
    CHECK(run(serial, "moving_average") == run(ThreadLoop(5), "moving_average"));
    CHECK(run(serial, "gradient") == run(BackwardLoop(), "gradient"));
}

TEST_CASE("a codebook whose entries do not divide the code is refused", "[quantise]") {
    const auto layer = make<VectorQuantise>({number("size", 5)});
    CHECK_THROWS_WITH(layer->configure({32}), "a code of 32 values is not made of vectors of 5");
    CHECK(layer->mirror({30})->type.empty());
}
