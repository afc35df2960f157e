#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <unordered_map>

#include "pipeline/storage/wire.hpp"

extern char** environ;

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// The probe limits its own processor time; these end one that waits, on a dead disk say.
constexpr auto layout_time = std::chrono::seconds(30);
constexpr auto rows_time = std::chrono::seconds(120);

// Where branches are counted, the probe has its counts to write before it ends.
#ifdef NARROWS_COUNTED
constexpr bool counted = true;
#else
constexpr bool counted = false;
#endif

// Beside the library that this code is in: LIB/narrows/narrows-probe.
fs::path probe_program() {
    Dl_info info{};
    std::error_code ignored;
    fs::path here;
    if (::dladdr(reinterpret_cast<const void*>(&probe_source), &info) != 0 &&
        info.dli_fname != nullptr)
        here = fs::canonical(info.dli_fname, ignored).parent_path();
    const fs::path own = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    for (const fs::path& place : {here / "narrows", here.parent_path() / "lib/narrows",
                                  own.parent_path() / "lib/narrows", own})
        if (fs::exists(place / "narrows-probe", ignored)) return place / "narrows-probe";
    throw Error(Fault::run,
                "the program that reads foreign HDF5 files, narrows-probe, is not in " +
                    in_quotes(here / "narrows"),
                "install narrows again; --trust reads files in this process");
}

class ProbeSource final : public Source {
public:
    ProbeSource(const fs::path& path, int file) : path_(path) {
        static const fs::path program = probe_program();
        int ends[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) cannot_start(errno);
        ours_ = Descriptor(ends[0]);
        const Descriptor theirs(ends[1]);
        // Through high numbers: either may be 0 or 3 already.
        const Descriptor link(::fcntl(theirs.number(), F_DUPFD_CLOEXEC, 10));
        const Descriptor data(link ? ::fcntl(file, F_DUPFD_CLOEXEC, 10) : -1);
        if (!data) cannot_start(errno);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_adddup2(&actions, link.number(), 0);
        posix_spawn_file_actions_adddup2(&actions, data.number(), 3);
        // A group of its own: Ctrl-C is for us, who finish what is being read. One that comes
        // before the child has its group, or a signal to all processes of a job, is left waiting.
        sigset_t waiting;
        ::sigemptyset(&waiting);
        ::sigaddset(&waiting, SIGINT);
        ::sigaddset(&waiting, SIGTERM);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigmask(&attributes, &waiting);
        std::string name = "narrows-probe", shown = path.string();
        char* const words[] = {name.data(), shown.data(), nullptr};
        const int error =
            ::posix_spawn(&process_, program.c_str(), &actions, &attributes, words, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        if (error != 0) {
            process_ = -1;
            cannot_start(error);
        }
    }

    ~ProbeSource() override {
        if (process_ < 0 || owner_ != ::getpid()) return;
        ours_.close();  // it ends by itself; the signal is for one that hangs
        if (!counted) ::kill(process_, SIGKILL);
        again([&] { return ::waitpid(process_, nullptr, 0); });
    }

    FileInfo look() override {
        const std::lock_guard lock(mutex_);
        Message question;
        question.put(Request::look);
        Message answer = ask(question);
        FileInfo info = answer.take_file();
        answer.take_end();
        for (const ArrayInfo& array : info.arrays) remember(array);
        return info;
    }

    ArrayLayout layout(const std::string& dataset) override {
        const std::lock_guard lock(mutex_);
        Message question;
        question.put(Request::layout);
        question.put(dataset);
        Message answer = ask(question);
        ArrayLayout layout = answer.take_layout();
        answer.take_end();
        if (layout.info.path != (dataset.starts_with('/') ? dataset : "/" + dataset) ||
            !remember(layout.info))
            lost("gives another answer than before");
        return layout;
    }

    void read(const ArrayLayout& layout, std::int64_t first, std::int64_t count,
              std::byte* out) override {
        const std::lock_guard lock(mutex_);
        Message question;
        question.put(Request::read);
        question.put(layout.info.path);
        question.put(first);
        question.put(count);
        send(question);
        std::uint64_t left = layout.row_bytes() * static_cast<std::uint64_t>(count);
        while (left > 0) {
            Reply reply{};
            const std::uint64_t bytes = receive_head(reply, rows_time);
            if (reply == Reply::failed) rethrow(receive_body(bytes));
            if (reply != Reply::rows || bytes == 0 || bytes > left) lost("gave rows without sense");
            receive(out, bytes, rows_time);
            out += bytes;
            left -= bytes;
        }
    }

private:
    // Memory is made for what was told of a dataset first: false where it is another one now.
    bool remember(const ArrayInfo& info) {
        const Told now{info.shape, info.value_bytes, info.type, info.numeric};
        return told_.try_emplace(info.path, now).first->second == now;
    }

    [[noreturn]] void cannot_start(int error) const {
        throw Error(
            Fault::run,
            "cannot start the process that reads " + in_quotes(path_) + ": " + system_text(error),
            "check the limits of processes and open files");
    }

    // What became of it says why the file is refused.
    [[noreturn]] void lost(const std::string& what) {
        std::string why = what;
        if (process_ >= 0) {
            // Closing its line ends a living one; one that hangs needs the signal.
            int status = 0;
            ours_.close();
            for (int i = 0; i < 100; ++i) {
                const pid_t ended = ::waitpid(process_, &status, WNOHANG);
                if (ended == process_) {
                    process_ = -1;
                    break;
                }
                ::usleep(1000);
            }
            if (process_ >= 0) {
                ::kill(process_, SIGKILL);
                again([&] { return ::waitpid(process_, nullptr, 0); });
                process_ = -1;
            } else if (WIFSIGNALED(status)) {
                const int signal = WTERMSIG(status);
                why = signal == SIGPROF || signal == SIGXCPU
                          ? "takes too long"
                          : "ends in a crash (signal " + std::to_string(signal) + ")";
            } else if (WIFEXITED(status) && WEXITSTATUS(status) == 126) {
                why = "needs too much memory";
            }
        }
        dead_ = "reading its structure " + why;
        refuse_dead();
    }
    [[noreturn]] void refuse_dead() const {
        throw Error(Fault::input, in_quotes(path_) + " is refused: " + dead_,
                    "it is damaged, or made to do harm; --trust reads it in this process");
    }

    void send(const Message& question) {
        if (owner_ != ::getpid())
            throw Error(Fault::run, in_quotes(path_) + " was opened by another process",
                        "open it after the fork");
        if (!dead_.empty()) refuse_dead();
        const std::uint64_t bytes = question.bytes().size();
        send_bytes(&bytes, sizeof bytes);
        send_bytes(question.bytes().data(), question.bytes().size());
    }

    void send_bytes(const void* from, std::size_t bytes) {
        const auto* place = static_cast<const char*>(from);
        while (bytes > 0) {
            const ssize_t sent =
                again([&] { return ::send(ours_.number(), place, bytes, MSG_NOSIGNAL); });
            if (sent <= 0) lost("failed");
            place += sent;
            bytes -= static_cast<std::size_t>(sent);
        }
    }

    void receive(void* to, std::uint64_t bytes, Clock::duration patience) {
        auto* place = static_cast<char*>(to);
        // Counted in short waits: where both were stopped (Ctrl-Z), the clock went on alone.
        constexpr Clock::duration slice = std::chrono::milliseconds(500);
        Clock::duration waited{};
        while (bytes > 0) {
            if (waited >= patience) lost("takes too long");
            pollfd wait{ours_.number(), POLLIN, 0};
            const auto before = Clock::now();
            const int ready = ::poll(&wait, 1, 500);
            waited += std::min(slice, Clock::now() - before);
            if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
            if (ready < 0) lost("failed");
            const ssize_t got = again([&] { return ::recv(ours_.number(), place, bytes, 0); });
            if (got <= 0) lost("failed");
            place += got;
            bytes -= static_cast<std::uint64_t>(got);
        }
    }

    std::uint64_t receive_head(Reply& reply, Clock::duration patience) {
        struct {
            std::uint32_t kind, zero;
            std::uint64_t bytes;
        } head{};
        receive(&head, sizeof head, patience);
        reply = static_cast<Reply>(head.kind);
        return head.bytes;
    }

    Message receive_body(std::uint64_t bytes) {
        if (bytes > largest_message) lost("gives an answer without end");
        std::vector<std::byte> body(static_cast<std::size_t>(bytes));
        receive(body.data(), bytes, layout_time);
        return Message(std::move(body));
    }

    [[noreturn]] static void rethrow(Message message) {
        const auto fault = message.take<std::uint8_t>();
        const std::string text = message.take_text(), hint = message.take_text();
        throw Error(fault == static_cast<std::uint8_t>(Fault::run) ? Fault::run : Fault::input,
                    text, hint);
    }

    Message ask(const Message& question) {
        send(question);
        Reply reply{};
        const std::uint64_t bytes = receive_head(reply, layout_time);
        Message answer = receive_body(bytes);
        if (reply == Reply::failed) rethrow(std::move(answer));
        if (reply != Reply::done) lost("gives an answer without sense");
        return answer;
    }

    struct Told {
        Shape shape;
        std::size_t value_bytes = 0;
        Numeric type = Numeric::f32;
        bool numeric = true;
        bool operator==(const Told&) const = default;
    };

    const fs::path path_;
    const pid_t owner_ = ::getpid();
    pid_t process_ = -1;
    Descriptor ours_;
    std::string dead_;  // why it is refused from now on
    std::unordered_map<std::string, Told> told_;
    std::mutex mutex_;
};

}  // namespace

std::unique_ptr<Source> probe_source(const fs::path& shown, int file) {
    return std::make_unique<ProbeSource>(shown, file);
}

}  // namespace narrows::storage
