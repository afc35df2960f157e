// The process that parses files of strangers, and what becomes of one that was broken: it says what
// it likes, or nothing, or goes. A made-up one stands beside a copy of this program for that.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "pipeline/storage/wire.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;
namespace fs = std::filesystem;

namespace {

// Says what the name of the file asks for.
constexpr const char* made_up = R"(#!/usr/bin/env python3
import os, signal, socket, struct, sys
line = socket.socket(fileno=0)
folder, name = os.path.split(sys.argv[1])
mode = name[:-3]
def take(n):
    out = b''
    while len(out) < n:
        more = line.recv(n - len(out))
        if not more: os._exit(0)
        out += more
    return out
def question():
    return take(struct.unpack('<Q', take(8))[0])
def reply(kind, body, size=None):
    line.sendall(struct.pack('<IIQ', kind, 0, len(body) if size is None else size) + body)
def text(words):
    return struct.pack('<Q', len(words)) + words
def stored(name):
    return open(os.path.join(folder, name), 'rb').read()
def failed(fault):
    reply(2, bytes([fault]) + text(b'told so') + text(b'a hint'))
while True:
    kind = struct.unpack('<I', question()[:4])[0]
    if mode == 'gone': os._exit(0)
    if mode == 'memory': os._exit(126)
    if mode in ('SIGSEGV', 'SIGPROF', 'SIGXCPU'): os.kill(os.getpid(), getattr(signal, mode))
    if mode == 'endless': reply(1, b'', 1 << 40)
    if mode == 'kind': reply(7, b'')
    if mode == 'hangs':
        reply(7, b'')
        signal.pause()
    if mode == 'half':
        line.sendall(b'\1\0\0')
        os._exit(0)
    if mode == 'garbage': reply(1, b'\xff' * 100)
    if mode == 'longer': reply(1, stored('look') + b'x' if kind == 1 else stored('small') + b'x')
    if mode.startswith('failed'):
        failed(int(mode[6:]))
        continue
    if kind == 1: reply(1, stored('look'))
    if kind == 2: reply(1, stored('large' if mode == 'grows' else
                                  'other' if mode == 'moves' else 'small'))
    if kind == 3:
        if mode == 'rows-none': reply(3, b'')
        if mode == 'rows-many': reply(3, b'\1' * 17)
        if mode == 'rows-done': reply(1, b'\1' * 16)
        if mode == 'rows-fail': failed(4)
        if mode == 'good': reply(3, b'\1' * 12), reply(3, b'\1' * 4)
)";

ArrayLayout layout_of(const std::string& path, std::int64_t rows) {
    ArrayLayout layout;
    layout.info.path = path;
    layout.info.type = Numeric::u8;
    layout.info.shape = {rows};
    layout.info.value_bytes = layout.value_bytes = 1;
    return layout;
}

void put_message(const fs::path& path, const auto& value) {
    Message message;
    message.put(value);
    put_bytes(path, {message.bytes().begin(), message.bytes().end()});
}

// A copy of this program, with a place for a probe of its own.
class Copy {
public:
    Copy() {
        fs::create_directories(folder_ / "bin");
        fs::create_directories(folder_ / "lib/narrows");
        fs::create_directories(folder_ / "data");
        fs::copy_file("/proc/self/exe", folder_ / "bin/copy");
        FileInfo file;
        file.arrays = {layout_of("/x", 16).info};
        put_message(folder_ / "data/look", file);
        put_message(folder_ / "data/small", layout_of("/x", 16));
        put_message(folder_ / "data/large", layout_of("/x", 1 << 20));
        put_message(folder_ / "data/other", layout_of("/y", 16));
    }
    void put_probe(fs::perms permissions) const {
        std::ofstream(probe()) << made_up;
        fs::permissions(probe(), permissions);
    }
    fs::path probe() const { return folder_ / "lib/narrows/narrows-probe"; }

    // What comes of looking at a file of that name, opening /x in it and reading all.
    std::map<std::string, std::string> results(const std::vector<std::string>& modes) const {
        for (const std::string& mode : modes)
            std::ofstream(folder_ / ("data/" + mode + ".h5")) << "\x89HDF\r\n\x1a\n";
        const std::string command =
            "LD_LIBRARY_PATH='" NARROWS_BUILD_DIR "/lib' NARROWS_TEST_PATH='" +
            (folder_ / "data").string() + "' '" + (folder_ / "bin/copy").string() +
            "' 'helper: opens files through another probe' > '" + (folder_ / "out").string() +
            "' 2>&1";
        std::map<std::string, std::string> out;
        CHECK(std::system(command.c_str()) == 0);
        std::ifstream in(folder_ / "data/results");
        for (std::string line; std::getline(in, line);)
            out[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
        return out;
    }
    std::string shown(const std::string& mode) const {
        return "\"" + (folder_ / ("data/" + mode + ".h5")).string() + "\"";
    }

private:
    Folder folder_;
};

}  // namespace

TEST_CASE("helper: opens files through another probe", "[.helper]") {
    std::ofstream out(helper_path() / "results");
    for (const fs::directory_entry& entry : fs::directory_iterator(helper_path())) {
        if (entry.path().extension() != ".h5") continue;
        const std::string mode = entry.path().stem().string();
        std::string seen, opened, again;
        const std::string error = error_of([&] {
            const ArrayFile file(entry.path());
            seen = error_of([&] { file.look(); });
            opened = error_of([&] {
                const auto reader = file.open("x");
                std::vector<std::byte> rows(16);
                reader->read(0, 16, rows.data());
                for (const std::byte value : rows) CHECK(value == std::byte{1});
            });
            again = error_of([&] { file.look(); });
        });
        out << mode << '=' << error << ' ' << seen << ' ' << opened << ' ' << again << '\n';
    }
}

TEST_CASE("whatever a broken probe does, its file is refused with the reason", "[probe]") {
    const Copy copy;
    copy.put_probe(fs::perms::owner_all);
    auto results = copy.results(
        {"good",    "gone",  "memory", "SIGSEGV",   "SIGPROF",   "SIGXCPU",   "endless",
         "kind",    "hangs", "half",   "garbage",   "longer",    "failed1",   "failed2",
         "failed4", "grows", "moves",  "rows-none", "rows-many", "rows-done", "rows-fail"});
    const auto refused = [&](const std::string& mode, const std::string& why) {
        return "4|" + copy.shown(mode) + " is refused: reading its structure " + why;
    };
    const auto thrice = [](const std::string& error) {
        return "none " + error + " " + error + " " + error;
    };
    CHECK(results["good"] == "none none none none");
    const std::pair<std::string, std::string> at_once[] = {
        {"gone", "failed"},
        {"half", "failed"},
        {"memory", "needs too much memory"},
        {"SIGSEGV", "ends in a crash (signal 11)"},
        {"SIGPROF", "takes too long"},
        {"SIGXCPU", "takes too long"},
        {"endless", "gives an answer without end"},
        {"kind", "gives an answer without sense"},
        {"hangs", "gives an answer without sense"}};
    for (const auto& [mode, why] : at_once) CHECK(results[mode] == thrice(refused(mode, why)));
    const std::string nonsense =
        "4|the process that reads foreign files gave an answer without sense";
    CHECK(results["garbage"] == thrice(nonsense));
    CHECK(results["longer"] == thrice(nonsense));
    CHECK(results["failed1"] == thrice("1|told so"));
    CHECK(results["failed2"] == thrice("4|told so"));
    CHECK(results["failed4"] == thrice("4|told so"));
    for (const std::string mode : {"grows", "moves"}) {
        const std::string error = refused(mode, "gives another answer than before");
        CHECK(results[mode] == "none none " + error + " " + error);
    }
    for (const std::string mode : {"rows-none", "rows-many", "rows-done"}) {
        const std::string error = refused(mode, "gave rows without sense");
        CHECK(results[mode] == "none none " + error + " " + error);
    }
    CHECK(results["rows-fail"] == "none none 4|told so none");
}

TEST_CASE("without its probe, or where it cannot be started, narrows says so", "[probe]") {
    const Copy copy;
    CHECK(copy.results({"x"})["x"].starts_with(
        "1|the program that reads foreign HDF5 files, narrows-probe, is not in "));
    copy.put_probe(fs::perms::owner_read);
    CHECK(copy.results({"x"})["x"].starts_with("1|cannot start the process that reads " +
                                               copy.shown("x") + ": permission denied"));
}

TEST_CASE("where no more files can be opened, a foreign file is not called damaged", "[probe]") {
    const Folder folder;
    DatasetLayout layout;
    layout.sample = {2};
    layout.rows = 1;
    DatasetWriter writer(folder / "x.h5", layout);
    const float row[2] = {1, 2};
    writer.append(std::as_bytes(std::span(row)));
    writer.commit();
    const int process = ::fork();
    if (process == 0) {
        const int next = ::fcntl(0, F_DUPFD_CLOEXEC, 20) + 1;
        for (int number = 3; number < next; ++number) ::fcntl(0, F_DUPFD_CLOEXEC, number);
        int refused = 0, code = 0;
        std::string error;
        for (int more = 1; error != "none" && more < 40; ++more) {
            const struct rlimit limit { static_cast<rlim_t>(next + more), 1024 };
            ::setrlimit(RLIMIT_NOFILE, &limit);
            error = error_of([&] { look(folder / "x.h5"); });
            refused += error.starts_with("1|cannot start the process");
            if (error == "none" || error.ends_with(": too many open files")) continue;
            std::fprintf(stderr, "%s\n", error.c_str());
            code = 1;
        }
        if (error != "none") code = 2;
        end_child(refused >= 4 ? code : 3);
    }
    CHECK(wait_for(process) == 0);
}

namespace {

// The real one, asked by hand.
class Probe {
public:
    explicit Probe(const fs::path& data) {
        int ends[2] = {-1, -1};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        line_ = ends[0];
        process_ = ::fork();
        if (process_ == 0) {
            const int file = ::open(data.c_str(), O_RDONLY);
            ::dup2(ends[1], 0);
            if (file != 3) ::dup2(file, 3);
            for (int number = 4; number < 64; ++number) ::close(number);
            const std::string program = NARROWS_BUILD_DIR "/lib/narrows/narrows-probe";
            ::execl(program.c_str(), "narrows-probe", data.c_str(), static_cast<char*>(nullptr));
            ::_exit(127);
        }
        ::close(ends[1]);
    }
    void send(std::uint64_t bytes, const Message& question) const {
        std::vector<std::byte> all(sizeof bytes);
        std::memcpy(all.data(), &bytes, sizeof bytes);
        all.insert(all.end(), question.bytes().begin(), question.bytes().end());
        REQUIRE(::send(line_, all.data(), all.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(all.size()));
    }
    void ask(const Message& question) const { send(question.bytes().size(), question); }
    Message answer(Reply expected) const {
        struct {
            std::uint32_t kind, zero;
            std::uint64_t bytes;
        } head{};
        REQUIRE(::recv(line_, &head, sizeof head, MSG_WAITALL) == sizeof head);
        CHECK(head.kind == static_cast<std::uint32_t>(expected));
        std::vector<std::byte> body(head.bytes);
        REQUIRE(::recv(line_, body.data(), body.size(), MSG_WAITALL) ==
                static_cast<ssize_t>(body.size()));
        return Message(std::move(body));
    }
    int end() {
        ::close(line_);
        return wait_for(process_);
    }

private:
    int line_ = -1, process_ = -1;
};

Message question(Request kind, const std::string& name = {}) {
    Message message;
    message.put(kind);
    if (kind != Request::look) message.put(name);
    return message;
}

Message rows(const std::string& name, std::int64_t first, std::int64_t count) {
    Message message = question(Request::read, name);
    message.put(first);
    message.put(count);
    return message;
}

}  // namespace

TEST_CASE("the probe answers what makes sense, and ends at what does not", "[probe]") {
    const Folder folder;
    const fs::path path = folder / "x.h5";
    constexpr std::int64_t count = 200'000;
    DatasetLayout layout;
    layout.sample = {4};
    layout.rows = count;
    DatasetWriter writer(path, layout);
    const std::vector<float> values(4 * count, 0.5f);
    writer.append(std::as_bytes(std::span(values)));
    writer.commit();

    Probe good(path);
    good.ask(question(Request::look));
    CHECK(good.answer(Reply::done).take_file().arrays.size() == 2);
    good.ask(question(Request::layout, "/nothing"));
    Message failed = good.answer(Reply::failed);
    CHECK(failed.take<std::uint8_t>() == static_cast<std::uint8_t>(Fault::input));
    CHECK(failed.take_text().ends_with("has no dataset /nothing"));
    Message cut;
    cut.put(Request::layout);
    good.ask(cut);
    failed = good.answer(Reply::failed);
    CHECK(failed.take<std::uint8_t>() == static_cast<std::uint8_t>(Fault::input));
    good.ask(question(Request::layout, "/samples"));
    CHECK(good.answer(Reply::done).take_layout().info.shape == Shape{count, 4});
    good.ask(rows("/samples", 1, 2));
    CHECK(good.answer(Reply::rows).bytes().size() == 2 * 4 * sizeof(float));
    CHECK(good.end() == 0);

    Probe unknown(path);  // rows of what it was not asked about before
    unknown.ask(rows("/samples", 0, 1));
    CHECK(unknown.end() == 125);
    Probe large(path);
    large.send(std::uint64_t{2} << 20, {});
    CHECK(large.end() == 0);
    Probe half(path);
    half.send(100, question(Request::look));
    CHECK(half.end() == 0);
    Probe deaf(path);  // nobody takes the rows
    deaf.ask(question(Request::layout, "/samples"));
    deaf.answer(Reply::done);
    deaf.ask(rows("/samples", 0, count));
    CHECK(deaf.end() == 0);
    const std::string program = NARROWS_BUILD_DIR "/lib/narrows/narrows-probe";
    CHECK(WEXITSTATUS(std::system(program.c_str())) == 2);
}
