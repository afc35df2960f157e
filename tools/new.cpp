#include <filesystem>

#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"
#include "tools/new_plugin.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

namespace fs = std::filesystem;

// A C++ identifier, a file name and a node type's first word at once.
void check_name(const std::string& name) {
    bool fits = !name.empty() && name.size() <= 24 && name[0] >= 'a' && name[0] <= 'z';
    for (const char c : name)
        fits = fits && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    if (!fits)
        throw Error(Fault::usage, fmt::format("\"{}\" cannot name a plugin or pipeline", name),
                    "use up to 24 small letters, digits and _, starting with a letter");
}

void refuse_existing(const fs::path& path) {
    std::error_code ignored;
    if (fs::exists(path, ignored))
        throw Error(Fault::usage, fmt::format("\"{}\" is there already", path.string()),
                    "choose another name, or remove it");
}

}  // namespace

int make_new(CommandLine& line) {
    std::string what, name;
    line.positional("KIND", what, "plugin or pipeline");
    line.offer("KIND", {"plugin", "pipeline"});
    line.positional("NAME", name, "of the folder or file");
    line.parse();
    const Common& common = line.common();
    if (what != "plugin" && what != "pipeline")
        throw Error(Fault::usage,
                    fmt::format("new makes a plugin or a pipeline, not a \"{}\"", what));
    check_name(name);
    if (what == "pipeline") {
        const fs::path file = name + ".toml";
        refuse_existing(file);
        if (common.dry_run) return 0;
        storage::write_text_atomically(file, recipes::starter(name));
        say(common,
            fmt::format("wrote {0}\nnext: narrows check {0} && narrows run {0}", file.string()));
        return 0;
    }
    refuse_existing(name);
    if (common.dry_run) return 0;
    std::error_code error;
    fs::create_directory(name, error);
    if (error)
        throw Error(Fault::usage,
                    fmt::format("output not writable: \"{}\": {}", name, error.message()));
    for (const NewFile& file : new_plugin(name))
        storage::write_text_atomically(fs::path(name) / file.name, file.text);
    say(common,
        fmt::format("wrote {0}/\nnext: cmake -S {0} -B {0}/build && cmake --build {0}/build && "
                    "ctest --test-dir {0}/build",
                    name));
    return 0;
}

}  // namespace narrows::tools
