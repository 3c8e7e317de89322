// What this machine is: instruction sets, cores that may be used. Asked once at start.
#ifndef TENSOR_BASE_CPU_H
#define TENSOR_BASE_CPU_H

#include <stdbool.h>

typedef struct {
    bool avx2;    // AVX2 and FMA and F16C, saved by the system
    bool avx512;  // F, BW, VL, DQ
    bool neon;    // always on aarch64
} Cpu;

// Asks the processor (cpuid and xgetbv on x86-64).
Cpu cpu_detect(void);

// Threads to use when the user says nothing: RLCD_THREADS, OMP_NUM_THREADS, SLURM_CPUS_PER_TASK, else the affinity mask
// cut by the cgroup's quota; at least 1, at most 256. A variable that is not a number in 1..256 is passed over.
int cpu_default_threads(void);

#endif
