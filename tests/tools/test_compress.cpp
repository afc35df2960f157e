// narrows compress, decompress and verify: bounds, exit codes, damage, and h5py through the filter.
#include <cmath>
#include <cstdlib>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

// Twelve that follow one another, as text.
std::string channels(int rows, int start) {
    std::string text;
    for (int row = start; row < start + rows; ++row)
        for (int channel = 0; channel < 12; ++channel)
            text += std::to_string(std::sin(0.07 * row + 0.3 * channel) +
                                   0.4 * std::sin(0.011 * row * (1 + channel % 3))) +
                    (channel == 11 ? "\n" : ",");
    return text;
}

void turn_a_bit(const Folder& folder, const std::string& name, const std::string& after) {
    std::string bytes = folder.read(name);
    std::size_t at = bytes.find(after);
    // A chunk: behind its checksum stand a method and a type.
    while (after == "N1" && at != std::string::npos &&
           (bytes[at + 10] < 1 || bytes[at + 10] > 5 || bytes[at + 11] != 9))
        at = bytes.find(after, at + 1);
    REQUIRE(at != std::string::npos);
    bytes[at + 60] ^= 4;
    folder.write(name, bytes);
}

}  // namespace

TEST_CASE("data goes into a compressed file and back, within its bound", "[tools]") {
    Folder folder;
    folder.must("generate waves -n 300 -q -o w.h5");

    const auto result = folder.must("compress w.h5 --rel 1e-3 -o c.h5 --json").json();

    for (const char* key :
         {"bytes_in", "bytes_out", "model_bytes", "ratio", "bits_per_value", "bound", "max_error",
          "violations", "method", "samples", "seconds", "threads", "kernel"})
        CHECK(result.contains(key));
    CHECK(result.at("violations") == 0);
    CHECK(result.at("ratio") > 2);
    CHECK(result.at("max_error") <= result.at("bound"));
    CHECK(folder.must("verify c.h5 w.h5 --json").json().at("violations") == 0);
    CHECK(folder.must("verify c.h5").out.find("problems      0") != std::string::npos);
    folder.must("decompress c.h5 -q -o d.h5");
    CHECK(folder.must("info d.h5 --json").json().at("format") == "narrows-dataset");
    // Every verb that reads data reads the compressed file too: the same values.
    folder.must("import c.h5:/samples -q -o a.h5");
    folder.must("import d.h5:/samples -q -o b.h5");
    CHECK(folder.must("verify c.h5 d.h5 --json").json().at("max_error") == 0);
    // Integers beside the samples are exact, and checksums of other values are not there.
    CHECK(result.at("bound") < 0.01);
    folder.must("info d.h5 --check");
    folder.must("compress w.h5 --lossless -q -o e.h5");
    folder.must("decompress e.h5 -q -o f.h5");
    CHECK(folder.must("info f.h5 --check").out.find(" 0 checksums hold") == std::string::npos);
}

TEST_CASE("a model is fitted once for many files", "[tools]") {
    Folder folder;
    folder.write("a.csv", channels(500, 0));
    folder.write("b.csv", channels(250, 3000));
    folder.must("import a.csv -q -o a.h5");
    folder.must("import b.csv -q -o b.h5");
    folder.must("compress a.h5 --rel 1e-3 --prefer speed -q -o a.c.h5");
    const auto result = folder.must("compress b.h5 --rel 1e-3 -m a.c.h5 -o b.c.h5 --json").json();
    CHECK(result.at("model_bytes") == 0);
    CHECK(result.at("violations") == 0);
    CHECK(folder.narrows("verify b.c.h5").code == 4);
    folder.refuses("decompress b.c.h5 -m b.h5 -o x.h5", 4,
                   "nor in \"b.h5\"\n    = give -m the compressed file");
    CHECK(folder.must("verify b.c.h5 b.h5 -m a.c.h5 --json").json().at("violations") == 0);
    folder.must("decompress b.c.h5 -m a.c.h5 -q -o b.d.h5");
    folder.must("compress b.h5 --rel 1e-3 -m a.c.h5 --embed -q -o b.e.h5");
    CHECK(folder.must("verify b.e.h5 b.d.h5 --json").json().at("max_error") == 0);

    const auto exact =
        folder.must("compress a.h5 --rel 1e-2 --per-variable samples=lossless -o x.h5 --json")
            .json();
    CHECK(exact.at("max_error") == 0);
    const Outcome twice = folder.narrows(
        "compress a.h5 --per-variable samples=lossless --per-variable /samples=rel:0.1 -o y.h5");
    CHECK(twice.code == 2);
    CHECK(twice.err.find("two bounds") != std::string::npos);
}

TEST_CASE("the same bytes for any thread count and kernel", "[tools]") {
    Folder folder;
    folder.must("generate waves -n 200 -q -o w.h5");
    folder.must("generate digits -n 400 -q -o i.h5");
    folder.must(
        "compress w.h5 --abs 0.01 --chunk-rows 30 --threads 1 --kernel portable -q -o a.h5");
    folder.must("compress w.h5 --abs 0.01 --chunk-rows 30 --threads 5 -q -o b.h5");
    CHECK(folder.read("a.h5") == folder.read("b.h5"));
    folder.must("compress i.h5:/samples --budget 1 --threads 1 --kernel portable -q -o a.h5");
    const Outcome shown =
        folder.must("compress i.h5:/samples --budget 1 --threads 3 --explain -q -o b.h5");
    CHECK(folder.read("a.h5") == folder.read("b.h5"));
    CHECK(shown.out.find("* causal network") != std::string::npos);
    CHECK(folder.must("verify b.h5 i.h5:/samples --json").json().at("max_error") == 0);
}

TEST_CASE("damage, and other data, are told with the right exit code", "[tools]") {
    Folder folder;
    folder.must("generate waves -n 300 -q -o w.h5");
    folder.must("generate waves -n 300 --seed 9 -q -o other.h5");
    folder.must("compress w.h5:/samples --rel 1e-2 --chunk-rows 100 -q -o c.h5");
    CHECK(folder.narrows("verify c.h5 --against other.h5:/samples").code == 1);
    turn_a_bit(folder, "c.h5", "N1");
    const Outcome found = folder.narrows("verify c.h5");
    CHECK(found.code == 4);
    CHECK(found.err.find("/samples, rows 0 to 99") != std::string::npos);
    CHECK(found.err.find("rows 100") == std::string::npos);
    CHECK(folder.narrows("decompress c.h5 -o d.h5").code == 4);
    CHECK(!folder.has("d.h5"));
}

TEST_CASE("h5py reads compressed datasets through the filter", "[tools]") {
    if (!narrows::test::has_h5py()) return;
    Folder folder;
    folder.write("w.csv", channels(300, 0));
    folder.must("import w.csv -q -o w.h5");
    folder.must("compress w.h5 --rel 1e-3 --chunk-rows 128 -q -o c.h5");
    folder.must("decompress c.h5 -q -o d.h5");
    folder.write("read.py",
                 "import h5py\n"
                 "c = h5py.File('c.h5', 'r')['samples']\n"
                 "d = h5py.File('d.h5', 'r')['samples']\n"
                 "assert c.chunks[0] == 128 and (c[...] == d[...]).all() and (c[200:210] == "
                 "d[200:210]).all()\n"
                 "with h5py.File('n.h5', 'w') as f: f.create_dataset('x', data=d[...], "
                 "chunks=(50,) + d.shape[1:], compression=310)\n"
                 "assert (h5py.File('n.h5', 'r')['x'][...] == d[...]).all()\n");
    const std::string command = "cd '" + (folder.path() / "work").string() +
                                "' && HDF5_PLUGIN_PATH=" NARROWS_BUILD_DIR
                                "/lib/narrows-hdf5 /usr/bin/python3 read.py";
    CHECK(std::system(command.c_str()) == 0);
    // A model that was left behind: an error, no wrong values; but it is found in another file.
    std::filesystem::copy_file(folder.path() / "work/c.h5", folder.path() / "work/m.h5");
    folder.write("lost.py",
                 "import h5py\n"
                 "with h5py.File('c.h5', 'a') as f:\n"
                 "    assert '.models' in f\n"
                 "    del f['.models']\n"
                 "try:\n"
                 "    h5py.File('c.h5', 'r')['samples'][...]\n"
                 "except OSError as e:\n"
                 "    raise SystemExit(0)\n"
                 "raise SystemExit(1)\n");
    const std::string lost = "cd '" + (folder.path() / "work").string() +
                             "' && HDF5_PLUGIN_PATH=" NARROWS_BUILD_DIR
                             "/lib/narrows-hdf5 /usr/bin/python3 lost.py";
    CHECK(std::system(lost.c_str()) == 0);
    folder.write("found.py",
                 "import h5py\n"
                 "c = h5py.File('c.h5', 'r')\n"
                 "assert '.models' not in c\n"
                 "assert (c['samples'][...] == h5py.File('d.h5', 'r')['samples'][...]).all()\n");
    const std::string found =
        "cd '" + (folder.path() / "work").string() +
        "' && NARROWS_MODEL_PATH=no_such_file:found.py:m.h5 HDF5_PLUGIN_PATH=" NARROWS_BUILD_DIR
        "/lib/narrows-hdf5 /usr/bin/python3 found.py";
    CHECK(std::system(found.c_str()) == 0);
}

TEST_CASE("what stands beside values comes back as it was, and what cannot is named", "[tools]") {
    if (!narrows::test::has_h5py()) return;
    Folder folder;
    folder.write(
        "make.py",
        "import h5py, numpy as np\n"
        "with h5py.File('s.h5', 'w') as f:\n"
        "    x = f.create_dataset('x', data=np.sin(np.arange(1600) * .01).reshape(200, 8), "
        "dtype='f4', fillvalue=-1)\n"
        "    x.attrs['range'] = np.array([1, 2], dtype='i2')\n"
        "    x.attrs['words'] = ['a', 'b\u00e9']\n"
        "    x.attrs['single'] = np.float32(1.5)\n"
        "    x.attrs['flag'] = True\n"
        "    x.attrs['none'] = h5py.Empty('f4')\n"
        "    f['t'] = np.arange(200) * .1\n"
        "    f['t'].make_scale('time')\n"
        "    x.dims[0].attach_scale(f['t'])\n"
        "    f['lat'] = np.arange(8) * .25\n"  // one axis, no scale
        "    f['same'] = x\n"
        "    f['soft'] = h5py.SoftLink('/g/y')\n"
        "    f['outside'] = h5py.ExternalLink('o.h5', '/q')\n"
        "    f.create_group('g').attrs['who'] = 'me'\n"
        "    f['g/y'] = np.array([True, False])\n"
        "    f['record'] = np.zeros(2, dtype=[('a', 'i4')])\n");
    folder.write("same.py",
                 "import h5py, numpy as np, sys\n"
                 "a, b = h5py.File('s.h5', 'r'), h5py.File(sys.argv[1], 'r')\n"
                 "x, y = a['x'], b['x']\n"
                 "assert set(x.attrs) == set(y.attrs)\n"
                 "for n in ('range', 'single', 'flag'):\n"
                 "    assert x.attrs[n].dtype == y.attrs[n].dtype and (x.attrs[n] == "
                 "y.attrs[n]).all(), n\n"
                 "assert list(y.attrs['words']) == ['a', 'b\u00e9']\n"
                 "assert y.attrs['none'] == h5py.Empty('f4') and y.fillvalue == -1\n"
                 "assert np.abs(x[...] - y[...]).max() <= 2.1e-3\n"
                 "assert y.dims[0][0].name == '/t' and h5py.h5ds.is_scale(b['t'].id)\n"
                 "assert (a['t'][...] == b['t'][...]).all() and (a['lat'][...] == "
                 "b['lat'][...]).all()\n"
                 "assert b['same'] == y and b.get('soft', getlink=True).path == '/g/y'\n"
                 "assert b['g'].attrs['who'] == 'me' and b['g/y'].dtype == bool\n"
                 "assert 'record' not in b and 'outside' not in b\n");
    const std::string python =
        "cd '" + (folder.path() / "work").string() + "' && /usr/bin/python3 ";
    REQUIRE(std::system((python + "make.py").c_str()) == 0);
    const Outcome packed = folder.narrows("compress s.h5 --rel 1e-3 -o c.h5");
    CHECK(packed.code == 0);
    CHECK(packed.err.find("not carried over: /record") != std::string::npos);
    CHECK(packed.err.find("not carried over: /outside") != std::string::npos);
    folder.must("decompress c.h5 -q -o d.h5");
    CHECK(std::system((python + "same.py d.h5").c_str()) == 0);
    CHECK(folder.narrows("repack s.h5 -o r.h5").err.find("/record") != std::string::npos);
    CHECK(std::system((python + "same.py r.h5").c_str()) == 0);
    CHECK(folder.narrows("verify c.h5 s.h5 -q").code == 0);
    // A dataset that is named comes with the scales of its axes.
    folder.must("compress s.h5:/x --rel 1e-3 -q -o n.h5");
    folder.write("named.py",
                 "import h5py\n"
                 "b = h5py.File('n.h5', 'r')\n"
                 "assert sorted(n for n in b if n[0] != '.') == ['t', 'x']\n"
                 "assert b['x'].dims[0][0].name == '/t' and b['x'].attrs['flag'] == True\n");
    CHECK(std::system((python + "named.py").c_str()) == 0);
    // What is missing is no success.
    folder.write("less.py", "import h5py\nwith h5py.File('c.h5', 'a') as f: del f['lat']\n");
    REQUIRE(std::system((python + "less.py").c_str()) == 0);
    CHECK(folder.narrows("verify c.h5 s.h5 -q").code == 4);
}

TEST_CASE("who gives every dataset its bound need not give one to coordinates", "[tools]") {
    if (!narrows::test::has_h5py()) return;
    Folder folder;
    folder.write("make.py",
                 "import h5py, numpy as np\n"
                 "with h5py.File('s.h5', 'w') as f:\n"
                 "    f['time'] = np.arange(200) * 0.1\n"
                 "    f['time'].make_scale('time')\n"
                 "    f['x'] = np.sin(np.arange(1600) * 0.01).reshape(200, 8).astype('f4')\n"
                 "    f['x'].dims[0].attach_scale(f['time'])\n");
    REQUIRE(
        std::system(("cd '" + (folder.path() / "work").string() + "' && /usr/bin/python3 make.py")
                        .c_str()) == 0);
    folder.must("compress s.h5 --per-variable x=rel:1e-3 -q -o c.h5");
    CHECK(folder.must("verify c.h5 s.h5 --json").json().at("violations") == 0);
    CHECK(folder.narrows("compress s.h5 --per-variable time=lossless -q -o e.h5").code == 2);
}
