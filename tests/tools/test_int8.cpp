// encode --int8 and --no-error from the command line, on generated digits.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

namespace {

void train(const Folder& folder, const std::string& preset = "undercomplete") {
    folder.must("generate digits -q -o digits.h5 -n 600");
    folder.must("train digits.h5 --model " + preset + " --latent 8 --epochs 2 -q -o m.h5");
}

bool has_dataset(const Folder& folder, const std::string& file, const std::string& path) {
    for (const auto& dataset : folder.must("info " + file + " --json").json().at("datasets"))
        if (dataset.at("path") == path) return true;
    return false;
}

}  // namespace

TEST_CASE("encode --int8 tells its error, and gives the same file for any threads, kernel and batch",
          "[tools]") {
    Folder folder;
    train(folder);

    const auto results = folder.must("encode digits.h5 -m m.h5 -o z.h5 --int8 --json").json();
    const std::string first = folder.read("z.h5");

    CHECK(results.at("code_relative_error").get<double>() > 0);
    CHECK(results.at("code_relative_error").get<double>() < 0.05);
    CHECK(results.at("calibration_samples") == 600);
    const auto attributes = folder.must("info z.h5 --json").json().at("attributes");
    CHECK(attributes.at("code_relative_error") == results.at("code_relative_error"));
    CHECK(has_dataset(folder, "z.h5", "/sse"));

    folder.must("encode digits.h5 -m m.h5 -o z.h5 --int8 -q --threads 1 --kernel portable");
    CHECK(folder.read("z.h5") == first);
    folder.write("run.toml",
                 folder.must("encode digits.h5 -m m.h5 -o z.h5 --int8 --print-pipeline").out);
    folder.must("run run.toml -q --threads 3");
    CHECK(folder.read("z.h5") == first);
}

TEST_CASE("the decoder hardly sees the difference of 8-bit codes", "[tools]") {
    Folder folder;
    train(folder);

    const auto whole = folder.must("encode digits.h5 -m m.h5 -o w.h5 --json").json();
    const auto eighth = folder.must("encode digits.h5 -m m.h5 -o b.h5 --int8 --json").json();

    CHECK(eighth.at("sse").get<double>() ==
          Approx(whole.at("sse").get<double>()).epsilon(0.02));
}

TEST_CASE("encode --no-error leaves the decoding out and changes no code", "[tools]") {
    Folder folder;
    train(folder);
    folder.must("encode digits.h5 -m m.h5 -o a.h5 -q");

    const auto results = folder.must("encode digits.h5 -m m.h5 -o b.h5 --no-error --json").json();

    CHECK_FALSE(results.contains("sse"));
    CHECK_FALSE(has_dataset(folder, "b.h5", "/sse"));
    folder.must("import a.h5:/codes -q -o a2.h5");
    folder.must("import b.h5:/codes -q -o b2.h5");
    const auto a = folder.read("a2.h5"), b = folder.read("b2.h5");
    CHECK(a.size() == b.size());
}

TEST_CASE("encode --int8 refuses a convolutional encoder by the name of its layer", "[tools]") {
    Folder folder;
    train(folder, "convolutional");

    const auto outcome = folder.narrows("encode digits.h5 -m m.h5 -o z.h5 --int8");

    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("(conv)") != std::string::npos);
    CHECK_FALSE(folder.has("z.h5"));
    CHECK(folder.narrows("encode digits.h5 -m m.h5 -o z.h5 --calibration 9").code == 2);
}
