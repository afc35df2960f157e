// Streams that every version must read, to the last bit, on every machine (FORMAT.md).
#include <cstring>

#include "pipeline/codec/chunk.hpp"
#include "tests/catch.hpp"

using namespace narrows::codec;

namespace {

// clang-format off
constexpr std::string_view field =
    "4e574331d29e5e1b2f9b4fef030900020c008099998d99b93f00000000000008c0000000"
    "000000054001030401020b28b52ffd20021100000501040d28b52ffd2004210000ec78ad"
    "60fcff0900ca04010030ab4b2b933c0030f9fe";
constexpr std::string_view rows_model =
    "2928b52ffd20294901000103007b14ae47e17a443f000000000000403fec3fff0b1e64b0"
    "0b3a3386743fbd6b282d9c00c86672";
constexpr std::string_view rows =
    "4e574331165d1b56c4fad9d604090000180000ae47c17a943f0000000000000000000000"
    "0000000040000d000f045616100e08e0f93e7ed0a4c47eef50359207dabe2af5";
constexpr std::string_view net_model =
    "890228b52ffd600900490800030302eaff4000dc1a8a000ba80b08676da34f726bbb1151"
    "c9f17345c008dd17e07af25ceb7b30820e32b08606134445fbd05b1aefdddfe1282a4ea7"
    "ffafa76b532b0e2e1764ab08dcad5ddb89fb6b72af4fe316c3e2cff3964172756cf8c570"
    "e1a590f4bfcbd8b568c2ff039864227d4b35d27a5b73a446b0d54fcbc891b5bd630bb3c5"
    "dfb01a371b7fd8b318bc838bc9338d75eb9a14b13c9db4d370643c86782ebfa888fa1667"
    "4e0d318536019c13ff0aa4109668eea77121fb217361d621e59a1821e56914fa1fe01818"
    "d32f72325f7cf1bc59a8f5467a1a343158a159f0f7855aff57077256877ab1a7ab339ec9"
    "196ef7bf099b16850d8aa32114f4ff1f721d17d5133f1b8014";
constexpr std::string_view images =
    "4e5743318b79a6de482915640501000032020505011e200500fdf5280010f233f22304c2"
    "f6eee4d8fb701ac70b33a9efef690592da1bf39bf64c0881901defbf063c0ef294c1ea02"
    "1bf186c79870ec426c8b920cee5417c807";

// clang-format on

Bytes bytes_of(std::string_view hex) {
    Bytes out;
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(static_cast<std::byte>(16 * digit(hex[i]) + digit(hex[i + 1])));
    return out;
}

std::vector<float> decoded(std::string_view stream, const Model* model, std::size_t count) {
    std::vector<float> out(count);
    REQUIRE(decode_chunk(bytes_of(stream), Numeric::f32, model,
                         std::as_writable_bytes(std::span(out))));
    return out;
}

}  // namespace

TEST_CASE("a stream of differences decodes to the bit", "[codec]") {
    const std::vector<float> expected = {
        1.49998927f, 1.59998858f, 1.7999872f,   1.69998789f, 2.2999835f, 1.00000002e+20f,
        2.49998212f, 2.59998131f, -2.99997854f, 2.49998212f, 2.2999835f, 1.99998558f};
    CHECK(decoded(field, nullptr, 12) == expected);
}

TEST_CASE("a stream of a linear autoencoder decodes to the bit", "[codec]") {
    const std::vector<float> expected = {0.00724481326f, 0.00189645763f, -0.00546430843f, 0.104515173f, 0.141893119f, 0.198495671f, 0.395039767f, 0.50188452f, 0.608681202f, 0.900395393f, 1.04187167f, 1.20395994f, 1.59900522f, 1.80185354f, 2.00546432f, 0.803845406f, 0.801877379f, 0.797172785f, 0.201644018f, 0.241890728f, 0.301325232f, 1.50259662f, 1.60185826f, 1.69980752f};
    CHECK(decoded(rows, read_model(bytes_of(rows_model)).get(), 24) == expected);
}

TEST_CASE("a stream of a causal network decodes to the bit", "[codec]") {
    std::vector<std::uint8_t> out(50), expected;
    for (std::size_t i = 0; i < 50; ++i)
        expected.push_back(static_cast<std::uint8_t>(i * 7 % 40 + 100 * (i % 3)));
    REQUIRE(decode_chunk(bytes_of(images), Numeric::u8, read_model(bytes_of(net_model)).get(),
                         std::as_writable_bytes(std::span(out))));
    CHECK(out == expected);
}
