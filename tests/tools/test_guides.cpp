// The guides, on little data; what they show on real data where NARROWS_DATA has it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

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

// The number behind the first place of `words`.
double number_after(const std::string& text, const std::string& words) {
    const std::size_t at = text.find(words);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + words.size()));
}

// A month of a sensor, a row each half hour: a daily wave, that on two mornings is six hours late.
std::string made_up_sensor() {
    std::string out = "timestamp,value\n";
    for (int row = 0; row < 48 * 30; ++row) {
        const int day = row / 48, time = row % 48;
        const bool fault = (day == 23 || day == 26) && time < 24;
        const double noise = ((row * 7919) % 101 - 50) * 0.002;
        const double turn = time * 0.1308997;
        const double value = 20 + (fault ? std::cos(turn) : std::sin(turn)) + noise;
        char line[64];
        std::snprintf(line, sizeof line, "2024-01-%02d %02d:%02d:00,%.4f\n", day + 1, time / 2,
                      time % 2 * 30, value);
        out += line;
    }
    return out;
}

}  // namespace

TEST_CASE("the chess guide learns made-up positions and not their shuffles", "[tools]") {
    Folder folder;
    folder.write("made.epd", made_up_positions());
    const std::string before = "EPOCHS=200 HIDDEN=64 LATENT=12 TIMES=20 SIZES=3";
    const std::string text = guide(folder, before, "chess_memory.sh' made.epd out");
    for (const char* word : {"400 positions, every tenth is held out", "mean board",
                             "after 1 epoch", "after 20 epochs", "after 200 epochs",
                             "code of 3, after 200 epochs", "that has grown by"})
        CHECK(text.find(word) != std::string::npos);
    const std::string figure = folder.read("out/chess_memory.svg");
    for (const char* word : {"Training time: code of 12", "Model size: after 200 epochs",
                             "units of the code", "mean board of natural", "shuffled"})
        CHECK(figure.find(word) != std::string::npos);
    const auto found = nlohmann::json::parse(folder.read("out/model-12-200-1.json"));
    CHECK(found.at("natural") > 0.9);
    CHECK(found.at("natural") > found.at("mean_natural"));
    CHECK(found.at("natural").get<double>() - found.at("shuffled").get<double>() > 0.5);
    // It says so when the margins are missed.
    guide(folder, "CHECK=1 EPOCHS=1 HIDDEN=8 LATENT=2", "chess_memory.sh' made.epd small", 1);
    // Results stand for what they were made of: again the same, of nothing else.
    const std::string made = folder.read("out/model-12-200-1.h5");
    CHECK(guide(folder, before, "chess_memory.sh' made.epd out").find("seed 1") ==
          std::string::npos);
    CHECK(folder.read("out/model-12-200-1.h5") == made);
    folder.write("other.epd", made_up_positions() + "r3k2r/8/8/8/8/8/8/R3K2R w - -\n");
    for (const std::string& words :
         {before + " HIDDEN=63|made.epd", before + " PLY=30|made.epd", before + "|other.epd"}) {
        const std::size_t bar = words.find('|');
        CHECK(guide(folder, words.substr(0, bar),
                    "chess_memory.sh' " + words.substr(bar + 1) + " out", 2)
                  .find("name another folder") != std::string::npos);
    }
}

// A page shows what its script runs: each command of its blocks stands in the script, word by word.
TEST_CASE("the guides' pages show the commands of their scripts", "[tools]") {
    namespace fs = std::filesystem;
    const auto lines_of = [](const fs::path& file) {
        std::ifstream in(file);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);) {
            line.erase(0, std::min(line.find_first_not_of(' '), line.size()));
            lines.push_back(line);
        }
        return lines;
    };
    int pages = 0;
    for (const auto& entry : fs::directory_iterator(NARROWS_SOURCE_DIR "/tools/guides")) {
        if (entry.path().extension() != ".md" || entry.path().filename() == "README.md") continue;
        fs::path script = entry.path();
        if (!fs::exists(script.replace_extension(".sh"))) continue;
        const std::vector<std::string> run = lines_of(script);
        bool inside = false;
        int commands = 0;
        for (const std::string& line : lines_of(entry.path())) {
            if (line.starts_with("```")) inside = line == "```sh";
            if (!inside || line.starts_with("```")) continue;
            INFO(entry.path().filename() << ": " << line);
            CHECK(std::find(run.begin(), run.end(), line) != run.end());
            ++commands;
        }
        CHECK(commands > 2);
        ++pages;
    }
    CHECK(pages >= 5);
}

TEST_CASE("the guide to few labels beats the same network from scratch", "[tools]") {
    Folder folder;
    const std::string text =
        guide(folder, "SAMPLES=6000 EPOCHS=40 HIDDEN=300,150 LATENT=64 HEAD=300 LABELS=2 DRAWS=1",
              "few_labels.sh' '' ''");
    for (const char* word :
         {"frozen, 2 labels a class", "tuned, 2 labels a class", "scratch, 2 labels a class",
          "linear of codes_20 labels", "knn of pca_20 labels"})
        CHECK(text.find(word) != std::string::npos);
    const double scratch = number_after(text, "scratch, 2 labels a class");
    CHECK(scratch > 0.15);  // ten classes
    CHECK(number_after(text, "frozen, 2 labels a class") > scratch);
    CHECK(number_after(text, "tuned, 2 labels a class") > scratch);
}

TEST_CASE("the guide to machine sensors finds the made-up faults at their times", "[tools]") {
    Folder folder;
    folder.write("pump.csv", made_up_sensor());
    folder.write("windows.json",
                 R"({"pump": [["2024-01-24 00:00:00", "2024-01-24 12:00:00"],
                             ["2024-01-27 00:00:00", "2024-01-27 12:00:00"]], "other": []})");
    const std::string before = "WINDOW=24 STRIDE=2 EPOCHS=100 LATENT=4";
    const std::string words = "machine_sensors.sh' pump.csv windows.json ";
    const std::string text = guide(folder, before, words + "2024-01-02 2024-01-22 out");
    CHECK(text.find("2 of 2 windows met") != std::string::npos);
    CHECK(number_after(text, "autoencoder") > 0.85);
    CHECK(number_after(text, "autoencoder") > number_after(text, "distance to the mean"));
    const std::string events = folder.read("out/events.csv");
    CHECK(events.find(",1\n") != std::string::npos);
    CHECK(events.find(",2\n") != std::string::npos);
    CHECK(folder.read("out/timeline.svg").starts_with("<svg"));
    // A fault in the time that is said to be good is refused.
    guide(folder, before, words + "2024-01-02 2024-01-25 out", 1);
}

TEST_CASE("the guide to maps draws codes, pixels and PCA", "[tools]") {
    Folder folder;
    const std::string text =
        guide(folder, "SAMPLES=500 EPOCHS=4 LATENT=8", "fashion_map.sh' '' '' maps");
    CHECK(number_after(text, "codes") > number_after(text, "pca"));
    CHECK(number_after(text, "pixels") > number_after(text, "pca"));
    CHECK(folder.read("maps/codes.html").find("<canvas") != std::string::npos);
    CHECK(folder.read("maps/pixels.png").starts_with("\x89PNG"));
    CHECK(folder.read("maps/pca.svg").starts_with("<svg"));
}

TEST_CASE("the guide to heartbeats gives features that tell waves apart", "[tools]") {
    Folder folder;
    const std::string text = guide(folder, "SAMPLES=1500 EPOCHS=15", "heartbeats.sh' '' '' out");
    // Four kinds of waves in any phase: eight directions say little of them.
    CHECK(number_after(text, "abnormal, codes") > number_after(text, "abnormal, pca"));
    for (const char* name : {"beats.png", "ways.png", "units.png"})
        CHECK(folder.read(std::string("out/") + name).starts_with("\x89PNG"));
    const std::string features = folder.read("out/features.csv");
    CHECK(std::count(features.begin(), features.end(), '\n') == 151);  // a header, 150 waves
}

TEST_CASE("the guide to anomalies measures beside the mean and PCA, and says what it missed",
          "[tools]") {
    Folder folder;
    std::string table = "a,b,c,d,anomaly\n";
    for (int row = 0; row < 300; ++row) {
        const bool odd = row % 20 == 7;
        const double t = row * 0.37, u = row * 0.11;
        table += std::to_string(std::sin(t)) + "," +
                 std::to_string((odd ? -1 : 1) * std::sin(t) + 0.1 * std::sin(7 * u)) + "," +
                 std::to_string(std::cos(u)) + "," +
                 std::to_string((odd ? -1 : 1) * std::cos(u) + 0.1 * std::cos(9 * t)) + "," +
                 (odd ? "1\n" : "0\n");
    }
    folder.write("table.csv", table);
    const std::string words = "anomalies.py' table.csv --splits 2 --epochs 60 --normal-only ";
    const std::string text = guide(folder, "", words + "--at-least 0.8");
    CHECK(number_after(text, "mean      autoencoder") > 0.8);
    guide(folder, "", words + "--at-least 1.01", 1);

    // Without NARROWS it is the build of the tree that the script lies in.
    const std::string alone =
        "env -u NARROWS tree/tools/guides/anomalies.py table.csv --splits 1 "
        "--epochs 2 --normal-only";
    REQUIRE(folder
                .shell("mkdir -p tree/tools tree/build/release/bin && cp -r "
                       "'" NARROWS_SOURCE_DIR "/tools/guides' tree/tools")
                .code == 0);
    const Outcome unbuilt = folder.shell(alone);
    CHECK(unbuilt.code == 1);
    CHECK(unbuilt.err.find("build the tree") != std::string::npos);
    folder.write("tree/build/release/bin/narrows",
                 "#!/bin/sh\necho run >>'" + (folder.path() / "used").string() +
                     "'\nexec '" NARROWS_BUILD_DIR "/bin/narrows' \"$@\"\n");
    const Outcome built = folder.shell("chmod +x tree/build/release/bin/narrows && " + alone);
    INFO(built.err);
    CHECK(built.code == 0);
    CHECK(std::filesystem::exists(folder.path() / "used"));
}

TEST_CASE("masters' positions are remembered, mirrored ones less, shuffled ones hardly",
          "[tools]") {
    const auto data =
        narrows::test::real_data("the chess experiment", "chess/masters_ply40.epd.gz");
    if (!data) return;
    Folder folder;
    guide(folder, "CHECK=1", "chess_memory.sh' '" + *data + "/chess/masters_ply40.epd.gz'");
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

TEST_CASE("info --check names what does not fit the schema of a file that others wrote",
          "[tools]") {
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
    CHECK(problems("wrong.h5") ==
          nlohmann::json{"/codes holds f64, not f32", "/ids has 9 rows, /codes has 10"});
    CHECK(problems("none.h5") == nlohmann::json{"/samples is missing: a narrows-dataset has it"});
    CHECK(problems("other.h5").size() == 1);
    CHECK(problems("foreign.h5").empty());
}
