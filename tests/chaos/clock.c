/* A wall clock that is set while a process runs: the seconds (int64) in the file $CHAOS_CLOCK are added to what
   it reads, and taken from the moments for which it waits. Monotonic time goes on as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
static const time_t WALL = 1000000000; /* moments after this are none of a monotonic clock */
static volatile int64_t *stepped;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *stepped, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    stepped = at == MAP_FAILED ? NULL : at;
}

static time_t seconds(void) { return stepped ? *stepped : 0; }

static struct timespec real_moment(const struct timespec *moment)
{
    struct timespec found = *moment;
    if (found.tv_sec > WALL)
        found.tv_sec -= seconds();
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = REAL(clock_gettime)(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += seconds();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int failed = REAL(gettimeofday)(now, zone);
    if (!failed)
        now->tv_sec += seconds();
    return failed;
}

time_t time(time_t *place)
{
    time_t now = REAL(time)(NULL) + seconds();
    if (place)
        *place = now;
    return now;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *moment)
{
    struct timespec real = real_moment(moment);
    return REAL(pthread_cond_timedwait)(cond, mutex, &real);
}

long syscall(long number, ...)
{
    long given[6];
    va_list list;
    va_start(list, number);
    for (int index = 0; index < 6; index++)
        given[index] = va_arg(list, long);
    va_end(list);
    struct timespec real;
    if (number == SYS_futex && given[3] && (given[1] & FUTEX_CLOCK_REALTIME)) {
        real = real_moment((const struct timespec *)given[3]);
        given[3] = (long)&real;
    }
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
