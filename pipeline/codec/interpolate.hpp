// The way through a field from coarse to fine, which encoder and decoder share (after SZ3, Zhao and
// others 2021, and QoZ, Liu and others 2022). Each level halves the distance between known places:
// first those between two known ones along an axis, then those in the middle of four, of eight;
// each is predicted from its neighbours along every axis that it lies between. `coder` is as in
// predict.hpp, and its grid's step is set for each level; `blend_of` says how a class of places is
// predicted. One rule: what predicts a class was coded before the class began.
#pragma once

#include <array>

#include "pipeline/codec/grid.hpp"
#include "pipeline/codec/predict.hpp"

namespace narrows::codec {

inline constexpr std::size_t most_lattice_axes = 4, plane_axes = 3;

using Where = std::array<std::size_t, most_lattice_axes>;  // coordinates

// Extents, slowest first, and how far apart neighbours are along each axis.
struct Lattice {
    std::size_t axes = 1;
    bool planes = false;  // the first axis is walked plane by plane, none lies between two others
    Where extent{1, 1, 1, 1}, stride{};

    void set_strides();
    std::size_t count() const { return stride[0] * extent[0]; }
    unsigned levels() const;
};
// Axes of one value are left out; the first ones are taken together where there are too many, and
// into one of `planes`, where there are three.
Lattice lattice_of(const Shape& shape, bool planes);

// Steps of coarse levels are smaller: the finest's / min(alpha^level, beta), in 1/16.
struct Tightening {
    std::uint8_t alpha = 16, beta = 16;
};
// What encoders choose from.
inline constexpr Tightening tightenings[] = {{16, 16}, {20, 32}, {24, 48}};
// Whole numbers have odd steps.
double step_of_level(double step, Tightening tightening, unsigned level, bool whole);

// How a class of places is predicted, in 1/64. Of each axis that they lie between: the mean of both
// neighbours, and how much of its difference from the mean of the two beyond. Of each two axes: how
// much of the difference between near means and the mean of the four corners, which are known where
// the second axis is such an axis. And of what neighbours of the class missed by: to the left,
// above, above right, a plane before.
struct Blend {
    std::array<int, most_lattice_axes> near{}, bend{};
    std::array<int, 6> twist{};
    std::array<int, 4> past{};
};
inline constexpr int blend_unit = 64;
Blend usual_blend(unsigned odd);  // cubic, all axes alike
// Of two axes, first < second.
inline std::size_t pair_of(std::size_t first, std::size_t second) {
    return first == 0 ? second - 1 : first + second;
}
inline std::size_t past_count(std::size_t axes) {
    return axes == 1 ? 1 : std::min<std::size_t>(axes + 1, 4);
}

// Places whose coordinates are odd multiples of the distance along the axes of `odd`, and even ones
// along the others; all planes, where they are walked one by one.
struct PlaceClass {
    unsigned level, odd;
    std::size_t distance;
    Where first{}, count{}, step{};  // of coordinates

    PlaceClass(const Lattice& lattice, unsigned level_of_class, unsigned odd_axes);
    bool empty() const;
    std::size_t places() const;
};

// What a class should become.
struct BlendTarget {
    const double* wanted;
    const std::uint8_t* mask;  // places that do not count
};
// Least squares over what the decoder has, in the place of `blend` and written to `out` where that
// saves more than it takes.
void fit_blend(const Lattice& lattice, const PlaceClass& places, const double* values, double step,
               const BlendTarget& target, ResidualEncoder& out, Blend& blend);
void take_blend(const Lattice& lattice, const PlaceClass& places, ResidualDecoder& in,
                Blend& blend);

// What surrounds a row of places along an axis.
enum class Reach : std::uint8_t { both, left, right, near, ahead, alone };
struct AxisTerms {
    std::ptrdiff_t apart = 0;  // to the neighbour
    Reach reach = Reach::near;
};
Reach reach_of(std::size_t extent, std::size_t at, std::size_t distance);
AxisTerms term_at(const Lattice& lattice, const PlaceClass& places, std::size_t axis,
                  std::size_t at);
inline bool is_beyond(Reach reach) {  // no neighbour on the far side
    return reach == Reach::ahead || reach == Reach::alone;
}

// The mean of both neighbours (or what stands for it), and the bend, at one place.
struct AxisValue {
    double near, bend;
};
inline AxisValue value_along(const double* at, const AxisTerms& axis) {
    const std::ptrdiff_t d = axis.apart;
    const double l = at[-d];
    switch (axis.reach) {
        case Reach::both:
            return {(l + at[d]) * 0.5, ((l + at[d]) - (at[-3 * d] + at[3 * d])) * 0.5};
        case Reach::left:
            return {(l + at[d]) * 0.5, (l + l) - (at[-3 * d] + at[d])};
        case Reach::right:
            return {(l + at[d]) * 0.5, (at[d] + at[d]) - (at[3 * d] + l)};
        case Reach::near:
            return {(l + at[d]) * 0.5, 0};
        case Reach::ahead:
            return {l + (l - at[-3 * d]) * 0.5, 0};
        case Reach::alone:
            break;
    }
    return {l, 0};
}

// Near means less the mean of the corners: of both axes where a place lies between neighbours along
// both, else of the second.
template <bool both>
double twist_of(const double* at, std::ptrdiff_t a, std::ptrdiff_t b) {
    const double corners = ((at[-a - b] + at[a - b]) + (at[b - a] + at[a + b])) * 0.25;
    if constexpr (both)
        return ((at[-a] + at[a]) + (at[-b] + at[b])) * 0.25 - corners;
    else
        return (at[-b] + at[b]) * 0.5 - corners;
}

// Predictions of places along the last axis, but for what neighbours of the class missed by.
class RowPredictor {
public:
    RowPredictor(const Lattice& lattice, const PlaceClass& places)
        : lattice_(lattice), places_(places) {}
    // Of the row's places, whose first one is values[at] and has coordinates `where`; `swing`: the
    // sum of the sizes of their bends.
    void predict(const double* values, std::size_t at, const Where& where, const Blend& blend,
                 double* out, double* swing) const;
    // The weights of axes that have no neighbour on the far side go to the first that has one.
    static Blend moved(const Blend& blend, unsigned odd, unsigned beyond);

private:
    using Terms = std::array<AxisTerms, most_lattice_axes>;
    Terms terms_at(const Where& where) const;
    void piece(const double* values, std::size_t first, std::size_t last, Terms terms,
               const Blend& blend, double* out, double* swing) const;
    const Lattice& lattice_;
    const PlaceClass& places_;
};

// What is known around the places of a row, out of magnitudes that were coded before.
class RowContexts {
public:
    explicit RowContexts(const Lattice& lattice)
        : lattice_(lattice), sizes_(lattice.count(), 0), around_(longest()), pattern_(longest()) {
        activity_.fill(16 << 8);
    }
    void row(const PlaceClass& places, std::size_t at, const Where& where);
    // `swing`: the mean size of bends there, in steps / 64.
    Context next(std::size_t k, double swing) const {
        const std::uint32_t left = left_, swung = !(swing > 0) ? 0
                                                  : swing < 65535.0
                                                      ? static_cast<std::uint32_t>(swing)
                                                      : 65535u;
        const std::uint32_t scale = around_[k] + left * 64 + further_ * 20 + swung / 16;
        const std::uint32_t side = kind_ * 16 + std::min(15u, level_of(swung));
        return {scale, side, pattern_[k] + 64 * std::min(3u, left)};
    }
    void saw(std::size_t index, std::uint32_t magnitude) {
        const std::uint32_t size = std::min(magnitude, 65535u);
        sizes_[index] = static_cast<std::uint16_t>(size);
        further_ = left_;
        left_ = size;
        follow(activity_[odd_], size);
    }
    // Of the first value of each plane.
    Context origin() const { return {activity_[0], 0, 0}; }
    void saw_origin(std::uint32_t magnitude) { follow(activity_[0], std::min(magnitude, 65535u)); }

private:
    static void follow(std::uint32_t& busy, std::uint32_t size) {
        busy += static_cast<std::uint32_t>(
            (static_cast<std::int64_t>(size << 8) - static_cast<std::int64_t>(busy)) * 12 >> 8);
    }
    std::size_t longest() const { return lattice_.extent[lattice_.axes - 1] / 2 + 1; }

    const Lattice& lattice_;
    std::vector<std::uint16_t> sizes_;
    std::vector<std::uint32_t> around_, pattern_;
    std::array<std::uint32_t, 1u << most_lattice_axes> activity_{};  // of a class, in 1/256
    std::uint32_t left_ = 0, further_ = 0, kind_ = 0;
    unsigned odd_ = 0;
};

// Calls row(at, where) for the first place of each row of the class.
template <class Row>
void each_row(const Lattice& lattice, const PlaceClass& places, const Row& row) {
    Where turn{}, where{};
    const std::size_t last = lattice.axes - 1;
    for (;;) {
        std::size_t at = 0;
        for (std::size_t a = 0; a < lattice.axes; ++a) {
            where[a] = places.first[a] + turn[a] * places.step[a];
            at += where[a] * lattice.stride[a];
        }
        row(at, where);
        std::size_t a = last;
        while (a > 0 && ++turn[a - 1] == places.count[a - 1]) turn[--a] = 0;
        if (a == 0) return;
    }
}

// What places of a class were predicted wrongly by, for those that come after them.
class Misses {
public:
    explicit Misses(const Lattice& lattice) : lattice_(lattice), missed_(lattice.count(), 0.0) {}
    // Adds what lines and planes before say to the row's predictions.
    void correct(const PlaceClass& places, std::size_t at, const Where& where, const Blend& blend,
                 const double* predicted, double* corrected) const;
    double& operator[](std::size_t index) { return missed_[index]; }

private:
    const Lattice& lattice_;
    std::vector<double> missed_;
};

template <class Coder, class BlendOf>
void through_levels(const Lattice& lattice, Tightening tightening, bool whole, Coder& coder,
                    const BlendOf& blend_of) {
    if (lattice.count() == 0) return;
    const std::size_t last = lattice.axes - 1;
    std::vector<double> values(lattice.count(), 0.0);
    std::vector<double> predicted(lattice.extent[last] / 2 + 1), corrected(predicted.size()),
        swings(predicted.size());
    RowContexts contexts(lattice);
    Misses misses(lattice);
    std::array<Blend, 1u << most_lattice_axes> blends;
    for (unsigned odd = 1; odd < blends.size(); ++odd) blends[odd] = usual_blend(odd);
    const double finest = coder.grid.step;
    coder.grid.step = step_of_level(finest, tightening, lattice.levels(), whole);
    for (std::size_t plane = 0; plane < (lattice.planes ? lattice.extent[0] : 1); ++plane) {
        const std::size_t at = plane * lattice.stride[0];
        std::uint32_t magnitude = 0;
        values[at] = coder.value(at, plane == 0 ? 0.0 : values[at - lattice.stride[0]],
                                 contexts.origin(), magnitude);
        contexts.saw_origin(magnitude);
    }
    const auto code = [&](const PlaceClass& places) {
        Blend& blend = blends[places.odd];
        blend_of(places, values.data(), coder.grid.step, blend);
        const RowPredictor predictor(lattice, places);
        const double weight = blend.past[0] / 64.0;
        const double per = 64 / coder.grid.step / std::popcount(places.odd);
        each_row(lattice, places, [&](std::size_t at, const auto& where) {
            predictor.predict(values.data(), at, where, blend, predicted.data(), swings.data());
            misses.correct(places, at, where, blend, predicted.data(), corrected.data());
            contexts.row(places, at, where);
            double left = 0;
            for (std::size_t k = 0; k < places.count[last]; ++k) {
                const std::size_t index = at + k * places.step[last];
                std::uint32_t magnitude = 0;
                values[index] = coder.value(index, corrected[k] + weight * left,
                                            contexts.next(k, swings[k] * per), magnitude);
                contexts.saw(index, magnitude);
                left = misses[index] = values[index] - predicted[k];
            }
        });
    };
    for (unsigned level = lattice.levels(); level-- > 0;) {
        coder.grid.step = step_of_level(finest, tightening, level, whole);
        for (int between = 1; between <= static_cast<int>(lattice.axes); ++between)
            for (unsigned odd = 1; odd < 1u << lattice.axes; ++odd) {
                if (std::popcount(odd) != between || (lattice.planes && (odd & 1) != 0)) continue;
                const PlaceClass places(lattice, level, odd);
                if (!places.empty()) code(places);
            }
    }
}

}  // namespace narrows::codec
