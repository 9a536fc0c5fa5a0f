/* A disk that fails: of writes and syncs to files of the outbox one in CHAOS_ONE_IN fails, by turns with ENOSPC
   and EIO. Preloaded into the device of test_chaos.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd)
{
    static unsigned seed;
    static int one_in;
    char link[64], path[4096];
    ssize_t size;
    if (!one_in) {
        const char *told = getenv("CHAOS_ONE_IN");
        one_in = told ? atoi(told) : 1 << 30;
        seed = getpid();
    }
    if (rand_r(&seed) % one_in)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    return strstr(path, "outbox.db") != NULL;
}

int fsync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails(fd) ? (errno = EIO, -1) : real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails(fd) ? (errno = EIO, -1) : real(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    if (!fails(fd))
        return real(fd, data, size, place);
    real(fd, data, size / 2, place); /* a part is written */
    errno = ENOSPC;
    return -1;
}
