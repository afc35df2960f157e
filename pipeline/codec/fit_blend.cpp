#include <cmath>

#include "pipeline/codec/interpolate.hpp"
#include "pipeline/codec/residuals.hpp"
#include "pipeline/codec/solve.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t most_sampled = 4096, fewest_places = 32;

// Sums over sampled places for least squares: inputs z, output y.
struct Sums {
    std::size_t unknowns, count = 0;
    std::vector<double> matrix, right;
    double square = 0;

    explicit Sums(std::size_t n) : unknowns(n), matrix(n * n, 0.0), right(n, 0.0) {}
    void add(const double* z, double y) {
        for (std::size_t i = 0; i < unknowns; ++i) {
            for (std::size_t j = 0; j < unknowns; ++j) matrix[i * unknowns + j] += z[i] * z[j];
            right[i] += z[i] * y;
        }
        square += y * y;
        ++count;
    }
    // Of all squares.
    double error(const std::vector<double>& weight) const {
        double sum = square;
        for (std::size_t i = 0; i < unknowns; ++i) {
            sum -= 2 * weight[i] * right[i];
            for (std::size_t j = 0; j < unknowns; ++j)
                sum += weight[i] * weight[j] * matrix[i * unknowns + j];
        }
        return std::max(0.0, sum);
    }
};

// The weights of a part of a blend that is written as a whole.
using Part = std::vector<int>;

Part shape_of(const Blend& blend, const Lattice& lattice, unsigned odd) {
    Part part;
    for (std::size_t a = 0; a < lattice.axes; ++a)
        if ((odd & (odd - 1)) >> a & 1) part.push_back(blend.near[a]);
    for (std::size_t a = 0; a < lattice.axes; ++a)
        if (odd >> a & 1) part.push_back(blend.bend[a]);
    for (std::size_t b = 1; b < lattice.axes; ++b)
        for (std::size_t a = 0; a < b && (odd >> b & 1) != 0; ++a)
            part.push_back(blend.twist[pair_of(a, b)]);
    return part;
}

void set_shape(Blend& blend, const Lattice& lattice, unsigned odd, const Part& part) {
    auto next = part.begin();
    const auto first = static_cast<std::size_t>(std::countr_zero(odd));
    blend.near[first] = blend_unit;
    for (std::size_t a = first + 1; a < lattice.axes; ++a)
        if (odd >> a & 1) blend.near[first] -= blend.near[a] = *next++;
    for (std::size_t a = 0; a < lattice.axes; ++a)
        if (odd >> a & 1) blend.bend[a] = *next++;
    for (std::size_t b = 1; b < lattice.axes; ++b)
        for (std::size_t a = 0; a < b && (odd >> b & 1) != 0; ++a)
            blend.twist[pair_of(a, b)] = *next++;
}

// Calls take(at, where) for rows spread over the class, an odd number apart.
template <class Take>
void each_sampled_row(const Lattice& lattice, const PlaceClass& places, const Take& take) {
    const std::size_t last = lattice.axes - 1, along = places.count[last],
                      rows = places.places() / along, wanted = most_sampled / along + 1,
                      every = ((rows + wanted - 1) / wanted) | 1;
    for (std::size_t row = 0; row < rows; row += every) {
        Where where{};
        where[last] = places.first[last];
        std::size_t rest = row, at = where[last];
        bool usable = true;
        for (std::size_t a = last; a-- > 0; rest /= places.count[a]) {
            where[a] = places.first[a] + rest % places.count[a] * places.step[a];
            at += where[a] * lattice.stride[a];
            usable = usable &&
                     ((places.odd >> a & 1) == 0 || where[a] + places.distance < lattice.extent[a]);
        }
        if (usable) take(at, where);
    }
}

// Calls take(k) for places of a row that count and have neighbours on all sides.
template <class Take>
void each_in_row(const Lattice& lattice, const PlaceClass& places, const BlendTarget& target,
                 std::size_t at, const Take& take) {
    const std::size_t last = lattice.axes - 1, d = places.distance;
    const std::size_t every = (places.count[last] / most_sampled) | 1;
    for (std::size_t k = 0; k < places.count[last]; k += every)
        if (target.mask[at + 2 * d * k] == 0 &&
            ((places.odd >> last & 1) == 0 || (2 * k + 2) * d < lattice.extent[last]))
            take(k);
}

// Of the shape: near means less the first one's, bends, twists.
Sums shape_sums(const Lattice& lattice, const PlaceClass& places, const double* values,
                const BlendTarget& target, std::size_t unknowns) {
    Sums sums(unknowns);
    const auto first = static_cast<std::size_t>(std::countr_zero(places.odd));
    const std::size_t last = lattice.axes - 1;
    const auto add = [&](std::size_t at, const std::array<AxisTerms, most_lattice_axes>& terms) {
        double z[16], bends[most_lattice_axes], base = 0;
        std::size_t found = 0, bend_count = 0;
        for (std::size_t a = 0; a < lattice.axes; ++a) {
            if ((places.odd >> a & 1) == 0) continue;
            const AxisValue value = value_along(values + at, terms[a]);
            if (a == first)
                base = value.near;
            else
                z[found++] = value.near - base;
            bends[bend_count++] = value.bend;
        }
        std::copy_n(bends, bend_count, z + found);
        found += bend_count;
        for (std::size_t b = 1; b < lattice.axes; ++b)
            for (std::size_t a = 0; a < b && (places.odd >> b & 1) != 0; ++a)
                z[found++] = is_beyond(terms[a].reach) ? 0
                             : places.odd >> a & 1
                                 ? twist_of<true>(values + at, terms[a].apart, terms[b].apart)
                                 : twist_of<false>(values + at, terms[a].apart, terms[b].apart);
        sums.add(z, target.wanted[at] - base);
    };
    each_sampled_row(lattice, places, [&](std::size_t at, const Where& where) {
        std::array<AxisTerms, most_lattice_axes> terms{};
        for (std::size_t a = 0; a < lattice.axes; ++a)
            terms[a] = term_at(lattice, places, a, where[a]);
        each_in_row(lattice, places, target, at, [&](std::size_t k) {
            terms[last] = term_at(lattice, places, last, where[last] + 2 * places.distance * k);
            add(at + 2 * places.distance * k, terms);
        });
    });
    return sums;
}

// Of what neighbours of the class will have missed by.
Sums past_sums(const Lattice& lattice, const PlaceClass& places, const double* values,
               const BlendTarget& target, const Blend& blend) {
    const std::size_t last = lattice.axes - 1, apart = 2 * places.distance,
                      count = places.count[last];
    Sums sums(past_count(lattice.axes));
    const RowPredictor predictor(lattice, places);
    std::vector<double> now(count + 1), up(count + 1), back(count + 1), swing(count + 1);
    const auto miss = [&](std::size_t at, const Where& where, std::vector<double>& out) {
        predictor.predict(values, at, where, blend, out.data(), swing.data());
        for (std::size_t k = 0; k < count; ++k)
            out[k] = target.mask[at + k * apart] != 0 ? 0 : target.wanted[at + k * apart] - out[k];
    };
    // The row before along an axis; none: nothing was missed.
    const auto before = [&](std::size_t at, Where where, std::size_t axis,
                            std::vector<double>& out) {
        const std::size_t step = places.step[axis];
        if (where[axis] < step) return std::fill(out.begin(), out.end(), 0.0);
        where[axis] -= step;
        miss(at - step * lattice.stride[axis], where, out);
    };
    each_sampled_row(lattice, places, [&](std::size_t at, const Where& where) {
        miss(at, where, now);
        if (last >= 1) before(at, where, last - 1, up);
        if (last >= 2) before(at, where, last - 2, back);
        up[count] = 0;
        each_in_row(lattice, places, target, at, [&](std::size_t k) {
            const double z[] = {k > 0 ? now[k - 1] : 0, up[k], up[k + 1], back[k]};
            sums.add(z, now[k]);
        });
    });
    return sums;
}

// Better weights than `part`, if they save more bits than they take, were errors normal and the
// step their least deviation.
bool improve(const Sums& sums, double noise, double step, double places, Part& part) {
    std::vector<double> matrix = sums.matrix, weight = sums.right, given;
    const auto count = static_cast<double>(sums.count);
    for (std::size_t i = 0; i < sums.unknowns; ++i)
        matrix[i * sums.unknowns + i] +=
            1e-9 * matrix[i * sums.unknowns + i] + count * noise + 1e-300;
    if (sums.count < 2 * sums.unknowns || !solve(matrix, weight)) return false;
    Part found;
    for (double& w : weight) {
        if (!(std::abs(w) < 1.98)) return false;
        found.push_back(static_cast<int>(to_whole(w * blend_unit)));
        w = found.back() / 64.0;
    }
    for (const int w : part) given.push_back(w / 64.0);
    const double least = step * step / 12 + 1e-300, before = sums.error(given) / count + least,
                 after = sums.error(weight) / count + least;
    const double saved =
        0.7213475204444817 * places * (simd::logarithm(before) - simd::logarithm(after));
    if (!(saved > 8 + 8 * static_cast<double>(sums.unknowns))) return false;
    part = std::move(found);
    return true;
}

void put_part(ResidualEncoder& out, bool better, const Part& part) {
    out.uniform(better ? 1 : 0, 1);
    if (!better) return;
    for (const int w : part) out.uniform(static_cast<std::uint64_t>(w + 128), 8);
}

bool take_part(ResidualDecoder& in, Part& part) {
    if (in.uniform(1) == 0) return false;
    for (int& w : part) w = static_cast<int>(in.uniform(8)) - 128;
    return true;
}

}  // namespace

void fit_blend(const Lattice& lattice, const PlaceClass& places, const double* values, double step,
               const BlendTarget& target, ResidualEncoder& out, Blend& blend) {
    if (places.places() < fewest_places) return;
    const auto count = static_cast<double>(places.places());
    Part shape = shape_of(blend, lattice, places.odd);
    bool better = improve(shape_sums(lattice, places, values, target, shape.size()),
                          step * step * 0.01, step, count, shape);
    put_part(out, better, shape);
    if (better) set_shape(blend, lattice, places.odd, shape);
    Part past(blend.past.begin(),
              blend.past.begin() + static_cast<std::ptrdiff_t>(past_count(lattice.axes)));
    better = improve(past_sums(lattice, places, values, target, blend), step * step / 12, step,
                     count, past);
    put_part(out, better, past);
    if (better) std::copy(past.begin(), past.end(), blend.past.begin());
}

void take_blend(const Lattice& lattice, const PlaceClass& places, ResidualDecoder& in,
                Blend& blend) {
    if (places.places() < fewest_places) return;
    Part shape = shape_of(blend, lattice, places.odd);
    if (take_part(in, shape)) set_shape(blend, lattice, places.odd, shape);
    Part past(past_count(lattice.axes));
    if (take_part(in, past)) std::copy(past.begin(), past.end(), blend.past.begin());
}

}  // namespace narrows::codec
