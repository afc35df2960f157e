#include <sys/mount.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;
using storage::ArrayInfo;
using storage::FileInfo;
using storage::Numeric;

namespace {

const ArrayInfo* find(const FileInfo& file, const std::string& path) {
    for (const ArrayInfo& array : file.arrays)
        if (array.path == path) return &array;
    return nullptr;
}

// A file with what the world puts into HDF5.
void make_foreign(const std::filesystem::path& path) {
    const std::string made = python(path, R"(
f = h5py.File(path, 'w', track_order=True)
f.attrs['Conventions'] = 'CF-1.8'
f.attrs['list'] = [1, 2, 3]
f.attrs['texts'] = ['a', 'bc']
f.attrs['scale'] = np.float32(0.5)
i = np.arange(60 * 4).reshape(60, 4)
f['be_f32'] = (i / 4).astype('>f4')
f['be_i16'] = (i - 100).astype('>i2')
f['f64'] = i / 8.0
f['f16'] = (i / 16.0).astype('f2')
f['u8'] = i.astype('u1')
f['i64'] = i.astype('i8') * -1000
f.create_dataset('gz', data=i.astype('f4'), chunks=(7, 3), compression='gzip', shuffle=True)
f.create_dataset('be_gz', data=i.astype('>i4'), chunks=(7, 4), compression='gzip', fletcher32=True)
f.create_dataset('holes', (60, 4), 'f4', chunks=(10, 4), fillvalue=7.5)
f['holes'][20:30] = 1
f.create_dataset('late', (60, 4), 'f4', fillvalue=2.5)
p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
p.set_layout(h5py.h5d.COMPACT)
s = h5py.h5d.create(f.id, b'compact', h5py.h5t.STD_I32LE, h5py.h5s.create_simple((5,)), p)
s.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(5, dtype='i4'))
f['scalar'] = 3.25
packed = f.create_dataset('grp/packed', data=i.astype('i2'), chunks=(16, 4), compression='gzip')
packed.attrs['scale_factor'] = -0.25
packed.attrs['add_offset'] = 10.0
packed.attrs['_FillValue'] = np.array([5], 'i2')
fill = i.astype('f4'); fill[3, 1] = 1e20
f['filled'] = fill
f['filled'].attrs['missing_value'] = 1e20
f['lat'] = np.arange(3.0)
f['lat'].attrs['bounds'] = 'lat_bnds'
f['lat_bnds'] = np.zeros((3, 2))
f['lat'].make_scale('latitude')
f['text'] = np.array([b'one', b'three', b''])
# Not for us: each is left out, none may disturb.
f['compound'] = np.zeros(3, dtype=[('a', 'f4'), ('b', 'i4')])
f['vlen'] = np.array(['x', 'yy'], dtype=h5py.string_dtype())
f['bool'] = np.array([True, False])
f['ref'] = np.array([f['u8'].ref], dtype=h5py.ref_dtype)
f['empty'] = h5py.Empty('f4')
f['u8'].attrs['ref'] = f['f64'].ref
f['u8'].attrs['vlen'] = np.array([np.arange(3), np.arange(2)], dtype=h5py.vlen_dtype('i4'))
f['soft'] = h5py.SoftLink('/u8')
f['out'] = h5py.ExternalLink('other.h5', '/x')
f['grp/again'] = f['u8']
f['grp/loop'] = f['/']
e = f.create_dataset('elsewhere', (4,), 'u1', external=[('/etc/passwd', 0, 4)])
l = h5py.VirtualLayout((4,), 'u1'); l[:] = h5py.VirtualSource('/etc/x.h5', 'd', (4,))
f.create_virtual_dataset('virtual', l)
f.close()
)");
    REQUIRE(made == "");
}

std::vector<float> floats(const std::filesystem::path& path, const std::string& name,
                          bool unpack = true) {
    const auto reader = storage::open_array(path, name);
    const Shape& shape = reader->info().shape;
    std::vector<float> out(static_cast<std::size_t>(shape.elements()));
    reader->read(0, shape.rank() == 0 ? 1 : shape[0], out.data(), unpack);
    return out;
}

std::vector<float> counted(double scale, double offset = 0) {
    std::vector<float> out(240);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(static_cast<double>(i) * scale + offset);
    return out;
}

}  // namespace

TEST_CASE("look lists what can be read and passes over the rest", "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    make_foreign(folder / "f.h5");

    const FileInfo file = storage::look(folder / "f.h5");

    std::string names;
    for (const ArrayInfo& array : file.arrays) names += array.path + " ";
    REQUIRE(names ==
            "/be_f32 /be_gz /be_i16 /bool /compact /elsewhere /f16 /f64 /filled /grp/again "
            "/grp/packed /gz "
            "/holes /i64 /lat /lat_bnds /late /scalar /text /virtual ");
    CHECK(file.format == "");
    CHECK(file.bytes == std::filesystem::file_size(folder / "f.h5"));
    CHECK(file.attributes == std::vector<std::pair<std::string, storage::Attribute>>{
                                 {"Conventions", std::string("CF-1.8")}, {"scale", 0.5}});
    CHECK(find(file, "/be_i16")->big_endian);
    CHECK(find(file, "/f16")->type == Numeric::f16);
    CHECK(find(file, "/gz")->filters == "shuffle+deflate-4");
    CHECK(find(file, "/gz")->chunk == std::vector<std::int64_t>{7, 3});
    CHECK(find(file, "/be_gz")->filters == "deflate-4+fletcher32");
    CHECK(find(file, "/grp/packed")->scale_factor == -0.25);
    CHECK(find(file, "/grp/packed")->add_offset == 10.0);
    CHECK(find(file, "/grp/packed")->fill_value == 5.0);
    CHECK(find(file, "/filled")->fill_value == 1e20);
    CHECK(find(file, "/lat_bnds")->bounds_of == "/lat");
    CHECK(!find(file, "/text")->numeric);
}

TEST_CASE("numbers of every type, order and layout are read as floats", "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "f.h5";
    make_foreign(path);

    CHECK(floats(path, "be_f32") == counted(0.25));
    CHECK(floats(path, "be_i16") == counted(1, -100));
    CHECK(floats(path, "f64") == counted(0.125));
    CHECK(floats(path, "f16") == counted(0.0625));
    CHECK(floats(path, "grp/again") == counted(1));
    CHECK(floats(path, "i64") == counted(-1000));
    CHECK(floats(path, "gz") == counted(1));
    CHECK(floats(path, "be_gz") == counted(1));
    CHECK(floats(path, "compact") == std::vector<float>{0, 1, 2, 3, 4});
    CHECK(floats(path, "scalar") == std::vector<float>{3.25f});
    CHECK(floats(path, "late") == std::vector<float>(240, 2.5f));
    std::vector<float> holes(240, 7.5f);
    std::fill(holes.begin() + 80, holes.begin() + 120, 1.0f);
    CHECK(floats(path, "holes") == holes);
    CHECK(storage::open_array(path, "text")->read_text(0, 3) ==
          std::vector<std::string>{"one", "three", ""});

    CHECK(floats(path, "grp/packed", false) == counted(1));
    const std::vector<float> packed = floats(path, "grp/packed"), filled = floats(path, "filled");
    for (std::size_t i = 0; i < 240; ++i) {
        if (i == 5)
            CHECK(std::isnan(packed[i]));
        else
            CHECK(packed[i] == counted(-0.25, 10)[i]);
        if (i == 13)
            CHECK(std::isnan(filled[i]));
        else
            CHECK(filled[i] == static_cast<float>(i));
    }

    std::vector<std::int32_t> stored(240);
    storage::open_array(path, "be_gz")->read(0, 60, reinterpret_cast<std::byte*>(stored.data()));
    CHECK(stored[239] == 239);
}

TEST_CASE("what leaves the file, or is not there, is refused with the reason", "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    make_foreign(folder / "f.h5");
    const auto open = [&](const std::string& name) {
        return error_of([&] { storage::open_array(folder / "f.h5", name); });
    };

    CHECK(open("elsewhere").find("in other files (external storage)") != std::string::npos);
    CHECK(open("virtual").find("in other files (virtual dataset)") != std::string::npos);
    CHECK(open("out").find("has no dataset /out") != std::string::npos);
    CHECK(open("soft").find("has no dataset /soft") != std::string::npos);
    CHECK(open("compound").find("neither numbers nor") != std::string::npos);
    CHECK(open("vlen").starts_with("4|"));
    CHECK(open("empty").starts_with("4|"));
    CHECK(open("nothing").find("has no dataset /nothing") != std::string::npos);
    CHECK(open("grp").find("has no dataset /grp") != std::string::npos);
}

TEST_CASE("files that are no HDF5, or cut off, are refused without noise", "[foreign]") {
    const Folder folder;
    std::ofstream(folder / "t.txt") << "hello, this is no HDF5 file";
    std::ofstream(folder / "empty.h5");
    std::ofstream(folder / "magic.h5") << "\x89HDF\r\n\x1a\n and then nothing";

    CHECK(!storage::is_hdf5(folder / "t.txt"));
    CHECK(storage::is_hdf5(folder / "magic.h5"));
    CHECK(error_of([&] { storage::look(folder / "t.txt"); }).find("is not an HDF5 file") !=
          std::string::npos);
    CHECK(error_of([&] { storage::look(folder / "empty.h5"); }).starts_with("4|"));
    CHECK(error_of([&] { storage::look(folder / "magic.h5"); }).find("HDF5 cannot open it (") !=
          std::string::npos);
    CHECK(error_of([&] { storage::look(folder / "none.h5"); }).find("no such file") !=
          std::string::npos);
    CHECK(error_of([&] { storage::look(folder.path()); }).find("is a folder") != std::string::npos);
}

TEST_CASE("truncated foreign files never give values", "[foreign][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    make_foreign(folder / "f.h5");
    const std::vector<std::byte> good = bytes_of(folder / "f.h5");

    for (std::size_t size = 0; size + 1 < good.size(); size += 211) {
        put_bytes(folder / "cut.h5", {good.begin(), good.begin() + static_cast<long>(size)});
        CHECK(error_of([&] { storage::look(folder / "cut.h5"); }).starts_with("4|"));
    }
}

TEST_CASE("names with spaces and letters of any language, and read-only media", "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "Größe \u2713 $HOME 'x'.h5";
    storage::DatasetLayout layout;
    layout.sample = {3};
    layout.rows = 2;
    storage::DatasetWriter writer(path, layout);
    const float rows[6] = {1, 2, 3, 4, 5, 6};
    writer.append(std::as_bytes(std::span(rows)));
    writer.commit();
    CHECK(floats(path, "samples") == std::vector<float>(rows, rows + 6));

    std::filesystem::create_directory(folder / "media");
    const int result = on_small_disk(folder / "media", 8u << 20, [&] {
        std::filesystem::copy_file(path, folder / "media/x.h5");
        if (::mount(nullptr, (folder / "media").c_str(), nullptr, MS_REMOUNT | MS_RDONLY,
                    nullptr) != 0)
            return no_small_disk;
        if (floats(folder / "media/x.h5", "samples")[5] != 6) return 1;
        const std::string error =
            error_of([&] { storage::DatasetWriter(folder / "media/y.h5", layout); });
        return error.starts_with("2|") && error.find("read-only file system") != std::string::npos
                   ? 0
                   : 2;
    });
    if (result == no_small_disk)
        std::cerr << "mounting is not allowed: read-only media were skipped\n";
    else
        CHECK(result == 0);
}

TEST_CASE("half precision converts as h5py does", "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "h.h5", R"(
a = np.arange(65536, dtype='u2').view('f2')
f = h5py.File(path, 'w'); f['half'] = a; f['single'] = a.astype('f4'); f.close()
)") == "");

    const std::vector<float> half = floats(folder / "h.h5", "half");
    const std::vector<float> single = floats(folder / "h.h5", "single");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < half.size(); ++i)
        wrong += !(half[i] == single[i] || (std::isnan(half[i]) && std::isnan(single[i])));

    CHECK(half.size() == 65536);
    CHECK(wrong == 0);
}

TEST_CASE("real scientific files read as h5py reads them", "[foreign][science]") {
    const char* const data = std::getenv("NARROWS_DATA");
    if (data == nullptr || !has_h5py()) {
        std::cerr << "NARROWS_DATA is not set: real scientific files were skipped\n";
        return;
    }
    std::size_t files = 0, arrays = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(data) / "science")) {
        if (entry.path().extension() == ".gz") continue;
        ++files;
        // name, rank, sum of the floats in double, and the value in the middle, packing applied
        std::istringstream expected(python(entry.path(), R"(
f = h5py.File(path)
def one(a, k):
    return float(np.asarray(a[k]).ravel()[0]) if k in a and not isinstance(a[k], bytes) else None
def show(name, d):
    if not isinstance(d, h5py.Dataset) or d.dtype.kind not in 'iuf': return
    x = np.asarray(d[()])
    fill = one(d.attrs, '_FillValue')
    if fill is None: fill = one(d.attrs, 'missing_value')
    s, o = one(d.attrs, 'scale_factor'), one(d.attrs, 'add_offset')
    y = x.astype('f8') * (1 if s is None else s) + (0 if o is None else o)
    y = y.astype('f4').ravel()
    if fill is not None: y[(x.ravel() == x.dtype.type(fill))] = np.nan
    ok = np.isfinite(y)
    print('/' + name, x.ndim, repr(float(y[ok].astype('f8').sum())), int((~ok).sum()),
          repr(float(np.nan_to_num(y[y.size // 2]))))
f.visititems(show)
)"));
        const FileInfo file = storage::look(entry.path());
        std::string name;
        std::size_t rank = 0, missing = 0;
        double sum = 0, middle = 0;
        while (expected >> name >> rank >> sum >> missing >> middle) {
            ++arrays;
            INFO(entry.path().filename().string() << " " << name);
            REQUIRE(find(file, name) != nullptr);
            CHECK(find(file, name)->shape.rank() == rank);
            const std::vector<float> values = floats(entry.path(), name);
            double total = 0;
            std::size_t bad = 0;
            for (const float value : values) {
                if (std::isfinite(value))
                    total += static_cast<double>(value);
                else
                    ++bad;
            }
            CHECK(total == Approx(sum).epsilon(1e-9).margin(1e-6));
            CHECK(bad == missing);
            const float center = values[values.size() / 2];
            CHECK((std::isnan(center) ? 0.0 : static_cast<double>(center)) == middle);

            // Row by row gives the same as all at once.
            if (rank == 0) continue;
            const auto reader = storage::open_array(entry.path(), name);
            const std::int64_t rows = reader->info().shape[0];
            const std::size_t width = values.size() / static_cast<std::size_t>(rows);
            std::vector<float> row(width);
            for (std::int64_t r = rows - 1; r >= 0; r -= 1 + rows / 50) {
                reader->read(r, 1, row.data(), true);
                for (std::size_t i = 0; i < width; i += 1 + width / 20) {
                    const float whole = values[static_cast<std::size_t>(r) * width + i];
                    if (!(row[i] == whole || (std::isnan(row[i]) && std::isnan(whole))))
                        FAIL("row " << r << " differs");
                }
            }
        }
    }
    std::cerr << files << " scientific files, " << arrays << " arrays read\n";
    CHECK(files > 0);
    CHECK(arrays > files);
}
