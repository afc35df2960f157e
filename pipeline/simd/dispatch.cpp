#include <array>
#include <atomic>
#include <vector>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/tables.hpp"

namespace narrows::simd {
namespace {

// The compiler's detection also asks whether the system saves the wide registers.
bool machine_has(Level level) {
    switch (level) {
        case Level::portable:
            return true;
#if defined(__x86_64__) || defined(__i386__)
        case Level::avx2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        case Level::avx512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") &&
                   __builtin_cpu_supports("fma");
        case Level::neon:
            return false;
#else
        case Level::avx2:
        case Level::avx512:
            return false;
        case Level::neon:
            return neon_table() != nullptr;
#endif
    }
    return false;
}

bool machine_has_vnni() {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("avx512vnni") && avx512_vnni_table() != nullptr;
#else
    return false;
#endif
}

const Kernels* built(Level level) {
    switch (level) {
        case Level::portable:
            return portable_table();
        case Level::avx2:
            return avx2_table();
        case Level::avx512:
            return machine_has_vnni() ? avx512_vnni_table() : avx512_table();
        case Level::neon:
            return neon_table();
    }
    return nullptr;
}

struct Levels {
    std::array<Level, 4> level{};
    std::size_t count = 0;
    Levels() {  // worst first
        for (Level l : {Level::portable, Level::neon, Level::avx2, Level::avx512})
            if (machine_has(l) && built(l)) level[count++] = l;
    }
};
const Levels& levels() {
    static const Levels found;
    return found;
}

std::atomic<const Kernels*>& chosen() {
    static std::atomic<const Kernels*> table_in_use{table(levels().level[levels().count - 1])};
    return table_in_use;
}

}  // namespace

const Kernels& kernels() {
    return *chosen().load(std::memory_order_relaxed);
}

const Kernels* table(Level level) {
    return machine_has(level) ? built(level) : nullptr;
}

const CodingKernels* coding_table(Level level) {
    if (table(level) == nullptr) return nullptr;
    switch (level) {
        case Level::portable:
            return portable_coding();
        case Level::avx2:
            return avx2_coding();
        case Level::avx512:
            return avx512_coding();
        case Level::neon:
            return neon_coding();
    }
    return nullptr;
}

const CodingKernels& coding_kernels() {
    return *coding_table(kernels().level);
}

bool select(Level level) {
    const Kernels* wanted = table(level);
    if (!wanted) return false;
    chosen().store(wanted, std::memory_order_relaxed);
    return true;
}

std::span<const Level> available() {
    return {levels().level.data(), levels().count};
}

std::span<const Kernels* const> all_tables() {
    static const std::vector<const Kernels*> all = [] {
        std::vector<const Kernels*> found;
        for (const Level level : available()) found.push_back(table(level));
        if (machine_has(Level::avx512) && machine_has_vnni()) found.push_back(avx512_table());
        return found;
    }();
    return all;
}

std::optional<Level> level_from(std::string_view name) {
    if (name == "portable") return Level::portable;
    if (name == "avx2") return Level::avx2;
    if (name == "avx512") return Level::avx512;
    if (name == "neon") return Level::neon;
    return std::nullopt;
}

}  // namespace narrows::simd
