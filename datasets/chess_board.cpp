#include "datasets/chess_board.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace narrows::datasets {
namespace {

constexpr std::string_view letters = "PNBRQKpnbrqk", castling_letters = "KQkq";
constexpr int knight_steps[8][2] = {{-2, -1}, {-2, 1}, {-1, -2}, {-1, 2},
                                    {1, -2},  {1, 2},  {2, -1},  {2, 1}};

constexpr int row_of(int square) {
    return square / 8;
}
constexpr int column_of(int square) {
    return square % 8;
}
constexpr bool on_board(int row, int column) {
    return row >= 0 && row < 8 && column >= 0 && column < 8;
}
bool is_white(char piece) {
    return piece >= 'A' && piece <= 'Z';
}
bool is_black(char piece) {
    return piece >= 'a' && piece <= 'z';
}
bool is_of(char piece, bool white) {
    return white ? is_white(piece) : is_black(piece);
}
char upper(char piece) {
    return is_black(piece) ? static_cast<char>(piece - 32) : piece;
}
char of_side(char kind, bool white) {
    return white ? kind : static_cast<char>(kind + 32);
}
int sign(int x) {
    return (x > 0) - (x < 0);
}

// "e4" -> square; -1: none.
int square_named(std::string_view name) {
    if (name.size() != 2 || name[0] < 'a' || name[0] > 'h' || name[1] < '1' || name[1] > '8')
        return -1;
    return square_at('8' - name[1], name[0] - 'a');
}

std::string_view next_field(std::string_view& text) {
    const std::size_t from = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t to = std::min(text.find_first_of(" \t", from), text.size());
    const std::string_view field = text.substr(from, to - from);
    text.remove_prefix(to);
    return field;
}

// A word of SAN, taken apart.
struct Notation {
    char kind = 'P', promotion = 0;
    int column = -1, row = -1, to = -1;  // where it comes from, as far as it says
};
std::optional<Notation> parse_san(std::string_view san) {
    Notation out;
    if (!san.empty() && std::string_view("NBRQK").find(san[0]) != std::string_view::npos) {
        out.kind = san[0];
        san.remove_prefix(1);
    }
    if (!san.empty() && std::string_view("NBRQ").find(san.back()) != std::string_view::npos) {
        out.promotion = san.back();
        san.remove_suffix(1);
        if (!san.empty() && san.back() == '=') san.remove_suffix(1);
    }
    if (san.size() < 2) return std::nullopt;
    out.to = square_named(san.substr(san.size() - 2));
    if (out.to < 0) return std::nullopt;
    san.remove_suffix(2);
    if (!san.empty() && (san.back() == 'x' || san.back() == '-')) san.remove_suffix(1);
    for (const char c : san) {
        if (c >= 'a' && c <= 'h' && out.column < 0 && out.row < 0)
            out.column = c - 'a';
        else if (c >= '1' && c <= '8' && out.row < 0)
            out.row = '8' - c;
        else
            return std::nullopt;
    }
    return out;
}

}  // namespace

std::string square_name(int square) {
    return {static_cast<char>('a' + column_of(square)), static_cast<char>('8' - row_of(square))};
}

ChessBoard::ChessBoard() {
    std::string ignored;
    *this = *parse("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -", ignored);
}

std::optional<ChessBoard> ChessBoard::parse(std::string_view text, std::string& why) {
    ChessBoard board{std::array<char, 64>{}};
    const std::string_view placement = next_field(text);
    int row = 0, column = 0;
    for (const char c : placement) {
        if (c == '/') {
            if (column != 8) break;
            ++row;
            column = 0;
        } else if (c >= '1' && c <= '8') {
            if (column + (c - '0') > 8) {
                column = 9;  // no rank is so long
                break;
            }
            for (int i = c - '0'; i > 0; --i)
                board.squares_[static_cast<std::size_t>(square_at(row, column++))] = '.';
        } else if (letters.find(c) != std::string_view::npos && column < 8) {
            board.squares_[static_cast<std::size_t>(square_at(row, column++))] = c;
        } else {
            why = fmt::format("\"{}\" in rank {} of the placement", c, 8 - row);
            return std::nullopt;
        }
        if (row > 7) break;
    }
    std::size_t filled = 0;
    for (const char c : board.squares_) filled += c != 0 ? 1 : 0;
    if (row != 7 || column != 8 || filled != 64) {
        why = fmt::format("the placement \"{}\" is not eight ranks of eight squares", placement);
        return std::nullopt;
    }
    const std::string_view side = next_field(text);
    if (side != "w" && side != "b" && !side.empty()) {
        why = fmt::format("\"{}\" is to move, expected w or b", side);
        return std::nullopt;
    }
    board.white_to_move_ = side != "b";
    for (const char c : next_field(text)) {
        const std::size_t place = castling_letters.find(c);
        if (place != std::string_view::npos) board.castling_[place] = true;
    }
    board.en_passant_ = square_named(next_field(text));
    return board;
}

bool ChessBoard::has_both_kings() const {
    return std::count(squares_.begin(), squares_.end(), 'K') == 1 &&
           std::count(squares_.begin(), squares_.end(), 'k') == 1;
}

std::string ChessBoard::fen() const {
    std::string out;
    for (int row = 0; row < 8; ++row) {
        int empty = 0;
        for (int column = 0; column < 8; ++column) {
            const char piece = at(square_at(row, column));
            if (piece == '.') {
                ++empty;
                continue;
            }
            if (empty > 0) out += std::to_string(empty);
            empty = 0;
            out += piece;
        }
        if (empty > 0) out += std::to_string(empty);
        if (row < 7) out += '/';
    }
    out += white_to_move_ ? " w " : " b ";
    std::string rights;
    for (std::size_t i = 0; i < 4; ++i)
        if (castling_[i]) rights += castling_letters[i];
    out += rights.empty() ? "-" : rights;
    return out + " " + (en_passant_ < 0 ? "-" : square_name(en_passant_));
}

int ChessBoard::king(bool white) const {
    const auto found = std::find(squares_.begin(), squares_.end(), white ? 'K' : 'k');
    return found == squares_.end() ? -1 : static_cast<int>(found - squares_.begin());
}

// Can the piece on `from` go to `to`, its own king's safety aside? Castling apart.
bool ChessBoard::reaches(int from, int to, bool& en_passant) const {
    en_passant = false;
    const char piece = at(from);
    const bool white = is_white(piece);
    if (from == to || is_of(at(to), white)) return false;
    const int rows = row_of(to) - row_of(from), columns = column_of(to) - column_of(from);
    const int far = std::max(std::abs(rows), std::abs(columns));
    switch (upper(piece)) {
        case 'N':
            return std::abs(rows * columns) == 2;
        case 'K':
            return far == 1;
        case 'P': {
            const int forward = white ? -1 : 1, home = white ? 6 : 1;
            if (columns == 0) {
                if (at(to) != '.') return false;
                if (rows == forward) return true;
                return rows == 2 * forward && row_of(from) == home && at(from + 8 * forward) == '.';
            }
            if (std::abs(columns) != 1 || rows != forward) return false;
            en_passant = to == en_passant_ && at(to) == '.';
            return en_passant || at(to) != '.';
        }
        case 'B':
            if (std::abs(rows) != std::abs(columns)) return false;
            break;
        case 'R':
            if (rows != 0 && columns != 0) return false;
            break;
        default:
            if (rows != 0 && columns != 0 && std::abs(rows) != std::abs(columns)) return false;
    }
    const int step = 8 * sign(rows) + sign(columns);
    for (int square = from + step; square != to; square += step)
        if (at(square) != '.') return false;
    return true;
}

bool ChessBoard::attacked(int square, bool by_white) const {
    const int row = row_of(square), column = column_of(square);
    const auto piece = [&](int r, int c) { return on_board(r, c) ? at(square_at(r, c)) : '.'; };
    for (const auto& step : knight_steps)
        if (piece(row + step[0], column + step[1]) == of_side('N', by_white)) return true;
    const int behind = by_white ? 1 : -1;  // where a pawn that takes here stands
    for (const int side : {-1, 1})
        if (piece(row + behind, column + side) == of_side('P', by_white)) return true;
    for (int rows = -1; rows <= 1; ++rows)
        for (int columns = -1; columns <= 1; ++columns) {
            if (rows == 0 && columns == 0) continue;
            int r = row + rows, c = column + columns;
            if (piece(r, c) == of_side('K', by_white)) return true;
            while (on_board(r, c) && at(square_at(r, c)) == '.') {
                r += rows;
                c += columns;
            }
            const char found = piece(r, c);
            if (found == of_side('Q', by_white) ||
                found == of_side(rows == 0 || columns == 0 ? 'R' : 'B', by_white))
                return true;
        }
    return false;
}

bool ChessBoard::may_castle(bool king_side) const {
    const bool white = white_to_move_;
    if (!castling_[static_cast<std::size_t>((white ? 0 : 2) + (king_side ? 0 : 1))]) return false;
    const int home = square_at(white ? 7 : 0, 4), step = king_side ? 1 : -1;
    const int rook = king_side ? home + 3 : home - 4;
    if (at(home) != of_side('K', white) || at(rook) != of_side('R', white)) return false;
    for (int square = home + step; square != rook; square += step)
        if (at(square) != '.') return false;
    for (int i = 0; i <= 2; ++i)
        if (attacked(home + i * step, !white)) return false;
    return true;
}

void ChessBoard::make(const Move& move) {
    auto& board = squares_;
    const auto place = [](int square) { return static_cast<std::size_t>(square); };
    const bool white = white_to_move_;
    const char piece = board[place(move.from)];
    board[place(move.to)] = move.promotion != 0 ? of_side(move.promotion, white) : piece;
    board[place(move.from)] = '.';
    if (move.en_passant) board[place(square_at(row_of(move.from), column_of(move.to)))] = '.';
    if (move.castles) {
        const bool king_side = move.to > move.from;
        const int rook = king_side ? move.from + 3 : move.from - 4;
        board[place((move.from + move.to) / 2)] = board[place(rook)];
        board[place(rook)] = '.';
    }
    // A king or rook that left its corner, or was taken there, castles no more.
    for (const int square : {move.from, move.to}) {
        if (square == square_at(7, 4)) castling_[0] = castling_[1] = false;
        if (square == square_at(0, 4)) castling_[2] = castling_[3] = false;
        if (square == square_at(7, 7)) castling_[0] = false;
        if (square == square_at(7, 0)) castling_[1] = false;
        if (square == square_at(0, 7)) castling_[2] = false;
        if (square == square_at(0, 0)) castling_[3] = false;
    }
    const bool two = upper(piece) == 'P' && std::abs(row_of(move.to) - row_of(move.from)) == 2;
    en_passant_ = two ? (move.from + move.to) / 2 : -1;
    white_to_move_ = !white;
}

bool ChessBoard::leaves_king_safe(const Move& move) const {
    ChessBoard after = *this;
    after.make(move);
    const int own = after.king(white_to_move_);
    return own < 0 || !after.attacked(own, !white_to_move_);
}

bool ChessBoard::castle(std::string_view word, std::string& why) {
    const bool king_side = word.size() == 3;
    if (!may_castle(king_side)) {
        why = "castling is not legal here";
        return false;
    }
    const int home = square_at(white_to_move_ ? 7 : 0, 4);
    make({home, king_side ? home + 2 : home - 2, 0, true, false});
    return true;
}

bool ChessBoard::play(std::string_view san, std::string& why) {
    while (!san.empty() && std::string_view("+#!?").find(san.back()) != std::string_view::npos)
        san.remove_suffix(1);
    if (san == "O-O" || san == "0-0" || san == "O-O-O" || san == "0-0-0") return castle(san, why);
    const std::optional<Notation> wanted = parse_san(san);
    if (!wanted) {
        why = "not a move";
        return false;
    }
    const char piece = of_side(wanted->kind, white_to_move_);
    const bool last_row = row_of(wanted->to) == 0 || row_of(wanted->to) == 7;
    if ((wanted->promotion != 0) != (wanted->kind == 'P' && last_row)) {
        why = wanted->promotion != 0 ? "no pawn reaches its last rank there"
                                     : "a pawn on its last rank becomes a piece: =Q";
        return false;
    }
    std::optional<Move> found;
    for (int from = 0; from < 64; ++from) {
        if (at(from) != piece || (wanted->column >= 0 && column_of(from) != wanted->column) ||
            (wanted->row >= 0 && row_of(from) != wanted->row))
            continue;
        Move move{from, wanted->to, wanted->promotion, false, false};
        if (!reaches(from, wanted->to, move.en_passant) || !leaves_king_safe(move)) continue;
        if (found) {
            why = fmt::format("both {} and {} can go there", square_name(found->from),
                              square_name(from));
            return false;
        }
        found = move;
    }
    if (!found) {
        why = "no such move is legal here";
        return false;
    }
    make(*found);
    return true;
}

std::size_t ChessBoard::legal_moves(int depth) const {
    if (depth == 0) return 1;
    std::size_t count = 0;
    const auto follow = [&](const Move& move) {
        ChessBoard after = *this;
        after.make(move);
        count += after.legal_moves(depth - 1);
    };
    for (int from = 0; from < 64; ++from) {
        if (!is_of(at(from), white_to_move_)) continue;
        for (int to = 0; to < 64; ++to) {
            Move move{from, to, 0, false, false};
            if (!reaches(from, to, move.en_passant) || !leaves_king_safe(move)) continue;
            const bool promotes = upper(at(from)) == 'P' && (row_of(to) == 0 || row_of(to) == 7);
            if (!promotes) {
                follow(move);
                continue;
            }
            for (const char kind : {'N', 'B', 'R', 'Q'}) {
                move.promotion = kind;
                follow(move);
            }
        }
    }
    const int home = square_at(white_to_move_ ? 7 : 0, 4);
    for (const bool king_side : {true, false})
        if (may_castle(king_side)) follow({home, king_side ? home + 2 : home - 2, 0, true, false});
    return count;
}

}  // namespace narrows::datasets
