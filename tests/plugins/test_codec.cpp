// codec.compress and codec.decompress: what flows comes back inside the bound, in any number of
// threads.
#include <algorithm>
#include <cmath>

#include "pipeline/codec/container.hpp"
#include "pipeline/plugin.hpp"
#include "tests/catch.hpp"
#include "tests/plugins/run.hpp"

using namespace narrows;
using plugin_test::Work;

namespace {

const std::string waves =
    "[node.made]\ntype = \"generate\"\nkind = \"waves\"\nsamples = 700\nbatch = 90\n";
const std::string packed =
    "[node.pack]\ntype = \"codec.compress\"\nin.x = \"made.x\"\nfile = \"@c.h5\"\nchunk_rows = "
    "128\n";

std::string bytes(const Work& work, const std::string& name) {
    std::ifstream in(work.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a stream is compressed within its bound and read again", "[codec]") {
    Work work;
    work.run(
        "stream",
        waves + "[node.keep]\ntype = \"store.samples\"\nin.x = \"made.x\"\nfile = \"@plain.h5\"\n" +
            packed + "bound = \"abs\"\nvalue = 0.01\n");
    CHECK(!std::filesystem::exists(work.file("c.h5.plain")));
    const storage::FileInfo info = storage::look(work.file("c.h5"));
    CHECK(info.format == "narrows-compressed");
    work.run("stream",
             "[node.back]\ntype = \"codec.decompress\"\nfile = \"@c.h5\"\nbatch = 33\n"
             "[node.keep]\ntype = \"store.samples\"\nin.x = \"back.x\"\nfile = \"@again.h5\"\n");
    const std::vector<float> before = work.values("plain.h5"), after = work.values("again.h5");
    REQUIRE(before.size() == after.size());
    double most = 0;
    for (std::size_t i = 0; i < before.size(); ++i)
        most = std::max(most,
                        std::abs(static_cast<double>(before[i]) - static_cast<double>(after[i])));
    CHECK(most <= 0.01);
    CHECK(most > 0);
    const auto ids = storage::open_array(work.file("c.h5"), "/ids");
    std::vector<std::int64_t> numbers(700);
    ids->read(0, 700, reinterpret_cast<std::byte*>(numbers.data()));
    for (std::size_t i = 0; i < numbers.size(); ++i)
        REQUIRE(numbers[i] == static_cast<std::int64_t>(i));
}

TEST_CASE("compressed streams have the same bytes for any thread count", "[codec]") {
    Work work;
    work.run("stream", waves + packed, 1);
    const std::string first = bytes(work, "c.h5");
    std::filesystem::remove(work.file("c.h5"));
    work.run("stream", waves + packed, 4);
    CHECK(bytes(work, "c.h5") == first);
}

namespace {

std::atomic<int> stop{0};

// Finishes before the compressor does.
class Stopper final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("stops the run when it finishes")
            .threads(Threads::ordered)
            .in("x", "f32[batch, ...]", "in");
    }
    void process(Context&) override {}
    void finish(RunContext&) override { stop = 15; }
};

}  // namespace

TEST_CASE("a stop while codec.compress compresses leaves no file", "[codec]") {
    static constexpr Entry entries[] = {NARROWS_NODE(Stopper, "test.stopper")};
    static constexpr PluginInfo info{"codec_test", "1", "a node for tests", entries,
                                     std::size(entries)};
    plugin_test::plugins().add(info);
    Work work;
    stop = 0;
    const flow::Result result = work.run(
        "stream", waves + "[node.a]\ntype = \"test.stopper\"\nin.x = \"made.x\"\n" + packed, 2,
        false, &stop);
    CHECK(result.stopped);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(
             std::filesystem::path(work.file("c.h5")).parent_path()))
        ++files;
    CHECK(files == 0);
}

TEST_CASE("the codec's nodes refuse what they cannot do", "[codec]") {
    Work work;
    CHECK_THROWS_AS(work.run("stream", waves + packed + "value = 0\n"), Error);
    CHECK_THROWS_AS(work.run("stream", waves + packed + "bound = \"pointwise\"\nvalue = 1.5\n"),
                    Error);
    CHECK_THROWS_AS(work.run("stream", waves + packed + "dataset = \"/ids\"\n"), Error);
    work.write("no.h5", "text");
    CHECK_THROWS_AS(
        work.run("stream",
                 "[node.back]\ntype = \"codec.decompress\"\nfile = \"@no.h5\"\n"
                 "[node.keep]\ntype = \"store.samples\"\nin.x = \"back.x\"\nfile = \"@a.h5\"\n"),
        Error);
}

TEST_CASE("codec.compress leaves files beside its output alone", "[codec]") {
    Work work;
    work.write("c.h5.plain", "somebody's");
    work.run("stream", waves + packed);
    CHECK(bytes(work, "c.h5.plain") == "somebody's");
    CHECK_THROWS_AS(work.run("stream", waves + packed + "bound = \"abs\"\nvalue = 0\n"), Error);
    CHECK(bytes(work, "c.h5.plain") == "somebody's");

    // What a run that was killed left there goes with the next one; nothing else stays.
    work.write(".c.h5.rows-1-0", "left");
    work.write(".c.h5.rows-1-0.partial", "left");
    work.run("stream", waves + packed);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(work.file("")))
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"c.h5", "c.h5.plain"});
}

TEST_CASE("what is read from a compressed file keeps its row numbers", "[codec]") {
    Work work;
    work.run(
        "stream",
        waves + "[node.keep]\ntype = \"store.samples\"\nin.x = \"made.x\"\nfile = \"@plain.h5\"\n");
    work.run(
        "stream",
        "[node.made]\ntype = \"load\"\nfile = \"@plain.h5:/samples\"\npart = \"2/2\"\n" + packed);
    work.run("stream",
             "[node.back]\ntype = \"codec.decompress\"\nfile = \"@c.h5\"\nbatch = 33\n"
             "[node.keep]\ntype = \"store.samples\"\nin.x = \"back.x\"\nfile = \"@again.h5\"\n");
    const auto ids = storage::open_array(work.file("again.h5"), "/ids");
    std::vector<std::int64_t> numbers(350);
    ids->read(0, 350, reinterpret_cast<std::byte*>(numbers.data()));
    for (std::size_t i = 0; i < numbers.size(); ++i)
        REQUIRE(numbers[i] == static_cast<std::int64_t>(350 + i));
}
