// Plugins that fit and files that do not: what is said of them, before any of their code runs.
#include <filesystem>
#include <fstream>

#include "pipeline/registry/describe.hpp"
#include "pipeline/registry/registry.hpp"
#include "tests/catch.hpp"

using namespace narrows;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
fs::path plugins() {
    return fs::path(NARROWS_BUILD_DIR) / "lib/narrows";
}

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "narrows-registry-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    fs::path write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path / name, std::ios::binary) << bytes;
        return path / name;
    }
    fs::path path;
};

std::string refusal(const fs::path& file) {
    registry::Registry registry;
    try {
        registry.load(file);
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::plugin);
        return error.what();
    }
    return "loaded";
}

}  // namespace

TEST_CASE("the node manual in the tree is that of the plugins built", "[registry]") {
    registry::Registry registry;
    registry.load_folder(plugins());
    const fs::path file = fs::path(NARROWS_SOURCE_DIR) / "NODES.md";
    INFO("if this differs: narrows nodes --manual > NODES.md");
    CHECK(registry::manual(registry) == read(file));
}

TEST_CASE("a folder given twice is loaded once", "[registry]") {
    registry::Registry registry;
    registry.load_folder(plugins());
    const std::size_t before = registry.plugins().size();
    registry.load_folder(plugins());
    CHECK(registry.plugins().size() == before);
}

TEST_CASE("a file that is no plugin is refused", "[registry]") {
    const Folder folder;
    CHECK(refusal(folder.write("narrows_text.so", "not a library")) != "loaded");
    CHECK(refusal(folder.write("narrows_empty.so", "")) != "loaded");
    CHECK(refusal(folder.path / "narrows_none.so") != "loaded");
    // A library without a note: one of our own columns.
    CHECK(refusal(fs::path(NARROWS_BUILD_DIR) / "lib/libnarrows_node.so")
              .find("not a narrows plugin") != std::string::npos);
}

TEST_CASE("a plugin cut off or changed anywhere in its headers never crashes the reader",
          "[registry]") {
    const Folder folder;
    const std::string good = read(plugins() / "narrows_corrupt.so");
    REQUIRE(good.size() > 4096);
    for (std::size_t size : {10, 63, 64, 200, 1000, 4000})
        refusal(folder.write("narrows_cut.so", good.substr(0, size)));
    for (std::size_t at = 0; at < 64; ++at) {
        std::string changed = good.substr(0, 4096);
        changed[at] = static_cast<char>(changed[at] ^ 0x7f);
        CHECK(refusal(folder.write("narrows_bits.so", changed)) != "loaded");
    }
}

TEST_CASE("a plugin of another ABI is refused with both versions and its path", "[registry]") {
    const Folder folder;
    std::string other = read(plugins() / "narrows_corrupt.so");
    // The note: name size 8, content size, type 1, "narrows\0", then bytes and abi_major.
    const std::size_t owner = other.find(std::string("narrows\0", 8));
    REQUIRE(owner != std::string::npos);
    std::size_t at = owner;
    while (at != std::string::npos && !(other[at - 4] == 1 && other[at - 12] == 8))
        at = other.find(std::string("narrows\0", 8), at + 1);
    REQUIRE(at != std::string::npos);
    other[at + 12] = 99;
    const fs::path file = folder.write("narrows_other.so", other);
    const std::string said = refusal(file);
    INFO(said);
    CHECK(said.find("99") != std::string::npos);
    CHECK(said.find("1") != std::string::npos);
    CHECK(said.find(file.string()) != std::string::npos);
}

TEST_CASE("components are made with checked parameters", "[registry]") {
    registry::Registry registry;
    registry.load_folder(plugins());
    Setting sigma{"sigma", {}, {3, 4, 5}};
    sigma.value.number = 0.5;
    CHECK(registry.create(Kind::node, "corrupt.gaussian", {&sigma, 1}) != nullptr);
    sigma.value.number = -1;
    try {
        registry.create(Kind::node, "corrupt.gaussian", {&sigma, 1});
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("must lie in") != std::string::npos);
        CHECK(error.position().line == 3);
    }
    CHECK_THROWS_AS(registry.create(Kind::node, "corrupt.gausian", {}), Error);
    CHECK_THROWS_AS(registry.create(Kind::node, "load", {}), Error);  // file is required
    const auto complete = registry.complete(Kind::layer, "dense", {});
    CHECK(complete.front().name == "units");
    CHECK(complete.size() == 6);
}
