// PNG files of strangers in a folder: read or refused. Checksums are put right again, so that
// damage reaches what they guard.
#include <zlib.h>

#include <filesystem>

#include "datasets/dataset.hpp"
#include "pipeline/pictures/png.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;

namespace {

namespace fs = std::filesystem;

// A folder with one picture, which is the file in memory.
class PictureFolder {
public:
    PictureFolder() {
        std::string name = (fs::temp_directory_path() / "narrows-fuzz-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
        fs::create_symlink(file.path(), path_ / "a.png");
    }
    ~PictureFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fuzz::MemoryFile file;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char byte : bytes.substr(0, 4))
        value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

// PNG, section 5: after 8 bytes chunks of length, type, data and CRC of type and data.
std::string with_checksums(std::string_view input) {
    std::string png(input);
    for (std::size_t at = 8; at + 12 <= png.size();) {
        const std::size_t bytes = big_endian(std::string_view(png).substr(at));
        if (bytes > png.size() - at - 12) break;
        const auto sum = static_cast<std::uint32_t>(::crc32(
            0, reinterpret_cast<const Bytef*>(png.data() + at + 4), static_cast<uInt>(bytes + 4)));
        for (unsigned i = 0; i < 4; ++i)
            png[at + 8 + bytes + i] = static_cast<char>(sum >> (24 - 8 * i));
        at += bytes + 12;
    }
    return png;
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    std::vector<std::string> seeds;
    for (const bool grey : {true, false}) {
        pictures::Image image(9, 7, pictures::white);
        for (std::int64_t y = 0; y < 7; ++y)
            for (std::int64_t x = 0; x < 9; ++x) {
                const auto level = static_cast<std::uint8_t>(x * 20);
                const auto other = static_cast<std::uint8_t>(grey ? x * 20 : y * 30);
                image.set(x, y, {level, other, level});
            }
        seeds.push_back(pictures::encode_png(image, {{"Title", "a picture"}}));
    }
    return seeds;
}

void fuzz::run(std::string_view input) {
    static const PictureFolder folder;
    folder.file.put(with_checksums(input));
    datasets::DataSpec spec;
    spec.file = folder.path();
    spec.format = "png";
    try {
        const auto data = datasets::open({&spec, 1}, 1u << 20);
        if (data->rows() != 1) fail("not one picture");
        std::vector<float> values(static_cast<std::size_t>(data->sample().elements()));
        data->read(0, 1, values.data());
    } catch (const Error&) {
    }
}
