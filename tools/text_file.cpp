#include "tools/text_file.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <istream>

#include <fmt/format.h>

#include "pipeline/node.hpp"

namespace narrows::tools {
namespace {

constexpr std::size_t most_bytes = std::size_t{16} << 20;

std::string read_all(std::istream& in, const std::string& path) {
    std::string text;
    char buffer[65536];
    while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
        text.append(buffer, static_cast<std::size_t>(in.gcount()));
        if (text.size() > most_bytes)
            throw Error(Fault::input,
                        fmt::format("\"{}\" is larger than 16 MiB: no pipeline", path));
    }
    return text;
}

}  // namespace

std::string read_text(const std::string& path) {
    if (path == "-") return read_all(std::cin, path);
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw Error(Fault::input, fmt::format("\"{}\" is a folder, not a pipeline file", path));
    std::ifstream in(path, std::ios::binary);
    if (!in) throw Error(Fault::input, fmt::format("\"{}\": no such file, or not readable", path));
    return read_all(in, path);
}

}  // namespace narrows::tools
