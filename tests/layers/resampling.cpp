// Pooling, upsampling, reshaping and how encoders' layers are mirrored.
#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"

using namespace conv_test;

namespace {

struct Result {
    Shape out;
    std::vector<float> y, dx;
};

// Forward and backward of a batch; dy is y's noise of `train_step`, or `dy` if given.
Result pass_through(Layer& layer, const Shape& in, std::vector<float> x, std::vector<float> dy,
                    const Loop& loop = SerialLoop{}) {
    Result result;
    result.out = layer.configure(in);
    const std::size_t rows = x.size() / std::size_t(in.elements());
    result.y.assign(rows * std::size_t(result.out.elements()), -99.0f);
    result.dx.assign(x.size(), -99.0f);
    REQUIRE(dy.size() == result.y.size());
    Memory memory(layer.workspace_bytes(rows, true));
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::training;
    pass.rows = rows;
    pass.workspace = memory.data;
    layer.forward(pass, x.data(), result.y.data());
    layer.backward(pass, x.data(), result.y.data(), dy.data(), result.dx.data());
    return result;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * double(b[i]);
    return sum;
}

}  // namespace

TEST_CASE("max_pool takes the largest of each window and sends the gradient back there",
          "[pooling]") {
    const auto layer = make<layers::MaxPool>({number("size", 2)});
    // one image [2, 4, 1]
    const Result result = pass_through(*layer, {2, 4, 1}, {1, 5, 2, 2, 4, 3, 2, 0}, {10, 20});

    CHECK(result.out == Shape{1, 2, 1});
    CHECK(result.y == std::vector<float>{5, 2});
    CHECK(result.dx == std::vector<float>{0, 10, 20, 0, 0, 0, 0, 0});  // first of equals
}

TEST_CASE("max_pool with ceil keeps the last window: 7 -> 4", "[pooling]") {
    const Shape in{7, 7, 2};
    CHECK(make<layers::MaxPool>({number("size", 2)})->configure(in) == Shape{3, 3, 2});
    CHECK(make<layers::MaxPool>({number("size", 2), number("ceil", 1)})->configure(in) ==
          Shape{4, 4, 2});
    CHECK(make<layers::MaxPool>({number("size", 2), number("ceil", 1)})->configure({8, 7, 2}) ==
          Shape{4, 4, 2});
    CHECK(make<layers::MaxPool>({number("size", 3), number("stride", 2), number("padding", 1)})
              ->configure({28, 28, 2}) == Shape{14, 14, 2});
}

TEST_CASE("max_pool agrees with the plain maximum over sizes, strides and padding", "[pooling]") {
    struct Setup {
        Shape in;
        long size, stride, padding, ceil;
    };
    for (const Setup& s : {Setup{{7, 7, 5}, 2, 2, 0, 1}, Setup{{8, 5, 3}, 3, 2, 1, 0},
                           Setup{{9, 9, 16}, 3, 1, 1, 0}, Setup{{6, 7, 1}, 2, 3, 0, 1}}) {
        const auto layer = make<layers::MaxPool>(
            {number("size", double(s.size)), number("stride", double(s.stride)),
             number("padding", double(s.padding)), number("ceil", double(s.ceil))});
        const Shape out = layer->configure(s.in);
        const long height = long(s.in[0]), width = long(s.in[1]), channels = long(s.in[2]);
        const std::vector<float> x = noise(std::size_t(3 * s.in.elements()), 1);
        const std::vector<float> dy = noise(std::size_t(3 * out.elements()), 2);
        std::vector<float> y, dx(x.size());
        for (long n = 0; n < 3; ++n)
            for (long i = 0; i < out[0]; ++i)
                for (long j = 0; j < out[1]; ++j)
                    for (long c = 0; c < channels; ++c) {
                        long best = -1;
                        for (long a = 0; a < s.size; ++a)
                            for (long b = 0; b < s.size; ++b) {
                                const long row = i * s.stride + a - s.padding;
                                const long column = j * s.stride + b - s.padding;
                                if (row < 0 || row >= height || column < 0 || column >= width)
                                    continue;
                                const long at =
                                    ((n * height + row) * width + column) * channels + c;
                                if (best < 0 || x[at] > x[best]) best = at;
                            }
                        dx[best] += dy[y.size()];
                        y.push_back(x[best]);
                    }
        const Result result = pass_through(*layer, s.in, x, dy, BackwardLoop{});
        CHECK(result.y == y);
        CHECK(result.dx == dx);
    }
}

TEST_CASE("average_pool takes means of what lies inside and shares the gradient", "[pooling]") {
    const auto layer = make<layers::AveragePool>({number("size", 2), number("ceil", 1)});
    // a signal [3, 2]
    const Result result = pass_through(*layer, {3, 2}, {1, 10, 3, 30, 5, 50}, {4, 8, 2, 6});

    CHECK(result.out == Shape{2, 2});
    CHECK(result.y == std::vector<float>{2, 20, 5, 50});
    CHECK(result.dx == std::vector<float>{2, 4, 2, 4, 2, 6});
}

TEST_CASE("average_pool and upsample are linear: their gradients are adjoints", "[pooling]") {
    const auto adjoint = [](Layer& layer, const Shape& in) {
        const Shape out = layer.configure(in);
        const std::vector<float> x = noise(std::size_t(4 * in.elements()), 1);
        const std::vector<float> dy = noise(std::size_t(4 * out.elements()), 2);
        const Result one = pass_through(layer, in, x, dy);
        CHECK(dot(one.y, dy) == Approx(dot(x, one.dx)).epsilon(1e-5));
        const Result other = pass_through(layer, in, x, dy, ThreadLoop(3));
        CHECK(same_bits(one.y, other.y));
        CHECK(same_bits(one.dx, other.dx));
    };
    adjoint(
        *make<layers::AveragePool>({number("size", 3), number("stride", 2), number("padding", 1)}),
        {9, 8, 7});
    adjoint(*make<layers::Upsample>({numbers("factor", {2, 3})}), {3, 4, 5});
    adjoint(*make<layers::Upsample>({numbers("factor", {2}), numbers("size", {7, 7})}), {4, 4, 8});
    adjoint(*make<layers::Upsample>({numbers("factor", {4})}), {5});
}

TEST_CASE("upsample repeats elements and cuts only the last copies", "[pooling]") {
    const auto layer = make<layers::Upsample>({number("factor", 2), number("size", 3)});
    const Result result = pass_through(*layer, {2, 2}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6});

    CHECK(result.out == Shape{3, 2});
    CHECK(result.y == std::vector<float>{1, 2, 1, 2, 3, 4});
    CHECK(result.dx == std::vector<float>{4, 6, 5, 6});
    CHECK_THROWS_WITH(
        make<layers::Upsample>({number("factor", 2), number("size", 2)})->configure({2, 2}),
        Catch::Contains("cannot give [2, 2]"));
}

TEST_CASE("flatten and reshape keep the values and refuse other counts", "[reshape]") {
    const std::vector<float> x = noise(24, 1), dy = noise(24, 2);
    const auto flatten = make<layers::Flatten>({});
    const Result flat = pass_through(*flatten, {3, 2, 2}, x, dy);
    CHECK(flat.out == Shape{12});
    CHECK(flat.y == x);
    CHECK(flat.dx == dy);

    const auto back = make(*flatten->mirror({3, 2, 2}));
    CHECK(back->configure({12}) == Shape{3, 2, 2});
    CHECK_THROWS_WITH(make<layers::Reshape>({numbers("shape", {5, 2})})->configure({12}),
                      Catch::Contains("cannot reshape [12] (12 values) to [5, 2] (10)"));
}

TEST_CASE("a pooling that leaves elements out cannot be mirrored and says both shapes",
          "[mirror]") {
    const auto layer = make<layers::MaxPool>({number("size", 2)});
    layer->configure({7, 7, 8});

    CHECK_THROWS_WITH(layer->mirror({7, 7, 8}),
                      Catch::Contains("[3, 3, 8]") && Catch::Contains("[7, 7, 8]"));
}

TEST_CASE("the 16-8-8 network has a code of 128 and mirrors back to 28 x 28", "[mirror]") {
    for (const Shape& image : {Shape{28, 28, 1}, Shape{28, 28}}) {
        std::vector<std::unique_ptr<Layer>> encoder;
        for (const double units : {16.0, 8.0, 8.0}) {
            encoder.push_back(make<layers::Conv>({number("units", units), text("act", "relu")}));
            encoder.push_back(
                make<layers::MaxPool>({number("size", 2), number("ceil", units == 8 ? 1 : 0)}));
        }
        std::vector<Shape> shapes = {image};
        for (const auto& layer : encoder) shapes.push_back(layer->configure(shapes.back()));
        REQUIRE(shapes.back() == Shape{4, 4, 8});
        CHECK(shapes.back().elements() == 128);

        Shape shape = shapes.back();
        for (std::size_t i = encoder.size(); i-- > 0;) {
            const auto layer = make(*encoder[i]->mirror(shapes[i]));
            shape = layer->configure(shape);
            INFO(layer->describe());
            CHECK(shape == shapes[i]);
        }
        CHECK(shape == image);
    }
}

TEST_CASE("convolutions mirror to the exact input size for all odd sizes", "[mirror]") {
    for (std::int64_t size = 1; size <= 17; ++size)
        for (const double stride : {1.0, 2.0, 3.0})
            for (const double kernel : {1.0, 2.0, 3.0, 5.0})
                for (const int padding : {-1, 0, 1, 2}) {
                    std::vector<Setting> settings = {number("units", 4), number("kernel", kernel),
                                                     number("stride", stride)};
                    if (padding >= 0) settings.push_back(number("padding", padding));
                    if (padding >= 0 && double(size + 2 * padding) < kernel) continue;
                    const Shape image{size, size + 1, 2}, signal{size, 3};
                    const auto conv = make<layers::Conv>(settings);
                    const Shape small = conv->configure(image);
                    CHECK(make(*conv->mirror(image))->configure(small) == image);
                    const auto conv1d = make<layers::Conv1d>(settings);
                    const Shape short_one = conv1d->configure(signal);
                    CHECK(make(*conv1d->mirror(signal))->configure(short_one) == signal);
                }
}
