// Benchmarks of whole commands: training, encoding, start-up, memory, threads, growth. Data are
// generated digits; the works a to e are those of tools/bench_peers.sh.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "tools/benchmarks/command.hpp"
#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {
namespace {

constexpr int rounds = 3;

struct Work {
    char name;
    const char *text, *model;  // the [model.ae] table
    double operations;         // a sample, floating point, no input gradient for the samples
    bool noisy, variational;
};
constexpr double dense_operations(std::initializer_list<double> widths) {  // there and back
    double products = 0, first = 0, before = 0;
    for (const double width : widths) {
        if (before > 0) products += 2 * before * width;
        if (before > 0 && first == 0) first = before * width;
        before = width;
    }
    return 6 * products - 2 * first;
}
constexpr Work works[] = {
    {'a', "dense 784-512-256-64 and back",
     "encoder = [{ dense = 512, act = \"relu\" }, { dense = 256, act = \"relu\" }, { dense = 64 "
     "}]\n"
     "decoder = [{ dense = 256, act = \"relu\" }, { dense = 512, act = \"relu\" }, { dense = 784, "
     "act = "
     "\"sigmoid\" }]\n",
     dense_operations({784, 512, 256, 64}), false, false},
    {'b', "dense 784-128-32 and back",
     "encoder = [{ dense = 128, act = \"relu\" }, { dense = 32 }]\n"
     "decoder = [{ dense = 128, act = \"relu\" }, { dense = 784, act = \"sigmoid\" }]\n",
     dense_operations({784, 128, 32}), false, false},
    {'c', "conv 3x3 s2 16, 3x3 s2 32, code 64, back",
     "input = [28, 28]\nencoder = [{ conv = 16, kernel = 3, stride = 2, act = \"relu\" }, { conv = "
     "32, "
     "kernel = 3, stride = 2, act = \"relu\" }, { dense = 64 }]\ndecoder = \"mirror\"\noutput = "
     "\"sigmoid\"\n",
     4.20e6, false, false},
    {'d', "variational 784-400-20 and back",
     "encoder = [{ dense = 400, act = \"relu\" }, { dense = 40 }]\nlatent = \"gaussian\"\n"
     "decoder = [{ dense = 400, act = \"relu\" }, { dense = 784, act = \"sigmoid\" }]\n",
     6 * (784.0 * 400 * 2 + 400 * 60) - 2 * 784.0 * 400, false, true},
    {'e', "a with Gaussian corruption 0.3", nullptr, dense_operations({784, 512, 256, 64}), true,
     false}};

const Work& work_named(std::string_view name) {
    return *std::find_if(std::begin(works), std::end(works),
                         [&](const Work& work) { return work.name == name[0]; });
}

std::string pipeline(const Work& work, const std::string& data, std::size_t batch, int epochs,
                     std::string_view precision = "fp32") {
    const char* model = work.model ? work.model : works[0].model;
    std::string text = fmt::format(
        "schema = 1\n[run]\nmode = \"train\"\nepochs = {}\n[model.ae]\n{}[node.data]\ntype = "
        "\"load\"\n"
        "file = \"{}\"\nbatch = {}\nshuffle = true\n",
        epochs, model, data, batch);
    if (work.noisy)
        text += "[node.noisy]\ntype = \"corrupt.gaussian\"\nin.x = \"data.x\"\nsigma = 0.3\n";
    text += fmt::format("[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"{}.x\"\n",
                        work.noisy ? "noisy" : "data");
    text +=
        "[node.recon]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"code.z\"\n[node.loss]\ntype = "
        "\"loss.bce\"\nin.prediction = \"recon.x\"\nin.target = \"data.x\"\n";
    if (work.variational)
        text +=
            "[node.kl]\ntype = \"penalty.kl\"\nin.mean = \"code.mean\"\nin.log_variance = "
            "\"code.log_variance\"\n";
    text += fmt::format("[node.step]\ntype = \"optimize.adam\"\nmodel = \"ae\"\nin.loss = {}\n",
                        work.variational ? "[\"loss.value\", \"kl.value\"]" : "\"loss.value\"");
    if (precision != "fp32") text += fmt::format("precision = \"{}\"\n", precision);
    return text +
           "[node.keep]\ntype = \"store.checkpoint\"\nin.after = \"step.done\"\nfile = "
           "\"model.h5\"\n";
}

// Samples a second and megabytes of a pipeline, after a run that warms up files and caches.
struct Trained {
    double rate = 0;
    std::size_t peak_bytes = 0;
};
Trained train(const Workshop& shop, const std::string& file, std::size_t threads) {
    std::vector<double> rates;
    Trained out;
    for (int i = 0; i <= rounds; ++i) {
        const Finished run =
            shop.run({"run", file, "--threads", std::to_string(threads), "--json", "-q"});
        if (i > 0) rates.push_back(run.results.at("samples_per_second").get<double>());
        out.peak_bytes = std::max(out.peak_bytes, run.peak_bytes);
    }
    out.rate = median(rates);
    return out;
}

void digits(const Workshop& shop, std::size_t count) {
    shop.run({"generate", "digits", "-n", std::to_string(count), "-o", "digits.h5", "-q"});
}

Figure trained_figure(const Work& work, std::string name, std::size_t batch, double rate,
                      std::size_t threads) {
    Figure figure{std::move(name),
                  fmt::format("{}, batch {}", work.text, batch),
                  static_cast<double>(batch) / rate,
                  rate,
                  "samples/s",
                  -1,
                  threads,
                  "of the peak"};
    figure.share_of_limit = rate * work.operations / (peak_flops() * static_cast<double>(threads));
    return figure;
}

std::vector<std::size_t> thread_counts(std::size_t most) {
    std::vector<std::size_t> counts;
    for (std::size_t count = 1; count < most; count *= 2) counts.push_back(count);
    counts.push_back(most);
    return counts;
}

}  // namespace

void training(std::string_view name, std::size_t batch, const Settings& settings,
              const Tell& tell) {
    const Work& work = work_named(name);
    const Workshop shop;
    digits(shop, batch >= 64 ? 20000 : batch > 1 ? 8000 : 2000);
    std::vector<std::string> precisions{"fp32"};
    if (batch < 64) precisions.emplace_back("bf16");  // of the moments: they weigh in small batches
    for (const std::string& precision : precisions)
        shop.write(precision + ".toml", pipeline(work, "digits.h5", batch, 3, precision));
    std::vector<std::size_t> counts{1};
    if (settings.threads > 1) counts.push_back(settings.threads);
    const std::string figure =
        fmt::format("train-{}{}", name, batch == 128 ? "" : fmt::format("-batch-{}", batch));
    for (const std::size_t threads : counts)
        for (const std::string& precision : precisions)
            tell(trained_figure(work, figure + (precision == "fp32" ? "" : "-" + precision), batch,
                                train(shop, precision + ".toml", threads).rate, threads));
}

void threads(const Settings& settings, const Tell& tell) {
    const Workshop shop;
    digits(shop, 20000);
    for (const std::size_t batch : {std::size_t{128}, std::size_t{512}}) {
        shop.write("run.toml", pipeline(works[0], "digits.h5", batch, 3));
        double one = 0;
        for (const std::size_t count : thread_counts(settings.threads)) {
            const double rate = train(shop, "run.toml", count).rate;
            if (count == 1) one = rate;
            Figure figure = trained_figure(works[0], "threads", batch, rate, count);
            figure.note = fmt::format("of the peak; {:.2f} times one thread", rate / one);
            tell(figure);
        }
    }
}

void encoding(const Settings& settings, const Tell& tell) {
    const Workshop shop;
    constexpr double operations = 2.0 * (784 * 512 + 512 * 256 + 256 * 64);
    digits(shop, 60000);
    shop.write("run.toml", pipeline(works[0], "digits.h5", 128, 1));
    shop.run({"run", "run.toml", "-q", "--threads", std::to_string(settings.threads)});
    shop.run({"generate", "digits", "-n", "60000", "-o", "raw.h5", "--level", "0", "-q"});
    for (const char* kind : {"raw", "gzip"})
        for (const bool int8 : {false, true})
            for (const std::size_t count : settings.threads > 1
                                               ? std::vector<std::size_t>{1, settings.threads}
                                               : std::vector<std::size_t>{1}) {
                std::vector<double> seconds;
                for (int i = 0; i <= rounds; ++i) {
                    std::vector<std::string> words{
                        "encode",
                        std::string_view(kind) == "raw" ? "raw.h5" : "digits.h5",
                        "-m",
                        "model.h5",
                        "-o",
                        "codes.h5",
                        "--no-error",
                        "--json",
                        "-q",
                        "--threads",
                        std::to_string(count)};
                    if (int8) words.push_back("--int8");
                    const double took = shop.run(words).results.at("seconds").get<double>();
                    if (i > 0) seconds.push_back(took);
                }
                const double rate = 60000 / median(seconds);
                tell({fmt::format("encode-u8-{}{}", kind, int8 ? "-int8" : ""),
                      "784-512-256-64, 60,000 images", median(seconds), rate, "samples/s",
                      rate * operations /
                          (peak_flops() * static_cast<double>(count) * (int8 ? 4 : 1)),
                      count, int8 ? "of four times the peak" : "of the peak"});
            }
}

void start_up(const Settings&, const Tell& tell) {
    const Workshop shop;
    digits(shop, 1000);
    shop.write("run.toml", pipeline(works[1], "digits.h5", 128, 1));
    shop.run({"run", "run.toml", "-q"});
    const auto time = [&](const char* name, const std::vector<std::string>& words) {
        std::vector<double> seconds;
        for (int i = 0; i < 21; ++i) seconds.push_back(shop.run(words).seconds);
        const double took = median(seconds);
        tell(
            {name, "a process from start to end", took, 1e3 * took, "ms", -1, 1, "less is better"});
    };
    time("start-up-version", {"--version"});
    time("start-up-nodes", {"nodes"});
    time("start-up-encode",
         {"encode", "digits.h5", "-m", "model.h5", "-o", "codes.h5", "--dry-run", "-q"});
}

void memory(const Settings& settings, const Tell& tell) {
    const Workshop shop;
    const std::string count = std::to_string(settings.threads);
    digits(shop, 60000);
    shop.write("run.toml", pipeline(works[1], "digits.h5", 128, 1));
    const auto show = [&](const char* name, const char* size, const Finished& run) {
        tell({name, size, run.seconds, static_cast<double>(run.peak_bytes) / 1e6, "MB", -1,
              settings.threads, "resident at most; less is better"});
    };
    show("memory-train-b", "60,000 images, batch 128",
         shop.run({"run", "run.toml", "-q", "--threads", count}));
    show("memory-encode", "60,000 images",
         shop.run({"encode", "digits.h5", "-m", "model.h5", "-o", "codes.h5", "-q", "--threads",
                   count}));
}

// Bytes, 16 a sample: reading and bookkeeping weigh as much as arithmetic.
void growth(const Settings& settings, const Tell& tell) {
    const Workshop shop;
    const std::string count = std::to_string(settings.threads);
    const auto make = [&](std::size_t samples) {
        std::ofstream out(shop.folder() / "data.raw", std::ios::binary);
        std::vector<char> block(16 * 10000);
        for (std::size_t row = 0; row < samples; row += 10000) {
            for (std::size_t i = 0; i < block.size(); ++i)
                block[i] = static_cast<char>((row * 16 + i) * 2654435761u >> 24);
            out.write(block.data(), static_cast<std::streamsize>(block.size()));
        }
    };
    const std::vector<std::string> format{"--format", "raw", "--shape", "16", "--type", "u8"};
    const auto with_format = [&](std::vector<std::string> words) {
        words.insert(words.end(), format.begin(), format.end());
        return words;
    };
    make(100000);
    shop.run(with_format({"train", "data.raw", "--model", "undercomplete", "--hidden", "8",
                          "--latent", "4", "--epochs", "1", "-o", "model.h5", "-q"}));
    for (const std::size_t samples : {100000u, 1000000u, 10000000u}) {
        make(samples);
        std::vector<double> seconds;
        std::size_t peak_bytes = 0;
        for (int i = 0; i <= rounds; ++i) {
            const Finished run =
                shop.run(with_format({"encode", "data.raw", "-m", "model.h5", "-o", "codes.h5",
                                      "-q", "--json", "--threads", count}));
            if (i > 0) seconds.push_back(run.results.at("seconds").get<double>());
            peak_bytes = std::max(peak_bytes, run.peak_bytes);
        }
        const double took = median(seconds);
        tell({"growth", fmt::format("encode {} samples of 16 bytes", samples), took,
              static_cast<double>(samples) / took, "samples/s", -1, settings.threads,
              fmt::format("{:.0f} MB resident", static_cast<double>(peak_bytes) / 1e6)});
    }
}

}  // namespace narrows::tools::benchmarks
