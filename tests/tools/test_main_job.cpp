// The main job from the command line on generated digits: train, encode, decode, evaluate, and what
// the command promises about each.

#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

const char* const work_keys[] = {"samples", "seconds", "samples_per_second", "peak_resident_bytes",
                                 "threads", "kernel"};

void check_keys(const nlohmann::json& results, std::initializer_list<const char*> keys) {
    for (const char* key : work_keys) CHECK(results.contains(key));
    for (const char* key : keys) {
        INFO(key);
        CHECK(results.contains(key));
    }
}

void digits(const Folder& folder, const char* samples = "600") {
    folder.must(std::string("generate digits -q -o digits.h5 -n ") + samples);
}

}  // namespace

TEST_CASE("train, encode, decode, reconstruct and evaluate give files and the promised keys",
          "[tools]") {
    Folder folder;
    check_keys(folder.must("generate digits -n 600 -o digits.h5 --json").json(), {});

    const auto trained = folder
                             .must(
                                 "train digits.h5 --model undercomplete --latent 8 --epochs 3 "
                                 "--validate 0.2 -o m.h5 --json")
                             .json();
    check_keys(trained,
               {"epochs", "steps", "loss", "validation_loss", "parameters", "model_sha256"});
    CHECK(trained.at("epochs") == 3);
    CHECK(trained.at("parameters") ==
          784 * 256 + 256 + 256 * 8 + 8 + 8 * 256 + 256 + 256 * 784 + 784);
    CHECK(trained.at("model_sha256").get<std::string>().size() == 64);
    CHECK_FALSE(folder.has("m.ckpt"));

    check_keys(folder.must("encode digits.h5 -m m.h5 -o z.h5 --json").json(), {"sse"});
    check_keys(folder.must("decode z.h5 -m m.h5 -o back.h5 --json").json(), {});
    check_keys(folder.must("reconstruct digits.h5@0:100 -m m.h5 -o some.h5 --json").json(),
               {"sse"});
    const auto evaluated = folder.must("evaluate digits.h5 -m m.h5 --json").json();
    check_keys(evaluated, {"sse", "mse", "bce", "active_units", "dead_units"});
    CHECK(evaluated.at("samples") == 600);
    CHECK(evaluated.at("sse").get<double>() == Approx(784 * evaluated.at("mse").get<double>()));
    CHECK(evaluated.at("active_units").get<double>() + evaluated.at("dead_units").get<double>() <=
          8);

    const auto codes = folder.must("info z.h5 --json").json();
    CHECK(codes.at("format") == "narrows-codes");
    std::vector<std::string> paths;
    for (const auto& dataset : codes.at("datasets")) paths.push_back(dataset.at("path"));
    for (const char* path : {"/codes", "/ids", "/sse"})
        CHECK(std::find(paths.begin(), paths.end(), path) != paths.end());

    const auto names = folder.names();  // and nothing else: no temporary, no checkpoint
    CHECK(names == std::vector<std::string>{"back.h5", "digits.h5", "m.h5", "some.h5", "z.h5"});
}

TEST_CASE("what --print-pipeline shows gives the same model, whatever the threads and kernel",
          "[tools]") {
    Folder folder;
    digits(folder);
    const std::string train =
        "train digits.h5 --model denoising --latent 8 --epochs 2 --seed 5 -q -o m.h5 ";
    folder.must(train + "--threads 2");
    const std::string first = folder.read("m.h5");

    folder.must(train + "--threads 1 --kernel portable");
    CHECK(folder.read("m.h5") == first);

    const std::string text = folder.must(train + "--print-pipeline").out;
    CHECK(text.find("corrupt.gaussian") != std::string::npos);
    folder.write("train.toml", text);
    folder.must("run train.toml -q --threads 3");
    CHECK(folder.read("m.h5") == first);

    folder.must("train digits.h5 --model denoising --latent 8 --epochs 2 --seed 6 -q -o m.h5");
    CHECK(folder.read("m.h5") != first);
}

TEST_CASE("--dry-run checks everything and writes nothing", "[tools]") {
    Folder folder;
    digits(folder);
    const Outcome outcome = folder.must("train digits.h5 --model deep -o m.h5 --dry-run");
    CHECK(outcome.err.find("memory bound") != std::string::npos);
    CHECK(folder.names() == std::vector<std::string>{"digits.h5"});
}

TEST_CASE("a failed run leaves the earlier output as it was", "[tools]") {
    Folder folder;
    digits(folder);
    folder.write("m.h5", "precious");
    const Outcome outcome =
        folder.narrows("train digits.h5 --model deep --set node.step.rate=-1 -o m.h5");
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("rate") != std::string::npos);
    CHECK(folder.read("m.h5") == "precious");
}

TEST_CASE("--set reaches any key, and a misspelt one is named with a suggestion", "[tools]") {
    Folder folder;
    digits(folder);
    const std::string text =
        folder
            .must("train digits.h5 --model deep -o m.h5 --set node.step.rate=0.5 --print-pipeline")
            .out;
    CHECK(text.find("rate = 0.5") != std::string::npos);
    const Outcome wrong =
        folder.narrows("train digits.h5 --model deep -o m.h5 --set node.step.rat=0.5");
    CHECK(wrong.code == 2);
    CHECK(wrong.err.find("rate") != std::string::npos);
    CHECK_FALSE(folder.has("m.h5"));
}

TEST_CASE("a model file in place of a preset is trained with the loss that its output asks for",
          "[tools]") {
    Folder folder;
    digits(folder);
    folder.write("model.toml",
                 "[model.mine]\nencoder = [{ dense = 32, act = \"relu\" }]\n"
                 "decoder = [{ dense = 784, act = \"sigmoid\" }]\n");
    const std::string text =
        folder.must("train digits.h5 --model model.toml -o m.h5 --print-pipeline").out;
    CHECK(text.find("loss.bce") != std::string::npos);
    CHECK(text.find("[model.mine]") != std::string::npos);
    folder.must("train digits.h5 --model model.toml --epochs 1 -o m.h5 -q");
    CHECK(folder.has("m.h5"));
}

TEST_CASE("--stats holds node times and the settings that change no result", "[tools]") {
    Folder folder;
    digits(folder);
    folder.must("train digits.h5 --model linear --latent 4 --epochs 1 -o m.h5 -q");
    folder.must("evaluate digits.h5 -m m.h5 --stats s.json --threads 2");
    const auto stats = nlohmann::json::parse(folder.read("s.json"));
    CHECK(stats.at("settings").at("threads") == 2);
    CHECK(stats.at("nodes").size() >= 4);

    const std::string pipeline = folder.must("evaluate digits.h5 -m m.h5 --print-pipeline").out;
    folder.write("e.toml", pipeline);
    const std::string drawing = folder.must("graph e.toml --stats s.json").out;
    CHECK(drawing.find("waiting") != std::string::npos);
    CHECK(drawing.find("784") != std::string::npos);
    CHECK(folder.must("graph e.toml --format dot").out.starts_with("digraph"));
}

TEST_CASE("Ctrl-C and SIGTERM stop a run cleanly, and --resume ends with the same bits",
          "[tools]") {
    Folder folder;
    digits(folder, "3000");
    const std::string train = "train digits.h5 --model deep --epochs 40 -o m.h5 -q";
    folder.must(train);
    const std::string whole = folder.read("m.h5");
    std::filesystem::remove(folder.path() / "work" / "m.h5");

    for (const auto& [signal, code] : {std::pair{"INT", 130}, std::pair{"TERM", 143}}) {
        const Outcome stopped = folder.narrows(
            train + " --resume", std::string("timeout --preserve-status -s ") + signal + " 0.7");
        if (stopped.code == 0) break;  // a machine that trains faster than the clock
        CHECK(stopped.code == code);
        CHECK_FALSE(folder.has("m.h5"));
    }
    folder.must(train + " --resume");
    CHECK(folder.read("m.h5") == whole);
    CHECK(folder.names() == std::vector<std::string>{"digits.h5", "m.h5"});
}

TEST_CASE("linear reaches the PCA subspace of MNIST", "[tools][real]") {
    const auto data = narrows::test::real_data("the PCA subspace of MNIST");
    if (!data) return;
    Folder folder;
    const std::string mnist = *data + "/mnist/";
    folder.must("train '" + mnist + "train-images-idx3-ubyte.gz' --model linear -o m.h5 -q");
    const auto test =
        folder.must("evaluate '" + mnist + "t10k-images-idx3-ubyte.gz' -m m.h5 --json").json();
    CHECK(test.at("sse").get<double>() <= 13.26);
    CHECK(test.at("sse").get<double>() >= 13.19);  // PCA itself: nothing linear is below
}
