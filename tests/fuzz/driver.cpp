// The driver where libFuzzer is not linked: damages the seeds in the same way each time. Usage:
// fuzz_NAME [EXECUTIONS] [SEED], or fuzz_NAME FILE... to run what was found again.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/target.hpp"

namespace {

std::string_view current;

// What a crash leaves: the input, to be run again.
void write_finding(int) {
    std::FILE* out = std::fopen("finding.bin", "wb");
    if (out != nullptr) {
        std::fwrite(current.data(), 1, current.size(), out);
        std::fclose(out);
    }
    std::fputs("the input is in finding.bin\n", stderr);
    ::_exit(1);
}

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::string next(const std::vector<std::string>& seeds) {
        std::string text = seeds[below(seeds.size())];
        for (std::size_t changes = 1 + below(below(4) == 0 ? 24 : 4); changes > 0; --changes)
            change(text, seeds);
        return text;
    }

private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void change(std::string& text, const std::vector<std::string>& seeds) {
        // Structures stand in front: half of the changes are there.
        const std::size_t at =
            below(below(2) == 0 ? std::min<std::size_t>(64, text.size()) : text.size());
        static constexpr std::int64_t odd[] = {
            0,     1,     -1,    127,        128,           255,          256,
            32767, 65535, 65536, 2147483647, -2147483648LL, 4294967295LL, 9223372036854775807LL};
        switch (below(9)) {
            case 0:
                if (!text.empty()) text[at] ^= static_cast<char>(1 << below(8));
                break;
            case 1:
                if (!text.empty()) text[at] = static_cast<char>(random_());
                break;
            case 2:
                text.erase(at, 1 + below(16));
                break;
            case 3:
                text.insert(at, 1 + below(16), static_cast<char>(random_()));
                break;
            case 4:
                text.resize(below(text.size() + 1));
                break;
            case 5: {  // a number at its limit, in either order
                std::int64_t value = odd[below(std::size(odd))];
                if (below(2) == 0) value = __builtin_bswap64(static_cast<std::uint64_t>(value));
                const std::size_t bytes = std::size_t{1} << below(4);
                if (at + bytes <= text.size())
                    text.replace(at, bytes, reinterpret_cast<const char*>(&value), bytes);
                break;
            }
            case 6:  // the same, as text
                text.insert(at, std::to_string(odd[below(std::size(odd))]));
                break;
            case 7: {  // a piece of another seed
                const std::string& other = seeds[below(seeds.size())];
                const std::size_t from = below(other.size());
                text.insert(at, other.substr(from, 1 + below(64)));
                break;
            }
            default:
                text.insert(at, 1, "\n,\"'[]{}=#@:;.\t -+eE"[below(20)]);
        }
        if (text.size() > 1u << 16) text.resize(1u << 16);
    }

    std::mt19937_64 random_;
};

}  // namespace

int main(int count, char** words) {
    ::signal(SIGABRT, write_finding);
    ::signal(SIGSEGV, write_finding);
    ::signal(SIGFPE, write_finding);
    if (count > 1 && ::access(words[1], R_OK) == 0) {
        for (int i = 1; i < count; ++i) {
            std::ifstream in(words[i], std::ios::binary);
            const std::string input((std::istreambuf_iterator<char>(in)), {});
            current = input;
            fuzz::run(input);
        }
        return 0;
    }
    const long executions = count > 1 ? std::atol(words[1]) : 20000;
    const auto seed = static_cast<std::uint64_t>(count > 2 ? std::atoll(words[2]) : 1);
    const std::vector<std::string> seeds = fuzz::seeds();
    Mutator mutator(seed);
    double slowest = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const std::string& text : seeds) {
        current = text;
        fuzz::run(text);
    }
    for (long i = 0; i < executions; ++i) {
        const std::string input = mutator.next(seeds);
        current = input;
        const auto before = std::chrono::steady_clock::now();
        fuzz::run(input);
        slowest = std::max(
            slowest,
            std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%ld executions, seed %llu, %.1f s, slowest %.3f s, no finding\n", executions,
                static_cast<unsigned long long>(seed), seconds, slowest);
    return slowest > 5 ? 1 : 0;
}
