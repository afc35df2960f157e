// Preloaded into narrows by memory.py: lets allocation number NARROWS_MEMORY_AT fail, counted from
// the first opening of a .h5 file on. Writes the count to NARROWS_MEMORY_LOG at the end. Allocations of
// libhdf5 and libcrypto (whose code is among the last calls) are let be: HDF5 1.10 uses what it did not
// get, and OpenSSL 3.0's first digest a lock that it did not get.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

static atomic_long allocations;
static atomic_int counting;
static long at = -1;
static int ours;
static struct { char *begin, *end; } let_be[8];  // code of those libraries
static int let_be_count;

static int find_code(struct dl_phdr_info* info, size_t size, void* none) {
    (void)size;
    (void)none;
    if (!strstr(info->dlpi_name, "libhdf5") && !strstr(info->dlpi_name, "libcrypto")) return 0;
    for (int i = 0; i < info->dlpi_phnum && let_be_count < 8; ++i)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            let_be[let_be_count].begin = (char*)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            let_be[let_be_count].end = let_be[let_be_count].begin + info->dlpi_phdr[i].p_memsz;
            ++let_be_count;
        }
    return 0;
}

__attribute__((constructor)) static void start(void) {
    dl_iterate_phdr(find_code, NULL);
    ours = !strcmp(program_invocation_short_name, "narrows");  // not the probe
    const char* where = getenv("NARROWS_MEMORY_AT");
    if (where) at = atol(where);
}

__attribute__((destructor)) static void finish(void) {
    const char* path = getenv("NARROWS_MEMORY_LOG");
    if (!path || !ours) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&allocations));
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file >= 0 && write(file, text, (size_t)length) == length) close(file);
}

static int is_let_be(char** stack) {
    for (int i = 0; i < 96; ++i)
        for (int of = 0; of < let_be_count; ++of)
            if (stack[i] >= let_be[of].begin && stack[i] < let_be[of].end) return 1;
    return 0;
}

static int fails(void* stack) {
    if (!atomic_load(&counting) || is_let_be(stack)) return 0;
    if (atomic_fetch_add(&allocations, 1) != at) return 0;
    errno = ENOMEM;
    return 1;
}

void* malloc(size_t bytes) { return fails(__builtin_frame_address(0)) ? NULL : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return fails(__builtin_frame_address(0)) ? NULL : __libc_calloc(count, bytes); }
void* realloc(void* old, size_t bytes) { return fails(__builtin_frame_address(0)) ? NULL : __libc_realloc(old, bytes); }
void* memalign(size_t alignment, size_t bytes) { return fails(__builtin_frame_address(0)) ? NULL : __libc_memalign(alignment, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** out, size_t alignment, size_t bytes) {
    void* made = memalign(alignment, bytes);
    if (!made) return ENOMEM;
    *out = made;
    return 0;
}

static void look(const char* path) {
    size_t length = strlen(path);
    if (ours && length > 3 && !strcmp(path + length - 3, ".h5")) atomic_store(&counting, 1);
}
#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char* path, int flags, ...) { MODE(flags) look(path); return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
int open64(const char* path, int flags, ...) { MODE(flags) look(path); return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
