#include "pipeline/program/formats.hpp"

#include "datasets/format.hpp"
#include "pipeline/registry/registry.hpp"

namespace narrows::program {

void offer_formats(std::vector<std::string> plugin_folders) {
    datasets::offer_formats([folders = std::move(plugin_folders)] {
        registry::Registry registry;
        for (const auto& folder : registry::plugin_folders(folders)) registry.load_folder(folder);
        std::vector<datasets::NamedFormat> found;
        for (const registry::TypeInfo* type : registry.types(Kind::format)) {
            std::shared_ptr<const Component> made = registry.create(Kind::format, type->type, {});
            auto format = std::dynamic_pointer_cast<const datasets::Format>(made);
            if (format == nullptr)
                throw Error(Fault::plugin, "format \"" + type->type + "\" of plugin " +
                                               type->plugin + " is no datasets::Format");
            found.push_back({type->type, std::move(format)});
        }
        return found;
    });
}

}  // namespace narrows::program
