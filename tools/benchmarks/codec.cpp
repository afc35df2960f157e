// Compressing whole files: with fitting, with the model of another file, and back.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <fstream>

#include "tools/benchmarks/command.hpp"
#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {
namespace {

constexpr int rounds = 3;
constexpr std::size_t sensors = 64, samples = 250000;  // 64 MB

// An array of sensors that see four waves, each with another delay, and a little noise of its own.
void write_array(const std::filesystem::path& path, std::size_t first) {
    constexpr std::array<double, 4> periods{37, 101, 353, 997};
    std::ofstream out(path, std::ios::binary);
    std::array<float, sensors> row;
    for (std::size_t r = first; r < first + samples; ++r) {
        for (std::size_t s = 0; s < sensors; ++s) {
            const std::uint64_t mixed = (r * sensors + s) * 0x9e3779b97f4a7c15u;
            double value = 4e-2 * static_cast<double>(mixed >> 40) * 0x1p-24;
            for (const double period : periods)
                value += std::sin(2 * M_PI * static_cast<double>(r + s / 4) / period);
            row[s] = static_cast<float>(value);
        }
        out.write(reinterpret_cast<const char*>(row.data()), sizeof(row));
    }
}

}  // namespace

void codec(const Settings& settings, const Tell& tell) {
    const Workshop shop;
    write_array(shop.folder() / "array.raw", 0);
    shop.run({"import", "array.raw", "--format", "raw", "--shape", std::to_string(sensors),
              "--type", "f32", "-o", "fitted.h5", "-q"});
    write_array(shop.folder() / "array.raw", samples);
    shop.run({"import", "array.raw", "--format", "raw", "--shape", std::to_string(sensors),
              "--type", "f32", "-o", "array.h5", "-q"});
    const auto time = [&](const char* name, std::size_t threads,
                          const std::vector<std::string>& words) {
        std::vector<std::string> all = words;
        all.insert(all.end(), {"--json", "-q", "--threads", std::to_string(threads)});
        std::vector<double> seconds;
        double megabytes = 0;
        std::string method = "the way back";
        for (int i = 0; i <= rounds; ++i) {
            const Finished run = shop.run(all);
            const double took = run.results.at("seconds").get<double>();
            if (i > 0) seconds.push_back(took);
            megabytes = took * run.results.at("megabytes_per_second").get<double>();
            if (run.results.contains("method")) method = run.results.at("method");
        }
        const double took = median(seconds);
        tell({name, fmt::format("{:.0f} MB of float32, --rel 1e-3", megabytes), took,
              megabytes / took, "MB/s", -1, threads, method});
    };
    std::vector<std::size_t> counts{1};
    if (settings.threads > 1) counts.push_back(settings.threads);
    for (const std::size_t threads : counts) {
        time("codec-fit", threads,
             {"compress", "fitted.h5:/samples", "--rel", "1e-3", "-o", "fitted.c.h5"});
        time("codec-compress", threads,
             {"compress", "array.h5:/samples", "--rel", "1e-3", "-m", "fitted.c.h5", "-o",
              "array.c.h5"});
        time("codec-decompress", threads,
             {"decompress", "array.c.h5", "-m", "fitted.c.h5", "-o", "back.h5"});
    }
}

}  // namespace narrows::tools::benchmarks
