// Readers: rows that are not there, kinds that do not fit, memory that is bounded, and the layouts
// that HDF5 itself must read.
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "pipeline/storage/array_reader.hpp"
#include "pipeline/storage/compressed_writer.hpp"
#include "pipeline/storage/file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;
namespace fs = std::filesystem;

namespace {

std::string read_error(const fs::path& path, const std::string& name) {
    return error_of([&] {
        const auto reader = open_array(path, name);
        const Shape& shape = reader->info().shape;
        const std::int64_t rows = shape.rank() == 0 ? 1 : shape[0];
        std::vector<float> values(static_cast<std::size_t>(shape.sample().elements()));
        for (std::int64_t row = 0; row < std::min<std::int64_t>(rows, 2); ++row)
            reader->read(row, 1, values.data(), true);
    });
}

bool says(const std::string& error, const std::string& words) {
    UNSCOPED_INFO(error);
    return error.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("rows that are not there, and values of another kind, are refused", "[readers][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "f.h5", R"(
f = h5py.File(path, 'w')
f['x'] = np.arange(12, dtype='i2').reshape(4, 3)
f['words'] = np.array([b'one  ', b'     ', b'two\0x'], 'S5')
f['nothing'] = np.zeros((4, 0), 'i2')
f.create_dataset('none', (0, 3), 'i2', chunks=(2, 3), maxshape=(None, 3))
f.create_dataset('wide', data=np.arange(60, dtype='i1').reshape(4, 15), chunks=(3, 4), shuffle=True)
)") == "");
    const ArrayFile file(folder / "f.h5");
    const auto x = file.open("x"), words = file.open("words"), nothing = file.open("nothing");
    std::vector<std::byte> bytes(64);
    std::vector<float> floats(16, -1);
    const std::pair<std::int64_t, std::int64_t> outside[] = {
        {-1, 1}, {0, -1}, {4, 1}, {3, 2}, {0, 5}};
    for (const auto& [first, count] : outside) {
        const std::string error = "4|\"" + (folder / "f.h5").string() + "\": rows " +
                                  std::to_string(first) + " to " + std::to_string(first + count) +
                                  " of /x were asked for, it has 4";
        CHECK(error_of([&, at = first, n = count] { x->read(at, n, bytes.data()); }) == error);
        CHECK(error_of([&, at = first, n = count] { x->read(at, n, floats.data(), false); }) ==
              error);
    }
    CHECK(error_of([&] { x->read(4, 0, floats.data(), false); }) == "none");
    CHECK(floats[0] == -1);
    CHECK(says(error_of([&] { words->read(0, 1, floats.data(), false); }),
               "/words holds text, not numbers"));
    CHECK(says(error_of([&] { x->read_text(0, 1); }), "/x holds numbers, not text"));
    CHECK(words->read_text(0, 3) == std::vector<std::string>{"one", "", "two"});
    nothing->read(0, 4, bytes.data());
    nothing->read(0, 4, floats.data(), false);
    file.open("none")->read(0, 0, floats.data(), true);
    CHECK(file.open("none")->info().shape == Shape{0, 3});

    std::vector<float> wide(30);
    file.open("wide")->read(1, 2, wide.data(), true);
    for (std::size_t i = 0; i < wide.size(); ++i) CHECK(wide[i] == static_cast<float>(15 + i));
    CHECK(x->reading_bytes(4) == 0);
    // Two buffers of a chunk for each thread, and the blocks that are kept.
    CHECK(file.open("wide")->reading_bytes(1) == 2 * 12 + 60);
}

TEST_CASE("what only HDF5 can read comes through the probe, damage and size are told",
          "[readers][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "f.h5", R"(
f = h5py.File(path, 'w')
d = f.create_dataset('damaged', data=np.arange(60000, dtype='i4').reshape(20000, 3), chunks=(2, 3), compression='gzip')
d.id.write_direct_chunk((0, 0), b'nothing that deflate made')
def early(name, shape, chunk):
    p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if chunk: p.set_chunk(chunk)
    p.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    p.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    h5py.h5d.create(f.id, name, h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(shape), p)
early(b'rows', (2, 70_000_000), (1, 70_000_000))
early(b'chunks', (200, 1_000_000), (100, 1_000_000))
early(b'large', (100, 1_000_000), None)
p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
p.set_chunk((5, 3)); p.set_deflate(1); p.set_deflate(2)
d = h5py.h5d.create(f.id, b'twice', h5py.h5t.STD_I32LE, h5py.h5s.create_simple((20, 3)), p)
d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(60, dtype='i4').reshape(20, 3))
p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
p.set_chunk((5, 3)); p.set_shuffle(); p.set_shuffle()
d = h5py.h5d.create(f.id, b'mixed', h5py.h5t.STD_I32LE, h5py.h5s.create_simple((20, 3)), p)
d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(60, dtype='i4').reshape(20, 3))
)") == "");
    const fs::path path = folder / "f.h5";
    CHECK(says(read_error(path, "damaged"), " of /damaged cannot be read ("));
    CHECK(says(read_error(path, "rows"), "rows or chunks of /rows are larger than 256 MB"));
    CHECK(says(read_error(path, "chunks"), "rows or chunks of /chunks are larger than 256 MB"));
    CHECK(read_error(path, "large") == "none");
    for (const std::string name : {"twice", "mixed"}) {
        std::vector<float> values(60);
        open_array(path, name)->read(0, 20, values.data(), false);
        CHECK(values[59] == 59.0f);
    }
}

TEST_CASE("decoded chunks are kept up to a bound, and decoded again after it", "[readers][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "f.h5", R"(
f = h5py.File(path, 'w')
d = f.create_dataset('x', (8, 4_000_000), 'f4', chunks=(2, 4_000_000), compression='gzip', compression_opts=1)
for row in range(0, 8, 2): d[row:row + 2, ::1000] = row
)") == "");
    const auto reader = open_array(folder / "f.h5", "x");
    std::vector<float> row(4'000'000);
    for (int round = 0; round < 2; ++round)
        for (std::int64_t first = 0; first < 8; first += 2) {
            reader->read(first, 1, row.data(), false);
            CHECK(row[1000] == static_cast<float>(first));
        }
    // Two blocks of 32 MB, one more while it is made; four buffers of a chunk.
    CHECK(reader->reading_bytes(1) < 250'000'000);
}

TEST_CASE("a file that is being written, or was opened before a fork, is refused", "[readers]") {
    const Folder folder;
    const fs::path path = folder / "d.h5";
    DatasetLayout layout;
    layout.sample = {2};
    layout.rows = 1;
    DatasetWriter writer(path, layout);
    const float row[2] = {1, 2};
    writer.append(std::as_bytes(std::span(row)));
    writer.commit();
    const Descriptor other = open_to_write(path);
    REQUIRE(::flock(other.number(), LOCK_EX | LOCK_NB) == 0);
    CHECK(error_of([&] { look(path); }) ==
          "4|\"" + path.string() + "\" is being written by another process");
    REQUIRE(::flock(other.number(), LOCK_UN) == 0);

    const ArrayFile file(path);
    const int process = ::fork();
    if (process == 0) {
        const std::string error = error_of([&] { file.look(); });
        end_child(says(error, "1|\"" + path.string() + "\" was opened by another process") ? 0 : 1);
    }
    CHECK(wait_for(process) == 0);
    CHECK(file.look().arrays.size() == 2);
}

TEST_CASE("classic netCDF is named, with the way to HDF5", "[readers]") {
    const Folder folder;
    for (const char version : {'\1', '\2', '\5', '\3', '\0'}) {
        std::ofstream(folder / "c.nc") << "CDF" << version << "and so on";
        const std::string error = error_of([&] { look(folder / "c.nc"); });
        const bool known = version == 1 || version == 2 || version == 5;
        CHECK(says(error, known ? "is a netCDF file of the classic format"
                                : "is not an HDF5 file, or its start is damaged"));
    }
    std::ofstream(folder / "c.nc") << "CD";
    CHECK(says(error_of([&] { look(folder / "c.nc"); }), "is not an HDF5 file"));
}

namespace {

class Whole final : public ChunkDecoder {
public:
    bool decode(std::span<const std::byte> stored, std::span<std::byte> chunk) const override {
        std::fill(chunk.begin(), chunk.end(), stored[0]);
        return stored[0] != std::byte{0};
    }
};

}  // namespace

TEST_CASE("packed chunks need their decoder, and it gets models that are some", "[readers]") {
    const Folder folder;
    const fs::path path = folder / "p.h5";
    {
        CompressedWriter out(path, "narrows-compressed", {});
        const auto put = [&](const std::string& name, Numeric type, const Shape& shape) {
            ArrayInfo info;
            info.path = name;
            info.type = type;
            info.shape = shape;
            info.value_bytes = size_of(type);
            out.put(info, std::vector<std::byte>(
                              static_cast<std::size_t>(shape.elements()) * info.value_bytes,
                              std::byte{7}));
        };
        put("/good", Numeric::u8, {9});
        put("/wide", Numeric::f32, {9});
        put("/square", Numeric::u8, {3, 3});
        put("/empty", Numeric::u8, {0});
        for (const std::string name : {"/x", "/packed"}) {
            PackedLayout layout;
            layout.path = name;
            layout.type = Numeric::u8;
            layout.shape = {4};
            layout.chunk_rows = 2;
            out.begin(layout);
            for (const std::int64_t row : {0, 2})
                out.chunk(row, std::vector<std::byte>(3, static_cast<std::byte>(row)));
        }
        out.commit();
    }
    CHECK(says(error_of([&] { open_array(path, "/x"); }), "/x is compressed by narrows"));
    static std::string model;
    static std::size_t bytes;
    set_chunk_decoder(
        [](const ArrayInfo&, FunctionRef<std::vector<std::byte>(const std::string&)> fetch)
            -> std::shared_ptr<const ChunkDecoder> {
            bytes = fetch(model).size();
            return std::make_shared<Whole>();
        });
    for (const std::string name : {"/wide", "/square", "/packed"}) {
        model = name;
        CHECK(says(error_of([&] { open_array(path, "/x"); }), name + " is no model"));
    }
    model = "/nothing";
    CHECK(says(error_of([&] { open_array(path, "/x"); }), "has no dataset /nothing"));
    model = "/good";
    const auto reader = open_array(path, "/x");
    CHECK(bytes == 9);
    std::vector<std::byte> rows(4);
    CHECK(says(error_of([&] { reader->read(0, 2, rows.data()); }),
               "is damaged: /x, rows 0 to 1 (bytes "));
    reader->read(2, 2, rows.data());
    CHECK(rows[1] == std::byte{2});
    CHECK(reader->reading_bytes(2) > 0);
    set_chunk_decoder(nullptr);
}
