#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "pipeline/storage/atomic_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace storage_test;
using storage::AtomicFile;

namespace {

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("an output appears under its name only when it is committed", "[atomic]") {
    const Folder folder;
    const auto path = folder / "out.txt";
    storage::write_text_atomically(path, "old");

    {
        AtomicFile file(path);
        std::ofstream(file.temporary()) << "new";
        CHECK(file.temporary().parent_path() == path.parent_path());
        CHECK(file.temporary().filename().string().starts_with(".out.txt.tmp-"));
        CHECK(text_of(path) == "old");
    }
    CHECK(text_of(path) == "old");
    CHECK(entries(folder.path()) == 1);

    AtomicFile file(path);
    std::ofstream(file.temporary()) << "new";
    file.commit();
    CHECK(text_of(path) == "new");
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("leftovers of dead processes go, those of living ones stay", "[atomic]") {
    const Folder folder;
    std::ofstream(folder / ".out.txt.tmp-999999-0") << "dead";
    std::ofstream(folder / ".other.txt.tmp-999999-0") << "of another output";
    const AtomicFile living(folder / "out.txt");

    const AtomicFile second(folder / "out.txt");

    CHECK(!std::filesystem::exists(folder / ".out.txt.tmp-999999-0"));
    CHECK(std::filesystem::exists(folder / ".other.txt.tmp-999999-0"));
    CHECK(std::filesystem::exists(living.temporary()));
    CHECK(std::filesystem::exists(second.temporary()));
}

TEST_CASE("an output that cannot be written is refused with its name and the reason", "[atomic]") {
    const Folder folder;
    std::filesystem::create_directory(folder / "sub");

    const std::string missing = error_of([&] { AtomicFile(folder / "no/such/out.h5"); });
    const std::string directory = error_of([&] { AtomicFile(folder / "sub"); });
    const std::string device = error_of([&] { AtomicFile("/dev/null"); });

    CHECK(missing.starts_with("2|output \"" + (folder / "no/such/out.h5").string() +
                              "\" is not writable: the folder"));
    CHECK(missing.ends_with("does not exist"));
    CHECK(directory.ends_with("is not writable: it is a folder"));
    CHECK(device == "2|output \"/dev/null\" is not writable: it is not a plain file");
}

TEST_CASE("a link as output keeps being a link", "[atomic]") {
    const Folder folder;
    storage::write_text_atomically(folder / "target.txt", "old");
    std::filesystem::create_symlink("target.txt", folder / "link.txt");

    storage::write_text_atomically(folder / "link.txt", "new");

    CHECK(std::filesystem::is_symlink(folder / "link.txt"));
    CHECK(text_of(folder / "target.txt") == "new");
}
