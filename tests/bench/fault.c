// Preloaded into narrows by torture.py. Counts the calls that change files; at call NARROWS_FAULT_AT
// does what NARROWS_FAULT_KIND says: kill (the process, before the call), torn (half of a write,
// then kill), eio, full (the disk, from then on), short (half of a write, once). Writes the count to
// NARROWS_FAULT_LOG at the end, so that all of them can be enumerated.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long at = -1;
static int ours;
static const char* kind = "";

__attribute__((constructor)) static void start(void) {
    if (strcmp(program_invocation_short_name, "narrows")) return;  // not in the probe
    ours = 1;
    const char* where = getenv("NARROWS_FAULT_AT");
    if (where) at = atol(where);
    if (getenv("NARROWS_FAULT_KIND")) kind = getenv("NARROWS_FAULT_KIND");
}

__attribute__((destructor)) static void finish(void) {
    const char* path = getenv("NARROWS_FAULT_LOG");
    FILE* log = path && ours ? fopen(path, "w") : NULL;
    if (!log) return;
    fprintf(log, "%ld\n", atomic_load(&calls));
    fclose(log);
}

static int is_file(int file) {
    struct stat status;
    return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

// 0: go on; 1: fail with errno; 2: half of it, then die; 3: half of it.
static int fault(int writes) {
    long number = atomic_fetch_add(&calls, 1);
    if (at < 0) return 0;
    if (!strcmp(kind, "full") && number >= at && writes) {
        errno = ENOSPC;
        return 1;
    }
    if (number != at) return 0;
    if (!strcmp(kind, "kill")) kill(getpid(), SIGKILL);
    if (!strcmp(kind, "torn")) {
        if (writes == 2) return 2;
        kill(getpid(), SIGKILL);
    }
    if (!strcmp(kind, "eio")) {
        errno = EIO;
        return 1;
    }
    return !strcmp(kind, "short") && writes == 2 ? 3 : 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int file, const void* from, size_t bytes, off64_t offset) {
    REAL(pwrite64);
    if (!is_file(file)) return real(file, from, bytes, offset);
    int what = fault(2);
    if (what == 1) return -1;
    if (what >= 2 && bytes > 1) {
        ssize_t done = real(file, from, bytes / 2, offset);
        if (what == 2) kill(getpid(), SIGKILL);
        return done;
    }
    return real(file, from, bytes, offset);
}
ssize_t pwrite(int file, const void* from, size_t bytes, off_t offset) {
    return pwrite64(file, from, bytes, offset);
}
ssize_t write(int file, const void* from, size_t bytes) {
    REAL(write);
    if (!is_file(file)) return real(file, from, bytes);
    int what = fault(2);
    if (what == 1) return -1;
    if (what >= 2 && bytes > 1) {
        ssize_t done = real(file, from, bytes / 2);
        if (what == 2) kill(getpid(), SIGKILL);
        return done;
    }
    return real(file, from, bytes);
}
int fsync(int file) { REAL(fsync); return fault(0) == 1 ? -1 : real(file); }
int fdatasync(int file) { REAL(fdatasync); return fault(0) == 1 ? -1 : real(file); }
int rename(const char* a, const char* b) { REAL(rename); return fault(0) == 1 ? -1 : real(a, b); }
int unlink(const char* path) { REAL(unlink); return fault(0) == 1 ? -1 : real(path); }
int fallocate64(int file, int mode, off64_t a, off64_t b) {
    REAL(fallocate64);
    return fault(1) == 1 ? -1 : real(file, mode, a, b);
}
int fallocate(int file, int mode, off_t a, off_t b) { return fallocate64(file, mode, a, b); }
int ftruncate64(int file, off64_t bytes) {
    REAL(ftruncate64);
    if (!is_file(file)) return real(file, bytes);
    return fault(0) == 1 ? -1 : real(file, bytes);
}
int ftruncate(int file, off_t bytes) { return ftruncate64(file, bytes); }
