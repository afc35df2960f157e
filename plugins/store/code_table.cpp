#include "plugins/store/code_table.hpp"

#include <bit>
#include <charconv>

namespace narrows::plugins {
namespace {

// The shortest text that reads back as the same float.
void append(std::string& line, float value) {
    char digits[32];
    line += ',';
    line.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::string head_of_text(const CodeTable::Columns& columns) {
    std::string line = "id";
    const auto names = [&](char letter) {
        for (std::int64_t i = 0; i < columns.code.elements(); ++i)
            line += std::string(",") + letter + std::to_string(i);
    };
    names('z');
    if (columns.log_variance) names('v');
    return line + (columns.error ? ",sse\n" : "\n");
}

// Format 1.0: magic, version, length of the header, a Python literal, padded to 64 bytes.
std::string head_of_npy(const CodeTable::Columns& columns) {
    std::string shape = std::to_string(columns.rows) + ",";
    for (const std::int64_t extent : columns.code) shape += " " + std::to_string(extent) + ",";
    std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
    constexpr std::size_t before = 10, block = 64;
    text.append(block - (before + text.size() + 1) % block, ' ');
    text += '\n';
    std::string out = "\x93NUMPY";
    out += '\x01';
    out += '\0';
    out += static_cast<char>(text.size() & 255);
    out += static_cast<char>(text.size() >> 8);
    return out + text;
}

}  // namespace

bool CodeTable::names_table(const std::string& file) {
    return file.ends_with(".csv") || file.ends_with(".npy");
}

CodeTable::CodeTable(const std::string& file, const Columns& columns)
    : file_(file), columns_(columns), text_(file.ends_with(".csv")), target_(file) {
    static_assert(std::endian::native == std::endian::little);
    out_.open(target_.temporary(), std::ios::binary);
    out_ << (text_ ? head_of_text(columns) : head_of_npy(columns));
}

void CodeTable::write(std::span<const std::int64_t> ids, const float* codes,
                      const float* log_variance, const float* error) {
    const auto width = static_cast<std::size_t>(columns_.code.elements());
    done_ += static_cast<std::int64_t>(ids.size());
    if (!text_) {
        out_.write(reinterpret_cast<const char*>(codes),
                   static_cast<std::streamsize>(ids.size() * width * sizeof(float)));
        return;
    }
    std::string lines;
    for (std::size_t row = 0; row < ids.size(); ++row) {
        lines += std::to_string(ids[row]);
        for (std::size_t i = 0; i < width; ++i) append(lines, codes[row * width + i]);
        for (std::size_t i = 0; log_variance != nullptr && i < width; ++i)
            append(lines, log_variance[row * width + i]);
        if (error != nullptr) append(lines, error[row]);
        lines += '\n';
    }
    out_.write(lines.data(), static_cast<std::streamsize>(lines.size()));
}

void CodeTable::commit() {
    out_.close();
    if (!out_)
        throw Error(Fault::run, "cannot write \"" + file_ + "\"",
                    "check the disk and its free space");
    if (done_ != columns_.rows)
        throw Error(Fault::run, "\"" + file_ + "\" was to get " + std::to_string(columns_.rows) +
                                    " rows, but " + std::to_string(done_) + " came");
    target_.commit();
}

}  // namespace narrows::plugins
