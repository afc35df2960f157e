// One chunk of a dataset as a stream of bytes and back. One rule: an encoder runs the decoder that
// ships and compares every value in double; what does not hold is stored as it is.
#pragma once

#include <memory>
#include <optional>

#include "pipeline/codec/model.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::codec {

using storage::Numeric;

enum class Method : std::uint8_t {
    packed = 1,         // bytes of equal significance side by side, zstd; exact
    grid = 2,           // whole multiples of the step, differences, as packed
    field = 3,          // stencil over the last three axes
    rows = 4,           // causal linear autoencoder over rows
    images = 5,         // causal network over images of bytes
    interpolation = 6,  // from coarse to fine over up to four axes
    codes = 7,          // of an autoencoder, and what its guesses miss
};
std::string to_string(Method method);

// What a decoded value may be away from the stored one.
struct Bound {
    enum class Kind : std::uint8_t { exact, absolute, pointwise } kind = Kind::exact;
    double value = 0;  // pointwise: of |value|
};

// How the chunks of one dataset are coded.
struct Plan {
    Method method = Method::packed;
    // Field without a model: differences along so many axes. Interpolation: plane by plane (1).
    std::uint8_t axes = 0;
    std::int64_t chunk_rows = 0;  // of a whole chunk; 0: not known
    std::uint8_t tightening = 0;  // interpolation: which of `tightenings` (interpolate.hpp)
    std::size_t lanes = 1;        // of rows: more are faster and cost a little at the start of each
    std::shared_ptr<const Model> model;  // of field and rows
    Bound bound;
    double low = 0, high = 0;    // finite values of the dataset that are not fill
    std::optional<double> fill;  // kept bit by bit
    double largest_mse = 0;      // PSNR: the step shrinks until a chunk holds it; 0: none
    int zstd_level = 9;
    bool trial = false;  // only the size counts: the chunk is not decoded and compared
    bool guard = true;   // compare with `packed` and `grid`, take the smallest
};

struct ChunkReport {
    double max_error = 0, squared_error = 0;  // pointwise: relative; over finite values
    std::uint64_t values = 0, violations = 0;
    std::uint64_t measured = 0;  // of the values: finite and no fill, which errors are over
    Method method = Method::packed;
};

// `values`: rows first; extents as present (a last chunk may have fewer rows). Thread-safe.
NARROWS_PUBLIC Bytes encode_chunk(const Plan& plan, Numeric type, const Shape& shape,
                                  std::span<const std::byte> values, ChunkReport& report);

// What rows of a dataset would like their chunks to begin with; plan.method is rows.
CodingStart learn_start(const Plan& plan, Numeric type, std::span<const std::byte> values);

// Fills `out`, a whole chunk (rows that are not present become zeros). False: damaged, or made with
// another model. `model` may be null where none is needed. Thread-safe.
NARROWS_PUBLIC bool decode_chunk(std::span<const std::byte> stored, Numeric type,
                                 const Model* model, std::span<std::byte> out);

// Largest error of `decoded` against `original`, and how many values miss the bound (or differ in a
// bit where they are not finite, or fill).
NARROWS_PUBLIC void compare(Numeric type, std::span<const std::byte> original,
                            std::span<const std::byte> decoded, const Bound& bound,
                            std::optional<double> fill, ChunkReport& report);

// Calls `take.template operator()<T>()` with the C++ type; false for f16.
template <class Take>
bool with_type(Numeric type, const Take& take) {
    switch (type) {
        case Numeric::i8:
            take.template operator()<std::int8_t>();
            return true;
        case Numeric::u8:
            take.template operator()<std::uint8_t>();
            return true;
        case Numeric::i16:
            take.template operator()<std::int16_t>();
            return true;
        case Numeric::u16:
            take.template operator()<std::uint16_t>();
            return true;
        case Numeric::i32:
            take.template operator()<std::int32_t>();
            return true;
        case Numeric::u32:
            take.template operator()<std::uint32_t>();
            return true;
        case Numeric::i64:
            take.template operator()<std::int64_t>();
            return true;
        case Numeric::u64:
            take.template operator()<std::uint64_t>();
            return true;
        case Numeric::f32:
            take.template operator()<float>();
            return true;
        case Numeric::f64:
            take.template operator()<double>();
            return true;
        case Numeric::f16:
            break;
    }
    return false;
}

}  // namespace narrows::codec
