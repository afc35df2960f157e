// Reads or writes one dataset with so many threads and prints MB/s (10^6 decoded bytes), for
// storage.py, which compares it with h5py in the same run. Usage: bench_storage read FILE NAME
// THREADS ROUNDS, or write FILE NAME THREADS ROUNDS (FILE's rows again, as gzip-4).
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include "pipeline/storage/array_file.hpp"

namespace {

using namespace narrows;

class TbbLoop final : public Loop {
public:
    explicit TbbLoop(std::size_t threads) : threads_(threads) {}
    std::size_t threads() const noexcept override { return threads_; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        tbb::parallel_for(
            std::size_t{0}, tasks, [&](std::size_t i) { body(i); }, tbb::static_partitioner());
    }

private:
    std::size_t threads_;
};

double seconds_of(const std::function<void()>& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int measure(const std::string& what, const std::string& file, const std::string& name,
            std::size_t threads, int rounds) {
    const auto reader = storage::open_array(file, name);
    const storage::ArrayInfo& info = reader->info();
    const std::int64_t rows = info.shape[0];
    const std::size_t bytes =
        static_cast<std::size_t>(info.shape.elements()) * storage::size_of(info.type);
    const auto out = std::make_unique<std::byte[]>(bytes);
    const TbbLoop loop(threads);
    storage::set_loop(loop);
    const auto read_all = [&] { reader->read(0, rows, out.get()); };
    read_all();
    for (int round = 0; round < rounds; ++round) {
        const double seconds = what == "read" ? seconds_of(read_all) : seconds_of([&] {
            storage::DatasetLayout layout;
            for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
                layout.sample.push_back(info.shape[axis]);
            layout.type = info.type;
            layout.level = 4;
            storage::DatasetWriter writer(file + ".written", layout);
            writer.append({out.get(), bytes});
            writer.commit();
        });
        std::printf("%.1f\n", static_cast<double>(bytes) / seconds / 1e6);
    }
    if (what == "write")
        std::printf("%llu\n",
                    static_cast<unsigned long long>(std::filesystem::file_size(file + ".written")));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (count != 6) return 2;
    const auto threads = static_cast<std::size_t>(std::atoi(words[4]));
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    try {
        return measure(words[1], words[2], words[3], threads, std::atoi(words[5]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
