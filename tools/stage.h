// The stages that verbs and `rlcd run` share: each reads its options by section, works in one run directory, leaves a card.
#ifndef TOOLS_STAGE_H
#define TOOLS_STAGE_H

#include "rlcd/session.h"
#include "rlcd/role.h"
#include "tools/args.h"
#include "tools/run_dir.h"

// What a verb sets up once.
typedef struct {
    const Args *args;
    Arena model;      // weights, tokenizer: until exit
    Arena text;       // options, paths
    Arena run, step;  // of the present stage
    Base base;
    const char *model_path;
    const char *model_hash;   // SHA-256 of the model's files
    char tokenizer_hash[65];  // what stored reply ids belong to
    const char *share;        // folder with tasks/ and models/
    bool opened;
} Tool;

// Applies the general options: kernels, memory cap, threads, signals.
Status tool_begin(Tool *tool, const Args *args, Error *error);
// The option `precision`: set for every base that is opened.
Precision tool_precision(const Args *args);
// Opens the model of the option "model".
Status tool_open_model(Tool *tool, Error *error);
// Releases everything.
void tool_end(Tool *tool);

// Another tool on the same threads, with a model and memory of its own: for stages that train or open another model on the way.
Tool tool_fork(const Tool *tool, const Args *args);
// Releases what a fork holds.
void tool_release(Tool *fork);

// The folder that holds tasks/ (and models/, or stands beside it), found from where the program lies.
const char *tool_share(Arena *arena);

// A session for one stage in `dir`.
Session tool_session(Tool *tool, Metrics *metrics, const char *dir, const char *recipe_hash);

// "a\nb" written with a backslash becomes a line break.
Text tool_unescape(Arena *arena, Text text);

// A number of rows: -1 for all, or at least 1. ERR_USAGE for 0.
Status tool_limit(int64_t *limit, const Args *args, const char *key, Error *error);

// The last line of DIR/metrics.jsonl, in tool->run: the state after the last step.
Status tool_last_metrics(const Json **out, Tool *tool, const char *dir, Error *error);
// A number of it; 0 when it is not there.
double tool_number(const Json *line, const char *name);

// A verb's end: prints the sentence of a failure and gives the exit code.
int tool_exit(Tool *tool, Status status, const Error *error);

// The same for a verb that is one stage: its summary goes to stdout when it succeeded.
int tool_summary_exit(Tool *tool, const Str *summary, Status status, const Error *error);

// The shared start of a verb: parse, --help, begin. Returns -1 to go on, else the exit code.
int tool_start(Tool *tool, Args *args, const Verb *verb, int argc, const char *const *argv);

// ---- stages; `dir` is the stage's run directory, `summary` (may be NULL) receives lines of the final table

// What every stage does last, whatever became of it: ends its metrics (NULL: it has none), gives the directory back, releases memory.
void stage_end(Tool *tool, RunDir *run, Metrics *metrics);

// Pairs from the prompts of section data.
Status stage_simulate(Tool *tool, const char *dir, Str *summary, Error *error);

// Labels by a judge for the pairs of a file or of a run directory.
Status stage_label(Tool *tool, const char *dir, const char *pairs, Str *summary, Error *error);

// The preference model from files of pairs; `plain` (NULL: none) is the file of plain replies for preference.scale.
Status stage_preference(Tool *tool, const char *dir, const char *const *pairs, int n_pairs, const char *plain, Str *summary, Error *error);

// Context distillation: the policy from the chosen replies of files of pairs.
Status stage_sft(Tool *tool, const char *dir, const char *const *pairs, int n_pairs, Str *summary, Error *error);

// Direct preference optimisation: the policy from files of pairs.
Status stage_dpo(Tool *tool, const char *dir, const char *const *pairs, int n_pairs, Str *summary, Error *error);

// Whether ppo's rollouts are whole groups, which `grouped` methods need, and all where ppo.algorithm has groups: known before any stage.
// ERR_USAGE.
Status stage_ppo_groups(const Args *args, bool grouped, Error *error);

// The policy against the preference model of the run directory `preference`.
Status stage_ppo(Tool *tool, const char *dir, const char *preference, Str *summary, Error *error);

// adapter, preference: run directories or NULL; pairs: files or n_pairs 0; prompts NULL: none.
typedef struct {
    const char *adapter, *preference, *prompts;
    const char *const *pairs;
    int n_pairs;
} EvalInputs;

// Preference accuracy and the comparison of base and tuned model; *missed: --require was not met.
Status stage_eval(Tool *tool, const char *dir, const EvalInputs *inputs, Str *summary, bool *missed, Error *error);

// A model from text, of the options of section pretrain.
Status stage_pretrain(Tool *tool, const char *dir, Str *summary, Error *error);

// The table of matrix folders (one a seed), as wide as the terminal.
Status stage_table(Tool *tool, const char *const *dirs, int n, Str *summary, Error *error);

// What a report is made of.
typedef struct {
    const char *const *dirs;  // matrix folders (one a seed)
    int n;
    const char *sweeps;  // a demo's folder, whose sweeps over the world's knobs are shown where there are some; NULL: none
    const char *path;    // of the page
    int pairs, prompts;  // to read
} ReportInputs;

// The same, and the page; the table is in `summary` also when the page cannot be written.
Status stage_report(Tool *tool, const ReportInputs *inputs, Str *summary, Error *error);

// ---- verbs; each takes what follows its name on the command line and returns the exit code

// tools/cmd_simulate.c
int cmd_simulate(int argc, const char *const *argv);
// tools/cmd_label.c
int cmd_label(int argc, const char *const *argv);
// tools/cmd_preference.c
int cmd_preference(int argc, const char *const *argv);
// tools/cmd_sft.c
int cmd_sft(int argc, const char *const *argv);
// tools/cmd_dpo.c
int cmd_dpo(int argc, const char *const *argv);
// tools/cmd_ppo.c
int cmd_ppo(int argc, const char *const *argv);
// tools/cmd_eval.c
int cmd_eval(int argc, const char *const *argv);
// tools/cmd_generate.c
int cmd_generate(int argc, const char *const *argv);
// tools/cmd_run.c
int cmd_run(int argc, const char *const *argv);
// tools/cmd_trace.c
int cmd_trace(int argc, const char *const *argv);
// tools/cmd_tokenizer.c
int cmd_tokenizer(int argc, const char *const *argv);
// tools/cmd_pretrain.c
int cmd_pretrain(int argc, const char *const *argv);
// tools/cmd_inspect.c
int cmd_inspect(int argc, const char *const *argv);
// tools/cmd_convert.c
int cmd_convert(int argc, const char *const *argv);
// tools/cmd_bench.c
int cmd_bench(int argc, const char *const *argv);
// tools/cmd_world.c
int cmd_world(int argc, const char *const *argv);
// tools/cmd_report.c
int cmd_report(int argc, const char *const *argv);
// tools/cmd_judge.c
int cmd_judge(int argc, const char *const *argv);
// tools/cmd_demo.c
int cmd_demo(int argc, const char *const *argv);
// tools/cmd_theory.c
int cmd_theory(int argc, const char *const *argv);
// tools/cmd_data.c
int cmd_data(int argc, const char *const *argv);

// The verbs' tables, for help and nearest names.
extern const Verb VERB_SIMULATE, VERB_LABEL, VERB_PREFERENCE, VERB_SFT, VERB_DPO, VERB_PPO, VERB_EVAL, VERB_GENERATE, VERB_RUN, VERB_TRACE,
    VERB_TOKENIZER, VERB_PRETRAIN, VERB_INSPECT, VERB_BENCH, VERB_WORLD, VERB_REPORT, VERB_DEMO, VERB_THEORY, VERB_JUDGE,
    VERB_DATA, VERB_CONVERT;

#endif
