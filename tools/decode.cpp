#include <filesystem>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

// The hash that an HDF5 file of ours names; empty: none.
std::string model_hash_of(const std::string& file) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored) || !storage::is_hdf5(file)) return {};
    const storage::FileInfo info = storage::look(file);
    const std::string* hash = storage::text_attribute(info.attributes, "model_sha256");
    return hash == nullptr ? std::string() : *hash;
}

std::string short_hash(const std::string& hash) {
    constexpr std::size_t shown = 12;  // enough to tell models apart
    return hash.substr(0, shown);
}

// Another model of the same shape would decode these codes, to nonsense.
void refuse_other_codes(const recipes::StreamOptions& options) {
    const std::string model = model_hash_of(options.model);
    if (model.empty()) return;
    for (const std::string& data : options.source.data) {
        const std::string file = datasets::parse_data(data).file;
        const std::string codes = model_hash_of(file);
        if (codes.empty() || codes == model) continue;
        throw Error(Fault::input,
                    fmt::format("the codes in \"{}\" are of model {}..., \"{}\" is model {}...",
                                file, short_hash(codes), options.model, short_hash(model)),
                    fmt::format("give -m the model with the hash {}...: narrows info M.h5 shows "
                                "model_sha256",
                                short_hash(codes)));
    }
}

}  // namespace

int decode(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    level_option(line, options);
    line.parse();
    finish_options(line.common(), options);
    refuse_classifier(options.model, classes_instead);
    refuse_other_codes(options);
    return run_pipeline(line.common(), {"decode", recipes::decode(options), "decode", {}});
}

}  // namespace narrows::tools
