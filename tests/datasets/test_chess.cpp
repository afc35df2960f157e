// Chess positions: move rules against published counts of legal moves, notation, and files. Real
// games are replayed where NARROWS_DATA has them, against positions that another program made.
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "datasets/chess_board.hpp"
#include "datasets/dataset.hpp"
#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"

using namespace narrows;
using namespace narrows::datasets;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "narrows-chess-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path_); }
    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
        return (path_ / name).string();
    }
    std::string packed(const std::string& name, const std::string& text) const {
        gzFile out = gzopen((path_ / name).c_str(), "wb");
        gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
        gzclose(out);
        return (path_ / name).string();
    }

private:
    fs::path path_;
};

ChessBoard board_of(const std::string& fen) {
    std::string why;
    const auto board = ChessBoard::parse(fen, why);
    INFO(fen << ": " << why);
    REQUIRE(board.has_value());
    return *board;
}

std::string after(const std::string& fen, const std::string& san) {
    ChessBoard board = board_of(fen);
    std::string why;
    return board.play(san, why) ? board.fen() : why;
}

std::shared_ptr<const Dataset> open_file(const std::string& file, std::int64_t ply = 40,
                                         const std::string& format = {}) {
    DataSpec spec = parse_data(file);
    spec.ply = ply;
    spec.format = format;
    return open({&spec, 1});
}

// The placement that a row of planes holds.
std::string placement_of(const std::vector<float>& row) {
    std::string squares(64, '.');
    for (std::size_t plane = 0; plane < 12; ++plane)
        for (std::size_t square = 0; square < 64; ++square) {
            if (row[plane * 64 + square] == 0) continue;
            REQUIRE(row[plane * 64 + square] == 255);
            REQUIRE(squares[square] == '.');
            squares[square] = "PNBRQKpnbrqk"[plane];
        }
    std::string out;
    for (std::size_t square = 0; square < 64; ++square) {
        if (square > 0 && square % 8 == 0) out += '/';
        if (squares[square] != '.') {
            out += squares[square];
        } else if (!out.empty() && out.back() >= '1' && out.back() <= '7') {
            ++out.back();
        } else {
            out += '1';
        }
    }
    return out;
}
std::string placement(const Dataset& data, std::int64_t row) {
    std::vector<float> values(12 * 64);
    data.read(row, 1, values.data());
    return placement_of(values);
}

std::string error_of(const std::string& file, std::int64_t ply = 40,
                     const std::string& format = {}) {
    try {
        open_file(file, ply, format);
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::input);
        const std::string text = error.what();
        const std::string folder = fs::path(file).parent_path().string() + "/";
        const std::size_t at = text.find(folder);
        return at == std::string::npos ? text : std::string(text).erase(at, folder.size());
    }
    return "no error";
}

const std::string opening =
    "[Event \"a {test} of (marks)\"]\n[Result \"1-0\"]\n\n"
    "1. e4 {best; by test} e5 2.Nf3 $1 Nc6 (2... d6 3. d4 (3. Bc4 Be7) 3... Nf6)\n"
    "3. Bb5!? a6 ; the main line 4. Bxc6\n% not for us 4. Zz9\n4. Ba4 Nf6 5. O-O Be7 1-0\n\n";

}  // namespace

TEST_CASE("sequences of legal moves are as many as the published counts", "[datasets]") {
    CHECK(ChessBoard().legal_moves(4) == 197281);
    // Castling, en passant, promotions and pins: positions whose counts are known everywhere.
    CHECK(board_of("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq -")
              .legal_moves(3) == 97862);
    CHECK(board_of("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - -").legal_moves(4) == 43238);
    CHECK(board_of("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq -").legal_moves(3) ==
          9467);
    CHECK(board_of("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ -").legal_moves(3) ==
          62379);
}

TEST_CASE("moves are read as they are written", "[datasets]") {
    CHECK(ChessBoard().fen() == "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -");
    CHECK(after(ChessBoard().fen(), "e4") ==
          "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3");
    const std::string rooks = "4k3/8/8/R6R/8/8/8/R3K3 w Q -";
    CHECK(after(rooks, "Rad5") == "4k3/8/8/3R3R/8/8/8/R3K3 b Q -");
    CHECK(after(rooks, "R1a3") == "4k3/8/8/R6R/8/R7/8/4K3 b - -");
    CHECK(after(rooks, "Rd5") == "both a5 and h5 can go there");
    CHECK(after(rooks, "Ra5d5") == "4k3/8/8/3R3R/8/8/8/R3K3 b Q -");
    CHECK(after(rooks, "O-O-O+!") == "4k3/8/8/R6R/8/8/8/2KR4 b - -");
    CHECK(after(rooks, "O-O") == "castling is not legal here");
    CHECK(after("r3k3/8/8/8/8/8/8/R3K2R w KQ -", "0-0") == "r3k3/8/8/8/8/8/8/R4RK1 b - -");
    CHECK(after("4kr2/8/8/8/8/8/8/R3K2R w KQ -", "O-O") ==
          "castling is not legal here");  // through check
    CHECK(after("4k3/8/8/8/1b6/8/3N4/4K3 w - -", "Nf3") == "no such move is legal here");  // pinned
    CHECK(after("4k3/8/8/8/1b6/5N2/3N4/4K3 w - -", "Ne5") == "4k3/8/8/4N3/1b6/8/3N4/4K3 b - -");
    CHECK(after("4k3/8/8/8/1b3N2/8/3N4/4K3 w - -", "Nd3") == "4k3/8/8/8/1b6/3N4/3N4/4K3 b - -");
    // The pinned knight does not count: no disambiguation is needed.
    CHECK(after("4k3/8/8/8/1b6/8/3N4/4K1N1 w - -", "Nf3") == "4k3/8/8/8/1b6/5N2/3N4/4K3 b - -");
    CHECK(after("4k3/8/8/3pP3/8/8/8/4K3 w - d6", "exd6") == "4k3/8/3P4/8/8/8/8/4K3 b - -");
    CHECK(after("4k3/8/8/3pP3/8/8/8/4K3 w - -", "exd6") == "no such move is legal here");
    CHECK(after("3r3k/4P3/8/8/8/8/8/4K3 w - -", "exd8=N") == "3N3k/8/8/8/8/8/8/4K3 b - -");
    CHECK(after("7k/4P3/8/8/8/8/8/4K3 w - -", "e8Q+") == "4Q2k/8/8/8/8/8/8/4K3 b - -");
    CHECK(after("7k/4P3/8/8/8/8/8/4K3 w - -", "e8") ==
          "a pawn on its last rank becomes a piece: =Q");
    CHECK(after("7k/8/4P3/8/8/8/8/4K3 w - -", "e7=Q") == "no pawn reaches its last rank there");
    CHECK(after(ChessBoard().fen(), "hello") == "not a move");
    CHECK(after("r3k2r/8/8/8/8/8/8/R3K2R b KQkq -", "Rxh1+") == "r3k3/8/8/8/8/8/8/R3K2r w Qq -");
}

TEST_CASE("games are replayed to the ply that is asked for", "[datasets]") {
    const Folder folder;
    const std::string games = opening + "[Event \"short\"]\n\n1.d4 d5 1/2-1/2\n\n" +
                              "[Event \"from a position\"]\n[SetUp \"1\"]\n"
                              "[FEN \"4k3/8/8/8/8/8/4P3/4K3 w - - 0 1\"]\n\n"
                              "1. e4 Kd7 2. e5 Ke6 3. Kd2 Kxe5 4. Kd3 Kd5 5. Kc3 Kc5 *\n";
    for (const std::string& file :
         {folder.file("a.pgn", games), folder.packed("a.pgn.gz", games)}) {
        const auto data = open_file(file, 9);
        CHECK(data->sample() == Shape{12, 8, 8});
        CHECK(data->type() == storage::Numeric::u8);
        REQUIRE(data->rows() == 2);
        CHECK(data->ids() == std::vector<std::int64_t>{0, 2});
        CHECK(placement(*data, 0) == "r1bqkb1r/1ppp1ppp/p1n2n2/4p3/B3P3/5N2/PPPP1PPP/RNBQ1RK1");
        CHECK(placement(*data, 1) == "8/8/8/3k4/8/2K5/8/8");
        CHECK(open_file(file, 2)->rows() == 3);
        CHECK(placement(*open_file(file, 0), 1) == "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR");
    }
    CHECK(error_of(folder.file("b.pgn", opening)) ==
          "\"b.pgn\": none of 1 games has 40 half-moves");
    std::string wrong = opening;
    wrong.replace(wrong.find("Ba4"), 3, "Ba5");
    CHECK(error_of(folder.file("c.pgn", wrong)) ==
          "c.pgn:7: game 1, half-move 7: \"Ba5\": no such move is legal here");
    CHECK(error_of(
              folder.file("d.pgn", "[Event \"x\"]\n[FEN \"8/8/8/8/8/8/8/8 w - - 0 1\"]\n\n*\n")) ==
          "d.pgn:2: game 1 starts from no position: each side needs one king");
    // No tags at all: by its name only.
    CHECK(open_file(folder.file("e.txt", "1. e4 e5 2. Nf3 *"), 3, "pgn")->rows() == 1);
}

TEST_CASE("positions are read a line each", "[datasets]") {
    const Folder folder;
    const std::string lines =
        "# two positions\n6k1/pp3ppp/2p2n2/8/2P5/4P3/Pb3PPP/3N2K1 w - - id \"a:1\";\n\n"
        "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1\r\n";
    for (const std::string& file :
         {folder.file("a.epd", lines), folder.packed("a.fen.gz", lines)}) {
        const auto data = open_file(file);
        REQUIRE(data->rows() == 2);
        CHECK(data->sample() == Shape{12, 8, 8});
        CHECK(placement(*data, 0) == "6k1/pp3ppp/2p2n2/8/2P5/4P3/Pb3PPP/3N2K1");
        CHECK(placement(*data, 1) == "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR");
    }
    // Plane 0 is White's pawns, row 4 is rank 4, column 4 file e.
    std::vector<float> row(12 * 64);
    open_file(folder.file("a.epd", lines))->read(1, 1, row.data());
    CHECK(row[4 * 8 + 4] == 255);
    CHECK(row[11 * 64 + 4] == 255);  // Black's king

    const std::string good = "8/8/8/8/8/8/8/8 w - -\n";
    CHECK(error_of(folder.file("b.epd", good + "8/8/8/8/8/8/8 w - -\n")) ==
          "b.epd:2: no position: the placement \"8/8/8/8/8/8/8\" is not eight ranks of eight "
          "squares");
    CHECK(error_of(folder.file("c.epd", good + "8/8/8/8/8/8/8/7X w - -\n")) ==
          "c.epd:2: no position: \"X\" in rank 1 of the placement");
    CHECK(error_of(folder.file("d.epd", good + "8/8/8/8/8/8/8/9 w - -\n")) ==
          "d.epd:2: no position: \"9\" in rank 1 of the placement");
    CHECK(
        error_of(folder.file("e.epd", good + "8/8/8/8/8/8/8/71 w - -\n8/8/8/8/8/8/8/8 x - -\n")) ==
        "e.epd:3: no position: \"x\" is to move, expected w or b");
    CHECK(error_of(folder.file("f.epd", good + "8/8/8/8/8/8/8/81 w - -\n"))
              .find("is not eight ranks") != std::string::npos);
}

TEST_CASE("masters' games give the positions that another program found", "[datasets]") {
    const auto data = test::real_data("replaying masters' games", "chess/masters_ply40.epd.gz");
    if (!data) return;
    const std::string folder = (fs::path(*data) / "chess").string() + "/";
    std::set<std::string> replayed, known;
    for (const char* player : {"Carlsen", "Kasparov", "Karpov", "Anand"}) {
        const auto games = open_file(folder + player + ".pgn.gz");
        for (std::int64_t row = 0; row < games->rows(); ++row)
            replayed.insert(placement(*games, row));
    }
    const auto positions = open_file(folder + "masters_ply40.epd.gz");
    CHECK(positions->rows() == 12348);
    for (std::int64_t row = 0; row < positions->rows(); ++row)
        known.insert(placement(*positions, row));
    CHECK(replayed == known);
}
