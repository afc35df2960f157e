// Scatter pictures: where dots and colours stand, and SVG that holds them.
#include <cmath>

#include "pipeline/pictures/letters.hpp"
#include "pipeline/pictures/scatter.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::pictures;

TEST_CASE("points fill the square with y upwards and one scale for both axes", "[pictures]") {
    const std::vector<float> points{0, 0, 10, 0, 0, 5};
    const std::vector<double> at = in_unit_square(points);
    CHECK(std::abs(at[0] - 0.04) < 1e-12);
    CHECK(std::abs(at[2] - 0.96) < 1e-12);
    CHECK(std::abs((at[1] - at[5]) - 0.46) < 1e-12);  // 5 of 10, upwards
    CHECK(std::abs((at[1] + at[5]) / 2 - 0.5) < 1e-12);
    const std::vector<float> one{3, 4, 3, 4};
    CHECK(in_unit_square(one) == std::vector<double>{0.5, 0.5, 0.5, 0.5});
}

TEST_CASE("classes have colours of their own, values a field", "[pictures]") {
    const std::vector<std::int64_t> labels{7, 3, 7, 9};
    const Colouring classes = colour_classes(labels, {});
    REQUIRE(classes.legend.size() == 3);
    CHECK(classes.legend[0].text == "3");
    CHECK(classes.legend[1].count == 2);
    CHECK(classes.entry == std::vector<std::uint32_t>{1, 0, 1, 2});
    CHECK(classes.colour[0] == classes.legend[1].colour);
    CHECK(colour_classes(std::vector<std::int64_t>{0, 1}, {"cat", "dog"}).legend[1].text == "dog");

    std::vector<std::int64_t> thirty(30), many(200);
    for (std::size_t i = 0; i < 200; ++i) many[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < 30; ++i) thirty[i] = static_cast<std::int64_t>(i);
    const Colouring shades = colour_classes(thirty, {});
    for (std::size_t i = 0; i < 30; ++i)
        for (std::size_t j = 0; j < i; ++j) REQUIRE(!(shades.colour[i] == shades.colour[j]));
    const Colouring values = colour_classes(many, {});
    CHECK(values.legend.empty());
    REQUIRE(values.values.has_value());
    CHECK(values.values->high == 199);
    CHECK(values.colour.front() == colour_of(Colours::field, 0));
    CHECK(values.colour.back() == colour_of(Colours::field, 1));
    const std::vector<double> missing{1, NAN, 3};
    CHECK(colour_values(missing).colour[1] == between);
}

TEST_CASE("a dot is drawn where its point is, in its colour", "[pictures]") {
    const std::vector<float> points{-1, -1, 1, 1};
    Scatter scatter{points, colour_classes(std::vector<std::int64_t>{0, 1}, {}), {"two"}};
    const Image image = draw_scatter(scatter);
    CHECK(image.width() == 990);
    CHECK(image.height() == 836);
    const auto close = [](Colour a, Colour b) {
        return std::abs(a.red - b.red) < 60 && std::abs(a.green - b.green) < 60 &&
               std::abs(a.blue - b.blue) < 60;
    };
    CHECK(close(image.at(32, 768), scatter.colouring.colour[0]));  // bottom left
    CHECK(close(image.at(768, 32), scatter.colouring.colour[1]));
    CHECK(image.at(400, 400) == white);
    CHECK(image.at(800, 24) == scatter.colouring.colour[0]);  // the legend
    CHECK(image.at(800, 48) == scatter.colouring.colour[1]);

    const std::string svg = scatter_svg(scatter);
    CHECK(svg.find("M32.0 768.0h0") != std::string::npos);
    CHECK(svg.find("M768.0 32.0h0") != std::string::npos);
    CHECK(svg.find("prefers-color-scheme:dark") != std::string::npos);
    scatter.colouring.legend[0].text = "a<b>&\"";
    CHECK(scatter_svg(scatter).find("a&lt;b&gt;&amp;&quot;") != std::string::npos);
}

TEST_CASE("words are drawn letter by letter", "[pictures]") {
    CHECK(character_count("na\xc3\xafve") == 5);
    CHECK(shortened("na\xc3\xafve words", 7) == "na\xc3\xafve..");
    CHECK(shortened("short", 7) == "short");
    Image image(20, 9, white);
    draw_text(image, 0, 1, 1, {0, 0, 0}, "T1");
    for (std::int64_t x = 0; x < 5; ++x) CHECK(image.at(x, 1) == Colour{0, 0, 0});
    for (std::int64_t y = 1; y < 8; ++y) CHECK(image.at(2, y) == Colour{0, 0, 0});
    CHECK(image.at(0, 2) == white);
    CHECK(image.at(8, 7) == Colour{0, 0, 0});    // the foot of the 1
    draw_text(image, 18, 1, 1, {0, 0, 0}, "W");  // what lies outside is left out
}
