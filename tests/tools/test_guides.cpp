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
