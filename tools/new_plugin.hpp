// The files of a new plugin: one node, its build, and a test that runs it.
#pragma once

#include <string>
#include <vector>

namespace narrows::tools {

struct NewFile {
    std::string name, text;
};
std::vector<NewFile> new_plugin(const std::string& name);

}  // namespace narrows::tools
