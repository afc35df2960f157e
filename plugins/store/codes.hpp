// store.codes: latent codes in input order, committed as they come, resumable after a kill.
#pragma once

#include <memory>

#include "pipeline/storage/array_file.hpp"
#include "plugins/store/code_table.hpp"

namespace narrows::plugins {

class StoreCodes final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;
    void stopped(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    storage::CodesLayout layout(const RunContext& run) const;

    void write_table(Context& context);
    const float* values(Context& context, bool there, std::string_view port) const;

    std::string file_, part_;
    std::int64_t all_rows_ = 0;
    bool live_ = false, append_ = false;
    std::int64_t rows_before_ = 0;  // of the file that is appended to
    bool has_error_ = false, has_indices_ = false, has_log_variance_ = false, has_draws_ = false;
    std::unique_ptr<storage::CodesWriter> writer_;
    std::unique_ptr<CodeTable> table_;  // instead: .csv, .npy
};

}  // namespace narrows::plugins
