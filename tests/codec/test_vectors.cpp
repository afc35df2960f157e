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
constexpr std::string_view rows_codes_model =
    "bc0128b52ffd20bce10500040801010203000404000404000408abaa220b6858ec3f9926"
    "43b1337d603f0000070000ffbf425e3fff0000c9d7033fff00fffeab7abeff0001e167e7"
    "be0000fe1a5abcbcfe00006e8eb7bc0000fd44ec2abe9a9999999999993f2e431736e502"
    "0c43718c16bd64704de566192c32d260806f290938d021886600adb210aef73a748c0add"
    "250891b93cdeff04001cf909847f094df773e267cf3ee24354b1db5ee9bdd8bfc56ad166"
    "306e10860b1914f08c44d8cd78360054d9d93e";
constexpr std::string_view rows_codes =
    "4e3100c44a992890eb450709000060008099999199c93f00000000000000000000000000"
    "0010400c01080c03faff034a965e00d18f98b200003c000800188936fd7708a7277de786"
    "dd88d6fffee5261ebb550d5ad3e8f26f648a636d5fbf20ad82";
constexpr std::string_view grid_codes_model =
    "e50128b52ffd20e52907000401050601030104040304020304014a9ffcc0abd0db3fde1f"
    "2d50989a513f04070000ffedd5073e00ff00670e313eff00001a4486bc00ffff697ea03c"
    "00ff0101d3993dff00ffacdc9cbbff00019b2261bd00000000000000003a1682b084de9c"
    "e4458b095b5d043a7ba64acbebcfd3532c3df2695b82a1bf7e97fc2febcb3da700be41d8"
    "fec10d2deec025fe1d58e35e2342ba01340d0c00e9ff29067ccb700c1d54d13decdfecd3"
    "ba41332e30ba4af68cd5579d35260c312fa43be068083e86fbc7ac57f4f2e9b1e3a355d7"
    "90c521c8d16bb21ac41649fb21562ecf2f3e36606bb10000";
constexpr std::string_view grid_codes =
    "4e317b9ddb1f82df372b070900005a008099999599d93f00000000000000000000000000"
    "0010400305060a01000f9e0400e07c2a8500006d445705cd42b751";

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

TEST_CASE("a stream of a dense autoencoder decodes to the bit", "[codec]") {
    const std::vector<float> expected = {
        0.0483980104f, 0.0f,         0.152348787f, 0.606597722f,  1.12628031f,   1.47088861f,
        1.40541744f,   0.743041515f, 0.284283817f, 0.469382554f,  0.742004991f,  0.838691831f,
        0.697449625f,  0.43443355f,  0.202080876f, 0.0839601532f, 0.811545968f,  1.05693316f,
        1.33861434f,   1.43367708f,  1.49439669f,  1.51770687f,   1.54613876f,   1.44778466f,
        0.0122583816f, 0.199999049f, 0.294303f,    0.275102049f,  0.440356821f,  0.582099974f,
        0.589046776f,  0.602415323f, 1.1760999f,   1.47995925f,   1.7610209f,    1.64684188f,
        1.32971728f,   0.862366736f, 0.471043169f, 0.313428938f,  0.0149102798f, 0.199999049f,
        0.521918476f,  0.96571064f,  1.79966831f,  1.89379239f,   1.2920965f,    0.623113453f,
        1.76929438f,   1.88197231f,  1.89204144f,  1.73315048f,   1.47638857f,   1.20556486f,
        1.00694549f,   0.810301542f, 1.33865142f,  1.55428553f,   1.79223847f,   1.7471292f,
        1.69167995f,   1.23927951f,  0.947553694f, 0.681296229f,  0.0256638061f, 0.0f,
        0.264786988f,  0.393014699f, 0.71004796f,  0.880036056f,  1.11010432f,   1.13843894f,
        0.261590362f,  0.581889391f, 0.972639322f, 1.07469749f,   0.971960187f,  0.554669142f,
        0.274190038f,  0.174990803f, 0.349520802f, 0.615059197f,  0.747653067f,  0.953684211f,
        1.00359559f,   0.976640701f, 0.94096452f,  0.637104154f,  0.974525213f,  1.04189801f,
        1.21870852f,   1.21169984f,  1.19485962f,  0.973645806f,  0.940870166f,  0.701523066f};
    CHECK(decoded(rows_codes, read_model(bytes_of(rows_codes_model)).get(), 96) == expected);
}

TEST_CASE("a stream of a convolutional autoencoder decodes to the bit", "[codec]") {
    const std::vector<float> expected = {
        0.375516176f,   0.341133595f,  0.330389023f, 0.300304264f, 0.186411932f, 0.0585516728f,
        0.888333082f,   0.701488674f,  0.594222605f, 0.461331874f, 0.274641186f, 0.0650148392f,
        1.07752216f,    0.946846247f,  0.712981045f, 0.503257871f, 0.325327039f, 0.131661102f,
        0.837268591f,   0.918441355f,  0.660367846f, 0.382673353f, 0.243691787f, 0.180023566f,
        0.297464162f,   0.713746786f,  0.55277878f,  0.28211239f,  0.23594375f,  0.233718798f,
        -0.0234084073f, 0.281626195f,  0.315829247f, 0.233828768f, 0.125044093f, 0.0f,
        0.382075816f,   0.531875074f,  0.534033835f, 0.447293013f, 0.243478671f, 0.0103852451f,
        0.562648773f,   0.748733282f,  0.722148597f, 0.58295399f,  0.317782044f, 0.0925081447f,
        0.737704158f,   0.943954229f,  0.896316469f, 0.716532648f, 0.401276797f, 0.174704581f,
        0.73652935f,    0.928786635f,  0.883659601f, 0.728846431f, 0.428129643f, 0.225105494f,
        -0.0902223811f, 0.0378547348f, 0.123435214f, 0.211454719f, 0.169169039f, 0.12471088f,
        0.275200039f,   0.187951222f,  0.295372546f, 0.350881219f, 0.297578782f, 0.190470621f,
        0.0277288575f,  0.359640718f,  0.529689193f, 0.563118458f, 0.518046916f, 0.334572881f,
        0.32495445f,    0.414382011f,  0.580599546f, 0.607356966f, 0.563266575f, 0.480747104f,
        0.428881317f,   0.476053774f,  0.592776537f, 0.546658218f, 0.515014827f, 0.490442127f};
    CHECK(decoded(grid_codes, read_model(bytes_of(grid_codes_model)).get(), 90) == expected);
}
