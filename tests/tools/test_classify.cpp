// Pre-training: an encoder from a model file under a supervised head; stages and frozen layers.
#include "datasets/dataset.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

namespace {

void prepare(const Folder& folder) {
    folder.must("generate digits -n 2000 -o d.h5");
    folder.must("generate digits -n 500 --seed 2 -o t.h5");
    folder.must("train d.h5 --model deep --hidden 128 --latent 24 --epochs 6 -o m.h5 -q");
}

std::vector<float> values(const Folder& folder, const std::string& name) {
    const narrows::datasets::DataSpec spec =
        narrows::datasets::parse_data((folder.path() / "work" / name).string());
    const auto data = narrows::datasets::open({&spec, 1});
    std::vector<float> out(static_cast<std::size_t>(data->rows() * data->sample().elements()));
    data->read(0, data->rows(), out.data());
    return out;
}

double accuracy(const Folder& folder, const std::string& model) {
    return folder.must("classify predict t.h5 -m " + model + " --json")
        .json()["accuracy"]
        .get<double>();
}

}  // namespace

TEST_CASE("a head on a frozen encoder classifies, and leaves the encoder's bits alone", "[tools]") {
    const Folder folder;
    prepare(folder);
    const std::string train = "classify train d.h5 -m m.h5 --labels-per-class 20 ";
    const auto frozen = folder.must(train + "--freeze encoder -o f.h5 --json").json();
    CHECK(frozen["stage_loss"].size() == 1);
    CHECK(accuracy(folder, "f.h5") > 0.4);  // chance is 0.1
    folder.must("encode t.h5 -m m.h5 -o zm.h5");
    // The classifier's encoder gives the codes of the autoencoder's.
    folder.write("codes.toml",
                 "schema = 1\n[run]\nmode = \"stream\"\n[model.c]\nfile = "
                 "\"f.h5\"\n[node.data]\ntype = \"load\"\n"
                 "file = \"t.h5\"\n[node.code]\ntype = \"encode\"\nmodel = \"c\"\nin.x = "
                 "\"data.x\"\n[node.out]\n"
                 "type = \"store.samples\"\nin.x = \"code.z\"\nfile = \"zf.h5\"\n");
    folder.must("run codes.toml");
    CHECK(values(folder, "zm.h5:/codes") == values(folder, "zf.h5"));

    const auto tuned = folder.must(train + "-o c.h5 --json").json();
    CHECK(tuned["stage_loss"].size() == 2);
    CHECK(accuracy(folder, "c.h5") > 0.5);
    const auto health = folder.must("classify predict t.h5 -m c.h5 -o p.csv --json").json();
    CHECK(health["confusion"].size() == 100);
    double rows = 0;
    for (const auto& count : health["confusion"]) rows += count.get<double>();
    CHECK(rows == 500);
    CHECK(folder.read("p.csv").starts_with("id,label,confidence\n0,"));
}

TEST_CASE("threads, kernels, stopping and resuming change no bit of a run with stages", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 1500 -o d.h5");
    folder.must("train d.h5 --model undercomplete --epochs 2 -o m.h5 -q");
    const std::string train =
        GENERATE("classify train d.h5 -m m.h5 --labels-per-class 30 --head-epochs 30 --epochs 60 ",
                 "train d.h5 --model layerwise --epochs 12 --corruption masking:0.25 ");
    folder.must(train + "--threads 1 -o a.h5 -q");
    for (const char* other :
         {"--threads 2", "--threads 5", "--threads 8", "--threads 2 --kernel avx2"}) {
        const auto outcome = folder.narrows(train + other + std::string(" -o b.h5 -q"));
        if (outcome.code == 2) continue;  // a kernel that this machine has not
        REQUIRE(outcome.code == 0);
        CHECK(folder.read("a.h5") == folder.read("b.h5"));
    }
    for (int stops = 0; stops < 6; ++stops) {
        const auto stopped =
            folder.narrows(train + "-o r.h5 -q --resume", "timeout --preserve-status -s INT 0.4");
        if (stopped.code == 0) break;
        CHECK(stopped.code == 130);
    }
    folder.must(train + "-o r.h5 -q --resume");
    CHECK(folder.read("r.h5") == folder.read("a.h5"));
    CHECK_FALSE(folder.has("r.ckpt"));
}

TEST_CASE("labels may be names, and what does not fit is refused", "[tools]") {
    const Folder folder;
    std::string text = "a,b,c,d,class\n";
    for (int i = 0; i < 60; ++i)
        text += std::to_string(i % 2 ? 0.9 : 0.1) + "," + std::to_string(0.01 * (i % 7)) + ",0.3," +
                std::to_string(i % 2 ? 0.2 : 0.8) + (i % 2 ? ",cat\n" : ",dog\n");
    folder.write("d.csv", text);
    folder.must("train d.csv --model linear --latent 2 --epochs 20 -o m.h5 -q");
    folder.must("classify train d.csv -m m.h5 -o c.h5 -q");
    CHECK(folder.must("classify predict d.csv -m c.h5 --json").json()["accuracy"] == 1.0);
    CHECK(folder.must("info c.h5").out.find("cat") != std::string::npos);

    folder.refuses("classify train d.csv -m m.h5 --freeze 7 -o x.h5", 2,
                   "\"7\" is no layer of the encoder");
    folder.refuses("classify train d.csv -m m.h5 --labels-per-class 100 -o x.h5", 4,
                   "there are only 30 of label");
    folder.refuses("classify predict d.csv -m m.h5", 4, "is no classifier");
    folder.refuses("classify train d.csv:-x -m none.h5 -o x.h5", 4, "no such file");
    folder.refuses("classify", 2, "classify train");
    CHECK_FALSE(folder.has("x.h5"));
}
