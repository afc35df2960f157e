// encode --int8 and --no-error from the command line, on generated digits.
#include "datasets/dataset.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

namespace {

void train(const Folder& folder, const std::string& preset = "undercomplete") {
    folder.must("generate digits -q -o digits.h5 -n 600");
    folder.must("train digits.h5 --model " + preset + " --latent 8 --epochs 2 -q -o m.h5");
}

bool has_dataset(const Folder& folder, const std::string& file, const std::string& path) {
    const auto info = folder.must("info " + file + " --json").json();
    for (const auto& dataset : info.at("datasets"))
        if (dataset.at("path") == path) return true;
    return false;
}

std::vector<float> codes(const Folder& folder, const std::string& file) {
    const auto spec = narrows::datasets::parse_data((folder.path() / "work" / file).string());
    const auto data = narrows::datasets::open({&spec, 1});
    std::vector<float> out(static_cast<std::size_t>(data->rows() * data->sample().elements()));
    data->read(0, data->rows(), out.data());
    return out;
}

}  // namespace

TEST_CASE(
    "encode --int8 tells its error, and gives the same file for any threads, kernel and batch",
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

    CHECK(eighth.at("sse").get<double>() == Approx(whole.at("sse").get<double>()).epsilon(0.02));
}

TEST_CASE("encode --no-error leaves the decoding out and changes no code", "[tools]") {
    Folder folder;
    train(folder);
    folder.must("encode digits.h5 -m m.h5 -o a.h5 -q");

    const auto results = folder.must("encode digits.h5 -m m.h5 -o b.h5 --no-error --json").json();

    CHECK_FALSE(results.contains("sse"));
    CHECK_FALSE(has_dataset(folder, "b.h5", "/sse"));
    CHECK(codes(folder, "a.h5") == codes(folder, "b.h5"));
}

TEST_CASE("codes of compressed data, decoded as it comes, are those of plain data", "[tools]") {
    Folder folder;
    train(folder);
    folder.must("generate digits -q -o plain.h5 -n 2000 --level 0");
    folder.must("generate digits -q -o packed.h5 -n 2000 --level 4");

    for (const std::string how : {" --int8", ""}) {
        folder.must("encode plain.h5 -m m.h5 -o a.h5 -q --no-error --threads 3" + how);
        folder.must("encode packed.h5 -m m.h5 -o b.h5 -q --no-error --threads 3 --batch 77" + how);
        CHECK(codes(folder, "a.h5") == codes(folder, "b.h5"));
        CHECK(codes(folder, "a.h5").size() == 2000 * 8);
    }
}

TEST_CASE("samples of floats are quantised by the range that calibration shows", "[tools]") {
    Folder folder;
    folder.must("generate waves -q -o waves.h5 -n 500");
    folder.must(
        "train waves.h5 --model undercomplete --latent 6 --scale standard --epochs 3 -q -o m.h5");

    const auto results =
        folder.must("encode waves.h5 -m m.h5 -o z.h5 --int8 --no-error --calibration 100 --json")
            .json();
    folder.must("encode waves.h5 -m m.h5 -o f.h5 --no-error -q");

    CHECK(results.at("calibration_samples") == 100);
    CHECK(results.at("code_relative_error").get<double>() < 0.05);
    const auto z = codes(folder, "z.h5"), f = codes(folder, "f.h5");
    double errors = 0, size = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
        errors += (double{z[i]} - f[i]) * (double{z[i]} - f[i]);
        size += double{f[i]} * f[i];
    }
    CHECK(errors < 0.05 * 0.05 * size);
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
