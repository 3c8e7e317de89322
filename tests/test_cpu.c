// What the machine tells: instruction sets against the compiler's own question, threads from variables and affinity.
#include <stdlib.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "tensor/base/cpu.h"
#include "tests/support.h"

static void clear(void) {
    unsetenv("RLCD_THREADS");
    unsetenv("OMP_NUM_THREADS");
    unsetenv("SLURM_CPUS_PER_TASK");
}

START_TEST(instruction_sets) {
    Cpu cpu = cpu_detect();
#if defined(__x86_64__)
    __builtin_cpu_init();
    ck_assert_int_eq(cpu.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    ck_assert_int_eq(cpu.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
    ck_assert(!cpu.neon);
#elif defined(__aarch64__)
    ck_assert(cpu.neon && !cpu.avx2 && !cpu.avx512);
#else
    ck_assert(!cpu.neon && !cpu.avx2 && !cpu.avx512);
#endif
}
END_TEST

START_TEST(variables_in_their_order) {
    clear();
    setenv("SLURM_CPUS_PER_TASK", "5", 1);
    ck_assert_int_eq(cpu_default_threads(), 5);
    setenv("OMP_NUM_THREADS", "4", 1);
    ck_assert_int_eq(cpu_default_threads(), 4);
    setenv("RLCD_THREADS", "256", 1);
    ck_assert_int_eq(cpu_default_threads(), 256);
}
END_TEST

START_TEST(nonsense_is_passed_over) {
    static const char *const NONSENSE[] = {"", "0", "-1", "257", "4,2", "four", "4 ", "1e1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        clear();
        setenv("RLCD_THREADS", NONSENSE[i], 1);
        setenv("SLURM_CPUS_PER_TASK", "7", 1);
        ck_assert_int_eq(cpu_default_threads(), 7);
    }
}
END_TEST

START_TEST(affinity_is_an_upper_bound) {
    clear();
    int all = cpu_default_threads();
    ck_assert(all >= 1 && all <= 256);
#ifdef __linux__
    cpu_set_t mask, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    ck_assert_int_le(all, CPU_COUNT(&mask));
    // On a single core of those allowed there is one thread.
    int core = 0;
    while (!CPU_ISSET(core, &mask)) core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(cpu_default_threads(), 1);
#endif
}
END_TEST

Suite *suite_cpu(void) {
    Suite *suite = suite_create("cpu");
    TCase *all = tcase_create("all");
    tcase_add_test(all, instruction_sets);
    tcase_add_test(all, variables_in_their_order);
    tcase_add_test(all, nonsense_is_passed_over);
    tcase_add_test(all, affinity_is_an_upper_bound);
    suite_add_tcase(suite, all);
    return suite;
}
