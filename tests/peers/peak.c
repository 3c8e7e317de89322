// The machine's arithmetic limit: fused multiply-adds on registers alone, on all threads; prints one JSON line.
//
// usage: peak THREADS REPEAT          (cc -O2 -march=native -pthread peak.c -o peak)
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 Lanes;
#define FMA _mm512_fmadd_ps
#define SET _mm512_set1_ps
#elif defined(__FMA__)
#include <immintrin.h>
typedef __m256 Lanes;
#define FMA _mm256_fmadd_ps
#define SET _mm256_set1_ps
#elif defined(__aarch64__)
#include <arm_neon.h>
typedef float32x4_t Lanes;
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define SET vdupq_n_f32
#else
#error "peak.c knows AVX-512, AVX2 with FMA, and NEON"
#endif

enum { CHAINS = 12, LOOPS = 20000000, LANES = sizeof(Lanes) / sizeof(float) };
static volatile float sink;

// Twelve independent chains hide the latency of an FMA on every processor that has two FMA units.
static void *chains(void *unused) {
    Lanes acc[CHAINS], x = SET(0.999f), y = SET(0.001f);
    for (int i = 0; i < CHAINS; i++) acc[i] = SET((float)i);
    for (long k = 0; k < LOOPS; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) acc[i] = FMA(acc[i], x, y);
    }
    float total = 0;
    for (int i = 0; i < CHAINS; i++) total += ((float *)&acc[i])[0];
    sink = total;
    return unused;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1, repeat = argc > 2 ? atoi(argv[2]) : 3;
    if (threads < 1 || threads > 64 || repeat < 1) return fprintf(stderr, "usage: peak THREADS REPEAT\n"), 2;
    double best = 0;
    for (int r = 0; r < repeat; r++) {
        pthread_t thread[64];
        double start = seconds();
        for (int t = 1; t < threads; t++) pthread_create(&thread[t], NULL, chains, NULL);
        chains(NULL);
        for (int t = 1; t < threads; t++) pthread_join(thread[t], NULL);
        double rate = 2e-9 * CHAINS * LANES * (double)LOOPS * threads / (seconds() - start);
        if (rate > best) best = rate;
    }
    printf("{\"part\":\"FMA peak\",\"unit\":\"GFLOP/s\",\"median\":%.1f}\n", best);
    return 0;
}
