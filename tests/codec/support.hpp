// What the codec's tests share: threads without a graph, a folder, and data of every kind.
#pragma once

#include <atomic>
#include <filesystem>
#include <thread>

#include "pipeline/codec/container.hpp"

namespace codec_test {

// Tasks taken by as many threads as said, in no order.
class ThreadLoop final : public narrows::Loop {
public:
    explicit ThreadLoop(std::size_t count) : count_(count) {}
    std::size_t threads() const noexcept override { return count_; }
    void each(std::size_t tasks, narrows::FunctionRef<void(std::size_t)> body) const override {
        std::atomic<std::size_t> next{0};
        std::exception_ptr failure;
        std::atomic<bool> failed{false};
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < count_; ++i)
            threads.emplace_back([&] {
                try {
                    for (std::size_t task = next++; task < tasks; task = next++) body(task);
                } catch (...) {
                    if (!failed.exchange(true)) failure = std::current_exception();
                }
            });
        for (std::thread& thread : threads) thread.join();
        if (failure) std::rethrow_exception(failure);
    }

private:
    std::size_t count_;
};

class Folder {
public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "narrows-codec-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

enum class Pattern {
    constant,
    zeros,
    smooth,
    noise,
    random_bits,
    holes,
    denormal,
    huge,
    one_spike
};
inline constexpr Pattern all_patterns[] = {
    Pattern::constant, Pattern::zeros,    Pattern::smooth, Pattern::noise,    Pattern::random_bits,
    Pattern::holes,    Pattern::denormal, Pattern::huge,   Pattern::one_spike};
// `holes`: NaN, infinities and -0 where the type has them; the same for the same seed.
narrows::codec::Bytes make(narrows::storage::Numeric type, std::size_t count, Pattern pattern,
                           std::uint64_t seed);

narrows::codec::Input input_of(std::string path, narrows::storage::Numeric type,
                               const narrows::Shape& shape, narrows::codec::Bytes values);

std::string bytes_of(const std::filesystem::path& path);
void put_bytes(const std::filesystem::path& path, const std::string& bytes);

// A smooth field of waves of several lengths, f32.
narrows::codec::Bytes field(const narrows::Shape& shape);

// Correlated channels, like a row of sensors: [rows, channels] f32.
narrows::codec::Bytes sensors(std::size_t rows, std::size_t channels);

// Rows of one pulse each, of any place, width and height: [rows, columns] f32.
narrows::codec::Bytes pulses(std::size_t rows, std::size_t columns, double noise);
// Images of so many round spots each: [images, lines, columns] f32.
narrows::codec::Bytes spots(std::size_t images, std::size_t lines, std::size_t columns,
                            std::size_t count);

}  // namespace codec_test
