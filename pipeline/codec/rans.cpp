#include "pipeline/codec/rans.hpp"

#include <algorithm>

namespace narrows::codec {

Bytes RansEncoder::finish() const {
    // Symbol i belongs to state i mod 2; the decoder swaps its states at each step.
    std::uint32_t state[2] = {rans_low, rans_low};
    std::vector<std::uint16_t> words;
    words.reserve(steps_.size() / 2 + 4);
    for (std::size_t i = steps_.size(); i-- > 0;) {
        const std::uint32_t start = steps_[i] >> 16, size = steps_[i] & 0xffffu;
        std::uint32_t& x = state[i & 1];
        if (x >= static_cast<std::uint64_t>(size) << 16) {
            words.push_back(static_cast<std::uint16_t>(x));
            x >>= 16;
        }
        x = ((x / size) << rans_bits) + x % size + start;
    }
    std::reverse(words.begin(), words.end());
    ByteWriter out;
    out.put(state[0]);
    out.put(state[1]);
    out.append(std::as_bytes(std::span(words)));
    return out.take();
}

RansDecoder::RansDecoder(std::span<const std::byte> stream) {
    ByteReader reader(stream);
    for (std::uint32_t& state : state_) {
        state = reader.take<std::uint32_t>();
        if (state < rans_low) throw Damaged{"coded values"};
    }
    if (reader.left() % 2 != 0) throw Damaged{"coded values"};
    words_ = reader.left() / 2;
    from_ = reader.take_bytes(reader.left()).data();
}

void RansDecoder::end() const {
    if (at_ != words_ || state_[0] != rans_low || state_[1] != rans_low)
        throw Damaged{"coded values"};
}

}  // namespace narrows::codec
