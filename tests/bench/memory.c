// Preloaded into narrows by memory.py: lets allocation number NARROWS_MEMORY_AT fail, counted from
// the first opening of a .h5 file on. Writes the count to NARROWS_MEMORY_LOG at the end. Allocations of
// libhdf5 (whose code is among the last calls) are let be: version 1.10 uses what it did not get.
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
static char *hdf5_begin, *hdf5_end;

static int find_hdf5(struct dl_phdr_info* info, size_t size, void* none) {
    (void)size;
    (void)none;
    if (!strstr(info->dlpi_name, "libhdf5")) return 0;
    for (int i = 0; i < info->dlpi_phnum; ++i)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            hdf5_begin = (char*)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            hdf5_end = hdf5_begin + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

__attribute__((constructor)) static void start(void) {
    dl_iterate_phdr(find_hdf5, NULL);
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

static int for_hdf5(char** stack) {
    for (int i = 0; i < 96; ++i)
        if (stack[i] >= hdf5_begin && stack[i] < hdf5_end) return 1;
    return 0;
}

static int fails(void* stack) {
    if (!atomic_load(&counting) || for_hdf5(stack)) return 0;
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
