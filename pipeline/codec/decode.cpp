#include "pipeline/codec/interpolate.hpp"
#include "pipeline/codec/lanes.hpp"
#include "pipeline/codec/latents.hpp"
#include "pipeline/codec/stream.hpp"
#include "pipeline/codec/zstandard.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

template <class T>
struct Decoder {
    Grid grid;
    bool log = false;
    std::span<const std::uint8_t> mask, negative;
    T* out;
    ResidualDecoder residuals;

    double value(std::size_t index, double prediction, Context context, std::uint32_t& magnitude) {
        prediction = grid.inside(prediction);
        if (mask[index] != 0) return log ? prediction : restore<T>(grid, prediction, 0);
        const std::int64_t residual = residuals.take(context);
        const std::uint64_t size = static_cast<std::uint64_t>(residual < 0 ? -residual : residual);
        magnitude = static_cast<std::uint32_t>(std::min<std::uint64_t>(size, largest_magnitude));
        if (log) {
            const double value = prediction + static_cast<double>(residual) * grid.step;
            const double plain = simd::exponential(value);
            if constexpr (std::is_floating_point_v<T>)
                out[index] =
                    static_cast<T>(restore<T>({}, negative[index] != 0 ? -plain : plain, 0));
            return value;
        }
        const double value = restore<T>(grid, prediction, static_cast<double>(residual));
        out[index] = static_cast<T>(value);
        return value;
    }
};

template <class T>
void decode_rows(const RowModel& model, std::size_t lanes, const Grid& grid,
                 std::span<const std::byte> stream, std::span<const std::uint8_t> mask,
                 std::span<T> out) {
    constexpr std::size_t wide = simd::coding_lanes;
    const std::size_t features = model.features;
    LaneWalk walk(model, out.size() / features, lanes, grid, lane_kind<T>());
    ResidualDecoder residuals(stream, lanes, model.tables.get());
    const bool whole = mask.empty();
    for (std::size_t step = 0; step < walk.steps(); ++step) {
        const std::size_t active = walk.active(step);
        std::fill_n(walk.coded(), features, static_cast<std::uint16_t>((1u << active) - 1));
        for (std::size_t lane = 0; lane < active && !whole; ++lane) {
            const std::uint8_t* const known = mask.data() + walk.row(step, lane) * features;
            for (std::size_t f = 0; f < features; ++f)
                walk.coded()[f] = static_cast<std::uint16_t>(walk.coded()[f] &
                                                             ~(std::uint32_t{known[f]} << lane));
        }
        residuals.row(walk.model(), walk.now());
        for (std::size_t lane = 0; lane < active; ++lane) {
            const std::size_t at = walk.row(step, lane) * features;
            const double* const values = walk.values() + lane;
            if (whole) {
                for (std::size_t f = 0; f < features; ++f)
                    out[at + f] = static_cast<T>(values[f * wide]);
            } else {
                for (std::size_t f = 0; f < features; ++f)
                    if (mask[at + f] == 0) out[at + f] = static_cast<T>(values[f * wide]);
            }
        }
        walk.advance();
    }
    residuals.end();
}

Lattice take_lattice(ByteReader& in, std::size_t axes, std::size_t count) {
    if (axes == 0 || axes > most_lattice_axes) throw Damaged{"shape"};
    Lattice lattice;
    lattice.axes = axes;
    __extension__ using Wide = unsigned __int128;
    Wide all = 1;
    for (std::size_t a = 0; a < axes; ++a) {
        lattice.extent[a] = in.count(count);
        all *= lattice.extent[a];
        if (all > count) throw Damaged{"shape"};
    }
    if (all != count) throw Damaged{"shape"};
    lattice.set_strides();
    return lattice;
}

template <class T>
void decode_predicted(ByteReader& in, Method method, std::uint8_t flags, std::uint8_t axes,
                      const Model* model, std::span<std::byte> present) {
    const std::size_t count = present.size() / sizeof(T);
    Grid grid;
    const RowModel* rows = nullptr;
    if (method == Method::rows) {
        rows = model == nullptr ? nullptr : std::get_if<RowModel>(model);
        if (rows == nullptr || count % rows->features != 0) throw Damaged{"model"};
    }
    if ((flags & usual_grid) != 0) {
        if (rows == nullptr) throw Damaged{"flags"};
        grid = {rows->start.step, rows->start.low, rows->start.high};
    } else {
        grid.step = in.take<double>();
        grid.low = in.take<double>();
        grid.high = in.take<double>();
    }
    // Whole numbers stay inside their type, whatever the header says.
    bool right = std::isfinite(grid.step) && std::isfinite(grid.low) && std::isfinite(grid.high) &&
                 grid.low <= grid.high;
    if constexpr (std::is_integral_v<T>)
        right = right && (flags & logarithmic) == 0 &&
                grid.low >= static_cast<double>(std::numeric_limits<T>::min()) &&
                grid.high <= static_cast<double>(std::numeric_limits<T>::max()) &&
                std::abs(grid.low) <= 0x1p50 && std::abs(grid.high) <= 0x1p50;
    if (!right) throw Damaged{"grid"};
    FieldShape field;
    const LatentModel* latents = nullptr;
    if (method == Method::field || method == Method::codes) {
        field.planes = in.count(count);
        field.lines = in.count(count);
        field.columns = in.count(count);
        __extension__ using Wide = unsigned __int128;
        if (Wide{field.planes} * field.lines * field.columns != count) throw Damaged{"shape"};
    }
    Lattice lattice;
    Tightening tightening;
    if (method == Method::interpolation) {
        lattice = take_lattice(in, axes, count);
        tightening.alpha = in.take<std::uint8_t>();
        tightening.beta = in.take<std::uint8_t>();
        const auto planes = in.take<std::uint8_t>();
        if (planes > 1 || (planes == 1 && axes != plane_axes)) throw Damaged{"shape"};
        lattice.planes = planes == 1;
    }
    std::vector<std::int32_t> codes;
    if (method == Method::codes) {
        latents = model == nullptr ? nullptr : std::get_if<LatentModel>(model);
        if (latents == nullptr || !is_of(*latents, field) || (flags & logarithmic) != 0)
            throw Damaged{"model"};
        codes = take_codes(*latents, count / latents->features(), in.block());
    }
    std::size_t lanes = 0;
    if (method == Method::rows) {
        lanes = axes;
        if (lanes == 0 || lanes > most_lanes || (flags & logarithmic) != 0 || count == 0)
            throw Damaged{"lanes"};
    }
    std::vector<std::uint8_t> mask = take_exceptions(in, count, present, sizeof(T)), negative;
    if (method == Method::rows) {
        return decode_rows<T>(*rows, lanes, grid, in.take_bytes(in.left()), mask,
                              {reinterpret_cast<T*>(present.data()), count});
    }
    mask.resize(count);
    if ((flags & logarithmic) != 0) {
        negative.resize(count);
        take_flags(in, negative);
    }
    Decoder<T> decoder{
        grid,     (flags & logarithmic) != 0,           mask,
        negative, reinterpret_cast<T*>(present.data()), ResidualDecoder(in.take_bytes(in.left()))};
    if (method == Method::interpolation) {
        through_levels(lattice, tightening, std::is_integral_v<T>, decoder,
                       [&](const PlaceClass& places, const double*, double, Blend& blend) {
                           take_blend(lattice, places, decoder.residuals, blend);
                       });
        return decoder.residuals.end();
    }
    if (latents != nullptr) {
        through_field(latents->local, field.planes, field.lines, field.columns, decoder,
                      Guesses(*latents, std::move(codes), field));
        return decoder.residuals.end();
    }
    const StencilModel plain = axes > 0 ? differences(axes) : StencilModel{};
    const auto* given = model == nullptr ? nullptr : std::get_if<StencilModel>(model);
    const StencilModel* stencil = axes > 0 ? &plain : given;
    if (stencil == nullptr) throw Damaged{"model"};
    if (stencil->mean.size() > 1 &&
        (stencil->lines != field.lines || stencil->columns != field.columns))
        throw Damaged{"model"};
    through_field(*stencil, field.planes, field.lines, field.columns, decoder);
    decoder.residuals.end();
}

// Whole multiples of the step, as differences from the one before.
template <class T>
void decode_grid(ByteReader& in, std::span<std::byte> present) {
    const std::size_t count = present.size() / sizeof(T);
    const double step = in.take<double>();
    std::vector<std::uint8_t> mask = take_exceptions(in, count, present, sizeof(T));
    mask.resize(count);
    const Bytes shuffled = decompress(in.take_bytes(in.left()), count * 4);
    Bytes plain(shuffled.size());
    unshuffle(shuffled, 4, plain);
    auto* const out = reinterpret_cast<T*>(present.data());
    std::uint32_t whole = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t difference;
        std::memcpy(&difference, plain.data() + 4 * i, 4);
        whole += (difference >> 1) ^ (0u - (difference & 1u));
        if (mask[i] != 0) continue;
        if constexpr (std::is_floating_point_v<T>)
            out[i] = static_cast<T>(
                restore<T>({step, 0, 0}, 0, static_cast<double>(static_cast<std::int32_t>(whole))));
    }
}

void decode_net(ByteReader& in, const Model* model, std::span<std::byte> present) {
    const auto* net = model == nullptr ? nullptr : std::get_if<NetModel>(model);
    if (net == nullptr) throw Damaged{"model"};
    ImageShape shape{};
    shape.images = in.count(present.size());
    shape.lines = in.count(present.size());
    shape.columns = in.count(present.size());
    shape.step = static_cast<std::uint32_t>(in.count(255));
    __extension__ using Wide = unsigned __int128;
    if (shape.step == 0 || Wide{shape.images} * shape.lines * shape.columns != present.size())
        throw Damaged{"shape"};
    if (present.empty()) return;
    if (shape.lines > most_image_side || shape.columns > most_image_side) throw Damaged{"shape"};
    shape.levels = image_levels(shape.step);
    const std::span<std::uint8_t> values(reinterpret_cast<std::uint8_t*>(present.data()),
                                         present.size());
    decode_images(*net, shape, in.take_bytes(in.left()), values);
    for (std::uint8_t& value : values)
        value = static_cast<std::uint8_t>(std::min(255u, value * shape.step));
}

}  // namespace

std::string to_string(Method method) {
    switch (method) {
        case Method::packed:
            return "zstd";
        case Method::grid:
            return "grid+zstd";
        case Method::field:
            return "field";
        case Method::rows:
            return "linear-autoencoder";
        case Method::images:
            return "causal-network";
        case Method::interpolation:
            return "interpolation";
        case Method::codes:
            return "autoencoder";
    }
    return "unknown";
}

bool decode_chunk(std::span<const std::byte> stored, Numeric type, const Model* model,
                  std::span<std::byte> out) {
    try {
        ByteReader in(stored);
        if (in.take<std::uint16_t>() != magic) return false;
        const auto sum = in.take<std::uint64_t>();
        if (checksum(stored.subspan(checked_from)) != sum) return false;
        const auto method = static_cast<Method>(in.take<std::uint8_t>());
        if (in.take<std::uint8_t>() != static_cast<std::uint8_t>(type)) return false;
        const auto flags = in.take<std::uint8_t>();
        const auto axes = in.take<std::uint8_t>();
        if (flags > (logarithmic | usual_grid | all_rows) ||
            (method != Method::rows && axes > along_rows))
            return false;
        const std::size_t value_bytes = storage::size_of(type);
        const std::size_t most = out.size() / value_bytes,
                          count = (flags & all_rows) != 0 ? most : in.count(most);
        const auto present = out.first(count * value_bytes);
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(present.size()), out.end(),
                  std::byte{0});
        switch (method) {
            case Method::packed: {
                Bytes shuffled(present.size());
                decompress_into(in.take_bytes(in.left()), shuffled);
                unshuffle(shuffled, value_bytes, present);
                return true;
            }
            case Method::grid:
                return with_type(type, [&]<class T>() { decode_grid<T>(in, present); });
            case Method::images:
                if (type != Numeric::u8) return false;
                decode_net(in, model, present);
                return true;
            case Method::field:
            case Method::rows:
            case Method::interpolation:
            case Method::codes:
                return with_type(type, [&]<class T>() {
                    decode_predicted<T>(in, method, flags, axes, model, present);
                });
        }
        return false;
    } catch (const Damaged&) {
        return false;
    }
}

}  // namespace narrows::codec
