#include "pipeline/registry/registry.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "pipeline/registry/plugin_file.hpp"
#include "pipeline/registry/suggest.hpp"

namespace narrows::registry {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        if (end > 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

// Takes down what a component's describe() says.
class Recorder final : public Schema {
public:
    explicit Recorder(TypeInfo& info) : info_(info) {}
    Schema& summary(std::string_view text) override {
        info_.summary = text;
        return *this;
    }
    Schema& threads(Threads threads) override {
        info_.threads = threads;
        return *this;
    }
    Schema& source() override {
        info_.source = true;
        return *this;
    }
    Schema& binds_model(Need need) override {
        info_.model = need;
        return *this;
    }
    Schema& updates_model() override {
        info_.updates_model = true;
        return *this;
    }
    Schema& in(std::string_view port, std::string_view type, std::string_view doc,
               Need need) override {
        info_.inputs.push_back({std::string(port), std::string(type), std::string(doc), need});
        return *this;
    }
    Schema& out(std::string_view port, std::string_view type, std::string_view doc) override {
        info_.outputs.push_back(
            {std::string(port), std::string(type), std::string(doc), Need::optional});
        return *this;
    }
    Schema& parameter(const Parameter& p) override {
        info_.parameters.push_back({std::string(p.name), std::string(p.doc), std::string(p.unit),
                                    p.kind, p.fallback, p.required, p.low, p.high,
                                    split(p.choices, '|'), p.set});
        return *this;
    }
    Schema& main(std::string_view parameter) override {
        info_.main = parameter;
        return *this;
    }

private:
    TypeInfo& info_;
};

template <class List>
auto* find_named(List& list, std::string_view name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
    return found == list.end() ? nullptr : &*found;
}

// PREFIX/lib/narrows of the command; of a program elsewhere the folder beside this library, which
// may lie in lib/TRIPLET.
std::filesystem::path own_plugins() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto of_command = self.parent_path().parent_path() / "lib" / "narrows";
    if (!error && std::filesystem::is_directory(of_command, error)) return of_command;
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void*>(&own_plugins), &info) != 0 &&
        info.dli_fname != nullptr) {
        const auto library = std::filesystem::weakly_canonical(info.dli_fname, error).parent_path();
        for (const auto& folder : {library / "narrows", library.parent_path() / "narrows"})
            if (std::filesystem::is_regular_file(folder / "narrows_load.so", error)) return folder;
    }
    return of_command;
}

}  // namespace

const PortInfo* TypeInfo::input(std::string_view name) const {
    return find_named(inputs, name);
}
const PortInfo* TypeInfo::output(std::string_view name) const {
    return find_named(outputs, name);
}
const ParameterInfo* TypeInfo::parameter(std::string_view name) const {
    return find_named(parameters, name);
}

Registry::Registry() = default;
Registry::~Registry() = default;

void Registry::load_folder(const std::filesystem::path& folder) {
    searched_.push_back(folder);
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("narrows_") && name.ends_with(".so")) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) load(file);
}

// A folder may be named twice, by an option and as the place beside the command.
void Registry::load(const std::filesystem::path& file) {
    std::error_code ignored;
    for (const PluginRecord& known : plugins_)
        if (!known.path.empty() && std::filesystem::equivalent(known.path, file, ignored)) return;
    const auto note = read_note(file);
    if (!note)
        throw Error(Fault::plugin, "plugin " + file.string() + " is not a narrows plugin",
                    "it has no narrows note: build it with narrows_add_plugin()");
    check_note(*note, file);
    // Never closed: types, texts and code of a plugin live as long as the process.
    void* library = dlopen(std::filesystem::absolute(file).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* reason = dlerror();
        throw Error(Fault::plugin, "plugin " + file.string() + " cannot be loaded: " +
                                       (reason ? reason : "no reason given"));
    }
    using Function = const PluginInfo* (*)();
    const auto function = reinterpret_cast<Function>(dlsym(library, "narrows_plugin"));
    if (function == nullptr)
        throw Error(Fault::plugin, "plugin " + file.string() + " has no function narrows_plugin",
                    "end one of its sources with NARROWS_PLUGIN(...)");
    add(*function(), file);
}

void Registry::add(const PluginInfo& plugin, std::filesystem::path path) {
    PluginRecord record{std::string(plugin.name),
                        std::string(plugin.version),
                        std::string(plugin.summary),
                        std::move(path),
                        {}};
    for (const Entry& entry : std::span(plugin.entries, plugin.entry_count)) {
        TypeInfo info;
        info.kind = entry.kind;
        info.type = entry.type;
        info.plugin = plugin.name;
        info.create = entry.create;
        Recorder recorder(info);
        entry.describe(recorder);
        const auto [known, is_new] =
            types_.try_emplace({entry.kind, std::string(entry.type)}, std::move(info));
        if (!is_new)
            throw Error(Fault::plugin,
                        std::string(to_string(entry.kind)) + " type \"" + std::string(entry.type) +
                            "\" comes from two plugins: " + known->second.plugin + " and " +
                            record.name +
                            (record.path.empty() ? "" : " (" + record.path.string() + ")"),
                        "remove one of them from the plugin folders");
        record.types.emplace_back(entry.type);
    }
    plugins_.push_back(std::move(record));
}

const TypeInfo* Registry::find(Kind kind, std::string_view type) const {
    const auto found = types_.find(std::pair{kind, std::string(type)});
    return found == types_.end() ? nullptr : &found->second;
}

std::vector<const TypeInfo*> Registry::types(Kind kind) const {
    std::vector<const TypeInfo*> list;
    for (const auto& [key, info] : types_)
        if (key.first == kind) list.push_back(&info);
    return list;
}

std::unique_ptr<Component> Registry::create(Kind kind, std::string_view type,
                                            std::span<const Setting> settings) const {
    const TypeInfo* info = find(kind, type);
    if (info == nullptr) {
        std::vector<std::string> known;
        for (const auto* other : types(kind)) known.push_back(other->type);
        const std::string close = did_you_mean(type, known);
        throw Error(Fault::usage,
                    "no " + std::string(to_string(kind)) + " type \"" + std::string(type) + "\"",
                    close.empty()
                        ? "narrows plugins -v shows which plugins are there, and the folders that "
                          "were searched"
                        : close);
    }
    auto component = info->create();
    for (const auto& parameter : info->parameters)
        if (!parameter.required) parameter.set(*component, parameter.fallback);
    for (const auto& setting : settings) {
        const ParameterInfo* parameter = info->parameter(setting.name);
        if (parameter == nullptr) {
            std::vector<std::string> known;
            for (const auto& other : info->parameters) known.push_back(other.name);
            throw Error(Fault::usage, info->type + " has no parameter \"" + setting.name + "\"",
                        did_you_mean(setting.name, known), setting.position);
        }
        if (const auto text = complaint(*parameter, setting.value); !text.empty())
            throw Error(Fault::usage, "parameter \"" + setting.name + "\" " + text, {},
                        setting.position);
        parameter->set(*component, setting.value);
    }
    for (const auto& parameter : info->parameters)
        if (parameter.required &&
            std::none_of(settings.begin(), settings.end(),
                         [&](const auto& s) { return s.name == parameter.name; }))
            throw Error(Fault::usage,
                        info->type + " needs the parameter \"" + parameter.name + "\"");
    return component;
}

std::vector<Factory::Complete> Registry::complete(Kind kind, std::string_view type,
                                                  std::span<const Setting> settings) const {
    const TypeInfo* info = find(kind, type);
    if (info == nullptr)
        throw Error(Fault::usage,
                    "no " + std::string(to_string(kind)) + " type \"" + std::string(type) + "\"");
    std::vector<Complete> all;
    for (const ParameterInfo& parameter : info->parameters) {
        const Value* value = &parameter.fallback;
        for (const Setting& setting : settings)
            if (setting.name == parameter.name) value = &setting.value;
        all.push_back({parameter.name, parameter.kind, *value});
    }
    return all;
}

std::vector<std::filesystem::path> plugin_folders(std::span<const std::string> given) {
    std::vector<std::filesystem::path> folders(given.begin(), given.end());
    if (const char* path = std::getenv("NARROWS_PLUGIN_PATH"))
        for (auto& folder : split(path, ':')) folders.emplace_back(folder);
    if (auto own = own_plugins(); !own.empty()) folders.push_back(std::move(own));
    return folders;
}

std::string complaint(const ParameterInfo& parameter, const Value& value) {
    const auto number_text = [](double number) {
        std::string text = std::to_string(number);
        text.erase(text.find_last_not_of('0') + 1);
        if (text.ends_with('.')) text.pop_back();
        return std::abs(number) >= 1e15 || (number != 0 && std::abs(number) < 1e-5)
                   ? [&] { char buffer[32]; std::snprintf(buffer, sizeof buffer, "%g", number); return std::string(buffer); }()
                   : text;
    };
    const auto outside = [&](double number) {
        return number >= parameter.low && number <= parameter.high
                   ? std::string{}
                   : "must lie in [" + number_text(parameter.low) + ", " +
                         number_text(parameter.high) + "], found " + number_text(number);
    };
    switch (parameter.kind) {
        case ParameterKind::integer:
            return outside(static_cast<double>(value.integer));
        case ParameterKind::number:
            return outside(value.number);
        case ParameterKind::choice: {
            if (std::find(parameter.choices.begin(), parameter.choices.end(), value.text) !=
                parameter.choices.end())
                return {};
            std::string list;
            for (const auto& choice : parameter.choices)
                list += (list.empty() ? "" : ", ") + choice;
            return "must be one of " + list + "; found \"" + value.text + "\"";
        }
        default:
            return {};
    }
}

}  // namespace narrows::registry
