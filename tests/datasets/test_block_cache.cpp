#include <atomic>
#include <thread>

#include "datasets/dataset.hpp"
#include "tests/catch.hpp"

using namespace narrows;

namespace {

// Row r holds r, r + 0.5; counts how often a row is read.
class Counted final : public datasets::Dataset {
public:
    explicit Counted(std::int64_t rows) : reads_(static_cast<std::size_t>(rows)) {}
    std::int64_t rows() const override { return static_cast<std::int64_t>(reads_.size()); }
    const Shape& sample() const override { return sample_; }
    storage::Numeric type() const override { return storage::Numeric::f32; }
    std::string name() const override { return "counted"; }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        for (std::int64_t row = first; row < first + count; ++row) {
            ++reads_[static_cast<std::size_t>(row)];
            *out++ = static_cast<float>(row);
            *out++ = static_cast<float>(row) + 0.5f;
        }
    }
    void gather(std::span<const std::int64_t>, float*) const override { FAIL("not by rows"); }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        read(first, count, reinterpret_cast<float*>(out));
    }
    std::int64_t all_reads() const {
        std::int64_t all = 0;
        for (const auto& reads : reads_) all += reads;
        return all;
    }

private:
    Shape sample_{2};
    mutable std::vector<std::atomic<std::int64_t>> reads_;
};

bool right(std::span<const std::int64_t> rows, const std::vector<float>& values) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (values[2 * i] != static_cast<float>(rows[i]) ||
            values[2 * i + 1] != static_cast<float>(rows[i]) + 0.5f)
            return false;
    return true;
}

}  // namespace

TEST_CASE("an epoch in shuffled order reads every block about once from outside memory",
          "[datasets][blocks]") {
    constexpr std::int64_t rows = 20'011, unit = 64, block = 256, window = 2048;
    const auto file = std::make_shared<Counted>(rows);
    const auto data = datasets::keep_blocks(file, unit, (window + 2 * block) * 2 * sizeof(float));
    const datasets::SampleOrder order({3, 1}, rows, block, window);

    std::atomic<std::int64_t> next = 0;
    std::atomic<bool> good = true;
    const auto work = [&] {
        while (true) {
            const std::int64_t first = next.fetch_add(100);
            if (first >= rows) return;
            std::vector<std::int64_t> places(
                static_cast<std::size_t>(std::min<std::int64_t>(100, rows - first)));
            order.rows(0, first, places);
            std::vector<float> values(places.size() * 2);
            data->gather(places, values.data());
            if (!right(places, values)) good = false;
        }
    };
    work();
    CHECK(good);
    CHECK(file->all_reads() == rows);

    // Several threads wait on each other as the machine likes: the values are the same.
    next = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    CHECK(good);
    CHECK(!data->in_memory());
    CHECK(data->rows() == rows);
}
