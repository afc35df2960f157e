// Pictures against pixels counted by hand. What was written is read back as data, by another part
// of the library than the one that wrote it.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "datasets/dataset.hpp"
#include "pipeline/pictures/grid.hpp"
#include "pipeline/pictures/png.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::pictures;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "narrows-pictures-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    fs::path path;
};

struct Read {
    Shape shape;
    std::vector<float> values;
};
Read read_back(const Image& image) {
    const Folder folder;
    write_png(folder.path / "a.png", image, {{"pipeline", "schema = 1\n"}});
    datasets::DataSpec spec;
    spec.file = folder.path.string();
    const auto data = datasets::open({&spec, 1});
    Read read{data->sample(), {}};
    read.values.resize(static_cast<std::size_t>(data->sample().elements()));
    data->read(0, 1, read.values.data());
    return read;
}

Colour grey(std::uint8_t level) {
    return {level, level, level};
}

GridOptions plain(const Shape& sample) {
    GridOptions options;
    options.sample = sample;
    options.scale = 1;
    return options;
}

std::string fault_of(const Shape& sample, Style style) {
    try {
        layout_of(sample, style);
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::usage);
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("a PNG holds the pixels that it was given, grey ones in one channel", "[pictures]") {
    Image image(3, 2, grey(7));
    image.set(2, 0, grey(255));
    const Read one = read_back(image);
    CHECK(one.shape == Shape{2, 3});
    CHECK(one.values == std::vector<float>{7, 7, 255, 7, 7, 7});

    image.set(0, 1, {1, 2, 3});
    const Read three = read_back(image);
    CHECK(three.shape == Shape{2, 3, 3});
    CHECK(three.values == std::vector<float>{7, 7, 7, 7, 7, 7, 255, 255, 255,  //
                                             1, 2, 3, 7, 7, 7, 7, 7, 7});
    CHECK(encode_png(image) == encode_png(image));
    CHECK_THROWS_AS(Image(1 << 15, 1 << 14, white), Error);
}

TEST_CASE("values become the nearest grey level, held within the range", "[pictures]") {
    CHECK(level(0) == 0);
    CHECK(level(0.5) == 128);
    CHECK(level(1) == 255);
    CHECK(level(-3) == 0);
    CHECK(level(7) == 255);
    CHECK(level(100.4 / 255) == 100);
}

TEST_CASE("the field's map grows ever lighter, the diverging one is white in the middle",
          "[pictures]") {
    double before = -1;
    for (int i = 0; i <= 100; ++i) {
        const Colour c = colour_of(Colours::field, i / 100.0);
        const double light = 0.2126 * c.red + 0.7152 * c.green + 0.0722 * c.blue;
        CHECK(light > before);
        before = light;
    }
    CHECK(colour_of(Colours::diverging, 0.5) == white);
    CHECK(colour_of(Colours::diverging, 0).blue > colour_of(Colours::diverging, 0).red);
    CHECK(colour_of(Colours::diverging, 1).red > colour_of(Colours::diverging, 1).blue);
    CHECK(colour_of(Colours::field, std::nan("")) == between);
}

TEST_CASE("a shape says how it is drawn, and a square number of values is no picture",
          "[pictures]") {
    CHECK(layout_of({784}, Style::automatic).curves);
    CHECK(layout_of({140, 1}, Style::automatic).curves);
    CHECK(layout_of({64, 2}, Style::automatic).channels == 2);
    CHECK_FALSE(layout_of({28, 28}, Style::automatic).curves);
    CHECK_FALSE(layout_of({1, 28, 28}, Style::automatic).curves);
    CHECK(layout_of({4, 5, 3}, Style::automatic).rows == 4);
    const SampleLayout first = layout_of({3, 4, 5}, Style::automatic);
    CHECK(first.channels_first);
    CHECK(first.columns == 5);
    CHECK(layout_of({6, 5}, Style::curves).channels == 5);
    CHECK(fault_of({784}, Style::pictures).find("[784]") != std::string::npos);
    CHECK(fault_of({4, 5, 6}, Style::automatic).find("[4, 5, 6]") != std::string::npos);
    CHECK(fault_of({5, 4, 3, 2}, Style::automatic) != "");
    CHECK(fault_of({20, 17}, Style::curves) != "");
}

TEST_CASE("samples stand in rows, each above its pair", "[pictures]") {
    GridOptions options = plain({1, 2, 1});
    options.style = Style::pictures;
    options.sample = {2, 2};
    options.columns = 2;
    const std::vector<float> x{0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0};
    const std::vector<float> below{0.2f, 0, 0, 0, 0.4f, 0, 0, 0, 0.6f, 0, 0, 0};
    const Drawn drawn = draw_grid(options, x, below);
    CHECK(drawn.colours == "grey");
    // Two columns of 2 pixels with 2 between and around; bands of 2 + 2 + 2, 6 between.
    CHECK(drawn.image.width() == 10);
    CHECK(drawn.image.height() == 22);
    CHECK(drawn.image.at(0, 0) == between);
    CHECK(drawn.image.at(2, 2) == grey(0));
    CHECK(drawn.image.at(3, 2) == grey(255));
    CHECK(drawn.image.at(2, 3) == grey(255));
    CHECK(drawn.image.at(6, 2) == grey(255));
    CHECK(drawn.image.at(2, 6) == grey(51));
    CHECK(drawn.image.at(6, 6) == grey(102));
    CHECK(drawn.image.at(2, 14) == grey(0));
    CHECK(drawn.image.at(2, 18) == grey(153));
    CHECK(drawn.image.at(6, 14) == between);  // no fourth sample
}

TEST_CASE("values outside [0, 1] are a field from the lowest to the highest of x", "[pictures]") {
    const std::vector<float> x{260, 270, 280, 300}, below{250, 270, 280, 400};
    const Drawn drawn = draw_grid(plain({2, 2}), x, below);
    CHECK(drawn.colours == "field");
    CHECK(drawn.range.low == 260);
    CHECK(drawn.range.high == 300);
    CHECK(drawn.image.at(2, 2) == colour_of(Colours::field, 0));
    CHECK(drawn.image.at(3, 2) == colour_of(Colours::field, 0.25));
    CHECK(drawn.image.at(2, 6) == colour_of(Colours::field, 0));  // below the range: held
    CHECK(drawn.image.at(3, 7) == colour_of(Colours::field, 1));

    GridOptions fixed = plain({2, 2});
    fixed.range = Range{200, 300};
    CHECK(draw_grid(fixed, x, {}).image.at(2, 2) == colour_of(Colours::field, 0.6));
    GridOptions bytes = plain({2, 2});
    bytes.expected = Range{0, 255};
    const std::vector<float> raw{0, 255, 127, 300};
    const Drawn grey_bytes = draw_grid(bytes, raw, {});
    CHECK(grey_bytes.colours == "grey");
    CHECK(grey_bytes.image.at(2, 3) == grey(127));
}

TEST_CASE("channels last and first give the same colours", "[pictures]") {
    const std::vector<float> last{0, 0.2f, 0.4f, 0.6f, 0.8f, 1,  //
                                  1, 0,    0,    0,    1,    0};
    const std::vector<float> first{0, 0.6f, 1, 0, 0.2f, 0.8f, 0, 1, 0.4f, 1, 0, 0};
    const Image a = draw_grid(plain({2, 2, 3}), last, {}).image;
    CHECK(a.at(2, 2) == Colour{0, 51, 102});
    CHECK(a.at(3, 2) == Colour{153, 204, 255});
    CHECK(a.at(2, 3) == Colour{255, 0, 0});
    CHECK(a.pixels() == draw_grid(plain({3, 2, 2}), first, {}).image.pixels());
}

TEST_CASE("each has its own range about zero, and the margin that is zero in all is cut",
          "[pictures]") {
    GridOptions options = plain({3, 3});
    options.colours = Colours::diverging;
    options.each = options.crop = true;
    options.columns = 2;
    const std::vector<float> x{0, 0, 0, 0, 2, -1, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0};
    const Image image = draw_grid(options, x, {}).image;
    CHECK(image.height() == 1 + 4);
    CHECK(image.width() == 2 * 2 + 6);
    CHECK(image.at(2, 2) == colour_of(Colours::diverging, 1));
    CHECK(image.at(3, 2) == colour_of(Colours::diverging, 0.25));
    CHECK(image.at(6, 2) == white);
    CHECK(image.at(7, 2) == colour_of(Colours::diverging, 1));
}

TEST_CASE("small pictures are enlarged, and what is no number is neither dark nor light",
          "[pictures]") {
    GridOptions options = plain({2, 2});
    options.scale = 0;
    const std::vector<float> x{0, 1, std::nanf(""), 1};
    const Image image = draw_grid(options, x, {}).image;
    CHECK(image.width() == 2 * 28 + 4);
    CHECK(image.at(2 + 27, 2 + 27) == grey(0));
    CHECK(image.at(2 + 28, 2 + 27) == grey(255));
    CHECK(image.at(2, 2 + 28) == between);
}

TEST_CASE("a curve passes where its values are, its reconstruction over it", "[pictures]") {
    GridOptions options = plain({100});
    options.range = Range{0, 1};
    std::vector<float> x(100, 0.5f), below(100, 1.0f);
    const Drawn drawn = draw_grid(options, x, below);
    CHECK(drawn.colours == "curves");
    const Image& image = drawn.image;
    CHECK(image.width() == 224);
    CHECK(image.height() == 94);
    // 90 rows for -0.05 ... 1.05: one half in the middle, 1 at 4 of them below the top.
    const auto row_of = [&](std::int64_t column, bool second) {
        std::int64_t darkest = -1;
        int least = 256;
        for (std::int64_t y = 2; y < 92; ++y) {
            const Colour c = image.at(column, y);
            if ((c.red > c.blue) != second || c == white) continue;
            if (c.green < least) least = c.green, darkest = y;
        }
        return darkest;
    };
    for (const std::int64_t column : {4, 100, 200, 220}) {
        CHECK(std::abs(row_of(column, false) - (2 + 45)) <= 1);
        CHECK(std::abs(row_of(column, true) - (2 + 4)) <= 1);
    }
    CHECK(image.at(100, 80) == white);

    x.assign(100, std::nanf(""));
    const Image empty = draw_grid(options, x, {}).image;
    CHECK(empty.at(100, 47) == white);
}

TEST_CASE("names end in .png in any case", "[pictures]") {
    CHECK(names_png("a.png"));
    CHECK(names_png("dir/A.PNG"));
    CHECK_FALSE(names_png(".png"));
    CHECK_FALSE(names_png("png"));
    CHECK_FALSE(names_png("a.png.h5"));
}
