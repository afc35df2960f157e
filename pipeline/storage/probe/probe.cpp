// narrows-probe: parses one HDF5 file of strangers for the process that started it, and answers on
// its standard input, a socket. One rule: it can read that one file and talk to its parent, with
// little memory and time, so that whatever HDF5 does to it stays here.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>

#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/wire.hpp"

namespace narrows::storage {

namespace {

constexpr rlim_t layout_memory = 64u << 20;     // beyond what the program itself takes
constexpr long layout_microseconds = 800'000;   // of processor time, until a layout is known
constexpr long rows_microseconds = 10'000'000;  // then so much for each question
constexpr long chunk_microseconds = 50;         // and this a chunk
constexpr std::uint64_t largest_row = 256u << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // maps terabytes for itself
#else
constexpr bool sanitized = false;
#endif

// Where branches are counted, what counts them writes files when the process ends.
#ifdef NARROWS_COUNTED
constexpr bool counted = true;
[[noreturn]] void leave() {
    std::exit(0);
}
#else
constexpr bool counted = false;
[[noreturn]] void leave() {
    ::_exit(0);
}
#endif

rlim_t address_space() {
    std::ifstream in("/proc/self/statm");
    rlim_t pages = 0;
    in >> pages;
    return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

void limit(__rlimit_resource what, rlim_t soft, rlim_t hard) {
    const struct rlimit values { soft, hard };
    ::setrlimit(what, &values);
}

void limit_memory(rlim_t base, rlim_t more) {
    if (!sanitized) limit(RLIMIT_AS, base + more, RLIM_INFINITY);
}

// Ends the process by SIGPROF after so much processor time.
void limit_time(long microseconds) {
    struct itimerval timer {};
    timer.it_value = {microseconds / 1'000'000, microseconds % 1'000'000};
    ::setitimer(ITIMER_PROF, &timer, nullptr);
}

bool receive(void* to, std::size_t bytes) {
    auto* place = static_cast<char*>(to);
    while (bytes > 0) {
        const ssize_t got = again([&] { return ::recv(0, place, bytes, 0); });
        if (got <= 0) return false;
        place += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

void send(const void* from, std::size_t bytes) {
    const auto* place = static_cast<const char*>(from);
    while (bytes > 0) {
        const ssize_t sent = again([&] { return ::send(0, place, bytes, MSG_NOSIGNAL); });
        if (sent <= 0) leave();  // nobody listens any more
        place += sent;
        bytes -= static_cast<std::size_t>(sent);
    }
}

void reply(Reply kind, std::span<const std::byte> bytes) {
    const struct {
        std::uint32_t kind, zero;
        std::uint64_t bytes;
    } head{static_cast<std::uint32_t>(kind), 0, bytes.size()};
    send(&head, sizeof head);
    send(bytes.data(), bytes.size());
}

class Probe {
public:
    Probe(std::string shown, rlim_t base) : shown_(std::move(shown)), base_(base) {}

    void answer(Message& question) {
        switch (question.take<Request>()) {
            case Request::look: {
                limit_time(layout_microseconds);
                Message answer;
                answer.put(source().look());
                return reply(Reply::done, answer.bytes());
            }
            case Request::layout: {
                limit_time(layout_microseconds);
                const ArrayLayout layout = source().layout(question.take_text());
                Message answer;
                answer.put(layout);
                layouts_[layout.info.path] = layout;
                return reply(Reply::done, answer.bytes());
            }
            case Request::read: {
                const std::string name = question.take_text();
                const auto first = question.take<std::int64_t>();
                return rows(layouts_.at(name), first, question.take<std::int64_t>());
            }
        }
    }

private:
    Source& source() {
        if (!source_) source_ = library_source(shown_, "/proc/self/fd/3", true);
        return *source_;
    }

    void rows(const ArrayLayout& layout, std::int64_t first, std::int64_t count) {
        const std::uint64_t row = layout.row_bytes();
        std::uint64_t chunk = layout.value_bytes, chunks = 1;
        for (std::size_t axis = 0; axis < layout.info.chunk.size(); ++axis) {
            const std::int64_t extent = std::max<std::int64_t>(1, layout.info.chunk[axis]);
            chunk *= static_cast<std::uint64_t>(extent);
            chunks *= static_cast<std::uint64_t>(1 + (axis == 0 ? count : layout.info.shape[axis]) /
                                                         extent);
            chunk = std::min(chunk, largest_row + 1);
            chunks = std::min<std::uint64_t>(chunks, 1'000'000'000);
        }
        if (row > largest_row || chunk > largest_row)
            throw Error(Fault::input,
                        storage::in_quotes(std::filesystem::path(shown_)) + ": rows or chunks of " +
                            layout.info.path + " are larger than 256 MB",
                        "h5repack makes smaller chunks; --trust reads them as they are");
        limit_memory(base_, layout_memory + (64u << 20) + 2 * row + 4 * chunk);
        limit_time(rows_microseconds + chunk_microseconds * static_cast<long>(chunks));
        const auto step = static_cast<std::int64_t>(
            std::max<std::uint64_t>(1, rows_at_once / std::max<std::uint64_t>(1, row)));
        std::vector<std::byte> out(static_cast<std::size_t>(std::min(step, count)) * row);
        for (std::int64_t done = 0; done < count; done += step) {
            const std::int64_t here = std::min(step, count - done);
            source().read(layout, first + done, here, out.data());
            const std::span<const std::byte> all(out);
            reply(Reply::rows, all.first(static_cast<std::size_t>(here) * row));
        }
    }

    std::string shown_;
    rlim_t base_;
    std::unique_ptr<Source> source_;
    std::map<std::string, ArrayLayout> layouts_;
};

// No plugin is ever loaded, nothing is written, nothing may be started.
void give_up_powers() {
    ::setenv("HDF5_PLUGIN_PRELOAD", "::", 1);
    ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CORE, 0, 0);
    if (!counted) limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_NOFILE, 16, 16);
}

int serve(const std::string& shown) {
    give_up_powers();
    const rlim_t base = address_space();
    limit_memory(base, layout_memory);
    Probe probe(shown, base);
    while (true) {
        std::uint64_t bytes = 0;
        if (!receive(&bytes, sizeof bytes) || bytes > 1u << 20) return 0;
        std::vector<std::byte> body(static_cast<std::size_t>(bytes));
        if (!receive(body.data(), body.size())) return 0;
        Message question(std::move(body));
        try {
            probe.answer(question);
        } catch (const Error& error) {
            Message answer;
            answer.put(static_cast<std::uint8_t>(error.fault()));
            answer.put(std::string(error.what()));
            answer.put(error.hint());
            reply(Reply::failed, answer.bytes());
        }
        limit_time(0);
    }
}

}  // namespace

}  // namespace narrows::storage

int main(int count, char** words) {
    if (count != 2) return 2;  // not for people
    try {
        return narrows::storage::serve(words[1]);
    } catch (const std::bad_alloc&) {
        return 126;
    } catch (...) {
        return 125;
    }
}
