// Chunks as a file of strangers may hold them: eight bytes say how they were packed, the rest is
// what is stored. What unpacks must be all there; what was packed here must come back.
#include <libdeflate.h>

#include <cstring>

#include "pipeline/storage/unpack.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows::storage;

namespace {

struct Head {
    std::uint8_t filters, value_bytes, mask, unused;
    std::uint32_t values;
};

std::vector<Filter> filters_of(std::uint8_t code) {
    static constexpr Filter f = Filter::fletcher32, s = Filter::shuffle, d = Filter::deflate,
                            l = Filter::lz4, b = Filter::blosc;
    static const std::vector<Filter> all[] = {
        {},        {s},       {d},       {s, d}, {f}, {s, d, f}, {f, d},    {d, s},
        {f, d, s}, {d, f, s}, {s, f, d}, {f, s}, {l}, {b},       {s, l, f}, {s, b}};
    return all[code % std::size(all)];
}

// 1000 bytes as the LZ4 filter stores them: in blocks of 600, one literal and a match each.
std::string lz4_seed() {
    const Head head{12, 1, 0, 0, 999};
    std::string text(reinterpret_cast<const char*>(&head), sizeof head);
    text += std::string("\0\0\0\0\0\0\3\xe8\0\0\2\x58", 12);
    for (const int bytes : {600, 400}) {
        std::string block = "\x1f";  // 1 literal, 15 + more of a match
        block += std::string("x\1\0", 3);
        int more = bytes - 1 - 5 - 4 - 15;
        for (; more >= 255; more -= 255) block += '\xff';
        block += static_cast<char>(more);
        block += std::string("\x50xxxxx", 6);
        const auto size = static_cast<unsigned char>(block.size());
        text += std::string("\0\0\0", 3) + static_cast<char>(size) + block;
    }
    return text;
}

// 1000 bytes in Blosc's frame, stored as they are.
std::string blosc_seed() {
    const Head head{13, 1, 0, 0, 999};
    std::string text(reinterpret_cast<const char*>(&head), sizeof head);
    text += std::string("\2\1\2\1\xe8\3\0\0\xe8\3\0\0\xf8\3\0\0", 16);
    return text + std::string(1000, 'y');
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    std::vector<std::string> out;
    out.push_back(lz4_seed());
    out.push_back(blosc_seed());
    for (std::uint8_t code = 0; code < 6; ++code)
        for (const std::uint8_t width : std::initializer_list<std::uint8_t>{1, 2, 4, 8, 3}) {
            const Head head{code, width, 0, 0, 300};
            std::vector<std::byte> data(300u * width), other(data.size());
            for (std::size_t i = 0; i < data.size(); ++i)
                data[i] = static_cast<std::byte>(i / 3 % 7);
            for (const Filter filter : filters_of(code)) {
                if (filter == Filter::shuffle) {
                    shuffle(data.data(), data.size(), width, other.data());
                    data = other;
                } else if (filter == Filter::deflate) {
                    libdeflate_compressor* const with = libdeflate_alloc_compressor(4);
                    std::vector<std::byte> packed(data.size() + 64);
                    packed.resize(libdeflate_zlib_compress(with, data.data(), data.size(),
                                                           packed.data(), packed.size()));
                    libdeflate_free_compressor(with);
                    data = packed;
                } else {
                    const std::uint32_t sum = fletcher_32(data);
                    const auto* bytes = reinterpret_cast<const std::byte*>(&sum);
                    data.insert(data.end(), bytes, bytes + 4);
                }
            }
            std::string text(reinterpret_cast<const char*>(&head), sizeof head);
            text.append(reinterpret_cast<const char*>(data.data()), data.size());
            out.push_back(text);
        }
    return out;
}

void fuzz::run(std::string_view input) {
    Head head{};
    if (input.size() < sizeof head) return;
    std::memcpy(&head, input.data(), sizeof head);
    input.remove_prefix(sizeof head);
    const std::size_t width = head.value_bytes == 0 ? 1 : head.value_bytes;
    const std::size_t bytes = width * (1 + head.values % 5000);
    static Scratch scratch;
    std::byte* const stored = scratch.stored(input.size());
    if (!input.empty()) std::memcpy(stored, input.data(), input.size());
    std::vector<std::byte> chunk(bytes + 16, std::byte{0x5a});
    (void)unpack(filters_of(head.filters), head.mask, {stored, input.size()}, width, scratch,
                 std::span(chunk).first(bytes));
    for (std::size_t i = bytes; i < chunk.size(); ++i)
        if (chunk[i] != std::byte{0x5a}) fail("bytes were written behind the chunk");

    // There and back again.
    std::vector<std::byte> there(input.size()), back(input.size());
    shuffle(reinterpret_cast<const std::byte*>(input.data()), input.size(), width, there.data());
    unshuffle(there.data(), input.size(), width, back.data());
    if (!input.empty() && std::memcmp(back.data(), input.data(), input.size()) != 0)
        fail("shuffle and unshuffle are not inverse");
}
