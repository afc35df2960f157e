// Chess positions as planes: PGN (games, replayed), EPD and FEN (a position a line).
//
// A sample is [12, 8, 8] of u8, 255 where a piece stands (so that `auto` scaling gives 0 and 1):
// planes are P N B R Q K of White, then of Black; rows are ranks 8 to 1, columns files a to h. The
// board is never turned. Whose move it is, castling and en passant rights are not in the planes.
#include <fmt/format.h>

#include "datasets/chess_board.hpp"
#include "datasets/formats.hpp"
#include "datasets/lines.hpp"

namespace narrows::datasets {
namespace {

constexpr std::string_view planes = "PNBRQKpnbrqk";
constexpr std::size_t squares = 64;

std::string_view trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

// Positions as rows of planes.
class Positions {
public:
    Positions(const DataSpec& spec, std::uint64_t budget) : spec_(spec), spool_(budget) {}
    void add(const ChessBoard& board, std::int64_t id) {
        std::array<std::uint8_t, planes.size() * squares> row{};
        for (int square = 0; square < static_cast<int>(squares); ++square)
            if (board.at(square) != '.')
                row[planes.find(board.at(square)) * squares + static_cast<std::size_t>(square)] =
                    255;
        spool_.add(row.data(), row.size());
        ids_.push_back(id);
    }
    bool empty() const { return ids_.empty(); }
    std::shared_ptr<const Dataset> finish() {
        RowLayout layout{short_name(spec_.file),
                         0,
                         static_cast<std::int64_t>(ids_.size()),
                         Shape{static_cast<std::int64_t>(planes.size()), 8, 8},
                         storage::Numeric::u8,
                         false};
        Companions companions;
        companions.ids = std::move(ids_);
        return make_rows(spool_.finish(), std::move(layout), std::move(companions));
    }

private:
    const DataSpec& spec_;
    Spool spool_;
    std::vector<std::int64_t> ids_;
};

// Games of a PGN file, move by move up to the ply that is wanted.
class Games {
public:
    Games(const DataSpec& spec, std::uint64_t budget)
        : spec_(spec), lines_(spec.file, budget), out_(spec, budget) {}

    std::shared_ptr<const Dataset> read() {
        std::string line;
        while (lines_.next(line)) {
            std::string_view text = line;
            if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
            if (text.starts_with('%')) continue;  // an escape: not for readers of games
            if (comment_ == 0 && variations_ == 0 && trimmed(text).starts_with('[')) {
                tag(trimmed(text));
                continue;
            }
            moves(text);
        }
        end_game();
        if (out_.empty())
            throw Error(Fault::input,
                        fmt::format("\"{}\": none of {} games has {} half-moves", spec_.file, game_,
                                    spec_.ply),
                        "choose a smaller --ply");
        return out_.finish();
    }

private:
    [[noreturn]] void fail(std::string_view what, const std::string& why) const {
        throw Error(Fault::input,
                    fmt::format("{}:{}: game {}, half-move {}: \"{}\": {}", spec_.file,
                                lines_.number(), game_ + 1, played_ + 1, what, why),
                    fmt::format("the position is {}", board_.fen()));
    }

    void tag(std::string_view text) {
        if (in_moves_) end_game();  // the result was missing
        in_game_ = true;
        const std::size_t open = text.find('"'), close = text.rfind('"');
        const bool starts = text.starts_with("[FEN ");
        if (!starts || open == std::string_view::npos || close <= open) return;
        std::string why;
        const auto board = ChessBoard::parse(text.substr(open + 1, close - open - 1), why);
        if (!board || !board->has_both_kings())
            throw Error(Fault::input, fmt::format("{}:{}: game {} starts from no position: {}",
                                                  spec_.file, lines_.number(), game_ + 1,
                                                  board ? "each side needs one king" : why));
        board_ = *board;
    }

    // Comments go over lines, variations too.
    void moves(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const char c = text[at];
            if (comment_ > 0) {
                if (c == '}') comment_ = 0;
                ++at;
            } else if (c == '{') {
                comment_ = 1;
                ++at;
            } else if (c == ';') {
                return;
            } else if (c == '(' || c == ')') {
                variations_ += c == '(' ? 1 : variations_ > 0 ? -1 : 0;
                ++at;
            } else if (c == ' ' || c == '\t' || c == '\r' || c == '.') {
                ++at;
            } else {
                const std::size_t end =
                    std::min(text.find_first_of(" \t\r{}();.", at), text.size());
                if (end == at) fail(text.substr(at, 1), "not a move");
                if (variations_ == 0) word(text.substr(at, end - at));
                at = end;
            }
        }
    }

    void word(std::string_view text) {
        if (text == "1-0" || text == "0-1" || text == "1/2-1/2" || text == "*") {
            in_game_ = true;
            end_game();
            return;
        }
        in_moves_ = in_game_ = true;
        if (text[0] == '$' || text.find_first_not_of("!?") == std::string_view::npos ||
            text.find_first_not_of("0123456789") == std::string_view::npos || text == "e.p")
            return;
        if (played_ >= spec_.ply) return;
        std::string why;
        if (!board_.play(text, why)) fail(text, why);
        ++played_;
    }

    void end_game() {
        if (!in_game_) return;
        if (played_ >= spec_.ply) out_.add(board_, game_);
        ++game_;
        board_ = ChessBoard();
        played_ = 0;
        comment_ = variations_ = 0;
        in_moves_ = in_game_ = false;
    }

    const DataSpec& spec_;
    Lines lines_;
    Positions out_;
    ChessBoard board_;
    std::int64_t game_ = 0, played_ = 0;
    int comment_ = 0, variations_ = 0;
    bool in_game_ = false, in_moves_ = false;
};

// The first line that says something.
std::string_view first_line(std::string_view head) {
    while (!head.empty()) {
        const std::size_t end = std::min(head.find('\n'), head.size());
        const std::string_view line = trimmed(head.substr(0, end));
        if (!line.empty() && line[0] != '#' && line[0] != '%') return line;
        head.remove_prefix(std::min(end + 1, head.size()));
    }
    return {};
}

}  // namespace

bool looks_like_pgn(std::string_view head) {
    if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
    const std::string_view line = first_line(head);
    const std::size_t name = line.find_first_not_of(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", 1);
    return line.starts_with('[') && line.ends_with(']') && name != std::string_view::npos &&
           name > 1 && line.substr(name).starts_with(" \"");
}

bool looks_like_epd(std::string_view head) {
    std::string ignored;
    const std::string_view line = first_line(head);
    return std::count(line.begin(), line.end(), '/') >= 7 &&
           ChessBoard::parse(line, ignored).has_value();
}

std::shared_ptr<const Dataset> open_pgn(const DataSpec& spec, std::uint64_t budget) {
    return Games(spec, budget).read();
}

std::shared_ptr<const Dataset> open_epd(const DataSpec& spec, std::uint64_t budget) {
    Lines lines(spec.file, budget);
    Positions out(spec, budget);
    std::string line, why;
    for (std::int64_t id = 0; lines.next(line);) {
        const std::string_view text = trimmed(line);
        if (text.empty() || text[0] == '#') continue;
        const std::optional<ChessBoard> board = ChessBoard::parse(text, why);
        if (!board)
            throw Error(Fault::input,
                        fmt::format("{}:{}: no position: {}", spec.file, lines.number(), why),
                        "a line is PLACEMENT w|b CASTLING EN-PASSANT, as in FEN");
        out.add(*board, id++);
    }
    if (out.empty()) throw Error(Fault::input, fmt::format("\"{}\" has no positions", spec.file));
    return out.finish();
}

}  // namespace narrows::datasets
