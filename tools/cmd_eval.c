// rlcd eval: preference accuracy on pairs; base and tuned model on held-out prompts.
#include <stdio.h>
#include <string.h>

#include "rlcd/preference.h"
#include "rlcd/samples.h"
#include "tools/console.h"
#include "tools/evaluate.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/self_bleu.h"
#include "tools/stage.h"
#include "tools/stats.h"
#include "tools/task_files.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_OUT, &OPTIONS_TASK, &OPTIONS_EVAL, NULL};
const Verb VERB_EVAL = {
    .name = "eval",
    .usage = "rlcd eval --model M [--preference RUN] [--adapter RUN] [--pairs FILE] [--prompts FILE] [--policy NAME] --out DIR",
    .summary = "Measures preference accuracy on pairs, and base and tuned model, or one policy alone, on held-out prompts.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// Everything one call needs.
typedef struct {
    Tool *tool;
    Session *session;
    RunDir *run;
    Str *summary;
    const Role *preference;
    PairTokens *pairs;
    PairFit fit;
    Task task;
    PromptTokens *prompts;
    int n_prompts, cut_prompts;
    int parts;    // what is measured: pairs, base, tuned model
    int best_of;  // replies to a prompt of the tuned model, or of the policy alone, of which the best is kept
} Eval;

// Leaves the pairs from `first` on, at most `limit` of them (below 0: all).
static Status keep_pairs(PairList *pairs, const char *path, int64_t first, int64_t limit, Error *error) {
    int kept = 0;
    for (int i = 0; i < pairs->count && (limit < 0 || kept < limit); i++)
        if (pairs->pair[i].index >= first) pairs->pair[kept++] = pairs->pair[i];
    if (kept == 0)
        return error_set(error, ERR_DATA, "%s: expected a pair with an index of at least %lld (--pairs-first), found none", path,
                         (long long)first);
    pairs->count = kept;
    return OK;
}

// What is measured on, read and tokenised before the run directory is touched.
static Status read_inputs(Eval *e, const EvalInputs *in, Error *error) {
    Tool *tool = e->tool;
    const Args *args = tool->args;
    Arena *arena = &tool->run;
    int64_t limit;
    if (in->n_pairs) {
        PairList pairs;
        TRY(tool_limit(&limit, args, "eval.pairs_limit", error));
        TRY(pairs_read(&pairs, arena, in->pairs, in->n_pairs, task_plain(), false, error));
        TRY(keep_pairs(&pairs, in->pairs[0], args_int(args, "eval.pairs_first"), limit, error));
        TRY(preference_tokens(&e->pairs, &e->fit, &pairs, &tool->base, tool->tokenizer_hash, (int)args_int(args, "eval.max_tokens"), arena,
                              error));
    }
    if (in->prompts) {
        const char *path;
        PromptList prompts;
        TRY(task_files_open(&e->task, &path, tool, error));
        TRY(prompts_read(&prompts, arena, in->prompts, &e->task, args_int(args, "eval.first"), args_int(args, "eval.limit"), error));
        e->n_prompts = prompts.count;
        TRY(rollout_prompts(&e->prompts, &prompts, &tool->base, (int)args_int(args, "eval.max_prompt"), arena, &e->cut_prompts, error));
    }
    return OK;
}

// The same accuracy in groups of about equal size by how much longer the chosen reply is: a preference model that has learned length is
// right at one end and wrong at the other.
static void accuracy_by_length(Eval *e, const double *margin) {
    enum { GROUPS = 4 };
    int n = e->fit.kept, *group = arena_alloc(&e->tool->run, (size_t)n * sizeof *group);
    double *longer = arena_alloc(&e->tool->run, (size_t)n * sizeof *longer);
    for (int i = 0; i < n; i++) longer[i] = sequence_actions(&e->pairs[i].chosen) - sequence_actions(&e->pairs[i].rejected);
    stats_groups(group, longer, n, GROUPS, &e->tool->run);
    str_append(&e->run->result, TEXT(",\"by_length\":["));
    for (int g = 0, told = 0; g < GROUPS; g++) {
        double from = 0, to = 0;
        int64_t of = 0, right = 0;
        for (int i = 0; i < n; i++) {
            if (group[i] != g) continue;
            from = of == 0 || longer[i] < from ? longer[i] : from;
            to = of == 0 || longer[i] > to ? longer[i] : to;
            of++;
            right += margin[i] > 0;
        }
        if (of == 0) continue;
        MeasureInterval interval = measure_wilson(right, of, MEASURE_Z95);
        str_printf(&e->run->result, "%s{\"from\":%.0f,\"to\":%.0f,\"right\":%lld,\"of\":%lld}", told++ ? "," : "", from, to,
                   (long long)right, (long long)of);
        str_printf(e->summary, "  chosen longer by %+.0f to %+.0f tokens: %.1f %% [%.1f, %.1f] on %lld\n", from, to,
                   100.0 * (double)right / (double)of, 100 * interval.low, 100 * interval.high, (long long)of);
    }
    str_append_char(&e->run->result, ']');
}

static Status accuracy_on_pairs(Eval *e, Error *error) {
    int64_t right;
    e->session->progress("eval", 0, e->parts, "");
    double *margin = arena_alloc(&e->tool->run, (size_t)e->fit.kept * sizeof *margin);
    TRY(preference_accuracy(&right, margin, e->preference, e->pairs, e->fit.kept, e->session, error));
    MeasureInterval interval = measure_wilson(right, e->fit.kept, MEASURE_Z95);
    str_printf(&e->run->result, ",\"pairs\":{\"right\":%lld,\"of\":%d,\"cut\":%d,\"too_long\":%d", (long long)right, e->fit.kept,
               e->fit.cut, e->fit.too_long);
    str_printf(e->summary, "human pairs    accuracy %.1f %% [%.1f, %.1f] on %d pairs (%d prompts cut, %d pairs too long)\n",
               100.0 * (double)right / e->fit.kept, 100 * interval.low, 100 * interval.high, e->fit.kept, e->fit.cut, e->fit.too_long);
    accuracy_by_length(e, margin);
    str_append_char(&e->run->result, '}');
    return OK;
}

// Replies of both models, one JSON line a prompt.
static Status write_replies(Eval *e, const EvaluateResult *base, const EvaluateResult *tuned, Error *error) {
    Str file = str_make(&e->tool->run);
    str_append(&file, TEXT(""));
    for (int i = 0; i < base->n; i++) {
        const Rollout *a = &base->rollouts[i];
        Str prompt = str_make(&e->tool->run);
        tokenizer_decode(e->tool->base.tokenizer, a->prompt->ids, a->prompt->count, false, &prompt);
        str_printf(&file, "{\"index\":%lld,\"prompt\":", (long long)a->prompt->index);
        samples_write_text(&file, str_text(&prompt));
        const EvaluateResult *results[] = {base, tuned};
        static const char *const NAMES[] = {"base", "tuned"};
        for (int m = 0; m < 2 && results[m]; m++) {
            str_printf(&file, ",\"%s\":", NAMES[m]);
            samples_write_text(&file, results[m]->rollouts[i].text);
            if (results[m]->score) {
                str_printf(&file, ",\"%s_score\":", NAMES[m]);
                json_write_float(&file, results[m]->rollouts[i].score);
            }
        }
        str_append(&file, TEXT("}\n"));
    }
    return file_write(path_join(&e->tool->text, e->run->path, "replies.jsonl"), file.data, file.size, error);
}

// Replies of one policy, one JSON line a prompt.
static Status write_policy_replies(Eval *e, const char *policy, const EvaluateResult *r, Error *error) {
    Str file = str_make(&e->tool->run);
    str_append(&file, TEXT(""));
    for (int i = 0; i < r->n; i++) {
        const Rollout *a = &r->rollouts[i];
        Str prompt = str_make(&e->tool->run);
        tokenizer_decode(e->tool->base.tokenizer, a->prompt->ids, a->prompt->count, false, &prompt);
        int T = sequence_actions(&a->sequence);
        double kl = 0;
        for (int t = 0; t < T; t++) kl += (double)a->logp[t] - (double)a->ref_logp[t];
        str_printf(&file, "{\"index\":%lld,\"prompt\":", (long long)a->prompt->index);
        samples_write_text(&file, str_text(&prompt));
        str_append(&file, TEXT(",\"policy\":"));
        samples_write_text(&file, text_of(policy));
        str_append(&file, TEXT(",\"reply\":"));
        samples_write_text(&file, a->text);
        str_printf(&file, ",\"end\":\"%s\"", samples_end_name(a->end));
        if (r->score) {
            str_append(&file, TEXT(",\"score\":"));
            json_write_float(&file, a->score);
        }
        str_append(&file, TEXT(",\"kl\":"));
        json_write_float(&file, (float)kl);
        str_printf(&file, ",\"length\":%d}\n", T);
    }
    return file_write(path_join(&e->tool->text, e->run->path, "replies.jsonl"), file.data, file.size, error);
}

// How alike a model's replies are, over their tokens.
static double reply_self_bleu(const EvaluateResult *r, Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    int *offset = arena_alloc(scratch, ((size_t)r->n + 1) * sizeof *offset);
    offset[0] = 0;
    for (int i = 0; i < r->n; i++) offset[i + 1] = offset[i] + sequence_actions(&r->rollouts[i].sequence);
    int32_t *ids = arena_alloc(scratch, ((size_t)offset[r->n] + 1) * sizeof *ids);
    for (int i = 0; i < r->n; i++) {
        const Sequence *s = &r->rollouts[i].sequence;
        memcpy(ids + offset[i], s->ids + s->from, (size_t)sequence_actions(s) * sizeof *ids);
    }
    double value = self_bleu(scratch, ids, offset, r->n, SELF_BLEU_ORDER);
    arena_release(scratch, mark);
    return value;
}

// One model's column of the table, and its member of the card.
static void describe(Eval *e, const char *name, const EvaluateResult *r) {
    str_printf(&e->run->result, ",\"%s\":{\"prompts\":%d,\"kl\":", name, r->n);
    json_write_number(&e->run->result, r->kl.mean);
    str_append(&e->run->result, TEXT(",\"length\":"));
    json_write_number(&e->run->result, r->length.mean);
    str_append(&e->run->result, TEXT(",\"perplexity\":"));
    json_write_number(&e->run->result, r->perplexity);
    if (r->score) {
        str_append(&e->run->result, TEXT(",\"score\":"));
        json_write_number(&e->run->result, r->scores.mean);
        str_append(&e->run->result, TEXT(",\"score_standard_error\":"));
        json_write_number(&e->run->result, r->scores.standard_error);
    }
    double alike = reply_self_bleu(r, &e->tool->run);
    str_append(&e->run->result, TEXT(",\"self_bleu\":"));
    json_write_number(&e->run->result, alike);
    str_append_char(&e->run->result, '}');
    char score[64] = "        -        ";
    if (r->score) snprintf(score, sizeof score, "%8.3f +- %.3f", r->scores.mean, r->scores.standard_error);
    str_printf(e->summary, "%-6s %s %8.3f +- %.3f %8.1f %10.2f %7.0f %% %6.3f %6.3f %6.3f %9.3f\n", name, score, r->kl.mean,
               r->kl.standard_error, r->length.mean, r->perplexity, 100 * r->ended, r->distinct[0], r->distinct[1], r->distinct[2], alike);
}

// A few replies before and after, for a person to read.
static void show_samples(Eval *e, const EvaluateResult *base, const EvaluateResult *tuned) {
    for (int i = 0; i < 5 && i < base->n; i++) {
        Str prompt = str_make(&e->tool->run);
        tokenizer_decode(e->tool->base.tokenizer, base->rollouts[i].prompt->ids, base->rollouts[i].prompt->count, false, &prompt);
        Text text = str_text(&prompt);
        ptrdiff_t at = text_find_last(text, TEXT("\n\nHuman:"));
        if (at >= 0) text = (Text){text.data + at + 2, text.size - (size_t)at - 2};
        str_printf(e->summary, "\n[%lld] %.*s\n  base : %.*s\n  tuned: %.*s\n", (long long)base->rollouts[i].prompt->index, (int)text.size,
                   text.data, (int)base->rollouts[i].text.size, base->rollouts[i].text.data, (int)tuned->rollouts[i].text.size,
                   tuned->rollouts[i].text.data);
    }
}

// How both forms sample, and the head of their table.
static void begin_replies(Eval *e, GenerateConfig *generate) {
    const Args *args = e->tool->args;
    *generate = (GenerateConfig){
        .sampler = sampler_default(), .stops = e->task.stop, .n_stops = e->task.stops, .slots = (int)args_int(args, "eval.batch")};
    generate->sampler.temperature = (float)args_double(args, "eval.temperature");
    generate->sampler.top_p = (float)args_double(args, "eval.top_p");
    generate->max_new = (int)args_int(args, "eval.max_new");
    generate->capacity = (int)args_int(args, "eval.max_prompt") + generate->max_new;
    str_printf(e->summary, "\n%d held-out prompts (%d cut), at most %d tokens\n", e->n_prompts, e->cut_prompts, generate->max_new);
    str_append(e->summary, TEXT("model        score                KL       length perplexity   ended Dist-1 Dist-2 Dist-3 self-BLEU\n"));
}

// What choosing adds to the KL in the table, which is that of a single sample.
static void tell_best(Eval *e) {
    if (e->best_of == 1) return;
    str_printf(&e->run->result, ",\"best_of\":%d", e->best_of);
    str_printf(e->summary, "best of %d by the preference model: at most %.3f nats of KL beyond the samples'\n", e->best_of,
               evaluate_best_kl(e->best_of));
}

static Status one_model(Eval *e, const Role *tuned_role, const char *policy, Error *error) {
    GenerateConfig generate;
    EvaluateResult result;
    Role base_role = role_base(&e->tool->base);
    begin_replies(e, &generate);
    e->session->progress("eval", e->pairs != NULL, e->parts, "");
    TRY(evaluate_replies(&result, tuned_role ? tuned_role : &base_role, &e->tool->base, e->preference, e->prompts, e->n_prompts, &generate,
                         args_flag(e->tool->args, "eval.cut_unfinished"), e->best_of, e->session, error));
    TRY(write_policy_replies(e, policy, &result, error));
    describe(e, tuned_role ? "tuned" : "base", &result);
    tell_best(e);
    return OK;
}

static Status compare_models(Eval *e, const Role *tuned_role, bool *missed, Error *error) {
    const Args *args = e->tool->args;
    GenerateConfig generate;
    bool cut = args_flag(args, "eval.cut_unfinished");
    EvaluateResult base, tuned;
    Role base_role = role_base(&e->tool->base);
    // Without an adapter the best of several replies of the base stand beside its single ones.
    if (tuned_role == NULL && e->best_of > 1) tuned_role = &base_role;
    begin_replies(e, &generate);
    e->session->progress("eval", e->pairs != NULL, e->parts, "");
    TRY(evaluate_replies(&base, &base_role, &e->tool->base, e->preference, e->prompts, e->n_prompts, &generate, cut, 1, e->session, error));
    e->session->progress("eval", (e->pairs != NULL) + 1, e->parts, "");
    if (tuned_role)
        TRY(evaluate_replies(&tuned, tuned_role, &e->tool->base, e->preference, e->prompts, e->n_prompts, &generate, cut, e->best_of,
                             e->session, error));
    TRY(write_replies(e, &base, tuned_role ? &tuned : NULL, error));
    describe(e, "base", &base);
    if (tuned_role == NULL) return OK;
    describe(e, "tuned", &tuned);
    tell_best(e);
    if (e->preference) {
        MeasureMean difference = measure_paired(tuned.score, base.score, base.n);
        double errors = difference.standard_error > 0 ? difference.mean / difference.standard_error : 0;
        str_printf(e->summary, "difference %.3f +- %.3f: %.1f standard errors of the paired difference\n", difference.mean,
                   difference.standard_error, errors);
        str_append(&e->run->result, TEXT(",\"difference\":"));
        json_write_number(&e->run->result, difference.mean);
        str_append(&e->run->result, TEXT(",\"difference_standard_error\":"));
        json_write_number(&e->run->result, difference.standard_error);
        if (args_has(args, "eval.require")) *missed = errors < args_double(args, "eval.require");
    }
    show_samples(e, &base, &tuned);
    return OK;
}

// --require against the card of an evaluation that was finished before.
static Status check_stored(Tool *tool, const char *dir, bool *missed, Error *error) {
    const Json *card;
    double difference, standard_error;
    if (!args_has(tool->args, "eval.require")) return OK;
    TRY(run_dir_card(&card, &tool->run, dir, error));
    TRY(json_need_number(card, "difference", &difference, dir, error));
    TRY(json_need_number(card, "difference_standard_error", &standard_error, dir, error));
    *missed = !(standard_error > 0) || difference / standard_error < args_double(tool->args, "eval.require");
    return OK;
}

// Angles for the longest sequence, before roles are loaded: one that trained all weights takes the table over.
static Status prepare_positions(Tool *tool, const EvalInputs *in, Error *error) {
    const Args *args = tool->args;
    int pairs = in->n_pairs ? (int)args_int(args, "eval.max_tokens") : 0;
    int replies = in->prompts ? (int)args_int(args, "eval.max_prompt") + (int)args_int(args, "eval.max_new") + 1 : 0;
    return llama_prepare(&tool->base.llama, &tool->model, pairs > replies ? pairs : replies, error);
}

Status stage_eval(Tool *tool, const char *dir, const EvalInputs *in, Str *summary, bool *missed, Error *error) {
    const Args *args = tool->args;
    RunDir run;
    Metrics metrics = {0};
    Role *preference = NULL, *tuned = NULL;
    bool finished;
    *missed = false;
    if (in->n_pairs == 0 && in->prompts == NULL) return error_set(error, ERR_USAGE, "eval: expected --pairs or --prompts, found neither");
    const char *policy = args_text(args, "eval.policy");
    if (policy && (in->prompts == NULL || args_has(args, "eval.require")))
        return error_set(error, ERR_USAGE, "eval: --policy needs --prompts, and cannot go with --require, which compares two models");
    if (args_int(args, "eval.best_of") > 1 && (in->prompts == NULL || in->preference == NULL))
        return error_set(error, ERR_USAGE, "eval: --best-of needs --prompts and --preference RUN");
    if (in->n_pairs && in->preference == NULL) return error_set(error, ERR_USAGE, "eval: --pairs needs --preference RUN");
    Status status;
    run_dir_open(&run, &tool->text, dir, "eval", args);
    run_dir_input_hash(&run, "model", tool->model_path, tool->model_hash);
    for (int i = 0; i < in->n_pairs; i++) TRY_DONE(run_dir_input(&run, "pairs", in->pairs[i], error));
    if (in->prompts) TRY_DONE(run_dir_input(&run, "prompts", in->prompts, error));
    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    TRY_DONE(prepare_positions(tool, in, error));
    if (in->preference) TRY_DONE(roles_load(&preference, tool, &run, "preference", "preference", in->preference, &session, error));
    if (in->adapter) TRY_DONE(roles_load(&tuned, tool, &run, "adapter", "policy", in->adapter, &session, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));

    if (finished) {
        TRY_DONE(run_dir_show(&run, summary, error));
        status = check_stored(tool, dir, missed, error);
        goto done;
    }
    Str shown = str_make(&tool->text);
    str_append(&shown, TEXT(""));
    Eval e = {.tool = tool, .session = &session, .run = &run, .summary = &shown, .preference = preference};
    e.best_of = (int)args_int(args, "eval.best_of");
    e.parts = (in->n_pairs > 0) + (in->prompts != NULL) + (in->prompts && (tuned || e.best_of > 1) && !policy);
    TRY_DONE(read_inputs(&e, in, error));
    TRY_DONE(run_dir_start(&run, error));
    if (in->n_pairs) TRY_DONE(accuracy_on_pairs(&e, error));
    if (in->prompts && policy) TRY_DONE(one_model(&e, tuned, policy, error));
    if (in->prompts && !policy) TRY_DONE(compare_models(&e, tuned, missed, error));
    session.progress("eval", e.parts, e.parts, "");
    TRY_DONE(run_dir_finish(&run, &shown, summary, error));
done:
    if (status == ERR_STOPPED) error_prefix(error, "eval");
    stage_end(tool, &run, NULL);
    return status;
}

int cmd_eval(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_EVAL, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    bool missed = false;
    EvalInputs in = {.adapter = args_text(&args, "eval.adapter"),
                     .preference = args_text(&args, "eval.preference"),
                     .prompts = args_text(&args, "eval.prompts")};
    in.n_pairs = args_list(&args, "eval.pairs", &in.pairs);
    Status status = tool_open_model(&tool, &error);
    if (status == OK) status = stage_eval(&tool, args_text(&args, "out"), &in, &summary, &missed, &error);
    console_clear();
    if (status == OK) fputs(summary.data, stdout);
    code = tool_exit(&tool, status, &error);
    return code == 0 && missed ? 3 : code;
}
