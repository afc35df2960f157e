// Streams that every version must read, to the last bit, on every machine (FORMAT.md).
#include <cmath>
#include <cstring>

#include "pipeline/codec/chunk.hpp"
#include "tests/catch.hpp"

using namespace narrows::codec;

namespace {

// clang-format off
constexpr std::string_view field =
    "4e31cdd0e5e5b1421efc030900020c008099998d99b93f00000000000008c00000000000"
    "00084001030401020b28b52ffd20021100000501040d28b52ffd2004210000ec78ad6004"
    "81865104ffff1c03fbaeed48bbf8";
constexpr std::string_view rows_model =
    "870128b52ffd2087dd0300d4060103037b14ae47e17a443f00403f030000ae47b17a9408"
    "c04034a4a3f1b996dd6e58b41bdf3b4507f1ff08dd93b491bfbb28ceac2b68a71aa2cdbf"
    "a827be6b9ce000fdffffff00e0fff24b6bf508009c8b53054d84759a0a86d987e099b568"
    "4e86e29644783cce5419471d635104007f7359c98d66f6162401";
constexpr std::string_view rows =
    "4e3160475e5694e6a64f0409020248000a83874a172ac80229b4070000e85d03005b00c1"
    "6d9ed87b827a934d706967d9d216a28d94ec84adc67182";
constexpr std::string_view net_model =
    "820128b52ffd20821104000303033e2656dd5fe889d84046baaafe37eea23a144b5255bd"
    "e0aa9aeaff385e3d813a81ea3746556d84aaaa0be8aea2fa173d2530a9aaea13a30b2591"
    "0249922409af8d8d0a2775c98229a23670cb61ff33097d51644bff3da72ea7bf4a2c81ba"
    "57db947b87a6c2c008b2476d69b6f3d6085280760c815be2581c486de9c4ca60ea";
constexpr std::string_view images =
    "4e314b890fb65fbe1535050100003202050501769f060071ff010069ff0100dcff0100d4"
    "ff01001d0004001500040086ff01007eff0100c9ff0100e9ff01000a0001000200040044"
    "73080034730800deff0100d6ff01001f0004001700010088ff010082000100cbff0100eb"
    "ff01000c00010004000100f36b0400eb6b0400e0ff0100d8ff0100210001001900010064"
    "000100cdffedff0e000600f56bed6be2ffdaff23001b006600026c10000800f76b000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000";
constexpr std::string_view interpolation =
    "4e31cc7767f7fde22b07060904020000ae47d17aa43f00000000000000c0000000000000"
    "0040101814200002040d28b52ffd200421000064016301081128b52ffd200841000000ec"
    "0078c0ad7f601bb4523c6b0d6ed25c2bdb8365cad9f412e3268f67afffc51fced5393688"
    "14005e5384ff8f0f67294fad2fe52888888200782783b12f755cfec98b50097cbb9fb499"
    "379f1e507d8beaa6b490167cc8b0a3ab6932fc9c8a9d10ef2c1857888261ac8d0b439568"
    "bbcb2d504e3f535c0dc6319a3298c496e342987ab2df";
// clang-format on

Bytes bytes_of(std::string_view hex) {
    Bytes out;
    const auto digit = [](char c) {
        return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    };
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
    const std::vector<float> expected = {1.49998927f,  1.59998858f,     1.7999872f,  1.69998789f,
                                         2.2999835f,   1.00000002e+20f, 2.49998236f, 2.59998155f,
                                         -2.99997854f, 2.49998236f,     2.29998398f, 1.99998605f};
    CHECK(decoded(field, nullptr, 12) == expected);
}

TEST_CASE("a stream of interpolation decodes to the bit", "[codec]") {
    const std::vector<float> out = decoded(interpolation, nullptr, 16 * 24);
    CHECK(std::isnan(out[100]));
    CHECK(out[200] == 1e20f);
    CHECK(out[1] == 0.30387637f);
    CHECK(out[383] == -0.952468634f);
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (const std::byte one : std::as_bytes(std::span(out)))
        hash = (hash ^ std::to_integer<std::uint64_t>(one)) * 1099511628211u;
    CHECK(hash == 1929854756217847817u);
}

TEST_CASE("a stream of a linear autoencoder decodes to the bit", "[codec]") {
    const std::vector<float> expected = {
        -0.00413234066f, 0.0375007614f,  0.0143900206f, 0.416398823f,  0.589095712f,
        0.817881405f,    0.764836252f,   1.10371113f,   1.44023669f,   0.945428491f,
        1.44184387f,     1.89208865f,    1.03428841f,   1.50169504f,   2.04881668f,
        0.91567564f,     1.40247405f,    1.83076596f,   0.694815516f,  1.0210942f,
        1.38443923f,     0.370669723f,   0.51569581f,   0.665812194f,  -0.0488937907f,
        -0.0457182974f,  -0.0943615288f, -0.406583577f, -0.660841644f, -0.835385382f,
        -0.761073649f,   -1.10848105f,   -1.4939028f,   -0.928257108f, -1.42400575f,
        -1.87042987f,    -0.951910973f,  -1.47951531f,  -1.98553848f,  -0.878273427f,
        -1.27656639f,    -1.74004507f,   -0.600425959f, -0.945626736f, -1.23230028f,
        -0.270488679f,   -0.387333363f,  -0.553156257f, 0.134939253f,  0.16763261f,
        0.269095004f,    0.524589121f,   0.759246469f,  0.988216698f,  0.801911175f,
        1.23944807f,     1.60828888f,    1.00460827f,   1.45577276f,   1.96844304f,
        0.98206526f,     1.50814557f,    1.99527419f,   0.871084571f,  1.28074503f,
        1.73863792f,     0.621998549f,   0.900567353f,  1.17579567f,   0.225890845f,
        0.369315296f,    0.46579656f};
    CHECK(decoded(rows, read_model(bytes_of(rows_model)).get(), 72) == expected);
}

TEST_CASE("a stream of a causal network decodes to the bit", "[codec]") {
    std::vector<std::uint8_t> out(50), expected;
    for (std::size_t i = 0; i < 50; ++i)
        expected.push_back(static_cast<std::uint8_t>(i * 7 % 40 + 100 * (i % 3)));
    REQUIRE(decode_chunk(bytes_of(images), Numeric::u8, read_model(bytes_of(net_model)).get(),
                         std::as_writable_bytes(std::span(out))));
    CHECK(out == expected);
}
