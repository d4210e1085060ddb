/* Loaded before all libraries: lets the n-th call of one kind below one folder fail, as a full or
 * broken disk would, whichever language the caller is written in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, WRITE, FSYNC, RENAME, OPEN, MKDIR };

static char folder[PATH_MAX];
static atomic_int armed = NONE;
static atomic_long calls, failing;
static int code, for_good;

/* Count calls of a kind below a folder; let the n-th fail (none for 0), or all from the n-th on. */
void arm_faults(const char *below, int kind, long n, int error, int onwards) {
    armed = NONE;
    snprintf(folder, sizeof folder, "%s", below);
    calls = 0;
    failing = n;
    code = error;
    for_good = onwards;
    armed = kind;
}

long count_calls(void) { return calls; }

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int fails(enum kind kind, int directory, const char *path) {
    if (armed != (int)kind) return 0;
    int before = errno;
    char whole[2 * PATH_MAX] = "", link[64];
    if (!path || path[0] != '/') { /* of an open file, or relative to a folder */
        if (!path || directory != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        else snprintf(link, sizeof link, "/proc/self/cwd");
        ssize_t length = readlink(link, whole, PATH_MAX - 1);
        if (length < 0) length = 0;
        whole[length] = 0;
    }
    if (path && path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
    errno = before;
    if (!is_below(whole)) return 0;
    long now = ++calls;
    if (!failing || (now != failing && !(for_good && now > failing))) return 0;
    errno = code;
    return 1;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    return fails(WRITE, file, NULL) ? -1 : real(file, data, size);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    return fails(WRITE, file, NULL) ? -1 : real(file, data, size, at);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    return fails(WRITE, file, NULL) ? -1 : real(file, data, size, at);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    return fails(WRITE, file, NULL) ? -1 : real(file, parts, count);
}
int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    return fails(WRITE, file, NULL) ? -1 : real(file, size);
}
int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    return fails(WRITE, file, NULL) ? -1 : real(file, size);
}
int fsync(int file) {
    REAL(fsync);
    return fails(FSYNC, file, NULL) ? -1 : real(file);
}
int fdatasync(int file) {
    REAL(fdatasync);
    return fails(FSYNC, file, NULL) ? -1 : real(file);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    return fails(RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat);
    return fails(RENAME, b, to) ? -1 : real(a, from, b, to);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return fails(MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}
int mkdirat(int directory, const char *path, mode_t mode) {
    REAL(mkdirat);
    return fails(MKDIR, directory, path) ? -1 : real(directory, path, mode);
}

/* Opening to write, and to read. */
#define OPENED(name) \
    mode_t mode = 0; \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    } \
    REAL(name)

int open(const char *path, int flags, ...) {
    OPENED(open);
    return fails(OPEN, AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    OPENED(open64);
    return fails(OPEN, AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
    OPENED(openat);
    return fails(OPEN, directory, path) ? -1 : real(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
    OPENED(openat64);
    return fails(OPEN, directory, path) ? -1 : real(directory, path, flags, mode);
}
