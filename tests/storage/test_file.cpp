// What the system refuses, told with the file's name and the reason.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/header.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;

TEST_CASE("errors of the system are told in lower case, names keep theirs", "[file]") {
    CHECK(system_text(ENOENT) == "no such file or directory");
    CHECK(system_text(EDOTDOT) == "RFS specific error");
    CHECK(system_text(ELIBSCN) == ".lib section in a.out corrupted");
    CHECK(system_text(EFBIG) == "the file would exceed the limit for file sizes");
}

TEST_CASE("reads and writes that fail name the file, and say whose fault it is", "[file]") {
    const Folder folder;
    const auto path = folder / "x";
    std::ofstream(path) << "hello";
    const std::string name = "\"" + path.string() + "\"";
    const Descriptor to_read = open_to_read(path);
    const Descriptor to_write(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    char bytes[8] = {};

    CHECK(error_of([&] { read_at(to_read.number(), bytes, 5, 0, path); }) == "none");
    CHECK(error_of([&] { read_at(to_read.number(), bytes, 8, 2, path); }) ==
          "4|" + name + " is truncated: it ends at byte 5, 5 bytes are missing");
    CHECK(error_of([&] { read_at(to_write.number(), bytes, 1, 0, path); }) ==
          "1|cannot read " + name + ": bad file descriptor");
    CHECK(error_of([&] { write_at(to_read.number(), bytes, 1, 0, path); }) ==
          "1|cannot write " + name + ": bad file descriptor");
    CHECK(error_of([&] { reserve(to_read.number(), 100, path); }) ==
          "1|cannot write " + name + ": bad file descriptor");
    CHECK(error_of([&] { file_bytes(-1, path); }) ==
          "1|cannot look at " + name + ": bad file descriptor");
    CHECK(error_of([&] { sync_data(-1, path); }).starts_with("1|cannot write " + name));
    CHECK(error_of([&] { sync_file(-1, path); }).starts_with("1|cannot write " + name));
    CHECK(error_of([&] { sync_folder_of(folder / "none/x"); }) ==
          "1|cannot write \"" + (folder / "none").string() + "\": no such file or directory");
    CHECK(error_of([&] { open_to_write(folder / "none"); }).starts_with("2|cannot open "));
    release_surplus(-1);  // says nothing: the file is good without it
    CHECK(!has_header(to_read.number()));
}

TEST_CASE("a file system that knows neither reservations nor its size is written to", "[file]") {
    // /proc is one of these.
    const Descriptor there(::open("/proc/self/comm", O_RDWR | O_CLOEXEC));
    REQUIRE(there);
    CHECK(error_of([&] { reserve(there.number(), 1000, "comm"); }) == "none");
}

TEST_CASE("space beyond the limit for file sizes is not reserved", "[file][full]") {
    const Folder folder;
    const auto path = folder / "x";
    std::ofstream(path) << "hello";
    CHECK(with_file_limit(100, [&] { reserve(open_to_write(path).number(), 101, path); }) ==
          static_cast<int>(Fault::run));
    CHECK(with_file_limit(100, [&] { reserve(open_to_write(path).number(), 100, path); }) == 0);
    CHECK(std::filesystem::file_size(path) == 5);
}

TEST_CASE("only whole leftovers of nobody are removed", "[file]") {
    const Folder folder;
    for (const std::string name : {".a-1", ".a-2", ".b-1"}) std::ofstream(folder / name) << "x";
    std::filesystem::create_directory(folder / ".a-3");                 // cannot be opened to write
    std::filesystem::create_symlink(folder / ".b-1", folder / ".a-4");  // nor may this be followed
    CHECK(!remove_leftovers(folder.path(), ".a-", folder / ".a-2"));
    CHECK(!std::filesystem::exists(folder / ".a-1"));
    CHECK(entries(folder.path()) == 4);
    CHECK(!remove_leftovers(folder / "none", ".a-"));
}
