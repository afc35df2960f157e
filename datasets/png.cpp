// A folder of PNG files as samples, in the order of their names: u8 [rows, columns] or with
// channels. Folders inside are classes.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <spng.h>

#include "datasets/formats.hpp"

namespace narrows::datasets {
namespace {

struct Picture {
    std::uint32_t rows = 0, columns = 0;
    std::int64_t channels = 1;
    std::vector<std::byte> values;
};

// Deflate shrinks to 1/1032 at best: a small file cannot hold a huge picture. Rows have a byte
// more.
bool can_hold(std::uintmax_t file_bytes, const spng_ihdr& header) {
    constexpr std::uint64_t largest_ratio = 1032;
    const bool colours = (header.color_type & SPNG_COLOR_TYPE_TRUECOLOR) != 0;
    const bool palette = header.color_type == SPNG_COLOR_TYPE_INDEXED;
    const bool alpha = (header.color_type & SPNG_COLOR_TYPE_GRAYSCALE_ALPHA) != 0;
    const std::uint64_t channels = (colours && !palette ? 3u : 1u) + (alpha ? 1u : 0u);
    const std::uint64_t row = (header.width * channels * header.bit_depth + 7) / 8 + 1;
    return row * header.height / largest_ratio <= file_bytes;
}

Picture read_png(const std::filesystem::path& path) {
    const auto check = [&](int state) {
        if (state != 0)
            throw Error(
                Fault::input,
                fmt::format("\"{}\" is not a good PNG: {}", path.string(), spng_strerror(state)),
                "leave it out of the folder, or write it again");
    };
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                         &std::fclose);
    if (!file) throw Error(Fault::input, fmt::format("cannot open \"{}\"", path.string()));
    std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> png(spng_ctx_new(0), &spng_ctx_free);
    spng_set_image_limits(png.get(), 1 << 15, 1 << 15);
    check(spng_set_png_file(png.get(), file.get()));
    spng_ihdr header{};
    check(spng_get_ihdr(png.get(), &header));
    Picture picture;
    picture.rows = header.height;
    picture.columns = header.width;
    if (!can_hold(std::filesystem::file_size(path), header))
        throw Error(
            Fault::input,
            fmt::format("\"{}\" says that it has {} x {} pixels, more than its bytes can hold",
                        path.string(), header.width, header.height),
            "leave it out of the folder, or write it again");
    const bool grey = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && header.bit_depth <= 8;
    const int format = grey ? SPNG_FMT_G8 : SPNG_FMT_RGB8;
    picture.channels = grey ? 1 : 3;
    std::size_t size = 0;
    check(spng_decoded_image_size(png.get(), format, &size));
    picture.values.resize(size);
    check(spng_decode_image(png.get(), picture.values.data(), size, format, 0));
    return picture;
}

}  // namespace

std::shared_ptr<const Dataset> open_png_folder(const DataSpec& spec, std::uint64_t budget) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(spec.file))
        if (entry.is_regular_file() && entry.path().extension() == ".png")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty())
        throw Error(Fault::input, fmt::format("the folder \"{}\" has no .png files", spec.file));
    Spool spool(budget);
    LabelReader labels;
    Picture first;
    for (const auto& path : files) {
        Picture picture = read_png(path);
        if (first.rows == 0) first = picture;
        if (picture.rows != first.rows || picture.columns != first.columns ||
            picture.channels != first.channels)
            throw Error(Fault::input,
                        fmt::format("\"{}\" is {}x{}x{}, but \"{}\" is {}x{}x{}", path.string(),
                                    picture.rows, picture.columns, picture.channels,
                                    files[0].string(), first.rows, first.columns, first.channels),
                        "all pictures need one size and kind");
        spool.add(picture.values.data(), picture.values.size());
        if (path.parent_path() != std::filesystem::path(spec.file))
            labels.texts.push_back(path.parent_path().filename().string());
    }
    Companions companions;
    if (labels.texts.size() == files.size()) {
        Labels read = labels.finish();
        companions.labels = std::move(read.values);
        companions.label_names = std::move(read.names);
    }
    RowLayout layout;
    layout.name = short_name(spec.file);
    layout.rows = static_cast<std::int64_t>(files.size());
    layout.sample = {first.rows, first.columns};
    if (first.channels > 1) layout.sample.push_back(first.channels);
    layout.type = storage::Numeric::u8;
    return make_rows(spool.finish(), std::move(layout), std::move(companions));
}

}  // namespace narrows::datasets
