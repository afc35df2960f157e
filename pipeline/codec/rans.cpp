#include "pipeline/codec/rans.hpp"

namespace narrows::codec {

void put_steps(ByteWriter& out, std::span<std::uint32_t> steps, std::size_t states) {
    std::vector<std::uint32_t> state(states, rans_low);
    // Words grow downwards from the end, one a step at most: where steps were that are done.
    auto* const bytes = reinterpret_cast<std::byte*>(steps.data());
    const std::size_t end = steps.size() * sizeof(std::uint32_t);
    std::size_t first = end;
    std::size_t now = steps.size() % states;
    for (std::size_t i = steps.size(); i-- > 0;) {
        now = now == 0 ? states - 1 : now - 1;
        const std::uint32_t step = steps[i];
        if (step == 0) continue;
        const std::uint32_t start = step >> 16, size = step & 0xffffu;
        std::uint32_t x = state[now];
        const bool full = x >> 16 >= size;  // written in any case, kept where it counts: no branch
        const auto word = static_cast<std::uint16_t>(x);
        std::memcpy(bytes + first - sizeof word, &word, sizeof word);
        first -= full ? sizeof word : 0;
        x = full ? x >> 16 : x;
        const std::uint32_t quotient = x / size;
        state[now] = (quotient << rans_bits) + (x - quotient * size) + start;
    }
    out.append(std::as_bytes(std::span(state)));
    out.append({bytes + first, end - first});
}

RansDecoder::RansDecoder(std::span<const std::byte> stream, std::size_t states) : states_(states) {
    if (states > most_states) throw Damaged{"coded values"};
    ByteReader reader(stream);
    for (std::size_t i = 0; i < states; ++i) {
        state_[i] = reader.take<std::uint32_t>();
        if (state_[i] < rans_low) throw Damaged{"coded values"};
    }
    if (reader.left() % 2 != 0) throw Damaged{"coded values"};
    words_ = reader.left() / 2;
    from_ = reader.take_bytes(reader.left()).data();
}

void RansDecoder::end() const {
    bool right = at_ == words_;
    for (std::size_t i = 0; i < states_; ++i) right = right && state_[i] == rans_low;
    if (!right) throw Damaged{"coded values"};
}

}  // namespace narrows::codec
