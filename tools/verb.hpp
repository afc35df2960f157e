// The table of verbs. One file per verb, one entry here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tools/options.hpp"

namespace narrows::tools {

// Which of --stats and --metrics a verb takes; the others refuse them.
enum class Measures : std::uint8_t { nothing, stats, stats_and_metrics };

struct Verb {
    std::string_view name, usage, summary, example;
    int (*run)(CommandLine& line);  // returns the exit code, throws Error
    Measures measures = Measures::nothing;
};

// Those that train or stream: their files tell which run made them.
inline bool may_resume(const Verb& verb) {
    return verb.measures == Measures::stats_and_metrics;
}

std::span<const Verb> verbs();
const Verb* find_verb(std::string_view name);

int import_data(CommandLine&);
int generate(CommandLine&);
int train(CommandLine&);
int encode(CommandLine&);
int join(CommandLine&);
int decode(CommandLine&);
int reconstruct(CommandLine&);
int evaluate(CommandLine&);
int score(CommandLine&);
int probe(CommandLine&);
int map(CommandLine&);
int report(CommandLine&);
int sample(CommandLine&);
int classify_train(CommandLine&);
int classify_predict(CommandLine&);
int interpolate(CommandLine&);
int units(CommandLine&);
int chart(CommandLine&);
int run(CommandLine&);
int check(CommandLine&);
int graph(CommandLine&);
int nodes(CommandLine&);
int plugins(CommandLine&);
int info(CommandLine&);
int compress(CommandLine&);
int decompress(CommandLine&);
int verify(CommandLine&);
int repack(CommandLine&);
int make_new(CommandLine&);
int bench(CommandLine&);
int export_model(CommandLine&);
int import_onnx(CommandLine&);
int man(CommandLine&);
int completion(CommandLine&);

}  // namespace narrows::tools
