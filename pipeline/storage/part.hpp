// Rows cut into contiguous parts for as many runs, and the files of these runs joined again. One
// rule: a joined file is made of the whole and the same run's parts only, or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "pipeline/storage/bundle.hpp"

namespace narrows::storage {

// "2/4": the second of four.
struct Part {
    std::int64_t number = 1, count = 1;
};
inline constexpr std::int64_t most_parts = 99999;  // part-00001.h5
// Throws Error{Fault::usage}.
NARROWS_PUBLIC Part parse_part(std::string_view text);

struct PartRows {
    std::int64_t first = 0, last = 0;  // last is left out
};
// Throws Error{Fault::usage} where there are fewer rows than parts.
NARROWS_PUBLIC PartRows rows_of(const Part& part, std::int64_t all_rows);

// What a part's file says of itself, as attributes of its root: part, parts, first_row, all_rows.
NARROWS_PUBLIC std::vector<std::pair<std::string, Attribute>> attributes_of(const Part& part,
                                                                            std::int64_t all_rows);

// Of a compressed part, where those of its source may stand beside it: how many rows it has.
inline constexpr std::string_view part_rows = "narrows_part_rows";
// An attribute of the root that says which part a file is.
inline bool is_of_part(std::string_view attribute) {
    return attribute == "part" || attribute == "parts" || attribute == "first_row" ||
           attribute == "all_rows" || attribute == part_rows;
}

// The parts that a joined file names, there or not; none of any other file.
NARROWS_PUBLIC std::vector<std::filesystem::path> parts_behind(const std::filesystem::path& path);

enum class Joined : std::uint8_t {
    links,  // virtual datasets: the parts stay where they are, in the folder of `to` or below it
    copy    // one file; chunks that are packed stay as they are
};
// Files of codes, scores or packed rows, each a part (a folder stands for the .h5 files in it), in
// any order, as one file with the attributes of a run over all rows. Atomic. Throws
// Error{Fault::input}: a file that is no part; a part that is missing, there twice, damaged or of
// another run; Fault::usage: `to` is one of them (in a folder it is passed over).
NARROWS_PUBLIC void join(std::span<const std::filesystem::path> parts,
                         const std::filesystem::path& to, Joined how);

}  // namespace narrows::storage
