// Variational models in whole pipelines: likelihoods, importance sampling against an exact
// marginal, the history of the latent, interpolation and mixtures.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/plugin.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

constexpr std::size_t rows = 400, features = 4;

// x = W z + noise of deviation 0.3, two factors; a little generator of the test's own.
std::string data() {
    std::uint64_t state = 77;
    const auto unit = [&] {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (static_cast<double>(state >> 11) + 0.5) * 0x1p-53;
    };
    const auto normal = [&] {
        return std::sqrt(-2 * std::log(unit())) * std::cos(2 * M_PI * unit());
    };
    const double w[features][2] = {{1, 0}, {0.5, -1}, {-0.3, 0.8}, {0, 0.6}};
    std::string text;
    for (std::size_t r = 0; r < rows; ++r) {
        const double a = normal(), b = normal();
        for (std::size_t i = 0; i < features; ++i)
            text +=
                (i ? "," : "") + std::to_string(w[i][0] * a + w[i][1] * b + 0.3 * normal() + 0.1);
        text += "\n";
    }
    return text;
}

// x.csv, and some of its rows as files of their own.
void write_data(const Work& work) {
    const std::string text = data();
    const auto line = [&](std::size_t number) {
        std::size_t at = 0;
        while (number-- > 0) at = text.find('\n', at) + 1;
        return at;
    };
    const auto part = [&](const char* name, std::size_t first, std::size_t last) {
        work.write(name, text.substr(line(first), line(last) - line(first)));
    };
    work.write("x.csv", text);
    part("head.csv", 0, 100);
    part("a.csv", 0, 2);
    part("b.csv", 2, 4);
    part("four.csv", 0, 4);
}

std::string training(const std::string& decoder, const std::string& model, const std::string& loss,
                     int epochs, const std::string& kl = "") {
    return "seed = 3\nepochs = " + std::to_string(epochs) +
           "\n[model.ae]\ninput = [4]\nencoder = [{ dense = 4 }]\ndecoder = [" + decoder +
           "]\nlatent = \"gaussian\"\n" + model +
           "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nbatch = 50\nshuffle = true\n"
           "validation_file = \"@head.csv\"\n"
           "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n"
           "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n"
           "[node.loss]\nin.prediction = \"recon.x\"\nin.target = \"data.x\"\n" +
           loss +
           "[node.latent]\ntype = \"measure.latent\"\nin.mean = \"code.mean\"\nin.log_variance = "
           "\"code.log_variance\"\n"
           "[node.kl]\ntype = \"penalty.kl\"\nin.mean = \"code.mean\"\nin.log_variance = "
           "\"code.log_variance\"\n" +
           kl +
           "[node.step]\ntype = \"optimize.adam\"\nmodel = \"ae\"\nin.loss = [\"loss.value\", "
           "\"kl.value\"]\nrate = 0.02\n"
           "[node.keep]\ntype = \"store.checkpoint\"\nin.after = \"step.done\"\nfile = \"@m.h5\"\n";
}

std::string evaluation(int draws, const std::string& more) {
    return "[model.ae]\nfile = \"@m.h5\"\n[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\n"
           "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\nsample = "
           "\"always\"\n"
           "[node.is]\ntype = \"measure.importance\"\nmodel = \"ae\"\nin.x = \"data.x\"\nin.mean = "
           "\"code.mean\"\nin.log_variance = \"code.log_variance\"\ndraws = " +
           std::to_string(draws) + "\n" + more;
}

model::Autoencoder& load(const Work& work, std::unique_ptr<Component>& owner) {
    owner = plugin_test::plugins().create(Kind::model, "autoencoder", {});
    auto& model = dynamic_cast<model::Autoencoder&>(*owner);
    ModelSpec spec;
    spec.name = "ae";
    spec.file = work.file("m.h5");
    model.build(spec, plugin_test::plugins(), 1);
    return model;
}

std::vector<double> column(const flow::Result& result, const std::string& name) {
    const auto at = std::find(result.history_names.begin(), result.history_names.end(), name) -
                    result.history_names.begin();
    REQUIRE(at < static_cast<std::ptrdiff_t>(result.history_names.size()));
    std::vector<double> out;
    for (const auto& row : result.history) out.push_back(row[static_cast<std::size_t>(at)]);
    return out;
}

// Mean over rows of -log N(x; bias, W W^T + scale^2 I), by a Cholesky factor.
double exact_nats(const Work& work, const model::Autoencoder& model, double scale) {
    const auto weight = model.decoder().layer(0).parameters()[0]->values();  // [2, 4]
    const auto bias = model.decoder().layer(0).parameters()[1]->values();
    double l[features][features] = {}, log_determinant = 0, sum = 0;
    for (std::size_t i = 0; i < features; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            double v = i == j ? scale * scale : 0;
            for (std::size_t k = 0; k < 2; ++k)
                v += static_cast<double>(weight(k * features + i)) * weight(k * features + j);
            for (std::size_t k = 0; k < j; ++k) v -= l[i][k] * l[j][k];
            l[i][j] = i == j ? std::sqrt(v) : v / l[j][j];
            if (i == j) log_determinant += std::log(l[i][i]);
        }
    const std::vector<float> x = work.values("x.csv");
    for (std::size_t r = 0; r < rows; ++r) {
        double y[features], square = 0;
        for (std::size_t i = 0; i < features; ++i) {
            y[i] = x[r * features + i] - static_cast<double>(bias(i));
            for (std::size_t j = 0; j < i; ++j) y[i] -= l[i][j] * y[j];
            y[i] /= l[i][i];
            square += y[i] * y[i];
        }
        sum += 0.5 * square;
    }
    return sum / rows + log_determinant + features * 0.5 * std::log(2 * M_PI);
}

}  // namespace

TEST_CASE("the importance-sampled likelihood of a linear-Gaussian model is its exact marginal",
          "[variational]") {
    const Work work;
    write_data(work);
    work.run("train", training("{ dense = 4 }", "likelihood = \"gaussian\"\nscale = 0.4\n",
                               "type = \"loss.gaussian_nll\"\nscale = 0.4\n", 20));
    std::unique_ptr<Component> owner;
    const double exact = exact_nats(work, load(work, owner), 0.4);
    const std::string gaussian = "likelihood = \"gaussian\"\nscale = 0.4\n";
    const double one = work.run("stream", evaluation(1, gaussian)).numbers.at("nll");
    const double many = work.run("stream", evaluation(1000, gaussian)).numbers.at("nll");
    CHECK(many == Approx(exact).margin(0.01));
    CHECK(one > many);  // a bound that tightens
    CHECK(work.run("stream", evaluation(1000, gaussian), 1).numbers.at("nll") == many);
    CHECK(work.run("stream", evaluation(1000, gaussian), 5).numbers.at("nll") == many);
}

TEST_CASE("a learned scale ends at the noise of the data", "[variational]") {
    const Work work;
    write_data(work);
    std::string text =
        training("{ dense = 4 }, { log_scale = \"shared\" }", "likelihood = \"gaussian\"\n",
                 "type = \"loss.gaussian_nll\"\nin.log_scale = \"recon.log_scale\"\n", 400);
    // The last weights, by ever smaller steps: those that a few held-out rows like best may be
    // early.
    const auto change = [&](std::string_view from, std::string_view to) {
        text.replace(text.find(from), from.size(), to);
    };
    change("validation_file = \"@head.csv\"\n", "");
    change("rate = 0.02\n", "rate = 0.02\nschedule = \"cosine\"\n");
    const flow::Result result = work.run("train", text);
    std::unique_ptr<Component> owner;
    const model::Autoencoder& model = load(work, owner);
    REQUIRE(model.learned_scale());
    const double scale = std::exp(double{model.decoder().layer(1).parameters()[0]->values()(0)});
    CHECK(scale == Approx(0.3).epsilon(0.05));
    // The negative ELBO is an upper bound of the exact negative log-likelihood.
    const double exact = exact_nats(work, model, scale);
    // One draw a row is a coarse estimate of it, a hundred epochs of small steps are not.
    const std::vector<double> losses = column(result, "loss");
    REQUIRE(losses.size() == 400);
    double bound = 0;
    for (std::size_t epoch = 300; epoch < 400; ++epoch) bound += losses[epoch] / 100;
    CHECK(bound > exact - 0.02);
    CHECK(bound < exact + 0.15);
    CHECK(work.run("stream", evaluation(500, "likelihood = \"gaussian\"\n")).numbers.at("nll") ==
          Approx(exact).margin(0.01));
}

TEST_CASE("each epoch's history has the KL of each dimension and the active units",
          "[variational]") {
    const Work work;
    write_data(work);
    const std::string text = training("{ dense = 4 }", "likelihood = \"laplace\"\nscale = 0.3\n",
                                      "type = \"loss.laplace_nll\"\nscale = 0.3\n", 6);
    const flow::Result result = work.run("train", text, 1);
    const auto kl = column(result, "kl"), first = column(result, "kl_per_dimension[0]"),
               second = column(result, "kl_per_dimension[1]");
    for (std::size_t e = 0; e < 6; ++e) CHECK(first[e] + second[e] == Approx(kl[e]).epsilon(1e-6));
    const auto held = column(result, "validation_kl");
    CHECK(column(result, "validation_kl_per_dimension[0]").back() +
              column(result, "validation_kl_per_dimension[1]").back() ==
          Approx(held.back()).epsilon(1e-6));
    CHECK(column(result, "active_units").back() == 2);
    CHECK(column(result, "validation_active_units").back() == 2);
    CHECK(result.vectors.at("kl_per_dimension").size() == 2);
    CHECK(result.numbers.count("kl_per_dimension[0]") == 0);
    for (const std::string& name : result.history_names) CHECK(name[0] != '.');
    CHECK(work.run("train", text, 5).history == result.history);
}

namespace {

std::atomic<int> stop{0};
int packets_left = 0;  // until the run is asked to stop; 0: it is not

// Asks the run to stop at a packet of the test's choice, in training or in validation.
class StopAtPacket final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("asks the run to stop after some packets")
            .threads(Threads::ordered)
            .in("x", "f32[batch, ...]", "in");
    }
    void process(Context&) override {
        if (packets_left > 0 && --packets_left == 0) stop = 1;
    }
};

}  // namespace

TEST_CASE("a run that was stopped again and again has the history of one that was not",
          "[variational]") {
    static constexpr Entry entries[] = {NARROWS_NODE(StopAtPacket, "test.stop_at_packet")};
    static constexpr PluginInfo info{"variational_test", "1", "a node for tests", entries,
                                     std::size(entries)};
    plugin_test::plugins().add(info);
    const Work work;
    write_data(work);
    const std::string text =
        training("{ dense = 4 }, { log_scale = \"feature\" }", "likelihood = \"gaussian\"\n",
                 "type = \"loss.gaussian_nll\"\nin.log_scale = "
                 "\"recon.log_scale\"\n",
                 40) +
        "[node.stopper]\ntype = \"test.stop_at_packet\"\nin.x = \"recon.x\"\n";
    const flow::Result whole = work.run("train", text);
    std::filesystem::remove(work.file("m.h5"));
    flow::Result result;
    int stops = 0;
    // Eight packets of training and two of validation make an epoch: every place is stopped at.
    for (int packets = 1; stops < 200; ++packets) {
        stop = 0;
        packets_left = packets;
        result = work.run("train", text, 2, stops > 0, &stop);
        if (!result.stopped) break;
        ++stops;
    }
    CHECK(stops > 20);
    CHECK(result.history_names == whole.history_names);
    CHECK(result.history == whole.history);
    CHECK(result.texts.at("model_sha256") == whole.texts.at("model_sha256"));
}

TEST_CASE("a collapsed posterior is told in words", "[variational]") {
    const Work work;
    write_data(work);
    std::vector<std::string> said;
    const auto keep = [&](const std::string& text) { said.push_back(text); };
    FunctionRef<void(const std::string&)> warn(keep);
    std::string text =
        "schema = 1\n[run]\nmode = \"train\"\n" +
        training("{ dense = 4 }", "", "type = \"loss.gaussian_nll\"\n", 30, "beta = 1000.0\n");
    for (std::size_t at = 0; (at = text.find("\"@", at)) != std::string::npos;)
        text.replace(at + 1, 1, work.file(""));
    flow::Settings settings;
    settings.warn = &warn;
    flow::run(language::parse(text, "t.toml", plugin_test::plugins()), plugin_test::plugins(),
              settings);
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("0 of 2 latent dimensions are active: the posterior has collapsed") !=
          std::string::npos);
}

TEST_CASE("interpolation begins and ends at the rows' own reconstructions", "[variational]") {
    const Work work;
    write_data(work);
    work.run("train", training("{ dense = 4 }", "", "type = \"loss.gaussian_nll\"\n", 3));
    const auto points = [&](const std::string& path) {
        work.run(
            "stream",
            "[model.ae]\nfile = \"@m.h5\"\n[node.z]\ntype = \"sample.interpolate\"\nmodel = "
            "\"ae\"\n"
            "from = \"@a.csv\"\nto = \"@b.csv\"\nsteps = 5\npath = \"" +
                path +
                "\"\n[node.out]\ntype = \"store.samples\"\nin.x = \"z.z\"\nfile = \"@z.h5\"\n");
        return work.values("z.h5");
    };
    work.run(
        "stream",
        "[model.ae]\nfile = \"@m.h5\"\n[node.data]\ntype = \"load\"\nfile = \"@four.csv\"\n"
        "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n[node.out]\ntype = "
        "\"store.samples\"\nin.x = \"code.mean\"\nfile = \"@c.h5\"\n");
    const std::vector<float> codes = work.values("c.h5");  // [4, 2]
    for (const char* path : {"linear", "spherical"}) {
        const std::vector<float> z = points(path);
        REQUIRE(z.size() == 2 * 5 * 2);
        for (std::size_t pair = 0; pair < 2; ++pair) {
            const float *a = codes.data() + pair * 2, *b = codes.data() + (pair + 2) * 2;
            const double angle = std::acos((double{a[0]} * b[0] + double{a[1]} * b[1]) /
                                           std::hypot(a[0], a[1]) / std::hypot(b[0], b[1]));
            for (std::size_t step = 0; step < 5; ++step) {
                const double t = static_cast<double>(step) / 4;
                const bool arc = path == std::string("spherical");
                const double of_a = arc ? std::sin((1 - t) * angle) / std::sin(angle) : 1 - t;
                const double of_b = arc ? std::sin(t * angle) / std::sin(angle) : t;
                for (std::size_t i = 0; i < 2; ++i)
                    CHECK(z[(pair * 5 + step) * 2 + i] ==
                          Approx(of_a * a[i] + of_b * b[i]).epsilon(1e-5).margin(1e-6));
            }
        }
    }
    CHECK(points("linear")[0] == codes[0]);
}

TEST_CASE("log-scales have a shape, importance needs a latent", "[variational]") {
    const Work work;
    write_data(work);
    CHECK_THROWS_AS(work.run("train", training("{ dense = 4 }, { log_scale = \"shared\" }", "",
                                               "type = \"loss.gaussian_nll\"\n", 1)),
                    Error);  // the model does not say that it has a scale
    work.run("train", training("{ dense = 4 }", "", "type = \"loss.gaussian_nll\"\n", 1));
    CHECK_THROWS_AS(
        work.run("stream",
                 "[model.ae]\nfile = \"@m.h5\"\n[node.z]\ntype = \"sample.mixture\"\nmodel = "
                 "\"ae\"\nfit = \"@four.csv\"\ncomponents = 6\n[node.out]\ntype = "
                 "\"store.samples\"\nin.x = \"z.z\"\nfile = \"@z.h5\"\n"),
        Error);
    CHECK_FALSE(std::filesystem::exists(work.file("z.h5")));
}
