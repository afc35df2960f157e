// Lines with their spread as SVG.
#include "pipeline/pictures/chart.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::pictures;

namespace {

std::size_t count_of(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++count;
    return count;
}

}  // namespace

TEST_CASE("ticks are steps of 1, 2 or 5 within the range", "[pictures]") {
    CHECK(ticks_between(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
    CHECK(ticks_between(-3, 12, 3) == std::vector<double>{0, 5, 10});
    CHECK(ticks_between(0.13, 0.19, 6).size() == 7);
    CHECK(ticks_between(7, 7, 6) == std::vector<double>{7});
}

TEST_CASE("a chart puts points where they are, with bars and one colour a name", "[pictures]") {
    Chart chart;
    ChartPanel& left = chart.panels.emplace_back();
    left.title = "Time & more";
    left.x_label = "epochs";
    left.y_label = "recall (share)";
    left.series.push_back({"natural", {{1, 0, 0}, {10, 1, 0.25}, {100, 0.5, 0}}});
    ChartPanel& right = chart.panels.emplace_back();
    right.title = "Size";
    right.series.push_back({"natural", {{1, 0.5, 0}}});
    right.series.push_back({"shuffled", {{1, -0.25, 0}, {4, 0, 0}}});
    chart.log_x = true;

    const std::string svg = chart_svg(chart);

    // The range of y is -0.25 to 1.25, to whole ticks: -0.4 (or -0.5) to 1.4 (1.5); x is
    // logarithmic, so 10 stands in the middle of 1 and 100.
    CHECK(svg.find("Time &amp; more") != std::string::npos);
    CHECK(svg.find("cx=\"274.0\"") != std::string::npos);
    CHECK(count_of(svg, "<circle") == 6);
    CHECK(count_of(svg, "class=\"bar\"") == 1);
    CHECK(count_of(svg, "class=\"line\"") == 3);
    CHECK(count_of(svg, ">natural</text>") == 1);  // in the key once
    CHECK(count_of(svg, ">100</text>") == 1);
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(chart_svg(chart) == svg);

    // A caption wider than the figure goes on in the next line.
    chart.caption = {"a caption of words " + std::string(150, 'x') + " that is long"};
    const std::string captioned = chart_svg(chart);
    CHECK(captioned.find(">a caption of words</text>") != std::string::npos);
    CHECK(captioned.find(">that is long</text>") != std::string::npos);

    chart.panels[0].series[0].points[0].x = 0;
    CHECK_THROWS_AS(chart_svg(chart), Error);
    CHECK_THROWS_AS(chart_svg(Chart{}), Error);
}

TEST_CASE("no range of numbers gives places that are none", "[pictures]") {
    const auto drawn = [](double x1, double y1, double x2, double y2, bool log_x) {
        Chart chart;
        chart.log_x = log_x;
        chart.panels.emplace_back().series.push_back({"s", {{x1, y1, 0}, {x2, y2, y2 / 4}}});
        return chart_svg(chart);
    };
    for (const std::string& svg :
         {drawn(1, -1e300, 2, 1e300, false), drawn(-1e300, 1, 1e300, 1, false),
          drawn(1e300, 1e300, 1e300, 1e300, false), drawn(1, 1e17, 2, 1e17, false),
          drawn(0, 1e16, 5e-324, 1e16 + 2, false), drawn(1e-300, 0, 1e300, 5e-324, true),
          drawn(5e-324, 0, 5e-324, 0, true)}) {
        INFO(svg);
        CHECK(svg.find("nan") == std::string::npos);
        CHECK(svg.find("inf") == std::string::npos);
        // Every point stands in the figure.
        for (std::size_t at = 0; (at = svg.find("cx=\"", at)) != std::string::npos; ++at) {
            CHECK(std::stod(svg.substr(at + 4)) >= 0);
            CHECK(std::stod(svg.substr(at + 4)) <= 500);
        }
    }
    for (const double value : {1e308, -1e308, double{NAN}, double{INFINITY}}) {
        CHECK_THROWS_AS(drawn(1, value, 2, 0, false), Error);
        CHECK_THROWS_AS(drawn(value, 1, 2, 0, false), Error);
    }
}
