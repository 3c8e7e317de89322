// What ranks (tensor/base/comm.h) make sure of before they work: that they found each other, and that they would compute the same.
#ifndef TOOLS_RANKS_H
#define TOOLS_RANKS_H

#include "tools/args.h"

// Joins the ranks; what ranks other than 0 print on stdout goes nowhere. ERR_USAGE when a launcher started several processes that do not
// find each other: a build without MPI, or another library's mpirun.
Status ranks_start(Error *error);

// ERR_DATA names the first rank whose SHA-256 of `what` (64 digits) is not rank 0's; together.
Status ranks_same(const char *what, const char *sha256, Error *error);

// The same program, verb and options that can change bits on all ranks; together.
Status ranks_compare(const Args *args, Arena *scratch, Error *error);

#endif
