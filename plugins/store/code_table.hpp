// Codes as a file for other programs, by its ending: .csv (row number, values, error) or .npy (the
// codes alone). One rule: rows come in order, and the file appears when it is whole.
#pragma once

#include <fstream>
#include <memory>
#include <span>
#include <string>

#include "pipeline/node.hpp"
#include "pipeline/storage/atomic_file.hpp"

namespace narrows::plugins {

class CodeTable {
public:
    // Does the name end in .csv or .npy?
    static bool names_table(const std::string& file);

    struct Columns {
        Shape code;  // of one sample
        bool log_variance = false, error = false;
        std::int64_t rows = 0;
    };
    CodeTable(const std::string& file, const Columns& columns);
    // count rows; log_variance and error are null where the table has none.
    void write(std::span<const std::int64_t> ids, const float* codes, const float* log_variance,
               const float* error);
    std::int64_t done() const { return done_; }
    void commit();  // throws Error{Fault::run}: rows are missing, or the disk is full

private:
    std::string file_;
    Columns columns_;
    bool text_;
    std::int64_t done_ = 0;
    storage::AtomicFile target_;
    std::ofstream out_;
};

}  // namespace narrows::plugins
