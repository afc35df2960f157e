#include "tests/codec/support.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <random>

#include "pipeline/simd/scalar.hpp"

namespace codec_test {

using namespace narrows;
using codec::Bytes;

Bytes make(storage::Numeric type, std::size_t count, Pattern pattern, std::uint64_t seed) {
    Bytes out(count * storage::size_of(type));
    std::mt19937_64 random(seed);
    const bool known = codec::with_type(type, [&]<class T>() {
        auto* values = reinterpret_cast<T*>(out.data());
        using Limits = std::numeric_limits<T>;
        for (std::size_t i = 0; i < count; ++i) {
            const double wave = std::sin(0.07 * static_cast<double>(i)) +
                                0.3 * std::sin(0.011 * static_cast<double>(i));
            const double noise = static_cast<double>(random() >> 11) * 0x1p-53;
            T value{};
            switch (pattern) {
                case Pattern::constant:
                    value = static_cast<T>(42);
                    break;
                case Pattern::zeros:
                    break;
                case Pattern::smooth:
                    value = static_cast<T>((Limits::is_integer ? 40 : 1) * (wave + 1.5));
                    break;
                case Pattern::noise:
                    value = static_cast<T>((Limits::is_integer ? 100 : 1) * noise);
                    break;
                case Pattern::random_bits: {
                    const std::uint64_t bits = random();
                    std::memcpy(&value, &bits, sizeof value);
                    break;
                }
                case Pattern::holes:
                    value = static_cast<T>(20 * wave * (Limits::is_signed ? 1 : 0) + 30);
                    if constexpr (!Limits::is_integer) {
                        if (i % 7 == 3) value = Limits::quiet_NaN();
                        if (i % 31 == 5) value = -Limits::infinity();
                        if (i % 37 == 5) value = -T{0};
                        if (i % 50 > 30) value = Limits::quiet_NaN();
                    }
                    break;
                case Pattern::denormal:
                    value = Limits::is_integer
                                ? static_cast<T>(i % 2)
                                : static_cast<T>(static_cast<double>(i % 9) *
                                                 static_cast<double>(Limits::denorm_min()));
                    break;
                case Pattern::huge:
                    value = i % 3 == 0   ? Limits::max()
                            : i % 3 == 1 ? Limits::lowest()
                                         : static_cast<T>(i % 100);
                    break;
                case Pattern::one_spike:
                    value = i == count / 2 ? Limits::max() : static_cast<T>(1);
                    break;
            }
            values[i] = value;
        }
    });
    if (!known)
        for (std::byte& byte : out) byte = static_cast<std::byte>(random());
    return out;
}

codec::Input input_of(std::string path, storage::Numeric type, const Shape& shape, Bytes values) {
    storage::ArrayInfo info;
    info.path = std::move(path);
    info.type = type;
    info.shape = shape;
    info.value_bytes = storage::size_of(type);
    std::size_t row = info.value_bytes;
    for (std::size_t axis = 1; axis < shape.rank(); ++axis)
        row *= static_cast<std::size_t>(shape[axis]);
    return {info, [row, values = std::move(values)](std::int64_t first, std::int64_t count,
                                                    std::byte* out) {
                std::memcpy(out, values.data() + static_cast<std::size_t>(first) * row,
                            static_cast<std::size_t>(count) * row);
            }};
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

Bytes field(const Shape& shape) {
    Bytes out(static_cast<std::size_t>(shape.elements()) * 4);
    for (std::size_t i = 0; i < out.size() / 4; ++i) {
        double phase = 0.3;
        std::size_t rest = i;
        double value = 0;
        for (std::size_t axis = shape.rank(); axis-- > 0;) {
            const auto extent = static_cast<std::size_t>(shape[axis]);
            const auto at = static_cast<double>(rest % extent);
            rest /= extent;
            value += std::sin(0.11 * at + phase) * std::cos(0.043 * at * (phase + 0.5));
            phase += 0.05 * at;
        }
        const auto stored = static_cast<float>(value);
        std::memcpy(out.data() + 4 * i, &stored, 4);
    }
    return out;
}

Bytes sensors(std::size_t rows, std::size_t channels) {
    Bytes out(rows * channels * 4);
    std::mt19937_64 random(7);
    double drive[3] = {};
    for (std::size_t row = 0; row < rows; ++row) {
        for (double& value : drive)
            value = 0.97 * value + (static_cast<double>(random() >> 11) * 0x1p-53 - 0.5);
        for (std::size_t channel = 0; channel < channels; ++channel) {
            const double at = static_cast<double>(channel) / static_cast<double>(channels);
            const double noise = static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
            const auto value = static_cast<float>(5 + drive[0] + at * drive[1] +
                                                  at * at * drive[2] + 0.004 * noise);
            std::memcpy(out.data() + 4 * (row * channels + channel), &value, 4);
        }
    }
    return out;
}

namespace {

double uniform(std::mt19937_64& random) {
    return static_cast<double>(random() >> 11) * 0x1p-53;
}

// Close to normal: the same on every machine.
double noisy(std::mt19937_64& random) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform(random);
    return sum;
}

}  // namespace

Bytes pulses(std::size_t rows, std::size_t columns, double noise) {
    Bytes out(rows * columns * 4);
    std::mt19937_64 random(17);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto wide = static_cast<double>(columns);
        const double middle = wide * (0.12 + 0.76 * uniform(random)),
                     width = 1.5 + 3.5 * uniform(random), height = 0.5 + 1.5 * uniform(random);
        for (std::size_t column = 0; column < columns; ++column) {
            const double at = (static_cast<double>(column) - middle) / width;
            const auto value = static_cast<float>(height * simd::exponential(-at * at / 2) +
                                                  noise * noisy(random));
            std::memcpy(out.data() + 4 * (row * columns + column), &value, 4);
        }
    }
    return out;
}

Bytes spots(std::size_t images, std::size_t lines, std::size_t columns, std::size_t count) {
    Bytes out(images * lines * columns * 4);
    std::mt19937_64 random(23);
    std::vector<double> at(3 * count);
    for (std::size_t image = 0; image < images; ++image) {
        for (double& value : at) value = uniform(random);
        for (std::size_t i = 0; i < lines * columns; ++i) {
            double sum = 0.08 * noisy(random);
            for (std::size_t spot = 0; spot < count; ++spot) {
                const double x = static_cast<double>(i % columns) -
                                 at[3 * spot] * static_cast<double>(columns),
                             y = static_cast<double>(i / columns) -
                                 at[3 * spot + 1] * static_cast<double>(lines);
                sum += (0.6 + 0.6 * at[3 * spot + 2]) * simd::exponential(-(x * x + y * y) / 8);
            }
            const auto value = static_cast<float>(sum);
            std::memcpy(out.data() + 4 * (image * lines * columns + i), &value, 4);
        }
    }
    return out;
}

}  // namespace codec_test
