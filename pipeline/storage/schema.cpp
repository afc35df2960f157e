#include "pipeline/storage/schema.hpp"

#include <algorithm>

namespace narrows::storage {
namespace {

enum class Holds : std::uint8_t { numbers, whole, f32, labels, text };

struct Rule {
    std::string_view format, path;
    Holds holds;
    std::size_t least_rank, most_rank;
    bool required, rows;  // rows: as many as the first rule's dataset has
};

constexpr std::size_t any = 32;
// The first rule of a format is of the dataset that counts its rows.
constexpr Rule rules[] = {
    {"narrows-dataset", "/samples", Holds::numbers, 1, any, true, true},
    {"narrows-dataset", "/labels", Holds::labels, 1, 1, false, true},
    {"narrows-dataset", "/ids", Holds::whole, 1, 1, false, true},
    {"narrows-dataset", "/label_names", Holds::text, 1, 1, false, false},
    {"narrows-codes", "/codes", Holds::f32, 1, any, true, true},
    {"narrows-codes", "/ids", Holds::whole, 1, 1, true, true},
    {"narrows-codes", "/sse", Holds::numbers, 1, 1, false, true},
    {"narrows-codes", "/indices", Holds::whole, 1, any, false, true},
    {"narrows-codes", "/log_variance", Holds::f32, 1, any, false, true},
    {"narrows-codes", "/draws", Holds::f32, 2, any, false, true},
    {"narrows-scores", "/scores", Holds::numbers, 1, 1, true, true},
    {"narrows-scores", "/ids", Holds::whole, 1, 1, true, true},
    {"narrows-scores", "/squared_errors", Holds::numbers, 1, any, false, true},
    {"narrows-scores", "/labels", Holds::labels, 1, 1, false, true},
    {"narrows-scores", "/flagged", Holds::whole, 1, 1, false, true},
    {"narrows-scores", "/threshold", Holds::numbers, 1, 1, false, false},
    {"narrows-scores", "/first_row", Holds::whole, 1, 1, false, true},
    {"narrows-scores", "/row_scores", Holds::numbers, 1, 1, false, false},
    {"narrows-scores", "/row_flagged", Holds::whole, 1, 1, false, false},
    {"narrows-map", "/map", Holds::numbers, 2, 2, true, true},
    {"narrows-map", "/ids", Holds::whole, 1, 1, true, true},
    {"narrows-map", "/labels", Holds::labels, 1, 1, false, true},
};

bool is_whole(const ArrayInfo& array) {
    return array.numeric && array.type != Numeric::f16 && array.type != Numeric::f32 &&
           array.type != Numeric::f64;
}

bool fits(Holds holds, const ArrayInfo& array) {
    switch (holds) {
        case Holds::numbers:
            return array.numeric;
        case Holds::whole:
            return is_whole(array);
        case Holds::f32:
            return array.numeric && array.type == Numeric::f32;
        case Holds::labels:
            return is_whole(array) || (array.numeric && array.type == Numeric::f64);
        case Holds::text:
            return !array.numeric;
    }
    return false;
}

std::string_view name_of(Holds holds) {
    switch (holds) {
        case Holds::numbers:
            return "numbers";
        case Holds::whole:
            return "integers";
        case Holds::f32:
            return "f32";
        case Holds::labels:
            return "integers or f64";
        case Holds::text:
            break;
    }
    return "text";
}

const ArrayInfo* find(const FileInfo& file, std::string_view path) {
    for (const ArrayInfo& array : file.arrays)
        if (array.path == path) return &array;
    return nullptr;
}

}  // namespace

std::vector<std::string> check_schema(const FileInfo& file) {
    std::vector<std::string> problems;
    if (!file.format.starts_with("narrows-")) return problems;
    const Rule* first = nullptr;
    std::int64_t rows = -1;
    for (const Rule& rule : rules) {
        if (rule.format != file.format) continue;
        if (first == nullptr) first = &rule;
        const std::string path(rule.path);
        const ArrayInfo* array = find(file, rule.path);
        if (array == nullptr) {
            if (rule.required)
                problems.push_back(path + " is missing: a " + file.format + " has it");
            continue;
        }
        if (!fits(rule.holds, *array))
            problems.push_back(path + " holds " +
                               (array->numeric ? to_string(array->type) : "text") + ", not " +
                               std::string(name_of(rule.holds)));
        const std::size_t rank = array->shape.rank();
        if (rank < rule.least_rank || rank > rule.most_rank) {
            problems.push_back(path + " has the shape " + to_string(array->shape) +
                               ", not of rank " + std::to_string(rule.least_rank) +
                               (rule.most_rank == any ? " or more"
                                : rule.most_rank > rule.least_rank
                                    ? " to " + std::to_string(rule.most_rank)
                                    : ""));
            continue;
        }
        if (!rule.rows) continue;
        if (&rule == first)
            rows = array->shape[0];
        else if (rows >= 0 && array->shape[0] != rows)
            problems.push_back(path + " has " + std::to_string(array->shape[0]) + " rows, " +
                               std::string(first->path) + " has " + std::to_string(rows));
    }
    constexpr std::string_view others[] = {"narrows-model", "narrows-checkpoint",
                                           "narrows-compressed"};
    if (first == nullptr &&
        std::find(std::begin(others), std::end(others), file.format) == std::end(others))
        problems.push_back("format \"" + file.format + "\" is not one that narrows knows");
    return problems;
}

}  // namespace narrows::storage
