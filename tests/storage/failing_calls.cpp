#include "tests/storage/failing_calls.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NARROWS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NARROWS_SANITIZED
#endif
#endif

namespace {

std::atomic<unsigned> wanted{0};
std::atomic<long> left{0};
std::atomic<int> reason{0};
std::atomic<bool> happened_once{false};

}  // namespace

namespace storage_test {

FailingCall::FailingCall(Calls which, long at, int error) {
    left = at;
    reason = error;
    happened_once = false;
    wanted = static_cast<unsigned>(which);
}

FailingCall::~FailingCall() {
    wanted = 0;
}

bool FailingCall::happened() const {
    return happened_once;
}

bool calls_can_fail() {
#ifdef NARROWS_SANITIZED
    std::fputs("calls of the system cannot be made to fail beside a sanitizer: skipped\n", stderr);
    return false;
#else
    return true;
#endif
}

}  // namespace storage_test

#ifndef NARROWS_SANITIZED

namespace {

using storage_test::Calls;

bool fails(Calls one, Calls other = Calls::none) {
    if ((wanted & (static_cast<unsigned>(one) | static_cast<unsigned>(other))) == 0) return false;
    if (left != storage_test::FailingCall::all && left-- != 0) return false;
    happened_once = true;
    errno = reason;
    return true;
}

template <class Call>
Call system_call(const char* name) {
    return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// In front of the C library's own, for the libraries of this process too.
#pragma GCC visibility push(default)
extern "C" {

ssize_t pread(int file, void* to, size_t bytes, off_t at) {
    static const auto next = system_call<ssize_t (*)(int, void*, size_t, off_t)>("pread");
    return fails(Calls::reads) ? -1 : next(file, to, bytes, at);
}

ssize_t pwrite(int file, const void* from, size_t bytes, off_t at) {
    static const auto next = system_call<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
    return fails(Calls::writes) ? -1 : next(file, from, bytes, at);
}

int ftruncate(int file, off_t bytes) noexcept {
    static const auto next = system_call<int (*)(int, off_t)>("ftruncate");
    return fails(Calls::writes) ? -1 : next(file, bytes);
}

int fallocate(int file, int mode, off_t at, off_t bytes) {
    static const auto next = system_call<int (*)(int, int, off_t, off_t)>("fallocate");
    return fails(Calls::writes, Calls::reserve) ? -1 : next(file, mode, at, bytes);
}

int fsync(int file) {
    static const auto next = system_call<int (*)(int)>("fsync");
    return fails(Calls::writes, Calls::syncs) ? -1 : next(file);
}

int fdatasync(int file) {
    static const auto next = system_call<int (*)(int)>("fdatasync");
    return fails(Calls::writes) ? -1 : next(file);
}

int rename(const char* from, const char* to) noexcept {
    static const auto next = system_call<int (*)(const char*, const char*)>("rename");
    return fails(Calls::writes) ? -1 : next(from, to);
}

int flock(int file, int what) noexcept {
    static const auto next = system_call<int (*)(int, int)>("flock");
    return fails(Calls::locks) ? -1 : next(file, what);
}

int fstat(int file, struct stat* out) noexcept {
    static const auto next = system_call<int (*)(int, struct stat*)>("fstat");
    return fails(Calls::looks) ? -1 : next(file, out);
}

int fcntl(int file, int what, ...) {
    va_list more;
    va_start(more, what);
    void* const with = va_arg(more, void*);
    va_end(more);
    static const auto next = system_call<int (*)(int, int, void*)>("fcntl");
    if (what == F_OFD_SETLK && fails(Calls::locks)) return -1;
    return next(file, what, with);
}
}
#pragma GCC visibility pop

#endif
