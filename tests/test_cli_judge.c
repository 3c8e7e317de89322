// rlcd judge through the whole program: from replies to a form, from a person's file to figures, questions out and verdicts in; and what is
// wrong is told in one sentence and leaves nothing behind.
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tools/judge_questions.h"

Suite *suite_cli_judge(void);

static Arena arena;
static Error error;
static const char *folder, *one, *two;

// Replies of a policy to four prompts; those to prompt 2 are the same for all.
static const char *replies_of(const char *policy) {
    Str rows = str_make(&arena);
    for (int i = 0; i < 4; i++)
        str_printf(&rows, "{\"index\":%d,\"prompt\":\"\\n\\nHuman: Q%d?\\n\\nAssistant:\",\"policy\":\"%s\",\"reply\":\" %s%d\"}\n", i, i,
                   policy, i == 2 ? "same" : policy, i);
    return cli_file(&arena, folder, cli_format(&arena, "%s.jsonl", policy), rows.data);
}

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
    one = replies_of("good");
    two = replies_of("plain");
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }
static const char *file_of(const char *name, const char *text) { return cli_file(&arena, folder, name, text); }

// Runs what must be refused: exit code, sentence, and a folder that is as it was.
static void refuse(int code, const char *part, const char *const *argv) {
    Text before = cli_tree(&arena, folder);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, code, part);
    Text after = cli_tree(&arena, folder);
    ck_assert_msg(text_equal(before, after), "'%s' left something behind:\n%s", part, after.data);
}
#define REFUSE(code, part, ...) refuse((code), (part), CLI_ARGUMENTS("judge", __VA_ARGS__))

static Text content(const char *path) {
    Text text;
    ck_ok(file_read(&text, &arena, path, 1 << 24, &error), error);
    return text;
}

// What a person's page saves who always takes policy `good` by this rating.
static const char *ratings_of(const JudgeQuestions *q, const char *name, int rating) {
    Str rows = str_make(&arena);
    for (int i = 0; i < q->count; i++)
        if (!q->question[i].same)
            str_printf(&rows, "%s{\"id\":\"%s\",\"rating\":%d}", rows.size ? "," : "", q->question[i].id.data,
                       q->question[i].swapped ? rating : 9 - rating);
    return file_of(cli_format(&arena, "%s.json", name),
                   cli_format(&arena, "{\"version\":1,\"form\":\"%s\",\"seed\":7,\"annotator\":\"%s\",\"ratings\":[%s]}\n", q->sha256, name,
                              rows.data));
}

START_TEST(a_form_and_its_import) {
    JudgeQuestions q;
    const char *page = in_folder("form.html"), *key = in_folder("form-key.jsonl"), *figures = in_folder("figures.jsonl");
    CliResult r = cli_ok(&arena, "judge", "form", one, two, "--seed", "7", "--out", page, "--question", "Who is kinder?");
    ck_assert_int_ge(text_find(r.out, TEXT("3 questions about 4 prompts and 2 policies; 1 pairs")), 0);
    ck_assert_int_ge(text_find(content(page), TEXT("<legend>Who is kinder?</legend>")), 0);
    ck_ok(judge_questions_read(&q, &arena, key, &error), error);
    ck_assert_int_eq(q.count, 4);
    // The same again is the same; another seed would lose the answers to the first.
    Text before = cli_tree(&arena, folder);
    cli_ok(&arena, "judge", "form", one, two, "--seed", "7", "--out", page, "--question", "Who is kinder?");
    ck_assert(text_equal(before, cli_tree(&arena, folder)));
    REFUSE(1, "another form", "form", one, two, "--seed", "8", "--out", page);

    const char *ada = ratings_of(&q, "ada", 8), *bob = ratings_of(&q, "bob", 6);
    r = cli_ok(&arena, "judge", "import", ada, bob, "--questions", key, "--out", figures);
    ck_assert_int_ge(text_find(r.out, TEXT("good against plain, judged by ada\n")), 0);
    ck_assert_int_ge(text_find(r.out, TEXT("judged by all annotators\n")), 0);
    ck_assert_int_ge(text_find(r.out, TEXT("ada and bob\n  answered alike")), 0);
    Text rows = content(figures);
    ck_assert_int_ge(
        text_find(rows, TEXT("{\"measure\":\"win_rate\",\"a\":\"good\",\"b\":\"plain\",\"judge\":\"ada\",\"n\":4,\"value\":0.875,")), 0);
    ck_assert_int_ge(
        text_find(rows,
                  TEXT("\"measure\":\"rating_a\",\"a\":\"good\",\"b\":\"plain\",\"judge\":\"all annotators\",\"n\":4,\"value\":6.375,")),
        0);
    ck_assert_int_ge(text_find(rows, TEXT("\"measure\":\"agreement\",\"judge\":\"ada\",\"other\":\"bob\",\"n\":3,\"value\":1,")), 0);
    // Nothing is written where a file is wrong.
    REFUSE(1, "another form", "import", ada, "--questions", file_of("other.jsonl", cli_format(&arena, "%s\n", content(key).data)), "--out",
           in_folder("x"));
    REFUSE(1, "both of \"ada\"", "import", ada, ada, "--questions", key, "--out", in_folder("x"));
    REFUSE(2, "--questions", "import", ada);
    REFUSE(2, "takes RATINGS", "import", "--questions", key);
    REFUSE(2, "takes no limit", "import", ada, "--questions", key, "--limit", "3");
}
END_TEST

START_TEST(questions_out_and_verdicts_in) {
    JudgeQuestions q;
    const char *questions = in_folder("q.jsonl"), *figures = in_folder("figures.jsonl");
    CliResult r = cli_ok(&arena, "judge", "export", one, two, replies_of("third"), "--out", questions, "--limit", "3");
    ck_assert_int_ge(text_find(r.out, TEXT("12 questions about 3 prompts and 3 policies")), 0);
    ck_ok(judge_questions_read(&q, &arena, questions, &error), error);
    ck_assert_int_eq(q.count, 12);
    // A judge who takes `good`, and one who takes the first place.
    Str fair = str_make(&arena), lazy = str_make(&arena);
    for (int i = 0; i < q.count; i++) {
        str_printf(&fair, "{\"id\":\"%s\",\"winner\":\"%s\"}\n", q.question[i].id.data, q.question[i].swapped ? "second" : "first");
        str_printf(&lazy, "{\"id\":\"%s\",\"winner\":\"first\"}\n", q.question[i].id.data);
    }
    const char *a = file_of("fair.jsonl", fair.data), *b = file_of("lazy.jsonl", lazy.data);
    r = cli_ok(&arena, "judge", "compare", a, cli_format(&arena, "sloth=%s", b), "--questions", questions, "--out", figures);
    ck_assert_int_ge(text_find(r.out, TEXT("good against third, judged by sloth\n")), 0);
    Text rows = content(figures);
    ck_assert_int_ge(text_find(rows, TEXT("\"swap_consistency\",\"a\":\"good\",\"b\":\"third\",\"judge\":\"fair\",\"n\":2,\"value\":1,")),
                     0);
    ck_assert_int_ge(text_find(rows, TEXT("\"swap_consistency\",\"a\":\"good\",\"b\":\"plain\",\"judge\":\"sloth\",\"n\":2,\"value\":0,")),
                     0);
    ck_assert_int_ge(text_find(rows, TEXT("\"agreement\",\"judge\":\"fair\",\"other\":\"sloth\",\"n\":8,\"value\":0.5,")), 0);
    // Every row is JSON, and a second run says the same.
    Text again = rows;
    cli_ok(&arena, "judge", "compare", a, cli_format(&arena, "sloth=%s", b), "--questions", questions, "--out", figures);
    ck_assert(text_equal(again, content(figures)));
    while (rows.size) {
        const Json *json;
        size_t end = (size_t)text_find(rows, TEXT("\n"));
        ck_ok(json_parse(&json, &arena, (Text){rows.data, end}, figures, &error), error);
        rows = (Text){rows.data + end + 1, rows.size - end - 1};
    }
    REFUSE(1, "fair.jsonl:1: no question has the id", "compare", a, "--questions",
           file_of("few.jsonl", "{\"id\":\"x\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}\n"));
    REFUSE(1, "half.jsonl: no verdict on \"0-2-2\"", "compare",
           file_of("half.jsonl",
                   "{\"id\":\"0-1-1\",\"winner\":\"tie\"}\n{\"id\":\"0-1-2\",\"winner\":\"tie\"}\n{\"id\":\"0-2-1\",\"winner\":\"tie\"}\n"),
           "--questions", questions);
    REFUSE(1, "both of the judge \"fair\"", "compare", a, a, "--questions", questions);
    REFUSE(1, "none.jsonl", "compare", in_folder("none.jsonl"), "--questions", questions);
    REFUSE(1, "none.jsonl", "compare", a, "--questions", in_folder("none.jsonl"));
}
END_TEST

// The number behind "key": in row `line` of a file, as text.
static Text number_of(const char *path, int line, const char *key) {
    Text rest = content(path);
    for (int i = 0; i < line; i++) {
        size_t end = (size_t)text_find(rest, TEXT("\n")) + 1;
        rest = (Text){rest.data + end, rest.size - end};
    }
    const char *mark = cli_format(&arena, "\"%s\":", key);
    ptrdiff_t at = text_find(rest, text_of(mark));
    ck_assert_int_ge(at, 0);
    const char *begin = rest.data + at + strlen(mark);
    return (Text){begin, strcspn(begin, ",}")};
}

#define JUDGE(dir) "model", "--model", TINY, "--questions", questions, "--max-tokens", "256", "--replicates", "50", "--out", in_folder(dir)

// A local model: what `rlcd label` finds for the same two replies; stopped and gone on, the same file.
START_TEST(a_model_as_judge) {
    JudgeQuestions q;
    const char *questions = in_folder("q.jsonl"), *verdicts = in_folder("a/verdicts.jsonl");
    cli_ok(&arena, "judge", "export", one, two, "--out", questions);
    CliResult r = cli_ok(&arena, "judge", JUDGE("a"));
    ck_assert_int_ge(text_find(r.out, TEXT("6 questions asked (0 dialogues cut), ")), 0);
    ck_assert_int_ge(text_find(r.out, TEXT("good against plain, judged by tiny_chat\n")), 0);
    ck_ok(judge_questions_read(&q, &arena, questions, &error), error);
    Str pairs = str_make(&arena);
    for (int i = 0; i < q.count; i++)
        if (!q.question[i].same)
            str_printf(&pairs, "{\"prompt\":\"\\n\\nHuman: Q%d?\\n\\nAssistant:\",\"chosen\":\"%s\",\"rejected\":\"%s\",\"index\":%d}\n",
                       (int)q.question[i].index, q.question[i].first.data, q.question[i].second.data, (int)q.question[i].index);
    cli_ok(&arena, "label", "--model", TINY, "--pairs", file_of("pairs.jsonl", pairs.data), "--orders", "first", "--max-tokens", "256",
           "--out", in_folder("labelled"));
    for (int i = 0; i < 6; i++) {
        Text odds = number_of(verdicts, i, "odds"), label = number_of(in_folder("labelled/pairs.jsonl"), i, "chosen_first");
        ck_assert_msg(text_equal(odds, label), "%.*s against %.*s", (int)odds.size, odds.data, (int)label.size, label.data);
        bool first = odds.data[0] != '-';
        ck_assert(text_equal(number_of(verdicts, i, "winner"), first ? TEXT("\"first\"") : TEXT("\"second\"")));
    }
    // compare says of the folder what the run said.
    CliResult again = cli_ok(&arena, "judge", "compare", in_folder("a"), "--questions", questions, "--replicates", "50");
    ck_assert_int_ge(text_find(r.out, again.out), 0);
    ck_assert(text_equal(r.out, cli_ok(&arena, "judge", JUDGE("a")).out));

    // Stopped at once, with some lines there and half of one: the same file in the end.
    r = cli_run(&arena, "judge", JUDGE("b"), "--max-time", "0.001s");
    ck_assert_msg(r.code == 75, "%d: %s", r.code, r.err.data);
    Text whole = content(verdicts);
    ck_ok(file_write(in_folder("b/verdicts.jsonl"), whole.data, whole.size / 2, &error), error);
    cli_ok(&arena, "judge", JUDGE("b"));
    ck_assert(text_equal(whole, content(in_folder("b/verdicts.jsonl"))));
    ck_assert_str_eq(cli_hash(&arena, folder, "a"), cli_hash(&arena, folder, "b"));
    // A wide margin makes ties.
    r = cli_ok(&arena, "judge", JUDGE("c"), "--margin", "1000");
    ck_assert_int_ge(text_find(r.out, TEXT(" 6 ties")), 0);
    REFUSE(1, "recipe", JUDGE("c"), "--margin", "2");
}
END_TEST

START_TEST(a_model_that_cannot_judge) {
    const char *questions = in_folder("q.jsonl");
    const char *task = "version: 1\nname: t\nplus: [x]\nminus: [y]\njudge: \"{dialogue} {first} {second} (\"\n";
    cli_ok(&arena, "judge", "export", one, two, "--out", questions);
    REFUSE(1, "is 4 tokens of this model, expected one", JUDGE("d"), "--task",
           file_of("t.yaml", cli_format(&arena, "%slabels: [\"q@~^\", B]\n", task)));
    REFUSE(1, "expected the key 'judge'", JUDGE("d"), "--task", file_of("t.yaml", "version: 1\nname: t\nplus: [x]\nminus: [y]\n"));
    REFUSE(1, "question \"0-1-1\" does not fit into 8 tokens", "model", "--model", TINY, "--questions", questions, "--max-tokens", "8",
           "--out", in_folder("d"));
    REFUSE(2, "needs --model", "model", "--questions", questions, "--out", in_folder("d"));
    REFUSE(2, "takes no orders", JUDGE("d"), "--orders", "both");
    REFUSE(2, "takes no files", JUDGE("d"), questions);
    questions =
        file_of("bare.jsonl", "{\"id\":\"x\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}\n");
    REFUSE(1, "question \"x\": prompt", JUDGE("d"));
}
END_TEST

START_TEST(bad_calls) {
    REFUSE(2, "expected form, export, import", "forms");
    REFUSE(2, "did you mean compare?", "compar", one);
    REFUSE(2, "needs --out FILE", "form", one, two);
    REFUSE(2, "takes REPLIES", "form", "--out", in_folder("x"));
    REFUSE(2, "takes no replicates", "form", one, two, "--out", in_folder("x"), "--replicates", "5");
    REFUSE(2, "at least 1", "export", one, two, "--out", in_folder("x"), "--limit", "0");
    REFUSE(1, "replies of two policies", "export", one, "--out", in_folder("x"));
    REFUSE(1, "there is nothing to ask", "form", one, cli_format(&arena, "copy=%s", one), "--out", in_folder("x.html"));
    REFUSE(1, "different prompts with index 0", "export", one,
           file_of("else.jsonl", "{\"index\":0,\"prompt\":\"?\",\"policy\":\"e\",\"reply\":\"\"}\n"), "--out", in_folder("x"));
    REFUSE(1, "no reply to prompt 1", "export", one,
           file_of("else.jsonl", "{\"index\":0,\"prompt\":\"\\n\\nHuman: Q0?\\n\\nAssistant:\",\"policy\":\"e\",\"reply\":\"\"}\n"),
           "--out", in_folder("x"));
}
END_TEST

Suite *suite_cli_judge(void) {
    Suite *suite = suite_create("cli_judge");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_form_and_its_import);
    tcase_add_test(tests, questions_out_and_verdicts_in);
    tcase_add_test(tests, a_model_as_judge);
    tcase_add_test(tests, a_model_that_cannot_judge);
    tcase_add_test(tests, bad_calls);
    suite_add_tcase(suite, tests);
    return suite;
}
