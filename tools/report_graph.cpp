#include "tools/report_graph.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pipeline/pictures/scatter.hpp"
#include "tools/console.hpp"

namespace narrows::tools {
namespace {

constexpr int width = 158, height = 66, gap_x = 18, gap_y = 38, margin = 4;
constexpr int lane_gap = 12, aside = 28;  // of edges that pass rows

using Corner = std::pair<int, int>;  // left, top

// Row of each node: one below the lowest that it reads. Pipelines have no cycles.
std::map<std::string, int> rows_of(const std::vector<Box>& nodes) {
    std::map<std::string, int> rows;
    for (std::size_t round = 0; round < nodes.size(); ++round)
        for (const Box& node : nodes) {
            int& row = rows[node.id];
            for (const std::string& from : node.reads) row = std::max(row, rows[from] + 1);
        }
    return rows;
}

std::string tip(int x, int y) {
    return fmt::format("<path class=\"tip\" d=\"M{} {} l-4 -7 h8 z\"/>\n", x, y);
}

std::string short_edge(const Corner& from, const Corner& to) {
    const int ax = from.first + width / 2, ay = from.second + height;
    const int bx = to.first + width / 2, by = to.second;
    return fmt::format("<path d=\"M{} {} C{} {} {} {} {} {}\"/>", ax, ay, ax, ay + gap_y / 2, bx,
                       by - gap_y / 2 - 6, bx, by - 6) +
           tip(bx, by);
}

// Between rows there are no boxes: out into the lane, down, and in again.
std::string long_edge(const Corner& from, const Corner& to, int lane) {
    const int ax = from.first + width / 2 + aside, ay = from.second + height;
    const int bx = to.first + width / 2 + aside, by = to.second;
    return fmt::format("<path d=\"M{} {} V{} H{} V{} H{} V{}\"/>", ax, ay, ay + 9, lane, by - 15,
                       bx, by - 6) +
           tip(bx, by);
}

std::string short_time(double seconds) {
    if (seconds >= 1) return duration_text(seconds);
    return seconds >= 0.001 ? fmt::format("{:.0f} ms", 1000 * seconds)
                            : fmt::format("{:.0f} µs", 1e6 * seconds);
}

std::string time_of(const Box& node, double longest) {
    std::string out =
        fmt::format("<text class=\"small\" x=\"10\" y=\"54\">{}, waits {:.0f} %</text>",
                    short_time(node.seconds), 100 * node.waiting_share);
    const double share = longest > 0 ? node.seconds / longest : 0;
    return out +
           fmt::format("<rect class=\"heat\" x=\"0\" y=\"{}\" width=\"{:.1f}\" height=\"4\"/>",
                       height - 4, share * width);
}

}  // namespace

std::string graph_svg(const std::vector<Box>& nodes) {
    const std::map<std::string, int> rows = rows_of(nodes);
    std::map<int, int> filled;
    int widest = 1, deepest = 0;
    for (const Box& node : nodes) {
        widest = std::max(widest, ++filled[rows.at(node.id)]);
        deepest = std::max(deepest, rows.at(node.id));
    }
    const int all = widest * (width + gap_x) - gap_x;
    std::map<std::string, Corner> at;
    std::map<int, int> placed;
    double longest = 0;
    for (const Box& node : nodes) {
        const int row = rows.at(node.id), used = filled[row] * (width + gap_x) - gap_x;
        at[node.id] = {margin + (all - used) / 2 + placed[row]++ * (width + gap_x),
                       margin + row * (height + gap_y)};
        longest = std::max(longest, node.seconds);
    }
    // A lane beside the boxes for each node that is read further down than in the next row.
    std::map<std::string, int> lane;
    for (const Box& node : nodes)
        for (const std::string& from : node.reads)
            if (rows.at(node.id) > rows.at(from) + 1 && lane.count(from) == 0) {
                const int number = static_cast<int>(lane.size());
                lane[from] = margin + all + lane_gap * (number + 1);
            }
    const int right = margin + all + lane_gap * static_cast<int>(lane.size()) + margin;
    const int total = deepest * (height + gap_y) + height;
    std::string out = fmt::format(
        "<svg class=\"graph\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "aria-label=\"The pipeline with the time of each node\">\n",
        right, total + 2 * margin);
    for (const Box& node : nodes)
        for (const std::string& from : node.reads) {
            const bool next = rows.at(node.id) == rows.at(from) + 1;
            out += next ? short_edge(at.at(from), at.at(node.id))
                        : long_edge(at.at(from), at.at(node.id), lane.at(from));
        }
    for (const Box& node : nodes) {
        const auto [x, y] = at.at(node.id);
        out += fmt::format(
            "<g transform=\"translate({} {})\"><rect width=\"{}\" height=\"{}\"/><text x=\"10\" "
            "y=\"21\">{}</text><text class=\"small\" x=\"10\" y=\"38\">{}</text>{}</g>\n",
            x, y, width, height, pictures::escaped_markup(node.id),
            pictures::escaped_markup(node.type.substr(0, 24)), time_of(node, longest));
    }
    return out + "</svg>\n";
}

}  // namespace narrows::tools
