// rlcd dpo: direct preference optimisation.
#include "rlcd/dpo.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_OUT, &OPTIONS_DPO, NULL};
const Verb VERB_DPO = {
    .name = "dpo",
    .usage = "rlcd dpo --model M --pairs FILE --out RUN",
    .summary = "Tunes the model on pairs by direct preference optimisation, conservative DPO or IPO.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

Status stage_dpo(Tool *tool, const char *dir, const char *const *files, int n_files, Str *summary, Error *error) {
    const Args *args = tool->args;
    DpoConfig config = dpo_default();
    TRY(roles_training_config(args, "dpo", &config.train, error));
    config.beta = (float)args_double(args, "dpo.beta");
    bool conservative = args_choice(args, "dpo.loss") == 2;
    config.loss = args_choice(args, "dpo.loss") == 1 ? DPO_SQUARED : DPO_SIGMOID;
    if (n_files == 0) return error_set(error, ERR_USAGE, "dpo: expected --pairs FILE, found none");

    RunDir run;
    PairList pairs;
    PairTokens *tokens;
    PairFit fit;
    Role *policy;
    Metrics metrics = {0};
    const Json *last;
    bool finished;
    Status status;
    run_dir_open(&run, &tool->text, dir, "dpo", args);
    run_dir_input_hash(&run, "model", tool->model_path, tool->model_hash);
    for (int i = 0; i < n_files; i++) TRY_DONE(run_dir_input(&run, "pairs", files[i], error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    TRY_DONE(pairs_read(&pairs, &tool->run, files, n_files, task_plain(), true, error));
    TRY_DONE(preference_tokens(&tokens, &fit, &pairs, &tool->base, tool->tokenizer_hash, config.train.max_tokens, &tool->run, error));
    if (conservative) dpo_smooth_labels(tokens, fit.kept, (float)args_double(args, "dpo.label_smoothing"));
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, config.train.max_tokens, error));
    TRY_DONE(run_dir_start(&run, error));

    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    TRY_DONE(dpo_train(&policy, &tool->base, tokens, fit.kept, &config, &session, error));
    TRY_DONE(metrics_close(&metrics, error));
    TRY_DONE(tool_last_metrics(&last, tool, dir, error));
    str_printf(&run.result, ",\"dpo\":{\"pairs\":%d,\"cut\":%d,\"too_long\":%d}", fit.kept, fit.cut, fit.too_long);
    Str table = str_make(&tool->text);
    str_printf(&table,
               "dpo            %d pairs trained (%d prompts cut, %d pairs too long); last step: loss %.3f, margin %.3f, accuracy %.1f %%\n",
               fit.kept, fit.cut, fit.too_long, tool_number(last, "loss"), tool_number(last, "rewards/margins"),
               100 * tool_number(last, "rewards/accuracies"));
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    if (status == ERR_STOPPED) error_prefix(error, "dpo");
    stage_end(tool, &run, &metrics);
    return status;
}

int cmd_dpo(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_DPO, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    const char *const *files;
    int n = args_list(&args, "dpo.pairs", &files);
    Status status = tool_open_model(&tool, &error);
    if (status == OK) status = stage_dpo(&tool, args_text(&args, "out"), files, n, &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
