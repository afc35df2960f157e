#include "pipeline/codec/interpolate.hpp"
#include "pipeline/codec/latents.hpp"
#include "pipeline/codec/residuals_of.hpp"
#include "pipeline/codec/stream.hpp"
#include "pipeline/codec/zstandard.hpp"

namespace narrows::codec {
namespace {

std::int64_t rows_of(const Shape& shape) {
    return shape.rank() == 0 ? 1 : shape[0];
}

// `axes`: of a field, or lanes of rows.
ByteWriter begin(const Plan& plan, Method method, Numeric type, std::uint8_t flags,
                 std::size_t axes, std::int64_t rows, std::size_t count) {
    const bool all = plan.chunk_rows > 0 && rows == plan.chunk_rows;
    ByteWriter out;
    out.put(static_cast<std::uint8_t>(method));
    out.put(static_cast<std::uint8_t>(type));
    out.put(static_cast<std::uint8_t>(flags | (all ? all_rows : 0)));
    out.put(static_cast<std::uint8_t>(axes));
    if (!all) out.varint(count);
    return out;
}

Bytes sealed(const ByteWriter& body) {
    ByteWriter out;
    out.put(magic);
    out.put(checksum(body.bytes()));
    out.append(body.bytes());
    return out.take();
}

Bytes encode_packed(const Plan& plan, Numeric type, const Shape& shape,
                    std::span<const std::byte> values) {
    ByteWriter out = begin(plan, Method::packed, type, 0, 0, rows_of(shape),
                           values.size() / storage::size_of(type));
    Bytes shuffled(values.size());
    shuffle(values, storage::size_of(type), shuffled);
    out.append(compress(shuffled, plan.zstd_level));
    return sealed(out);
}

// NaN, infinities and fill values; zeros too where logarithms are taken.
template <class T>
std::vector<std::uint8_t> odd_values(std::span<const T> values, const Plan& plan) {
    std::vector<std::uint8_t> mask(values.size());
    const bool log = plan.bound.kind == Bound::Kind::pointwise;
    if (!plan.fill && !log) {
        if constexpr (std::is_floating_point_v<T>)
            for (std::size_t i = 0; i < values.size(); ++i)
                mask[i] = std::abs(values[i]) <= std::numeric_limits<T>::max() ? 0 : 1;
        return mask;
    }
    for (std::size_t i = 0; i < values.size(); ++i)
        mask[i] = !is_finite(values[i]) || is_fill(values[i], plan.fill) ||
                  (log && !(std::abs(static_cast<double>(values[i])) >=
                            static_cast<double>(std::numeric_limits<T>::min())));
    return mask;
}

// The largest step whose grid surely holds the bound; 0 where rounding eats it up.
template <class T>
double step_of(const Plan& plan) {
    const double most = std::max(std::abs(plan.low), std::abs(plan.high));
    if (plan.bound.kind == Bound::Kind::pointwise) {
        const double rounding = 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
        return plan.bound.value > 8 * rounding
                   ? 2 * simd::logarithm(1 + plan.bound.value - rounding) * (1 - 1e-9)
                   : 0;
    }
    if constexpr (std::is_integral_v<T>) {
        return plan.bound.kind == Bound::Kind::exact
                   ? 1
                   : 2 * std::floor(std::min(plan.bound.value, 0x1p40)) + 1;
    } else {
        if (plan.bound.kind == Bound::Kind::exact) return 0;
        const double rounding = most * static_cast<double>(std::numeric_limits<T>::epsilon());
        const double step = 2 * (plan.bound.value - rounding) * (1 - 0x1p-40);
        return plan.bound.value > 2 * rounding && std::isfinite(step) ? step : 0;
    }
}

template <class T>
std::optional<Bytes> encode_predicted(const Plan& plan, Numeric type, const Shape& shape,
                                      std::span<const T> values, double step) {
    const bool log = plan.bound.kind == Bound::Kind::pointwise;
    Grid grid{step, plan.low, plan.high};
    if (!(step > 0) || !(plan.low <= plan.high)) return std::nullopt;
    if constexpr (std::is_integral_v<T>)
        if (log || std::max(std::abs(plan.low), std::abs(plan.high)) > 0x1p50) return std::nullopt;
    std::vector<std::uint8_t> mask = odd_values(values, plan), negative;
    if (plan.method == Method::rows) {
        const auto& rows = std::get<RowModel>(*plan.model);
        if (log || rows.features == 0 || values.empty() || values.size() % rows.features != 0)
            return std::nullopt;
        ResidualEncoder coded =
            encode_rows<T>(rows, plan.lanes, grid, plan.bound.value, values, mask);
        const bool usual = is_usual(grid, rows.start);
        ByteWriter out = begin(plan, plan.method, type, usual ? usual_grid : 0, plan.lanes,
                               rows_of(shape), values.size());
        if (!usual) {
            out.put(grid.step);
            out.put(grid.low);
            out.put(grid.high);
        }
        put_exceptions(out, mask, std::as_bytes(values), sizeof(T));
        out.append(coded.finish());
        return sealed(out);
    }
    std::vector<double> wanted(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<double>(values[i]);
        wanted[i] = log && mask[i] == 0 ? simd::logarithm(std::abs(value)) : value;
    }
    if (log) {
        negative.resize(values.size());
        grid.low = std::numeric_limits<double>::max();
        grid.high = -grid.low;
        for (std::size_t i = 0; i < values.size(); ++i) {
            // Runs over what is masked, so that it costs nothing.
            negative[i] = mask[i] != 0 ? (i == 0 ? 0 : negative[i - 1]) : values[i] < T{};
            if (mask[i] != 0) continue;
            grid.low = std::min(grid.low, wanted[i]);
            grid.high = std::max(grid.high, wanted[i]);
        }
        if (grid.low > grid.high) return std::nullopt;
    }
    const bool levels = plan.method == Method::interpolation;
    const Lattice lattice = lattice_of(shape, plan.axes == 1);
    const auto* latents =
        plan.method == Method::codes ? std::get_if<LatentModel>(plan.model.get()) : nullptr;
    const FieldShape field = latents != nullptr ? guessed_field(shape) : field_of(shape);
    if (latents != nullptr &&
        (log || values.empty() || latents->encoder == nullptr || !is_of(*latents, field)))
        return std::nullopt;
    ByteWriter out = begin(plan, plan.method, type, log ? logarithmic : 0,
                           levels ? lattice.axes : plan.axes, rows_of(shape), values.size());
    out.put(grid.step);
    out.put(grid.low);
    out.put(grid.high);
    Encoder<T> encoder{plan.bound,       grid, log, values.data(), wanted.data(), mask,
                       ResidualEncoder()};
    if (levels) {
        const Tightening tightening = tightenings[plan.tightening];
        for (std::size_t a = 0; a < lattice.axes; ++a) out.varint(lattice.extent[a]);
        out.put(tightening.alpha);
        out.put(tightening.beta);
        out.put(static_cast<std::uint8_t>(lattice.planes ? 1 : 0));
        through_levels(
            lattice, tightening, std::is_integral_v<T>, encoder,
            [&](const PlaceClass& places, const double* decoded, double level_step, Blend& blend) {
                fit_blend(lattice, places, decoded, level_step, {wanted.data(), mask.data()},
                          encoder.residuals, blend);
            });
    } else {
        out.varint(field.planes);
        out.varint(field.lines);
        out.varint(field.columns);
        if (latents != nullptr) {
            for (std::size_t i = 0; i < wanted.size(); ++i)
                if (mask[i] != 0) wanted[i] = std::numeric_limits<double>::quiet_NaN();
            std::vector<std::int32_t> codes = codes_of(*latents, wanted);
            out.block(put_codes(*latents, codes));
            through_field(latents->local, field.planes, field.lines, field.columns, encoder,
                          Guesses(*latents, std::move(codes), field));
        } else {
            const StencilModel plain = plan.axes > 0 ? differences(plan.axes) : StencilModel{};
            through_field(plan.axes > 0 ? plain : std::get<StencilModel>(*plan.model), field.planes,
                          field.lines, field.columns, encoder);
        }
    }
    put_exceptions(out, mask, std::as_bytes(values), sizeof(T));
    if (log) put_flags(out, negative);
    out.append(encoder.residuals.finish());
    return sealed(out);
}

template <class T>
std::optional<Bytes> encode_grid(const Plan& plan, Numeric type, const Shape& shape,
                                 std::span<const T> values, double step) {
    if (std::is_integral_v<T> || plan.bound.kind != Bound::Kind::absolute || !(step > 0))
        return std::nullopt;
    std::vector<std::uint8_t> mask = odd_values(values, plan);
    Bytes plain(values.size() * 4), shuffled(values.size() * 4);
    std::int32_t before = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::int32_t whole = before;
        const double exact = static_cast<double>(values[i]) / step;
        if (mask[i] == 0 && std::abs(exact) < 0x1p30) {
            const auto near = static_cast<std::int32_t>(to_whole(exact));
            const auto decoded =
                static_cast<T>(restore<T>({step, 0, 0}, 0, static_cast<double>(near)));
            if (holds(values[i], decoded, plan.bound))
                whole = near;
            else
                mask[i] = 1;
        } else {
            mask[i] = 1;
        }
        const std::uint32_t difference =
            static_cast<std::uint32_t>(whole) - static_cast<std::uint32_t>(before);
        const std::uint32_t folded = difference << 1 ^ (0u - (difference >> 31));
        std::memcpy(plain.data() + 4 * i, &folded, 4);
        before = whole;
    }
    ByteWriter out = begin(plan, Method::grid, type, 0, 0, rows_of(shape), values.size());
    out.put(step);
    put_exceptions(out, mask, std::as_bytes(values), sizeof(T));
    shuffle(plain, 4, shuffled);
    out.append(compress(shuffled, plan.zstd_level));
    return sealed(out);
}

// Rows are images of lines and columns.
std::optional<Bytes> encode_net(const Plan& plan, Numeric type, const Shape& shape,
                                std::span<const std::byte> bytes, double step) {
    if (type != Numeric::u8 || shape.rank() != 3 || !(step >= 1) || step > 255) return std::nullopt;
    ImageShape images{};
    images.images = static_cast<std::size_t>(shape[0]);
    images.lines = static_cast<std::size_t>(shape[1]);
    images.columns = static_cast<std::size_t>(shape[2]);
    images.step = static_cast<std::uint32_t>(step);
    images.levels = image_levels(images.step);
    if (images.lines > most_image_side || images.columns > most_image_side) return std::nullopt;
    std::vector<std::uint8_t> values(bytes.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<std::uint8_t>(
            (std::to_integer<std::uint32_t>(bytes[i]) + images.step / 2) / images.step);
    ByteWriter out = begin(plan, Method::images, type, 0, 0, rows_of(shape), values.size());
    out.varint(images.images);
    out.varint(images.lines);
    out.varint(images.columns);
    out.varint(images.step);
    out.append(encode_images(std::get<NetModel>(*plan.model), images, values));
    return sealed(out);
}

// Decodes what was encoded; does it hold?
std::optional<ChunkReport> checked(const Plan& plan, Numeric type,
                                   std::span<const std::byte> values, const Bytes& stored) {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(values.size());
    const std::span<std::byte> decoded(memory.get(), values.size());
    if (!decode_chunk(stored, type, plan.model.get(), decoded)) return std::nullopt;
    ChunkReport report;
    compare(type, values, decoded, plan.bound, plan.fill, report);
    if (report.violations > 0) return std::nullopt;
    return report;
}

template <class T>
std::optional<Bytes> encode_lossy(const Plan& plan, Numeric type, const Shape& shape,
                                  std::span<const T> values, double step) {
    if (plan.method == Method::images)
        return encode_net(plan, type, shape, std::as_bytes(values), step);
    return plan.method == Method::grid ? encode_grid<T>(plan, type, shape, values, step)
                                       : encode_predicted<T>(plan, type, shape, values, step);
}

// An eighth of the values, in pieces; none of few.
Bytes slices(std::span<const std::byte> values, std::size_t value_bytes) {
    constexpr std::size_t pieces = 16, part = 8, fewest = 1 << 16;
    const std::size_t count = values.size() / value_bytes, piece = count / (pieces * part);
    Bytes out;
    for (std::size_t i = 0; count >= fewest && i < pieces; ++i) {
        const auto from = values.subspan(count * i / pieces * value_bytes, piece * value_bytes);
        out.insert(out.end(), from.begin(), from.end());
    }
    return out;
}

}  // namespace

CodingStart learn_start(const Plan& plan, Numeric type, std::span<const std::byte> values) {
    CodingStart start;
    const auto& rows = std::get<RowModel>(*plan.model);
    with_type(type, [&]<class T>() {
        const std::span<const T> typed(reinterpret_cast<const T*>(values.data()),
                                       values.size() / sizeof(T));
        const Grid grid{step_of<T>(plan), plan.low, plan.high};
        if (!(grid.step > 0)) return;
        std::vector<std::uint8_t> mask = odd_values(typed, plan);
        const ResidualEncoder coded = encode_rows<T>(rows, 1, grid, plan.bound.value, typed, mask);
        if (plan.largest_mse == 0) {
            start.step = grid.step;
            start.low = grid.low;
            start.high = grid.high;
        }
        start.levels = levels_of(coded.tables());
    });
    return start;
}

Bytes encode_chunk(const Plan& plan, Numeric type, const Shape& shape,
                   std::span<const std::byte> values, ChunkReport& report) {
    Bytes best;
    ChunkReport found;
    const auto offer = [&](const Plan& tried, Bytes stored) {
        if (!best.empty() && stored.size() >= best.size()) return;
        std::optional<ChunkReport> held =
            tried.trial ? ChunkReport{} : checked(tried, type, values, stored);
        if (!held) return;
        held->method = tried.method;
        found = *held;
        best = std::move(stored);
    };
    const auto lossy = [&](const Plan& tried) {
        with_type(type, [&]<class T>() {
            const std::span<const T> typed(reinterpret_cast<const T*>(values.data()),
                                           values.size() / sizeof(T));
            double step = step_of<T>(tried);
            // A mean squared error is asked for: smaller steps until it holds.
            for (int attempt = 0; attempt < 12; ++attempt) {
                std::optional<Bytes> stored = encode_lossy<T>(tried, type, shape, typed, step);
                if (!stored) return;
                if (tried.largest_mse > 0) {
                    const std::optional<ChunkReport> held = checked(tried, type, values, *stored);
                    const double mse =
                        held ? held->squared_error /
                                   static_cast<double>(std::max<std::uint64_t>(1, held->measured))
                             : 0;
                    if (held && mse > tried.largest_mse) {
                        step *= std::min(0.97, std::sqrt(tried.largest_mse / mse) * 0.995);
                        continue;
                    }
                }
                return offer(tried, std::move(*stored));
            }
        });
    };
    if (plan.method != Method::packed) lossy(plan);
    if (plan.guard || best.empty()) {
        // A plain way is taken in earnest where an eighth of the values, quickly, says that it is
        // close.
        const Bytes some = best.empty() ? Bytes() : slices(values, storage::size_of(type));
        const Shape line{static_cast<std::int64_t>(some.size() / storage::size_of(type))};
        const auto is_far = [&](const std::optional<Bytes>& quick) {
            return !some.empty() && (!quick || quick->size() * values.size() / some.size() >
                                                   best.size() + best.size() / 2);
        };
        Plan quick = plan;
        quick.zstd_level = 1;
        quick.model = nullptr;
        Plan grid = plan;
        grid.method = Method::grid;
        grid.model = nullptr;
        if (plan.method != Method::grid && plan.bound.kind == Bound::Kind::absolute) {
            std::optional<Bytes> part;
            quick.method = Method::grid;
            with_type(type, [&]<class T>() {
                part = encode_grid<T>(
                    quick, type, line,
                    {reinterpret_cast<const T*>(some.data()), some.size() / sizeof(T)},
                    step_of<T>(quick));
            });
            if (!is_far(part)) lossy(grid);
        }
        Plan packed = plan;
        packed.method = Method::packed;
        if (!is_far(some.empty() ? std::optional<Bytes>() : encode_packed(quick, type, line, some)))
            offer(packed, encode_packed(plan, type, shape, values));
    }
    if (best.empty()) throw Error(Fault::run, "a chunk could not be decoded after it was encoded");
    report = found;
    return best;
}

}  // namespace narrows::codec
