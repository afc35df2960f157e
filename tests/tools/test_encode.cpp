// What encode stores beside codes, and as what.
#include <cmath>
#include <cstring>
#include <sstream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

std::vector<float> values(const Folder& folder, const std::string& file, const std::string& path) {
    const auto array = narrows::storage::open_array(folder.path() / "work" / file, path);
    std::vector<float> out(static_cast<std::size_t>(array->info().shape.elements()));
    array->read(0, array->info().shape[0], reinterpret_cast<std::byte*>(out.data()));
    return out;
}

}  // namespace

TEST_CASE("codes of another model of the same shape are not decoded", "[tools][encode]") {
    Folder folder;
    folder.must("generate digits -n 50 -o d.h5");
    const std::string train = "train d.h5 --model undercomplete --latent 3 --hidden 8 --epochs 1 ";
    folder.must(train + "-o a.h5");
    folder.must(train + "--seed 2 -o b.h5");
    folder.must("encode d.h5 -m a.h5 -o z.h5");
    const auto hash = [&](const std::string& model) {
        const auto info = folder.must("info " + model + " --json").json();
        return info.at("attributes").at("model_sha256").get<std::string>().substr(0, 12);
    };

    folder.refuses("decode z.h5 -m b.h5 -o x.h5", 4,
                   "the codes in \"z.h5\" are of model " + hash("a.h5") +
                       "..., \"b.h5\" is model " + hash("b.h5") + "...");
    CHECK_FALSE(folder.has("x.h5"));
    folder.must("decode z.h5 -m a.h5 -o x.h5");

    folder.must("import z.h5:/codes -o plain.h5");  // says nothing of a model
    folder.must("decode plain.h5 -m b.h5 -o x.h5");
}

TEST_CASE("codes as CSV and NPY are those of the HDF5 file, bit for bit", "[tools][encode]") {
    Folder folder;
    folder.must("generate digits -n 70 -o d.h5");
    folder.must("train d.h5 --model undercomplete --latent 3 --hidden 8 --epochs 1 -o m.h5");
    const std::string encode = "encode d.h5@5:65 -m m.h5 --batch 16 -o ";
    folder.must(encode + "z.h5");
    folder.must(encode + "z.csv");
    folder.must(encode + "z.npy");
    const std::vector<float> codes = values(folder, "z.h5", "/codes"),
                             sse = values(folder, "z.h5", "/sse");
    REQUIRE(codes.size() == 180);

    std::istringstream text(folder.read("z.csv"));
    std::string line;
    std::getline(text, line);
    CHECK(line == "id,z0,z1,z2,sse");
    for (std::size_t row = 0; row < 60; ++row) {
        REQUIRE(std::getline(text, line));
        std::istringstream cells(line);
        std::string cell;
        std::getline(cells, cell, ',');
        CHECK(cell == std::to_string(row + 5));
        for (std::size_t i = 0; i < 4; ++i) {
            std::getline(cells, cell, ',');
            CHECK(std::stof(cell) == (i < 3 ? codes[row * 3 + i] : sse[row]));
        }
    }
    CHECK_FALSE(std::getline(text, line));

    const std::string npy = folder.read("z.npy");
    REQUIRE(npy.size() == 128 + 180 * 4);
    CHECK(npy.substr(1, 5) == "NUMPY");
    CHECK(npy.find("'shape': (60, 3,)") != std::string::npos);
    CHECK(std::memcmp(npy.data() + 128, codes.data(), 180 * 4) == 0);
    folder.must("import z.npy -o back.h5");
    CHECK(values(folder, "back.h5", "/samples") == codes);
    CHECK(folder.narrows(encode + "z.npy --live").code == 2);
}

TEST_CASE("a variational code has log-variances and draws that follow them", "[tools][encode]") {
    Folder folder;
    folder.must("generate digits -n 200 -o d.h5");
    folder.must("train d.h5 --model variational --latent 2 --hidden 16 --epochs 1 -o m.h5");
    folder.must("encode d.h5 -m m.h5 -o z.h5 --log-variance --draws 200");
    const std::vector<float> mean = values(folder, "z.h5", "/codes"),
                             variance = values(folder, "z.h5", "/log_variance"),
                             draws = values(folder, "z.h5", "/draws");
    REQUIRE(draws.size() == 200 * 200 * 2);
    double sum = 0, square = 0;
    for (std::size_t row = 0; row < 200; ++row)
        for (std::size_t k = 0; k < 200; ++k)
            for (std::size_t i = 0; i < 2; ++i) {
                const std::size_t at = row * 2 + i;
                const double e = (double{draws[(row * 200 + k) * 2 + i]} - double{mean[at]}) /
                                 std::exp(0.5 * double{variance[at]});
                sum += e;
                square += e * e;
            }
    const auto count = static_cast<double>(draws.size());  // standard normal numbers
    CHECK(std::abs(sum / count) < 5 / std::sqrt(count));
    CHECK(std::abs(square / count - 1) < 5 * std::sqrt(2 / count));

    folder.must("encode d.h5 -m m.h5 -o y.h5 --draws 200 --threads 1 --batch 7 --kernel portable");
    CHECK(values(folder, "y.h5", "/draws") == draws);
    folder.must("encode d.h5 -m m.h5 -o z.csv --log-variance");
    CHECK(folder.read("z.csv").starts_with("id,z0,z1,v0,v1,sse\n"));
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o w.csv --draws 2").code == 2);
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o w.h5 --draws 0 --layer encoder.9").code == 2);
    CHECK_FALSE(folder.has("w.csv"));
}

TEST_CASE("any layer's output can be stored, and what is not there is refused", "[tools][encode]") {
    Folder folder;
    folder.must("generate digits -n 40 -o d.h5");
    folder.must("train d.h5 --model undercomplete --latent 3 --hidden 8 --epochs 1 -o m.h5");
    folder.must("encode d.h5 -m m.h5 -o inner.h5 --layer encoder.0");
    const std::vector<float> inner = values(folder, "inner.h5", "/codes");
    CHECK(inner.size() == 40 * 8);
    for (const float value : inner) CHECK(value >= 0);  // relu
    folder.must("encode d.h5 -m m.h5 -o z.h5");
    folder.must("encode d.h5 -m m.h5 -o code.h5 --layer code");
    CHECK(values(folder, "code.h5", "/codes") == values(folder, "z.h5", "/codes"));
    CHECK(values(folder, "code.h5", "/sse") == values(folder, "z.h5", "/sse"));
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o w.h5 --log-variance").code == 2);
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o w.h5 --layer encoder.0 --int8").code == 2);
    CHECK_FALSE(folder.has("w.h5"));
}

TEST_CASE("encode --append puts rows behind those of the same model, and mixes no models",
          "[tools]") {
    const Folder folder;
    folder.must("generate blobs -n 300 -o d.h5");
    folder.must("train d.h5 --model undercomplete --latent 3 --epochs 2 -o m.h5 -q");
    folder.must("train d.h5 --model undercomplete --latent 3 --epochs 2 --seed 2 -o other.h5 -q");
    folder.must("encode d.h5 -m m.h5 -o whole.h5 -q");
    folder.must("encode d.h5@0:120 -m m.h5 -o z.h5 --append -q");  // nothing there yet: a new file
    folder.must("encode d.h5@120:121 -m m.h5 -o z.h5 --append -q");
    folder.must("encode d.h5@121: -m m.h5 -o z.h5 --append -q");

    CHECK(folder.must("info z.h5").out.find("[300, 3]") != std::string::npos);
    // Codes, ids and errors are those of one run.
    for (const std::string name : {"codes", "ids", "sse"}) {
        const auto raw = [&](const std::string& file) {
            const std::string command = "cd '" + (folder.path() / "work").string() +
                                        "' && h5dump -d /" + name + " " + file +
                                        " | tail -n +2 >dump.txt 2>/dev/null";
            return std::system(command.c_str()) == 0 ? folder.read("dump.txt") : std::string();
        };
        REQUIRE_FALSE(raw("z.h5").empty());
        CHECK(raw("z.h5") == raw("whole.h5"));
    }
    const std::string before = folder.read("z.h5");
    const Outcome mixed = folder.narrows("encode d.h5@0:10 -m other.h5 -o z.h5 --append");
    CHECK(mixed.code == 2);
    CHECK(mixed.err.find("of another model") != std::string::npos);
    const Outcome without = folder.narrows("encode d.h5@0:10 -m m.h5 -o z.h5 --append --no-error");
    CHECK(without.code == 2);
    CHECK(without.err.find("/sse") != std::string::npos);
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o d.h5 --append").code == 2);
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o z.csv --append").code == 2);
    CHECK(folder.narrows("encode d.h5 -m m.h5 -o z.h5 --append --resume").code == 2);
    CHECK(folder.read("z.h5") == before);
}

TEST_CASE("encode --append copies rows of any width in little memory", "[tools][append]") {
    Folder folder;
    folder.must("generate digits -n 12 -o d.h5");
    folder.must("train d.h5 --model variational --latent 16 --hidden 8 --epochs 1 -o m.h5 -q");
    // 65536 draws of 16 values are 4 MiB a row: 4096 rows of them would be 16 GiB.
    const std::string encode =
        "encode d.h5@0:2 -m m.h5 -o z.h5 --append --draws 65536 --batch 1 -q";
    folder.must(encode);
    const Outcome again = folder.shell("ulimit -v 12000000; narrows " + encode);
    INFO(again.err);
    CHECK(again.code == 0);
    CHECK(narrows::storage::open_array(folder.path() / "work/z.h5", "/draws")->info().shape[0] ==
          4);
}
