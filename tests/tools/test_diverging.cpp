// What the command says of pipelines whose shapes do not fit and of runs that diverge.
#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

std::string pipeline(const std::string& input, const std::string& rate) {
    return "schema = 1\n[run]\nmode = \"train\"\nepochs = 200\n"
           "[model.ae]\ninput = [" +
           input +
           "]\nencoder = [{ dense = 2 }]\ndecoder = \"mirror\"\n"
           "[node.data]\ntype = \"load\"\nfile = \"x.csv\"\n"
           "[node.enc]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n"
           "[node.dec]\ntype = \"decode\"\nmodel = \"ae\"\nin.z = \"enc.z\"\n"
           "[node.loss]\ntype = \"loss.mse\"\nin.prediction = \"dec.x\"\nin.target = \"data.x\"\n"
           "[node.rule]\ntype = \"optimize.sgd\"\nmodel = \"ae\"\nrate = " +
           rate + "\nin.loss = \"loss.value\"\n";
}

const char* const rows = "a,b,c,d\n1,2,3,4\n4,5,6,9\n1,2,3,5\n";

}  // namespace

TEST_CASE("a shape that does not fit is told with both ends and where they stand", "[tools]") {
    const Folder folder;
    folder.write("x.csv", rows);
    folder.write("p.toml", pipeline("3", "0.1"));
    for (const char* verb : {"check", "run"}) {
        const Outcome outcome = folder.narrows(std::string(verb) + " p.toml");
        CHECK(outcome.code == 2);
        CHECK(outcome.err ==
              "p.toml:12:1: error: node \"enc\": model \"ae\" takes samples of shape [3] (3 "
              "values), found [4] (4); x is data.x\n"
              "   12 | [node.enc]\n"
              "      | ^~~~~~~~~~\n"
              "      = data.x: p.toml:9:1\n"
              "      = model \"ae\": p.toml:5:1\n"
              "      = change `input`\n");
    }
}

TEST_CASE("a loss that is not finite is told with its step and layer", "[tools]") {
    const Folder folder;
    folder.write("x.csv", rows);
    folder.write("p.toml", pipeline("4", "1e6"));
    const Outcome outcome = folder.narrows("run p.toml");
    CHECK(outcome.code == 1);
    INFO(outcome.err);
    CHECK(outcome.err.find("the loss is infinite at step 2; node \"dec\": what decoder.0 (dense "
                           "4) gives is not finite") != std::string::npos);
}

TEST_CASE("a flipped bit in codes is found by info --check, in what narrows joins, too",
          "[tools][damage]") {
    const Folder folder;
    folder.must("generate digits -n 5000 -o d.h5");
    folder.must("train d.h5 --model linear --latent 4 --epochs 1 -o m.h5");
    for (const char* part : {"1/2", "2/2"})
        folder.must("encode d.h5 -m m.h5 -o z.d --part " + std::string(part));
    folder.must("join z.d -o copy.h5 --copy");
    folder.must("encode d.h5 -m m.h5 -o z.h5");
    folder.must("encode d.h5 -m m.h5 -o z.h5 --append");
    struct Case {
        std::string file, block;
        std::int64_t row;
    };
    for (const Case& one :
         {Case{"copy.h5", "0 to 4095", 4095}, Case{"copy.h5", "4096 to 4999", 4096},
          Case{"z.h5", "8192 to 9999", 9999}, Case{"z.d/part-00002.h5", "0 to 2499", 7}}) {
        INFO(one.file);
        const auto whole = folder.must("info --json --check " + one.file).json();
        const auto rows = one.file == "z.h5" ? 10000 : one.file == "copy.h5" ? 5000 : 2500;
        CHECK(whole["check"]["checksums"] == 3 * ((rows + 4095) / 4096));  // codes, ids, errors
        std::string code(16, '\0'), bytes = folder.read(one.file);
        narrows::storage::open_array(folder.path() / "work" / one.file, "/codes")
            ->read(one.row, 1, reinterpret_cast<std::byte*>(code.data()));
        const std::size_t at = bytes.rfind(code);  // the same rows twice: the last
        REQUIRE(at != std::string::npos);
        bytes[at + 5] = static_cast<char>(bytes[at + 5] ^ 1);
        folder.write("damaged.h5", bytes);
        const Outcome outcome = folder.narrows("info --check damaged.h5");
        CHECK(outcome.code == 4);
        const std::string told = "/codes, rows " + one.block + " fail their checksum";
        CHECK(outcome.out.find(told) != std::string::npos);
        // Nor are they used.
        const Outcome use =
            folder.narrows("train damaged.h5 --model linear --latent 2 --epochs 1 -o never.h5");
        CHECK(use.code == 4);
        CHECK(use.err.find(told) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(folder.path() / "work" / "never.h5"));
    }
}
