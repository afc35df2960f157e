// A chess board and its legal moves: as much of the rules as replaying recorded games needs (FIDE
// Laws of Chess 2023, article 3; Edwards 1994, "Portable Game Notation", sections 8.2 and 16). One
// rule: a board that came out of FEN with a king on each side stays legal under play().
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/node.hpp"

namespace narrows::datasets {

// Squares are row * 8 + column as a diagram shows them: row 0 is rank 8, column 0 is file a.
constexpr int square_at(int row, int column) {
    return row * 8 + column;
}
std::string square_name(int square);  // "e4"

class NARROWS_PUBLIC ChessBoard {
public:
    ChessBoard();  // the start of a game
    // The four fields of EPD or the six of FEN; what follows is left to the caller. Fields that are
    // missing: white to move, no castling, no en passant. nullopt: not such a position; `why` then
    // says what is wrong.
    static std::optional<ChessBoard> parse(std::string_view fen, std::string& why);

    char at(int square) const { return squares_[static_cast<std::size_t>(square)]; }  // FEN letter
    bool white_to_move() const { return white_to_move_; }
    bool has_both_kings() const;
    std::string fen() const;  // placement, side, castling, en passant

    // Plays a move in standard algebraic notation ("Nbd7", "exd8=Q+", "O-O"); marks behind it are
    // skipped, as is a superfluous disambiguation. False, and `why`: it is not one legal move here;
    // the board is as before.
    bool play(std::string_view san, std::string& why);
    // Sequences of `depth` legal moves from here ("perft"), against which move rules are checked.
    std::size_t legal_moves(int depth) const;

private:
    explicit ChessBoard(const std::array<char, 64>& squares) : squares_(squares) {}
    struct Move {
        int from = 0, to = 0;
        char promotion = 0;  // upper case letter, or none
        bool castles = false, en_passant = false;
    };

    bool attacked(int square, bool by_white) const;
    bool reaches(int from, int to, bool& en_passant) const;
    bool may_castle(bool king_side) const;
    bool leaves_king_safe(const Move& move) const;
    void make(const Move& move);
    int king(bool white) const;
    bool castle(std::string_view word, std::string& why);

    std::array<char, 64> squares_{};  // FEN letters, '.' is empty
    bool white_to_move_ = true;
    std::array<bool, 4> castling_{};  // K, Q, k, q
    int en_passant_ = -1;             // the square behind a pawn that has just moved two
};

}  // namespace narrows::datasets
