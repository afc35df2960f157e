#include <cstring>
#include <sstream>
#include <thread>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;
using storage::DatasetLayout;
using storage::DatasetWriter;
using storage::Numeric;

namespace {

// Value number i of the test data: compressible, different in every place.
std::uint16_t value_at(std::size_t i) {
    return static_cast<std::uint16_t>(i / 3 + i % 3);
}

std::vector<std::uint16_t> values(std::size_t count) {
    std::vector<std::uint16_t> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = value_at(i);
    return out;
}

// Rows of [5, 7] u16, appended in uneven pieces.
void write_dataset(const std::filesystem::path& path, std::int64_t rows, bool known, int level,
                   bool companions = true) {
    DatasetLayout layout;
    layout.sample = {5, 7};
    layout.type = Numeric::u16;
    layout.rows = known ? rows : -1;
    layout.level = level;
    layout.attributes = {{"source", std::string("generated")}, {"seed", std::int64_t{9}}};
    DatasetWriter writer(path, layout);
    const std::vector<std::uint16_t> all = values(static_cast<std::size_t>(rows) * 35);
    for (std::int64_t first = 0, step = 1; first < rows; first += step, step = step * 2 + 1) {
        const std::int64_t here = std::min(step, rows - first);
        writer.append(std::as_bytes(std::span(all).subspan(static_cast<std::size_t>(first) * 35,
                                                           static_cast<std::size_t>(here) * 35)));
        if (!companions) continue;
        std::vector<std::int64_t> labels, ids;
        for (std::int64_t row = first; row < first + here; ++row) {
            labels.push_back(row % 3);
            ids.push_back(1000 + row);
        }
        writer.append_labels(labels);
        writer.append_ids(ids);
    }
    if (companions) writer.label_names({"cat", "dög", "emu"});
    writer.commit();
}

}  // namespace

TEST_CASE("a dataset comes back as it was written, in every layout", "[dataset]") {
    const Folder folder;
    struct Layout {
        bool known;
        int level;
        std::int64_t rows;
    };
    for (const Layout& layout :
         {Layout{true, 0, 9000}, Layout{false, 0, 40000}, Layout{false, 1, 40000},
          Layout{true, 4, 40000}, Layout{true, 0, 1}, Layout{false, 1, 1}, Layout{true, 0, 0},
          Layout{false, 1, 0}}) {
        write_dataset(folder / "x.h5", layout.rows, layout.known, layout.level);
        const auto reader = storage::open_array(folder / "x.h5", "/samples");

        CHECK(reader->info().shape == Shape{layout.rows, 5, 7});
        CHECK(reader->info().type == Numeric::u16);
        CHECK(reader->info().chunk.empty() == (layout.known && layout.level == 0));
        std::vector<std::uint16_t> back(static_cast<std::size_t>(layout.rows) * 35);
        reader->read(0, layout.rows, reinterpret_cast<std::byte*>(back.data()));
        CHECK(back == values(back.size()));
        for (std::int64_t row : {std::int64_t{0}, layout.rows / 2, layout.rows - 1}) {
            if (row < 0 || row >= layout.rows) continue;
            float floats[35];
            reader->read(row, 1, floats, false);
            CHECK(floats[34] == value_at(static_cast<std::size_t>(row) * 35 + 34));
        }
        CHECK(error_of([&] {
                  float one[35];
                  reader->read(layout.rows, 1, one, false);
              }).starts_with("4|"));
    }
}

TEST_CASE("random rows of compressed data read by many threads are the right ones", "[dataset]") {
    const Folder folder;
    write_dataset(folder / "x.h5", 50000, false, 1);
    const auto reader = storage::open_array(folder / "x.h5", "/samples");
    std::vector<int> wrong(4, 0);

    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            std::uint64_t state = t + 1;
            for (int i = 0; i < 3000; ++i) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                const auto row = static_cast<std::int64_t>((state >> 33) % 49990);
                const std::int64_t count = 1 + static_cast<std::int64_t>(state % 9);
                float out[9 * 35];
                reader->read(row, count, out, true);
                for (std::size_t v = 0; v < static_cast<std::size_t>(count) * 35; ++v)
                    wrong[t] += out[v] != value_at(static_cast<std::size_t>(row) * 35 + v);
            }
        });
    for (std::thread& thread : threads) thread.join();

    CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("h5py reads a dataset with its companions", "[dataset][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    for (const bool packed : {false, true}) {
        write_dataset(folder / "x.h5", 9000, !packed, packed ? 1 : 0);

        const std::string found = python(folder / "x.h5", R"(
f = h5py.File(path)
x = f['/samples']
i = np.arange(9000 * 35)
assert x.shape == (9000, 5, 7) and x.dtype == '<u2'
assert np.array_equal(x[()].ravel(), (i // 3 + i % 3).astype('u2'))
assert np.array_equal(f['/labels'][()], np.arange(9000) % 3) and f['/labels'].dtype == '<i8'
assert np.array_equal(f['/ids'][()], 1000 + np.arange(9000))
names = [n.decode() for n in f['/label_names'][()]]
assert f['/check/samples'].shape == (3, 2) and f['/check/samples'].dtype == '<u8'
assert f.attrs['seed'] == 9 and f.attrs['source'] == b'generated'
assert x.attrs['dims'] == b'sample,row,col' and len(x.attrs['xxh3_128']) == 32
assert x.chunks is None or (x.compression == 'gzip' and x.shuffle)
assert x.chunks is not None or x.id.get_offset() % 4096 == 0
print(f.attrs['format'].decode(), *names)
)");
        CHECK(found == "narrows-dataset cat dög emu");
    }
}

TEST_CASE("the checksums of a dataset are XXH3 of its decoded bytes", "[dataset][h5py]") {
    const Folder folder;
    write_dataset(folder / "a.h5", 9000, true, 0);
    write_dataset(folder / "b.h5", 9000, false, 4);
    const auto one = storage::look(folder / "a.h5"), two = storage::look(folder / "b.h5");
    CHECK(one.format == "narrows-dataset");
    std::vector<std::uint64_t> blocks[2] = {std::vector<std::uint64_t>(6),
                                            std::vector<std::uint64_t>(6)};
    storage::open_array(folder / "a.h5", "/check/samples")
        ->read(0, 3, reinterpret_cast<std::byte*>(blocks[0].data()));
    storage::open_array(folder / "b.h5", "check/samples")
        ->read(0, 3, reinterpret_cast<std::byte*>(blocks[1].data()));
    CHECK(blocks[0] == blocks[1]);
    CHECK(blocks[0][0] != blocks[0][2]);

    if (!has_h5py()) return;
    const std::string code = "print(h5py.File(path)['/samples'].attrs['xxh3_128'].decode())\n";
    CHECK(python(folder / "a.h5", code) == python(folder / "b.h5", code));
}

TEST_CASE("data that deflate cannot shrink is stored as it is and read back", "[dataset]") {
    const Folder folder;
    std::vector<std::uint8_t> noise(3 * 1000 * 1000);
    std::uint64_t state = 1;
    for (std::uint8_t& value : noise) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        value = static_cast<std::uint8_t>(state >> 56);
    }
    for (const Numeric type : {Numeric::u8, Numeric::f32}) {
        DatasetLayout layout;
        layout.sample = {static_cast<std::int64_t>(1000 / storage::size_of(type))};
        layout.type = type;
        layout.level = 1;
        DatasetWriter writer(folder / "x.h5", layout);
        writer.append(std::as_bytes(std::span(noise)));
        writer.commit();

        std::vector<std::uint8_t> back(noise.size());
        storage::open_array(folder / "x.h5", "samples")
            ->read(0, 3000, reinterpret_cast<std::byte*>(back.data()));
        CHECK(back == noise);
        CHECK(std::filesystem::file_size(folder / "x.h5") < 4'300'000);
    }
}

TEST_CASE("the same dataset gives the same bytes", "[dataset]") {
    const Folder folder;
    for (const int level : {0, 1}) {
        for (const bool known : {true, false}) {
            write_dataset(folder / "a.h5", 30000, known, level);
            write_dataset(folder / "b.h5", 30000, known, level);
            CHECK(bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5"));
            CHECK(!bytes_of(folder / "a.h5").empty());
        }
    }
    CHECK(entries(folder.path()) == 2);
}

TEST_CASE("a dataset with missing rows or labels is not published", "[dataset]") {
    const Folder folder;
    DatasetLayout layout;
    layout.sample = {2};
    layout.rows = 3;
    const std::vector<float> two_rows(4);
    {
        DatasetWriter writer(folder / "x.h5", layout);
        writer.append(std::as_bytes(std::span(two_rows)));
        CHECK(error_of([&] { writer.commit(); }) ==
              "1|\"" + (folder / "x.h5").string() + "\" got 2 of 3 rows");
    }
    {
        layout.rows = 2;
        DatasetWriter writer(folder / "x.h5", layout);
        writer.append(std::as_bytes(std::span(two_rows)));
        writer.append_labels(std::vector<std::int64_t>{1});
        CHECK(error_of([&] { writer.commit(); }).find("got 1 labels for 2 rows") !=
              std::string::npos);
        CHECK(error_of([&] {
                  writer.append(std::as_bytes(std::span(two_rows)));
              }).find("more rows") != std::string::npos);
    }
    CHECK(entries(folder.path()) == 0);
}

TEST_CASE("a disk that fills up leaves the old dataset and a clear error", "[dataset][full]") {
    const Folder folder;
    for (const int level : {0, 1}) {
        write_dataset(folder / "x.h5", 1000, level == 0, level);
        const std::vector<std::byte> old = bytes_of(folder / "x.h5");
        for (int part = 0; part < 20; ++part) {
            const std::uint64_t limit =
                40000u * 70u / (level == 0 ? 1u : 4u) * static_cast<std::uint64_t>(part) / 20;
            CHECK(with_file_limit(limit, [&] {
                      write_dataset(folder / "x.h5", 40000, level == 0, level);
                  }) == 1);
            CHECK(bytes_of(folder / "x.h5") == old);
        }
    }
}

TEST_CASE("helper: writes datasets until it is killed", "[.helper]") {
    for (int i = 0;; ++i)
        write_dataset(helper_path(), 20000 + i % 2, i % 4 < 2, i % 3 == 0 ? 0 : 1);
}

TEST_CASE("killed at any moment, an old or a new dataset is there", "[dataset][kill]") {
    const Folder folder;
    const auto path = folder / "x.h5";
    write_dataset(path, 20000, true, 0);

    for (unsigned trial = 0; trial < 20; ++trial) {
        kill_after(start_helper("helper: writes datasets until it is killed", path),
                   5000 + trial * 2711);
        const auto reader = storage::open_array(path, "/samples");
        std::vector<std::uint16_t> back(static_cast<std::size_t>(reader->info().shape.elements()));
        reader->read(0, reader->info().shape[0], reinterpret_cast<std::byte*>(back.data()));
        CHECK(back == values(back.size()));
        CHECK(storage::open_array(path, "/labels")->info().shape[0] == reader->info().shape[0]);
    }

    write_dataset(path, 5, true, 0);
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a damaged compressed chunk is an error, never other values", "[dataset][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    write_dataset(folder / "x.h5", 60000, false, 1);
    std::istringstream place(python(folder / "x.h5", R"(
c = h5py.File(path)['/samples'].id.get_chunk_info(1)
print(c.byte_offset, c.size)
)"));
    std::size_t offset = 0, size = 0;
    REQUIRE(place >> offset >> size);
    const std::vector<std::byte> good = bytes_of(folder / "x.h5");
    const std::int64_t row = storage::open_array(folder / "x.h5", "samples")->info().chunk[0];

    std::size_t tried = 0, refused = 0, wrong = 0;
    std::vector<std::uint16_t> block(static_cast<std::size_t>(row) * 35);
    for (std::size_t at = 0; at < size; at += 1 + size / 200) {
        std::vector<std::byte> bad = good;
        bad[offset + at] ^= std::byte{4};
        put_bytes(folder / "bad.h5", bad);
        const auto reader = storage::open_array(folder / "bad.h5", "samples");
        std::uint16_t out[35];
        const std::string error =
            error_of([&] { reader->read(row, row, reinterpret_cast<std::byte*>(block.data())); });
        ++tried;
        const std::string expected =
            "4|\"" + (folder / "bad.h5").string() + "\" is damaged: /samples, rows " +
            std::to_string(row) + " to " + std::to_string(2 * row - 1) + " (bytes " +
            std::to_string(offset) + " to " + std::to_string(offset + size - 1) + " of the file)";
        refused += error == expected;
        // A few bits of a deflate stream mean nothing: then the values are the right ones.
        for (std::size_t i = 0; error == "none" && i < block.size(); ++i)
            wrong += block[i] != value_at(static_cast<std::size_t>(row) * 35 + i);
        reader->read(0, 1, reinterpret_cast<std::byte*>(out));  // the others are as they were
        CHECK(out[34] == value_at(34));
    }

    CHECK(tried > 100);
    CHECK(refused > tried * 9 / 10);
    CHECK(wrong == 0);
}
