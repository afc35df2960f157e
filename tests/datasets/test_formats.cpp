// Each format by files made here: numbers, labels, and what is said of damaged ones.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <zlib.h>

#include "datasets/dataset.hpp"
#include "pipeline/pictures/png.hpp"
#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/support/real_data.hpp"

using namespace narrows;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "narrows-datasets-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    std::string write(const std::string& name, const std::string& content) const {
        std::ofstream(path / name, std::ios::binary) << content;
        return (path / name).string();
    }
    std::string gzip(const std::string& name, const std::string& content) const {
        const std::string file = (path / name).string();
        const gzFile out = gzopen(file.c_str(), "wb");
        gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
        gzclose(out);
        return file;
    }
    std::string read_back(const std::string& name) const {
        std::ifstream file(path / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    fs::path path;
};

std::shared_ptr<const datasets::Dataset> open(datasets::DataSpec spec,
                                              std::uint64_t budget = 1 << 20) {
    return datasets::open({&spec, 1}, budget);
}
std::shared_ptr<const datasets::Dataset> open(const std::string& text,
                                              std::uint64_t budget = 1 << 20) {
    return open(datasets::parse_data(text), budget);
}
std::vector<float> all(const datasets::Dataset& data) {
    std::vector<float> values(static_cast<std::size_t>(data.rows() * data.sample().elements()));
    data.read(0, data.rows(), values.data());
    return values;
}
std::string message(const std::string& text) {
    try {
        open(text);
    } catch (const Error& error) {
        return std::string(error.what()) + "|" + error.hint();
    }
    return "nothing";
}
std::string idx(std::uint8_t type, std::initializer_list<unsigned> extents,
                const std::string& data) {
    std::string out{'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
    for (const unsigned extent : extents)
        for (int shift = 24; shift >= 0; shift -= 8)
            out += static_cast<char>(extent >> shift & 255);
    return out + data;
}

}  // namespace

TEST_CASE("DATA is split into file, dataset and rows", "[datasets]") {
    auto spec = datasets::parse_data("a/b.h5:/group/x@10:20");
    CHECK(spec.file == "a/b.h5");
    CHECK(spec.dataset == "/group/x");
    CHECK(*spec.first == 10);
    CHECK(*spec.last == 20);
    spec = datasets::parse_data("x.npy@:5");
    CHECK(!spec.first);
    CHECK(*spec.last == 5);
    CHECK(datasets::parse_data("./odd@name/x.h5").file == "./odd@name/x.h5");
    CHECK_THROWS_AS(datasets::parse_data("x.h5@5:2"), Error);
    CHECK_THROWS_AS(datasets::parse_data("x.h5@some"), Error);
}

TEST_CASE("IDX of any rank and type, plain and gzipped, within memory or not", "[datasets]") {
    const Folder folder;
    std::string pixels;
    for (int i = 0; i < 24; ++i) pixels += static_cast<char>(i * 10);
    const std::string content = idx(0x08, {2, 3, 4}, pixels);
    const std::string plain = folder.write("a.idx", content),
                      packed = folder.gzip("a.idx.gz", content);
    for (const std::string& file : {plain, packed})
        for (const std::uint64_t budget : {1u << 20, 8u}) {
            const auto data = open(file, budget);
            CHECK(data->rows() == 2);
            CHECK(data->sample() == Shape{3, 4});
            CHECK(data->type() == storage::Numeric::u8);
            const auto values = all(*data);
            for (std::size_t i = 0; i < 24; ++i)
                CHECK(values[i] == static_cast<float>(static_cast<std::uint8_t>(i * 10)));
        }
    const auto big =
        open(folder.write("b.idx", idx(0x0b, {2}, std::string("\xff\xfe\x01\x00", 4))));
    CHECK(all(*big) == std::vector<float>{-2, 256});
    CHECK(message(folder.write("cut.idx", content.substr(0, 20)))
              .find("is cut off: 2 rows of 12 bytes need 40 bytes, it has 20") !=
          std::string::npos);
    const std::string half = folder.read_back("a.idx.gz");
    CHECK(message(folder.write("half.gz", half.substr(0, half.size() / 2))).find("damaged gzip") !=
          std::string::npos);
}

TEST_CASE("NPY headers of both widths, types and byte orders", "[datasets]") {
    const Folder folder;
    const auto npy = [](const std::string& header, const std::string& data) {
        std::string padded = header + std::string(63 - (header.size() + 10) % 64, ' ') + "\n";
        std::string out = std::string("\x93NUMPY\x01\x00", 8);
        out += static_cast<char>(padded.size() & 255);
        out += static_cast<char>(padded.size() >> 8);
        return out + padded + data;
    };
    const float values[6] = {1, 2, 3, 4, 5, 6.5f};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
    const auto data = open(folder.write(
        "a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", bytes)));
    CHECK(data->rows() == 3);
    CHECK(data->sample() == Shape{2});
    CHECK(all(*data) == std::vector<float>(values, values + 6));
    const auto flat =
        open(folder.write("b.npy", npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }",
                                       std::string("\x00\x05\xff\xff", 4))));
    CHECK(all(*flat) == std::vector<float>{5, -1});
    CHECK(message(folder.write(
                      "f.npy",
                      npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", bytes)))
              .find("Fortran") != std::string::npos);
    CHECK(message(folder.write(
                      "o.npy",
                      npy("{'descr': '|O', 'fortran_order': False, 'shape': (3, 2), }", bytes)))
              .find("not numbers") != std::string::npos);
    CHECK(message(folder.write(
                      "s.npy",
                      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 2), }", bytes)))
              .find("is cut off") != std::string::npos);
}

TEST_CASE("CSV with and without header, labels by name, columns chosen", "[datasets]") {
    const Folder folder;
    const std::string file =
        folder.write("a.csv", "time,a,b,Class\n2020,1,2,yes\n2021,3,4.5,no\r\n\n2022,5,6,yes\n");
    const auto data = open(file);
    CHECK(data->rows() == 3);
    CHECK(data->sample() == Shape{3});
    CHECK(all(*data) == std::vector<float>{2020, 1, 2, 2021, 3, 4.5f, 2022, 5, 6});
    CHECK(data->labels() == std::vector<std::int64_t>{1, 0, 1});
    CHECK(data->label_names() == std::vector<std::string>{"no", "yes"});
    auto spec = datasets::parse_data(file);
    spec.columns = "b,1";
    spec.label_column = "none";
    CHECK(all(*open(spec)) == std::vector<float>{2, 1, 4.5f, 3, 6, 5});
    CHECK(open(spec)->labels().empty());
    const auto bare = open(folder.gzip("b.csv.gz", "1 2\n3   4\n"));
    CHECK(all(*bare) == std::vector<float>{1, 2, 3, 4});
    const auto missing = all(*open(folder.write("m.csv", "a;b\n1;\nNA;2\n")));
    CHECK((missing[0] == 1 && std::isnan(missing[1]) && std::isnan(missing[2]) && missing[3] == 2));
    CHECK(message(folder.write("bad.csv", "a,b\n1,2\n3,x\n"))
              .find("bad.csv:3:3: \"x\" is not a number") != std::string::npos);
    CHECK(message(folder.write("short.csv", "a,b\n1,2\n3\n"))
              .find("short.csv:3: 1 values, the rows before have 2") != std::string::npos);
    CHECK(message(folder.write("empty.csv", "")).find("is empty") != std::string::npos);
    CHECK(message(folder.write("head.csv", "a,b\n")).find("has no rows") != std::string::npos);
}

TEST_CASE("raw numbers need a shape and a type", "[datasets]") {
    const Folder folder;
    const std::string file =
        folder.write("x.raw", std::string("\x00\x01\x00\x02\x00\x03\x00\x04", 8));
    CHECK(message(file).find("--shape") != std::string::npos);
    auto spec = datasets::parse_data(file);
    spec.shape = {2};
    spec.type = ">u2";
    CHECK_THROWS_AS(open(spec), Error);
    spec.type = ">u16";
    CHECK(all(*open(spec)) == std::vector<float>{1, 2, 3, 4});
    spec.shape = {3};
    CHECK_THROWS_AS(open(spec), Error);
}

TEST_CASE(".ts files: channels last, classes as labels", "[datasets]") {
    const Folder folder;
    const auto data = open(folder.write(
        "a.ts",
        "# made\n@problemName x\n@classLabel true a b\n@data\n1,2,3:4,5,6:b\n7,8,9:1,1,1:a\n"));
    CHECK(data->rows() == 2);
    CHECK(data->sample() == Shape{3, 2});
    CHECK(all(*data) == std::vector<float>{1, 4, 2, 5, 3, 6, 7, 1, 8, 1, 9, 1});
    CHECK(data->labels() == std::vector<std::int64_t>{1, 0});
    CHECK(message(folder.write("b.ts", "@data\n1,2,3\n1,2\n")).find("b.ts:3:") !=
          std::string::npos);
}

TEST_CASE("ranges, windows and joined files are datasets too", "[datasets]") {
    const Folder folder;
    std::string text;
    for (int i = 0; i < 10; ++i) text += std::to_string(i) + "\n";
    const std::string file = folder.write("s.csv", text);
    CHECK(all(*open(file + "@2:5")) == std::vector<float>{2, 3, 4});
    CHECK_THROWS_AS(open(file + "@2:50"), Error);
    auto spec = datasets::parse_data(file);
    spec.window = 4;
    spec.stride = 3;
    const auto windows = open(spec);
    CHECK(windows->rows() == 3);
    CHECK(windows->sample() == Shape{4});
    CHECK(all(*windows) == std::vector<float>{0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9});
    const datasets::DataSpec two[] = {datasets::parse_data(file + "@8:"),
                                      datasets::parse_data(file + "@:2")};
    const auto joined = datasets::open(two);
    CHECK(all(*joined) == std::vector<float>{8, 9, 0, 1});
    const std::vector<std::int64_t> rows{3, 1, 2, 0};
    std::vector<float> some(4);
    joined->gather(rows, some.data());
    CHECK(some == std::vector<float>{1, 9, 0, 8});
    const auto selected = datasets::select(joined, {2, 0});
    CHECK(all(*selected) == std::vector<float>{0, 8});
    CHECK(selected->ids() == std::vector<std::int64_t>{2, 0});
}

TEST_CASE("labels of HDF5 files are read exactly, whatever their type", "[datasets]") {
    const Folder folder;
    storage::CodesLayout layout;
    layout.rows = 2;
    layout.columns = {
        {"/codes", Type::f32, {2}}, {"/labels", Type::i32, {}}, {"/ids", Type::f64, {}}};
    storage::CodesWriter writer(folder.path / "z.h5", layout, false);
    const std::vector<float> codes(4, 1.0f);
    const std::vector<std::int32_t> labels = {16777217, -2147483647};  // no floats
    const std::vector<double> ids = {9007199254740991.0, std::nan("")};
    writer.write(0, 0, 2, codes.data());
    writer.write(1, 0, 2, labels.data());
    writer.write(2, 0, 2, ids.data());
    writer.rows_written(2);
    writer.commit();
    const auto data = open((folder.path / "z.h5").string());
    CHECK(data->labels() == std::vector<std::int64_t>{16777217, -2147483647});
    CHECK(data->ids() ==
          std::vector<std::int64_t>{9007199254740991, std::numeric_limits<std::int64_t>::min()});
}

TEST_CASE("PNG: folders are classes, and a picture that its file cannot hold is refused",
          "[datasets]") {
    const Folder folder;
    fs::create_directories(folder.path / "p/one");
    fs::create_directories(folder.path / "p/two");
    pictures::Image image(3, 2, pictures::white);
    image.set(2, 1, {7, 7, 7});
    folder.write("p/one/a.png", pictures::encode_png(image));
    folder.write("p/two/b.png", pictures::encode_png(pictures::Image(3, 2, {9, 9, 9})));
    const auto data = open((folder.path / "p").string());
    CHECK(data->sample() == Shape{2, 3});
    CHECK(all(*data) == std::vector<float>{255, 255, 255, 255, 255, 7, 9, 9, 9, 9, 9, 9});
    CHECK(data->labels() == std::vector<std::int64_t>{0, 1});

    // 3 GB out of 57 bytes: its checksums are right.
    using namespace std::string_literals;
    fs::create_directory(folder.path / "q");
    folder.write("q/a.png",
                 "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x80\0\0\0\x80\0\x08\x02\0\0\0\x4b\x1e\x34\x28"
                 "\0\0\0\x08IDAT\x78\x9c\x03\0\0\0\0\x01\x48\x06\x89\xd2"s);
    CHECK(message((folder.path / "q").string())
              .find("32768 x 32768 pixels, more than its bytes can hold") != std::string::npos);
}

TEST_CASE("a missing file and unknown bytes are refused with a next step", "[datasets]") {
    const Folder folder;
    CHECK(message((folder.path / "no.h5").string()).find("there is no file") == 0);
    CHECK(message(folder.write("x.bin", std::string("\x80\x81\x82\x00\x01", 5)))
              .find("known formats") != std::string::npos);
    for (const char* name : {"text.h5", "text.nc"})
        CHECK(message(folder.write(name, "1,2\n3,4\n")).find("is not an HDF5 file") !=
              std::string::npos);
    for (const char* name : {"old.nc", "old.data"})
        CHECK(message(folder.write(name, std::string("CDF\x01\0\0\0\0", 8)))
                  .find("netCDF file of the classic format") != std::string::npos);
}

TEST_CASE("extents that cannot be counted are refused, where one is 0, too", "[datasets]") {
    const Folder folder;
    std::string header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4294967296, 4294967296), }";
    header.resize(118, ' ');
    for (const std::string& file :
         {folder.write("x.idx", idx(8, {0, 0xffffffff, 0xffffffff}, "...")),
          folder.write("y.npy", std::string("\x93NUMPY\x01\0v\0", 10) + header)})
        CHECK(message(file).find("has an impossible shape") != std::string::npos);
}

TEST_CASE("the summary has range, mean and deviation of good rows, and names bad ones",
          "[datasets]") {
    const Folder folder;
    const auto data = open(folder.write("a.csv", "a,b,c\n1,10,3\n2,20,3\nnan,5,3\n3,60,3\n"));
    const datasets::Summary s = datasets::summarise(*data, SerialLoop{});
    CHECK(s.rows == 4);
    CHECK(s.bad_rows == 1);
    CHECK(s.first_bad == std::vector<std::int64_t>{2});
    CHECK(s.mean == std::vector<float>{2, 30, 3});
    CHECK(s.deviation[0] == Approx(std::sqrt(2.0 / 3)));
    CHECK(s.deviation[1] == Approx(std::sqrt((400 + 100 + 900) / 3.0)));
    CHECK(s.low == 1);
    CHECK(s.high == 60);
    CHECK(s.constant_features == 1);
}

TEST_CASE("an epoch's order is a permutation that depends on epoch and seed alone", "[datasets]") {
    const std::int64_t rows = GENERATE(1, 7, 1000, 10007);
    const datasets::SampleOrder order({5, 9}, rows, 64, 500), other({6, 9}, rows, 64, 500);
    const auto epoch = [&](const datasets::SampleOrder& from, std::uint32_t number,
                           std::int64_t step) {
        std::vector<std::int64_t> out(static_cast<std::size_t>(rows));
        for (std::int64_t at = 0; at < rows; at += step)
            from.rows(number, at,
                      std::span(out).subspan(static_cast<std::size_t>(at),
                                             static_cast<std::size_t>(std::min(step, rows - at))));
        return out;
    };
    const auto first = epoch(order, 0, 13);
    CHECK(first == epoch(order, 0, 128));
    auto sorted = first;
    std::sort(sorted.begin(), sorted.end());
    for (std::int64_t i = 0; i < rows; ++i) CHECK(sorted[static_cast<std::size_t>(i)] == i);
    if (rows < 100) return;
    CHECK(first != epoch(order, 1, 13));
    CHECK(first != epoch(other, 0, 13));
    CHECK(first != sorted);
}

TEST_CASE("generated rows depend on kind, seed and row alone", "[datasets]") {
    const std::string kind = GENERATE("digits", "waves", "fields", "blobs");
    const datasets::Generated layout = datasets::generated_layout(kind);
    const std::size_t bytes =
        static_cast<std::size_t>(layout.sample.elements()) * storage::size_of(layout.type);
    std::vector<std::byte> many(20 * bytes), one(bytes), other(20 * bytes);
    std::vector<std::int64_t> labels(20);
    datasets::generate(kind, 1, 100, 20, many.data(), labels.data());
    datasets::generate(kind, 2, 100, 20, other.data(), nullptr);
    CHECK(many != other);
    std::int64_t label = -1;
    datasets::generate(kind, 1, 113, 1, one.data(), &label);
    CHECK(
        std::equal(one.begin(), one.end(), many.begin() + static_cast<std::ptrdiff_t>(13 * bytes)));
    CHECK(label == labels[13]);
    CHECK_THROWS_AS(datasets::generated_layout("digit"), Error);
}

TEST_CASE("the real files open with the shapes that their index says", "[datasets][real]") {
    const auto folder = test::real_data("the real files");
    if (!folder) return;
    const std::string& data = *folder;
    struct Known {
        const char* file;
        std::int64_t rows;
        Shape sample;
        std::size_t labels;
    };
    const Known known[] = {{"mnist/train-images-idx3-ubyte.gz", 60000, {28, 28}, 0},
                           {"mnist/t10k-labels-idx1-ubyte.gz", 10000, {1}, 0},
                           {"timeseries/ecg5000_binary.csv.gz", 5000, {140}, 5000},
                           {"timeseries/ECG5000_TRAIN.txt.gz", 500, {141}, 0},
                           {"timeseries/ItalyPowerDemand_TEST.ts.gz", 1029, {24}, 1029},
                           {"tabular/optdigits.tes.csv.gz", 1797, {64}, 1797},
                           {"science/E1_north_america.nc", 240, {37, 49}, 0},
                           {"science/eraint_uvz.h5:/u", 2, {3, 241, 480}, 0},
                           {"timeseries/mitdb_100.h5", 650000, {2}, 0}};
    for (const Known& one : known) {
        INFO(one.file);
        const auto opened = open(data + "/" + one.file, 192u << 20);
        CHECK(opened->rows() == one.rows);
        CHECK(opened->sample() == one.sample);
        CHECK(opened->labels().size() == one.labels);
    }
    const datasets::Summary mnist = datasets::summarise(
        *open(data + "/mnist/train-images-idx3-ubyte.gz", 192u << 20), SerialLoop{});
    double mean = 0;
    for (const float value : mnist.mean) mean += value;
    CHECK(mean / 784 == Approx(33.32).margin(0.005));  // as the index says
}
