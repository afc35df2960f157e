// What control groups allow, and what becomes of a run that would not fit.
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pipeline/flow/cgroup.hpp"
#include "tests/catch.hpp"
#include "tests/flow/nodes.hpp"

namespace fs = std::filesystem;
using namespace narrows;

namespace {

// A made-up /sys/fs/cgroup.
struct Groups {
    fs::path root;
    Groups() {
        std::string name = (fs::temp_directory_path() / "narrows-cgroup-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        root = name;
    }
    ~Groups() { fs::remove_all(root); }
    void write(const std::string& file, const std::string& text) const {
        fs::create_directories((root / file).parent_path());
        std::ofstream(root / file) << text << "\n";
    }
    flow::Allowance allowance() const { return flow::cgroup_allowance(root / "self", root); }
};

}  // namespace

TEST_CASE("of nested groups the smallest limits count", "[flow]") {
    const Groups groups;
    groups.write("self", "0::/batch/job/step");
    groups.write("batch/cpu.max", "800000 100000");
    groups.write("batch/job/cpu.max", "150000 100000");
    groups.write("batch/job/step/cpu.max", "max 100000");
    groups.write("batch/memory.max", "4000000000");
    groups.write("batch/job/memory.max", "max");
    groups.write("batch/job/step/memory.high", "1000000000");
    CHECK(groups.allowance().processors == 1.5);
    CHECK(groups.allowance().bytes == 1e9);
}

TEST_CASE("groups of version 1 are read, and no group is no limit", "[flow]") {
    const Groups groups;
    CHECK(std::isinf(groups.allowance().processors));
    CHECK(std::isinf(groups.allowance().bytes));
    groups.write("self", "4:cpu,cpuacct:/a\n5:memory:/a/b\n6:pids:/c");
    groups.write("cpu/a/cpu.cfs_quota_us", "-1");
    groups.write("cpu/a/cpu.cfs_period_us", "100000");
    CHECK(std::isinf(groups.allowance().processors));
    groups.write("cpu/a/cpu.cfs_quota_us", "400000");
    groups.write("memory/a/memory.limit_in_bytes", "5000000000");
    CHECK(groups.allowance().processors == 4);
    CHECK(groups.allowance().bytes == 5e9);
}

TEST_CASE("a run takes fewer packets, or is refused, where memory is short", "[flow]") {
    const std::string text =
        "schema = 1\n[run]\nmode = \"stream\"\n[node.data]\ntype = \"counter\"\nsamples = "
        "3000000\nbatch = 1000000\n"
        "[node.slow]\ntype = \"uneven\"\nin.x = \"data.x\"\n[node.out]\ntype = \"sink\"\nin.x = "
        "\"slow.x\"\n";
    const auto run = [&](std::uint64_t memory) {
        flow::Settings settings;
        settings.memory = memory;
        return flow_test::run(text, 8, settings);
    };
    const flow::Result plenty = run(0);
    const std::uint64_t less = plenty.memory_bound - (24u << 20);  // some packets of 4 MB and more
    rusage usage{};
    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    if (static_cast<std::uint64_t>(usage.ru_maxrss) * 1024 >= less) {  // an emulator's counts, too
        WARN("skipped: the first run took as much as the second may have");
        return;
    }
    const flow::Result fewer = run(less);
    CHECK(fewer.memory_bound <= less);
    CHECK(fewer.numbers == plenty.numbers);
    try {
        run(1 << 20);
        FAIL("it ran");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::run);
        CHECK(std::string(error.what()).find("1 MB") != std::string::npos);
        CHECK(!error.hint().empty());
    }
}
