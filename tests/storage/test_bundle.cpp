#include <cstring>
#include <iostream>

#include "pipeline/storage/bundle.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;
using storage::Bundle;

namespace {

bool equal(const Bundle& a, const Bundle& b) {
    if (a.format != b.format || a.step != b.step || a.attributes != b.attributes) return false;
    if (a.arrays.size() != b.arrays.size()) return false;
    for (std::size_t i = 0; i < a.arrays.size(); ++i)
        if (a.arrays[i].path != b.arrays[i].path || a.arrays[i].type != b.arrays[i].type ||
            !(a.arrays[i].shape == b.arrays[i].shape) || a.arrays[i].bytes != b.arrays[i].bytes)
            return false;
    return true;
}

}  // namespace

TEST_CASE("a bundle comes back as it was written", "[bundle]") {
    const Folder folder;
    const Bundle bundle = sample_bundle(12);

    storage::write_bundle(folder / "m.h5", bundle);
    const Bundle back = storage::read_bundle(folder / "m.h5", "narrows-checkpoint");

    CHECK(equal(bundle, back));
    REQUIRE(back.find("/model/encoder.0/bias") != nullptr);
    CHECK(back.find("/model/encoder.0/bias")->as<float>()[2] == 3.0f);
    CHECK(back.find("/nothing") == nullptr);
    REQUIRE(back.attribute("best_loss") != nullptr);
    CHECK(std::get<double>(*back.attribute("best_loss")) == 0.125);
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("many attributes and deep groups come back in order", "[bundle]") {
    const Folder folder;
    Bundle bundle;
    bundle.format = "narrows-model";
    for (int i = 0; i < 40; ++i)
        bundle.attributes.emplace_back("z" + std::to_string(40 - i), std::int64_t{i});
    bundle.attributes.emplace_back("long", std::string(50000, 'x'));
    for (int i = 0; i < 40; ++i)
        bundle.arrays.push_back(
            storage::Array::of<float>("/model/layer" + std::to_string(99 - i) + "/deep/weight",
                                      Shape{2}, std::vector<float>{static_cast<float>(i), 0}));

    storage::write_bundle(folder / "m.h5", bundle);

    CHECK(equal(bundle, storage::read_bundle(folder / "m.h5", "narrows-model")));
}

TEST_CASE("the same content gives the same bytes", "[bundle]") {
    const Folder folder;

    storage::write_bundle(folder / "a.h5", sample_bundle(12));
    storage::write_bundle(folder / "b.h5", sample_bundle(12));
    storage::write_bundle(folder / "b.h5", sample_bundle(12));
    storage::write_bundle(folder / "c.h5", sample_bundle(13));

    CHECK(bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5"));
    CHECK(bytes_of(folder / "a.h5") != bytes_of(folder / "c.h5"));
    const std::vector<std::byte> bytes = bytes_of(folder / "a.h5");
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    CHECK(text.find(folder.path().string()) == std::string::npos);
}

TEST_CASE("h5py reads a bundle", "[bundle][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    storage::write_bundle(folder / "m.h5", sample_bundle(12));

    const std::string found = python(folder / "m.h5", R"(
f = h5py.File(path)
w = f['/model/encoder.0/weight']
assert w.shape == (1000, 4) and w.dtype == '<f4' and w.chunks is None
assert np.array_equal(w[()].ravel(), np.arange(4000, dtype='f4') * 0.5 + 12)
assert f['/log/loss'][()].tolist() == [0.5, 0.25]
assert f['/count'][()] == -7 and f['/none'].shape == (0, 5)
assert f['/config'][()].tobytes().decode().startswith('[model.m]')
assert f.attrs['epoch'] == 3 and f.attrs['best_loss'] == 0.125
assert f.attrs['format_version'] == 1
assert len(w.attrs['xxh3_64']) == 16
print(f.attrs['format'].decode(), f.attrs['name'].decode(), f.userblock_size,
      f.attrs['created_by'].decode())
)");

    CHECK(found == "narrows-checkpoint Übung 512 narrows " + std::string(version));
}

TEST_CASE("every flipped byte of a model is noticed before HDF5 sees it", "[bundle][damage]") {
    const Folder folder;
    storage::write_bundle(folder / "m.h5", sample_bundle(12));
    const std::vector<std::byte> good = bytes_of(folder / "m.h5");

    std::size_t tried = 0, refused = 0, named = 0;
    for (std::size_t at = 0; at < good.size(); at += at < 512 ? 1 : 97) {
        std::vector<std::byte> bad = good;
        bad[at] ^= std::byte{0x10};
        put_bytes(folder / "bad.h5", bad);
        const std::string error =
            error_of([&] { (void)storage::read_bundle(folder / "bad.h5", "narrows-checkpoint"); });
        ++tried;
        refused += error.starts_with("4|");
        named += error.find(at < 512 ? "header" : "contents (bytes 512-") != std::string::npos;
    }

    CHECK(tried > 600);
    CHECK(refused == tried);
    CHECK(named == tried);
}

TEST_CASE("a truncated, extended, foreign or missing model is refused with the reason",
          "[bundle][damage]") {
    const Folder folder;
    storage::write_bundle(folder / "m.h5", sample_bundle(12));
    const std::vector<std::byte> good = bytes_of(folder / "m.h5");
    const auto read = [&](const std::string& name) {
        return error_of([&] { (void)storage::read_bundle(folder / name, "narrows-checkpoint"); });
    };

    for (std::size_t size = 0; size < good.size(); size += 61) {
        put_bytes(folder / "cut.h5", {good.begin(), good.begin() + static_cast<long>(size)});
        const std::string error = read("cut.h5");
        CHECK(error.starts_with("4|"));
        CHECK(error.find("truncated") != std::string::npos);
    }
    std::vector<std::byte> longer = good;
    longer.push_back(std::byte{1});
    put_bytes(folder / "long.h5", longer);
    put_bytes(folder / "text.h5", std::vector<std::byte>(2000, std::byte{'a'}));

    CHECK(read("long.h5").find("1 bytes stand behind its end") != std::string::npos);
    CHECK(read("text.h5").find("no narrows model or checkpoint") != std::string::npos);
    CHECK(read("none.h5").find("no such file") != std::string::npos);
    CHECK(error_of([&] { (void)storage::read_bundle(folder / "m.h5", "narrows-model"); }) ==
          "4|\"" + (folder / "m.h5").string() +
              "\" is a narrows-checkpoint, expected a narrows-model");
}

TEST_CASE("a bundle of a newer format is refused by its version", "[bundle]") {
    const Folder folder;
    Bundle bundle = sample_bundle(1);
    bundle.attributes.emplace_back("format_version", std::int64_t{7});

    storage::write_bundle(folder / "m.h5", bundle);

    const std::string error =
        error_of([&] { (void)storage::read_bundle(folder / "m.h5", "narrows-checkpoint"); });
    CHECK(error.find("of version 7; narrows") != std::string::npos);
}

TEST_CASE("a disk that fills up leaves the old model and a clear error", "[bundle][full]") {
    const Folder folder;
    storage::write_bundle(folder / "m.h5", sample_bundle(1, 100000));
    const std::vector<std::byte> old = bytes_of(folder / "m.h5");

    for (int part = 0; part < 20; ++part) {
        const std::uint64_t limit = old.size() * static_cast<std::uint64_t>(part) / 20;
        const int code = with_file_limit(
            limit, [&] { storage::write_bundle(folder / "m.h5", sample_bundle(2, 100000)); });
        CHECK(code == 1);
        CHECK(bytes_of(folder / "m.h5") == old);
        CHECK(entries(folder.path()) == 1);
    }
}

TEST_CASE("checkpoints are numbered, pruned, and the newest whole one is found", "[checkpoints]") {
    const Folder folder;
    const storage::Checkpoints checkpoints{folder / "m.ckpt"};
    CHECK(!checkpoints.latest());

    for (std::uint64_t step = 100; step <= 500; step += 100)
        checkpoints.save(sample_bundle(step), 200);

    CHECK(checkpoints.latest()->step == 500);
    CHECK(checkpoints.at(200)->step == 200);
    CHECK(checkpoints.at(400)->step == 400);
    CHECK(!checkpoints.at(300));
    CHECK(entries(folder / "m.ckpt") == 3);

    std::vector<std::byte> bad = bytes_of(folder / "m.ckpt" / "ckpt-0000000500.h5");
    bad[bad.size() / 2] ^= std::byte{1};
    put_bytes(folder / "m.ckpt" / "ckpt-0000000500.h5", bad);
    CHECK(checkpoints.latest()->step == 400);

    checkpoints.remove_all();
    CHECK(entries(folder.path()) == 0);
}

TEST_CASE("damaged checkpoints do not look like none, and other files are left alone",
          "[checkpoints][damage]") {
    const Folder folder;
    const storage::Checkpoints checkpoints{folder / "m.ckpt"};
    for (const std::uint64_t step : {1, 2, 3}) checkpoints.save(sample_bundle(step));
    for (const std::string name : {"ckpt-7.h5", "ckpt-x.h5", "notes.txt"})
        put_bytes(folder / "m.ckpt" / name, std::vector<std::byte>(9, std::byte{'a'}));
    CHECK(checkpoints.latest()->step == 3);
    CHECK(entries(folder / "m.ckpt") == 5);

    for (const std::string name : {"ckpt-0000000002.h5", "ckpt-0000000003.h5"})
        put_bytes(folder / "m.ckpt" / name, std::vector<std::byte>(9, std::byte{'a'}));
    CHECK(error_of([&] { (void)checkpoints.latest(); }).find("ckpt-0000000003.h5") !=
          std::string::npos);

    checkpoints.remove_all();
    CHECK(entries(folder / "m.ckpt") == 3);
    checkpoints.remove_all();
    CHECK(!checkpoints.latest());
    checkpoints.save(sample_bundle(9), 9);
    CHECK(checkpoints.latest()->step == 9);
}

TEST_CASE("helper: saves checkpoints until it is killed", "[.helper]") {
    const storage::Checkpoints checkpoints{helper_path()};
    REQUIRE(!checkpoints.folder.empty());
    for (std::uint64_t step = 1;; ++step) checkpoints.save(sample_bundle(step, 40000));
}

TEST_CASE("killed at any moment, the latest checkpoint is whole", "[checkpoints][kill]") {
    const Folder folder;
    const storage::Checkpoints checkpoints{folder / "m.ckpt"};
    std::uint64_t found = 0;

    for (unsigned trial = 0; trial < 20; ++trial) {
        const int process =
            start_helper("helper: saves checkpoints until it is killed", checkpoints.folder);
        kill_after(process, 10000 + trial * 1709);
        if (const std::optional<Bundle> latest = checkpoints.latest()) {
            ++found;
            CHECK(equal(*latest, sample_bundle(latest->step, 40000)));
        }
        std::error_code none_yet;
        for (const auto& entry : std::filesystem::directory_iterator(checkpoints.folder, none_yet))
            if (entry.path().filename().string().starts_with("ckpt-"))
                CHECK(error_of([&] {
                          (void)storage::read_bundle(entry.path(), "narrows-checkpoint");
                      }) == "none");
    }

    CHECK(found >= 10);
    checkpoints.save(sample_bundle(1u << 30));
    for (const auto& entry : std::filesystem::directory_iterator(checkpoints.folder))
        CHECK(entry.path().filename().string().starts_with("ckpt-"));  // leftovers are gone
}
