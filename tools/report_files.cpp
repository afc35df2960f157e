#include "tools/report_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "pipeline/storage/array_file.hpp"

namespace narrows::tools {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "narrows-report-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw Error(Fault::run, fmt::format("no temporary folder can be made as \"{}\"", name),
                    "TMPDIR names the folder for temporary files");
    path_ = name;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string ScratchFolder::file(const std::string& name) const {
    return path_ + "/" + name;
}

std::vector<std::int64_t> spread(std::int64_t rows, std::int64_t count) {
    const std::int64_t taken = std::min(rows, count);
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < taken; ++i) out.push_back(i * rows / taken);
    return out;
}

void write_rows(const std::string& file, const datasets::Dataset& data,
                const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& labels,
                const std::vector<std::string>& label_names) {
    storage::DatasetLayout layout;
    layout.sample = data.sample();
    const bool as_stored = data.stored_as_read();
    layout.type = as_stored ? data.type() : storage::Numeric::f32;
    layout.rows = static_cast<std::int64_t>(rows.size());
    storage::DatasetWriter writer(file, layout);
    const auto values = static_cast<std::size_t>(data.sample().elements());
    std::vector<std::byte> row(values * storage::size_of(layout.type));
    std::vector<std::int64_t> own;
    for (const std::int64_t at : rows) {
        if (as_stored)
            data.read_stored(at, 1, row.data());
        else
            data.read(at, 1, reinterpret_cast<float*>(row.data()));
        writer.append(row);
        if (!labels.empty()) own.push_back(labels[static_cast<std::size_t>(at)]);
    }
    writer.append_ids(rows);
    if (!own.empty()) writer.append_labels(own);
    if (!own.empty() && !label_names.empty()) writer.label_names(label_names);
    writer.commit();
}

void write_values(const std::string& file, const std::vector<double>& values,
                  const std::vector<std::int64_t>& rows) {
    std::ofstream out(file);
    out << "value\n";
    for (const std::int64_t row : rows)
        out << fmt::format("{}\n", values[static_cast<std::size_t>(row)]);
}

// A PNG without its texts: they name the folder of the parts.
std::string picture_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    constexpr std::size_t signature = 8, around = 12;  // length, kind and checksum of a chunk
    std::string out = all.substr(0, signature);
    for (std::size_t at = signature; at + around <= all.size();) {
        std::size_t length = around;
        for (std::size_t i = 0; i < 4; ++i)
            length += std::size_t{static_cast<unsigned char>(all[at + i])} << (24 - 8 * i);
        const std::string kind = all.substr(at + 4, 4);
        if (kind != "tEXt" && kind != "zTXt" && kind != "iTXt") out += all.substr(at, length);
        at += length;
    }
    return out;
}

}  // namespace narrows::tools
