// Which way of coding suits a dataset, by real bytes of sample chunks.
#pragma once

#include "pipeline/codec/chunk.hpp"

namespace narrows::codec {

struct Candidate {
    std::string name;
    double bytes = 0;  // of the whole dataset, extrapolated, with its model
    std::size_t model_bytes = 0;
    bool possible = true;  // false: does not apply here
};

struct Choice {
    Plan plan;
    Bytes model;                   // serialised, or empty
    std::vector<Candidate> tried;  // in the order of trying
    std::size_t winner = 0;
};

// What a few percent are worth: size takes the smallest; speed as many lanes as there are; balanced
// as many as cost less than one percent.
enum class Prefer : std::uint8_t { balanced, size, speed };

// What is known of a dataset before: read(first, count, out) gives stored rows.
struct Source {
    Numeric type;
    Shape shape;  // rows first, rank >= 1
    std::int64_t chunk_rows = 1;
    FunctionRef<void(std::int64_t first, std::int64_t count, std::byte* out)> read;
};

// `plan` has bound, range and fill; the same choice for any thread count.
// `budget`: seconds that fitting may take on two ordinary cores, roughly (it is work, not time,
// that is counted).
NARROWS_PUBLIC Choice choose(const Source& source, const Plan& plan, double budget,
                             const Loop& loop, Prefer prefer = Prefer::balanced);

// The same, but no other model than this one. Throws Error{Fault::usage} where it is of other data.
struct StoredModel;
NARROWS_PUBLIC Choice choose_with(const Source& source, const Plan& plan, const StoredModel& model,
                                  const Loop& loop, Prefer prefer = Prefer::balanced);

}  // namespace narrows::codec
