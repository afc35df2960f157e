// Range variant of asymmetric numeral systems (Duda 2013), two interleaved states of 32 bits,
// probabilities of 16 bits, renormalised by words of 16 bits. Integers only. One rule: the decoder
// takes symbols in the order in which the encoder was given them; the encoder keeps them until the
// end because it must code them backwards.
#pragma once

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

inline constexpr unsigned rans_bits = 16;
inline constexpr std::uint32_t rans_total = 1u << rans_bits;  // what all symbols' shares sum to
inline constexpr std::uint32_t rans_low = 1u << 16;           // states live in [2^16, 2^32)
inline constexpr unsigned rans_raw_bits = 12;                 // at most, in one step

class RansEncoder {
public:
    // A symbol whose share is [start, start + size) of rans_total; 0 < size < rans_total.
    void put(std::uint32_t start, std::uint32_t size) { steps_.push_back(start << 16 | size); }
    // `count` <= rans_raw_bits bits, each as likely as not.
    void bits(std::uint32_t value, unsigned count) {
        if (count > 0) put(value << (rans_bits - count), 1u << (rans_bits - count));
    }
    Bytes finish() const;
    // What finish() will take, within a few bytes; for choices.
    std::size_t symbols() const { return steps_.size(); }

private:
    std::vector<std::uint32_t> steps_;
};

class RansDecoder {
public:
    explicit RansDecoder(std::span<const std::byte> stream);
    std::uint32_t slot() const { return state_[0] & (rans_total - 1); }
    // Ends the symbol that holds slot().
    void advance(std::uint32_t start, std::uint32_t size) {
        std::uint32_t x = size * (state_[0] >> rans_bits) + (state_[0] & (rans_total - 1)) - start;
        if (x < rans_low) x = x << 16 | next_word();
        state_[0] = state_[1];
        state_[1] = x;
    }
    std::uint32_t bits(unsigned count) {
        if (count == 0) return 0;
        const std::uint32_t value = slot() >> (rans_bits - count);
        advance(value << (rans_bits - count), 1u << (rans_bits - count));
        return value;
    }
    // Were all words taken and are the states where the encoder began? Else the stream is damaged.
    void end() const;

private:
    std::uint32_t next_word() {
        if (at_ >= words_) throw Damaged{"coded values"};
        std::uint16_t word;
        std::memcpy(&word, from_ + 2 * at_++, sizeof word);
        return word;
    }
    std::uint32_t state_[2] = {};
    const std::byte* from_ = nullptr;
    std::size_t words_ = 0, at_ = 0;
};

}  // namespace narrows::codec
