// A row of sixteen lanes at once, place by place: prediction, contexts, residual, value. Plain
// loops over the lanes are for the compiler to vectorise; contraction is off.

// Unrolled loops would not be vectorised any more.
#define NARROWS_EACH_LANE _Pragma("GCC unroll 1")

// What is known about the residuals before, of each lane.
struct LaneContexts {
    alignas(64) float before[coding_lanes], earlier[coding_lanes];
    alignas(64) std::int32_t recent[coding_lanes];
    alignas(64) std::int32_t level[coding_lanes], side[coding_lanes], pattern[coding_lanes];
};

NARROWS_INLINE std::uint32_t index(std::int32_t i) {
    return static_cast<std::uint32_t>(i);
}

NARROWS_INLINE void predict_lanes(const LaneModel& m, const double* here, std::size_t place,
                                  double* p) {
    constexpr std::size_t parts = coding_lanes / doubles;
    D sum[parts];
#pragma GCC unroll 8
    for (D& part : sum) part = set(0.0);
    for (std::uint32_t t = m.first[place]; t < m.first[place + 1]; ++t) {
        const D weight = set(m.weight[t]);
        const double* const x = here + m.from[t];
#pragma GCC unroll 8
        for (std::size_t v = 0; v < parts; ++v) sum[v] = sum[v] + weight * load(x + v * doubles);
    }
    const D mean = set(m.mean[place]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < parts; ++v) store(p + v * doubles, sum[v] + mean);
    const double low = m.low, high = m.high;
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) {
        const double x = p[lane] >= low ? p[lane] : low;  // also NaN
        p[lane] = x > high ? high : x;
    }
}

NARROWS_INLINE void contexts_of(const LaneModel& m, const LaneRow& r, std::size_t place,
                                LaneContexts& c) {
    const float* const activity = r.activity + place * coding_lanes;
    const std::int32_t* const history = r.history + place * coding_lanes;
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) {
        const float scale = activity[lane] * (154.0f / 256) + c.before[lane] * (64.0f / 256) +
                            c.earlier[lane] * (38.0f / 256) + 6.0f / 256;
        std::int32_t bits;  // exponent and first bit of the fraction
        __builtin_memcpy(&bits, &scale, 4);
        const std::int32_t level = (bits >> 22) - 242;
        c.level[lane] = level < 71 ? level : 71;
        c.pattern[lane] = 16 * c.recent[lane] + history[lane];
    }
    static_assert(residual_levels == 72);
    if (m.side_is_place) {
        NARROWS_EACH_LANE
        for (std::size_t lane = 0; lane < coding_lanes; ++lane)
            c.side[lane] = static_cast<std::int32_t>(place);
        return;
    }
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) {
        const float before = c.before[lane] < 7.0f ? c.before[lane] : 7.0f;
        const float twice = activity[lane] * 2 + 0.5f, near = twice < 7.0f ? twice : 7.0f;
        c.side[lane] = 8 * static_cast<std::int32_t>(before) + static_cast<std::int32_t>(near);
    }
}

// To the nearest whole number, halves to even, for |x| < 2^51.
NARROWS_INLINE double to_nearest(double x) {
    constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
    return (x + magic) - magic;
}
// A copy on the stack, so that stores to values do not make the compiler read it again for each
// lane.
struct LaneGrid {
    double step, low, high;
};
template <LaneKind kind>
NARROWS_INLINE double lane_value(const LaneGrid& m, double p, double residual) {
    if constexpr (kind == LaneKind::whole) {
        const double v = to_nearest(p) + residual * m.step;
        const double x = v < m.low ? m.low : v;
        return x > m.high ? m.high : x;
    } else if constexpr (kind == LaneKind::single) {
        constexpr double most = 0x1.fffffep+127;
        const double v = p + residual * m.step;
        const double x = v < -most ? -most : v;
        return static_cast<double>(static_cast<float>(x > most ? most : x));
    } else {
        return p + residual * m.step;
    }
}

// After the residuals of a place. `value`: null where nobody wants it.
template <LaneKind kind>
NARROWS_INLINE void end_place(const LaneModel& m, const LaneRow& r, std::size_t place,
                              const double* p, const double* residual, double* value,
                              LaneContexts& c) {
    const std::size_t feature = m.feature[place];
    double* const here = r.here + feature * coding_lanes;
    float* const activity = r.activity + place * coding_lanes;
    std::int32_t* const history = r.history + place * coding_lanes;
    const double mean = m.mean[place];
    const LaneGrid grid{m.step, m.low, m.high};
    alignas(64) double found[coding_lanes];  // apart from what p and residual may share memory with
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane)
        found[lane] = lane_value<kind>(grid, p[lane], residual[lane]);
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) here[lane] = found[lane] - mean;
    if (value != nullptr) {
        NARROWS_EACH_LANE
        for (std::size_t lane = 0; lane < coding_lanes; ++lane) value[lane] = found[lane];
    }
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) {
        const float size =
            static_cast<float>(residual[lane] < 0 ? -residual[lane] : residual[lane]);
        const auto few = static_cast<std::int32_t>(size < 3.0f ? size : 3.0f);
        activity[lane] = activity[lane] + (size - activity[lane]) * (38.0f / 256);
        c.earlier[lane] = c.earlier[lane] + (size - c.earlier[lane]) * (77.0f / 256);
        c.before[lane] = size;
        c.recent[lane] = 4 * few + (c.recent[lane] >> 2);
        history[lane] = 4 * few + (history[lane] >> 2);
    }
}

// A distribution that stays in a register as long as it is the one that learns: one lane's store
// and the next one's load would cost more than the learning between them.
struct Learner {
    ResidualTables& tables;
    std::uint32_t at;
    Shares over;
    NARROWS_INLINE Learner(ResidualTables& t, std::uint32_t first)
        : tables(t), at(first), over(load_shares(t.of[first].over)) {}
    NARROWS_INLINE void learn(std::uint32_t index, std::uint32_t symbol) {
        if (index != at) {
            put_back();
            at = index;
            over = load_shares(tables.of[index].over);
        }
        over = moved_to<true>(over, symbol, 7);
    }
    NARROWS_INLINE void put_back() { store_shares(tables.of[at].over, over); }
};

// What all lanes of a place had, only after all of them were coded.
NARROWS_INLINE void learn_lanes(ResidualTables& t, bool one_side, std::size_t lanes,
                                std::uint32_t coded, const LaneContexts& c,
                                const std::uint32_t* symbol) {
    const std::uint32_t shared = ResidualTables::sides + index(c.side[0]);
    bool steady = one_side && coded == (1u << lanes) - 1 && t.seen[shared] >= 31;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        steady &= t.seen[index(c.level[lane])] >= 31 &&
                  t.seen[ResidualTables::patterns + index(c.pattern[lane])] >= 31;
    if (!steady) {
        for (std::size_t lane = 0; lane < lanes; ++lane)
            if ((coded >> lane & 1) != 0)
                learn(t, index(c.level[lane]), index(c.side[lane]), index(c.pattern[lane]),
                      symbol[lane]);
        return;
    }
    Learner level(t, index(c.level[0])), side(t, shared),
        pattern(t, ResidualTables::patterns + index(c.pattern[0]));
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        level.learn(index(c.level[lane]), symbol[lane]);
        side.over = moved_to<true>(side.over, symbol[lane], 7);
        pattern.learn(ResidualTables::patterns + index(c.pattern[lane]), symbol[lane]);
    }
    level.put_back();
    side.put_back();
    pattern.put_back();
}

// Bit l: is flag[l] not 0, of so many lanes? Nearly always all are.
NARROWS_INLINE std::uint32_t lanes_of(const std::int64_t* flag, std::size_t lanes) {
    std::int64_t every = -1;
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) every &= flag[lane];
    if (every != 0) return (1u << lanes) - 1;
    std::uint32_t bits = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        bits |= static_cast<std::uint32_t>(flag[lane] & 1) << lane;
    return bits;
}

NARROWS_INLINE bool no_low_bits(const LaneContexts& c) {
    std::int32_t all = 0;
    NARROWS_EACH_LANE
    for (std::size_t lane = 0; lane < coding_lanes; ++lane) all |= c.level[lane];
    return all < 16;
}

template <LaneKind kind>
void encode_row_of(const LaneModel& m, const LaneRow& r, double bound, ResidualWriter& out) {
    LaneContexts c{};
    alignas(64) double p[coding_lanes], residual[coding_lanes];
    const double inverse = 1 / m.step;
    const LaneGrid grid{m.step, m.low, m.high};
    ResidualTables& tables = *out.tables;
    BitWriter bits = out.bits;
    std::uint32_t* step = out.step;
    const std::size_t lanes = r.lanes;
    const std::uint32_t all = (1u << lanes) - 1;
    for (std::size_t place = 0; place < m.places; ++place) {
        predict_lanes(m, r.here, place, p);
        contexts_of(m, r, place, c);
        const double* const wanted = r.values + m.feature[place] * coding_lanes;
        alignas(64) std::int64_t good[coding_lanes];
        alignas(64) std::int64_t near[coding_lanes];  // a symbol says all of it
        NARROWS_EACH_LANE
        for (std::size_t lane = 0; lane < coding_lanes; ++lane) {
            const double base = kind == LaneKind::whole ? to_nearest(p[lane]) : p[lane];
            const double exact = (wanted[lane] - base) * inverse;
            const double whole = to_nearest(exact);
            const double decoded = lane_value<kind>(grid, p[lane], whole);
            const double off = wanted[lane] - decoded, far = off < 0 ? -off : off;
            const double size = exact < 0 ? -exact : exact;
            const bool holds = size < 0x1p40 && far <= bound;  // false for NaN
            good[lane] = holds ? -1 : 0;
            near[lane] = size < static_cast<double>(middle_symbol - 2) ? -1 : 0;
            residual[lane] = holds ? whole : 0.0;
        }
        const std::uint32_t coded = lanes_of(good, lanes);
        r.coded[m.feature[place]] = static_cast<std::uint16_t>(coded);
        alignas(64) std::uint32_t symbol[coding_lanes];
        const auto put = [&](std::size_t lane) NARROWS_LAMBDA {
            *step++ = put_one(tables, bits, index(c.level[lane]), index(c.side[lane]),
                              index(c.pattern[lane]), static_cast<std::int64_t>(residual[lane]),
                              symbol[lane]);
        };
        if (coded == all && no_low_bits(c) && lanes_of(near, lanes) == all) {
            NARROWS_EACH_LANE
            for (std::size_t lane = 0; lane < coding_lanes; ++lane)
                symbol[lane] =
                    static_cast<std::uint32_t>(static_cast<std::int32_t>(residual[lane]) +
                                               static_cast<std::int32_t>(middle_symbol));
            for (std::size_t lane = 0; lane < lanes; ++lane)
                *step++ = share_of(views_of(tables, index(c.level[lane]), index(c.side[lane]),
                                            index(c.pattern[lane])),
                                   symbol[lane]);
        } else if (coded == all) {
            for (std::size_t lane = 0; lane < lanes; ++lane) put(lane);
        } else {
            for (std::size_t lane = 0; lane < lanes; ++lane)
                if ((coded >> lane & 1) != 0)
                    put(lane);
                else
                    *step++ = 0;
        }
        learn_lanes(tables, m.side_is_place, r.lanes, coded, c, symbol);
        end_place<kind>(m, r, place, p, residual, nullptr, c);
    }
    out.bits = bits;
    out.step = step;
}

template <LaneKind kind>
void decode_row_of(const LaneModel& m, const LaneRow& r, ResidualReader& from) {
    LaneContexts c{};
    alignas(64) double p[coding_lanes], residual[coding_lanes] = {};
    ResidualReader in = from;
    for (std::size_t place = 0; place < m.places; ++place) {
        predict_lanes(m, r.here, place, p);
        contexts_of(m, r, place, c);
        const std::uint32_t coded = r.coded[m.feature[place]];
        std::uint32_t symbol[coding_lanes];
        for (std::size_t lane = 0; lane < r.lanes; ++lane)
            residual[lane] = (coded >> lane & 1) == 0
                                 ? 0.0
                                 : static_cast<double>(take_one(
                                       in, in.state[lane], index(c.level[lane]),
                                       index(c.side[lane]), index(c.pattern[lane]), symbol[lane]));
        learn_lanes(*in.tables, m.side_is_place, r.lanes, coded, c, symbol);
        if (in.word > in.end) in.damaged = true;
        if (in.damaged) break;
        end_place<kind>(m, r, place, p, residual, r.values + m.feature[place] * coding_lanes, c);
    }
    from = in;
}

void encode_row(const LaneModel& m, const LaneRow& r, double bound, ResidualWriter& out) {
    switch (m.kind) {
        case LaneKind::single:
            return encode_row_of<LaneKind::single>(m, r, bound, out);
        case LaneKind::real:
            return encode_row_of<LaneKind::real>(m, r, bound, out);
        case LaneKind::whole:
            return encode_row_of<LaneKind::whole>(m, r, bound, out);
    }
}
void decode_row(const LaneModel& m, const LaneRow& r, ResidualReader& in) {
    switch (m.kind) {
        case LaneKind::single:
            return decode_row_of<LaneKind::single>(m, r, in);
        case LaneKind::real:
            return decode_row_of<LaneKind::real>(m, r, in);
        case LaneKind::whole:
            return decode_row_of<LaneKind::whole>(m, r, in);
    }
}
#undef NARROWS_EACH_LANE
