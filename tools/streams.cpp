#include "tools/streams.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pipeline/node.hpp"
#include "tools/console.hpp"

namespace narrows::tools {

void fill_closed_streams() {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
        // The lowest free number is this one. Results sent to a closed stdout must not seem to
        // arrive: it takes no writes.
        const int flags = number == STDERR_FILENO ? O_WRONLY : O_RDONLY;
        if (::open("/dev/null", flags) != number) return;
    }
}

void talk(std::string_view text) noexcept {
    std::fwrite(text.data(), 1, text.size(), stderr);
}
void put(std::string_view text) noexcept {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

int with_output(int code) {
    errno = 0;
    const bool flushed = std::fflush(stdout) == 0;
    if ((flushed && std::ferror(stdout) == 0) || errno == EPIPE) return code;
    std::string text = "standard output cannot be written";
    if (errno != 0) text += fmt::format(": {}", std::strerror(errno));
    print_error(Error(Fault::run, text, "what was to be shown is lost, files are whole"), false);
    return code == 0 ? static_cast<int>(Fault::run) : code;
}

}  // namespace narrows::tools
