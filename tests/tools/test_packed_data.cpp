// HDF5 data that is packed: numbers with a scale, and chunks larger than what is read at once.
#include <cstdlib>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

// Runs a script in the folder; false: there is no h5py.
bool python(const Folder& folder, const std::string& name, const std::string& text) {
    if (!narrows::test::has_h5py()) return false;
    folder.write(name, text);
    const Outcome run = folder.shell("/usr/bin/python3 " + name);
    INFO(run.err);
    REQUIRE(run.code == 0);
    return true;
}

// As it was printed, with four digits.
double bound_of(const Outcome& run) {
    const std::size_t at = run.err.find("memory bound");
    REQUIRE(at != std::string::npos);
    return std::strtod(run.err.c_str() + at + 12, nullptr) *
           (run.err.find("GB", at) < run.err.find('\n', at) ? 1e9 : 1e6);
}

}  // namespace

TEST_CASE("whole numbers with a scale and an offset are what they stand for", "[tools]") {
    const Folder folder;
    if (!python(folder, "make.py",
                "import h5py, numpy as np\n"
                "with h5py.File('p.h5', 'w') as f:\n"
                "    x = f.create_dataset('x', data=(np.arange(400).reshape(50, 8) * 3 + "
                "470).astype('i2'))\n"
                "    x.attrs['scale_factor'] = .01\n"
                "    x.attrs['add_offset'] = 273.\n"))
        return;
    folder.must("import p.h5 -o d.h5 -q");
    folder.must("compress p.h5:/x@10:20 --rel 1e-3 -o c.h5 -q");
    python(folder, "check.py",
           "import h5py, numpy as np\n"
           "d = h5py.File('d.h5', 'r')['samples'][...]\n"
           "t = (np.arange(400).reshape(50, 8) * 3 + 470) * .01 + 273\n"
           "assert d.dtype == 'f4' and np.abs(d - t).max() < 2e-5\n"
           "a = h5py.File('c.h5', 'r')['x'].attrs\n"
           "assert a['scale_factor'] == .01 and a['add_offset'] == 273\n");
}

TEST_CASE("memory stays below the printed bound with large chunks, too", "[tools]") {
    const Folder folder;
    if (!python(folder, "make.py",
                "import h5py, numpy as np\n"
                "r = np.random.default_rng(1)\n"
                "with h5py.File('b.h5', 'w') as f:\n"
                "    x = f.create_dataset('x', shape=(6 << 16, 640), dtype='u1', chunks=(1 << 16, "
                "640), shuffle=True, compression=1)\n"
                "    for i in range(6): x[i << 16 : (i + 1) << 16] = r.integers(0, 9, (1 << 16, "
                "640), dtype='u1')\n"))
        return;
    const Outcome run = folder.must("import b.h5 -o d.h5 --json");
    const double peak = run.json()["peak_resident_bytes"];
    CHECK(peak <= bound_of(run) * 1.0001);
    CHECK(peak > 60e6);  // a chunk and what it is decoded through: the case at hand
}

TEST_CASE("memory stays below the printed bound while packed fields are decoded", "[tools]") {
    const Folder folder;
    if (!python(folder, "make.py",
                "import h5py, numpy as np\n"
                "x, y = np.meshgrid(np.arange(2048) / 300, np.arange(1024) / 200)\n"
                "with h5py.File('f.h5', 'w') as f:\n"
                "    f['x'] = np.array([np.sin(x + .1 * i) * np.cos(y) + x * y * .01 for i in "
                "range(16)]).astype('f4')\n"))
        return;
    folder.must("compress f.h5 --rel 1e-2 --chunk-rows 4 --budget 1 -q -o c.h5");
    const Outcome run = folder.must("import c.h5:/x -o d.h5 --threads 2 --json");
    CHECK(run.json()["peak_resident_bytes"].get<double>() <= bound_of(run) * 1.0001);
    CHECK(run.json()["peak_resident_bytes"].get<double>() > 150e6);  // 8 million values at once
}
