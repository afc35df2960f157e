// Every preset on small data: it trains, encodes, evaluates, and gives the same bits for any
// threads and kernel.

#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

TEST_CASE("every preset gives the same bits for any threads and kernel", "[tools]") {
    const std::string preset =
        GENERATE("linear", "undercomplete", "deep", "denoising", "overcomplete", "tied", "sparse",
                 "variational", "convolutional", "convolutional --tied", "layerwise",
                 "layerwise --tied", "sparse --sparsity k:5", "undercomplete --sparsity l1:0.01",
                 "deep --tied", "contractive", "contractive --hidden 64", "vector-quantised",
                 "vector-quantised --codebook 40:8 --loss mse", "convolutional --codebook 32",
                 "vector-quantised --tied");
    INFO(preset);
    const Folder folder;
    folder.must("generate digits -n 300 -o d.h5");
    const std::string train = "train d.h5 --model " + preset + " --epochs 2 --json -o ";
    const auto first = folder.must(train + "a.h5 --threads 1").json();
    CHECK(first["loss"].get<double>() > 0);
    for (const char* other :
         {"--threads 2", "--threads 5", "--threads 8", "--threads 2 --kernel avx2"}) {
        const auto outcome = folder.narrows(train + "b.h5 " + other);
        if (outcome.code == 2) continue;  // a kernel that this machine has not
        REQUIRE(outcome.code == 0);
        CHECK(outcome.json()["model_sha256"] == first["model_sha256"]);
    }
    CHECK(folder.read("a.h5") == folder.read("b.h5"));
    folder.must("encode d.h5 -m a.h5 -o z1.h5 --threads 1");
    folder.must("encode d.h5 -m a.h5 -o z2.h5 --threads 5");
    CHECK(folder.read("z1.h5") == folder.read("z2.h5"));
    const auto health = folder.must("evaluate d.h5 -m a.h5 --json").json();
    CHECK(health["sse"].get<double>() > 0);
    if (preset.find("codebook") != std::string::npos || preset.starts_with("vector")) {
        CHECK(health["perplexity"].get<double>() > 1);
        CHECK(health["used_entries"].get<double>() > 1);
        CHECK(health["codebook_entries"].get<double>() >= health["used_entries"].get<double>());
    }
    if (preset == "variational") {
        CHECK(health["negative_elbo"].get<double>() ==
              Approx(health["bce"].get<double>() + health["kl"].get<double>()).epsilon(1e-6));
        CHECK(health["kl_per_dimension"].size() == 20);
        folder.must("sample -m a.h5 -n 10 -o s1.h5 --threads 1");
        folder.must("sample -m a.h5 -n 10 -o s2.h5 --threads 5");
        CHECK(folder.read("s1.h5") == folder.read("s2.h5"));
    }
}

TEST_CASE("training that goes on from a checkpoint ends with the same bits", "[tools]") {
    const std::string preset =
        GENERATE("contractive", "contractive --hidden 64", "vector-quantised --codebook 64");
    INFO(preset);
    const Folder folder;
    folder.must("generate digits -n 1500 -o d.h5");
    const std::string train = "train d.h5 --model " + preset + " --epochs 20 -q -o m.h5 --resume";
    folder.must(train);
    const std::string whole = folder.read("m.h5");
    std::filesystem::remove(folder.path() / "work" / "m.h5");
    for (int i = 0; i < 2; ++i) {
        const auto stopped = folder.narrows(train, "timeout --preserve-status -s TERM 0.6");
        if (stopped.code == 0) break;  // a machine that trains faster than the clock
        CHECK(stopped.code == 143);
        CHECK_FALSE(folder.has("m.h5"));
    }
    folder.must(train);
    CHECK(folder.read("m.h5") == whole);
}

TEST_CASE("codes of a quantised model carry their entries, and decode alike", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 300 -o d.h5");
    folder.must("train d.h5 --model vector-quantised --codebook 16:8 --epochs 2 -q -o m.h5");
    folder.must("encode d.h5 -m m.h5 -o z.h5 -q");
    bool found = false;
    const auto datasets = folder.must("info z.h5 --json").json()["datasets"];
    for (const auto& one : datasets)
        found = found || (one["path"] == "/indices" && one["type"] == "i32" &&
                          one["shape"] == std::vector<int>{300, 4});
    CHECK(found);
    CHECK(folder.must("info m.h5 --check").out.find("vector_quantise 16 of 8") !=
          std::string::npos);
    folder.must("decode z.h5 -m m.h5 -o a.h5 -q");
    folder.must("reconstruct d.h5 -m m.h5 -o b.h5 -q");
    const auto refused = folder.narrows("evaluate d.h5 -m m.h5 --jacobian");
    CHECK(refused.code == 2);
    CHECK(refused.err.find("it has no Jacobian") != std::string::npos);
}

TEST_CASE("on MNIST contraction lowers the Jacobian, and a codebook is used up", "[tools][real]") {
    const auto data = narrows::test::real_data("contraction and codebook on MNIST");
    if (!data) return;
    const Folder folder;
    const std::string mnist = *data + "/mnist/";
    const std::string train =
        "train '" + mnist + "train-images-idx3-ubyte.gz@:12000' --epochs 4 -q -o m.h5 --model ";
    const std::string evaluate =
        "evaluate '" + mnist + "t10k-images-idx3-ubyte.gz@:2000' -m m.h5 --json";
    const auto norm = [&](const std::string& weight) {
        folder.must(train + "contractive --contraction " + weight);
        return folder.must(evaluate + " --jacobian").json()["jacobian_norm_estimate"].get<double>();
    };
    CHECK(norm("1") < 0.65 * norm("0"));
    folder.must(train + "vector-quantised --codebook 128");
    const auto result = folder.must(evaluate).json();
    CHECK(result["sse"].get<double>() < 28);  // the mean image: 52.7
    CHECK(result["perplexity"].get<double>() > 100);
    CHECK(result["used_entries"].get<double>() > 120);
    CHECK(result["code_bits"].get<double>() == 56);
}
