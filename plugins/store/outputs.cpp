#include "plugins/store/outputs.hpp"

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/part.hpp"

namespace narrows::plugins {

void check_output(const std::filesystem::path& path, const RunContext& run) {
    std::error_code ignored;
    if (run.no_clobber() && std::filesystem::exists(path, ignored))
        throw Error(Fault::usage, "output \"" + path.string() + "\" exists and is to be kept",
                    "choose another name, or leave --no-clobber out");
    const storage::AtomicFile probe(path);
}

model::Autoencoder* bound_autoencoder(Model* model) {
    return dynamic_cast<model::Autoencoder*>(model);
}

std::vector<std::pair<std::string, storage::Attribute>> origin_of(const RunContext& run) {
    // HDF5 keeps an attribute in one message of at most 64 KiB.
    constexpr std::size_t longest_pipeline = 60000;
    std::vector<std::pair<std::string, storage::Attribute>> attributes;
    if (const auto* model = bound_autoencoder(run.model())) {
        attributes.emplace_back("model_sha256", model->sha256());
        for (const auto& [name, value] : model->code_notes()) attributes.emplace_back(name, value);
    }
    if (!run.pipeline_text().empty() && run.pipeline_text().size() <= longest_pipeline)
        attributes.emplace_back("pipeline", std::string(run.pipeline_text()));
    return attributes;
}

std::vector<std::pair<std::string, storage::Attribute>> part_attributes(const std::string& part,
                                                                        std::int64_t all_rows,
                                                                        std::int64_t samples) {
    if (part.empty()) return {};
    const storage::Part which = storage::parse_part(part);
    const storage::PartRows rows = rows_of(which, all_rows);
    if (samples == rows.last - rows.first) return attributes_of(which, all_rows);
    throw Error(Fault::usage,
                "part " + part + " of " + std::to_string(all_rows) + " rows has " +
                    std::to_string(rows.last - rows.first) + ", but " + std::to_string(samples) +
                    " samples come",
                "give the same part as the node that reads, and the rows of its data");
}

void refuse_gap(const Context& context, std::int64_t done, const std::string& file) {
    if (context.place().first <= done) return;
    context.fail("rows " + std::to_string(done) + " to " +
                     std::to_string(context.place().first - 1) + " of \"" + file + "\" never came",
                 "every sample must reach this node: do not drop rows on the way");
}

}  // namespace narrows::plugins
