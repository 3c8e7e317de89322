// rlcd simulate: pairs from p+ and p-, or two replies to p.
#include "rlcd/simulate.h"
#include "tools/options.h"
#include "tools/stage.h"
#include "tools/task_files.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL,    &OPTIONS_OUT, &OPTIONS_DATA,
                                            &OPTIONS_TASK,    &OPTIONS_SIMULATE, NULL};
const Verb VERB_SIMULATE = {
    .name = "simulate",
    .usage = "rlcd simulate --model M --prompts FILE --task T --out DIR [--method rlcd|rlaif]",
    .summary = "Samples a reply to p+ and one to p- for every prompt: preference pairs by construction. Or two replies to p, for a judge.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// "I/N"
static Status parse_shard(const char *text, SimulateConfig *config, Error *error) {
    Text t = text_of(text);
    ptrdiff_t slash = text_find(t, TEXT("/"));
    int64_t i = -1, n = 0;
    if (slash < 0 || !number_parse_int((Text){t.data, (size_t)slash}, &i) ||
        !number_parse_int((Text){t.data + slash + 1, t.size - (size_t)slash - 1}, &n) || n < 1 || n > 1000000 || i < 0 || i >= n)
        return error_set(error, ERR_USAGE, "--shard: expected I/N with 0 <= I < N, found \"%s\"", text);
    config->shard = (int)i;
    config->shards = (int)n;
    return OK;
}

// Reasons and counts, for the table and the card.
static void describe(const SimulateResult *r, Str *table, Str *card) {
    str_printf(card, ",\"simulate\":{\"prompts\":%lld,\"kept\":%lld,\"dropped\":%lld,\"cut\":%lld,\"outcomes\":{", (long long)r->prompts,
               (long long)r->kept, (long long)r->dropped, (long long)r->cut);
    for (int i = 0; i < CLEAN_REASONS; i++)
        str_printf(card, "%s\"%s\":%lld", i ? "," : "", clean_reason_name((CleanReason)i), (long long)r->counts.count[i]);
    str_append(card, TEXT("}}"));
    str_printf(table, "pairs          %lld kept of %lld prompts, %lld dropped after %d draws, %lld prompts cut\n", (long long)r->kept,
               (long long)r->prompts, (long long)r->dropped, CLEAN_TRIES, (long long)r->cut);
    str_append(table, TEXT("draws          "));
    for (int i = 0; i < CLEAN_REASONS; i++)
        if (r->counts.count[i]) str_printf(table, "%s %lld  ", clean_reason_name((CleanReason)i), (long long)r->counts.count[i]);
    str_append(table, TEXT("\n"));
}

Status stage_simulate(Tool *tool, const char *dir, Str *summary, Error *error) {
    const Args *args = tool->args;
    SimulateConfig config = simulate_default();
    config.generate.sampler.temperature = (float)args_double(args, "simulate.temperature");
    config.generate.sampler.top_k = (int)args_int(args, "simulate.top_k");
    config.generate.sampler.top_p = (float)args_double(args, "simulate.top_p");
    config.generate.max_new = (int)args_int(args, "simulate.max_new");
    config.generate.slots = (int)args_int(args, "simulate.batch");
    config.max_prompt = (int)args_int(args, "simulate.max_prompt");
    config.clean.rule = args_choice(args, "simulate.filter") == 1 ? CLEAN_PAPER : CLEAN_SOUND;
    config.plain = args_choice(args, "simulate.method") == 1;
    config.clean.cut_unfinished = args_flag(args, "simulate.cut_unfinished");
    config.tokenizer_hash = tool->tokenizer_hash;
    TRY(parse_shard(args_text(args, "simulate.shard"), &config, error));
    if (!args_has(args, "data.prompts")) return error_set(error, ERR_USAGE, "simulate: expected --prompts FILE, found none");

    RunDir run;
    Task task;
    PromptList prompts;
    SimulateResult result = {0};
    bool finished;
    Status status;
    int64_t limit;
    const char *task_path, *prompts_path = args_text(args, "data.prompts");
    TRY(tool_limit(&limit, args, "data.limit", error));
    run_dir_open(&run, &tool->text, dir, "simulate", args);
    TRY_DONE(task_files_open(&task, &task_path, tool, error));
    run_dir_input_hash(&run, "model", tool->model_path, tool->model_hash);
    TRY_DONE(run_dir_input(&run, "task", task_path, error));
    TRY_DONE(run_dir_input(&run, "prompts", prompts_path, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));

    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    TRY_DONE(prompts_read(&prompts, &tool->run, prompts_path, &task, args_int(args, "data.first"), limit, error));
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, config.max_prompt + config.generate.max_new, error));
    TRY_DONE(run_dir_start(&run, error));
    Metrics metrics = {0};
    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    TRY_DONE(simulate_run(&result, &tool->base, &task, &prompts, &config, &session, error));
    if (result.kept == 0) {
        status = error_set(error, ERR_DATA, "%s: all %lld prompts were dropped: no pair was kept", prompts_path, (long long)result.prompts);
        goto done;
    }
    Str table = str_make(&tool->text);
    describe(&result, &table, &run.result);
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    stage_end(tool, &run, NULL);
    return status;
}

int cmd_simulate(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_SIMULATE, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    Status status = tool_open_model(&tool, &error);
    if (status == OK) status = stage_simulate(&tool, args_text(&args, "out"), &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
