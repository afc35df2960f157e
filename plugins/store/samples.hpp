// store.samples: what flows, as a narrows-dataset; reconstructions go back to the scale and type of
// the data that the model was trained on.
#pragma once

#include <memory>
#include <optional>

#include "pipeline/model/scaling.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::plugins {

class StoreSamples final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    storage::DatasetLayout layout(const RunContext& run) const;
    std::vector<std::byte> packed(Context& context, std::int64_t first, std::int64_t count) const;

    std::string file_, type_;
    std::int64_t level_ = 0;
    bool restore_ = false, has_labels_ = false;
    storage::Numeric stored_ = storage::Numeric::f32;
    std::optional<model::Scaling> scaling_;  // with restore: of the model
    std::unique_ptr<storage::DatasetWriter> writer_;
};

}  // namespace narrows::plugins
