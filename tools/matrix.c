#include "tools/matrix.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/console.h"
#include "tools/task_files.h"

static const char *const KINDS[] = {"base", "cd",   "rlcd", "rlaif", "rescore", "dpo",    "ipo",
                                    "cdpo", "rloo", "grpo", "bon",   "human",   "hybrid", NULL};

Status matrix_method(Method *out, const char *name, Error *error) {
    Text text = text_of(name);
    ptrdiff_t dash = text_find(text, TEXT("-"));
    Text kind = {name, dash < 0 ? text.size : (size_t)dash};
    *out = (Method){.name = name, .voice = dash < 0 ? NULL : name + dash + 1};
    int k = 0;
    while (KINDS[k] && !text_equal(kind, text_of(KINDS[k]))) k++;
    if (KINDS[k] == NULL) {
        const char *near = nearest_name(name, KINDS);
        if (near) return error_set(error, ERR_USAGE, "run.methods: unknown method \"%.40s\"; did you mean %s?", name, near);
        return error_set(error, ERR_USAGE,
                         "run.methods: unknown method \"%.40s\"; there are base, cd, rlcd, rlaif, rescore, dpo, ipo, cdpo, rloo, grpo, "
                         "bon, human, hybrid",
                         name);
    }
    out->kind = (MethodKind)k;
    bool judged = out->kind == METHOD_RLAIF || out->kind == METHOD_RESCORE;
    if (out->voice && !judged)
        return error_set(error, ERR_USAGE, "run.methods: \"%.40s\": only rlaif and rescore have a judge's voice", name);
    // The voice is part of a directory's name.
    for (const char *c = out->voice; c && (c == out->voice || *c); c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return error_set(error, ERR_USAGE, "run.methods: \"%.40s\": a voice is made of letters, digits and _", name);
    return OK;
}

Args matrix_stage_args(const Args *all, const Verb *verb, Arena *arena) {
    Args part = *all;
    part.verb = verb;
    part.value = arena_alloc(arena, (size_t)all->count * sizeof *part.value);
    part.count = 0;
    for (const OptionTable *const *table = verb->tables; *table; table++)
        for (int i = 0; i < all->count; i++)
            if (strcmp(all->value[i].section, (*table)->section) == 0)
                for (const Option *o = (*table)->option; o->name; o++)
                    if (all->value[i].option == o) part.value[part.count++] = all->value[i];
    return part;
}

// ---- stages

// Everything one run of the matrix holds.
typedef struct {
    Tool *tool;
    Args *all;
    Str *summary;
    const char *out;
    bool any;              // a stage was looked at: from then on --resume must is satisfied
    bool contrast, plain;  // these pairs are there
    const char *heading;   // stands above the next table; NULL: it was written
} MatrixRun;

// OUT/a or OUT/a/b.
static const char *folder_of(const MatrixRun *m, const char *a, const char *b) {
    const char *folder = path_join(&m->tool->text, m->out, a);
    return b ? path_join(&m->tool->text, folder, b) : folder;
}

static const char *pairs_of(const MatrixRun *m, const char *a, const char *b) {
    return path_join(&m->tool->text, folder_of(m, a, b), "pairs.jsonl");
}

// Stages from here on belong to a method, or to pairs that are shared.
static void begin_heading(MatrixRun *m, const char *name) {
    m->heading = name;
    console_context(name);
}

// The table of a finished stage, under its heading if it is the first.
static Status end_stage(MatrixRun *m, const Str *table, Status status) {
    if (status != OK) return status;
    if (m->heading) str_printf(m->summary, "\n%s\n", m->heading);
    m->heading = NULL;
    str_append(m->summary, str_text(table));
    return OK;
}

// The options of a stage, one of them (or none: NULL) set by the matrix; they stay valid until the next stage begins.
static Status begin_stage(MatrixRun *m, Args *part, const Verb *verb, const char *key, const char *value, Error *error) {
    if (m->any && strcmp(args_text(m->all, "resume"), "must") == 0) TRY(args_set(m->all, &m->tool->text, "resume", TEXT("auto"), error));
    m->any = true;
    *part = matrix_stage_args(m->all, verb, &m->tool->text);
    m->tool->args = part;
    return key ? args_set(part, &m->tool->text, key, text_of(value), error) : OK;
}

// Pairs that several methods share, once: from p+ and p-, or two replies to p.
static Status simulate(MatrixRun *m, bool plain, Error *error) {
    Args part;
    Str table = str_make(&m->tool->text);
    bool *there = plain ? &m->plain : &m->contrast;
    if (*there) return OK;
    begin_heading(m, plain ? "plain" : "contrast");
    TRY(begin_stage(m, &part, &VERB_SIMULATE, "simulate.method", plain ? "rlaif" : "rlcd", error));
    TRY(end_stage(m, &table, stage_simulate(m->tool, folder_of(m, m->heading, NULL), &table, error)));
    *there = true;
    return OK;
}

static Status label(MatrixRun *m, const Method *method, const char *pairs, Error *error) {
    Args part;
    Str table = str_make(&m->tool->text);
    TRY(begin_stage(m, &part, &VERB_LABEL, method->voice ? "label.voice" : NULL, method->voice, error));
    return end_stage(m, &table, stage_label(m->tool, folder_of(m, method->name, "label"), pairs, &table, error));
}

static bool is_grouped(const Method *method) { return method->kind == METHOD_RLOO || method->kind == METHOD_GRPO; }

static bool has_preference(const Method *method) {
    return method->kind == METHOD_RLCD || method->kind == METHOD_RLAIF || method->kind == METHOD_RESCORE || method->kind >= METHOD_RLOO;
}

static bool is_tuned(const Method *method) { return method->kind != METHOD_BASE && method->kind != METHOD_BON; }

// The method in whose folder the preference model is: rloo, grpo and bon share that of rlcd, which has the same pairs.
static const char *judge_of(const Method *method) {
    return is_grouped(method) || method->kind == METHOD_BON ? KINDS[METHOD_RLCD] : method->name;
}

static Status preference(MatrixRun *m, const Method *method, const char *const *pairs, int n, const char *plain, Error *error) {
    Args part;
    Str table = str_make(&m->tool->text);
    TRY(begin_stage(m, &part, &VERB_PREFERENCE, NULL, NULL, error));
    if (method->kind == METHOD_HYBRID) {
        Str weights = str_make(&m->tool->text);
        str_append(&weights, TEXT("[1"));
        for (int i = 1; i < n; i++) str_printf(&weights, ", %s", args_text(m->all, "run.human_weight"));
        str_append_char(&weights, ']');
        TRY(args_set(&part, &m->tool->text, "preference.weights", str_text(&weights), error));
    }
    return end_stage(m, &table, stage_preference(m->tool, folder_of(m, judge_of(method), "preference"), pairs, n, plain, &table, error));
}

static Status policy(MatrixRun *m, const Method *method, const char *pairs, Error *error) {
    Args part;
    Str table = str_make(&m->tool->text);
    const char *folder = folder_of(m, method->name, "policy");
    switch (method->kind) {
        case METHOD_BASE:
        case METHOD_BON: return OK;
        case METHOD_CD:
            TRY(begin_stage(m, &part, &VERB_SFT, NULL, NULL, error));
            return end_stage(m, &table, stage_sft(m->tool, folder, &pairs, 1, &table, error));
        case METHOD_DPO:
        case METHOD_IPO:
        case METHOD_CDPO:
            TRY(begin_stage(m, &part, &VERB_DPO, "dpo.loss", KINDS[method->kind], error));
            return end_stage(m, &table, stage_dpo(m->tool, folder, &pairs, 1, &table, error));
        default:
            TRY(begin_stage(m, &part, &VERB_PPO, is_grouped(method) ? "ppo.algorithm" : NULL, KINDS[method->kind], error));
            return end_stage(m, &table, stage_ppo(m->tool, folder, folder_of(m, judge_of(method), "preference"), &table, error));
    }
}

static Status eval(MatrixRun *m, const Method *method, Error *error) {
    Args part;
    Str table = str_make(&m->tool->text);
    bool missed;
    TRY(begin_stage(m, &part, &VERB_EVAL, "eval.policy", method->name, error));
    if (method->kind == METHOD_BON) {
        Str best = str_make(&m->tool->text);
        str_printf(&best, "%lld", (long long)args_int(m->all, "run.best_of"));
        TRY(args_set(&part, &m->tool->text, "eval.best_of", str_text(&best), error));
    }
    EvalInputs in = {.prompts = args_text(m->all, "eval.prompts")};
    if (in.prompts == NULL) in.prompts = args_text(m->all, "data.prompts");
    if (is_tuned(method)) in.adapter = folder_of(m, method->name, "policy");
    if (has_preference(method)) {
        in.preference = folder_of(m, judge_of(method), "preference");
        in.n_pairs = args_list(m->all, "run.human", &in.pairs);
    }
    return end_stage(m, &table, stage_eval(m->tool, folder_of(m, method->name, "eval"), &in, &table, &missed, error));
}

// Whether the method's pairs are two replies to p.
static bool from_plain(const Method *method) { return method->kind == METHOD_RLAIF; }
static bool is_labelled(const Method *method) { return method->kind == METHOD_RLAIF || method->kind == METHOD_RESCORE; }

// All stages of one method, the shared ones first.
static Status run_method(MatrixRun *m, const Method *method, Error *error) {
    const char *pairs = NULL, *plain = NULL, *const *files = &pairs;
    int n = 1;
    // Pairs, with the scale's when the preference model wants plain replies.
    if (method->kind == METHOD_HUMAN)
        n = args_list(m->all, "run.human_train", &files);
    else if (method->kind != METHOD_BASE) {
        TRY(simulate(m, from_plain(method), error));
        pairs = pairs_of(m, from_plain(method) ? "plain" : "contrast", NULL);
    }
    if (method->kind == METHOD_HYBRID) {
        const char *const *human, **both;
        n = 1 + args_list(m->all, "run.human_train", &human);
        files = both = arena_alloc(&m->tool->text, (size_t)n * sizeof *both);
        both[0] = pairs;
        for (int i = 1; i < n; i++) both[i] = human[i - 1];
    }
    if (has_preference(method) && args_choice(m->all, "preference.scale") == 1) {
        plain = args_text(m->all, "preference.plain");
        if (plain == NULL) TRY(simulate(m, true, error));
        if (plain == NULL) plain = pairs_of(m, "plain", NULL);
    }

    begin_heading(m, method->name);
    if (is_labelled(method)) {
        TRY(label(m, method, pairs, error));
        pairs = pairs_of(m, method->name, "label");
    }
    if (has_preference(method)) TRY(preference(m, method, files, n, plain, error));
    TRY(policy(m, method, pairs, error));
    return eval(m, method, error);
}

// ---- results.json

// ,"key":"METHOD/stage"
static void put_path(Str *s, const char *key, const char *folder, const char *rest) {
    Str path = str_make(s->arena);
    str_printf(&path, "%s/%s", folder, rest);
    str_printf(s, ",\"%s\":", key);
    json_write_string(s, str_text(&path));
}

static void put_method(Str *s, const Method *method, const char *voice) {
    str_append(s, TEXT("{\"name\":"));
    json_write_string(s, text_of(method->name));
    str_printf(s, ",\"kind\":\"%s\"", KINDS[method->kind]);
    if (is_labelled(method) && voice[0]) {
        str_append(s, TEXT(",\"voice\":"));
        json_write_string(s, text_of(voice));
    }
    if (is_labelled(method)) put_path(s, "pairs", method->name, "label/pairs.jsonl");
    if (method->kind == METHOD_RLCD || (method->kind >= METHOD_DPO && method->kind < METHOD_HUMAN))
        put_path(s, "pairs", "contrast", "pairs.jsonl");
    if (has_preference(method)) put_path(s, "preference", judge_of(method), "preference");
    if (is_tuned(method)) put_path(s, "policy", method->name, "policy");
    put_path(s, "eval", method->name, "eval");
    str_append_char(s, '}');
}

static Status write_results(const MatrixRun *m, const Method *method, int n, Error *error) {
    Tool *tool = m->tool;
    Task task;
    const char *task_path, *path = path_join(&tool->text, m->out, "results.json");
    tool->args = m->all;
    TRY(task_files_open(&task, &task_path, tool, error));
    Str s = str_make(&tool->text);
    str_printf(&s, "{\"version\":1,\"rlcd\":\"%s\",\"seed\":%lld,\"task\":", RLCD_VERSION, (long long)args_int(m->all, "seed"));
    json_write_string(&s, task.name);
    str_append(&s, TEXT(",\"model\":{\"path\":"));
    json_write_string(&s, text_of(tool->model_path));
    str_printf(&s, ",\"sha256\":\"%s\"},\"methods\":[", tool->model_hash);
    for (int i = 0; i < n; i++) {
        if (i) str_append_char(&s, ',');
        put_method(&s, &method[i], method[i].voice ? method[i].voice : args_text(m->all, "label.voice"));
    }
    str_append(&s, TEXT("]}\n"));
    // A finished matrix is shown again without a byte written.
    Text old;
    if (file_exists(path) && file_read(&old, &tool->text, path, (size_t)1 << 20, NULL) == OK && text_equal(old, str_text(&s))) return OK;
    return file_write(path, s.data, s.size, error);
}

Status matrix_run(Tool *tool, Args *all, Str *summary, Error *error) {
    const char *const *names;
    int n = args_list(all, "run.methods", &names);
    MatrixRun m = {.tool = tool, .all = all, .summary = summary, .out = args_text(all, "out")};
    Method *method = arena_zeros(&tool->text, (size_t)n, sizeof *method);
    // All names before the first stage.
    for (int i = 0; i < n; i++) {
        TRY(matrix_method(&method[i], names[i], error));
        for (int k = 0; k < i; k++)
            if (strcmp(names[k], names[i]) == 0) return error_set(error, ERR_USAGE, "run.methods: \"%s\" is there twice", names[i]);
    }
    // And what their options must hold together.
    for (int i = 0; i < n; i++) {
        if (has_preference(&method[i]) && is_tuned(&method[i])) TRY(stage_ppo_groups(all, is_grouped(&method[i]), error));
        if (method[i].kind >= METHOD_HUMAN && !args_has(all, "run.human_train"))
            return error_set(error, ERR_USAGE, "run.methods: \"%s\" needs run.human_train, the pairs that it learns from", names[i]);
    }
    if (args_has(all, "eval.require"))
        return error_set(error, ERR_USAGE, "eval.require: compares one policy with the base; it cannot go with run.methods");
    for (int i = 0; i < n; i++) TRY(run_method(&m, &method[i], error));
    return write_results(&m, method, n, error);
}
