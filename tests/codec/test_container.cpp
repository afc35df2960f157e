#include <cmath>
#include <cstdlib>
#include <random>

#include "datasets/dataset.hpp"
#include "pipeline/codec/container.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"
#include "tests/codec/support.hpp"

using namespace narrows;
using namespace narrows::codec;
using codec_test::Folder;
using codec_test::Pattern;
using codec_test::ThreadLoop;

namespace {

Job job_of(Wanted::Kind kind, double value, std::int64_t chunk_rows = 0) {
    Job job;
    job.wanted = {kind, value};
    job.chunk_rows = chunk_rows;
    return job;
}

storage::ExactAttribute text(const std::string& name, const std::string& value) {
    storage::ExactAttribute attribute;
    attribute.name = name;
    storage::set_text(attribute, value);
    return attribute;
}

// Three 16-bit numbers, which no plain attribute could hold.
storage::ExactAttribute three_numbers() {
    storage::ExactAttribute attribute;
    attribute.name = "valid_range";
    attribute.type.number = Numeric::i16;
    attribute.extents = {3};
    for (const int byte : {1, 0, 2, 0, 3, 0}) attribute.values.push_back(std::byte(byte));
    return attribute;
}

std::vector<Input> several() {
    std::vector<Input> inputs;
    inputs.push_back(
        codec_test::input_of("/waves", Numeric::f32, Shape{700, 24}, codec_test::sensors(700, 24)));
    inputs.push_back(codec_test::input_of("/deep/er/counts", Numeric::i16, Shape{90, 7},
                                          codec_test::make(Numeric::i16, 630, Pattern::smooth, 2)));
    inputs.push_back(codec_test::input_of("/holes", Numeric::f64, Shape{50, 8, 9},
                                          codec_test::make(Numeric::f64, 3600, Pattern::holes, 3)));
    inputs.push_back(codec_test::input_of("/empty", Numeric::f32, Shape{0, 4}, {}));
    inputs.push_back(codec_test::input_of("/one", Numeric::u8, Shape{}, Bytes(1, std::byte{7})));
    inputs[0].info.beside.attributes = {text("units", "m"), three_numbers()};
    return inputs;
}

}  // namespace

TEST_CASE("a file of several datasets goes and comes back, whatever the threads and kernels",
          "[codec]") {
    Folder folder;
    const std::vector<Input> inputs = several();
    const Job job = job_of(Wanted::Kind::range, 1e-3, 64);
    std::string first, restored;
    storage::FileBeside beside;
    beside.attributes = {text("title", "t")};
    beside.groups = {{"/deep", {text("depth", "1")}}, {"/bare", {}}};
    beside.links = {{"/zagain", "/waves", false}, {"/soft", "deep/er/counts", true}};
    const simd::Level before = simd::kernels().level;
    for (const std::size_t threads : {1, 2, 5, 8})
        for (const simd::Level level : simd::available()) {
            REQUIRE(simd::select(level));
            const auto results =
                compress_file(folder / "c.h5", inputs, beside, job, ThreadLoop(threads));
            REQUIRE(results.size() == 3);
            for (const ArrayResult& result : results) CHECK(result.violations == 0);
            decompress_file(folder / "c.h5", folder / "d.h5", {}, ThreadLoop(threads));
            const std::string bytes = codec_test::bytes_of(folder / "c.h5"),
                              plain = codec_test::bytes_of(folder / "d.h5");
            if (first.empty()) {
                first = bytes;
                restored = plain;
            }
            REQUIRE(bytes == first);
            REQUIRE(plain == restored);
            if (threads > 2) break;  // one level is enough for more threads
        }
    simd::select(before);
    const Verification good = verify_file(folder / "c.h5", inputs, ThreadLoop(2));
    CHECK(good.datasets == 5);
    CHECK(good.problems.empty());
    CHECK(good.violations == 0);
    CHECK(good.max_error > 0);

    const storage::FileInfo info = storage::look(folder / "d.h5");
    REQUIRE(info.arrays.size() == 5);
    for (const storage::ArrayInfo& array : info.arrays) {
        const Input& input = *std::find_if(inputs.begin(), inputs.end(), [&](const Input& i) {
            return i.info.path == array.path;
        });
        CHECK(array.shape == input.info.shape);
        CHECK(array.type == input.info.type);
        CHECK(array.beside.attributes == input.info.beside.attributes);
    }
    CHECK(info.beside.attributes == beside.attributes);
    REQUIRE(info.beside.groups.size() == 3);  // and /deep/er, which no group said
    CHECK(info.beside.groups[1].path == "/deep");
    CHECK(info.beside.groups[1].attributes == beside.groups[0].attributes);
    REQUIRE(info.beside.links.size() == 2);
    CHECK(info.beside.links[0].target == "deep/er/counts");
    CHECK(info.beside.left_out.empty());
}

TEST_CASE("a fitted model codes other files, which hold its hash alone", "[codec]") {
    Folder folder;
    const auto waves = [](std::size_t rows) {
        return std::vector<Input>{codec_test::input_of("/waves", Numeric::f32,
                                                       Shape{static_cast<std::int64_t>(rows), 24},
                                                       codec_test::sensors(rows, 24))};
    };
    Job job = job_of(Wanted::Kind::range, 1e-3);
    compress_file(folder / "first.h5", waves(900), {}, job, ThreadLoop(2));
    job.models = models_of(folder / "first.h5");
    REQUIRE(job.models.size() == 1);
    CHECK(job.models[0].path == "/waves");

    const std::vector<Input> other = waves(400);
    const auto results = compress_file(folder / "second.h5", other, {}, job, ThreadLoop(2));
    CHECK(results[0].model_bytes == 0);
    CHECK(results[0].violations == 0);
    for (const storage::ArrayInfo& array : storage::look(folder / "second.h5").arrays)
        CHECK(!array.path.starts_with("/.models"));
    CHECK(verify_file(folder / "second.h5", other, SerialLoop{}).problems.size() ==
          1);  // the model is nowhere
    CHECK_THROWS_AS(decompress_file(folder / "second.h5", folder / "d.h5", {}, SerialLoop{}),
                    Error);

    job.embed = true;
    compress_file(folder / "third.h5", other, {}, job, ThreadLoop(1));
    CHECK(verify_file(folder / "third.h5", other, SerialLoop{}).problems.empty());
    look_for_models_in(folder / "first.h5");
    const Verification found = verify_file(folder / "second.h5", other, SerialLoop{});
    CHECK(found.problems.empty());
    CHECK(found.violations == 0);
    CHECK(decompress_file(folder / "second.h5", folder / "d.h5", {}, SerialLoop{}) ==
          400u * 24 * 4);

    const std::vector<Input> wide{
        codec_test::input_of("/waves", Numeric::f32, Shape{100, 25}, codec_test::sensors(100, 25))};
    CHECK_THROWS_AS(compress_file(folder / "e.h5", wide, {}, job, SerialLoop{}), Error);
}

TEST_CASE("each dataset may have a bound of its own", "[codec]") {
    Folder folder;
    std::vector<Input> inputs = several();
    Job job = job_of(Wanted::Kind::range, 1e-2);
    job.bounds = {{"/holes", {Wanted::Kind::lossless, 0}},
                  {"/deep/er/counts", {Wanted::Kind::absolute, 3}}};
    for (const ArrayResult& result :
         compress_file(folder / "c.h5", inputs, {}, job, ThreadLoop(2))) {
        if (result.path == "/holes") CHECK(result.max_error == 0);
        if (result.path == "/deep/er/counts") CHECK(result.bound == 3);
        if (result.path == "/waves") CHECK(result.max_error > 0);
    }
    CHECK(verify_file(folder / "c.h5", inputs, SerialLoop{}).violations == 0);
}

TEST_CASE("chunks of sixteen rows share what the model says once", "[codec]") {
    Folder folder;
    const std::vector<Input> inputs{codec_test::input_of("/waves", Numeric::f32, Shape{4000, 24},
                                                         codec_test::sensors(4000, 24))};
    const auto small = compress_file(folder / "s.h5", inputs, {},
                                     job_of(Wanted::Kind::range, 1e-4, 16), ThreadLoop(2));
    const auto whole = compress_file(folder / "w.h5", inputs, {}, job_of(Wanted::Kind::range, 1e-4),
                                     ThreadLoop(2));
    INFO(small[0].bytes_out << " beside " << whole[0].bytes_out);
    CHECK(static_cast<double>(small[0].bytes_out + small[0].model_bytes) <
          1.35 * static_cast<double>(whole[0].bytes_out + whole[0].model_bytes));
    CHECK(verify_file(folder / "s.h5", inputs, SerialLoop{}).violations == 0);
}

TEST_CASE("correlated channels take a fraction of what the plain ways take", "[codec]") {
    Folder folder;
    std::vector<Input> inputs{codec_test::input_of("/waves", Numeric::f32, Shape{1500, 24},
                                                   codec_test::sensors(1500, 24))};
    const auto results = compress_file(folder / "c.h5", inputs, {},
                                       job_of(Wanted::Kind::range, 1e-3), ThreadLoop(2));
    CHECK(results[0].method.starts_with("linear autoencoder"));
    double fallback = 1e30, lorenzo = 1e30;
    for (const Candidate& one : results[0].tried) {
        if (one.name.find("zstd") != std::string::npos && one.possible)
            fallback = std::min(fallback, one.bytes);
        if (one.name.starts_with("Lorenzo") && one.possible) lorenzo = std::min(lorenzo, one.bytes);
    }
    const double bytes = static_cast<double>(results[0].bytes_out + results[0].model_bytes);
    CHECK(bytes < 0.35 * fallback);
    CHECK(bytes < 0.5 * lorenzo);
    CHECK(results[0].max_error <= results[0].bound);
}

TEST_CASE("bounds of every kind are kept over a whole file", "[codec]") {
    Folder folder;
    const Bytes values = codec_test::sensors(400, 12);
    std::vector<Input> inputs{codec_test::input_of("/x", Numeric::f32, Shape{400, 12}, values)};
    for (const double e : {1e-1, 1e-3, 1e-5, 1e-6}) {
        for (const Wanted::Kind kind :
             {Wanted::Kind::absolute, Wanted::Kind::range, Wanted::Kind::pointwise}) {
            const auto results =
                compress_file(folder / "c.h5", inputs, {}, job_of(kind, e, 100), ThreadLoop(2));
            INFO(to_string(results[0].type == Numeric::f32 ? Wanted{kind, e} : Wanted{})
                 << " " << e << " " << results[0].method);
            CHECK(results[0].violations == 0);
            const Verification found = verify_file(folder / "c.h5", inputs, ThreadLoop(2));
            CHECK(found.violations == 0);
            CHECK(found.max_error <= results[0].bound);
        }
    }
    for (const double psnr : {30.0, 60.0, 90.0}) {
        const auto results = compress_file(folder / "c.h5", inputs, {},
                                           job_of(Wanted::Kind::psnr, psnr, 100), ThreadLoop(2));
        CHECK(results[0].psnr >= psnr);
        CHECK(results[0].psnr < psnr + 3);
    }
    const auto exact = compress_file(folder / "c.h5", inputs, {}, job_of(Wanted::Kind::lossless, 0),
                                     ThreadLoop(2));
    CHECK(exact[0].max_error == 0);
    CHECK(verify_file(folder / "c.h5", inputs, ThreadLoop(1)).violations == 0);
    CHECK_THROWS_AS(compress_file(folder / "d.h5", inputs, {}, Job{}, ThreadLoop(1)), Error);
    CHECK(!std::filesystem::exists(folder / "d.h5"));
}

TEST_CASE("values far from zero are compressed, whatever the bound", "[codec]") {
    Folder folder;
    std::vector<double> walk(600 * 6);
    std::mt19937_64 random(3);
    for (std::size_t i = 0; i < walk.size(); ++i)
        walk[i] =
            (i < 6 ? 1.7e9 : walk[i - 6]) + (static_cast<double>(random() % 2001) - 1000) * 1e-3;
    Bytes values(walk.size() * sizeof(double));
    std::memcpy(values.data(), walk.data(), values.size());
    const std::vector<Input> inputs{
        codec_test::input_of("/t", Numeric::f64, Shape{600, 6}, values)};
    for (const double bound : {1e-3, 1e-6}) {
        const auto results = compress_file(folder / "c.h5", inputs, {},
                                           job_of(Wanted::Kind::absolute, bound), ThreadLoop(2));
        CHECK(results[0].violations == 0);
        CHECK(verify_file(folder / "c.h5", inputs, SerialLoop{}).violations == 0);
        const auto models = std::count_if(
            results[0].tried.begin(), results[0].tried.end(), [](const Candidate& one) {
                return one.possible && one.name.starts_with("linear autoencoder");
            });
        CHECK(models > 0);  // they are tried, and not only left out
    }
}

TEST_CASE("PSNR is of the values that have an error, not of holes between them", "[codec]") {
    Folder folder;
    std::vector<float> field(400 * 40);
    std::mt19937_64 random(4);
    for (std::size_t i = 0; i < field.size(); ++i)
        field[i] = i % 10 != 0 ? (i % 3 == 0 ? -999.0f : std::numeric_limits<float>::quiet_NaN())
                               : static_cast<float>(std::sin(0.001 * static_cast<double>(i)) +
                                                    static_cast<double>(random() % 1000) * 1e-4);
    Bytes values(field.size() * sizeof(float));
    std::memcpy(values.data(), field.data(), values.size());
    std::vector<Input> inputs{codec_test::input_of("/x", Numeric::f32, Shape{400, 40}, values)};
    inputs[0].info.fill_value = -999;
    const auto results =
        compress_file(folder / "c.h5", inputs, {}, job_of(Wanted::Kind::psnr, 50), ThreadLoop(2));
    const auto reader = storage::open_array(folder / "c.h5", "/x");
    std::vector<float> decoded(field.size());
    reader->read(0, 400, decoded.data(), false);
    double squares = 0, low = 1e30, high = -1e30, count = 0;
    for (std::size_t i = 0; i < field.size(); i += 10) {
        const auto x = static_cast<double>(field[i]), off = x - static_cast<double>(decoded[i]);
        squares += off * off;
        low = std::min(low, x);
        high = std::max(high, x);
        ++count;
    }
    const double psnr = 10 * std::log10((high - low) * (high - low) / (squares / count));
    CHECK(psnr >= 50);
    CHECK(std::abs(results[0].psnr - psnr) < 0.01);
}

TEST_CASE("a stop ends compression while it fits, too", "[codec]") {
    Folder folder;
    std::vector<Input> inputs{
        codec_test::input_of("/waves", Numeric::f32, Shape{700, 24}, codec_test::sensors(700, 24))};
    Job job = job_of(Wanted::Kind::range, 1e-3);
    std::atomic<int> reads{0}, asked{0};
    const auto read = inputs[0].read;
    inputs[0].read = [&](std::int64_t first, std::int64_t count, std::byte* out) {
        ++reads;
        read(first, count, out);
    };
    job.stop = [&] {
        if (reads > 1) ++asked;  // the range is known
        return reads > 1;
    };
    CHECK_THROWS_AS(compress_file(folder / "c.h5", inputs, {}, job, SerialLoop{}), Error);
    CHECK(reads == 2);  // the sample of the fit, and no chunk behind it
    CHECK(asked == 1);
    CHECK(!std::filesystem::exists(folder / "c.h5"));
}

TEST_CASE("a damaged chunk is named by dataset and rows, and the others decode", "[codec]") {
    Folder folder;
    const Bytes values = codec_test::sensors(400, 12);
    std::vector<Input> inputs{codec_test::input_of("/x", Numeric::f32, Shape{400, 12}, values)};
    compress_file(folder / "c.h5", inputs, {}, job_of(Wanted::Kind::range, 1e-3, 100),
                  ThreadLoop(2));
    std::string bytes = codec_test::bytes_of(folder / "c.h5");
    std::vector<std::size_t> chunks;  // where they begin
    for (std::size_t at = bytes.find("N1"); at != std::string::npos; at = bytes.find("N1", at + 1))
        if (bytes.substr(at + 10, 2) == "\4\11") chunks.push_back(at);  // rows, f32
    REQUIRE(chunks.size() == 4);
    bytes[chunks[2] + 40] ^= 1;
    codec_test::put_bytes(folder / "bad.h5", bytes);

    const Verification found = verify_file(folder / "bad.h5", inputs, ThreadLoop(2));
    REQUIRE(found.problems.size() == 1);
    CHECK(found.problems[0].find("/x, rows 200 to 299") != std::string::npos);
    CHECK(found.values == 300 * 12);
    CHECK(found.violations == 0);
    const auto reader = storage::open_array(folder / "bad.h5", "/x");
    std::vector<float> rows(100 * 12);
    reader->read(300, 100, rows.data(), false);
    CHECK(std::abs(rows[5] - reinterpret_cast<const float*>(values.data())[300 * 12 + 5]) <= 0.02f);
    CHECK_THROWS_AS(reader->read(250, 1, rows.data(), false), Error);
    CHECK_THROWS_AS(decompress_file(folder / "bad.h5", folder / "out.h5", {}, ThreadLoop(2)),
                    Error);
    CHECK(!std::filesystem::exists(folder / "out.h5"));
}

TEST_CASE("real data reaches the bits per value that COMPRESSION promises", "[codec][data]") {
    const char* folder_of_data = std::getenv("NARROWS_DATA");
    if (folder_of_data == nullptr) {
        WARN("skipped: NARROWS_DATA names no folder");
        return;
    }
    Folder folder;
    struct Target {
        double bound, bits;
    };
    const auto check = [&](const Input& input, std::initializer_list<Target> targets) {
        for (const Target& target : targets) {
            const auto results =
                compress_file(folder / "c.h5", {input}, {},
                              job_of(Wanted::Kind::range, target.bound), ThreadLoop(2));
            INFO(input.info.path << " " << target.bound << " " << results[0].method);
            CHECK(8.0 * static_cast<double>(results[0].bytes_out + results[0].model_bytes) /
                      static_cast<double>(results[0].values) <=
                  target.bits);
            const Verification found = verify_file(folder / "c.h5", {input}, ThreadLoop(2));
            CHECK(found.violations == 0);
            CHECK(found.problems.empty());
        }
    };
    const std::filesystem::path data = folder_of_data;
    const std::shared_ptr<storage::ArrayReader> waves =
        storage::open_array(data / "science/ri_wave_2010.h5", "/significant_wave_height");
    check({waves->info(), [&](std::int64_t first, std::int64_t count,
                              std::byte* out) { waves->read(first, count, out); }},
          {{1e-2, .115}, {1e-3, .43}, {1e-4, 1.25}, {1e-5, 3.0}});
    const datasets::DataSpec spec =
        datasets::parse_data((data / "timeseries/ecg5000_binary.csv.gz").string());
    const auto ecg = datasets::open({&spec, 1});
    storage::ArrayInfo info;
    info.path = "/samples";
    info.value_bytes = 4;
    info.shape = ecg->sample().with_batch(ecg->rows());
    REQUIRE(info.shape == Shape{5000, 140});
    check({info, [&](std::int64_t first, std::int64_t count,
                     std::byte* out) { ecg->read_stored(first, count, out); }},
          {{1e-1, .093}, {1e-2, 1.0}, {1e-3, 3.9}, {1e-4, 7.3}, {1e-5, 10.6}});
}
