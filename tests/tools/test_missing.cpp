// The command on data with holes, on corrupted data, and on data that is unlike the training data.
#include <cstdlib>
#include <iostream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

// Points on a line through space, plus `shift`; a hole in every fifth row where asked for.
std::string line_of_points(int rows, double shift, bool holes) {
    std::string text;
    unsigned state = 7;
    for (int r = 0; r < rows; ++r) {
        state = state * 1664525u + 1013904223u;
        const double t = static_cast<double>(state >> 8) / 16777216.0;
        for (int c = 0; c < 6; ++c)
            text += (holes && r % 5 == 2 && c == r % 6 ? std::string("nan")
                                                       : std::to_string(t * (c + 1) + shift)) +
                    (c < 5 ? "," : "\n");
    }
    return text;
}

}  // namespace

TEST_CASE("--on-bad-row mask trains, evaluates and encodes data with holes", "[tools]") {
    const Folder folder;
    folder.write("x.csv", line_of_points(400, 0, true));
    const Outcome stopped = folder.narrows("train x.csv --model linear --latent 1 -o m.h5");
    CHECK(stopped.code == 4);
    CHECK(stopped.err.find("mask leaves out the values") != std::string::npos);
    CHECK_FALSE(folder.has("m.h5"));

    const std::string train = "train x.csv --model linear --latent 1 --on-bad-row mask --json -o ";
    const auto one = folder.must(train + "m.h5 --threads 1").json();
    CHECK(folder.must(train + "n.h5 --threads 5").json()["model_sha256"] == one["model_sha256"]);
    // One number decides all six: a model that had learnt the filled-in means would miss it.
    const auto health = folder.must("evaluate x.csv -m m.h5 --on-bad-row mask --json").json();
    CHECK(health["sse"].get<double>() < 0.4);
    folder.must("encode x.csv -m m.h5 --on-bad-row mask -o z.h5");
    folder.must("reconstruct x.csv -m m.h5 --on-bad-row mask -o r.h5");
    CHECK(folder.narrows("import x.csv --on-bad-row mask -o i.h5").code == 2);
    CHECK(folder.narrows("train x.csv --model layerwise --on-bad-row mask -o l.h5").code == 2);
}

TEST_CASE("emphasis and a changing strength stand in the pipeline, and survive a restart",
          "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 1500 -o d.h5");
    const std::string train =
        "train d.h5 --model denoising --corruption masking:0.5:0.1 --emphasis 2,0.5 --epochs 30 "
        "-o ";
    const std::string text = folder.must(train + "m.h5 --print-pipeline").out;
    CHECK(text.find("rate_end = 0.1") != std::string::npos);
    CHECK(text.find("alpha = 2.0") != std::string::npos);
    CHECK(text.find("in.weight = \"noisy.weight\"") != std::string::npos);
    folder.must(train + "m.h5 -q");
    folder.narrows(train + "n.h5 -q", "timeout --preserve-status -s INT 0.5");
    folder.must(train + "n.h5 -q --resume --threads 3");
    CHECK(folder.read("m.h5") == folder.read("n.h5"));
    CHECK(
        folder
            .narrows("train d.h5 --model denoising --corruption gaussian:0.3 --emphasis 2 -o e.h5")
            .code == 2);
    CHECK(folder.narrows("train d.h5 --model deep --emphasis 2 -o e.h5").code == 2);
}

TEST_CASE("evaluate --corruption corrupts the input and keeps the clean target", "[tools]") {
    const Folder folder;
    folder.must("generate digits -n 600 -o d.h5");
    folder.must("train d.h5 --model undercomplete --epochs 10 -o m.h5 -q");
    const auto sse = [&](const std::string& more) {
        return folder.must("evaluate d.h5 -m m.h5 --json " + more).json()["sse"].get<double>();
    };
    CHECK(sse("--corruption gaussian:0") == sse(""));
    CHECK(sse("--corruption gaussian:0.5") > sse(""));
    CHECK(folder.narrows("evaluate d.h5 -m m.h5 --corruption gaussian:0.5:0.1").code == 2);
}

TEST_CASE("data that drifted is told with its features, data alike is not", "[tools]") {
    const Folder folder;
    folder.write("x.csv", line_of_points(400, 0, false));
    folder.write("y.csv", line_of_points(100, 0, false));
    folder.write("moved.csv", line_of_points(100, 0.9, false));
    folder.must("train x.csv --model linear --latent 1 --epochs 5 -o m.h5 -q");

    for (const std::string verb : {"evaluate y.csv -m m.h5", "encode y.csv -m m.h5 -o z.h5"})
        CHECK(folder.must(verb).err.find("unlike") == std::string::npos);
    for (const std::string verb : {"evaluate moved.csv -m m.h5", "encode moved.csv -m m.h5 -o z.h5",
                                   "reconstruct moved.csv -m m.h5 -o r.h5"}) {
        const std::string err = folder.must(verb).err;
        INFO(err);
        CHECK(err.find("unlike the training data") != std::string::npos);
        CHECK(err.find("feature 0 is") != std::string::npos);
        CHECK(err.find("furthest from the training mean of 100 rows") != std::string::npos);
    }
    for (const std::string verb :
         {"evaluate", "encode -o z2.h5", "score -o s.h5", "map -o map.svg"}) {
        const std::size_t blank = verb.find(' ');
        const std::string more = blank == std::string::npos ? "" : verb.substr(blank);
        const std::string words = verb.substr(0, blank) + " moved.csv -m m.h5 --on-drift ";
        const Outcome stopped = folder.narrows(words + "stop" + more);
        INFO(verb << ": " << stopped.err);
        CHECK(stopped.code == 4);
        CHECK(stopped.err.find("unlike the training data") != std::string::npos);
        CHECK(stopped.err.find(": row ") != std::string::npos);
    }
    CHECK_FALSE(folder.has("z2.h5"));
    CHECK(folder.narrows("encode y.csv -m m.h5 -o z2.h5 --on-drift stop").code == 0);
    folder.write("far.csv", line_of_points(100, 50, false));
    CHECK(folder.narrows("evaluate far.csv -m m.h5").code == 4);
}
