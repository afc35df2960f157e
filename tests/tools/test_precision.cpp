// train --precision bf16: how near it stays to fp32, and that its bits are as fixed as any.
#include <cstdlib>
#include <iostream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

double loss_of(const Folder& folder, const std::string& train) {
    return folder.must(train + " --json -q").json().at("loss").get<double>();
}

}  // namespace

TEST_CASE("moments in bf16 end within 2 % of the loss of fp32", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 2000 -o d.h5 -q");
    for (const std::string train :
         {"train d.h5 --model undercomplete --hidden 64 --epochs 8 --batch 32 -o m.h5",
          "train d.h5 --model convolutional --epochs 1 --batch 64 --optimizer adamw -o m.h5",
          "train d.h5 --model tied --hidden 64 --epochs 6 --batch 16 --set node.step.clip=5 -o "
          "m.h5"}) {
        const double fp32 = loss_of(folder, train);
        const double bf16 = loss_of(folder, train + " --precision bf16");
        INFO(train << ": fp32 " << fp32 << ", bf16 " << bf16);
        CHECK(std::abs(bf16 / fp32 - 1) < 0.02);
        CHECK(bf16 != fp32);
    }
}

TEST_CASE("moments in bf16 give the same bits for threads, kernels and the printed pipeline",
          "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 600 -o d.h5 -q");
    const std::string train =
        "train d.h5 --model deep --hidden 100,40 --epochs 2 --batch 50 --precision bf16 -o m.h5 ";
    const std::string text = folder.must(train + "--print-pipeline").out;
    CHECK(text.find("precision = \"bf16\"") != std::string::npos);
    folder.must(train + "-q --threads 1");
    const std::string whole = folder.read("m.h5");
    for (const std::string settings : {"--threads 2", "--threads 5", "--threads 8",
                                       "--kernel portable", "--kernel avx2", "--kernel avx512"}) {
        const Outcome run = folder.narrows(train + "-q " + settings);
        if (run.code == 2 && settings.starts_with("--kernel")) continue;  // not on this machine
        INFO(settings << run.err);
        REQUIRE(run.code == 0);
        CHECK(folder.read("m.h5") == whole);
    }
    folder.write("p.toml", text);
    folder.must("run p.toml -q");
    CHECK(folder.read("m.h5") == whole);

    // A pipeline without the key takes it from the option.
    folder.write("q.toml", folder
                               .must("train d.h5 --model deep --hidden 100,40 --epochs 2 "
                                     "--batch 50 -o m.h5 --print-pipeline")
                               .out);
    folder.must("train d.h5 --model q.toml --precision bf16 -o n.h5 -q");
    const auto hash = [&](const std::string& file) {
        return folder.must("info " + file + " --json").json().at("attributes").at("model_sha256");
    };
    CHECK(hash("n.h5") == hash("m.h5"));
}

TEST_CASE("moments in bf16 survive a stop, and another precision does not resume them", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 2000 -o d.h5 -q");
    const std::string plain = "train d.h5 --model undercomplete --epochs 30 -o m.h5 -q";
    const std::string train = plain + " --precision bf16";
    folder.must(train);
    const std::string whole = folder.read("m.h5");
    const Outcome finished = folder.narrows(plain + " --resume");
    CHECK(finished.code == 2);
    CHECK(finished.err.find("precision = \"bf16\"") != std::string::npos);
    std::filesystem::remove(folder.path() / "work" / "m.h5");

    const Outcome stopped = folder.narrows(train, "timeout --preserve-status -s INT 0.4");
    if (stopped.code == 130 && folder.has("m.ckpt")) {
        const Outcome other = folder.narrows(plain + " --resume");
        CHECK(other.code == 2);
        CHECK(other.err.find("belongs to another run") != std::string::npos);
        CHECK(other.err.find("precision = \"bf16\"") != std::string::npos);
    }
    folder.must(train + " --resume --threads 3");
    CHECK(folder.read("m.h5") == whole);
}

TEST_CASE("moments in bf16 are refused where there are none", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 200 -o d.h5 -q");
    const std::string train = "train d.h5 --model undercomplete -o m.h5 ";
    const Outcome sgd = folder.narrows(train + "--optimizer sgd --precision bf16");
    CHECK(sgd.code == 2);
    CHECK(sgd.err.find("sgd has none") != std::string::npos);
    CHECK(folder.narrows(train + "--precision fp16").code == 2);
    CHECK_FALSE(folder.has("m.h5"));
}

TEST_CASE("moments in bf16 end within 1 % of the loss of fp32 on MNIST", "[tools][real]") {
    const char* data = std::getenv("NARROWS_DATA");
    if (data == nullptr || *data == 0) {
        std::cout << "skipped: NARROWS_DATA is not set\n";
        return;
    }
    const Folder folder;
    const std::string train =
        "train '" + std::string(data) +
        "/mnist/train-images-idx3-ubyte.gz' --model undercomplete --epochs 4 -o m.h5";
    const double fp32 = loss_of(folder, train), bf16 = loss_of(folder, train + " --precision bf16");
    INFO("fp32 " << fp32 << ", bf16 " << bf16);
    CHECK(std::abs(bf16 / fp32 - 1) < 0.01);
}
