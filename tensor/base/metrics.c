#include "tensor/base/metrics.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tensor/base/json.h"

Status metrics_open(Metrics *m, Arena *arena, const char *dir, uint64_t keep, Error *error) {
    *m = (Metrics){.arena = arena, .log.fd = -1};
    if (dir == NULL) return OK;
    TRY(append_open(&m->log, path_join(arena, dir, "metrics.jsonl"), keep, error));
    m->open = true;
    return OK;
}

void metrics_begin(Metrics *m, int64_t step, const char *phase) {
    m->fields = 0;
    m->step = step;
    m->phase = phase;
}

// One more field of the line; a name twice would make the line invalid.
static void add(Metrics *m, const char *name, double value, bool machine, bool is_integer) {
    REQUIRE(m->phase != NULL, "metrics: \"%s\" before metrics_begin", name);
    REQUIRE(m->fields < METRICS_MAX, "metrics: \"%s\" is more than the %d fields of a line", name, METRICS_MAX);
    for (int i = 0; i < m->fields; i++)
        REQUIRE(m->field[i].machine != machine || strcmp(m->field[i].name, name) != 0, "metrics: \"%s\" twice in a line", name);
    int i = m->fields++;
    m->field[i].name = name;
    m->field[i].value = value;
    m->field[i].machine = machine;
    m->field[i].is_integer = is_integer;
}

void metrics_add(Metrics *m, const char *name, double value) { add(m, name, value, false, false); }

void metrics_add_int(Metrics *m, const char *name, int64_t value) {
    REQUIRE(value < INT64_C(1) << 53 && value > -(INT64_C(1) << 53), "metrics: \"%s\" does not fit into 53 bits", name);
    add(m, name, (double)value, false, true);
}

void metrics_add_machine(Metrics *m, const char *name, double value) { add(m, name, value, true, false); }

// "name":value; a number that JSON lacks is null.
static void write_field(Str *line, const char *name, double value) {
    json_write_string(line, text_of(name));
    str_append_char(line, ':');
    json_write_number(line, value);
}

// The fields of one kind, each after a comma but the first of `t`.
static void write_fields(Str *line, const Metrics *m, bool machine) {
    bool first = machine;
    for (int i = 0; i < m->fields; i++) {
        if (m->field[i].machine != machine) continue;
        if (!first) str_append_char(line, ',');
        first = false;
        write_field(line, m->field[i].name, m->field[i].value);
    }
}

// ,"nonfinite":[...] names the values written null. Those of the machine stay out, because hashing keeps this list.
static void write_nonfinite(Str *line, const Metrics *m) {
    int found = 0;
    for (int i = 0; i < m->fields; i++) {
        if (m->field[i].machine || isfinite(m->field[i].value)) continue;
        str_append(line, found++ ? TEXT(",") : TEXT(",\"nonfinite\":["));
        json_write_string(line, text_of(m->field[i].name));
    }
    if (found) str_append_char(line, ']');
}

Status metrics_end(Metrics *m, Error *error) {
    REQUIRE(m->phase != NULL, "metrics_end before metrics_begin");
    if (!m->open) return OK;
    ArenaMark mark = arena_mark(m->arena);
    Str line = str_make(m->arena);
    str_append(&line, TEXT("{"));
    write_field(&line, "step", (double)m->step);
    str_append(&line, TEXT(",\"phase\":"));
    json_write_string(&line, text_of(m->phase));
    write_fields(&line, m, false);
    write_nonfinite(&line, m);
    bool machine = false;
    for (int i = 0; i < m->fields; i++) machine |= m->field[i].machine;
    if (machine) {
        str_append(&line, TEXT(",\"t\":{"));
        write_fields(&line, m, true);
        str_append_char(&line, '}');
    }
    str_append_char(&line, '}');
    Status status = append_line(&m->log, str_text(&line), error);
    arena_release(m->arena, mark);
    return status;
}

Status metrics_close(Metrics *m, Error *error) {
    if (!m->open) return OK;
    m->open = false;
    return append_close(&m->log, error);
}

uint64_t metrics_offset(const Metrics *m) { return m->log.offset; }

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

size_t memory_peak_bytes(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (size_t)usage.ru_maxrss;
#else
    return (size_t)usage.ru_maxrss * 1024;
#endif
}
