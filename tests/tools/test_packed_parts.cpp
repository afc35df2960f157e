// compress --part: packed rows in parts, joined again to the bytes of one run.
#include <cmath>
#include <map>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;
namespace storage = narrows::storage;

namespace {

// Values of every dataset that is no model and no list of parts, by path.
std::map<std::string, std::vector<std::byte>> values_of(const Folder& folder,
                                                        const std::string& name) {
    std::map<std::string, std::vector<std::byte>> out;
    const storage::ArrayFile file(folder.path() / "work" / name);
    for (const storage::ArrayInfo& array : file.look().arrays) {
        if (array.path.starts_with("/shards/") || array.path.starts_with("/.models/")) continue;
        const auto reader = file.open(array.path);
        std::vector<std::byte>& bytes = out[array.path];
        bytes.resize(static_cast<std::size_t>(array.shape.elements()) * array.value_bytes);
        reader->read(0, array.shape.rank() == 0 ? 1 : array.shape[0], bytes.data());
    }
    return out;
}

// Correlated channels; the largest and the least value are in the first and the last rows.
std::string channels(int rows) {
    std::string text;
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < 12; ++c) {
            const double value = r == 0 ? 40 : r == rows - 1 ? -40 : std::sin(r * 0.02 + c * 0.3);
            text += std::to_string(value + 0.01 * ((r * 7919 + c * 104729) % 97) / 97) +
                    (c < 11 ? "," : "\n");
        }
    return text;
}

void in_parts(const Folder& folder, const std::string& words, int parts) {
    for (const int part : {3, 1, 4, 2})
        if (part <= parts)
            folder.must("compress " + words + " -q -o c.d --part " + std::to_string(part) + "/" +
                        std::to_string(parts));
}

void check_joined(const Folder& folder, const std::string& data, const std::string& words) {
    folder.must("compress " + data + words + " -q -o whole.h5");
    in_parts(folder, data + words, 4);
    folder.must("join c.d -o links.h5");
    folder.must("join c.d -o copy.h5 --copy");
    const auto whole = values_of(folder, "whole.h5");
    for (const std::string name : {"links.h5", "copy.h5"}) {
        INFO(name);
        CHECK(values_of(folder, name) == whole);
        CHECK(folder.must("verify " + name + " " + data + " --json").json()["violations"] == 0);
        folder.must("info " + name + " --check");
        folder.must("decompress " + name + " -q -o plain.h5");
        folder.must("decompress whole.h5 -q -o wanted.h5");
        CHECK(values_of(folder, "plain.h5") == values_of(folder, "wanted.h5"));
    }
    const auto size = [&](const char* name) { return folder.read(name).size(); };
    CHECK(size("copy.h5") <= size("whole.h5") + 4096);
    for (const char* part : {"1", "2", "3", "4"}) {
        const std::string file = std::string("c.d/part-0000") + part + ".h5";
        INFO(file);
        const auto verified = folder.must("verify " + file + " " + data + " --json").json();
        CHECK(verified["violations"] == 0);
        CHECK(verified["problems"] == 0);
        folder.must("decompress " + file + " -q -o rows.h5");
        for (const auto& [name, value] : storage::look(folder.path() / "work/rows.h5").attributes)
            CHECK(name.find("part") == std::string::npos);
    }
}

}  // namespace

TEST_CASE("four packed parts joined are one run, whose range lies in other parts",
          "[tools][parts][codec]") {
    Folder folder;
    folder.write("w.csv", channels(1100));
    folder.must("import w.csv -q -o w.h5");
    check_joined(folder, "w.h5", " --rel 1e-4 --chunk-rows 128 --budget 2");
    // Taken models give what fitted ones do.
    std::filesystem::remove_all(folder.path() / "work/c.d");
    std::filesystem::copy_file(folder.path() / "work/whole.h5", folder.path() / "work/fitted.h5");
    check_joined(folder, "w.h5", " --rel 1e-4 --chunk-rows 128 -m fitted.h5 --embed");
}

TEST_CASE("packed parts carry labels, scales and attributes, and damage is refused",
          "[tools][parts][codec]") {
    Folder folder;
    folder.must("generate digits -n 700 -o d.h5");
    const std::string words = " --abs 4 --chunk-rows 100 --budget 1";
    check_joined(folder, "d.h5", words);
    CHECK(values_of(folder, "whole.h5").contains("/labels"));

    folder.must("compress d.h5 -q -o e.d --abs 5 --chunk-rows 100 --budget 1 --part 2/4");
    const std::string rest = "c.d/part-00001.h5 c.d/part-00003.h5 c.d/part-00004.h5";
    folder.refuses("join " + rest + " -o x.h5", 4, "of 4 parts these are missing: 2");
    folder.refuses("join " + rest + " e.d -o x.h5", 4, "another shape, type, bound or model");
    folder.refuses("join c.d c.d/part-00002.h5 -o x.h5", 4, "is there twice");
    folder.refuses("compress d.h5" + words + " -o f.d --part 1/8", 2, "too few for 8 parts");
    folder.must("train d.h5 --model linear --latent 4 --epochs 1 -q -o m.h5");
    folder.must("encode d.h5 -m m.h5 -q -o z.d --part 1/2");
    folder.refuses("compress z.d/part-00001.h5 --abs 1 -o f.d --part 1/1", 2, "are a part already");
    std::string bytes = folder.read("c.d/part-00003.h5");
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 8);
    folder.write("c.d/part-00003.h5", bytes);
    const Outcome checked = folder.narrows("info links.h5 --check");
    CHECK(checked.code == 4);
    CHECK(checked.out.find("part-00003.h5\" was changed after") != std::string::npos);
    std::filesystem::remove(folder.path() / "work/c.d/part-00003.h5");
    folder.refuses("decompress links.h5 -o x.h5", 4, "is missing");
    CHECK_FALSE(folder.has("x.h5"));
}

TEST_CASE("chunks of joined parts are those of one run, and h5py reads through the links",
          "[tools][parts][codec][h5py]") {
    if (!narrows::test::has_h5py()) return;
    Folder folder;
    folder.write("make.py",
                 "import h5py, numpy as np\n"
                 "rng = np.random.default_rng(1)\n"
                 "t = np.arange(600)[:, None]\n"
                 "with h5py.File('d.h5', 'w') as f:\n"
                 "    f.attrs['title'] = 'two variables'\n"
                 "    for k, name in enumerate(('g/u', 'v')):\n"
                 "        f[name] = (np.sin(t * .03 + np.arange(20) * .2 + k) + 1e-3 * "
                 "rng.standard_normal((600, 20))).astype('f4')\n"
                 "        f[name].attrs['units'] = 'm'\n"
                 "    f['time'] = np.arange(600.)\n"
                 "    f['time'].make_scale('time')\n"
                 "    f['v'].dims[0].attach_scale(f['time'])\n"
                 "    f['names'] = np.array([b'row %d' % i for i in range(600)])\n"
                 "    f['level'] = np.float64(850)\n"
                 "    f['other'] = np.arange(30.).reshape(5, 6).astype('f4')\n");
    const std::string run = "HDF5_PLUGIN_PATH=" NARROWS_BUILD_DIR "/lib/narrows-hdf5 ";
    REQUIRE(folder.shell("/usr/bin/python3 make.py").code == 0);
    check_joined(folder, "d.h5", " --abs 0.01 --chunk-rows 64 --budget 1");
    folder.write("read.py",
                 "import h5py, numpy as np\n"
                 "w, c, l = (h5py.File(n, 'r') for n in ('whole.h5', 'copy.h5', 'links.h5'))\n"
                 "for name in ('g/u', 'v', 'other', 'time'):\n"
                 "    assert c[name].chunks == w[name].chunks\n"
                 "    for i in range(0, len(w[name]), w[name].chunks[0]):\n"
                 "        at = (i,) + (0,) * (w[name].ndim - 1)\n"
                 "        assert c[name].id.read_direct_chunk(at) == "
                 "w[name].id.read_direct_chunk(at)\n"
                 "    assert (l[name][...] == w[name][...]).all()\n"
                 "    assert dict(l[name].attrs).keys() == dict(w[name].attrs).keys()\n"
                 "for f in (c, l):\n"
                 "    assert f.attrs['title'] == 'two variables' and 'part' not in f.attrs\n"
                 "    assert f['v'].attrs['units'] == 'm' and f['v'].dims[0][0] == f['time']\n"
                 "    assert f['names'][599] == b'row 599' and f['level'][()] == 850\n"
                 "assert l['v'].is_virtual and 'narrows_part_rows' not in l.attrs\n");
    const Outcome read = folder.shell(run + "/usr/bin/python3 read.py");
    INFO(read.err);
    CHECK(read.code == 0);
}

TEST_CASE("the array job of compress makes parts that join", "[tools][parts]") {
    Folder folder;
    folder.must("generate waves -n 900 -o w.h5");
    for (const char* task : {"2", "1"})
        CHECK(folder
                  .shell(std::string("SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=") + task +
                         " bash '" NARROWS_SOURCE_DIR
                         "/tools/slurm/compress.sbatch' w.h5 c.d 2 --rel 1e-3 --chunk-rows 90 "
                         "--budget 1")
                  .code == 0);
    folder.must("join c.d -o c.h5");
    CHECK(folder.must("verify c.h5 w.h5 --json").json()["violations"] == 0);
}

TEST_CASE("the wave heights of Rhode Island in parts", "[tools][parts][real]") {
    const auto data = narrows::test::real_data("wave heights in packed parts");
    if (!data) return;
    Folder folder;
    check_joined(folder, "'" + *data + "/science/ri_wave_2010.h5:/significant_wave_height'",
                 " --rel 1e-3 --chunk-rows 400 --budget 2");
}
