#include <iostream>

#include "pipeline/storage/array_file.hpp"
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

// Not where the build had no liblz4 and libblosc.
bool can_read(const std::filesystem::path& path) {
    return error_of([&] {
               storage::open_array(path, "/lz4");
               storage::open_array(path, "/blosc");
           }) == "none";
}

}  // namespace

TEST_CASE("chunks of LZ4 and Blosc are unpacked here, to what was packed", "[filters][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "x.h5";
    const std::string made = make(path);
    if (made == "missing" || !can_read(path)) {
        std::cout
            << "HDF5's plugins for LZ4 and Blosc, or their libraries, are not there: skipped\n";
        return;
    }
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
    if (make(folder / "x.h5") != "" || !can_read(folder / "x.h5")) return;
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
