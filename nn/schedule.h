// Learning-rate schedules: warm-up, then constant, linear to zero or cosine to zero.
#ifndef NN_SCHEDULE_H
#define NN_SCHEDULE_H

#include <stdint.h>

#include "tensor/base/status.h"

typedef enum { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE } ScheduleKind;

typedef struct {
    ScheduleKind kind;
    double rate;          // the highest rate
    int64_t warmup;       // steps of linear warm-up
    int64_t total;        // steps in all
} Schedule;

// Rate of step `done` = number of steps already done (0 for the first), in double by own cosine, rounded to fp32 last.
//   done < warmup: rate * done / warmup;  else with t = (done - warmup) / (total - warmup):
//   constant: rate; linear: rate * (1 - t); cosine: rate * 0.5 * (1 + cos(pi t)); never below 0.
float schedule_rate(const Schedule *s, int64_t done);
bool schedule_from_name(const char *name, ScheduleKind *kind);

#endif
