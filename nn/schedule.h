// Learning-rate schedules: warm-up, then constant, linear or cosine to a floor (zero, unless it is set).
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
    double floor;         // share of the rate at which linear and cosine end
} Schedule;

// Rate of step `done` = number of steps already done (0 for the first), in double by own cosine, rounded to fp32 last.
//   done < warmup: rate * done / warmup;  else with t = (done - warmup) / (total - warmup):
//   constant: rate; with f = floor: linear: rate * (f + (1 - f) * (1 - t)); cosine: rate * (f + (1 - f) * 0.5 * (1 + cos(pi t)));
//   never below 0. Steps may be counted in anything that grows, such as tokens.
float schedule_rate(const Schedule *s, int64_t done);

#endif
