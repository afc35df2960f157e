// Every preset on small data: it trains, encodes, evaluates, and gives the same bits for any
// threads and kernel.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

TEST_CASE("every preset gives the same bits for any threads and kernel", "[tools]") {
    const std::string preset = GENERATE(
        "linear", "undercomplete", "deep", "denoising", "overcomplete", "tied", "sparse",
        "variational", "convolutional", "convolutional --tied", "layerwise", "layerwise --tied",
        "sparse --sparsity k:5", "undercomplete --sparsity l1:0.01", "deep --tied");
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
    if (preset == "variational") {
        CHECK(health["negative_elbo"].get<double>() ==
              Approx(health["bce"].get<double>() + health["kl"].get<double>()).epsilon(1e-6));
        CHECK(health["kl_per_dimension"].size() == 20);
        folder.must("sample -m a.h5 -n 10 -o s1.h5 --threads 1");
        folder.must("sample -m a.h5 -n 10 -o s2.h5 --threads 5");
        CHECK(folder.read("s1.h5") == folder.read("s2.h5"));
    }
}
