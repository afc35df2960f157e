// narrows map: data, pictures and pages, the same bytes for any thread count and kernel, and out of
// the text that --print-pipeline shows.
#include <cmath>

#include "datasets/dataset.hpp"
#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using namespace narrows;
using narrows::test::Folder;
using narrows::test::Outcome;

TEST_CASE("maps are the same bytes again and again", "[tools]") {
    Folder folder;
    folder.must("generate blobs -n 1100 -q -o blobs.h5");  // above the exact ones
    folder.must("generate digits -n 300 -q -o digits.h5");
    folder.must("train digits.h5 --model linear --latent 4 --epochs 1 -q -o m.h5");
    for (const std::string words :
         {"map blobs.h5 --iterations 40 -o a.h5",
          "map digits.h5@:60 -m m.h5 --iterations 30 -o a.html",
          "map blobs.h5@:60 --method pca -o a.svg", "map blobs.h5@:60 --method pca -o a.png"}) {
        INFO(words);
        const std::string name = words.substr(words.rfind(' ') + 1);
        folder.must(words + " -q --threads 2");
        const std::string first = folder.read(name);
        folder.must(words + " -q --threads 1 --kernel portable");
        CHECK(folder.read(name) == first);
        folder.write("a.toml", folder.must(words + " --print-pipeline").out);
        folder.must("run a.toml -q --threads 3");
        CHECK(folder.read(name) == first);
    }
}

TEST_CASE("a map keeps neighbours, ids and labels", "[tools]") {
    Folder folder;
    folder.must("generate blobs -n 200 -q -o blobs.h5");
    const auto found = folder.must("map blobs.h5@20: -o map.h5 --iterations 300 --json").json();
    CHECK(found.at("method") == "tsne");
    CHECK(found.at("samples") == 180);
    CHECK(found.at("neighbours") == 12);
    CHECK(found.at("trustworthiness") > 0.9);
    CHECK(found.at("continuity") > 0.9);
    const auto flat = folder.must("map blobs.h5 -o pca.h5 --method pca --json").json();
    CHECK(flat.at("method") == "pca");
    CHECK(flat.at("trustworthiness") < 1);

    const std::string path = (folder.path() / "work" / "map.h5").string();
    CHECK(storage::look(path).format == "narrows-map");
    const datasets::DataSpec spec = datasets::parse_data(path);
    const auto map = datasets::open({&spec, 1});
    CHECK(map->rows() == 180);
    CHECK(map->sample() == Shape{2});
    CHECK(map->ids().size() == 180);
    const datasets::DataSpec from =
        datasets::parse_data((folder.path() / "work" / "blobs.h5").string() + "@20:");
    CHECK(map->labels() == datasets::open({&from, 1})->labels());
    std::vector<float> places(360);
    map->read(0, 180, places.data());
    for (const float place : places) REQUIRE(std::isfinite(place));

    const Outcome few = folder.must("map blobs.h5@:31 -o few.h5 --iterations 10");
    CHECK(few.err.find("perplexity 30 is for more than 31 samples: 10 was used") !=
          std::string::npos);
}

TEST_CASE("a page needs nothing but itself and shows every sample", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 40 -q -o digits.h5");
    folder.must("map digits.h5 -q -o map.html --iterations 10");
    const std::string page = folder.read("map.html");
    CHECK(page.starts_with("<!DOCTYPE html>"));
    CHECK(page.find("default-src 'none'") != std::string::npos);
    for (const char* outside : {"http://", "https://", "src=", "href=", "@import", "url("})
        CHECK(page.find(outside) == std::string::npos);
    CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
    // One sheet: 32 pictures of 28 pixels in a row, two rows.
    CHECK(page.find("\"perSheet\":1024,\"columns\":32,\"width\":28,\"height\":28") !=
          std::string::npos);
    const std::size_t start = page.find("data:image/png;base64,iVBORw0KGgo");
    CHECK(start != std::string::npos);
    CHECK(page.find("data:image", start + 1) == std::string::npos);

    // Tables are drawn as curves, blocks without a picture show their number and label alone.
    folder.write("t.csv", "a,b,label\n1,2,<b>\n2,3,x\n3,1,x\n5,5,<b>\n4,4,x\n");
    folder.must("map t.csv -q -o t.html --method pca");
    const std::string table = folder.read("t.html");
    CHECK(table.find("\"curves\":true") != std::string::npos);
    CHECK(table.find("<b>&lt;b&gt;</b>") != std::string::npos);
    CHECK(table.find("\"labels\":[\"\\u003cb\\u003e\",\"x\"]") != std::string::npos);
}

TEST_CASE("ten thousand images keep their neighbours", "[tools]") {
    const auto data = test::real_data("the map of MNIST");
    if (!data) return;
    Folder folder;
    const std::string mnist = *data + "/mnist/t10k-";
    const auto found = folder
                           .must("map " + mnist + "images-idx3-ubyte.gz --labels " + mnist +
                                 "labels-idx1-ubyte.gz -o map.h5 --json")
                           .json();
    CHECK(found.at("samples") == 10000);
    CHECK(found.at("trustworthiness") >= 0.97);  // scikit-learn 1.2.1 on the same: see the README
}
