// The component types known here, and the plugins that brought them. Thread-safe once loaded.
// One rule: a plugin's descriptor (ELF note) is checked before any of its code runs.
#pragma once

#include <filesystem>
#include <map>

#include "pipeline/plugin.hpp"

namespace narrows::registry {

struct PortInfo {
    std::string name, type, doc;
    Need need = Need::required;
};

// A Parameter with owned texts.
struct ParameterInfo {
    std::string name, doc, unit;
    ParameterKind kind = ParameterKind::text;
    Value fallback;
    bool required = false;
    double low = 0, high = 0;
    std::vector<std::string> choices;
    void (*set)(Component&, const Value&) = nullptr;
};

struct NARROWS_PUBLIC TypeInfo {
    Kind kind = Kind::node;
    std::string type, summary, plugin, main;
    Threads threads = Threads::serial;
    bool source = false, updates_model = false;
    std::optional<Need> model;  // binds a model: required or optional
    std::vector<PortInfo> inputs, outputs;
    std::vector<ParameterInfo> parameters;
    std::unique_ptr<Component> (*create)() = nullptr;

    const PortInfo* input(std::string_view name) const;
    const PortInfo* output(std::string_view name) const;
    const ParameterInfo* parameter(std::string_view name) const;
};

struct PluginRecord {
    std::string name, version, summary;
    std::filesystem::path path;  // empty: built in
    std::vector<std::string> types;
};

class NARROWS_PUBLIC Registry final : public Factory {
public:
    Registry();
    ~Registry() override;
    // Loads every narrows_*.so of a folder in name order; a missing folder is no error.
    void load_folder(const std::filesystem::path& folder);
    // Throws Error{Fault::plugin} with both versions and the path when the note does not fit.
    void load(const std::filesystem::path& file);
    void add(const PluginInfo& plugin, std::filesystem::path path = {});  // built in, and tests

    const TypeInfo* find(Kind kind, std::string_view type) const;
    std::vector<const TypeInfo*> types(Kind kind) const;  // sorted by name
    const std::vector<PluginRecord>& plugins() const { return plugins_; }
    const std::vector<std::filesystem::path>& searched() const { return searched_; }

    // Makes a component and sets all its parameters: the given ones and the others' defaults.
    // Errors: unknown type or parameter (with suggestion), wrong kind of value, out of range,
    // missing required: Error{Fault::usage} with the setting's position.
    std::unique_ptr<Component> create(Kind kind, std::string_view type,
                                      std::span<const Setting> settings) const override;
    std::vector<Complete> complete(Kind kind, std::string_view type,
                                   std::span<const Setting> settings) const override;

private:
    std::map<std::pair<Kind, std::string>, TypeInfo, std::less<>> types_;
    std::vector<PluginRecord> plugins_;
    std::vector<std::filesystem::path> searched_;
};

// $NARROWS_PLUGIN_PATH, the given folders, then the folder beside the command.
NARROWS_PUBLIC std::vector<std::filesystem::path> plugin_folders(
    std::span<const std::string> given);

// Does a value of a parameter fit? Empty, or the complaint ("must lie in [0, 10], found 11").
NARROWS_PUBLIC std::string complaint(const ParameterInfo& parameter, const Value& value);

}  // namespace narrows::registry
