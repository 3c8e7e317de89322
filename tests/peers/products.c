// One matrix product of a BLAS (OpenBLAS, BLIS or any other with cblas); prints one JSON line like `rlcd bench --json`.
//
// usage: products MxNxK NN|NT|TN REPEAT          (cc -O2 products.c -lopenblas, or -lblis)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                 float *c, int ldc);

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv) {
    int m, n, k, repeat = argc > 3 ? atoi(argv[3]) : 3;
    if (argc < 3 || sscanf(argv[1], "%dx%dx%d", &m, &n, &k) != 3 || repeat < 1 || repeat > 100)
        return fprintf(stderr, "usage: products MxNxK NN|NT|TN REPEAT\n"), 2;
    int ta = argv[2][0] == 'T', tb = argv[2][1] == 'T';
    float *a = malloc(sizeof(float) * (size_t)m * (size_t)k), *b = malloc(sizeof(float) * (size_t)k * (size_t)n),
          *c = malloc(sizeof(float) * (size_t)m * (size_t)n);
    if (!a || !b || !c) return 1;
    for (size_t i = 0; i < (size_t)m * (size_t)k; i++) a[i] = 0.5f;
    for (size_t i = 0; i < (size_t)k * (size_t)n; i++) b[i] = 0.25f;
    double work = 2e-9 * (double)m * n * k, rate[100];
    for (int r = -1; r < repeat; r++) {
        int loops = 0;
        double start = seconds();
        do {
            cblas_sgemm(ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
            loops++;
        } while (work * loops < 2);
        if (r >= 0) rate[r] = work * loops / (seconds() - start);
    }
    qsort(rate, (size_t)repeat, sizeof *rate, compare);
    printf("{\"part\":\"product\",\"unit\":\"GFLOP/s\",\"min\":%.1f,\"median\":%.1f,\"max\":%.1f}\n", rate[0], rate[repeat / 2],
           rate[repeat - 1]);
    return 0;
}
