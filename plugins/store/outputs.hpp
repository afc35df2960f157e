// What the sinks share: the checks of an output before a long run, and what their files say about
// the run that made them.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/node.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::model {
class Autoencoder;
}

namespace narrows::plugins {

// Refuses what cannot be written, and an existing file under --no-clobber. Fault::usage.
void check_output(const std::filesystem::path& path, const RunContext& run);

// restore() of a sink whose file is written in one go, FileInfo or layout as `wanted`: is it the
// finished one of this run already?
template <class Wanted>
bool restore_finished(const std::filesystem::path& path, const Wanted& wanted, RunContext& run) {
    if (!storage::finished_before(path, wanted)) return false;
    run.progress().samples_seen = static_cast<std::uint64_t>(run.samples());
    run.progress().complete = true;
    return true;
}

model::Autoencoder* bound_autoencoder(Model* model);  // null: none, or of another type

// Root attributes: the model's hash when one is bound, what nodes noted of its codes, and the
// resolved pipeline.
std::vector<std::pair<std::string, storage::Attribute>> origin_of(const RunContext& run);

// The attributes of a sink whose rows are part "2/4" of `all_rows`; none where part is empty, all.
// Throws Error{Fault::usage}: nonsense, or another number of samples than that part has.
std::vector<std::pair<std::string, storage::Attribute>> part_attributes(const std::string& part,
                                                                        std::int64_t all_rows,
                                                                        std::int64_t samples);

// Rows are placed by their number in the stream, so a gap would be rows of nothing.
void refuse_gap(const Context& context, std::int64_t done, const std::string& file);

}  // namespace narrows::plugins
