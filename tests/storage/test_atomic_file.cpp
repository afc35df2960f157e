#include <fcntl.h>
#include <sys/file.h>
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
    const int other =
        ::open((folder / ".elsewhere.txt.tmp-999999-0").c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);

    const AtomicFile file(folder / "out.txt");

    CHECK(!std::filesystem::exists(folder / ".out.txt.tmp-999999-0"));
    CHECK(std::filesystem::exists(folder / ".other.txt.tmp-999999-0"));
    CHECK(std::filesystem::exists(file.temporary()));
    CHECK(error_of([&] {
              AtomicFile(folder / "elsewhere.txt");
          }).find("is being written by another process") != std::string::npos);
    CHECK(std::filesystem::exists(folder / ".elsewhere.txt.tmp-999999-0"));
    ::close(other);
    CHECK(error_of([&] { AtomicFile(folder / "elsewhere.txt"); }) == "none");
    CHECK(!std::filesystem::exists(folder / ".elsewhere.txt.tmp-999999-0"));
}

TEST_CASE("two writers of one output do not meet", "[atomic]") {
    const Folder folder;
    {
        const AtomicFile first(folder / "out.txt");
        CHECK(error_of([&] { AtomicFile(folder / "out.txt"); }) ==
              "2|output \"" + (folder / "out.txt").string() +
                  "\" is being written by another process");
        CHECK(std::filesystem::exists(first.temporary()));

        const storage::OutputClaim run(folder / "model.h5");
        CHECK(error_of([&] { storage::OutputClaim(folder / "model.h5"); }).starts_with("2|"));
        CHECK(error_of([&] { AtomicFile(folder / "model.h5"); }) == "none");  // its own end
    }
    CHECK(error_of([&] { storage::OutputClaim(folder / "model.h5"); }) == "none");
    CHECK(entries(folder.path()) == 0);
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

TEST_CASE("an empty text is written, too", "[atomic]") {
    const Folder folder;
    storage::write_text_atomically(folder / "empty.csv", "");
    CHECK(std::filesystem::file_size(folder / "empty.csv") == 0);
}

TEST_CASE("a link as output keeps being a link", "[atomic]") {
    const Folder folder;
    storage::write_text_atomically(folder / "target.txt", "old");
    std::filesystem::create_symlink("target.txt", folder / "link.txt");

    storage::write_text_atomically(folder / "link.txt", "new");

    CHECK(std::filesystem::is_symlink(folder / "link.txt"));
    CHECK(text_of(folder / "target.txt") == "new");
}

TEST_CASE("names without a folder are of the current one, a name that is a folder's is refused",
          "[atomic]") {
    const Folder folder;
    const int process = ::fork();
    if (process == 0) {
        int code = ::chdir(folder.path().c_str());
        const std::string error = error_of([] {
            storage::write_text_atomically("here.txt", "text");
            storage::make_folder("made");
        });
        end_child(code + (error == "none" ? 0 : 1));
    }
    CHECK(wait_for(process) == 0);
    CHECK(text_of(folder / "here.txt") == "text");
    CHECK(std::filesystem::is_directory(folder / "made"));

    CHECK(error_of([&] { AtomicFile(folder.path() / ""); }).ends_with("it names a folder"));
    CHECK(error_of([&] {
              storage::make_folder(folder / "here.txt/below");
          }).starts_with("2|cannot make the folder \""));
    storage::make_folder(folder / "a/b/c");
    CHECK(std::filesystem::is_directory(folder / "a/b/c"));
}

TEST_CASE("a temporary name that is taken is passed over", "[atomic]") {
    const Folder folder;
    std::string next;
    {
        const AtomicFile first(folder / "x");
        next = first.temporary().filename().string();
    }
    const std::size_t dash = next.rfind('-') + 1;
    const unsigned long number = std::stoul(next.substr(dash)) + 1;
    const auto taken = folder / (next.substr(0, dash) + std::to_string(number));
    std::filesystem::create_directory(taken);  // stays, as what is no file of ours does
    const AtomicFile second(folder / "x");
    CHECK(second.temporary().filename() == next.substr(0, dash) + std::to_string(number + 1));
    CHECK(std::filesystem::exists(taken));
}
