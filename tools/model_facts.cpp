#include "tools/model_facts.hpp"

#include <fmt/format.h>

#include "pipeline/storage/array_file.hpp"

namespace narrows::tools {

std::string stored_pipeline(const std::string& file) {
    const storage::ArrayFile stored(file);
    const storage::FileInfo info = stored.look();
    if (const std::string* text = storage::text_attribute(info.attributes, "pipeline"))
        return *text;
    for (const storage::ArrayInfo& array : info.arrays) {
        if (array.path != "/config" || array.type != storage::Numeric::u8 ||
            array.shape.rank() != 1)
            continue;
        std::string text(static_cast<std::size_t>(array.shape[0]), '\0');
        stored.open(array.path)->read(0, array.shape[0], reinterpret_cast<std::byte*>(text.data()));
        return text;
    }
    throw Error(Fault::input, fmt::format("\"{}\" holds no pipeline", file),
                "files that narrows wrote do; narrows info shows what is there");
}

}  // namespace narrows::tools
