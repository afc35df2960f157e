// Contractive penalties and quantised latents: gradients of a training step against finite
// differences, in double, of the whole loss.
#include <cmath>
#include <functional>

#include "pipeline/storage/bundle.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

using Doubles = std::vector<double>;
constexpr std::size_t rows = 7, features = 5, units = 3;

std::string csv(std::size_t lines, std::size_t columns) {
    std::string text;
    std::uint64_t state = 11;
    for (std::size_t i = 0; i < lines * columns; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        text += std::to_string(2 * static_cast<double>(state >> 40) / 16777216.0 - 1) +
                ((i + 1) % columns ? "," : "\n");
    }
    return text;
}

Doubles weights(const Work& work, const std::string& name) {
    const storage::Bundle bundle = storage::read_bundle(work.file("m.h5"), "narrows-model");
    const storage::Array* array = bundle.find("/model/" + name);
    REQUIRE(array != nullptr);
    const auto values = array->as<float>();
    return {values.begin(), values.end()};
}

// One step of plain descent; its gradient of each named parameter, in the order of `names`.
struct Step {
    Doubles before, gradient;
};
Step descend(const Work& work, const std::string& body, const std::string& losses,
             const std::vector<std::string>& names) {
    constexpr double rate = 0.5;
    const auto all = [&](double by) {
        work.run("train", body + "[node.step]\ntype = \"optimize.sgd\"\nmodel = \"ae\"\n" +
                              "in.loss = [" + losses + "]\nrate = " + std::to_string(by) + "\n" +
                              "[node.keep]\ntype = \"store.checkpoint\"\nin.after = "
                              "\"step.done\"\nfile = \"@m.h5\"\n");
        Doubles out;
        for (const std::string& name : names)
            for (const double value : weights(work, name)) out.push_back(value);
        return out;
    };
    Step step{all(0), all(rate)};
    for (std::size_t i = 0; i < step.before.size(); ++i)
        step.gradient[i] = (step.before[i] - step.gradient[i]) / rate;
    return step;
}

void check(const Step& step, const std::function<double(const Doubles&)>& loss) {
    double largest = 0;
    for (const double value : step.gradient) largest = std::max(largest, std::abs(value));
    REQUIRE(largest > 0.01);
    for (std::size_t i = 0; i < step.before.size(); ++i) {
        Doubles w = step.before;
        w[i] += 1e-5;
        const double above = loss(w);
        w[i] -= 2e-5;
        INFO("value " << i);
        CHECK(std::abs(step.gradient[i] - (above - loss(w)) / 2e-5) < 2e-5 * (1 + largest));
    }
}

double act(const std::string& name, double a) {
    return name == "sigmoid"    ? 1 / (1 + std::exp(-a))
           : name == "tanh"     ? std::tanh(a)
           : name == "softplus" ? std::log1p(std::exp(a))
           : name == "elu"      ? (a > 0 ? a : std::exp(a) - 1)
           : name == "relu"     ? std::max(a, 0.0)
                                : a;
}

// y = f(x W + b) of `inputs` values; W [inputs, outputs] and b stand at `at` in w, which moves on.
Doubles dense(const std::string& f, const Doubles& x, const Doubles& w, std::size_t& at,
              std::size_t outputs) {
    Doubles y(outputs);
    for (std::size_t j = 0; j < outputs; ++j) {
        double a = w[at + x.size() * outputs + j];
        for (std::size_t i = 0; i < x.size(); ++i) a += x[i] * w[at + i * outputs + j];
        y[j] = act(f, a);
    }
    at += (x.size() + 1) * outputs;
    return y;
}

// |dh/dx|^2 by central differences of the encoder itself.
double jacobian(const std::function<Doubles(const Doubles&)>& encode, const Doubles& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        Doubles up = x, down = x;
        up[i] += 1e-4;
        down[i] -= 1e-4;
        const Doubles high = encode(up), low = encode(down);
        for (std::size_t j = 0; j < high.size(); ++j) sum += std::pow((high[j] - low[j]) / 2e-4, 2);
    }
    return sum;
}

Doubles row_of(const std::vector<float>& all, std::size_t row, std::size_t size) {
    return {all.begin() + static_cast<long>(row * size),
            all.begin() + static_cast<long>((row + 1) * size)};
}

const std::string data =
    "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\nscale = \"none\"\nbatch = 7\n";
const std::string code = "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n";
const std::string moved =
    "[node.moved]\ntype = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = 0.2\n"
    "[node.moved_code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"moved.x\"\n";

std::string recon(const std::string& from) {
    return "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"" + from +
           "\"\n[node.loss]\ntype = \"loss.mse\"\nin.prediction = \"recon.x\"\nin.target = "
           "\"data.x\"\n";
}

}  // namespace

TEST_CASE("the exact contractive penalty's gradient is the difference of its Jacobian",
          "[plugins]") {
    for (const std::string f : {"sigmoid", "tanh", "softplus", "elu", "relu", "linear"}) {
        INFO(f);
        const Work work;
        work.write("x.csv", csv(rows, features));
        const auto x = work.values("x.csv");
        const std::string body =
            "[model.ae]\nencoder = [{ dense = 3, act = \"" + f +
            "\" }]\ndecoder = [{ dense = 5 }]\n" + data + code + recon("code.z") +
            "[node.c]\ntype = \"penalty.contractive\"\nmodel = \"ae\"\nin.h = \"code.z\"\n"
            "weight = 0.7\n";
        const Step step =
            descend(work, body, "\"loss.value\", \"c.value\"",
                    {"encoder.0.weight", "encoder.0.bias", "decoder.0.weight", "decoder.0.bias"});
        check(step, [&](const Doubles& w) {
            double loss = 0;
            for (std::size_t r = 0; r < rows; ++r) {
                const Doubles sample = row_of(x, r, features);
                const auto encode = [&](const Doubles& from) {
                    std::size_t start = 0;
                    return dense(f, from, w, start, units);
                };
                std::size_t at = (features + 1) * units;
                const Doubles y = dense("linear", encode(sample), w, at, features);
                for (std::size_t i = 0; i < features; ++i)
                    loss += std::pow(y[i] - sample[i], 2) / features / rows;
                loss += 0.7 * jacobian(encode, sample) / rows;
            }
            return loss;
        });
    }
}

TEST_CASE("a tied decoder and the contractive penalty share one gradient", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(rows, features));
    const auto x = work.values("x.csv");
    const std::string body =
        "[model.ae]\nencoder = [{ dense = 3, act = \"sigmoid\" }]\ndecoder = [{ dense = 5 }]\n"
        "tied = true\n" +
        data + code + recon("code.z") +
        "[node.c]\ntype = \"penalty.contractive\"\nmodel = \"ae\"\nin.h = \"code.z\"\nweight = "
        "0.7\n";
    const Step step = descend(work, body, "\"loss.value\", \"c.value\"",
                              {"encoder.0.weight", "encoder.0.bias", "decoder.0.bias"});
    check(step, [&](const Doubles& w) {
        double loss = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const Doubles sample = row_of(x, r, features);
            const auto encode = [&](const Doubles& from) {
                std::size_t start = 0;
                return dense("sigmoid", from, w, start, units);
            };
            const Doubles h = encode(sample);
            for (std::size_t i = 0; i < features; ++i) {
                double y = w[(features + 1) * units + i];
                for (std::size_t j = 0; j < units; ++j) y += h[j] * w[i * units + j];
                loss += std::pow(y - sample[i], 2) / features / rows;
            }
            loss += 0.7 * jacobian(encode, sample) / rows;
        }
        return loss;
    });
}

TEST_CASE("the estimated contractive penalty's gradient flows through both codes", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(rows, features));
    work.run("stream", data +
                           "[node.moved]\ntype = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = "
                           "0.2\n[node.out]\ntype = \"store.samples\"\nin.x = \"moved.x\"\nfile = "
                           "\"@n.h5\"\n");
    const auto x = work.values("x.csv"), near = work.values("n.h5");
    const std::string body =
        "[model.ae]\nencoder = [{ dense = 4, act = \"tanh\" }, { dense = 3, act = \"sigmoid\" }]\n"
        "decoder = [{ dense = 5 }]\n" +
        data + code + moved + recon("code.z") +
        "[node.c]\ntype = \"penalty.contractive_estimate\"\nin.h = \"code.z\"\n"
        "in.moved = \"moved_code.z\"\nsigma = 0.2\nweight = 0.7\n";
    const Step step = descend(work, body, "\"loss.value\", \"c.value\"",
                              {"encoder.0.weight", "encoder.0.bias", "encoder.1.weight",
                               "encoder.1.bias", "decoder.0.weight", "decoder.0.bias"});
    check(step, [&](const Doubles& w) {
        double loss = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const Doubles sample = row_of(x, r, features);
            std::size_t at = 0;
            const auto encode = [&](const Doubles& from) {
                at = 0;
                return dense("sigmoid", dense("tanh", from, w, at, 4), w, at, units);
            };
            const Doubles far = encode(row_of(near, r, features)), h = encode(sample);
            const Doubles y = dense("linear", h, w, at, features);
            for (std::size_t i = 0; i < features; ++i)
                loss += std::pow(y[i] - sample[i], 2) / features / rows;
            for (std::size_t j = 0; j < units; ++j)
                loss += 0.7 * std::pow(far[j] - h[j], 2) / 0.04 / rows;
        }
        return loss;
    });
}

TEST_CASE("over many samples the estimate of the Jacobian is the exact one", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(6000, features));
    std::string body =
        "[model.ae]\nencoder = [{ dense = 3, act = \"tanh\" }]\ndecoder = [{ dense = 5 }]\n" +
        data + code + moved +
        "[node.e]\ntype = \"penalty.contractive_estimate\"\nin.h = \"code.z\"\n"
        "in.moved = \"moved_code.z\"\nsigma = 0.01\n"
        "[node.c]\ntype = \"penalty.contractive\"\nmodel = \"ae\"\nin.h = \"code.z\"\n";
    body.replace(body.find("sigma = 0.2"), 11, "sigma = 0.01");
    const flow::Result result = work.run("stream", body);
    CHECK(result.numbers.at("jacobian_norm") > 0.5);
    CHECK(result.numbers.at("jacobian_norm_estimate") ==
          Approx(result.numbers.at("jacobian_norm")).epsilon(0.03));
    const flow::Result again = work.run("stream", body, 5);
    CHECK(again.numbers == result.numbers);
}

TEST_CASE("the exact Jacobian is refused where it is not known", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(rows, features));
    for (const std::string encoder :
         {"{ dense = 3, act = \"gelu\" }", "{ dense = 3 }, { dense = 3, act = \"tanh\" }"}) {
        try {
            work.run("stream",
                     "[model.ae]\nencoder = [" + encoder + "]\ndecoder = [{ dense = 5 }]\n" + data +
                         code +
                         "[node.c]\ntype = \"penalty.contractive\"\nmodel = \"ae\"\nin.h = "
                         "\"code.z\"\n");
            FAIL("nothing was thrown");
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::usage);
            CHECK(std::string(error.what()).find("needs an encoder of one dense layer") !=
                  std::string::npos);
            CHECK(error.hint().find("penalty.contractive_estimate") != std::string::npos);
        }
    }
}

// The straight-through loss: z + (x - x0) goes on, where x0 and z are what they were.
TEST_CASE("a quantised code passes its gradient on and pulls the encoder to its entries",
          "[plugins]") {
    const Work work;
    work.write("x.csv", csv(rows, features));
    const auto x = work.values("x.csv");
    const std::string model =
        "[model.ae]\nencoder = [{ dense = 4, act = \"tanh\" }, "
        "{ vector_quantise = 6, size = 2, decay = 1.0, restart = 0.0 }]\n"
        "decoder = [{ dense = 5, act = \"tanh\" }]\n";
    const std::string quantise =
        "[node.q]\ntype = \"quantise\"\nmodel = \"ae\"\nin.x = \"code.z\"\nbeta = 0.4\n";
    const Step step =
        descend(work, model + data + code + "last = 1\n" + quantise + recon("q.z"),
                "\"loss.value\", \"q.value\"",
                {"encoder.0.weight", "encoder.0.bias", "decoder.0.weight", "decoder.0.bias"});
    const Doubles codebook = weights(work, "encoder.1.codebook");
    const auto entry_of = [&](const Doubles& h, std::size_t place, std::size_t c) {
        std::size_t best = 0;
        double least = 1e9;
        for (std::size_t k = 0; k < 6; ++k) {
            const double d = std::pow(h[place * 2] - codebook[k * 2], 2) +
                             std::pow(h[place * 2 + 1] - codebook[k * 2 + 1], 2);
            if (d < least) {
                least = d;
                best = k;
            }
        }
        return codebook[best * 2 + c];
    };
    check(step, [&](const Doubles& w) {
        double loss = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const Doubles sample = row_of(x, r, features);
            std::size_t at = 0, old = 0;
            const Doubles h0 = dense("tanh", sample, step.before, old, 4);
            Doubles h = dense("tanh", sample, w, at, 4);
            for (std::size_t i = 0; i < 4; ++i) {
                const double entry = entry_of(h0, i / 2, i % 2);
                loss += 0.4 * std::pow(h[i] - entry, 2) / rows;
                h[i] += entry - h0[i];
            }
            const Doubles y = dense("tanh", h, w, at, features);
            for (std::size_t i = 0; i < features; ++i)
                loss += std::pow(y[i] - sample[i], 2) / features / rows;
        }
        return loss;
    });
}

TEST_CASE("perplexity and used entries are those of the whole stream", "[plugins]") {
    const Work work;
    work.write("x.csv", csv(500, 4));
    const std::string body =
        "[model.ae]\nencoder = [{ vector_quantise = 9, size = 2 }]\ndecoder = [{ dense = 4 }]\n" +
        data + code +
        "[node.q]\ntype = \"quantise\"\nmodel = \"ae\"\nin.x = \"code.z\"\n"
        "[node.m]\ntype = \"measure.codebook\"\nmodel = \"ae\"\nin.indices = \"q.indices\"\n"
        "[node.out]\ntype = \"store.codes\"\nmodel = \"ae\"\nin.z = \"q.z\"\n"
        "in.indices = \"q.indices\"\nfile = \"@z.h5\"\n";
    const flow::Result result = work.run("stream", body);
    const auto index = work.values("z.h5:/indices");
    REQUIRE(index.size() == 1000);
    Doubles count(9);
    for (const float k : index) count.at(static_cast<std::size_t>(k)) += 1;
    double entropy = 0, used = 0;
    for (const double n : count) {
        if (n == 0) continue;
        used += 1;
        entropy -= n / 1000 * std::log(n / 1000);
    }
    CHECK(used > 3);
    CHECK(result.numbers.at("perplexity") == Approx(std::exp(entropy)).epsilon(1e-6));
    CHECK(result.numbers.at("used_entries") == used);
    CHECK(result.numbers.at("codebook_entries") == 9);
    CHECK(result.numbers.at("code_bits") == Approx(2 * std::log2(9.0)));
}
