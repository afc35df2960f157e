// Files that mean harm, or were damaged where HDF5 believes what it reads: this process lives, and
// says why it refuses.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool with_sanitizer = true;
#elif defined(__has_feature)
constexpr bool with_sanitizer = __has_feature(address_sanitizer);
#else
constexpr bool with_sanitizer = false;
#endif

double seconds_of(const std::function<void()>& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Everything that a program does with a file.
std::string read_all(const std::filesystem::path& path) {
    std::string errors;
    const std::string error = error_of([&] {
        const storage::ArrayFile file(path);
        for (const storage::ArrayInfo& array : file.look().arrays)
            errors += error_of([&] {
                const auto reader = file.open(array.path);
                const std::int64_t rows = array.shape.rank() == 0 ? 1 : array.shape[0];
                if (array.shape.elements() > 1 << 20 || !array.numeric) return;
                std::vector<float> values(static_cast<std::size_t>(array.shape.elements()));
                reader->read(0, rows, values.data(), true);
            });
    });
    return error + errors;
}

void make_old_file(const std::filesystem::path& path, const std::string& version = "earliest") {
    REQUIRE(python(path, "f = h5py.File(path, 'w', libver='" + version + "')\n" + R"(
i = np.arange(400 * 6, dtype='f4').reshape(400, 6)
f['plain'] = i
f.create_dataset('group/gz', data=i, chunks=(16, 6), compression='gzip', shuffle=True)
f.create_dataset('group/check', data=i, chunks=(40, 6), fletcher32=True)
f['group'].attrs['title'] = 'a text of some length'
f['plain'].attrs['scale_factor'] = 2.0
f['plain'].attrs['list'] = np.arange(40)
f['names'] = np.array([b'one', b'two'])
f['vlen'] = np.array(['x', 'yy'], dtype=h5py.string_dtype())
f.close()
)") == "");
}

}  // namespace

TEST_CASE("damaged structures never end this process", "[hostile][damage][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    std::size_t tried = 0, refused = 0, crashed = 0, slow = 0;
    for (const std::string format : {"earliest", "latest"}) {
        make_old_file(folder / "old.h5", format);
        const std::vector<std::byte> good = bytes_of(folder / "old.h5");
        std::mt19937 random(7);
        const std::string whole = read_all(folder / "old.h5");
        CHECK(whole.find('|') == std::string::npos);
        for (int i = 0; i < 120; ++i) {
            std::vector<std::byte> bad = good;
            // The structures of so small a file stand in its first pages, and between the data.
            for (int flips = 0; flips < 1 + i % 8; ++flips)
                bad[random() % std::min<std::size_t>(bad.size(), 6000)] ^= std::byte{1}
                                                                           << random() % 8;
            if (i % 3 == 0)  // a field at its limit
                std::fill_n(bad.begin() + random() % 5000, 8, std::byte{0xff});
            put_bytes(folder / "bad.h5", bad);
            std::string result;
            slow += seconds_of([&] { result = read_all(folder / "bad.h5"); }) > 10;
            ++tried;
            refused += result.find('|') != std::string::npos;
            crashed += result.find("crash") != std::string::npos;
        }
    }
    std::cerr << tried << " damaged files: " << refused << " refused, " << crashed
              << " of them because HDF5 crashed\n";
    CHECK(refused > tried / 5);
    CHECK(slow == 0);
}

TEST_CASE("hostile structures are refused with the reason, quickly and in little memory",
          "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "h.h5";
    REQUIRE(python(path, R"(
f = h5py.File(path, 'w')
f.create_dataset('huge', (2**20, 2**20), 'f4')
f.create_dataset('huge_gz', (2**20, 2**20), 'f4', chunks=(1024, 1024), compression='gzip')
f.create_dataset('lzf', data=np.zeros((64, 8), 'f4'), chunks=(8, 8), compression='lzf')
f.create_dataset('out', (4,), 'u1', external=[('/etc/passwd', 0, 4)])
l = h5py.VirtualLayout((4,), 'u1'); l[:] = h5py.VirtualSource('/etc/x.h5', 'd', (4,))
f.create_virtual_dataset('virtual', l)
f['vlen'] = np.array(['x', 'yy'], dtype=h5py.string_dtype())
f['good'] = np.arange(12.0).reshape(3, 4)
g = f.create_group('a/b'); g['up'] = f['a']; g['root'] = f['/']
f.close()
)") == "");
    const auto open = [&](const std::string& name) {
        return error_of([&] { storage::open_array(path, name); });
    };

    CHECK(open("huge").find("says that it has 4398046511104 bytes and stores 0") !=
          std::string::npos);
    CHECK(open("huge_gz").find("says that it has") != std::string::npos);
    CHECK(open("lzf").find("needs another filter than shuffle, deflate, Fletcher-32") !=
          std::string::npos);
    CHECK(open("out").find("external storage") != std::string::npos);
    CHECK(open("virtual").find("virtual dataset") != std::string::npos);
    CHECK(open("vlen").find("neither numbers nor") != std::string::npos);
    CHECK(open("good") == "none");

    // In a child, so that the figure is that of the probes alone.
    const int process = ::fork();
    if (process == 0) {
        int code = 0;
        for (const char* name : {"huge", "lzf", "out", "vlen", "good"}) {
            const double seconds = seconds_of([&] { open(name); });
            if (seconds > 1) code |= 1;
        }
        struct rusage used {};
        ::getrusage(RUSAGE_CHILDREN, &used);
        if (used.ru_maxrss > 64 * 1024 && !with_sanitizer) code |= 2;  // which takes its own
        end_child(code);
    }
    CHECK(wait_for(process) == 0);
}

TEST_CASE("a list of parts that is joined from parts itself is refused", "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const auto path = folder / "h.h5";
    REQUIRE(python(path, R"(
f = h5py.File(path, 'w')
def virtual(name, kind):
    l = h5py.VirtualLayout((4,), kind); l[:] = h5py.VirtualSource(path, 'd', (4,))
    f.create_virtual_dataset(name, l)
virtual('codes', 'f4')
virtual('shards/name', 'S4')
for name in ('rows', 'bytes', 'xxh3'): virtual('shards/' + name, 'u8')
f.close()
)") == "");

    // In a child: it used to call itself until the stack had no room.
    const int process = ::fork();
    if (process == 0) {
        const std::string error = error_of([&] { storage::open_array(path, "codes"); });
        end_child(error.find("is joined from parts") != std::string::npos ? 0 : 1);
    }
    CHECK(wait_for(process) == 0);
}

TEST_CASE("many attributes, deep groups and many objects have an end", "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "a.h5", R"(
f = h5py.File(path, 'w', libver='latest')
for i in range(30000): f.attrs['name of some length %d' % i] = i
f['x'] = np.zeros((3, 4))
g = f
for i in range(200): g = g.create_group('g')
g['deep'] = np.zeros((3, 4))
f.close()
)") == "");

    storage::FileInfo info;
    const double seconds = seconds_of([&] { info = storage::look(folder / "a.h5"); });

    CHECK(seconds < 5);
    CHECK(info.attributes.size() <= 1000);
    CHECK(info.arrays.size() == 1);
}

TEST_CASE("a chunk that unpacks to more than it may is damage", "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "bomb.h5", R"(
import zlib
f = h5py.File(path, 'w')
d = f.create_dataset('x', (40, 1000), 'f4', chunks=(10, 1000), compression='gzip')
d.id.write_direct_chunk((10, 0), zlib.compress(b'\0' * 40_000_000, 9))
d.id.write_direct_chunk((0, 0), zlib.compress(b'\0' * 40_000, 9))
d.id.write_direct_chunk((20, 0), zlib.compress(b'\0' * 39_999, 9))
f.close()
)") == "");
    const auto reader = storage::open_array(folder / "bomb.h5", "x");
    std::vector<float> rows(10 * 1000);
    const auto read = [&](std::int64_t first) {
        return error_of([&] { reader->read(first, 10, rows.data(), false); });
    };

    CHECK(read(0) == "none");
    CHECK(read(10).find("is damaged: /x, rows 10 to 19") != std::string::npos);
    CHECK(read(20).find("is damaged: /x, rows 20 to 29") != std::string::npos);
    CHECK(read(30) == "none");
}

TEST_CASE("what the fast path cannot do is read by the probe, to the same values",
          "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    // More chunks than a table is worth; a user block; unfiltered edges; odd orders of filters.
    REQUIRE(python(folder / "many.h5", R"(
i = np.arange(20000 * 3, dtype='i4').reshape(20000, 3)
f = h5py.File(path, 'w', libver='latest')
f.create_dataset('many', data=i, chunks=(2, 3), compression='gzip')
f.create_dataset('check', data=i, chunks=(100, 2), compression='gzip', shuffle=True, fletcher32=True)
p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
p.set_chunk((700, 3)); p.set_fletcher32(); p.set_deflate(1); p.set_shuffle()
s = h5py.h5s.create_simple((20000, 3))
d = h5py.h5d.create(f.id, b'odd', h5py.h5t.STD_I32LE, s, p)
d.write(h5py.h5s.ALL, h5py.h5s.ALL, i)
p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
p.set_chunk((700, 3)); p.set_deflate(1)
if hasattr(p, 'set_chunk_opts'): p.set_chunk_opts(2)
d = h5py.h5d.create(f.id, b'edges', h5py.h5t.STD_I32LE, s, p)
d.write(h5py.h5s.ALL, h5py.h5s.ALL, i)
d = f.create_dataset('masked', data=i, chunks=(1000, 3), compression='gzip', shuffle=True)
raw = i[:1000].tobytes()
d.id.write_direct_chunk((0, 0), raw, filter_mask=3)
f.close()
)") == "");
    REQUIRE(python(folder / "block.h5", R"(
i = np.arange(20000 * 3, dtype='i4').reshape(20000, 3)
f = h5py.File(path, 'w', userblock_size=1024)
f.create_dataset('block', data=i, chunks=(1000, 3), compression='gzip', shuffle=True)
f['plain'] = i
f.close()
)") == "");
    const auto check = [&](const std::string& file, const std::string& name) {
        INFO(name);
        const auto reader = storage::open_array(folder / file, name);
        std::vector<std::int32_t> rows(20000 * 3);
        std::string error =
            error_of([&] { reader->read(0, 20000, reinterpret_cast<std::byte*>(rows.data())); });
        CHECK(error == "none");
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) wrong += rows[i] != static_cast<int>(i);
        CHECK(wrong == 0);
        reader->read(12345, 3, reinterpret_cast<std::byte*>(rows.data()));
        CHECK(rows[0] == 12345 * 3);
    };

    for (const char* name : {"many", "check", "odd", "edges", "masked"}) check("many.h5", name);
    check("block.h5", "block");
    check("block.h5", "plain");
}

TEST_CASE("Ctrl-C and a job's end leave the probe at work", "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    make_old_file(folder / "old.h5");
    const storage::ArrayFile file(folder / "old.h5");
    const std::size_t arrays = file.look().arrays.size();
    // The youngest child of this thread is the probe.
    std::ifstream in("/proc/thread-self/children");
    pid_t probe = 0;
    for (pid_t child = 0; in >> child;) probe = child;
    REQUIRE(probe > 0);
    for (const int signal : {SIGINT, SIGTERM}) {
        REQUIRE(::kill(probe, signal) == 0);
        CHECK(file.look().arrays.size() == arrays);
    }
}

TEST_CASE("a file of people one trusts is read by HDF5 itself, with any filter",
          "[hostile][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "s.h5", R"(
i = np.arange(640, dtype='i4').reshape(64, 10)
f = h5py.File(path, 'w')
f.create_dataset('x', data=i, chunks=(8, 10), scaleoffset=0)
f.close()
)") == "");
    CHECK(error_of([&] {
              storage::open_array(folder / "s.h5", "x");
          }).find("needs another filter") != std::string::npos);

    storage::trust_files(true);
    std::vector<float> rows(640);
    storage::open_array(folder / "s.h5", "x")->read(0, 64, rows.data(), false);
    storage::trust_files(false);

    CHECK(rows[639] == 639.0f);
}

// The maintainers' files of known vulnerabilities are fetched, not stored: their folder stands in
// NARROWS_HDF5_CVE.
TEST_CASE("files of known vulnerabilities do not end this process", "[hostile]") {
    const char* const folder = std::getenv("NARROWS_HDF5_CVE");
    if (folder == nullptr) {
        std::cerr << "NARROWS_HDF5_CVE is not set: files of known vulnerabilities were skipped\n";
        return;
    }
    std::size_t files = 0, refused = 0, slow = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::string result;
        slow += seconds_of([&] { result = read_all(entry.path()); }) > 2;
        ++files;
        refused += result.find('|') != std::string::npos;
    }
    std::cerr << files << " files of known vulnerabilities, " << refused << " refused\n";
    CHECK(files > 0);
    CHECK(slow == 0);
}
