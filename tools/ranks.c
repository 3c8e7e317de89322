#include "tools/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/comm.h"
#include "tensor/base/file.h"
#include "tensor/base/sha256.h"

// Where launchers write how many processes they started: Open MPI, Hydra (MPICH, Intel MPI), srun.
static const char *const LAUNCHERS[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};

Status ranks_start(Error *error) {
    TRY(comm_start(error));
    if (comm_rank() && freopen("/dev/null", "w", stdout) == NULL) return error_set(error, ERR_IO, "/dev/null: cannot be opened");
    for (size_t i = 0; comm_size() == 1 && i < sizeof LAUNCHERS / sizeof *LAUNCHERS; i++) {
        int64_t started;
        const char *text = getenv(LAUNCHERS[i]), *library = comm_library();
        if (text == NULL || !number_parse_int(text_of(text), &started) || started < 2) continue;
        if (strcmp(library, "no") == 0)
            return error_set(error, ERR_USAGE, "started as one of %lld processes (%s), but this program was built without MPI: make MPI=1",
                             (long long)started, LAUNCHERS[i]);
        return error_set(
            error, ERR_USAGE,
            "started as one of %lld processes (%s), but it found no other: this program was built with %s and wants its mpirun",
            (long long)started, LAUNCHERS[i], library);
    }
    return OK;
}

Status ranks_same(const char *what, const char *sha256, Error *error) {
    char first[65] = {0};
    memcpy(first, sha256, 64);
    comm_broadcast(first, 64, 0);
    bool same = memcmp(first, sha256, 64) == 0;
    return comm_agree(same ? OK
                           : error_set(error, ERR_DATA, "rank %d of %d: its %s differs from rank 0's (SHA-256 %.12s..., expected %.12s...)",
                                       comm_rank(), comm_size(), what, sha256, first),
                      error);
}

Status ranks_compare(const Args *args, Arena *scratch, Error *error) {
    static const char PROGRAM[] = "/proc/self/exe";
    char hex[65];
    Sha256 hash;
    uint8_t digest[32];
    if (comm_size() == 1) return OK;
    if (file_exists(PROGRAM)) {
        TRY(file_sha256(PROGRAM, hex, error));
        TRY(ranks_same("program", hex, error));
    }
    args_recipe_hash(hex, scratch, args);
    sha256_begin(&hash);
    sha256_feed(&hash, args->verb->name, strlen(args->verb->name) + 1);
    sha256_feed(&hash, hex, 64);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    return ranks_same("verb or recipe", hex, error);
}
