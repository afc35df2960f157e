// A quadtree over points of the plane for sums over far points (Barnes and Hut 1986; van der Maaten
// 2014, section 4.2). One rule: the tree is a function of the points alone - cells come from sorted
// Morton codes, equal codes in the order of their numbers - and each sum is one chain in tree
// order.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::analysis {

struct Point {
    double x = 0, y = 0;
};

// Of one point y_i, over all others j: sum of q_ij^2 (y_i - y_j), and sum of q_ij, where
// q_ij = 1 / (1 + |y_i - y_j|^2) (the numerators of a Student t distribution of one degree).
struct Repulsion {
    Point force;
    double weight = 0;
};

class NARROWS_PUBLIC Quadtree {
public:
    // Builds the tree anew. Finite points, fewer than 2^32. Not thread-safe.
    void build(const std::vector<Point>& points);
    // Cells whose side is below theta times the distance of their mean count as one point there;
    // 0: nothing is taken together. Cells that hold the point itself never are. Thread-safe.
    Repulsion repulsion(std::size_t place, double theta) const;
    // Point numbers by place in the tree: neighbours in this order are near each other.
    const std::vector<std::uint32_t>& order() const { return order_; }

private:
    struct Cell {  // in depth-first order
        Point mean;
        double squared_side = 0;  // of the square
        double count = 0;
        std::uint32_t first = 0, last = 0;  // places
        std::uint32_t next = 0;             // the cell behind all those inside
        bool leaf = false;
    };
    struct Coded {
        std::uint64_t code;
        std::uint32_t point;
    };

    void split(std::uint32_t first, std::uint32_t last, int level);

    std::vector<Coded> coded_;
    std::vector<std::uint32_t> order_;
    std::vector<Point> placed_;  // points in tree order
    std::vector<Cell> cells_;
    double side_ = 0;  // of the whole
};

}  // namespace narrows::analysis
