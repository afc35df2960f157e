// codec.compress: samples or codes as a compressed file (pipeline/codec). The rows wait beside
// FILE, under a hidden name, because ranges and models are of all of them; when the stream has
// ended they are compressed chunk by chunk, and FILE appears.
#pragma once

#include <filesystem>

#include "pipeline/codec/container.hpp"
#include "pipeline/storage/atomic_file.hpp"

namespace narrows::plugins {

class Compress final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    storage::CodesLayout layout(const RunContext& run) const;
    void discard() noexcept;

    std::string file_, bound_, prefer_, dataset_;
    double value_ = 1e-3, budget_ = 60;
    std::int64_t chunk_rows_ = 0;
    std::unique_ptr<storage::OutputClaim> claim_;
    std::filesystem::path waiting_;  // rows, until all are there; empty: none
    std::unique_ptr<storage::CodesWriter> rows_;
};

}  // namespace narrows::plugins
