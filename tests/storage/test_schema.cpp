// What files of narrows must have, and how values become floats.
#include "pipeline/storage/convert.hpp"
#include "pipeline/storage/difference.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/same_run.hpp"
#include "pipeline/storage/schema.hpp"

#include <cmath>
#include <limits>

#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;

namespace {

ArrayInfo array(const std::string& path, Numeric type, const Shape& shape) {
    ArrayInfo info;
    info.path = path;
    info.type = type;
    info.shape = shape;
    info.value_bytes = size_of(type);
    return info;
}

ArrayInfo text(const std::string& path, const Shape& shape) {
    ArrayInfo info = array(path, Numeric::u8, shape);
    info.numeric = false;
    return info;
}

std::vector<std::string> problems(const std::string& format, std::vector<ArrayInfo> arrays) {
    FileInfo file;
    file.format = format;
    file.arrays = std::move(arrays);
    return check_schema(file);
}

using Problems = std::vector<std::string>;

}  // namespace

TEST_CASE("a file of narrows has what its format asks for", "[schema]") {
    const ArrayInfo samples = array("/samples", Numeric::i16, {5, 2}),
                    codes = array("/codes", Numeric::f32, {5, 2}),
                    ids = array("/ids", Numeric::i64, {5});
    CHECK(problems("narrows-dataset", {samples, array("/labels", Numeric::f64, {5}), ids,
                                       text("/label_names", {3})}) == Problems{});
    CHECK(problems("narrows-dataset", {samples, array("/labels", Numeric::u8, {5})}) == Problems{});
    CHECK(problems("narrows-codes", {codes, ids, array("/draws", Numeric::f32, {5, 3, 2})}) ==
          Problems{});
    CHECK(problems("netcdf", {}) == Problems{});
    for (const std::string other : {"narrows-model", "narrows-checkpoint", "narrows-compressed"})
        CHECK(problems(other, {}) == Problems{});
    CHECK(problems("narrows-new", {}) ==
          Problems{"format \"narrows-new\" is not one that narrows knows"});
}

TEST_CASE("what a file of narrows lacks, or has otherwise, is told dataset by dataset",
          "[schema]") {
    const ArrayInfo samples = array("/samples", Numeric::f32, {5, 2}),
                    codes = array("/codes", Numeric::f32, {5, 2}),
                    ids = array("/ids", Numeric::i64, {5});
    CHECK(problems("narrows-dataset", {ids}) ==
          Problems{"/samples is missing: a narrows-dataset has it"});
    CHECK(problems("narrows-codes", {}) == Problems{"/codes is missing: a narrows-codes has it",
                                                    "/ids is missing: a narrows-codes has it"});
    CHECK(problems("narrows-dataset", {text("/samples", {5})}) ==
          Problems{"/samples holds text, not numbers"});
    CHECK(problems("narrows-dataset", {samples, array("/label_names", Numeric::u8, {3})}) ==
          Problems{"/label_names holds u8, not text"});
    for (const Numeric type : {Numeric::f16, Numeric::f32, Numeric::f64})
        CHECK(problems("narrows-dataset", {samples, array("/ids", type, {5})}) ==
              Problems{"/ids holds " + to_string(type) + ", not integers"});
    CHECK(problems("narrows-dataset", {samples, text("/ids", {5})}) ==
          Problems{"/ids holds text, not integers"});
    for (const ArrayInfo& labels : {array("/labels", Numeric::f32, {5}), text("/labels", {5})})
        CHECK(problems("narrows-dataset", {samples, labels})[0].ends_with(", not integers or f64"));
    for (const ArrayInfo& wrong : {array("/codes", Numeric::f64, {5}), text("/codes", {5})})
        CHECK(problems("narrows-codes", {wrong, ids})[0].ends_with(", not f32"));

    CHECK(problems("narrows-codes", {array("/codes", Numeric::f32, {}), ids}) ==
          Problems{"/codes has the shape [], not of rank 1 or more"});
    CHECK(problems("narrows-codes", {codes, array("/ids", Numeric::i64, {5, 1})}) ==
          Problems{"/ids has the shape [5, 1], not of rank 1"});
    CHECK(problems("narrows-codes", {codes, array("/ids", Numeric::i64, {4})}) ==
          Problems{"/ids has 4 rows, /codes has 5"});
    CHECK(problems("narrows-scores", {array("/scores", Numeric::f64, {5}), ids,
                                      array("/threshold", Numeric::f64, {1})}) == Problems{});
}

TEST_CASE("numbers of every type become floats, with scale, offset and fill value", "[convert]") {
    const auto as_float = [](Numeric type, auto value, const Packing& packing) {
        float out = -1;
        to_float(type, reinterpret_cast<const std::byte*>(&value), 1, packing, &out);
        return out;
    };
    const Packing plain, packed{2, 1, 7};
    const auto check = [&](Numeric type, auto value, auto fill) {
        INFO(to_string(type));
        CHECK(as_float(type, value, plain) == 3.0f);
        CHECK(as_float(type, value, packed) == 7.0f);
        CHECK(as_float(type, value, {1, 0, 8}) == 3.0f);
        CHECK(std::isnan(as_float(type, fill, packed)));
        CHECK(as_float(type, fill, plain) == 7.0f);
        CHECK(as_float(type, fill, {2, 1, std::numeric_limits<double>::quiet_NaN()}) == 15.0f);
    };
    check(Numeric::i8, std::int8_t{3}, std::int8_t{7});
    check(Numeric::u8, std::uint8_t{3}, std::uint8_t{7});
    check(Numeric::i16, std::int16_t{3}, std::int16_t{7});
    check(Numeric::u16, std::uint16_t{3}, std::uint16_t{7});
    check(Numeric::i32, std::int32_t{3}, std::int32_t{7});
    check(Numeric::u32, std::uint32_t{3}, std::uint32_t{7});
    check(Numeric::i64, std::int64_t{3}, std::int64_t{7});
    check(Numeric::u64, std::uint64_t{3}, std::uint64_t{7});
    check(Numeric::f16, std::uint16_t{0x4200}, std::uint16_t{0x4700});
    check(Numeric::f32, 3.0f, 7.0f);
    check(Numeric::f64, 3.0, 7.0);
    // Written as a double beside the float that it was meant to be.
    CHECK(std::isnan(as_float(Numeric::f32, 0.1f, {1, 0, 0.1})));
    CHECK(as_float(Numeric::f64, 0.1, {1, 0, static_cast<double>(0.1f)}) == 0.1f);
}

TEST_CASE("a shape whose values cannot be counted is refused", "[convert]") {
    constexpr std::int64_t most = std::int64_t{1} << 56;
    for (const Shape& shape : {Shape{}, Shape{3, 4}, Shape{0, most - 1}, Shape{most}})
        CHECK(error_of([&] { check_countable(shape, "x"); }) == "none");
    for (const Shape& shape : {Shape{3, -1}, Shape{most + 1}, Shape{most, 2}, Shape{0, most, 2}})
        CHECK(error_of([&] {
                  check_countable(shape, "x");
              }).starts_with("4|\"x\" has an impossible shape, ["));
}

TEST_CASE("a part is one of 1/N to N/N, with its share of the rows", "[join]") {
    CHECK(parse_part("2/4").number == 2);
    CHECK(parse_part("99999/99999").count == 99999);
    for (const std::string text :
         {"", "2", "2/", "/4", "2-4", "2/4x", "x/4", "2/x", "0/4", "5/4", "-1/4", "1/0", "1/100000",
          "99999999999999999999/4", "1/99999999999999999999"})
        CHECK(error_of([&] { parse_part(text); }) ==
              "2|part \"" + text + "\" is not one of 1/N to N/N");

    std::int64_t next = 0;
    for (std::int64_t number = 1; number <= 4; ++number) {
        const PartRows rows = rows_of({number, 4}, 10);
        CHECK(rows.first == next);
        next = rows.last;
    }
    CHECK(next == 10);
    CHECK(error_of([] { rows_of({1, 4}, 3); }) == "2|3 rows are too few for 4 parts");
}

TEST_CASE("the first line in which two pipelines differ is shown", "[resume]") {
    CHECK(first_difference("a\nb\n", "a\nb\n") == "");
    CHECK(first_difference("a\nb\n", "a\nc\n") == "line 2 is \"b\" there, \"c\" here");
    CHECK(first_difference("a\nb", "a\n") == "line 2 is \"b\" there, missing here");
    CHECK(first_difference("a\n", "a\nb") == "line 2 is missing there, \"b\" here");
    CHECK(first_difference("a\n", "a") == "they differ in the end of their last lines");
    CHECK(first_difference(std::string(101, 'x'), "y") ==
          "line 1 is \"" + std::string(100, 'x') + "...\" there, \"y\" here");
}
