// Procedural data. One rule: a row is a function of (kind, seed, row) alone, in additions,
// products and square roots that every machine rounds alike.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::datasets {
namespace {

// Numbers of one row, drawn one after another.
class Draws {
public:
    Draws(std::uint64_t seed, std::uint32_t node, std::int64_t row)
        : seed_(seed), node_(node), row_(static_cast<std::uint64_t>(row)) {}
    float uniform() {
        if (next_ % 4 == 0) words_ = simd::philox(seed_, node_, 0, row_, next_ / 4);
        return simd::to_uniform(words_[next_++ % 4]);
    }
    float between(float low, float high) { return low + (high - low) * uniform(); }
    std::int64_t below(std::int64_t count) {
        return static_cast<std::int64_t>(uniform() * static_cast<float>(count));
    }

private:
    std::uint64_t seed_;
    std::uint32_t node_;
    std::uint64_t row_;
    std::uint32_t next_ = 0;
    std::array<std::uint32_t, 4> words_{};
};

// sin of a number of turns: the Taylor polynomial to degree 9 on a quarter turn, error below 4e-6.
float sine(float turns) {
    float t = turns - std::floor(turns);                  // [0, 1)
    t = t < 0.25f ? t : t < 0.75f ? 0.5f - t : t - 1.0f;  // [-1/4, 1/4]
    const float x = t * 6.28318531f, s = x * x;
    return x * (1.0f + s * (-1.66666667e-1f +
                            s * (8.33333333e-3f + s * (-1.98412698e-4f + s * 2.75573192e-6f))));
}

// ------------------------------------------------------------------------------------- digits

constexpr std::int64_t side = 28;
struct Point {
    float x, y;
};
// Strokes of the ten digits on the unit square, y downwards; a NaN-free break: x < 0 lifts the pen.
constexpr Point lift{-1, -1};
constexpr std::array<std::array<Point, 14>, 10> strokes{{
    {{{.5f, .05f},
      {.25f, .15f},
      {.15f, .5f},
      {.25f, .85f},
      {.5f, .95f},
      {.75f, .85f},
      {.85f, .5f},
      {.75f, .15f},
      {.5f, .05f},
      lift}},
    {{{.3f, .25f}, {.55f, .05f}, {.55f, .95f}, lift}},
    {{{.18f, .25f},
      {.35f, .07f},
      {.65f, .07f},
      {.8f, .28f},
      {.7f, .5f},
      {.15f, .93f},
      {.85f, .93f},
      lift}},
    {{{.2f, .12f},
      {.5f, .05f},
      {.78f, .2f},
      {.7f, .42f},
      {.45f, .48f},
      {.75f, .55f},
      {.82f, .75f},
      {.55f, .95f},
      {.18f, .86f},
      lift}},
    {{{.65f, .95f}, {.65f, .05f}, {.12f, .66f}, {.9f, .66f}, lift}},
    {{{.8f, .07f},
      {.28f, .07f},
      {.22f, .45f},
      {.55f, .38f},
      {.82f, .6f},
      {.75f, .85f},
      {.45f, .95f},
      {.17f, .86f},
      lift}},
    {{{.7f, .06f},
      {.35f, .3f},
      {.17f, .65f},
      {.3f, .92f},
      {.6f, .94f},
      {.8f, .73f},
      {.65f, .5f},
      {.35f, .52f},
      {.19f, .7f},
      lift}},
    {{{.13f, .07f}, {.87f, .07f}, {.4f, .95f}, lift}},
    {{{.5f, .05f},
      {.25f, .15f},
      {.27f, .37f},
      {.5f, .48f},
      {.78f, .65f},
      {.75f, .88f},
      {.5f, .95f},
      {.24f, .87f},
      {.22f, .65f},
      {.5f, .48f},
      {.74f, .36f},
      {.75f, .15f},
      {.5f, .05f},
      lift}},
    {{{.8f, .32f},
      {.62f, .5f},
      {.33f, .48f},
      {.2f, .27f},
      {.38f, .06f},
      {.68f, .08f},
      {.8f, .32f},
      {.74f, .65f},
      {.5f, .95f},
      lift}},
}};

float distance(Point p, Point a, Point b) {
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float length = dx * dx + dy * dy;
    const float along =
        length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0f, 1.0f) : 0.0f;
    const float ex = p.x - (a.x + along * dx), ey = p.y - (a.y + along * dy);
    return std::sqrt(ex * ex + ey * ey);
}

std::int64_t digit(std::uint64_t seed, std::int64_t row, std::uint8_t* pixels) {
    Draws draw(seed, 0x64696769, row);
    const std::int64_t label = draw.below(10);
    const float width = draw.between(11, 16), height = draw.between(16, 20),
                slant = draw.between(-4, 4);
    const float left = draw.between(-1.5f, 1.5f) + (side - width) / 2;
    const float top = draw.between(-1.5f, 1.5f) + (side - height) / 2;
    const float thick = draw.between(0.7f, 1.7f), ink = draw.between(200, 255);
    std::array<Point, 14> path{};
    std::size_t points = 0;
    for (const Point& point : strokes[static_cast<std::size_t>(label)]) {
        if (point.x < 0) break;
        const float wobble_x = draw.between(-0.6f, 0.6f), wobble_y = draw.between(-0.6f, 0.6f);
        path[points++] = {left + point.x * width + slant * (0.5f - point.y) + wobble_x,
                          top + point.y * height + wobble_y};
    }
    for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x) {
            const Point here{static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f};
            float nearest = 1e9f;
            for (std::size_t i = 1; i < points; ++i)
                nearest = std::min(nearest, distance(here, path[i - 1], path[i]));
            const float cover = std::clamp(thick + 0.5f - nearest, 0.0f, 1.0f);
            pixels[y * side + x] = static_cast<std::uint8_t>(ink * cover);
        }
    return label;
}

// -------------------------------------------------------------------------------------- waves

constexpr std::int64_t wave_length = 128, wave_kinds = 4;

std::int64_t wave(std::uint64_t seed, std::int64_t row, float* out) {
    Draws draw(seed, 0x77617665, row);
    const std::int64_t label = draw.below(wave_kinds);
    const float cycles = draw.between(2, 5), phase = draw.uniform(),
                height = draw.between(0.7f, 1.3f);
    const float noise = draw.between(0.02f, 0.08f);
    std::array<float, wave_length> rough;
    simd::kernels().normal({seed, 0x6e6f6973, 0, static_cast<std::uint64_t>(row)}, 0, rough.data(),
                           rough.size());
    for (std::int64_t t = 0; t < wave_length; ++t) {
        const float turns = cycles * static_cast<float>(t) / wave_length + phase;
        const float saw = turns - std::floor(turns);
        float value = sine(turns);
        if (label == 1) value = value < 0 ? -1.0f : 1.0f;               // square
        if (label == 2) value = 2 * saw - 1;                            // saw
        if (label == 3) value = 0.6f * value + 0.4f * sine(3 * turns);  // two tones
        out[t] = height * value + noise * rough[static_cast<std::size_t>(t)];
    }
    return label;
}

// ------------------------------------------------------------------------------------- fields

constexpr std::int64_t field_side = 64, modes = 24;

// Random waves whose amplitude falls with the square of their number: a smooth field. Sines of
// sums are products of sines of each axis, so that a row needs few of them.
void field(std::uint64_t seed, std::int64_t row, float* out) {
    Draws draw(seed, 0x6669656c, row);
    std::fill_n(out, field_side * field_side, 0.0f);
    std::array<float, field_side> sin_x, cos_x, sin_y, cos_y;
    for (std::int64_t mode = 0; mode < modes; ++mode) {
        const float kx = std::floor(draw.between(-7, 8)), ky = std::floor(draw.between(0, 8));
        const float phase = draw.uniform(),
                    amplitude = draw.between(0.5f, 1.5f) / (1 + kx * kx + ky * ky);
        for (std::size_t i = 0; i < sin_x.size(); ++i) {
            const float at = static_cast<float>(i) / field_side;
            sin_x[i] = sine(kx * at + phase);
            cos_x[i] = sine(kx * at + phase + 0.25f);
            sin_y[i] = sine(ky * at);
            cos_y[i] = sine(ky * at + 0.25f);
        }
        for (std::size_t y = 0; y < sin_y.size(); ++y)
            for (std::size_t x = 0; x < sin_x.size(); ++x)
                out[y * sin_x.size() + x] +=
                    amplitude * (sin_x[x] * cos_y[y] + cos_x[x] * sin_y[y]);
    }
}

// -------------------------------------------------------------------------------------- blobs

constexpr std::int64_t blob_size = 16, blob_kinds = 8;

std::int64_t blob(std::uint64_t seed, std::int64_t row, float* out) {
    Draws draw(seed, 0x626c6f62, row);
    const std::int64_t label = draw.below(blob_kinds);
    Draws centre(seed, 0x63656e74, label);
    simd::kernels().normal({seed, 0x73707265, 0, static_cast<std::uint64_t>(row)}, 0, out,
                           blob_size);
    for (std::int64_t i = 0; i < blob_size; ++i) out[i] = centre.between(-4, 4) + 0.5f * out[i];
    return label;
}

struct KindInfo {
    std::string_view name;
    Generated layout;
};
const std::array<KindInfo, 4>& kinds() {
    using storage::Numeric;
    static const std::array<KindInfo, 4> all{
        {{"digits", {{side, side}, Numeric::u8, {}}},
         {"waves", {{wave_length}, Numeric::f32, {"sine", "square", "saw", "two tones"}}},
         {"fields", {{field_side, field_side}, Numeric::f32, {}}},
         {"blobs", {{blob_size}, Numeric::f32, {}}}}};
    return all;
}

}  // namespace

Generated generated_layout(std::string_view kind) {
    std::string known;
    for (const KindInfo& info : kinds()) {
        if (info.name == kind) return info.layout;
        known += (known.empty() ? "" : ", ") + std::string(info.name);
    }
    throw Error(Fault::usage, fmt::format("no generated data is called \"{}\"", kind),
                "there are " + known);
}

void generate(std::string_view kind, std::uint64_t seed, std::int64_t first, std::int64_t count,
              std::byte* samples, std::int64_t* labels) {
    const Generated layout = generated_layout(kind);
    const std::size_t bytes =
        static_cast<std::size_t>(layout.sample.elements()) * storage::size_of(layout.type);
    for (std::int64_t i = 0; i < count; ++i) {
        std::byte* out = samples + static_cast<std::size_t>(i) * bytes;
        auto* floats = reinterpret_cast<float*>(out);
        std::int64_t label = 0;
        if (kind == "digits")
            label = digit(seed, first + i, reinterpret_cast<std::uint8_t*>(out));
        else if (kind == "waves")
            label = wave(seed, first + i, floats);
        else if (kind == "fields")
            field(seed, first + i, floats);
        else
            label = blob(seed, first + i, floats);
        if (labels) labels[i] = label;
    }
}

}  // namespace narrows::datasets
