#include "pipeline/pictures/png.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <spng.h>

#include "pipeline/storage/atomic_file.hpp"

namespace narrows::pictures {
namespace {

void check(int state) {
    if (state != 0)
        throw Error(Fault::run, fmt::format("cannot encode the picture: {}", spng_strerror(state)));
}

void set_texts(spng_ctx* png, const Texts& texts) {
    if (texts.empty()) return;
    std::string nothing;
    std::vector<spng_text> all;
    for (const auto& [keyword, text] : texts) {
        spng_text one{};
        keyword.copy(one.keyword, sizeof one.keyword - 1);
        one.type = SPNG_ITXT;
        one.length = text.size();
        one.text = const_cast<char*>(text.c_str());  // spng copies it
        one.language_tag = one.translated_keyword = nothing.data();
        all.push_back(one);
    }
    check(spng_set_text(png, all.data(), static_cast<std::uint32_t>(all.size())));
}

}  // namespace

std::string encode_png(const Image& image, const Texts& texts) {
    const std::vector<Colour>& pixels = image.pixels();
    const bool grey = std::all_of(pixels.begin(), pixels.end(), [](const Colour& c) {
        return c.red == c.green && c.green == c.blue;
    });
    std::vector<std::uint8_t> bytes;
    bytes.reserve(pixels.size() * (grey ? 1 : 3));
    for (const Colour& c : pixels) {
        bytes.push_back(c.red);
        if (!grey) bytes.insert(bytes.end(), {c.green, c.blue});
    }
    const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> png(spng_ctx_new(SPNG_CTX_ENCODER),
                                                             &spng_ctx_free);
    check(spng_set_option(png.get(), SPNG_ENCODE_TO_BUFFER, 1));
    spng_ihdr header{};
    header.width = static_cast<std::uint32_t>(image.width());
    header.height = static_cast<std::uint32_t>(image.height());
    header.bit_depth = 8;
    header.color_type = grey ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
    check(spng_set_ihdr(png.get(), &header));
    set_texts(png.get(), texts);
    check(spng_encode_image(png.get(), bytes.data(), bytes.size(), SPNG_FMT_PNG,
                            SPNG_ENCODE_FINALIZE));
    std::size_t size = 0;
    int state = 0;
    const std::unique_ptr<void, void (*)(void*)> buffer(
        spng_get_png_buffer(png.get(), &size, &state), &std::free);
    check(state);
    return {static_cast<const char*>(buffer.get()), size};
}

void write_png(const std::filesystem::path& path, const Image& image, const Texts& texts) {
    storage::write_text_atomically(path, encode_png(image, texts));
}

bool names_png(std::string_view path) {
    constexpr std::string_view ending = ".png";
    return path.size() > ending.size() &&
           std::equal(ending.begin(), ending.end(), path.end() - ending.size(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

}  // namespace narrows::pictures
