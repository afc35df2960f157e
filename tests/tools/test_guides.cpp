// The guides, on little data; what they show on real data where NARROWS_DATA has it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <sys/wait.h>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;

namespace {

// Runs a guide in the folder; what it prints.
std::string guide(const Folder& folder, const std::string& before, const std::string& words,
                  int code = 0) {
    const std::string command = "cd '" + (folder.path() / "work").string() + "' && NARROWS='" +
                                NARROWS_BUILD_DIR "/bin/narrows' " + before +
                                " '" NARROWS_SOURCE_DIR "/tools/guides/" + words +
                                " >guide.txt 2>&1 </dev/null";
    const int status = std::system(command.c_str());
    INFO(folder.read("guide.txt"));
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == code);
    return folder.read("guide.txt");
}

// Made-up positions in which the places of pieces depend on each other: two set-ups of each side,
// and a few pawns that have moved.
std::string made_up_positions() {
    const char* black[] = {"r1bq1rk1/", "r2qk2r/"};
    const char* white[] = {"/R1BQ1RK1", "/2KR3R"};
    std::string out;
    for (int i = 0; i < 400; ++i) {
        const int a = i % 2, b = i / 2 % 2, c = i / 4 % 4, d = i / 16 % 4, e = i / 64;
        const auto pawns = [](int gap, char pawn) {
            std::string rank;
            for (int file = 0; file < 8; ++file) {
                if (file == gap)
                    rank += '1';
                else
                    rank += pawn;
            }
            return rank;
        };
        const char* middle[] = {"2n5/8/3P4/8/", "8/3p4/8/2N5/", "5n2/4p3/8/5N2/", "8/8/8/3N4/"};
        out += std::string(black[a]) + pawns(a == 0 ? c : 7 - c, 'p') + "/" +
               middle[static_cast<std::size_t>(d)] + pawns((b == 0 ? 7 - c : c) ^ (e & 1), 'P') +
               white[b] + " w - -\n";
    }
    return out;
}

}  // namespace

TEST_CASE("the chess guide learns made-up positions and not their shuffles", "[tools]") {
    Folder folder;
    folder.write("made.epd", made_up_positions());
    const std::string before = "EPOCHS=200 HIDDEN=64 LATENT=12";
    const std::string text = guide(folder, before, "chess_memory.sh' made.epd out");
    for (const char* word : {"400 positions, every tenth is held out", "mean board",
                             "after 1 epoch", "after 200 epochs", "that has grown by"})
        CHECK(text.find(word) != std::string::npos);
    const auto found = nlohmann::json::parse(folder.read("out/model-1.json"));
    CHECK(found.at("natural") > 0.9);
    CHECK(found.at("natural") > found.at("mean_natural"));
    CHECK(found.at("natural").get<double>() - found.at("shuffled").get<double>() > 0.5);
    // It says so when the margins are missed.
    guide(folder, "CHECK=1 EPOCHS=1 HIDDEN=8 LATENT=2", "chess_memory.sh' made.epd out", 1);
}

TEST_CASE("masters' positions are remembered, mirrored ones less, shuffled ones hardly",
          "[tools]") {
    const char* data = std::getenv("NARROWS_DATA");
    if (data == nullptr ||
        !std::filesystem::exists(std::string(data) + "/chess/masters_ply40.epd.gz")) {
        WARN("NARROWS_DATA has no chess folder: the chess experiment was skipped");
        return;
    }
    Folder folder;
    guide(folder, "CHECK=1",
          "chess_memory.sh' '" + std::string(data) + "/chess/masters_ply40.epd.gz'");
}

TEST_CASE("h5py and NumPy read codes, and write what narrows takes", "[tools]") {
    Folder folder;
    if (folder.shell("/usr/bin/python3 -c 'import h5py, numpy'").code != 0) {
        WARN("python3-h5py is not installed: the Python example was skipped");
        return;
    }
    folder.must("generate digits -n 300 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 5 --epochs 1 -o m.h5 -q");
    const auto encoded = folder.must("encode d.h5 -m m.h5 -o z.h5 --json").json();
    const std::string said = guide(folder, "/usr/bin/python3", "hdf5_from_python.py' read z.h5");
    CHECK(said.find("codes     300 of 5 values") != std::string::npos);
    const std::size_t at = said.find("sse       ");
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(said.substr(at + 10)) == Approx(encoded.at("sse").get<double>()).epsilon(1e-4));
    guide(folder, "/usr/bin/python3", "hdf5_from_python.py' read d.h5", 1);

    guide(folder, "/usr/bin/python3", "hdf5_from_python.py' write circles.h5");
    folder.must("info circles.h5 --check");
    folder.must("train circles.h5 --model linear --latent 1 --epochs 2 -o c.h5 -q");
}

TEST_CASE("hdf5r reads codes, and writes what narrows takes", "[tools]") {
    Folder folder;
    if (folder.shell("Rscript -e 'library(hdf5r)'").code != 0) {
        WARN("R with hdf5r is not installed: the R example was skipped");
        return;
    }
    folder.must("generate digits -n 300 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 5 --epochs 1 -o m.h5 -q");
    folder.must("encode d.h5 -m m.h5 -o z.h5 -q");
    const std::string said = guide(folder, "Rscript", "hdf5_from_r.R' read z.h5");
    CHECK(said.find("codes     300 of 5 values") != std::string::npos);
    guide(folder, "Rscript", "hdf5_from_r.R' write r.h5");
    folder.must("info r.h5 --check");
    CHECK(folder.must("info r.h5").out.find("[300, 4]") != std::string::npos);
    folder.must("train r.h5 --model linear --latent 2 --epochs 1 -o r-model.h5 -q");
}

TEST_CASE("info --check names what does not fit the schema of a file that others wrote", "[tools]") {
    Folder folder;
    if (folder.shell("/usr/bin/python3 -c 'import h5py, numpy'").code != 0) {
        WARN("python3-h5py is not installed: the schema check was skipped");
        return;
    }
    folder.write("write.py", R"(import h5py, numpy as np
with h5py.File("wrong.h5", "w") as f:
    f.attrs["format"] = "narrows-codes"
    f["codes"] = np.zeros((10, 3))
    f["ids"] = np.arange(9)
with h5py.File("none.h5", "w") as f:
    f.attrs["format"] = "narrows-dataset"
    f["sample"] = np.zeros((10, 3))
with h5py.File("other.h5", "w") as f:
    f.attrs["format"] = "narrows-codse"
    f["codes"] = np.zeros((10, 3))
with h5py.File("foreign.h5", "w") as f:
    f["anything"] = np.zeros((10, 3))
)");
    REQUIRE(folder.shell("/usr/bin/python3 write.py").code == 0);
    const auto problems = [&](const std::string& file) {
        const auto outcome = folder.narrows("info " + file + " --check --json");
        const auto list = outcome.json().at("check").at("problems");
        CHECK(outcome.code == (list.empty() ? 0 : 4));
        return list;
    };
    CHECK(problems("wrong.h5") == nlohmann::json{"/codes holds f64, not f32", "/ids has 9 rows, /codes has 10"});
    CHECK(problems("none.h5") == nlohmann::json{"/samples is missing: a narrows-dataset has it"});
    CHECK(problems("other.h5").size() == 1);
    CHECK(problems("foreign.h5").empty());
}
