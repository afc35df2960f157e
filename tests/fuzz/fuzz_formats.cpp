// Files of every format that is not HDF5, forced by the first byte: read or refused.
#include "datasets/dataset.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;

namespace {

constexpr const char* formats[] = {"idx", "npy", "csv", "raw", "ts", "", "pgn", "epd"};

std::string npy(const std::string& descr = "'<f4'") {
    std::string header = "{'descr': " + descr + ", 'fortran_order': False, 'shape': (3, 4), }";
    header.resize(117, ' ');
    header += '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
           std::string(48, '\2');
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    using namespace std::string_literals;
    return {
        "\0\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x02"s + std::string(12, '\7'),
        "\0\0\0\x0d\x01\0\0\0\x02"s + std::string(8, '\1'),
        "\1"s + npy(),
        "\1"s + npy("''"),
        "\2a,b,label\n1,2.5,x\n3,-4e3,y\n5,nan,x\n"s,
        "\2"
        "1 2 3\n4 5 6\n"s,
        "\2\"q\"\"uoted\",b\n\"1\",2\n3,4\n"s,
        "\3"s + std::string(64, '\5'),
        "\4@problemName X\n@dimensions 2\n@classLabel true a b\n@data\n1,2,3:4,5,6:a\n7,8,9:1,1,1:b\n"s,
        "\5\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c\x4c\xe1\x02\0\xc2\xf5\x1e\x5f\x04\0\0\0"s,
        "\5"
        "1;2\n3;4\n"s,
        "\6[Event \"x\"]\n[FEN \"r3k2r/1P6/8/3pP3/8/8/8/R3K2R w KQkq d6 0 1\"]\n\n"
        "1. exd6 {ep} O-O 2. bxa8=Q $1 (2. O-O-O Rd8) Rxa8 1-0\n\n1. e4 e5 2. Nf3 *\n"s,
        "\7r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - id \"a\";\n"
        "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - -\n"s};
}

void fuzz::run(std::string_view input) {
    if (input.empty()) return;
    static const MemoryFile file;
    datasets::DataSpec spec;
    spec.file = file.path();
    spec.format = formats[static_cast<unsigned char>(input[0]) % std::size(formats)];
    if (spec.format == "raw") {
        spec.shape = {4};
        spec.type = "f32";
    }
    spec.ply = 3;
    file.put(input.substr(1));
    try {
        const auto data = datasets::open({&spec, 1}, 1u << 20);
        const std::int64_t rows = std::min<std::int64_t>(data->rows(), 100);
        if (rows < 1 || data->sample().elements() > 1 << 20) return;
        std::vector<float> values(static_cast<std::size_t>(rows * data->sample().elements()));
        data->read(data->rows() - rows, rows, values.data());
        if (const auto labels = data->labels();
            !labels.empty() && static_cast<std::int64_t>(labels.size()) != data->rows())
            fail("labels of another count than rows");
    } catch (const Error&) {
    }
}
