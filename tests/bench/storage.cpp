// Reads or writes one dataset with so many threads and prints MB/s (10^6 decoded bytes), for
// storage.py, which compares it with h5py in the same run. Usage: bench_storage read FILE NAME
// THREADS ROUNDS, or write FILE NAME THREADS ROUNDS (FILE's rows again, as gzip-4), or bundle FILE
// MEGABYTES 1 ROUNDS: a model saved and loaded with its checksums, and the same bytes without.
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
#include "pipeline/storage/atomic_file.hpp"

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

// The same bytes without a checksum: written aside, synchronised and renamed; read into memory.
void save_plain(const std::string& file, const std::vector<std::byte>& bytes) {
    storage::AtomicFile target(file);
    std::FILE* const out = std::fopen(target.temporary().c_str(), "wb");
    if (out == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size() ||
        std::fclose(out) != 0)
        throw Error(Fault::run, "cannot write " + file);
    target.commit();
}
std::vector<std::byte> load_plain(const std::string& file) {
    std::vector<std::byte> bytes(std::filesystem::file_size(file));
    std::FILE* const in = std::fopen(file.c_str(), "rb");
    if (in == nullptr || std::fread(bytes.data(), 1, bytes.size(), in) != bytes.size() ||
        std::fclose(in) != 0)
        throw Error(Fault::run, "cannot read " + file);
    return bytes;
}

int measure_bundle(const std::string& file, std::int64_t megabytes, int rounds) {
    storage::Bundle bundle;
    bundle.format = "narrows-model";
    for (const char* name : {"/model/a", "/model/b", "/model/c", "/model/d"}) {
        storage::Array array{name, Type::f32, Shape{megabytes * 1'000'000 / 16}, {}};
        array.bytes.resize(static_cast<std::size_t>(megabytes * 250'000));
        for (std::size_t i = 0; i < array.bytes.size(); ++i)
            array.bytes[i] = static_cast<std::byte>(i * 7 >> 5);
        bundle.arrays.push_back(std::move(array));
    }
    storage::write_bundle(file, bundle);
    const std::vector<std::byte> bytes = load_plain(file);
    std::printf("seconds: save, without checksum; load, without checksum\n");
    for (int round = 0; round < rounds; ++round) {
        const double save = seconds_of([&] { storage::write_bundle(file, bundle); });
        const double plain = seconds_of([&] { save_plain(file + ".plain", bytes); });
        const double load = seconds_of([&] { (void)storage::read_bundle(file, "narrows-model"); });
        const double read = seconds_of([&] { (void)load_plain(file); });
        std::printf("%.3f %.3f %.3f %.3f\n", save, plain, load, read);
    }
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (count != 6) return 2;
    const auto threads = static_cast<std::size_t>(std::atoi(words[4]));
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    try {
        if (words[1] == std::string("bundle"))
            return measure_bundle(words[2], std::atoi(words[3]), std::atoi(words[5]));
        return measure(words[1], words[2], words[3], threads, std::atoi(words[5]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
