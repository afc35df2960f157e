// Range variant of asymmetric numeral systems (Duda 2013), interleaved states of 32 bits,
// probabilities of 16 bits, renormalised by words of 16 bits. Integers only. One rule: the decoder
// takes symbols in the order in which the encoder was given them; the encoder keeps them until the
// end because it must code them backwards.
#pragma once

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

inline constexpr unsigned rans_bits = 16;
inline constexpr std::uint32_t rans_total = 1u << rans_bits;  // what all symbols' shares sum to
inline constexpr std::uint32_t rans_low = 1u << 16;           // states live in [2^16, 2^32)

// `steps` are shares, start << 16 | size (0 < size < rans_total) or 0 where nothing is coded; step
// i belongs to state i mod `states`. Appends the states and then the words; uses `steps` up.
void put_steps(ByteWriter& out, std::span<std::uint32_t> steps, std::size_t states);

class RansDecoder {
public:
    RansDecoder(std::span<const std::byte> stream, std::size_t states);
    std::uint32_t slot() const { return state_[now_] & (rans_total - 1); }
    // Ends the symbol that holds slot(); the next state's turn.
    void advance(std::uint32_t start, std::uint32_t size) {
        std::uint32_t x =
            size * (state_[now_] >> rans_bits) + (state_[now_] & (rans_total - 1)) - start;
        if (x < rans_low) x = x << 16 | next_word();
        state_[now_] = x;
        now_ = now_ + 1 == states_ ? 0 : now_ + 1;
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
    static constexpr std::size_t most_states = 32;
    std::uint32_t state_[most_states] = {};
    std::size_t states_, now_ = 0;
    const std::byte* from_ = nullptr;
    std::size_t words_ = 0, at_ = 0;
};

}  // namespace narrows::codec
