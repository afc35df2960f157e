// A host of one node without an engine: loads the store plugin, sets parameters, hands in packets.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/plugin.hpp"

namespace store_test {

using Values =
    std::map<std::string, std::variant<std::string, std::int64_t, bool, std::vector<std::string>>>;

// A node of the plugin with these parameters, all others at their defaults.
std::unique_ptr<narrows::Node> make_node(const std::string& type, const Values& values);

// What the run is, for all contexts.
struct Run {
    narrows::Mode mode = narrows::Mode::stream;
    std::int64_t samples = 0;
    std::map<std::string, narrows::Shape> shapes;  // of connected inputs, batch in front
    narrows::Model* model = nullptr;
    std::string pipeline = "schema = 1\n[run]\nseed = 1\n";
    narrows::Progress progress;
    bool best = false, resuming = false, no_clobber = false;
    std::map<std::string, double> numbers;
    std::map<std::string, std::string> texts;
};

// One packet: rows first ... first+count-1 of the inputs' data.
struct Packet {
    narrows::Context::Place place;
    std::map<std::string, const void*> inputs;
    std::vector<std::int64_t> ids;
    narrows::Progress progress;  // behind an update: with this packet's
};

void open(narrows::Node& node, Run& run);
bool restore(narrows::Node& node, Run& run);
void start(narrows::Node& node, Run& run);
void process(narrows::Node& node, Run& run, const Packet& packet);
void epoch_end(narrows::Node& node, Run& run);
void finish(narrows::Node& node, Run& run);
void stopped(narrows::Node& node, Run& run);
void abandon(narrows::Node& node, Run& run);

}  // namespace store_test
