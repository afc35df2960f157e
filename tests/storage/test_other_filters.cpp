#include <iostream>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/unpack.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

// Packed by HDF5's own plugins; "" where Debian's are not installed.
std::string make(const std::filesystem::path& path) {
    return python(path, R"(
import glob, os
for folder in glob.glob('/usr/lib/*/hdf5/serial/plugins') + os.environ.get('HDF5_PLUGIN_PATH', '').split(':'):
    if folder: h5py.h5pl.append(folder.encode())
there = [h5py.h5z.filter_avail(f) for f in (32004, 32001)]
if not all(there):
    print('missing', end='')
else:
    x = (np.arange(3000 * 40).reshape(3000, 40) // 7 % 251).astype('f4')
    f = h5py.File(path, 'w')
    f['plain'] = x
    f.create_dataset('lz4', data=x, chunks=(512, 40), compression=32004)
    f.create_dataset('shuffled', data=x, chunks=(700, 16), shuffle=True, compression=32004, fletcher32=True)
    f.create_dataset('bytes', data=x.astype('u1'), chunks=(512, 40), compression=32004, compression_opts=(1000,))
    f.create_dataset('blosc', data=x, chunks=(512, 40), compression=32001)
    for code, name in enumerate(('blosclz', 'lz4', 'lz4hc', 'snappy', 'zlib', 'zstd')):
        try:
            f.create_dataset('blosc_' + name, data=x, chunks=(512, 40), compression=32001,
                             compression_opts=(0, 0, 0, 0, 5, 1, code))
        except Exception:
            pass
    noise = np.random.default_rng(1).integers(0, 2**32, (600, 40), 'u4')
    f.create_dataset('noise_lz4', data=noise, chunks=(100, 40), compression=32004)
    f.create_dataset('noise_blosc', data=noise, chunks=(100, 40), compression=32001)
    f['noise_plain'] = noise
    f.close()
)");
}

std::vector<std::byte> rows(const std::filesystem::path& path, const std::string& name) {
    const auto reader = storage::open_array(path, name);
    const storage::ArrayInfo& info = reader->info();
    std::vector<std::byte> out(static_cast<std::size_t>(info.shape.elements()) * info.value_bytes);
    reader->read(0, info.shape[0], out.data());
    return out;
}

// Without HDF5's plugins nothing can be packed, without liblz4 and libblosc in the build nothing
// unpacked: said, and nothing is tested. Whether reading works is not asked.
bool skipped(const std::string& made) {
    const bool built =
        storage::can_unpack(storage::Filter::lz4) && storage::can_unpack(storage::Filter::blosc);
    if (built && made != "missing") return false;
    std::cout << (built ? "HDF5's plugins for LZ4 and Blosc are not there: skipped\n"
                        : "built without liblz4 or libblosc: skipped\n");
    return true;
}

}  // namespace

TEST_CASE("chunks of LZ4 and Blosc are unpacked here, to what was packed", "[filters][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "x.h5";
    const std::string made = make(path);
    if (skipped(made)) return;
    REQUIRE(made == "");

    int compared = 0;
    for (const storage::ArrayInfo& array : storage::look(path).arrays) {
        INFO(array.path << " " << array.filters);
        const bool noise = array.path.starts_with("/noise");
        if (array.filters.empty() || array.path == "/bytes") continue;
        CHECK(rows(path, array.path) == rows(path, noise ? "/noise_plain" : "/plain"));
        ++compared;
    }
    CHECK(compared >= 8);
    std::vector<float> values(3000 * 40), plain(values.size());
    storage::open_array(path, "/bytes")->read(0, 3000, values.data(), false);
    storage::open_array(path, "/plain")->read(0, 3000, plain.data(), false);
    CHECK(values == plain);
}

TEST_CASE("damaged chunks of LZ4 and Blosc end in an error, or in other values",
          "[filters][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const std::string made = make(folder / "x.h5");
    if (skipped(made)) return;
    REQUIRE(made == "");
    const std::vector<std::byte> whole = bytes_of(folder / "x.h5");
    const auto place = [&](const char* name) {
        return std::stoul(python(folder / "x.h5", std::string("i = h5py.File(path)['") + name +
                                                      R"('].id.get_chunk_info(3)
print(i.byte_offset + i.size // 2, end='')
)"));
    };

    std::vector<std::byte> damaged = whole;
    damaged[place("shuffled")] ^= std::byte{4};
    put_bytes(folder / "y.h5", damaged);
    CHECK(error_of([&] { rows(folder / "y.h5", "/shuffled"); }).find("is damaged") !=
          std::string::npos);  // Fletcher-32 notices

    for (const char* name : {"lz4", "blosc", "noise_lz4", "noise_blosc"}) {
        const std::size_t at = place(name);
        for (std::size_t i = 0; i < 40; ++i) {
            damaged = whole;
            damaged[at - 20 + i] ^= static_cast<std::byte>(1u << i % 8);
            put_bytes(folder / "y.h5", damaged);
            const std::string error = error_of([&] { rows(folder / "y.h5", name); });
            CHECK((error == "none" || error.find("is damaged") != std::string::npos));
        }
    }
}

TEST_CASE("chunks packed twice by different filters are refused, not called damaged",
          "[filters][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    if (skipped(make(folder / "x.h5"))) return;
    REQUIRE(python(folder / "y.h5", R"(
import glob, os
for folder in glob.glob('/usr/lib/*/hdf5/serial/plugins') + os.environ.get('HDF5_PLUGIN_PATH', '').split(':'):
    if folder: h5py.h5pl.append(folder.encode())
i = np.arange(400 * 40, dtype='i4').reshape(400, 40)
f = h5py.File(path, 'w')
def pack(name, *filters):
    p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    p.set_chunk((100, 40))
    for number in filters:
        if number == 1: p.set_deflate(1)
        else: p.set_filter(number, h5py.h5z.FLAG_MANDATORY)
    d = h5py.h5d.create(f.id, name, h5py.h5t.STD_I32LE, h5py.h5s.create_simple((400, 40)), p)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, i)
pack(b'gz_lz4', 1, 32004)
pack(b'lz4_gz', 32004, 1)
pack(b'lz4_blosc', 32004, 32001)
pack(b'gz_gz', 1, 1)
f['plain'] = i
f.close()
)") == "");

    for (const char* name : {"gz_lz4", "lz4_gz", "lz4_blosc"}) {
        const std::string error = error_of([&] { rows(folder / "y.h5", name); });
        INFO(error);
        CHECK(error.find("needs another filter than shuffle, deflate, Fletcher-32, LZ4, Blosc") !=
              std::string::npos);
    }
    CHECK(rows(folder / "y.h5", "gz_gz") == rows(folder / "y.h5", "plain"));  // by HDF5
}
