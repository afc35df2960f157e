// store.table: one line a sample, as CSV or (FILE.h5) as columns of an HDF5 file.
#pragma once

#include <fstream>
#include <memory>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/atomic_file.hpp"

namespace narrows::plugins {

class StoreTable final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    void start_text();
    bool as_arrays() const { return file_.ends_with(".h5"); }
    storage::CodesLayout layout(const RunContext& run) const;
    void write_text(Context& context);
    void write_arrays(Context& context);

    std::string file_;
    std::vector<std::string> names_, ports_;
    std::unique_ptr<storage::AtomicFile> target_;  // CSV
    std::ofstream text_;
    std::unique_ptr<storage::CodesWriter> arrays_;  // HDF5
};

}  // namespace narrows::plugins
