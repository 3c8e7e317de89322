// rlcd world: text of the small world, prompts, the oracle over any file of replies.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/stage.h"
#include "tools/world_corpus.h"
#include "tools/world_predict.h"
#include "tools/world_rows.h"

// What an action works on; how much text and which knobs stand in OPTIONS_WORLD.
static const Option WORLD[] = {
    {"world", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "DIR", "Folder of the grammar (default: models/tiny/world)."},
    {"out", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "File that is written."},
    {"task", OPTION_STRING, "harmless", NULL, true, false, 0, 0, NULL, "T", "prompts, predict: a task of the world."},
    {"split", OPTION_CHOICE, "train", NULL, true, false, 0, 0, "train|held-out", NULL, "prompts: topics of the corpus, or the others."},
    {"count", OPTION_INT, "1000", NULL, true, false, 1, 4294967295.0, NULL, "N", "prompts: how many."},
    {"n", OPTION_INT, "4000", NULL, true, false, 10, 100000, NULL, "N", "predict: pairs of a method."},
    {"beta", OPTION_LIST, "1, 0.5, 0.25", NULL, true, false, 0, 0, NULL, "X", "predict: weights of KL."},
    {"sweep", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "SWEEP",
     "predict: KNOB=X,Y,... or KNOB=FROM:TO:STEP, a table over a knob's values."},
    {0},
};
static const OptionTable WORLD_TABLE = {"", WORLD};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &WORLD_TABLE, &OPTIONS_WORLD, NULL};
const Verb VERB_WORLD = {
    .name = "world",
    .usage = "rlcd world corpus|prompts|score|label|predict [FILE] [--out FILE] [options]",
    .summary = "The small world: text, prompts, the oracle, what the knobs predict.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = 2,
};

// ---- options

static Status open_world(Tool *tool, World *world, Error *error) {
    const char *folder = args_text(tool->args, "world");
    TRY(world_open(world, &tool->model, folder ? folder : world_folder(&tool->text, tool->share), error));
    return world_read_knobs(world, &tool->text, tool->args, error);
}

static Status need_out(Tool *tool, const char **out, Error *error) {
    *out = args_text(tool->args, "out");
    return *out ? OK : error_set(error, ERR_USAGE, "rlcd world %s needs --out FILE", tool->args->positional[0]);
}

static Status need_task(Tool *tool, const World *world, const WorldTask **task, Error *error) {
    const char *name = args_text(tool->args, "task"), *names[WORLD_TASKS_MAX + 1] = {NULL};
    *task = world_find_task(world, text_of(name));
    if (*task) return OK;
    for (int i = 0; i < world->tasks; i++) names[i] = world->task[i].name.data;
    const char *near = nearest_name(name, names);
    if (near) return error_set(error, ERR_USAGE, "the world has no task '%s'; did you mean '%s'?", name, near);
    Str all = str_make(&tool->text);
    for (int i = 0; names[i]; i++) str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    return error_set(error, ERR_USAGE, "the world has no task '%s'; its tasks are: %s", name, all.data);
}

// ---- corpus and prompts

static Status corpus(Tool *tool, World *world, Error *error) {
    const char *out;
    CorpusCounts c;
    TRY(need_out(tool, &out, error));
    if (args_has(tool->args, "world.documents") == args_has(tool->args, "world.tokens"))
        return error_set(error, ERR_USAGE, "rlcd world corpus needs one of --tokens and --documents");
    TRY(world_write_corpus(&c, world, tool->args, out, error));
    printf("%lld documents, %lld tokens by words and marks, the longest %lld, %lld judge documents;", (long long)c.documents,
           (long long)c.tokens, (long long)c.longest, (long long)c.judges);
    for (int i = 0; i < world->tasks; i++) printf("%s %s %lld", i ? "," : "", world->task[i].name.data, (long long)c.of_task[i]);
    putchar('\n');
    return OK;
}

static Status prompts(Tool *tool, World *world, Error *error) {
    const Args *args = tool->args;
    const WorldTask *task;
    const char *out;
    TRY(need_out(tool, &out, error));
    TRY(need_task(tool, world, &task, error));
    TRY(world_write_prompts(world, task, args_choice(args, "split") == 1, args_int(args, "count"), (uint64_t)args_int(args, "seed"), out,
                            console_stop_wanted, error));
    printf("%lld prompts\n", (long long)args_int(args, "count"));
    return OK;
}

// ---- score and label

static Status score(Tool *tool, World *world, Error *error) {
    WorldTally tally;
    TRY(world_score_file(&tally, world, tool->args->positional[1], args_text(tool->args, "out"), error));
    printf("%-9s %8s %16s %7s %7s %10s %12s\n", "member", "replies", "oracle", "tone", "words", "sentences", "well-formed");
    for (int m = 0; m < WORLD_MEMBERS; m++) {
        const WorldSums *s = &tally.member[m];
        double n = (double)s->replies;
        if (s->replies == 0) continue;
        double mean = s->score / n, variance = s->square / n - mean * mean;
        printf("%-9s %8lld %7.3f +- %.3f %+7.2f %7.1f %10.2f %12.3f\n", WORLD_MEMBER_NAMES[m], (long long)s->replies, mean,
               sqrt(variance > 0 ? variance / n : 0), s->tone / n, s->words / n, s->sentences / n, s->well_formed / n);
    }
    if (tally.pairs == 0) return OK;
    printf("labels agree with the oracle on %.1f of %lld pairs", tally.right, (long long)(tally.pairs - tally.ties));
    if (tally.pairs > tally.ties) printf(" (%.1f %%)", 100 * tally.right / (double)(tally.pairs - tally.ties));
    printf("; %lld pairs are ties\n", (long long)tally.ties);
    return OK;
}

static Status label(Tool *tool, World *world, Error *error) {
    WorldLabels labels;
    const char *out;
    TRY(need_out(tool, &out, error));
    TRY(world_label_file(&labels, world, tool->args->positional[1], out, error));
    printf("%lld pairs, %lld of them turned round; %lld ties left out\n", (long long)labels.kept, (long long)labels.swapped,
           (long long)labels.ties);
    return OK;
}

// ---- predict

// The numbers of "1,0.5,0.25", each in [low, high], behind those that are there.
static Status add_numbers(Tool *tool, double *value, int *count, int most, Text text, double low, double high, const char *what,
                          Error *error) {
    while (text.size) {
        const char *comma = memchr(text.data, ',', text.size);
        Text one = {text.data, comma ? (size_t)(comma - text.data) : text.size};
        text = (Text){one.data + one.size + (comma != NULL), text.size - one.size - (comma != NULL)};
        if (*count == most) return error_set(error, ERR_USAGE, "%s: expected at most %d numbers", what, most);
        if (!world_parse_number(&tool->text, one, &value[*count]) || value[*count] < low || value[*count] > high)
            return error_set(error, ERR_USAGE, "%s: expected a number from %g to %g, found '%.*s'", what, low, high,
                             (int)(one.size > 40 ? 40 : one.size), one.data);
        ++*count;
    }
    return OK;
}

enum { SWEEP_MAX = 256 };
typedef struct {
    const WorldKnob *knob;
    int count;
    double value[SWEEP_MAX];
} Sweep;

// "delta=0,0.5,1" or "delta=0:2:0.25".
static Status read_sweep(Tool *tool, Sweep *sweep, const char *text, Error *error) {
    const char *equals = strchr(text, '='), *colon = strchr(text, ':');
    *sweep = (Sweep){0};
    if (equals) sweep->knob = world_find_knob((Text){text, (size_t)(equals - text)});
    if (sweep->knob == NULL)
        return error_set(error, ERR_USAGE, "sweep: expected KNOB=X,Y,... with a knob of the world, found '%.80s'", text);
    double low = sweep->knob->low, high = sweep->knob->high;
    if (colon == NULL) return add_numbers(tool, sweep->value, &sweep->count, SWEEP_MAX, text_of(equals + 1), low, high, "sweep", error);
    // Three numbers with ':' between them, the values by index so that no error adds up.
    Str list = str_make(&tool->text);
    for (const char *c = equals + 1; *c; c++) str_append_char(&list, *c == ':' ? ',' : *c);
    double range[3];
    int parts = 0;
    TRY(add_numbers(tool, range, &parts, 3, str_text(&list), low, high, "sweep", error));
    if (parts != 3 || !(range[2] > 0) || range[1] < range[0])
        return error_set(error, ERR_USAGE, "sweep: expected FROM:TO:STEP with a step above 0, found '%.80s'", equals + 1);
    for (int i = 0; range[0] + i * range[2] <= range[1] + range[2] * 1e-6; i++) {
        if (i == SWEEP_MAX) return error_set(error, ERR_USAGE, "sweep: expected at most %d values", SWEEP_MAX);
        sweep->value[sweep->count++] = range[0] + i * range[2];
    }
    return OK;
}

static void print_prediction(const Prediction *p, const PredictConfig *c) {
    printf("p: oracle %.3f, tone %+.2f, words %.1f; p+ %.3f, p- %.3f\n\n", p->plain.score, p->plain.tone, p->plain.words, p->plus.score,
           p->minus.score);
    printf("%30s", "");
    for (int b = 0; b < c->betas; b++) printf(" | beta %-22g", c->beta[b]);
    printf("\n%-16s %6s %6s", "method", "labels", "RM");
    for (int b = 0; b < c->betas; b++) printf(" | %6s %6s %6s %6s", "oracle", "tone", "words", "KL");
    putchar('\n');
    for (int i = 0; i < p->methods; i++) {
        const PredictMethod *m = &p->method[i];
        printf("%-16.*s %6.3f %6.3f", (int)m->name.size, m->name.data, m->labels, m->accuracy);
        for (int b = 0; b < c->betas; b++)
            printf(" | %6.3f %+6.2f %6.1f %6.2f", m->mean[b].score, m->mean[b].tone, m->mean[b].words, m->kl[b]);
        putchar('\n');
    }
}

// One line a value: what the figure of a sweep shows.
static void print_sweep(const Sweep *sweep, const Prediction *p, const PredictConfig *c) {
    for (int b = -2; b < c->betas; b++) {
        if (b == -2)
            printf("labels that agree with the oracle\n");
        else if (b == -1)
            printf("\naccuracy of the preference model\n");
        else
            printf("\noracle at beta %g\n", c->beta[b]);
        printf("%8s", sweep->knob->name);
        for (int i = 0; i < p->methods; i++) printf(" %15.*s", (int)p->method[i].name.size, p->method[i].name.data);
        for (int v = 0; v < sweep->count; v++) {
            printf("\n%8g", sweep->value[v]);
            for (int i = 0; i < p->methods; i++) {
                const PredictMethod *m = &p[v].method[i];
                printf(" %15.3f", b == -2 ? m->labels : b == -1 ? m->accuracy : m->mean[b].score);
            }
        }
        putchar('\n');
    }
}

// The prediction for each value of a knob; its table, its rows.
static void run_sweep(Tool *tool, const World *world, const Sweep *sweep, const PredictConfig *config, Str *rows) {
    World changed = *world;
    Prediction *p = arena_zeros(&tool->run, (size_t)sweep->count, sizeof *p);
    for (int v = 0; v < sweep->count; v++) {
        *world_knob(&changed.knobs, sweep->knob) = sweep->value[v];
        world_predict(&p[v], &tool->text, &changed, config);
        world_predict_write(rows, &p[v], config, sweep->knob->name, sweep->value[v]);
        console_progress("predict", v + 1, sweep->count, sweep->knob->name);
    }
    console_clear();
    print_sweep(sweep, p, config);
}

static Status predict(Tool *tool, World *world, Error *error) {
    const Args *args = tool->args;
    PredictConfig config = {.n = (int)args_int(args, "n"), .seed = (uint64_t)args_int(args, "seed")};
    const char *const *item, *out = args_text(args, "out");
    TRY(need_task(tool, world, &config.task, error));
    int count = args_list(args, "beta", &item);
    for (int i = 0; i < count; i++)
        TRY(add_numbers(tool, config.beta, &config.betas, PREDICT_BETAS_MAX, text_of(item[i]), 0.01, 100, "beta", error));
    Str rows = str_make(&tool->run);
    str_append(&rows, TEXT(""));
    count = args_list(args, "sweep", &item);
    Sweep *sweep = arena_zeros(&tool->run, (size_t)count, sizeof *sweep);
    for (int i = 0; i < count; i++) TRY(read_sweep(tool, &sweep[i], item[i], error));
    for (int i = 0; i < count; i++) {
        if (i) putchar('\n');
        run_sweep(tool, world, &sweep[i], &config, &rows);
    }
    if (count == 0) {
        Prediction prediction;
        world_predict(&prediction, &tool->run, world, &config);
        world_predict_write(&rows, &prediction, &config, NULL, 0);
        print_prediction(&prediction, &config);
    }
    return out ? file_write(out, rows.data, rows.size, error) : OK;
}

// ---- the verb

// What each action takes of the table above, blank before and behind each name; a knob where it changes what comes out.
#define CORPUS_KNOBS                                                                                          \
    " delta leak pull rho p_multi p_closing p_annot p_judge level_weight tone_weight stray_judge stray_minus" \
    " repeat_minus splice_minus copy_weight opening_weight answer_weight min_sentences voice mix "
static const struct {
    const char *name;
    Status (*run)(Tool *, World *, Error *);
    const char *options;
    bool reads;  // a file follows
} ACTIONS[] = {
    {"corpus", corpus, " world out documents tokens" CORPUS_KNOBS, false},
    {"prompts", prompts, " world out task split count pull p_multi level_weight tone_weight ", false},
    {"score", score, " world out min_sentences ", true},
    {"label", label, " world out min_sentences ", true},
    {"predict", predict, " world out task n beta sweep delta leak pull level_weight tone_weight min_sentences voice ", false},
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

// An option of another action would do nothing: it is refused.
static Status check_options(const Args *args, int action, Error *error) {
    const OptionTable *const tables[] = {&WORLD_TABLE, &OPTIONS_WORLD};
    for (int t = 0; t < 2; t++)
        for (const Option *o = tables[t]->option; o->name; o++) {
            char name[64], key[64];
            snprintf(name, sizeof name, " %s ", o->name);
            snprintf(key, sizeof key, "%s%s%s", tables[t]->section, t ? "." : "", o->name);
            if (args_given(args, key) && strstr(ACTIONS[action].options, name) == NULL)
                return error_set(error, ERR_USAGE, "rlcd world %s takes no %s", ACTIONS[action].name, o->name);
        }
    if ((args->positionals == 2) == ACTIONS[action].reads) return OK;
    return error_set(error, ERR_USAGE, "rlcd world %s takes %s", ACTIONS[action].name, ACTIONS[action].reads ? "one FILE" : "no FILE");
}

static Status work(Tool *tool, Error *error) {
    const char *names[ACTION_COUNT + 1] = {NULL}, *wanted = tool->args->positional[0];
    World *world = arena_zeros(&tool->model, 1, sizeof *world);
    int action = 0;
    while (action < ACTION_COUNT && strcmp(ACTIONS[action].name, wanted) != 0) action++;
    if (action == ACTION_COUNT) {
        for (int i = 0; i < ACTION_COUNT; i++) names[i] = ACTIONS[i].name;
        const char *near = nearest_name(wanted, names);
        return error_set(error, ERR_USAGE, "world: expected corpus, prompts, score, label or predict, found \"%s\"%s%s%s", wanted,
                         near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
    }
    TRY(check_options(tool->args, action, error));
    TRY(open_world(tool, world, error));
    return ACTIONS[action].run(tool, world, error);
}

int cmd_world(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_WORLD, argc, argv);
    if (code >= 0) return code;
    Status status = work(&tool, &error);
    return tool_exit(&tool, status, &error);
}
