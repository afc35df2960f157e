#include <cmath>

#include "pipeline/codec/choose_nets.hpp"
#include "pipeline/codec/fit_net.hpp"
#include "pipeline/codec/stream.hpp"

namespace narrows::codec {

namespace {

constexpr double steps_a_second = 150;  // of the causal network, two cores
constexpr double passes = 2.4;          // over the pixels, at most
constexpr std::size_t fewest_pixels = 100'000;

}  // namespace

std::optional<FittedModel> fit_images(const Source& source, const Plan& plan, double budget,
                                      const Loop& loop) {
    const double half = plan.bound.kind == Bound::Kind::absolute ? std::floor(plan.bound.value) : 0;
    if (source.type != Numeric::u8 || source.shape.rank() != 3 || source.shape[1] < 4 ||
        source.shape[2] < 4 || source.shape[1] > 1024 || source.shape[2] > 1024 ||
        plan.bound.kind == Bound::Kind::pointwise || half > 100)
        return std::nullopt;
    const auto pixels = static_cast<double>(source.shape.elements());
    const double steps = std::min(budget * steps_a_second, passes * pixels / 2048);
    if (pixels < static_cast<double>(fewest_pixels) || steps < 100) return std::nullopt;
    NetSample sample;
    sample.lines = static_cast<std::size_t>(source.shape[1]);
    sample.columns = static_cast<std::size_t>(source.shape[2]);
    const std::int64_t image = source.shape[1] * source.shape[2];
    const std::int64_t most =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(fit_bytes) / image);
    const std::int64_t blocks = source.shape[0] <= most ? 1 : std::min<std::int64_t>(16, most);
    const std::int64_t block = source.shape[0] <= most ? source.shape[0] : most / blocks;
    sample.images = static_cast<std::size_t>(blocks * block);
    sample.values.resize(sample.images * static_cast<std::size_t>(image));
    for (std::int64_t i = 0; i < blocks; ++i)
        source.read(blocks == 1 ? 0 : (source.shape[0] - block) * i / (blocks - 1), block,
                    reinterpret_cast<std::byte*>(sample.values.data() + i * block * image));
    sample.step = static_cast<std::uint32_t>(2 * half + 1);
    sample.levels = static_cast<std::int32_t>(image_levels(sample.step));
    for (std::uint8_t& value : sample.values)
        value = static_cast<std::uint8_t>((value + sample.step / 2) / sample.step);
    const NetSize size = pixels < 1e6 ? NetSize{32, 16} : NetSize{64, 32};
    FittedModel one;
    one.bytes = write_model(fit_net(sample, size, static_cast<std::size_t>(steps), loop), 0);
    one.model = read_model(one.bytes);
    one.name = std::to_string(size.first) + " and " + std::to_string(size.second) + " units";
    return one;
}

}  // namespace narrows::codec
