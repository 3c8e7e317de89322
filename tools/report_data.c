#include "tools/report_data.h"

#include <math.h>
#include <string.h>

#include "rlcd/clean.h"
#include "tensor/base/file.h"

void report_data_field(Str *s, Text text) {
    bool plain = true;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        plain = plain && c >= 0x20 && c != '"' && c != ',';
    }
    // What a spreadsheet would take for a formula is no name of ours: a quote in front keeps it a text.
    bool formula = text.size && strchr("=+-@", text.data[0]) != NULL && text.data[0] != '\0';
    if (plain && !formula) {
        str_append(s, text);
        return;
    }
    str_append_char(s, '"');
    if (formula) str_append_char(s, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') str_append_char(s, '"');
        str_append_char(s, text.data[i] == '\0' ? ' ' : text.data[i]);
    }
    str_append_char(s, '"');
}

// ",value", or "," for what is not known.
static void put(Str *s, double value) {
    char number[32] = "";
    if (isfinite(value)) number_print(value, number);
    str_printf(s, ",%s", number);
}

static void put_method(Str *s, const Results *r, const ResultMethod *m) {
    report_data_field(s, r->task);
    str_append_char(s, ',');
    report_data_field(s, m->name);
    str_append_char(s, ',');
    report_data_field(s, m->kind);
    str_append_char(s, ',');
    report_data_field(s, m->voice);
}

static void put_methods(Str *s, const Results *r) {
    for (int i = 0; i < r->methods; i++)
        for (int k = 0; k < RESULT_MEASURES; k++) {
            const Estimate *e = &r->method[i].value[k];
            if (e->seeds == 0) continue;
            put_method(s, r, &r->method[i]);
            str_printf(s, ",%s,%d", result_name((ResultMeasure)k), e->seeds);
            put(s, e->mean);
            put(s, e->ranged ? e->interval.low : NAN);
            put(s, e->ranged ? e->interval.high : NAN);
            put(s, e->sampled ? e->prompts.low : NAN);
            put(s, e->sampled ? e->prompts.high : NAN);
            str_append_char(s, '\n');
        }
}

static void put_seeds(Str *s, const Results *r) {
    for (int i = 0; i < r->methods; i++)
        for (int seed = 0; seed < r->seeds; seed++)
            for (int k = 0; k < RESULT_MEASURES; k++) {
                const Estimate *e = &r->method[i].value[k];
                if (e->seeds == 0 || !isfinite(e->seed[seed])) continue;
                put_method(s, r, &r->method[i]);
                str_printf(s, ",%lld,%s", (long long)r->matrix[seed]->seed, result_name((ResultMeasure)k));
                put(s, e->seed[seed]);
                str_append_char(s, '\n');
            }
}

static void put_steps(Str *s, const Results *r) {
    for (int i = 0; i < r->methods; i++)
        for (int seed = 0; seed < r->seeds; seed++) {
            const MatrixMethod *run = r->method[i].run[seed];
            for (int k = 0; run && k < run->steps; k++) {
                put_method(s, r, &r->method[i]);
                str_printf(s, ",%lld,%lld", (long long)r->matrix[seed]->seed, (long long)run->step[k].step);
                put(s, run->step[k].score);
                put(s, run->step[k].kl);
                str_printf(s, ",%d", run->step[k].judged);
                put(s, run->step[k].oracle);
                put(s, run->step[k].oracle_error);
                str_append_char(s, '\n');
            }
        }
}

static void put_rejections(Str *s, const Results *r) {
    for (int seed = 0; seed < r->seeds; seed++)
        for (int c = 0; c < r->matrix[seed]->cards; c++) {
            const MatrixCard *card = &r->matrix[seed]->card[c];
            const Json *outcomes = json_get(json_get(card->card, "simulate"), "outcomes");
            for (int k = 0; outcomes && k < CLEAN_REASONS; k++) {
                const Json *count = json_get(outcomes, clean_reason_name((CleanReason)k));
                if (count == NULL || count->type != JSON_NUMBER) continue;
                report_data_field(s, r->task);
                str_printf(s, ",%lld,", (long long)r->matrix[seed]->seed);
                report_data_field(s, text_of(card->stage));
                str_printf(s, ",%s", clean_reason_name((CleanReason)k));
                put(s, count->number);
                str_append_char(s, '\n');
            }
        }
}

static void put_lines(Str *s, const Sweep *sweep, const SweepLines *lines, const char *source) {
    for (int i = 0; i < lines->count; i++)
        for (int k = 0; k < lines->line[i].points; k++) {
            const SweepPoint *point = &lines->line[i].point[k];
            report_data_field(s, sweep->task);
            str_append_char(s, ',');
            report_data_field(s, sweep->knob);
            put(s, point->value);
            str_append_char(s, ',');
            report_data_field(s, lines->line[i].name);
            str_printf(s, ",%s", source);
            put(s, point->oracle);
            put(s, point->low);
            put(s, point->high);
            str_append_char(s, '\n');
        }
}

// What the page of these results shows of the sweeps.
static void put_sweeps(Str *s, const Results *r, const SweepList *sweeps) {
    for (int i = 0; sweeps && i < sweeps->count; i++) {
        const Sweep *sweep = sweeps->sweep[i];
        if (!text_equal(sweep->task, r->task)) continue;
        put_lines(s, sweep, &sweep->predicted, "calculated");
        put_lines(s, sweep, &sweep->trained, "trained");
    }
}

Status report_data_write(const ResultsList *list, const SweepList *sweeps, const char *folder, Arena *arena, Error *error) {
    static const struct {
        const char *name, *header;
        void (*put)(Str *, const Results *);
    } FILES[] = {
        {"methods.csv", "task,method,kind,voice,measure,seeds,mean,low,high,prompts_low,prompts_high\n", put_methods},
        {"seeds.csv", "task,method,kind,voice,seed,measure,value\n", put_seeds},
        {"steps.csv", "task,method,kind,voice,seed,step,score,kl,judged,oracle,oracle_standard_error\n", put_steps},
        {"rejections.csv", "task,seed,stage,outcome,draws\n", put_rejections},
    };
    TRY(directory_make(folder, error));
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        Str s = str_make(arena);
        str_append(&s, text_of(FILES[i].header));
        for (int t = 0; t < list->count; t++) FILES[i].put(&s, &list->task[t]);
        TRY(file_write(path_join(arena, folder, FILES[i].name), s.data, s.size, error));
    }
    Str s = str_make(arena);
    str_append(&s, TEXT("task,knob,value,method,source,oracle,low,high\n"));
    for (int t = 0; t < list->count; t++) put_sweeps(&s, &list->task[t], sweeps);
    return file_write(path_join(arena, folder, "predict.csv"), s.data, s.size, error);
}
