#include "tensor/kernels/kernels.h"

#include <string.h>

#include "tensor/base/cpu.h"
#include "tensor/kernels/table.h"

Kernels kernels;

void kernels_scalar(Kernels *table) {
    *table = (Kernels){.name = "scalar"};
    scalar_math_install(table);
    scalar_vec_install(table);
    scalar_row_install(table);
    scalar_attn_install(table);
    scalar_quant_install(table);
    scalar_adamw_install(table);
    scalar_gemm_install(table);
}

// One instruction set: whether this build holds it (fill is not NULL), whether this processor runs it.
typedef struct {
    const char *name;
    void (*fill)(Kernels *table);
    bool runs;
} Choice;

Status kernels_choose(const char *name, Error *error) {
    Cpu cpu = cpu_detect();
    // The best first: "native" takes the first that can be used; what no machine has measured stands behind scalar, for its name only.
    Choice choices[] = {
        {"avx2", NULL, cpu.avx2},
        {"neon", NULL, cpu.neon},
        {"scalar", kernels_scalar, true},
        {"avx512", NULL, cpu.avx512},
    };
#ifdef KERNELS_AVX2
    choices[0].fill = kernels_avx2;
    choices[3].fill = kernels_avx512;
#endif
#ifdef KERNELS_NEON
    choices[1].fill = kernels_neon;
#endif
    bool native = strcmp(name, "native") == 0;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const Choice *choice = &choices[i];
        if (native && !(choice->fill && choice->runs)) continue;
        if (!native && strcmp(name, choice->name) != 0) continue;
        if (choice->fill == NULL) return error_set(error, ERR_USAGE, "kernels: this build has no kernels '%s'", name);
        if (!choice->runs) return error_set(error, ERR_USAGE, "kernels: this processor does not run '%s'", name);
        choice->fill(&kernels);
        return OK;
    }
    return error_set(error, ERR_USAGE, "kernels: expected native, scalar, avx2, avx512 or neon, found '%s'", name);
}
