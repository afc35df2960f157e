// Preloaded into narrows by power_cut.py. Writes every call that changes files, with its data, to
// the file NARROWS_TRACE, in the order in which they took effect: a lock is held around each.
// A record: kind, inode, second inode, offset, length, bytes (names and data), all 64 bits but the
// bytes. Folders are inodes, too; names stand without their folders.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR };

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;

__attribute__((constructor)) static void start(void) {
    const char* path = getenv("NARROWS_TRACE");
    if (!path || strcmp(program_invocation_short_name, "narrows")) return;  // not in the probe
    log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void put(const void* from, size_t bytes) {
    while (bytes > 0) {
        long done = syscall(SYS_write, log_file, from, bytes);
        if (done <= 0) abort();
        from = (const char*)from + done;
        bytes -= (size_t)done;
    }
}

static void record(uint64_t kind, uint64_t inode, uint64_t second, int64_t offset, const void* bytes, size_t length) {
    if (log_file < 0) return;
    uint64_t head[5] = {kind, inode, second, (uint64_t)offset, length};
    put(head, sizeof head);
    put(bytes, length);
}

static uint64_t inode_of(int file) {
    struct stat status;
    if (fstat(file, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return 0;
    return status.st_ino;
}

static uint64_t folder_of(const char* path) {
    char folder[4096];
    struct stat status;
    const char* slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder) abort();
    memcpy(folder, path, length);
    folder[length] = 0;
    if (!slash) strcpy(folder, ".");
    else if (length == 0) strcpy(folder, "/");
    return stat(folder, &status) == 0 ? status.st_ino : 0;
}

static const char* name_of(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define LOCKED(call) pthread_mutex_lock(&order); __typeof__(call) result = call; int error = errno
#define DONE pthread_mutex_unlock(&order); errno = error; return result

static int opened(int folder, const char* path, int flags, mode_t mode) {
    struct stat before;
    pthread_mutex_lock(&order);
    int fresh = (flags & O_CREAT) && fstatat(folder, path, &before, 0) != 0;
    int result = (int)syscall(SYS_openat, folder, path, flags, mode), error = errno;
    if (result >= 0 && folder == AT_FDCWD) {
        if (fresh) record(CREATE, folder_of(path), inode_of(result), 0, name_of(path), strlen(name_of(path)));
        else if (flags & O_TRUNC) record(TRUNCATE, inode_of(result), 0, 0, "", 0);
    }
    DONE;
}
#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char* path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char* path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char* path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char* path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }

ssize_t pwrite64(int file, const void* from, size_t bytes, off64_t offset) {
    REAL(pwrite64);
    LOCKED(real(file, from, bytes, offset));
    if (result > 0 && inode_of(file)) record(WRITE, inode_of(file), 0, offset, from, (size_t)result);
    DONE;
}
ssize_t pwrite(int file, const void* from, size_t bytes, off_t offset) { return pwrite64(file, from, bytes, offset); }
ssize_t write(int file, const void* from, size_t bytes) {
    REAL(write);
    LOCKED(real(file, from, bytes));
    if (result > 0 && inode_of(file)) record(WRITE, inode_of(file), 0, lseek(file, 0, SEEK_CUR) - result, from, (size_t)result);
    DONE;
}
int ftruncate64(int file, off64_t bytes) {
    REAL(ftruncate64);
    LOCKED(real(file, bytes));
    if (result == 0 && inode_of(file)) record(TRUNCATE, inode_of(file), 0, bytes, "", 0);
    DONE;
}
int ftruncate(int file, off_t bytes) { return ftruncate64(file, bytes); }
int fsync(int file) {
    REAL(fsync);
    LOCKED(real(file));
    if (result == 0) record(SYNC, inode_of(file), 0, 0, "", 0);
    DONE;
}
int fdatasync(int file) {
    REAL(fdatasync);
    LOCKED(real(file));
    if (result == 0) record(SYNC, inode_of(file), 0, 0, "", 0);
    DONE;
}
int rename(const char* from, const char* to) {
    REAL(rename);
    LOCKED(real(from, to));
    if (result == 0) {
        char both[8192];
        size_t length = strlen(name_of(from)) + 1;
        if (length + strlen(name_of(to)) > sizeof both) abort();
        strcpy(both, name_of(from));
        strcpy(both + length, name_of(to));
        record(RENAME, folder_of(from), folder_of(to), 0, both, length + strlen(name_of(to)));
    }
    DONE;
}
int unlink(const char* path) {
    REAL(unlink);
    LOCKED(real(path));
    if (result == 0) record(UNLINK, folder_of(path), 0, 0, name_of(path), strlen(name_of(path)));
    DONE;
}
int mkdir(const char* path, mode_t mode) {
    REAL(mkdir);
    LOCKED(real(path, mode));
    struct stat status;
    if (result == 0 && stat(path, &status) == 0)
        record(MKDIR, folder_of(path), status.st_ino, 0, name_of(path), strlen(name_of(path)));
    DONE;
}
int rmdir(const char* path) {
    REAL(rmdir);
    LOCKED(real(path));
    if (result == 0) record(RMDIR, folder_of(path), 0, 0, name_of(path), strlen(name_of(path)));
    DONE;
}
