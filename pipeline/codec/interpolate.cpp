#include "pipeline/codec/interpolate.hpp"

#include <cmath>

namespace narrows::codec {

void Lattice::set_strides() {
    std::size_t wide = 1;
    for (std::size_t a = axes; a-- > 0;) {
        stride[a] = wide;
        wide *= extent[a];
    }
}

unsigned Lattice::levels() const {
    std::size_t most = 1;
    for (std::size_t a = planes ? 1 : 0; a < axes; ++a) most = std::max(most, extent[a]);
    return static_cast<unsigned>(std::bit_width(most - 1));
}

Lattice lattice_of(const Shape& shape, bool planes) {
    std::vector<std::size_t> extents;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
        if (shape[axis] != 1) extents.push_back(static_cast<std::size_t>(shape[axis]));
    Lattice lattice;
    lattice.planes = planes && extents.size() >= plane_axes;
    lattice.axes =
        std::clamp<std::size_t>(extents.size(), 1, lattice.planes ? plane_axes : most_lattice_axes);
    const std::size_t more = extents.size() - std::min(extents.size(), lattice.axes);
    for (std::size_t i = 0; i < extents.size(); ++i)
        lattice.extent[i < more ? 0 : i - more] *= extents[i];
    lattice.set_strides();
    return lattice;
}

double step_of_level(double step, Tightening tightening, unsigned level, bool whole) {
    double factor = 1;
    const double beta = tightening.beta / 16.0;
    for (unsigned l = 0; l < level && factor < beta; ++l) factor = factor * tightening.alpha / 16.0;
    const double tight = step / std::max(1.0, std::min(factor, beta));
    return whole ? std::max(1.0, 2 * std::floor((tight - 1) / 2) + 1) : tight;
}

Blend usual_blend(unsigned odd) {
    Blend blend;
    const int between = std::popcount(odd), share = blend_unit / between;
    int left = blend_unit - share * between;
    for (std::size_t a = 0; a < most_lattice_axes; ++a) {
        if ((odd >> a & 1) == 0) continue;
        blend.near[a] = share + left;
        blend.bend[a] = blend_unit / (8 * between);
        left = 0;
    }
    return blend;
}

PlaceClass::PlaceClass(const Lattice& lattice, unsigned level_of_class, unsigned odd_axes)
    : level(level_of_class), odd(odd_axes), distance(std::size_t{1} << level_of_class) {
    for (std::size_t a = 0; a < lattice.axes; ++a) {
        first[a] = (odd >> a & 1) != 0 ? distance : 0;
        step[a] = lattice.planes && a == 0 ? 1 : 2 * distance;
        count[a] =
            lattice.extent[a] > first[a] ? (lattice.extent[a] - first[a] - 1) / step[a] + 1 : 0;
    }
    for (std::size_t a = lattice.axes; a < most_lattice_axes; ++a) count[a] = 1;
}

std::size_t PlaceClass::places() const {
    return count[0] * count[1] * count[2] * count[3];
}

bool PlaceClass::empty() const {
    return places() == 0;
}

Reach reach_of(std::size_t extent, std::size_t at, std::size_t distance) {
    const bool ll = at >= 3 * distance, r = at + distance < extent, rr = at + 3 * distance < extent;
    if (!r) return ll ? Reach::ahead : Reach::alone;
    if (ll) return rr ? Reach::both : Reach::left;
    return rr ? Reach::right : Reach::near;
}

AxisTerms term_at(const Lattice& lattice, const PlaceClass& places, std::size_t axis,
                  std::size_t at) {
    const std::size_t d = places.distance, extent = lattice.extent[axis];
    AxisTerms term{static_cast<std::ptrdiff_t>(d * lattice.stride[axis]), Reach::alone};
    if (places.odd >> axis & 1)
        term.reach = reach_of(extent, at, d);
    else if (at >= d && at + d < extent && !(lattice.planes && axis == 0))
        term.reach = Reach::near;
    return term;
}

Blend RowPredictor::moved(const Blend& blend, unsigned odd, unsigned beyond) {
    const unsigned sure = odd & ~beyond;
    if (beyond == 0 || sure == 0) return blend;
    Blend out = blend;
    const auto to = static_cast<std::size_t>(std::countr_zero(sure));
    for (std::size_t a = 0; a < most_lattice_axes; ++a)
        if ((beyond >> a & 1) != 0) {
            out.near[to] += out.near[a];
            out.near[a] = out.bend[a] = 0;
        }
    return out;
}

void RowPredictor::piece(const double* values, std::size_t first, std::size_t last, Terms terms,
                         const Blend& blend, double* out, double* swing) const {
    if (first >= last) return;
    unsigned beyond = 0;
    for (std::size_t a = 0; a < lattice_.axes; ++a)
        if ((places_.odd >> a & 1) != 0 && is_beyond(terms[a].reach)) beyond |= 1u << a;
    const Blend here = moved(blend, places_.odd, beyond);
    const std::size_t apart = 2 * places_.distance;
    const unsigned sure = places_.odd & ~beyond;
    for (std::size_t k = first; k < last; ++k) out[k] = swing[k] = 0;
    for (std::size_t a = 0; a < lattice_.axes; ++a) {
        if ((places_.odd >> a & 1) == 0) continue;
        const double near = here.near[a] / 64.0, bend = here.bend[a] / 64.0;
        const auto add = [&]<Reach reach>() {
            const AxisTerms axis{terms[a].apart, reach};
            for (std::size_t k = first; k < last; ++k) {
                const AxisValue value = value_along(values + k * apart, axis);
                out[k] = out[k] + near * value.near;
                out[k] = out[k] + bend * value.bend;
                swing[k] = swing[k] + std::abs(value.bend);
            }
        };
        switch (terms[a].reach) {
            case Reach::both:
                add.template operator()<Reach::both>();
                break;
            case Reach::left:
                add.template operator()<Reach::left>();
                break;
            case Reach::right:
                add.template operator()<Reach::right>();
                break;
            case Reach::near:
                add.template operator()<Reach::near>();
                break;
            case Reach::ahead:
                add.template operator()<Reach::ahead>();
                break;
            case Reach::alone:
                add.template operator()<Reach::alone>();
                break;
        }
    }
    for (std::size_t b = 1; b < lattice_.axes; ++b)
        for (std::size_t a = 0; a < b && (sure >> b & 1) != 0; ++a) {
            if (is_beyond(terms[a].reach) || blend.twist[pair_of(a, b)] == 0) continue;
            const double weight = blend.twist[pair_of(a, b)] / 64.0;
            const auto add = [&]<bool both>() {
                for (std::size_t k = first; k < last; ++k)
                    out[k] = out[k] + weight * twist_of<both>(values + k * apart, terms[a].apart,
                                                              terms[b].apart);
            };
            if (places_.odd >> a & 1)
                add.template operator()<true>();
            else
                add.template operator()<false>();
        }
}

RowPredictor::Terms RowPredictor::terms_at(const Where& where) const {
    Terms terms{};
    for (std::size_t a = 0; a < most_lattice_axes; ++a)
        terms[a] = term_at(lattice_, places_, a, where[a]);
    return terms;
}

void RowPredictor::predict(const double* values, std::size_t at, const Where& where,
                           const Blend& blend, double* out, double* swing) const {
    Terms terms = terms_at(where);
    const std::size_t last = lattice_.axes - 1, count = places_.count[last];
    if ((places_.odd >> last & 1) == 0)
        return piece(values + at, 0, count, terms, blend, out, swing);
    // Pieces of equal surroundings along the row.
    for (std::size_t k = 0; k < count;) {
        const std::size_t d = places_.distance, extent = lattice_.extent[last],
                          x = where[last] + 2 * d * k;
        terms[last].reach = reach_of(extent, x, d);
        std::size_t end = k + 1;
        if (terms[last].reach == Reach::both) end = k + (extent - x - 3 * d - 1) / (2 * d) + 1;
        piece(values + at, k, end, terms, blend, out, swing);
        k = end;
    }
}

void Misses::correct(const PlaceClass& places, std::size_t at, const Where& where,
                     const Blend& blend, const double* predicted, double* corrected) const {
    const std::size_t last = lattice_.axes - 1, count = places.count[last],
                      apart = places.step[last];
    std::copy_n(predicted, count, corrected);
    const auto add = [&](std::size_t from, std::size_t end, int part) {
        if (part == 0) return;
        const double weight = part / 64.0;
        for (std::size_t k = 0; k < end; ++k)
            corrected[k] = corrected[k] + weight * missed_[from + k * apart];
    };
    if (last >= 1 && where[last - 1] >= apart) {
        const std::size_t up = at - apart * lattice_.stride[last - 1];
        add(up, count, blend.past[1]);
        add(up + apart, count - 1, blend.past[2]);
    }
    if (last >= 2 && where[last - 2] >= places.step[last - 2])
        add(at - places.step[last - 2] * lattice_.stride[last - 2], count, blend.past[3]);
}

void RowContexts::row(const PlaceClass& places, std::size_t at, const Where& where) {
    const std::size_t last = lattice_.axes - 1, count = places.count[last], d = places.distance;
    odd_ = places.odd;
    kind_ = std::min(3u, places.level) * 4 + static_cast<unsigned>(std::popcount(odd_)) - 1;
    left_ = further_ = 0;
    std::fill_n(around_.begin(), count, 0);
    std::fill_n(pattern_.begin(), count, 0);
    std::uint32_t missing = 52;
    const std::uint16_t* const sizes = sizes_.data() + at;
    const auto add = [&](std::ptrdiff_t offset, std::size_t end, std::uint32_t weight) {
        for (std::size_t k = 0; k < end; ++k)
            around_[k] += weight * sizes[static_cast<std::ptrdiff_t>(k * 2 * d) + offset];
    };
    const auto look = [&](std::ptrdiff_t offset, std::uint32_t unit) {
        for (std::size_t k = 0; k < count; ++k)
            pattern_[k] += unit * std::min<std::uint32_t>(
                                      3, sizes[static_cast<std::ptrdiff_t>(k * 2 * d) + offset]);
    };
    // Lines before, of this class.
    if (last >= 1 && where[last - 1] >= 2 * d) {
        const auto up = -static_cast<std::ptrdiff_t>(2 * d * lattice_.stride[last - 1]);
        add(up, count, 48);
        add(up + static_cast<std::ptrdiff_t>(2 * d), count - 1, 20);
        look(up, 16);
    } else {
        missing += 60;
    }
    if (last >= 2 && where[last - 2] >= places.step[last - 2]) {
        const auto back =
            -static_cast<std::ptrdiff_t>(places.step[last - 2] * lattice_.stride[last - 2]);
        add(back, count, 32);
        look(back, 4);
    } else {
        missing += 28;
    }
    // What the prediction comes from.
    const auto between = static_cast<std::uint32_t>(std::popcount(odd_));
    for (std::size_t a = 0; a <= last; ++a) {
        if ((odd_ >> a & 1) == 0) continue;
        const auto apart = static_cast<std::ptrdiff_t>(d * lattice_.stride[a]);
        const std::uint32_t weight = 64 / between / 2;
        add(-apart, count, weight);
        // On the far side there may be none.
        const std::size_t far = a != last ? count : (lattice_.extent[a] - 1) / (2 * d);
        if (where[a] + d < lattice_.extent[a]) add(apart, std::min(count, far), weight);
        if (std::countr_zero(odd_) == static_cast<int>(a)) look(-apart, 1);
    }
    const std::uint32_t base = activity_[odd_] * missing >> 8;
    for (std::size_t k = 0; k < count; ++k) around_[k] += base;
}

}  // namespace narrows::codec
