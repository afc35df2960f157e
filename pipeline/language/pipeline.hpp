// A pipeline as written: what the TOML says, checked, with the place of everything. Plain data.
// One rule: a Pipeline that parse() returned has passed syntax, keys, types, parameters and wiring;
// only files and shapes are still to be found wrong, by the nodes' open().
#pragma once

#include "pipeline/node.hpp"

namespace narrows::language {

struct Connection {
    std::string port;  // of the reading node
    std::string from_node, from_port;
    Position position;  // of the reference's text
};

struct NodeSpec {
    std::string id, type, doc;
    std::vector<Connection> inputs;
    std::string model;              // bound by `model = "NAME"`, may be empty
    std::vector<Setting> settings;  // those that differ from the type's defaults
    Position position;              // of the table's head
    bool sink = false;              // its type has no outputs
};

// Is this parameter the name of a file that the node writes? Files do not store it.
inline bool names_output(const NodeSpec& node, std::string_view parameter) {
    return node.sink && parameter.ends_with("file");
}

// A [[stage]]: some epochs with its own choice of what trains.
struct StageSpec {
    std::string name, model;  // the model that trains; empty: the pipeline's one
    std::int64_t epochs = 1;
    std::vector<std::string> train, freeze;                // "MODEL.LAYER", "MODEL.encoder", ...
    std::vector<std::pair<std::string, Setting>> changes;  // node id -> parameter
    Position position;
};

// [run]: what the run is. `threads`, kernels and paths are not part of it: they change no result.
struct RunSpec {
    Mode mode = Mode::stream;
    std::uint64_t seed = 1;
    std::int64_t epochs = 1;
    std::int64_t in_flight = 0;  // 0: threads + 2 when streaming, 3 when training
    std::int64_t shards = 1;
    std::int64_t patience = 0;  // epochs without a better loss before stopping early; 0: never
};

struct Pipeline {
    std::string source;  // "train.toml", for messages
    std::string text;    // as read
    RunSpec run;
    std::vector<ModelSpec> models;  // in file order
    std::vector<NodeSpec> nodes;    // in file order
    std::vector<StageSpec> stages;
    std::vector<std::string> warnings;  // rendered, with position
};

}  // namespace narrows::language
