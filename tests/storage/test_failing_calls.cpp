// One call of the system fails, then another: whatever was there stays, or what is new is there as
// a whole, and the next run succeeds.
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/compressed_writer.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/source.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/failing_calls.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;
namespace fs = std::filesystem;

namespace {

void write_dataset(const fs::path& path, int level, float start) {
    DatasetLayout layout;
    layout.sample = {100};
    layout.rows = level == 0 ? 30 : -1;
    layout.level = level;
    DatasetWriter writer(path, layout);
    std::vector<float> row(100);
    for (int i = 0; i < 30; ++i) {
        for (std::size_t k = 0; k < row.size(); ++k) row[k] = start + static_cast<float>(i * k);
        writer.append(std::as_bytes(std::span(row)));
    }
    const std::vector<std::int64_t> numbers(30, 2);
    writer.append_labels(numbers);
    writer.append_ids(numbers);
    writer.label_names({"a", "bc", "d"});
    writer.commit();
}

CodesLayout codes_layout(const Part& part) {
    const PartRows rows = rows_of(part, 20);
    CodesLayout layout;
    layout.rows = rows.last - rows.first;
    layout.columns = {{"/codes", Type::f32, {3}}, {"/ids", Type::i64, {}}};
    layout.attributes = attributes_of(part, 20);
    return layout;
}

void write_codes(const fs::path& path, const Part& part, bool resume) {
    const CodesLayout layout = codes_layout(part);
    CodesWriter writer(path, layout, resume);
    const std::vector<float> codes(60, 1.5f);
    const std::vector<std::int64_t> ids(20, 7);
    if (!writer.finished()) {
        writer.write(0, 0, layout.rows, codes.data());
        writer.write(1, 0, layout.rows, ids.data());
        writer.rows_written(layout.rows);
    }
    writer.commit();
}

void write_packed(const fs::path& path, char value) {
    FileBeside beside;
    beside.groups = {{"/group", {}}};
    CompressedWriter out(path, "narrows-compressed", beside);
    ArrayInfo info;
    info.path = "/plain";
    info.type = Numeric::u8;
    info.shape = {5000};
    info.value_bytes = 1;
    const std::vector<std::byte> values(5000, static_cast<std::byte>(value));
    out.put(info, values);
    PackedLayout layout;
    layout.path = "/group/x";
    layout.shape = {4, 1000};
    layout.chunk_rows = 2;
    out.begin(layout);
    out.chunk(0, values);
    out.chunk(2, values);
    out.commit();
}

struct Writer {
    const char* name;
    std::function<void(const fs::path&, char)> write;
};

// Lets one call after the other fail until all succeed, and asks `right` after each: whether it
// happened, and what was thrown. How often the answer was no; 98: without end.
int wrong_answers(const std::function<void()>& write,
                  const std::function<bool(bool, const std::string&)>& right) {
    int wrong = 0;
    for (long at = 0; at < 500; ++at) {
        std::string error;
        bool happened = false;
        {
            const FailingCall failing(Calls::writes, at, EIO);
            error = error_of(write);
            happened = failing.happened();
        }
        if (!right(happened, error)) {
            std::fprintf(stderr, "call %ld: %s\n", at, error.c_str());
            ++wrong;
        }
        if (!happened) return std::min(wrong, 90);
    }
    return 98;
}

int wrong_after_failures(const Folder& folder, const Writer& writer) {
    const fs::path path = folder / "out.h5";
    writer.write(path, 'b');
    const std::vector<std::byte> fresh = bytes_of(path);
    write_text_atomically(path, "old");
    const std::vector<std::byte> old = bytes_of(path);
    const std::size_t before = entries(folder.path());
    std::size_t failures = 0, ignored = 0;
    const auto right = [&](bool happened, const std::string& error) {
        const std::vector<std::byte> now = bytes_of(path);
        const bool whole = now == fresh, clean = entries(folder.path()) == before;
        if (!happened) return error == "none" && whole && clean;
        failures += error.starts_with("1|");
        ignored += error == "none";
        const bool good =
            error == "none" ? whole : error.starts_with("1|") && (whole || now == old);
        write_text_atomically(path, "old");
        return good && clean;
    };
    const int wrong = wrong_answers([&] { writer.write(path, 'b'); }, right);
    if (failures < 3) return 96;
    return ignored <= 2 ? wrong : 97;  // space that was reserved and is not needed
}

int wrong_codes_after_failures(const Folder& folder) {
    const fs::path path = folder / "z.h5";
    write_codes(folder / "whole.h5", {1, 2}, false);
    const std::vector<std::byte> whole = bytes_of(folder / "whole.h5");
    const auto right = [&](bool, const std::string& error) {
        bool good = error == "none" || error.starts_with("1|");
        if (fs::exists(path)) good = good && bytes_of(path) == whole;
        write_codes(path, {1, 2}, true);
        good = good && bytes_of(path) == whole && entries(folder.path()) == 2;
        fs::remove(path);
        return good;
    };
    return wrong_answers([&] { write_codes(path, {1, 2}, true); }, right);
}

}  // namespace

TEST_CASE("whichever call fails while a file is written, the old one stays or the new is whole",
          "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    write_dataset(folder / "source.h5", 1, 3);
    fs::create_directory(folder / "parts");
    for (std::int64_t number = 1; number <= 2; ++number)
        write_codes(folder / ("parts/" + std::to_string(number) + ".h5"), {number, 2}, false);
    const fs::path parts[] = {folder / "parts"};
    const Writer writers[] = {
        {"bundle", [](const fs::path& to, char c) { write_bundle(to, sample_bundle(c, 400)); }},
        {"dataset", [](const fs::path& to, char c) { write_dataset(to, 0, c); }},
        {"compressed dataset", [](const fs::path& to, char c) { write_dataset(to, 1, c); }},
        {"packed", [](const fs::path& to, char c) { write_packed(to, c); }},
        {"text", [](const fs::path& to, char c) { write_text_atomically(to, std::string(9, c)); }},
        {"repacked", [&](const fs::path& to, char) { repack(folder / "source.h5", to); }},
        {"joined", [&](const fs::path& to, char) { join(parts, to, Joined::copy); }},
        {"linked", [&](const fs::path& to, char) { join(parts, to, Joined::links); }},
    };
    // In children: a file that HDF5 could not close stays open in its process.
    for (const Writer& writer : writers) {
        INFO(writer.name);
        CHECK(in_child([&] { return wrong_after_failures(folder, writer); }) == 0);
    }
}

TEST_CASE("whichever call fails while codes are written, they go on to the same bytes",
          "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    CHECK(in_child([&] { return wrong_codes_after_failures(folder); }) == 0);
}

TEST_CASE("whichever read fails, there are no values and no other file is blamed", "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    write_bundle(folder / "m.h5", sample_bundle(1, 400));
    write_dataset(folder / "d.h5", 1, 3);
    write_dataset(folder / "c.h5", 0, 3);
    write_codes(folder / "z.h5", {1, 1}, false);
    trust_files(true);  // HDF5 here, where its reads can fail
    for (const std::string name : {"m.h5", "d.h5", "c.h5", "z.h5"}) {
        const fs::path path = folder / name;
        const auto read_all = [&] {
            std::vector<std::byte> all;
            if (name == "m.h5") {
                const Bundle bundle = read_bundle(path, "narrows-checkpoint");
                for (const Array& array : bundle.arrays)
                    all.insert(all.end(), array.bytes.begin(), array.bytes.end());
                return all;
            }
            const ArrayFile file(path);
            const std::string main = name == "z.h5" ? "/codes" : "/samples";
            const auto reader = file.open(main);
            const std::size_t bytes = static_cast<std::size_t>(reader->info().shape.elements()) * 4;
            all.resize(bytes);
            reader->read(0, reader->info().shape[0], all.data());
            return all;
        };
        const std::vector<std::byte> good = read_all();
        for (long at = 0;; ++at) {
            std::vector<std::byte> values;
            const FailingCall failing(Calls::reads, at, EIO);
            const std::string error = error_of([&] { values = read_all(); });
            INFO(name << " call " << at << ": " << error);
            if (!failing.happened()) {
                CHECK(error == "none");
                break;
            }
            if (error == "none") CHECK(values == good);
            if (error != "none") CHECK(error.find(path.string()) != std::string::npos);
            REQUIRE(at < 2000);
        }
    }
    trust_files(false);
}

TEST_CASE("a file system without locks or reservations is read and written nevertheless",
          "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    {
        const FailingCall failing(Calls::reserve, FailingCall::all, EOPNOTSUPP);
        write_dataset(folder / "d.h5", 1, 3);
        CHECK(failing.happened());
        const Descriptor file = open_to_write(folder / "d.h5");
        CHECK(error_of([&] { reserve(file.number(), std::uint64_t{1} << 60, "d.h5"); }) ==
              "1|cannot write \"d.h5\": no space left on device");
        CHECK(error_of([&] { reserve(file.number(), 10, "d.h5"); }) == "none");
    }
    {
        const Descriptor file = open_to_write(folder / "d.h5");
        const FailingCall failing(Calls::reserve, FailingCall::all, ENOSYS);
        CHECK(error_of([&] { reserve(file.number(), 10, "d.h5"); }) == "none");
    }
    const FailingCall failing(Calls::locks, FailingCall::all, ENOLCK);
    write_text_atomically(folder / ".a-1", "");
    CHECK(!remove_leftovers(folder.path(), ".a-"));  // nobody can say whose it is
    CHECK(fs::exists(folder / ".a-1"));
    CHECK(check_file(folder / "d.h5").problems.empty());
    write_codes(folder / "z.h5", {1, 1}, false);
    CHECK(check_file(folder / "z.h5").problems.empty());
    CHECK(failing.happened());
}

TEST_CASE("calls that are interrupted are made again", "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    write_text_atomically(folder / "x", "hello");
    const Descriptor file = open_to_write(folder / "x");
    char bytes[5] = {};
    for (const Calls which : {Calls::reads, Calls::writes}) {
        const FailingCall failing(which, 0, EINTR);
        reserve(file.number(), 10, folder / "x");
        write_at(file.number(), "world", 5, 0, folder / "x");
        read_at(file.number(), bytes, 5, 0, folder / "x");
        CHECK(failing.happened());
        CHECK(std::memcmp(bytes, "world", 5) == 0);
    }
    const FailingCall failing(Calls::writes, 1, EINTR);
    reserve(file.number(), 10, folder / "x");
    write_at(file.number(), "again", 5, 0, folder / "x");
    CHECK(failing.happened());
    CHECK(bytes_of(folder / "x").size() == 5);
}

TEST_CASE("a full disk or quota says to free some space", "[failing][full]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    for (const int error : {ENOSPC, EDQUOT, EFBIG, EIO}) {
        const FailingCall failing(Calls::writes, 0, error);
        try {
            write_text_atomically(folder / "x", "hello");
            CHECK(false);
        } catch (const Error& told) {
            CHECK(told.hint() ==
                  (error == EIO ? "check the disk" : "free some space, or write to another place"));
        }
    }
}

TEST_CASE("folders that cannot be synced, and files that cannot be looked at", "[failing]") {
    if (!calls_can_fail()) return;
    const Folder folder;
    {
        const FailingCall failing(Calls::syncs, 0, EINVAL);  // some network file systems
        CHECK(error_of([&] { sync_folder_of(folder / "x"); }) == "none");
        CHECK(failing.happened());
    }
    {
        const FailingCall failing(Calls::syncs, 0, EIO);
        CHECK(error_of([&] { sync_folder_of(folder / "x"); }).ends_with(": input/output error"));
    }
    write_text_atomically(folder / "x", "hello");
    {
        const FailingCall failing(Calls::looks, 0, EIO);
        CHECK(error_of([&] { open_to_read(folder / "x"); }) == "none");
        CHECK(failing.happened());
    }
    const Descriptor file = open_to_read(folder / "x");
    const FailingCall failing(Calls::looks, 0, EIO);
    CHECK(error_of([&] { file_bytes(file.number(), "x"); }) ==
          "1|cannot look at \"x\": input/output error");
    release_surplus(file.number());
}
