// The one place that writes PNG. One rule: the file appears when it is whole (temp, fsync, rename),
// and its bytes depend on nothing but the pixels and the texts.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "pipeline/pictures/image.hpp"

namespace narrows::pictures {

using Texts = std::vector<std::pair<std::string, std::string>>;  // keyword (Latin, <= 79), UTF-8

// The file's bytes: 8 bits a channel, one channel where every pixel is grey.
NARROWS_PUBLIC std::string encode_png(const Image& image, const Texts& texts = {});
// Throws Error: Fault::usage where the place cannot be written, Fault::run when writing failed.
NARROWS_PUBLIC void write_png(const std::filesystem::path& path, const Image& image,
                              const Texts& texts = {});
// Does the name end in ".png", in any case?
NARROWS_PUBLIC bool names_png(std::string_view path);

}  // namespace narrows::pictures
