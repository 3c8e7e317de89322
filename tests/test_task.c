// Task files: the two that are shipped, the facts of the paper, and every check broken once.
#include <string.h>

#include "rlcd/task.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/support.h"
#include "tools/task_files.h"

static Arena arena;
static Error error;

static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

static Task read_task(const char *name) {
    Task task;
    const char *path;
    ck_ok(task_files_find(&path, &arena, name, "rlcd/tasks", &error), error);
    ck_ok(task_read(&task, &arena, path, &error), error);
    return task;
}

START_TEST(test_shipped) {
    Task t = read_task("harmless");
    ck_assert(t.affixes == 16 && t.instructions == 16 && t.bans == 0 && t.stops == 2);
    ck_assert(text_equal(t.human, TEXT("\n\nHuman:")) && text_equal(t.assistant, TEXT("\n\nAssistant:")));
    ck_assert(text_equal(t.affix_before, TEXT("\n\nAssistant (")) && text_equal(t.affix_after, TEXT("):")));
    ck_assert(text_equal(t.assistant_stem, TEXT("\n\nAssistant")));
    ck_assert(text_equal(t.plus[3], TEXT("harmless, helpful response")) && text_equal(t.minus[3], TEXT("harmful, unhelpful response")));
    Task h = read_task("rlcd/tasks/helpful.yaml");
    ck_assert(h.affixes == 1 && h.instructions == 1 && text_equal(h.name, TEXT("helpful")));
}
END_TEST

// Each pair, with its brackets, is the paper's at the same index.
static void compare_pairs(const Json *facts, const char *name) {
    Task task = read_task(name);
    const Json *list = json_get(facts, name);
    ck_assert_int_eq((int)list->count, task.affixes);
    int i = 0;
    for (const Json *pair = list->child; pair != NULL; pair = pair->next, i++) {
        Str plus = str_make(&arena), minus = str_make(&arena);
        str_printf(&plus, "(%s)", task.plus[i].data);
        str_printf(&minus, "(%s)", task.minus[i].data);
        ck_assert(text_equal(json_get(pair, "plus")->string, str_text(&plus)));
        ck_assert(text_equal(json_get(pair, "minus")->string, str_text(&minus)));
    }
}

START_TEST(test_paper) {
    const char *path = shared_file("data/paper-prompts.json");
    Text text;
    const Json *facts;
    if (path == NULL) return;
    ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
    ck_ok(json_parse(&facts, &arena, text, path, &error), error);
    compare_pairs(facts, "harmless");
    compare_pairs(facts, "helpful");
}
END_TEST

// The example of docs/formats.md is the helpful task.
START_TEST(test_documented) {
    Text docs;
    Task task, helpful = read_task("helpful");
    Str s = str_make(&arena);
    ck_ok(file_read(&docs, &arena, "docs/formats.md", 1 << 20, &error), error);
    ptrdiff_t at = text_find(docs, TEXT("    version: 1\n"));
    ck_assert_int_gt(at, 0);
    // Its lines are indented by four blanks.
    for (const char *line = docs.data + at; strncmp(line, "    ", 4) == 0; line += strcspn(line, "\n") + 1)
        str_append(&s, (Text){line + 4, strcspn(line, "\n") - 3});
    ck_ok(task_parse(&task, &arena, str_text(&s), "docs", &error), error);
    ck_assert(text_equal(task.name, helpful.name) && text_equal(task.plus[0], helpful.plus[0]));
    ck_assert(text_equal(task.minus[0], helpful.minus[0]));
    ck_assert(text_equal(task.affix_before, helpful.affix_before) && text_equal(task.instruction[0], helpful.instruction[0]));
}
END_TEST

static void refuse(const char *source, Status status, const char *part) {
    Task task;
    ck_assert_msg(task_parse(&task, &arena, text_of(source), "t.yaml", &error) == status, "%s\n%s", source, error.text);
    ck_assert_msg(strstr(error.text, part) != NULL && strncmp(error.text, "t.yaml", 6) == 0, "%s\n%s", source, error.text);
}

START_TEST(test_refusals) {
    refuse("name: x\nplus: [a]\nminus: [b]", ERR_FORMAT, "'version' is missing");
    refuse("version: 2\nname: x", ERR_FORMAT, "found version '2'");
    refuse("version: 1\nplus: [a]\nminus: [b]", ERR_FORMAT, "'name' is missing");
    refuse("version: 1\nname: x\nplus: [a, c]\nminus: [b]", ERR_DATA, "'plus' has 2 affixes and 'minus' has 1");
    refuse("version: 1\nname: x", ERR_DATA, "at least one affix");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [a]", ERR_DATA, "no contrast");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\ninstructions: [q, r]", ERR_DATA, "'instructions' has 2 items");
    refuse("version: 1\nname: x\nplsu: [a]", ERR_FORMAT, "t.yaml:3: unknown key 'plsu'; did you mean 'plus'?");
    refuse("version: 1\nname: x\nqqqqqqqqqq: [a]", ERR_FORMAT, "unknown key 'qqqqqqqqqq'");
    refuse("version: 1\nname: x\naffixed: \"\\n\\nAssistant ({afix}):\"", ERR_FORMAT, "unknown variable {afix}");
    refuse("version: 1\nname: x\naffixed: \"\\n\\nAssistant ({affix} {index}):\"", ERR_FORMAT, "unknown variable {index}");
    refuse("version: 1\nname: x\naffixed: \"\\n\\nAssistant ({affix} {affix}):\"", ERR_FORMAT, "twice");
    refuse("version: 1\nname: x\naffixed: \"\\n\\nAssistant:\"", ERR_FORMAT, "must contain {affix}");
    refuse("version: 1\nname: x\nplus: [\"a {affix}\"]\nminus: [b]", ERR_FORMAT, "'plus' has no variables");
    refuse("version: 1\nname: x\nplus: a\nminus: [b]", ERR_FORMAT, "must be a list");
    refuse("version: 1\nname: [x]\nplus: [a]\nminus: [b]", ERR_FORMAT, "must be a text");
    refuse("version: 1\nname: x\nplus: [\"\"]\nminus: [b]", ERR_FORMAT, "item 0 of 'plus' is empty");
    refuse("version: 1\nname: x\nhuman: \"A:\"\nassistant: \"A:\"", ERR_DATA, "different markers");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\njudge: \"{first} {secnd}\"", ERR_FORMAT,
           "unknown variable {secnd} in 'judge'; did you mean {second}?");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\njudge: \"{first} {dialogue}\"", ERR_FORMAT, "must contain {first} and {second}");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\njudge: \"{instruction} {first} {second}\"", ERR_FORMAT, "no 'instructions'");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\nlabels: [A]", ERR_FORMAT, "t.yaml:5: 'labels' must be two");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\nlabels: [A, A]", ERR_FORMAT, "two different texts");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\nlabels: [A, \"{first}\"]", ERR_FORMAT, "'labels' has no variables");
    refuse("version: 1\nname: x\nassistant: \"\\n\\nBot:\"\nplus: [a]\nminus: [b]", ERR_DATA, "must begin alike");
}
END_TEST

START_TEST(test_world_markers) {
    Task t;
    static const char source[] =
        "version: 1\nname: w\nhuman: \"\\n\\n human :\"\nassistant: \"\\n\\n assistant :\"\n"
        "affixed: \"\\n\\n assistant ( {affix} ) :\"\nplus: [a]\nminus: [b]\n";
    ck_ok(task_parse(&t, &arena, text_of(source), "t.yaml", &error), error);
    ck_assert(text_equal(t.assistant_stem, TEXT("\n\n assistant")) && text_equal(t.affix_after, TEXT(" ) :")));
    // Without stops of its own a reply ends where any turn begins.
    ck_assert(t.stops == 2 && text_equal(t.stop[0], t.human) && text_equal(t.stop[1], t.assistant_stem));
}
END_TEST

// Every variable is filled in once, wherever it stands; what is filled in is not read again.
START_TEST(test_judge) {
    Task t;
    static const char source[] =
        "version: 1\nname: j\nplus: [a]\nminus: [b]\ninstructions: [q]\nlabels: [x, y]\n"
        "judge: \"{dialogue}|{voice}|{instruction}|{second}|{first}|{first}{x\"\n";
    ck_ok(task_parse(&t, &arena, text_of(source), "t.yaml", &error), error);
    JudgeParts parts = {TEXT("D"), TEXT("I"), TEXT(""), TEXT("{second}"), TEXT("S")};
    ck_assert(text_equal(task_judge(&arena, &t, &parts), TEXT("D||I|S|{second}|{second}{x")));
    ck_assert(text_equal(t.label[0], TEXT("x")) && text_equal(t.label[1], TEXT("y")));
    // The two tasks here have one; a task without is asked nothing.
    Task harmless = read_task("harmless"), plain = *task_plain();
    ck_assert(harmless.judge.size > 0 && read_task("helpful").judge.size > 0 && plain.judge.size == 0);
    ck_assert(text_equal(harmless.label[0], TEXT("A")) && text_equal(plain.label[1], TEXT("B")));
}
END_TEST

// Worked examples name both affixes as often as they like, or neither; other variables are refused.
START_TEST(test_shots) {
    Task t;
    static const char source[] = "version: 1\nname: s\nplus: [a, c]\nminus: [b, d]\nshots: \"{plus} not {minus} {x or {plus}\"\n",
                      none[] = "version: 1\nname: s\nplus: [a]\nminus: [b]\nshots: text\n";
    ck_ok(task_parse(&t, &arena, text_of(source), "t.yaml", &error), error);
    ck_assert(text_equal(task_shots(&arena, &t, 1), TEXT("c not d {x or c")));
    ck_ok(task_parse(&t, &arena, text_of(none), "t.yaml", &error), error);
    ck_assert(text_equal(task_shots(&arena, &t, 0), TEXT("text")));
    ck_assert(read_task("harmless").shots.size == 0 && read_task("helpful-few-shot").shots.size > 0);
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\nshots: \"{plsu}\"", ERR_FORMAT,
           "unknown variable {plsu} in 'shots'; did you mean {plus}?");
    refuse("version: 1\nname: x\nplus: [a]\nminus: [b]\nshots: [a]", ERR_FORMAT, "must be a text");
}
END_TEST

START_TEST(test_find) {
    const char *path;
    ck_assert_int_eq(task_files_find(&path, &arena, "harmles", "rlcd/tasks", &error), ERR_USAGE);
    ck_assert_str_eq(error.text, "unknown task 'harmles'; did you mean 'harmless'?");
    ck_assert_int_eq(task_files_find(&path, &arena, "zzzzzzzzzzzz", "rlcd/tasks", &error), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "harmless, helpful"));
    ck_assert_int_eq(task_files_find(&path, &arena, "./no.yaml", "rlcd/tasks", &error), ERR_USAGE);
    ck_assert_int_eq(task_files_find(&path, &arena, "", "rlcd/tasks", &error), ERR_USAGE);
    const char *const *names = task_files_names(&arena, "rlcd/tasks");
    ck_assert(strcmp(names[0], "harmless") == 0 && strcmp(names[1], "helpful-few-shot") == 0 && strcmp(names[2], "helpful") == 0);
}
END_TEST

Suite *suite_task(void);
Suite *suite_task(void) {
    Suite *s = suite_create("task");
    TCase *c = tcase_create("task");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_shipped);
    tcase_add_test(c, test_paper);
    tcase_add_test(c, test_documented);
    tcase_add_test(c, test_refusals);
    tcase_add_test(c, test_world_markers);
    tcase_add_test(c, test_judge);
    tcase_add_test(c, test_shots);
    tcase_add_test(c, test_find);
    suite_add_tcase(s, c);
    return s;
}
