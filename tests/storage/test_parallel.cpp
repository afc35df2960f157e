#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

// Tasks on threads of their own, the last one first.
class ThreadLoop final : public Loop {
public:
    std::size_t threads() const noexcept override { return 3; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        most = std::max(most, tasks);
        std::atomic<std::size_t> left(tasks);
        std::vector<std::thread> workers;
        for (int worker = 0; worker < 3; ++worker)
            workers.emplace_back([&] {
                while (true) {
                    std::size_t task = left.load();
                    while (task > 0 && !left.compare_exchange_weak(task, task - 1)) {
                    }
                    if (task == 0) return;
                    body(task - 1);
                }
            });
        for (std::thread& worker : workers) worker.join();
    }
    mutable std::size_t most = 0;  // tasks of one call
};

// The loop of the process for as long as this lives.
class Chosen {
public:
    explicit Chosen(const Loop& loop) { storage::set_loop(loop); }
    ~Chosen() {
        static const SerialLoop serial;
        storage::set_loop(serial);
    }
};

struct Read {
    std::vector<std::byte> stored;
    std::vector<float> values;
    bool operator==(const Read& other) const {
        return stored == other.stored && values.size() == other.values.size() &&
               (values.empty() || std::memcmp(values.data(), other.values.data(),
                                              values.size() * sizeof(float)) == 0);
    }
};

Read read(const std::filesystem::path& path, const std::string& name, std::int64_t first,
          std::int64_t last) {
    const auto reader = storage::open_array(path, name);
    const storage::ArrayInfo& info = reader->info();
    std::size_t row = 1;
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        row *= static_cast<std::size_t>(info.shape[axis]);
    Read out;
    out.stored.resize(static_cast<std::size_t>(last - first) * row * info.value_bytes);
    out.values.resize(static_cast<std::size_t>(last - first) * row);
    reader->read(first, last - first, out.stored.data());
    reader->read(first, last - first, out.values.data(), true);
    return out;
}

}  // namespace

TEST_CASE("several threads decode one read to the bytes of one thread", "[parallel][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "x.h5";
    const std::string made = python(path, R"(
r = np.random.default_rng(1)
x = np.round(r.standard_normal((3001, 700)), 1).astype('f4')
f = h5py.File(path, 'w')
f.create_dataset('gz', data=x, chunks=(100, 700), shuffle=True, compression='gzip')
f.create_dataset('grid', data=x, chunks=(90, 300), shuffle=True, compression='gzip', fletcher32=True)
f.create_dataset('tiny', data=x[:, :50], chunks=(3, 50), compression='gzip')
f.create_dataset('plain', data=x, chunks=(128, 700))
f['contiguous'] = x
f['be_f64'] = x.astype('>f8')
f.create_dataset('be_i16', data=(x * 10).astype('>i2'), chunks=(500, 700), compression='gzip')
f['be_i16'].attrs['scale_factor'] = 0.1
f['be_i16'].attrs['_FillValue'] = np.int16(3)
f.create_dataset('holes', x.shape, 'f4', chunks=(64, 700), fillvalue=7.5)
f['holes'][640:1280] = x[640:1280]
f.close()
)");
    REQUIRE(made == "");

    for (const std::string name :
         {"gz", "grid", "tiny", "plain", "contiguous", "be_f64", "be_i16", "holes"})
        for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{0, 3001},
                                          {1, 3000},
                                          {150, 2750},
                                          {2998, 3000},
                                          {500, 500}}) {
            INFO(name << " " << first << " to " << last);
            const Read alone = read(path, name, first, last);
            const ThreadLoop threads;
            const Chosen chosen(threads);
            CHECK(read(path, name, first, last) == alone);
            CHECK((threads.most > 1) == (last - first > 1000));
        }
}

TEST_CASE("of several damaged chunks the first is named, whoever found one first",
          "[parallel][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "x.h5";
    const std::string made = python(path, R"(
f = h5py.File(path, 'w')
d = f.create_dataset('x', data=np.arange(2000 * 300).reshape(2000, 300), chunks=(100, 300), compression='gzip')
places = [d.id.get_chunk_info(i).byte_offset for i in (7, 11, 16)]
f.close()
with open(path, 'r+b') as raw:
    for place in places:
        raw.seek(place + 40)
        raw.write(b'\xff' * 64)
)");
    REQUIRE(made == "");
    const auto act = [&] { read(path, "x", 0, 2000); };

    const std::string alone = error_of(act);
    CHECK(alone.find("rows 700 to 799") != std::string::npos);
    const ThreadLoop threads;
    const Chosen chosen(threads);
    for (int again = 0; again < 5; ++again) CHECK(error_of(act) == alone);
}

TEST_CASE("a dataset compressed by several threads has the bytes of one", "[parallel]") {
    const Folder folder;
    const auto write = [&](const std::string& name) {
        storage::DatasetLayout layout;
        layout.sample = {100};
        layout.level = 4;
        storage::DatasetWriter writer(folder / name, layout);
        std::vector<float> rows(100 * 1000);
        for (int block = 0; block < 21; ++block) {
            for (std::size_t i = 0; i < rows.size(); ++i)
                rows[i] = static_cast<float>((i * 7 + static_cast<std::size_t>(block)) % 1001);
            writer.append(std::as_bytes(std::span(rows)));
        }
        writer.commit();
    };

    write("alone.h5");
    const ThreadLoop threads;
    {
        const Chosen chosen(threads);
        write("threads.h5");
    }

    CHECK(threads.most > 1);
    CHECK(bytes_of(folder / "threads.h5") == bytes_of(folder / "alone.h5"));
}
