// What turning the small world's knobs left in a demo's folder: the calculation (predict.jsonl) and retrained models
// (retrain/points.jsonl), as lines over a knob's values.
#ifndef TOOLS_SWEEP_H
#define TOOLS_SWEEP_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

enum { SWEEP_MOST = 64, SWEEP_LINES = 40, SWEEP_POINTS = 256 };

typedef struct {
    double value;      // of the knob
    double oracle;     // 0..1
    double low, high;  // its 95 % interval; NAN: none
} SweepPoint;

typedef struct {
    Text name;  // of the method; "base" is the model without training
    int points;
    SweepPoint *point;  // ascending values
} SweepLine;

typedef struct {
    int count;
    SweepLine line[SWEEP_LINES];
} SweepLines;

// One knob on one task.
typedef struct {
    Text task, knob;
    double beta;  // of the calculation: what KL weighs; NAN where nothing is predicted
    SweepLines predicted, trained;
} Sweep;

typedef struct {
    int count;
    Sweep *sweep[SWEEP_MOST];  // in the order of their first rows
} SweepList;

// Reads FOLDER/predict.jsonl and FOLDER/retrain/points.jsonl (docs/formats.md), each where it is there. Rows without a knob, and those of
// p+ and p-, are passed over. ERR_FORMAT or ERR_DATA with file and line: a missing member, a number out of its range, two knobs in a
// row, a method twice at one value, more than the numbers above. Texts live in the arena.
Status sweep_read(SweepList *out, Arena *arena, const char *folder, Error *error);

#endif
