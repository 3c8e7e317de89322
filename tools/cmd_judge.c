// rlcd judge: which of two replies is better, asked of people, of a model and of any other judge, and what their answers say.
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/judge_form.h"
#include "tools/judge_import.h"
#include "tools/judge_model.h"
#include "tools/options.h"
#include "tools/stage.h"

static const Option JUDGE[] = {
    {"out", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "form: the page (its key goes beside it); model: run directory; others: the file that is written."},
    {"model", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "M", "model: a .gguf file or a Hugging Face folder."},
    {"questions", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "import, compare, model: the questions: a form's key, or what export wrote."},
    {0},
};
static const OptionTable JUDGE_TABLE = {"", JUDGE};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &JUDGE_TABLE, &OPTIONS_JUDGE, &OPTIONS_TASK, &OPTIONS_LABEL, NULL};
const Verb VERB_JUDGE = {
    .name = "judge",
    .usage =
        "rlcd judge form|export REPLIES... --out FILE, judge import|compare FILE... --questions FILE, judge model --questions FILE "
        "--model M --out DIR",
    .summary = "Which reply is better: a form for people, questions for other judges, and what answers come to.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
};

// The arguments behind the action.
static const char *const *files_of(const Args *args, int *n) {
    *n = args->positionals - 1;
    return args->positional + 1;
}

static Status need(const char **value, const Args *args, const char *key, Error *error) {
    *value = args_text(args, key);
    return *value ? OK : error_set(error, ERR_USAGE, "rlcd judge %s needs --%s FILE", args->positional[0], key);
}

// ---- questions

// What was asked for, and what came of it.
typedef struct {
    Str text;  // of the file of questions
    int policies, prompts;
    int pairs, same;  // pairs of replies, and how many of them are equal
} Made;

static Status make_questions(Made *made, Tool *tool, bool both, Error *error) {
    const Args *args = tool->args;
    JudgeReplies *sets;
    *made = (Made){.text = str_make(&tool->run)};
    JudgeChoice choice = {.both = both, .seed = args_int(args, "seed")};
    int n;
    const char *const *files = files_of(args, &n);
    TRY(tool_limit(&choice.limit, args, "judge.limit", error));
    TRY(judge_replies_read(&sets, &made->policies, &tool->run, files, n, error));
    made->prompts = choice.limit >= 0 && choice.limit < sets[0].count ? (int)choice.limit : sets[0].count;
    made->pairs = made->prompts * (made->policies - 1);
    for (int b = 1; b < made->policies; b++)
        for (int i = 0; i < made->prompts; i++)
            made->same += text_equal(text_trim(sets[0].reply[i].reply), text_trim(sets[b].reply[i].reply));
    if (made->same == made->pairs)
        return error_set(error, ERR_DATA, "%s: all %d pairs of replies are the same: there is nothing to ask", sets[0].path, made->pairs);
    judge_questions_write(&made->text, sets, made->policies, &choice, &tool->step);
    return OK;
}

// Writes a form's key, unless other questions stand there: answers to them could not be read any more.
static Status write_key(const char *path, const Str *text, Arena *arena, Error *error) {
    Text old;
    if (!file_exists(path)) return file_write(path, text->data, text->size, error);
    TRY(file_read(&old, arena, path, SIZE_MAX, error));
    if (text_equal(old, str_text(text))) return OK;
    return error_set(error, ERR_DATA, "%s: it holds the questions of another form, whose answers need it: choose another --out", path);
}

static Status form(Tool *tool, Error *error) {
    const char *out;
    Made made;
    Str page = str_make(&tool->run), key = str_make(&tool->text);
    JudgeQuestions questions;
    TRY(need(&out, tool->args, "out", error));
    TRY(make_questions(&made, tool, false, error));
    Text stem = text_of(out);
    if (text_ends(stem, TEXT(".html"))) stem.size -= 5;
    str_printf(&key, "%.*s-key.jsonl", (int)stem.size, stem.data);
    TRY(write_key(key.data, &made.text, &tool->run, error));
    TRY(judge_questions_read(&questions, &tool->run, key.data, error));
    judge_form_page(&page, &questions, text_of(args_text(tool->args, "judge.question")));
    TRY(file_write(out, page.data, page.size, error));
    printf("form           %s: %d questions about %d prompts and %d policies; %d pairs of equal replies are left out\n", out,
           made.pairs - made.same, made.prompts, made.policies, made.same);
    printf("key            %s: not for those who answer; rlcd judge import needs it\n", key.data);
    return OK;
}

static Status export(Tool *tool, Error *error) {
    const char *out;
    Made made;
    TRY(need(&out, tool->args, "out", error));
    TRY(make_questions(&made, tool, true, error));
    TRY(file_write(out, made.text.data, made.text.size, error));
    printf("questions      %s: %d questions about %d prompts and %d policies, each pair in both orders; %d pairs of equal replies\n", out,
           2 * made.pairs, made.prompts, made.policies, made.same);
    return OK;
}

// ---- answers

static Status open_questions(JudgeQuestions *questions, Tool *tool, Error *error) {
    const char *path;
    TRY(need(&path, tool->args, "questions", error));
    return judge_questions_read(questions, &tool->run, path, error);
}

static JudgeCompare compare_config(const Args *args) {
    return (JudgeCompare){.replicates = (int)args_int(args, "judge.replicates"),
                          .seed = (uint64_t)args_int(args, "seed"),
                          .groups = (int)args_int(args, "judge.groups")};
}

// Figures of each judge, of all together, and of each two; printed, and written where --out says.
static Status tell(Tool *tool, const JudgeQuestions *questions, const JudgeAnswers *answers, int n, const char *all, Error *error) {
    const Args *args = tool->args;
    const char *out = args_text(args, "out");
    JudgeFigures figures = {.arena = &tool->run};
    JudgeCompare config = compare_config(args);
    for (int k = 0; k < n; k++) judge_compare(&figures, questions, &answers[k], &config);
    if (n > 1 && all) {
        JudgeAnswers mean = judge_answers_mean(answers, n, text_of(all), questions, &tool->run);
        judge_compare(&figures, questions, &mean, &config);
    }
    for (int k = 0; k < n; k++)
        for (int i = 0; i < k; i++) judge_agreement(&figures, questions, &answers[i], &answers[k]);
    Str table = str_make(&tool->run), rows = str_make(&tool->run);
    judge_figures_print(&table, &figures);
    judge_figures_write(&rows, &figures);
    if (out) TRY(file_write(out, rows.data, rows.size, error));
    fwrite(table.data, 1, table.size, stdout);
    return OK;
}

static Status import(Tool *tool, Error *error) {
    JudgeQuestions questions;
    JudgeAnswers *answers;
    int n;
    const char *const *files = files_of(tool->args, &n);
    TRY(open_questions(&questions, tool, error));
    TRY(judge_import_read(&answers, &tool->run, files, n, &questions, error));
    return tell(tool, &questions, answers, n, "all annotators", error);
}

static Status compare(Tool *tool, Error *error) {
    JudgeQuestions questions;
    int n;
    const char *const *files = files_of(tool->args, &n);
    TRY(open_questions(&questions, tool, error));
    JudgeAnswers *answers = arena_zeros(&tool->run, (size_t)n, sizeof *answers);
    for (int k = 0; k < n; k++) {
        JudgeVerdicts verdicts;
        TRY(judge_verdicts_read(&verdicts, &tool->run, files[k], &questions, error));
        answers[k] = judge_answers(&verdicts, &questions, &tool->run);
        for (int i = 0; i < k; i++)
            if (text_equal(answers[i].judge, answers[k].judge))
                return error_set(error, ERR_DATA, "%s and %s are both of the judge \"%.60s\": give one of them as NAME=%s", files[i],
                                 files[k], answers[k].judge.data, files[k]);
    }
    return tell(tool, &questions, answers, n, NULL, error);
}

static Status model(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *out, *questions, *path;
    Str summary = str_make(&tool->text);
    JudgeCompare config = compare_config(args);
    TRY(need(&questions, args, "questions", error));
    TRY(need(&path, args, "model", error));
    TRY(need(&out, args, "out", error));
    TRY(tool_open_model(tool, error));
    TRY(judge_model_run(tool, out, questions, &config, &summary, error));
    console_clear();
    fwrite(summary.data, 1, summary.size, stdout);
    return OK;
}

// ---- the verb

// What each action takes of the tables above, a blank before and behind each name.
static const struct {
    const char *name;
    Status (*run)(Tool *, Error *);
    const char *options;
    const char *files;  // what stands behind it
} ACTIONS[] = {
    {"form", form, " out question limit ", "REPLIES..."},
    {"export", export, " out limit ", "REPLIES..."},
    {"import", import, " out questions replicates groups ", "RATINGS.json..."},
    {"compare", compare, " out questions replicates groups ", "VERDICTS.jsonl..."},
    {"model", model, " out questions model replicates groups margin task voice labels max_tokens ", NULL},
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

// An option of another action would do nothing: it is refused.
static Status check_options(const Args *args, int action, Error *error) {
    for (int t = 0; TABLES[t]; t++) {
        if (TABLES[t] == &OPTIONS_GENERAL) continue;
        for (const Option *o = TABLES[t]->option; o->name; o++) {
            char name[64], key[64];
            snprintf(name, sizeof name, " %s ", o->name);
            snprintf(key, sizeof key, "%s%s%s", TABLES[t]->section, TABLES[t]->section[0] ? "." : "", o->name);
            if (args_asked(args, key) && strstr(ACTIONS[action].options, name) == NULL)
                return error_set(error, ERR_USAGE, "rlcd judge %s takes no %s", ACTIONS[action].name, o->name);
        }
    }
    if ((args->positionals > 1) == (ACTIONS[action].files != NULL)) return OK;
    return error_set(error, ERR_USAGE, "rlcd judge %s takes %s", ACTIONS[action].name,
                     ACTIONS[action].files ? ACTIONS[action].files : "no files");
}

static Status work(Tool *tool, Error *error) {
    const char *names[ACTION_COUNT + 1] = {NULL}, *wanted = tool->args->positional[0];
    int action = 0;
    while (action < ACTION_COUNT && strcmp(ACTIONS[action].name, wanted) != 0) action++;
    if (action == ACTION_COUNT) {
        Str all = str_make(&tool->text);
        for (int i = 0; i < ACTION_COUNT; i++) {
            names[i] = ACTIONS[i].name;
            str_printf(&all, "%s%s", i == 0 ? "" : i + 1 == ACTION_COUNT ? " or " : ", ", names[i]);
        }
        const char *near = nearest_name(wanted, names);
        return error_set(error, ERR_USAGE, "judge: expected %s, found \"%s\"%s%s%s", all.data, wanted, near ? ": did you mean " : "",
                         near ? near : "", near ? "?" : "");
    }
    TRY(check_options(tool->args, action, error));
    return ACTIONS[action].run(tool, error);
}

int cmd_judge(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_JUDGE, argc, argv);
    if (code >= 0) return code;
    Status status = work(&tool, &error);
    return tool_exit(&tool, status, &error);
}
