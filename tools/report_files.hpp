// The files that a report's parts are measured from, in a folder of their own.
#pragma once

#include <string>
#include <vector>

#include "datasets/dataset.hpp"

namespace narrows::tools {

// A folder that goes with its object.
class ScratchFolder {
public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    std::string file(const std::string& name) const;

private:
    std::string path_;
};

// Rows evenly spread over all.
std::vector<std::int64_t> spread(std::int64_t rows, std::int64_t count);

// These rows as an HDF5 file with their numbers as ids; `labels` of all rows, or empty.
void write_rows(const std::string& file, const datasets::Dataset& data,
                const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& labels,
                const std::vector<std::string>& label_names);
// One value a row, as text with a header.
void write_values(const std::string& file, const std::vector<double>& values,
                  const std::vector<std::int64_t>& rows);

// A PNG's bytes without its texts: they name the folder of the parts.
std::string picture_of(const std::string& file);

}  // namespace narrows::tools
