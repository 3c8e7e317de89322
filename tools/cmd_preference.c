// rlcd preference: the preference model from pairs.
#include <string.h>

#include "rlcd/dpo.h"
#include "rlcd/preference.h"
#include "tools/measure.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_OUT, &OPTIONS_PREFERENCE, NULL};
const Verb VERB_PREFERENCE = {
    .name = "preference",
    .usage = "rlcd preference --model M --pairs FILE --out RUN",
    .summary = "Trains the preference model on pairs.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// The plain replies that the scale is measured on: the chosen ones of the first pairs of a file; none when the training replies serve.
static Status read_scale(Sequence **replies, int *n, Tool *tool, const char *plain, int max_tokens, Error *error) {
    PairList pairs;
    PairTokens *tokens;
    PairFit fit;
    int limit = (int)args_int(tool->args, "preference.plain_limit");
    *replies = NULL;
    *n = 0;
    if (plain == NULL) return OK;
    TRY(pairs_read(&pairs, &tool->run, &plain, 1, task_plain(), true, error));
    TRY(preference_tokens(&tokens, &fit, &pairs, &tool->base, tool->tokenizer_hash, max_tokens, &tool->run, error));
    *n = fit.kept < limit ? fit.kept : limit;
    *replies = arena_alloc(&tool->run, (size_t)*n * sizeof **replies);
    for (int i = 0; i < *n; i++) (*replies)[i] = tokens[i].chosen;
    return OK;
}

// A weight for each file, where they are given.
static Status read_weights(float **out, const Args *args, int files, Arena *arena, Error *error) {
    const char *const *item;
    int n = args_list(args, "preference.weights", &item);
    *out = n ? arena_alloc(arena, (size_t)n * sizeof **out) : NULL;
    if (n && n != files)
        return error_set(error, ERR_USAGE, "preference.weights: expected one for each of %d files of pairs, found %d", files, n);
    for (int i = 0; i < n; i++) {
        double weight;
        if (!number_parse(text_of(item[i]), &weight) || !(weight >= 0 && weight <= 1e6))
            return error_set(error, ERR_USAGE, "preference.weights: expected numbers from 0 to 1e6, found \"%s\"", item[i]);
        (*out)[i] = (float)weight;
    }
    return OK;
}

Status stage_preference(Tool *tool, const char *dir, const char *const *files, int n_files, const char *plain, Str *summary, Error *error) {
    const Args *args = tool->args;
    PreferenceConfig config = preference_default();
    TRY(roles_training_config(args, "preference", &config, error));
    config.head_init = (float)args_double(args, "preference.head_init");
    config.margin = (float)args_double(args, "preference.margin");
    config.centring = (float)args_double(args, "preference.centring");
    float *by_file;
    TRY(read_weights(&by_file, args, n_files, &tool->text, error));
    if (n_files == 0) return error_set(error, ERR_USAGE, "preference: expected --pairs FILE, found none");

    // The file counts only where the scale asks for it.
    if (args_choice(args, "preference.scale") == 0)
        plain = NULL;
    else if (plain == NULL)
        return error_set(error, ERR_USAGE, "preference: scale plain needs --plain FILE");

    RunDir run;
    PairList pairs;
    PairTokens *tokens;
    Role *model;
    Metrics metrics = {0};
    bool finished;
    PairFit fit;
    Status status;
    Sequence *scale;
    int n_scale;
    run_dir_open(&run, &tool->text, dir, "preference", args);
    run_dir_input_hash(&run, "model", tool->model_path, tool->model_hash);
    for (int i = 0; i < n_files; i++) TRY_DONE(run_dir_input(&run, "pairs", files[i], error));
    if (plain) TRY_DONE(run_dir_input(&run, "plain", plain, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    TRY_DONE(pairs_read(&pairs, &tool->run, files, n_files, task_plain(), true, error));
    TRY_DONE(preference_tokens(&tokens, &fit, &pairs, &tool->base, tool->tokenizer_hash, config.max_tokens, &tool->run, error));
    float *weight = arena_alloc(&tool->run, (size_t)pairs.count * sizeof *weight);
    for (int i = 0; by_file && i < pairs.count; i++) weight[i] = by_file[pairs.pair[i].file];
    if (by_file) config.weight = weight;
    dpo_smooth_labels(tokens, fit.kept, (float)args_double(args, "preference.label_smoothing"));
    int holdout = (int)args_int(args, "preference.holdout"), trained = fit.kept - holdout;
    if (trained < 1) {
        status = error_set(error, ERR_DATA, "preference: %d pairs held out of %d leave nothing to train on", holdout, fit.kept);
        goto done;
    }
    TRY_DONE(read_scale(&scale, &n_scale, tool, plain, config.max_tokens, error));
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, config.max_tokens, error));
    TRY_DONE(run_dir_start(&run, error));

    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    TRY_DONE(preference_train(&model, &tool->base, tokens, trained, scale, n_scale, &config, &session, error));

    // Accuracy on the pairs held out (on the trained ones when there are none, and it says so).
    int64_t right;
    const PairTokens *measured = holdout ? tokens + trained : tokens;
    int n = holdout ? holdout : trained;
    status = preference_accuracy(&right, NULL, model, measured, n, &session, error);
    if (status != OK) {
        error_prefix(error, "preference");
        goto done;
    }
    MeasureInterval interval = measure_wilson(right, n, MEASURE_Z95);
    str_printf(&run.result, ",\"preference\":{\"pairs\":%d,\"cut\":%d,\"too_long\":%d,\"measured\":\"%s\",\"right\":%lld,\"of\":%d}",
               trained, fit.cut, fit.too_long, holdout ? "held out" : "trained", (long long)right, n);
    Str table = str_make(&tool->text);
    str_printf(&table,
               "preference     %d pairs trained (%d prompts cut, %d pairs too long); accuracy on %d %s pairs %.1f %% [%.1f, %.1f]\n",
               trained, fit.cut, fit.too_long, n, holdout ? "held-out" : "trained", 100.0 * (double)right / n, 100 * interval.low,
               100 * interval.high);
    TRY_DONE(metrics_close(&metrics, error));
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    stage_end(tool, &run, &metrics);
    return status;
}

int cmd_preference(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_PREFERENCE, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    const char *const *files;
    int n = args_list(&args, "preference.pairs", &files);
    Status status = tool_open_model(&tool, &error);
    if (status == OK)
        status = stage_preference(&tool, args_text(&args, "out"), files, n, args_text(&args, "preference.plain"), &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
