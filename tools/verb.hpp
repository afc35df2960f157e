// The table of verbs. One file per verb, one entry here.
#pragma once

#include <span>
#include <string_view>

#include "tools/options.hpp"

namespace narrows::tools {

// Options that only some verbs take, by what these do; the others refuse them and show none.
enum Takes : unsigned {
    takes_none = 0,
    takes_set = 1 << 0,             // --set
    takes_print_pipeline = 1 << 1,  // --print-pipeline
    takes_dry_run = 1 << 2,         // --dry-run
    takes_no_clobber = 1 << 3,      // --no-clobber
    takes_resume = 1 << 4,          // --resume
    takes_seed = 1 << 5,            // --seed
    takes_speed = 1 << 6,           // --threads, --kernel
    takes_plugins = 1 << 7,         // --plugin-path
    takes_trust = 1 << 8,           // --trust
    takes_grace = 1 << 9,           // --grace
    takes_stats = 1 << 10,          // --stats
    takes_metrics = 1 << 11,        // --metrics
    takes_output = takes_dry_run | takes_no_clobber,
    takes_files = takes_plugins | takes_trust,
    takes_pipeline = (1 << 12) - 1,  // of a verb that is a pipeline: all
};

struct Verb {
    std::string_view name, usage, summary, example;
    int (*run)(CommandLine& line);  // returns the exit code, throws Error
    unsigned takes = takes_none;    // of Takes
};

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
