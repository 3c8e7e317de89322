// rlcd ppo: the policy against the preference model.
#include "rlcd/ppo.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"
#include "tools/task_files.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_OUT, &OPTIONS_DATA,
                                            &OPTIONS_TASK,    &OPTIONS_PPO,   NULL};
const Verb VERB_PPO = {
    .name = "ppo",
    .usage = "rlcd ppo --model M --preference RUN --prompts FILE --out RUN [--algorithm ppo|rloo|grpo]",
    .summary = "Tunes the model against the preference model by PPO, RLOO or GRPO with a KL penalty.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// The section's options as a configuration.
static Status read_config(const Args *args, const Task *task, PpoConfig *config, Error *error) {
    static const ScheduleKind KINDS[] = {SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE};
    static const WhitenReward WHITENS[] = {WHITEN_NONE, WHITEN_SCALE, WHITEN_KEEP_MEAN};
    *config = ppo_default();
    config->train_all = args_choice(args, "ppo.train") == 1;
    config->algorithm = (PpoAlgorithm)args_choice(args, "ppo.algorithm");
    config->group = (int)args_int(args, "ppo.group");
    config->dr_grpo = args_flag(args, "ppo.dr_grpo");
    config->steps = (int)args_int(args, "ppo.steps");
    config->rollouts = (int)args_int(args, "ppo.rollouts");
    config->minibatch = (int)args_int(args, "ppo.minibatch");
    config->unit = (int)args_int(args, "ppo.unit");
    config->epochs = (int)args_int(args, "ppo.epochs");
    config->schedule.rate = args_double(args, "ppo.lr");
    config->schedule.kind = KINDS[args_choice(args, "ppo.schedule")];
    config->warmup_share = args_double(args, "ppo.warmup");
    config->value_rate = (float)args_double(args, "ppo.value_rate");
    config->rate_by_rollout = args_choice(args, "ppo.rate_steps") == 1;
    config->last_unit = args_choice(args, "ppo.accumulate") == 1;
    config->adamw.eps = (float)args_double(args, "ppo.adam_eps");
    config->adamw.weight_decay = (float)args_double(args, "ppo.weight_decay");
    config->max_norm = (float)args_double(args, "ppo.max_norm");
    config->gamma = (float)args_double(args, "ppo.gamma");
    config->lambda = (float)args_double(args, "ppo.lambda");
    config->clip = (float)args_double(args, "ppo.clip");
    config->value_clip = (float)args_double(args, "ppo.value_clip");
    config->kl = (KlKind)args_choice(args, "ppo.kl");
    config->kl_coef = (float)args_double(args, "ppo.kl_coef");
    config->kl_target = (float)args_double(args, "ppo.kl_target");
    config->kl_horizon = (float)args_double(args, "ppo.kl_horizon");
    config->kl_gain = (float)args_double(args, "ppo.kl_gain");
    config->kl_in = (KlPlace)args_choice(args, "ppo.kl_in");
    config->stop_kl = (float)args_double(args, "ppo.stop_kl");
    config->whiten_reward = WHITENS[args_choice(args, "ppo.whiten_reward")];
    config->whiten_advantage = args_flag(args, "ppo.whiten_advantage");
    config->whiten_group = (int)args_int(args, "ppo.whiten_group");
    config->score_scale = (ScoreScale)args_choice(args, "ppo.score_scale");
    config->score_clip = (float)args_double(args, "ppo.score_clip");
    config->missing_end = (float)args_double(args, "ppo.missing_end");
    config->missing_set = args_choice(args, "ppo.missing") == 1;
    config->marker_only = args_choice(args, "ppo.ends") == 1;
    config->repeat_coef = (float)args_double(args, "ppo.repeat_coef");
    config->repeat_length = (int)args_int(args, "ppo.repeat_length");
    config->cut_unfinished = args_flag(args, "ppo.cut_unfinished");
    config->max_prompt = (int)args_int(args, "ppo.max_prompt");
    config->samples = (int)args_int(args, "ppo.samples");
    config->generate.sampler.temperature = (float)args_double(args, "ppo.temperature");
    config->generate.max_new = (int)args_int(args, "ppo.max_new");
    config->generate.slots = (int)args_int(args, "ppo.batch");
    config->generate.stops = task->stop;
    config->generate.n_stops = task->stops;
    return roles_adapter_config(args, "ppo", &config->adapter, error);
}

Status stage_ppo_groups(const Args *args, bool grouped, Error *error) {
    long long rollouts = args_int(args, "ppo.rollouts"), group = args_int(args, "ppo.group");
    if ((!grouped && args_choice(args, "ppo.algorithm") == ALGORITHM_PPO) || rollouts % group == 0) return OK;
    return error_set(error, ERR_USAGE, "ppo.rollouts: expected a multiple of ppo.group (%lld), found %lld", group, rollouts);
}

Status stage_ppo(Tool *tool, const char *dir, const char *preference_dir, Str *summary, Error *error) {
    const Args *args = tool->args;
    PpoConfig config;
    RunDir run;
    Task task;
    PromptList prompts;
    PromptTokens *tokens;
    Role *policy, *preference;
    Metrics metrics = {0};
    const Json *last;
    bool finished;
    int cut;
    const char *task_path, *prompts_path = args_text(args, "data.prompts");
    if (preference_dir == NULL) return error_set(error, ERR_USAGE, "ppo: expected --preference RUN, found none");
    if (prompts_path == NULL) return error_set(error, ERR_USAGE, "ppo: expected --prompts FILE, found none");
    Status status;
    int64_t limit;
    TRY(stage_ppo_groups(args, false, error));
    TRY(tool_limit(&limit, args, "data.limit", error));
    run_dir_open(&run, &tool->text, dir, "ppo", args);
    TRY_DONE(task_files_open(&task, &task_path, tool, error));
    TRY_DONE(read_config(args, &task, &config, error));
    if (config.whiten_reward == WHITEN_KEEP_MEAN && config.whiten_advantage)
        console_warn(
            "ppo.whiten_reward keep_mean with whitened advantages: a constant is added to every token, a bias on length (paper.md, quirk "
            "8)");
    run_dir_input_hash(&run, "model", tool->model_path, tool->model_hash);
    TRY_DONE(run_dir_input(&run, "task", task_path, error));
    TRY_DONE(run_dir_input(&run, "prompts", prompts_path, error));
    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    // One token more than prompt and reply: the end-of-text that the preference model reads.
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, config.max_prompt + config.generate.max_new + 1, error));
    TRY_DONE(roles_load(&preference, tool, &run, "preference", "preference", preference_dir, &session, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    session.recipe_hash = run.recipe_hash;
    TRY_DONE(prompts_read(&prompts, &tool->run, prompts_path, &task, args_int(args, "data.first"), limit, error));
    TRY_DONE(rollout_prompts(&tokens, &prompts, &tool->base, config.max_prompt, &tool->run, &cut, error));
    TRY_DONE(run_dir_start(&run, error));

    TRY_DONE(ppo_train(&policy, &tool->base, preference, tokens, prompts.count, &config, &session, error));
    TRY_DONE(metrics_close(&metrics, error));
    TRY_DONE(tool_last_metrics(&last, tool, dir, error));
    str_printf(&run.result, ",\"ppo\":{\"steps\":%d,\"prompts\":%d,\"cut\":%d}", config.steps, prompts.count, cut);
    Str table = str_make(&tool->text);
    str_printf(
        &table,
        "ppo            %d steps of %d rollouts (%d prompts cut); last step: score %.3f, KL %.3f, length %.1f, first ratios not 1: %.0f\n",
        config.steps, config.rollouts, cut, tool_number(last, "objective/scores"), tool_number(last, "objective/kl"),
        tool_number(last, "completions/mean_length"), tool_number(last, "ratio_mismatch"));
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    stage_end(tool, &run, &metrics);
    return status;
}

int cmd_ppo(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_PPO, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    Status status = tool_open_model(&tool, &error);
    if (status == OK) status = stage_ppo(&tool, args_text(&args, "out"), args_text(&args, "ppo.preference"), &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
