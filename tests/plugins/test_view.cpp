// The nodes that draw, in small pipelines; their pictures are read back as data.
#include <cmath>

#include "pipeline/model/activation_maximisation.hpp"
#include "pipeline/model/model_file.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::plugins;
using plugin_test::Work;

namespace {

struct Picture {
    std::int64_t rows = 0, columns = 0, channels = 1;
    std::vector<float> values;
    float at(std::int64_t x, std::int64_t y, std::int64_t channel = 0) const {
        return values[static_cast<std::size_t>((y * columns + x) * channels + channel)];
    }
};

// Pictures are read as a folder of them.
Picture read(const Work& work, const std::string& folder) {
    datasets::DataSpec spec;
    spec.file = work.file(folder);
    const auto data = datasets::open({&spec, 1});
    Picture out{data->sample()[0], data->sample()[1], 1, {}};
    if (data->sample().rank() == 3) out.channels = data->sample()[2];
    out.values.resize(static_cast<std::size_t>(data->sample().elements()));
    data->read(0, 1, out.values.data());
    return out;
}

std::string bytes(const Work& work, const std::string& name) {
    std::ifstream in(work.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void folder(const Work& work, const char* name) {
    std::filesystem::create_directory(work.file(name));
}

std::string grid(const std::string& more, const std::string& in = "data.x") {
    return "[node.out]\ntype = \"view.grid\"\nin.x = \"" + in +
           "\"\nfile = \"@p/a.png\"\nscale = 1\n" + more;
}

std::string load(const std::string& more = {}) {
    return "[node.data]\ntype = \"load\"\nfile = \"@x.csv\"\n" + more;
}

// encoder: 4 inputs -> 2 sigmoid units with the weights (1, 2, 0, -4) and (0, 0, 0, 1).
void write_model(const Work& work, const model::Scaling& scaling = {}) {
    ModelSpec spec;
    spec.name = "ae";
    spec.input = Shape{2, 2};
    const auto dense = [](std::int64_t units, const char* act) {
        Setting size{"units", {}, {}}, activation{"act", {}, {}};
        size.value.integer = units;
        activation.value.text = act;
        return LayerSpec{"dense", {size, activation}, {}};
    };
    spec.encoder = {dense(2, "sigmoid"), dense(1, "linear")};
    spec.decoder = {dense(4, "linear")};
    auto made = plugins().create(Kind::model, "autoencoder", {});
    auto& model = dynamic_cast<model::Autoencoder&>(*made);
    model.build(spec, plugins(), 1);
    model.configure(*spec.input);
    const auto set = [&](std::size_t layer, const std::vector<float>& values) {
        model.encoder().layer(layer).parameters()[0]->set_values(values);
    };
    set(0, {1, 0, 2, 0, 0, 0, -4, 1});
    set(1, {1, 0});
    model.set_scaling(scaling);
    storage::write_bundle(work.file("m.h5"), model::to_bundle(model, ""));
}

const std::string model_table = "[model.ae]\nfile = \"@m.h5\"\n";

std::string fault_of(const Work& work, const std::string& body) {
    try {
        work.run("stream", body);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("view.grid draws the first samples, whatever the packets and threads", "[view]") {
    const Work work;
    folder(work, "p");
    std::string text;
    for (int i = 0; i < 40; ++i) text += std::to_string(i / 40.0) + ",1,0,0.5\n";
    work.write("x.csv", text);
    const std::string more = "count = 30\ncolumns = 10\nsample_shape = [2, 2]\n";
    const flow::Result result = work.run("stream", load("batch = 7\n") + grid(more));
    CHECK(result.numbers.at("pictures") == 30);
    CHECK(result.texts.at("colours") == "grey");
    const Picture picture = read(work, "p");
    CHECK(picture.rows == 3 * 4 + 2);
    CHECK(picture.columns == 10 * 4 + 2);
    for (int i = 0; i < 30; ++i) {
        const int x = 2 + i % 10 * 4, y = 2 + i / 10 * 4;
        CHECK(picture.at(x, y) ==
              std::floor(static_cast<double>(static_cast<float>(i / 40.0)) * 255 + 0.5));
        CHECK(picture.at(x + 1, y) == 255);
        CHECK(picture.at(x, y + 1) == 0);
        CHECK(picture.at(x + 1, y + 1) == 128);
    }
    const std::string first = bytes(work, "p/a.png");
    work.run("stream", load("batch = 7\n") + grid(more), 5);
    CHECK(bytes(work, "p/a.png") == first);
}

TEST_CASE("view.grid tells the range of a field, and refuses what is no picture", "[view]") {
    const Work work;
    folder(work, "p");
    work.write("x.csv", "1,2,3,4\n5,6,7,9\n");
    const flow::Result result =
        work.run("stream", load() + grid("sample_shape = [2, 2]\ncolumns = 2\n"));
    CHECK(result.texts.at("colours") == "field");
    CHECK(result.numbers.at("low") == 1);
    CHECK(result.numbers.at("high") == 9);
    CHECK(read(work, "p").channels == 3);

    // Four values are no 2 x 2 picture unless somebody says so.
    CHECK(work.run("stream", load() + grid("")).texts.at("colours") == "curves");
    CHECK(fault_of(work, load() + grid("style = \"pictures\"\n")).find("[4]") != std::string::npos);
    CHECK(fault_of(work, load() + grid("sample_shape = [3, 2]\n")).find("6 values") !=
          std::string::npos);
    CHECK(fault_of(work, load() + grid("range = [1, 1]\n")).find("range") != std::string::npos);
    CHECK(fault_of(work, load() + grid("restore = true\n")).find("model") != std::string::npos);
    std::string wrong = load() + grid("");
    wrong.replace(wrong.find("a.png"), 5, "a.jpg");
    CHECK(fault_of(work, wrong).find(".png") != std::string::npos);
}

TEST_CASE("a refused or failed picture leaves the old one as it was", "[view]") {
    const Work work;
    folder(work, "p");
    work.write("p/a.png", "precious");
    work.write("x.csv", "1,2\n3,nan\n");
    CHECK(fault_of(work, load() + grid("")).find("NaN") != std::string::npos);
    CHECK(bytes(work, "p/a.png") == "precious");
}

TEST_CASE("view.units gives a first layer's weights in the sample's shape", "[view]") {
    const Work work;
    folder(work, "p");
    write_model(work);
    const std::string units = model_table + "[node.units]\ntype = \"view.units\"\nmodel = \"ae\"\n";
    const std::string picture =
        grid("colours = \"diverging\"\neach = true\ncolumns = 2\n", "units.x");
    const flow::Result result = work.run("stream", units + picture);
    CHECK(result.texts.at("method") == "weights");
    CHECK(result.texts.at("layer").starts_with("encoder.0 (dense 2 sigmoid)"));
    const Picture drawn = read(work, "p");
    REQUIRE(drawn.channels == 3);
    // Of unit 0 the weight -4 is the bluest, the weight 0 white, and 2 redder than 1.
    CHECK(drawn.at(2, 3, 1) == 255);
    CHECK(drawn.at(2, 3, 2) == 255);
    CHECK(drawn.at(3, 3, 0) < 40);
    CHECK(drawn.at(3, 3, 2) > 140);
    CHECK(drawn.at(3, 2, 0) > 200);
    CHECK(drawn.at(3, 2, 2) < drawn.at(2, 2, 2));
    // Of unit 1 there is but one weight, the reddest.
    CHECK(drawn.at(6, 2, 1) == 255);
    CHECK(drawn.at(7, 3, 0) > 140);
    CHECK(drawn.at(7, 3, 2) < 60);

    // An ascent of a layer that reads the sample finds those weights; so does one of a layer above
    // that passes unit 0 on.
    const std::string out =
        "[node.out]\ntype = \"store.samples\"\nin.x = \"units.x\"\nfile = \"@y.h5\"\n";
    work.run("stream", units + "method = \"ascent\"\n" + out);
    const auto ascent = work.values("y.h5");
    const double length = std::sqrt(21.0) / 2;  // of the weights; radius 2 is the root of features
    for (const std::size_t i : {0u, 1u, 2u, 3u})
        CHECK(ascent[i] == Approx(std::vector<double>{1, 2, 0, -4}[i] / length).margin(1e-4));
    CHECK(ascent[7] == Approx(2).margin(1e-4));
    const flow::Result deeper = work.run("stream", units + "layer = \"code\"\n" + out);
    CHECK(deeper.texts.at("method").starts_with("gradient ascent"));
    const auto above = work.values("y.h5");
    REQUIRE(above.size() == 4);
    CHECK(above[3] == Approx(-4 / length).margin(1e-3));

    CHECK(fault_of(work, units + "layer = \"encoder.7\"\n" + out).find("encoder.7") !=
          std::string::npos);
    CHECK(fault_of(work, units + "layer = \"code\"\nmethod = \"weights\"\n" + out)
              .find("no pictures") != std::string::npos);
}

TEST_CASE("view.preferred draws the mean of the samples that excite a unit most", "[view]") {
    const Work work;
    folder(work, "p");
    // z = x: unit 0 likes the rows 3 and 1 best, of equals the first; unit 1 never changes.
    work.write("x.csv", "0.1,0.5,0,0\n0.6,0.5,0,1\n0.2,0.5,1,1\n1,0.5,0.5,0\n0.6,0.5,1,0\n");
    const auto body = [](const std::string& batch) {
        return load(batch) +
               "[node.out]\ntype = \"view.preferred\"\nin.x = \"data.x\"\nin.z = \"data.x\"\n"
               "file = \"@p/a.png\"\nscale = 1\nsamples = 2\ncount = 2\ncolumns = 2\n"
               "sample_shape = [2, 2]\n";
    };
    const flow::Result result = work.run("stream", body(""));
    CHECK(result.numbers.at("pictures") == 2);
    CHECK(result.numbers.at("dead_units") == 1);
    const Picture picture = read(work, "p");
    CHECK(picture.at(2, 2) == 204);
    CHECK(picture.at(2, 3) == std::floor(0.25 * 255 + 0.5));
    CHECK(picture.at(3, 3) == 128);
    CHECK(picture.at(6, 2) == 128);  // nothing can be said of a unit that never changes
    const std::string first = bytes(work, "p/a.png");
    work.run("stream", body("batch = 2\n"), 4);
    CHECK(bytes(work, "p/a.png") != "");
    CHECK(read(work, "p").values == picture.values);
}

TEST_CASE("a model's bytes stay between 0 and 255, a field goes back to its units", "[view]") {
    const Work work;
    folder(work, "p");
    work.write("x.csv", "0,0.2,0.4,1.2\n");
    model::Scaling scaling;
    scaling.kind = "unit";
    scaling.source_type = "u8";
    scaling.shift = {0};
    scaling.factor = {1.0f / 255};
    write_model(work, scaling);
    const std::string source =
        model_table + load("scale = \"none\"\n") +
        "[node.code]\ntype = \"encode\"\nmodel = \"ae\"\nin.x = \"data.x\"\n";
    const std::string out = grid("model = \"ae\"\nrestore = true\nsample_shape = [2, 2]\n");
    const flow::Result bytes_shown = work.run("stream", source + out);
    CHECK(bytes_shown.texts.at("colours") == "grey");
    CHECK(bytes_shown.numbers.at("high") == 255);
    CHECK(read(work, "p").at(3, 2) == 51);
    CHECK(read(work, "p").at(3, 3) == 255);

    scaling = {};
    scaling.kind = "standard";
    scaling.source_type = "f32";
    scaling.shift = {100, 100, 100, 100};
    scaling.factor = {1, 1, 1, 0.5f};
    write_model(work, scaling);
    const flow::Result field = work.run("stream", source + out);
    CHECK(field.texts.at("colours") == "field");
    CHECK(field.numbers.at("low") == 100);
    CHECK(field.numbers.at("high") == Approx(102.4));
}
