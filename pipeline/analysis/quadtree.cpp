#include "pipeline/analysis/quadtree.hpp"

#include <algorithm>

namespace narrows::analysis {
namespace {

constexpr int levels = 30;                // bits of a coordinate
constexpr std::uint32_t leaf_points = 6;  // fewer are summed one by one

// Bit i of a 30-bit number to bit 2i.
std::uint64_t spread(std::uint64_t v) {
    v = (v | (v << 16)) & 0x0000ffff0000ffffu;
    v = (v | (v << 8)) & 0x00ff00ff00ff00ffu;
    v = (v | (v << 4)) & 0x0f0f0f0f0f0f0f0fu;
    v = (v | (v << 2)) & 0x3333333333333333u;
    return (v | (v << 1)) & 0x5555555555555555u;
}

}  // namespace

void Quadtree::build(const std::vector<Point>& points) {
    const std::size_t n = points.size();
    Point low = points[0], high = points[0];
    for (const Point& p : points) {
        low = {std::min(low.x, p.x), std::min(low.y, p.y)};
        high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    side_ = std::max(high.x - low.x, high.y - low.y);
    const double steps = side_ > 0 ? static_cast<double>((1u << levels) - 1) / side_ : 0;
    // Points move little from one tree to the next: the last order is nearly sorted.
    if (coded_.size() != n) {
        coded_.resize(n);
        for (std::size_t i = 0; i < n; ++i) coded_[i].point = static_cast<std::uint32_t>(i);
    }
    for (Coded& c : coded_) {
        const Point& p = points[c.point];
        c.code = spread(static_cast<std::uint64_t>((p.x - low.x) * steps)) |
                 spread(static_cast<std::uint64_t>((p.y - low.y) * steps)) << 1;
    }
    std::sort(coded_.begin(), coded_.end(), [](const Coded& a, const Coded& b) {
        return a.code != b.code ? a.code < b.code : a.point < b.point;
    });
    order_.resize(n);
    placed_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        order_[i] = coded_[i].point;
        placed_[i] = points[coded_[i].point];
    }
    cells_.clear();
    split(0, static_cast<std::uint32_t>(n), 0);
}

// Levels on which all points fall into one quarter are passed over: cells are as small as can be.
void Quadtree::split(std::uint32_t first, std::uint32_t last, int level) {
    while (level < levels) {
        const int shift = 2 * (levels - 1 - level);
        if ((coded_[first].code >> shift) != (coded_[last - 1].code >> shift)) break;
        ++level;
    }
    const std::size_t own = cells_.size();
    cells_.emplace_back();
    Cell cell;
    cell.first = first;
    cell.last = last;
    cell.count = static_cast<double>(last - first);
    const double side = side_ / static_cast<double>(std::uint64_t{1} << level);
    cell.squared_side = side * side;
    cell.leaf = last - first <= leaf_points || level == levels;
    Point sum;
    if (cell.leaf) {
        for (std::uint32_t i = first; i < last; ++i) {
            sum.x += placed_[i].x;
            sum.y += placed_[i].y;
        }
    } else {
        const int shift = 2 * (levels - 1 - level);
        for (std::uint32_t from = first; from < last;) {
            const std::uint64_t quarter = coded_[from].code >> shift;
            const auto end =
                std::partition_point(coded_.begin() + from, coded_.begin() + last,
                                     [&](const Coded& c) { return (c.code >> shift) == quarter; });
            const auto to = static_cast<std::uint32_t>(end - coded_.begin());
            const std::size_t child = cells_.size();
            split(from, to, level + 1);
            sum.x += cells_[child].mean.x * cells_[child].count;
            sum.y += cells_[child].mean.y * cells_[child].count;
            from = to;
        }
    }
    cell.mean = {sum.x / cell.count, sum.y / cell.count};
    cell.next = static_cast<std::uint32_t>(cells_.size());
    cells_[own] = cell;
}

Repulsion Quadtree::repulsion(std::size_t place, double theta) const {
    const Point p = placed_[place];
    const double squared_theta = theta * theta;
    Repulsion out;
    const auto add = [&](double dx, double dy, double squared, double count) {
        const double q = 1 / (1 + squared), counted = count * q;
        out.weight += counted;
        out.force.x += counted * q * dx;
        out.force.y += counted * q * dy;
    };
    for (std::uint32_t c = 0; c < cells_.size();) {
        const Cell& cell = cells_[c];
        const double dx = p.x - cell.mean.x, dy = p.y - cell.mean.y;
        const double squared = dx * dx + dy * dy;
        const bool inside = cell.first <= place && place < cell.last;
        if (!inside && cell.squared_side < squared_theta * squared) {
            add(dx, dy, squared, cell.count);
        } else if (cell.leaf) {
            for (std::uint32_t i = cell.first; i < cell.last; ++i) {
                if (i == place) continue;
                const double ex = p.x - placed_[i].x, ey = p.y - placed_[i].y;
                add(ex, ey, ex * ex + ey * ey, 1);
            }
        } else {
            ++c;
            continue;
        }
        c = cell.next;
    }
    return out;
}

}  // namespace narrows::analysis
