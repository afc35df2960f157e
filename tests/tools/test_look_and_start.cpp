// nodes, plugins, info, check, new, import and bad data.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("nodes lists what the plugins bring, and one type whole", "[tools]") {
    Folder folder;
    const std::string list = folder.must("nodes").out;
    for (const char* type : {"load", "corrupt.gaussian", "encode", "decode", "loss.bce",
                             "optimize.adam", "store.checkpoint", "dense"})
        CHECK(contains(list, type));
    const std::string adam = folder.must("nodes optimize.adam").out;
    CHECK(contains(adam, "rate"));
    CHECK(contains(adam, "learning rate"));

    const auto json = folder.must("nodes encode --json").json();
    CHECK(json.at("types").at(0).at("inputs").at(0).at("name") == "x");

    const Outcome wrong = folder.narrows("nodes optimize.adm");
    CHECK(wrong.code == 2);
    CHECK(contains(wrong.err, "optimize.adam"));
}

TEST_CASE("plugins -v says what was found and where it was searched", "[tools]") {
    Folder folder;
    const std::string text = folder.must("plugins -v").out;
    CHECK(contains(text, "narrows_corrupt.so"));
    CHECK(contains(text, "searched"));
    CHECK(folder.must("plugins --json").json().at("plugins").size() >= 7);
}

TEST_CASE("a new pipeline passes check, and trains", "[tools]") {
    Folder folder;
    folder.must("new pipeline mine -q");
    folder.must("check mine.toml");
    CHECK(folder.names() == std::vector<std::string>{"mine.toml"});
    CHECK(contains(folder.must("graph mine.toml").out, "noisy"));
    const auto result = folder.must("run mine.toml --set run.epochs=1 --json -q").json();
    CHECK(result.at("epochs") == 1);
    CHECK(folder.has("mine.h5"));

    const Outcome again = folder.narrows("new pipeline mine");
    CHECK(again.code == 2);
}

TEST_CASE("graph draws the pipeline that a file stores, with its data here and without",
          "[tools]") {
    Folder folder;
    folder.must("generate digits -n 100 -o d.h5");
    folder.must("train d.h5 --model undercomplete --hidden 8 --epochs 1 -o m.h5");
    folder.must("encode d.h5 -m m.h5 -o z.h5");
    folder.must("score d.h5 -m m.h5 -o s.h5");
    folder.must("map d.h5 -m m.h5 --method pca -o map.h5");

    CHECK(contains(folder.must("graph d.h5").out, "-> out.x"));
    CHECK(contains(folder.must("graph m.h5").out, "x f32[100, 28, 28] -> code.x"));
    CHECK(contains(folder.must("graph z.h5").out, "z f32[100, 32] -> recon.z, out.z"));
    CHECK(contains(folder.must("graph s.h5 --format dot").out, "store.scores"));
    CHECK(contains(folder.must("graph map.h5").out, "view.map"));

    folder.must("import m.h5:/log/loss -o loss.h5");
    CHECK(folder.shell("rm d.h5").code == 0);
    CHECK(contains(folder.must("graph m.h5").out, "x f32[batch, ...] -> code.x"));
    CHECK(folder.narrows("graph loss.h5").code == 4);  // a copy stands for no pipeline
}

TEST_CASE("a new plugin has its node, build, test and page", "[tools]") {
    Folder folder;
    folder.must("new plugin wavelet -q");
    for (const char* name : {"wavelet.cpp", "CMakeLists.txt", "test.toml", "README.md"}) {
        CHECK(folder.has(std::string("wavelet/") + name));
        CHECK_FALSE(contains(folder.read(std::string("wavelet/") + name), "@NAME@"));
    }
}

TEST_CASE("import keeps values, labels and their order", "[tools]") {
    Folder folder;
    folder.write("a.csv", "x,y,label\n0.5,1,7\n2,3,8\n4,5,9\n");
    folder.must("import a.csv a.csv@1: -o a.h5 -q");
    const auto info = folder.must("info a.h5 --json").json();
    CHECK(info.at("format") == "narrows-dataset");
    bool samples = false, labels = false;
    for (const auto& dataset : info.at("datasets")) {
        if (dataset.at("path") == "/samples")
            samples = dataset.at("shape") == std::vector<int>{5, 2};
        if (dataset.at("path") == "/labels") labels = dataset.at("shape") == std::vector<int>{5};
    }
    CHECK(samples);
    CHECK(labels);
}

TEST_CASE("labels from another file must be as many as the samples", "[tools]") {
    Folder folder;
    folder.write("a.csv", "x,y\n0.5,1\n2,3\n4,5\n");
    folder.write("l.csv", "7\n8\n");
    const Outcome outcome = folder.narrows("import a.csv --labels l.csv -o a.h5");
    CHECK(outcome.code == 4);
    CHECK(contains(outcome.err, "2 labels"));
    CHECK_FALSE(folder.has("a.h5"));
}

TEST_CASE("rows with NaN are refused before training, by number", "[tools]") {
    Folder folder;
    std::string text = "a,b,c,d\n";
    for (int row = 0; row < 40; ++row)
        text += row == 17 ? "0.1,nan,0.2,0.3\n" : "0.1,0.4,0.2,0.3\n";
    folder.write("a.csv", text);
    const Outcome outcome = folder.narrows("train a.csv --model undercomplete --epochs 1 -o m.h5");
    CHECK(outcome.code == 4);
    CHECK(contains(outcome.err, "17"));
    CHECK(contains(outcome.err, "--on-bad-row"));
    CHECK_FALSE(folder.has("m.h5"));
    CHECK(
        folder.narrows("train a.csv --model undercomplete --epochs 1 --on-bad-row skip -q -o m.h5")
            .code == 0);
}

TEST_CASE("a damaged model is refused with exit code 4", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 300 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -o m.h5 -q");
    std::string bytes = folder.read("m.h5");
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    folder.write("bad.h5", bytes);
    folder.write("short.h5", bytes.substr(0, bytes.size() / 3));
    for (const char* model : {"bad.h5", "short.h5"}) {
        const Outcome outcome = folder.narrows(std::string("encode d.h5 -o z.h5 -m ") + model);
        CHECK(outcome.code == 4);
        CHECK(contains(outcome.err, model));
    }
    CHECK_FALSE(folder.has("z.h5"));
    CHECK(folder.must("info m.h5 --check").out.size() > 100);
}

TEST_CASE("NARROWS_THREADS, NARROWS_KERNEL and --kernel choose, and refuse what is not there",
          "[tools]") {
    Folder folder;
    CHECK(folder.narrows("generate digits -n 10 -o d.h5 --json", "NARROWS_THREADS=1")
              .json()
              .at("threads") == 1);
    CHECK(folder.narrows("generate digits -n 10 -o d.h5", "NARROWS_THREADS=many").code == 2);
    CHECK(
        folder.must("generate digits -n 10 -o d.h5 --kernel portable --json").json().at("kernel") ==
        "portable");
    CHECK(folder.narrows("generate digits -n 10 -o d.h5 --json", "NARROWS_KERNEL=portable")
              .json()
              .at("kernel") == "portable");
    CHECK(folder.narrows("generate digits -n 10 -o d.h5 --kernel portable", "NARROWS_KERNEL=sse")
              .code == 0);
    CHECK(folder.narrows("generate digits -n 10 -o d.h5", "NARROWS_KERNEL=sse").code == 2);
    const Outcome outcome = folder.narrows("generate digits -n 10 -o d.h5 --kernel sse");
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "portable"));
}
