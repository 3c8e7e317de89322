#include "tensor/base/cpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "tensor/base/str.h"

enum { THREADS_MAX = 256 };

#ifdef __x86_64__
// The register states that the operating system saves: bit 1 xmm, 2 ymm, 5..7 the three parts of AVX-512.
static unsigned saved_states(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

Cpu cpu_detect(void) {
    Cpu cpu = {0};
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return cpu;
    bool fma = c >> 12 & 1, osxsave = c >> 27 & 1, f16c = c >> 29 & 1;
    if (!osxsave) return cpu;
    unsigned states = saved_states();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
    bool avx2 = b >> 5 & 1, f = b >> 16 & 1, dq = b >> 17 & 1, bw = b >> 30 & 1, vl = b >> 31 & 1;
    cpu.avx2 = avx2 && fma && f16c && (states & 0x06) == 0x06;
    cpu.avx512 = cpu.avx2 && f && dq && bw && vl && (states & 0xE6) == 0xE6;
#elif defined(__aarch64__)
    cpu.neon = true;
#endif
    return cpu;
}

// Number in 1..256 held by an environment variable, else 0.
static int threads_from(const char *variable) {
    const char *value = getenv(variable);
    int64_t threads;
    if (value == NULL || !number_parse_int(text_of(value), &threads) || threads < 1 || threads > THREADS_MAX) return 0;
    return (int)threads;
}

#ifdef __linux__

// The beginning of a small file of the kernel's, NUL behind it; false when it cannot be read.
static bool read_small(const char *path, char *out, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t got = read(fd, out, size - 1);
    close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0;
}

// Reads the first number of a text and moves behind it and one space; false when there is none ("max").
static bool take_number(const char **text, int64_t *value) {
    size_t length = strcspn(*text, " \n");
    if (!number_parse_int((Text){*text, length}, value)) return false;
    *text += length + ((*text)[length] == ' ');
    return true;
}

// Lowers *least to the cores that quota / period microseconds allow, rounded up.
static void lower_to(int *least, int64_t quota, int64_t period) {
    if (quota <= 0 || period <= 0) return;
    int64_t cores = quota / period + (quota % period != 0);
    if (cores < *least) *least = (int)cores;
}

// The quota in one folder: cgroup v2 "cpu.max" ("max 100000" or "quota period"), or v1's two files.
static void read_quota(int *least, const char *folder) {
    char path[4096 + 64], text[64], length[64];
    const char *first = text, *second = length;
    int64_t quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_small(path, text, sizeof text) && take_number(&first, &quota) && take_number(&first, &period)) lower_to(least, quota, period);
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_small(path, text, sizeof text)) return;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    first = text;
    if (!read_small(path, length, sizeof length)) return;
    if (take_number(&first, &quota) && take_number(&second, &period)) lower_to(least, quota, period);
}

// Quotas hold for all groups below: looks at this process's group and each parent up to the mount.
static int cgroup_cores(void) {
    static const char *const MOUNT[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    int least = THREADS_MAX;
    char groups[4096], folder[4096];
    if (!read_small("/proc/self/cgroup", groups, sizeof groups)) groups[0] = '\0';
    for (size_t m = 0; m < sizeof MOUNT / sizeof MOUNT[0]; m++) {
        size_t root = strlen(MOUNT[m]);
        read_quota(&least, MOUNT[m]);
        // Lines are "number:controllers:/path"; version 2 has "0::/path".
        for (char *line = groups; *line; line += strcspn(line, "\n"), line += *line == '\n') {
            const char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
            if (group == NULL) break;
            bool version2 = strncmp(controllers, "::", 2) == 0;
            bool version1 = strncmp(controllers, ":cpu", 4) == 0 && strncmp(controllers, ":cpuset", 7) != 0;
            if (!(m == 0 ? version2 : version1)) continue;
            snprintf(folder, sizeof folder, "%s%.*s", MOUNT[m], (int)strcspn(group + 1, "\n"), group + 1);
            for (char *slash; strlen(folder) > root; *slash = '\0') {
                read_quota(&least, folder);
                slash = strrchr(folder, '/');
            }
        }
    }
    return least;
}

// Cores that the affinity mask allows; masks of more than 1024 cores need the larger array.
static int affinity_cores(void) {
    cpu_set_t mask[16];
    if (sched_getaffinity(0, sizeof mask, mask) != 0) return 1;
    return CPU_COUNT_S(sizeof mask, mask);
}

#endif

int cpu_default_threads(void) {
    static const char *const VARIABLE[] = {"RLCD_THREADS", "OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"};
    for (size_t i = 0; i < sizeof VARIABLE / sizeof VARIABLE[0]; i++)
        if (threads_from(VARIABLE[i])) return threads_from(VARIABLE[i]);
#ifdef __linux__
    long cores = affinity_cores(), quota = cgroup_cores();
    if (quota < cores) cores = quota;
#else
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (int)cores;
}
