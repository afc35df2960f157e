#include "pipeline/codec/residuals.hpp"

namespace narrows::codec {

namespace {

using simd::Distribution;
using simd::residual_symbols;
using simd::ResidualTables;

// What a level's distribution begins as: both sides fall off from the middle by so many 256ths a
// symbol, as residuals of the level's scale do. Levels from 16 on: the last two in turn.
constexpr std::uint32_t falling[] = {2, 2, 3, 5, 8, 12, 18, 26, 37, 52, 72, 95, 123, 149, 173, 193};

Distribution weighted(const std::uint32_t (&weight)[residual_symbols]) {
    std::uint64_t sum = 0, below = 0;
    for (const std::uint32_t w : weight) sum += w;
    Distribution out{};
    for (std::uint32_t s = 0; s < residual_symbols; ++s) {
        out.over[s] = static_cast<std::uint16_t>(below * (rans_total - residual_symbols) / sum);
        below += weight[s];
    }
    return out;
}

Distribution falling_by(std::uint32_t part) {
    std::uint32_t weight[residual_symbols];
    weight[16] = 1u << 20;
    for (std::uint32_t s = 17; s < residual_symbols; ++s)
        weight[s] = std::max(64u, weight[s - 1] * part / 256);
    for (std::uint32_t s = 16; s-- > 0;) weight[s] = std::max(64u, weight[s + 1] * part / 256);
    return weighted(weight);
}

constexpr std::uint32_t quarters[] = {256, 304, 362, 431};  // 2^(i / 4) in 1/256
constexpr std::uint8_t most_quarters = 63, seen_at_start = 12;

}  // namespace

std::unique_ptr<ResidualTables> new_tables() {
    static const std::unique_ptr<const ResidualTables> fresh = [] {
        auto tables = std::make_unique<ResidualTables>();
        for (std::uint32_t level = 0; level < simd::residual_levels; ++level) {
            tables->of[level] = falling_by(falling[level < 16 ? level : 14 + level % 2]);
            tables->seen[level] = 3;
        }
        return tables;
    }();
    return std::make_unique<ResidualTables>(*fresh);
}

std::shared_ptr<const ResidualTables> tables_of(const CodingStart& start) {
    if (start.levels.empty()) return nullptr;
    std::shared_ptr<ResidualTables> tables = new_tables();
    for (const CodingStart::Level& one : start.levels) {
        std::uint32_t weight[residual_symbols];
        for (std::size_t s = 0; s < residual_symbols; ++s)
            weight[s] = quarters[one.weight[s] % 4] << (one.weight[s] / 4);
        tables->of[one.level] = weighted(weight);
        tables->seen[one.level] = seen_at_start;
    }
    return tables;
}

std::vector<CodingStart::Level> levels_of(const ResidualTables& tables) {
    std::vector<CodingStart::Level> out;
    for (std::uint32_t level = 0; level < simd::residual_levels; ++level) {
        if (tables.seen[level] < 31) continue;
        CodingStart::Level one{level, {}};
        for (std::uint32_t s = 0; s < residual_symbols; ++s) {
            const std::uint32_t low = tables.of[level].over[s] + s;
            const std::uint32_t high =
                s + 1 < residual_symbols ? tables.of[level].over[s + 1] + s + 1 : rans_total;
            // To the nearest quarter, of 16 shares as 0.
            std::uint8_t best = 0;
            while (best < most_quarters && (quarters[best % 4] << (best / 4)) < 16 * (high - low))
                ++best;
            one.weight[s] = best;
        }
        out.push_back(one);
    }
    return out;
}

ResidualEncoder::ResidualEncoder(std::size_t lanes, std::size_t expected,
                                 const ResidualTables* start)
    : lanes_(lanes),
      tables_(start == nullptr ? new_tables() : std::make_unique<ResidualTables>(*start)) {
    writer_.tables = tables_.get();
    grow(0, 0, 64);
    if (expected > step_room_) {
        step_room_ = expected;
        steps_ = std::make_unique_for_overwrite<std::uint32_t[]>(expected);
        writer_.step = steps_.get();
    }
}

void ResidualEncoder::grow(std::size_t steps, std::size_t bytes, std::size_t residuals) {
    const auto larger = [](auto& array, std::size_t& room, std::size_t used, std::size_t wanted) {
        if (wanted <= room) return;
        room = wanted + wanted / 2;
        auto more = std::make_unique_for_overwrite<
            typename std::remove_reference_t<decltype(array)>::element_type[]>(room);
        std::copy_n(array.get(), used, more.get());
        array = std::move(more);
    };
    larger(steps_, step_room_, steps, steps + residuals);
    larger(bits_, bit_room_, bytes, bytes + residuals * simd::residual_most_bytes + 8);
    writer_.step = steps_.get() + steps;
    writer_.bits.at = bits_.get() + bytes;
}

void ResidualEncoder::uniform(std::uint64_t value, unsigned bits) {
    reserve(1);
    simd::put_bits(writer_.bits, value, bits);
}

Bytes ResidualEncoder::finish() {
    ByteWriter out;
    const auto whole = static_cast<std::size_t>(writer_.bits.at - bits_.get());
    out.varint(whole + (writer_.bits.fill > 0 ? 1 : 0));
    out.append(std::as_bytes(std::span(bits_.get(), whole)));
    if (writer_.bits.fill > 0) out.put(static_cast<std::uint8_t>(writer_.bits.pending));
    put_steps(out, {steps_.get(), static_cast<std::size_t>(writer_.step - steps_.get())}, lanes_);
    return out.take();
}

ResidualDecoder::ResidualDecoder(std::span<const std::byte> stream, std::size_t lanes,
                                 const ResidualTables* start)
    : lanes_(lanes),
      tables_(start == nullptr ? new_tables() : std::make_unique<ResidualTables>(*start)) {
    ByteReader in(stream);
    const auto bits = in.block();
    bits_.assign(bits.begin(), bits.end());
    bits_.resize(bits.size() + 8);
    reader_.tables = tables_.get();
    reader_.bits = {reinterpret_cast<const std::uint8_t*>(bits_.data()), 0, 8 * bits.size()};
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        reader_.state[lane] = in.take<std::uint32_t>();
        if (reader_.state[lane] < rans_low) throw Damaged{"coded values"};
    }
    const auto words = in.take_bytes(in.left());
    if (words.size() % 2 != 0) throw Damaged{"coded values"};
    words_.assign(words.begin(), words.end());
    words_.resize(words.size() + 64);
    reader_.word = reinterpret_cast<const std::uint8_t*>(words_.data());
    reader_.end = reader_.word + words.size();
}

std::uint64_t ResidualDecoder::uniform(unsigned bits) {
    const std::uint64_t value = simd::take_bits(reader_.bits, bits, reader_.damaged);
    check();
    return value;
}

void ResidualDecoder::end() const {
    bool right = reader_.word == reader_.end && (reader_.bits.end - reader_.bits.at) < 8;
    for (std::size_t lane = 0; lane < lanes_; ++lane)
        right = right && reader_.state[lane] == rans_low;
    if (!right) throw Damaged{"coded values"};
}

}  // namespace narrows::codec
