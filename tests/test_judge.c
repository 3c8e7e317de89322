// Judgements: replies to questions to answers to figures, by hand and against statsmodels; and the sentence for everything that can be
// wrong with a file.
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tools/judge_form.h"
#include "tools/judge_import.h"

Suite *suite_judge(void);

static const char *file_of(const char *name, const char *text) { return cli_file(&arena, folder, name, text); }

// A row of replies.
static const char *row(int index, const char *policy, const char *reply) {
    return cli_format(&arena, "{\"index\":%d,\"prompt\":\"\\n\\nHuman: Q%d?\\n\\nAssistant:\",\"policy\":\"%s\",\"reply\":\"%s\"}\n", index,
                      index, policy, reply);
}

// ---- replies

START_TEST(replies_of_policies) {
    JudgeReplies *sets;
    int n;
    const char *one = file_of("one.jsonl", cli_format(&arena, "%s\n%s", row(3, "r", " b"), row(1, "r", " a")));
    const char *two = file_of("two.jsonl", cli_format(&arena, "%s%s", row(1, "s", " c"), row(3, "s", "")));
    const char *files[] = {one, two, cli_format(&arena, "third=%s", two)};
    ck_ok(judge_replies_read(&sets, &n, &arena, files, 3, &error), error);
    ck_assert_int_eq(n, 3);
    ck_assert(text_equal(sets[0].policy, TEXT("r")) && text_equal(sets[1].policy, TEXT("s")) && text_equal(sets[2].policy, TEXT("third")));
    ck_assert(sets[0].count == 2 && sets[0].reply[0].index == 1 && text_equal(sets[0].reply[1].reply, TEXT(" b")));
    // A folder means its replies.jsonl; base and tuned side by side are two policies.
    cli_file(&arena, folder, "replies.jsonl", "{\"index\":0,\"prompt\":\"p\",\"base\":\" x\",\"tuned\":\" y\"}\n");
    ck_ok(judge_replies_read(&sets, &n, &arena, &folder, 1, &error), error);
    ck_assert(n == 2 && text_equal(sets[0].policy, TEXT("tuned")) && text_equal(sets[0].reply[0].reply, TEXT(" y")));
    ck_assert(text_equal(sets[1].policy, TEXT("base")) && text_equal(sets[1].reply[0].prompt, TEXT("p")));
}
END_TEST

// Runs a reader of replies that must refuse.
static void refuse_replies(const char *part, const char *first, const char *second) {
    JudgeReplies *sets;
    int n;
    const char *files[] = {first, second};
    error.text[0] = '\0';
    Status status = judge_replies_read(&sets, &n, &arena, files, second ? 2 : 1, &error);
    ck_assert_msg(status != OK && strstr(error.text, part), "expected '%s', found: %s", part, error.text);
}

START_TEST(replies_that_do_not_match) {
    const char *good = file_of("good.jsonl", cli_format(&arena, "%s%s", row(1, "r", " a"), row(3, "r", " b")));
    refuse_replies("two policies", good, NULL);
    refuse_replies("both of the policy \"r\"", good, good);
    refuse_replies("other.jsonl has no reply to prompt 3", good, file_of("other.jsonl", row(1, "s", " a")));
    refuse_replies("good.jsonl has no reply to prompt 2", good,
                   file_of("other.jsonl", cli_format(&arena, "%s%s%s", row(1, "s", ""), row(2, "s", ""), row(3, "s", ""))));
    refuse_replies(
        "different prompts with index 1", good,
        file_of("other.jsonl", cli_format(&arena, "{\"index\":1,\"prompt\":\"x\",\"policy\":\"s\",\"reply\":\"\"}\n%s", row(3, "s", ""))));
    refuse_replies("two with index 3", good, file_of("other.jsonl", cli_format(&arena, "%s%s", row(3, "s", ""), row(3, "s", ""))));
    refuse_replies("other.jsonl:2: expected one policy", good,
                   file_of("other.jsonl", cli_format(&arena, "%s%s", row(1, "s", ""), row(3, "t", ""))));
    refuse_replies("name no policy", good, file_of("other.jsonl", "{\"index\":1,\"prompt\":\"x\",\"reply\":\"\"}\n"));
    refuse_replies("other.jsonl:1", good, file_of("other.jsonl", "{\"index\":1,\"prompt\":\"x\",\"policy\":\"s\"}\n"));
    refuse_replies("other.jsonl:1", good, file_of("other.jsonl", "{\"index\":-1,\"prompt\":\"x\",\"policy\":\"s\",\"reply\":\"\"}\n"));
    refuse_replies("other.jsonl:2", good, file_of("other.jsonl", cli_format(&arena, "%s{\"tuned\":\"\"}\n", row(1, "s", ""))));
    refuse_replies("found none", good, file_of("other.jsonl", "\n"));
    refuse_replies("none.jsonl", good, path_join(&arena, folder, "none.jsonl"));
    const char *both = file_of("both.jsonl", "{\"index\":0,\"prompt\":\"p\",\"base\":\" x\",\"tuned\":\" y\"}\n");
    refuse_replies("base and tuned", cli_format(&arena, "x=%s", both), NULL);
}
END_TEST

// ---- questions

// Sets of `prompts` replies: r's "reply", s's and t's of other lengths; the pair of prompt 2 with s is the same.
static const JudgeReplies *three_policies(int prompts) {
    static const char *const NAMES[] = {"r", "s", "t"};
    JudgeReplies *sets = arena_zeros(&arena, 3, sizeof *sets);
    for (int k = 0; k < 3; k++) {
        sets[k] = (JudgeReplies){.policy = text_of(NAMES[k]), .path = NAMES[k], .count = prompts};
        sets[k].reply = arena_zeros(&arena, (size_t)prompts, sizeof *sets[k].reply);
        for (int i = 0; i < prompts; i++) {
            const char *reply =
                k == 1 && i == 2 ? " r2 " : cli_format(&arena, " %s%d%.*s", NAMES[k], i, i * k, "................................");
            sets[k].reply[i] = (JudgeReply){i, text_of(cli_format(&arena, "\n\nHuman: %d\n\nAssistant:", i)), text_of(reply)};
        }
    }
    return sets;
}

static JudgeQuestions questions_of(const JudgeReplies *sets, int n, JudgeChoice choice) {
    JudgeQuestions q;
    Str text = str_make(&arena);
    judge_questions_write(&text, sets, n, &choice, &arena);
    ck_ok(judge_questions_read(&q, &arena, file_of("questions.jsonl", text.data), &error), error);
    return q;
}

START_TEST(questions_in_both_orders) {
    const JudgeReplies *sets = three_policies(6);
    JudgeQuestions q = questions_of(sets, 3, (JudgeChoice){.both = true, .limit = 4});
    ck_assert_int_eq(q.count, 16);
    ck_assert_int_eq(q.pairings, 2);
    ck_assert(text_equal(q.pairing[1].a, TEXT("r")) && text_equal(q.pairing[1].b, TEXT("t")));
    int same = 0;
    for (int i = 0; i < q.count; i++) {
        const JudgeQuestion *one = &q.question[i];
        ck_assert_int_eq(judge_questions_find(&q, one->id), i);
        ck_assert(text_equal(judge_reply_a(one), sets[0].reply[one->index].reply) && one->seed == -1);
        ck_assert(text_equal(judge_reply_b(one), sets[one->pairing + 1].reply[one->index].reply));
        ck_assert_int_eq(one->swapped, i % 2);
        same += one->same;
    }
    ck_assert_int_eq(same, 2);
    ck_assert_int_eq(judge_questions_find(&q, TEXT("0-1")), -1);
}
END_TEST

// Places and order are drawn: by the seed, both places about as often, every pair once.
START_TEST(questions_of_a_form) {
    enum { PROMPTS = 200 };
    const JudgeReplies *sets = three_policies(PROMPTS);
    JudgeChoice choice = {.seed = 3, .limit = -1};
    JudgeQuestions q = questions_of(sets, 3, choice);
    int swapped = 0, sorted = 0, seen[2][PROMPTS] = {{0}};
    ck_assert_int_eq(q.count, 2 * PROMPTS);
    for (int i = 0; i < q.count; i++) {
        swapped += q.question[i].swapped;
        sorted += i && q.question[i].index >= q.question[i - 1].index;
        seen[q.question[i].pairing][q.question[i].index]++;
        ck_assert_int_eq(q.question[i].seed, 3);
    }
    for (int i = 0; i < PROMPTS; i++) ck_assert(seen[0][i] == 1 && seen[1][i] == 1);
    ck_assert(swapped > 160 && swapped < 240 && sorted > 160 && sorted < 240);
    // Fewer prompts keep their places, another seed has others.
    JudgeQuestions few = questions_of(sets, 3, (JudgeChoice){.seed = 3, .limit = 50});
    JudgeQuestions other = questions_of(sets, 3, (JudgeChoice){.seed = 4, .limit = -1});
    int differs = 0;
    for (int i = 0; i < few.count; i++) {
        const JudgeQuestion *one = &few.question[i];
        ck_assert_int_eq(one->swapped, q.question[judge_questions_find(&q, one->id)].swapped);
        differs += one->swapped != other.question[judge_questions_find(&other, one->id)].swapped;
    }
    ck_assert(differs > 20);
    ck_assert_str_ne(q.sha256, other.sha256);
}
END_TEST

static const char GOOD[] = "{\"id\":\"x\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}\n";

START_TEST(questions_that_are_wrong) {
    static const struct {
        const char *more, *part;
    } WRONG[] = {
        {"{\"id\":\"x\",\"index\":1,\"a\":\"r\",\"b\":\"s\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}", "\"x\" stands twice"},
        {"{\"id\":\"y\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}", "the same order"},
        {"{\"id\":\"y\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"swapped\":true,\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}",
         "texts differ"},
        {"{\"id\":\"y\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"swapped\":true,\"prompt\":\"q\",\"first\":\"2\",\"second\":\"1\"}",
         "texts differ"},
        {"{\"id\":\"y\",\"index\":0,\"a\":\"r\",\"b\":\"r\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}",
         "q.jsonl:2: expected two policies"},
        {"{\"id\":\"\",\"index\":0,\"a\":\"r\",\"b\":\"t\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}",
         "q.jsonl:2: expected an id"},
        {"{\"id\":\"y\",\"index\":0,\"a\":\"r\",\"b\":\"t\",\"prompt\":\"p\",\"first\":\"1\"}", "q.jsonl:2"},
        {"{\"id\":7,\"index\":0,\"a\":\"r\",\"b\":\"t\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}", "q.jsonl:2"},
        {"[1]", "q.jsonl:2"},
        {"{\"id\":\"y\"", "q.jsonl:2"},
    };
    JudgeQuestions q;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        const char *path = file_of("q.jsonl", cli_format(&arena, "%s%s\n", GOOD, WRONG[i].more));
        ck_assert_int_ne(judge_questions_read(&q, &arena, path, &error), OK);
        ck_assert_msg(strstr(error.text, WRONG[i].part) != NULL, "expected '%s', found: %s", WRONG[i].part, error.text);
    }
    ck_assert_int_ne(judge_questions_read(&q, &arena, file_of("q.jsonl", "\n"), &error), OK);
    ck_assert_ptr_nonnull(strstr(error.text, "found none"));
    Str many = str_make(&arena);
    for (int i = 0; i <= JUDGE_PAIRINGS; i++)
        str_printf(&many, "{\"id\":\"%d\",\"index\":0,\"a\":\"r\",\"b\":\"%d\",\"prompt\":\"p\",\"first\":\"1\",\"second\":\"2\"}\n", i, i);
    ck_assert_int_ne(judge_questions_read(&q, &arena, file_of("q.jsonl", many.data), &error), OK);
    ck_assert_ptr_nonnull(strstr(error.text, "at most 256 pairings"));
}
END_TEST

// ---- verdicts and figures

static const JudgeFigure *find(const JudgeFigures *list, FigureKind kind, int skip) {
    for (int i = 0; i < list->count; i++)
        if (list->figure[i].kind == kind && skip-- == 0) return &list->figure[i];
    return NULL;
}

// Four prompts in both orders: won in both, torn, tied in both, the same reply.
START_TEST(figures_by_hand) {
    JudgeQuestions q = questions_of(three_policies(4), 2, (JudgeChoice){.both = true, .limit = -1});
    JudgeVerdicts v;
    const char *path = file_of("ada.jsonl",
                               "{\"id\":\"0-1-1\",\"winner\":\"first\",\"raw\":[1]}\n{\"id\":\"0-1-2\",\"winner\":\"second\"}\n"
                               "{\"id\":\"1-1-1\",\"winner\":\"first\"}\n{\"id\":\"1-1-2\",\"winner\":\"first\"}\n\n"
                               "{\"id\":\"3-1-2\",\"winner\":\"tie\"}\n{\"id\":\"3-1-1\",\"winner\":\"tie\"}\n");
    ck_ok(judge_verdicts_read(&v, &arena, path, &q, &error), error);
    ck_assert(text_equal(v.judge, TEXT("ada")));
    JudgeFigures figures = {.arena = &arena};
    JudgeAnswers answers = judge_answers(&v, &q, &arena);
    judge_compare(&figures, &q, &answers, &(JudgeCompare){.replicates = 200, .groups = 2});
    const JudgeFigure *win = find(&figures, FIGURE_WIN_RATE, 0);
    ck_assert(win->value == 0.625 && win->n == 4 && win->interval.low == 0.5 && win->interval.high > 0.8 && win->interval.high <= 1);
    ck_assert(find(&figures, FIGURE_WINS, 0)->value == 1 && find(&figures, FIGURE_TIES, 0)->value == 3);
    ck_assert(find(&figures, FIGURE_LOSSES, 0)->value == 0);
    ck_assert(find(&figures, FIGURE_SWAP, 0)->n == 3);
    ck_assert_double_eq(find(&figures, FIGURE_SWAP, 0)->value, 2.0 / 3);
    ck_assert(find(&figures, FIGURE_FIRST_PLACE, 0)->n == 4 && find(&figures, FIGURE_FIRST_PLACE, 0)->value == 0.75);
    // "r0", "s0"; "r1", "s1."; both "r2"; "r3", "s3...": differences 0, -1, 0, -3.
    ck_assert(find(&figures, FIGURE_CHARACTERS_A, 0)->value == 2 && find(&figures, FIGURE_CHARACTERS_B, 0)->value == 3);
    const JudgeFigure *shorter = find(&figures, FIGURE_WINS_BY_LENGTH, 0), *even = find(&figures, FIGURE_WINS_BY_LENGTH, 1);
    ck_assert(shorter->n == 2 && shorter->from == -3 && shorter->to == -1 && shorter->value == 0.5);
    ck_assert(even->n == 2 && even->from == 0 && even->to == 0 && even->value == 0.75);
    ck_assert(find(&figures, FIGURE_RATING_A, 0) == NULL && find(&figures, FIGURE_KAPPA_WINNER, 0) == NULL);
    // Both forms name every figure.
    Str table = str_make(&arena), rows = str_make(&arena);
    judge_figures_print(&table, &figures);
    judge_figures_write(&rows, &figures);
    ck_assert_int_eq(cli_lines(str_text(&rows)), figures.count);
    ck_assert_int_eq(cli_lines(str_text(&table)), figures.count + 1);
    ck_assert(text_begins(str_text(&table), TEXT("r against s, judged by ada\n")));
    ck_assert(text_begins(
        str_text(&rows), TEXT("{\"measure\":\"win_rate\",\"a\":\"r\",\"b\":\"s\",\"judge\":\"ada\",\"n\":4,\"value\":0.625,\"low\":0.5,")));
}
END_TEST

START_TEST(verdicts_that_are_wrong) {
    static const struct {
        const char *text, *part;
    } WRONG[] = {
        {"{\"id\":\"0-1-1\",\"winner\":\"first\"}\n{\"id\":\"9-1-1\",\"winner\":\"tie\"}", "v.jsonl:2: no question has the id \"9-1-1\""},
        {"{\"id\":\"0-1-1\",\"winner\":\"first\"}\n{\"id\":\"0-1-1\",\"winner\":\"first\"}", "v.jsonl:2: a second verdict on \"0-1-1\""},
        {"{\"id\":\"0-1-1\",\"winner\":\"A\"}", "v.jsonl:1: expected the winner first, second or tie, found \"A\""},
        {"{\"id\":\"0-1-1\"}", "v.jsonl:1"},
        {"{\"winner\":\"first\"}", "v.jsonl:1"},
        {"{\"id\":\"0-1-1\",\"winner\":\"first\"}", "no verdict on \"0-1-2\": 3 of 6 questions have none"},
        {"", "no verdict on \"0-1-1\": 4 of 6"},
        {"{\"id\":\"0-1-1\",\"winner\":\"first\",\"judge\":3}", "v.jsonl:1"},
        {"\x01", "v.jsonl:1"},
    };
    JudgeQuestions q = questions_of(three_policies(3), 2, (JudgeChoice){.both = true, .limit = -1});
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        JudgeVerdicts v;
        ck_assert_int_ne(judge_verdicts_read(&v, &arena, file_of("v.jsonl", WRONG[i].text), &q, &error), OK);
        ck_assert_msg(strstr(error.text, WRONG[i].part) != NULL, "expected '%s', found: %s", WRONG[i].part, error.text);
    }
}
END_TEST

// The numbers of a golden list; their count.
static int numbers(double *out, const Json *object, const char *key) {
    int n = 0;
    for (const Json *v = json_get(object, key)->child; v; v = v->next) out[n++] = v->number;
    return n;
}

enum { MOST = 256 };

// Questions whose replies have n golden lengths, in letters of two bytes: characters are counted.
static JudgeQuestions questions_of_lengths(const double *a, const double *b, int n) {
    JudgeReplies sets[2] = {{.policy = TEXT("a"), .count = n}, {.policy = TEXT("b"), .count = n}};
    for (int k = 0; k < 2; k++) {
        sets[k].reply = arena_zeros(&arena, (size_t)n, sizeof *sets[k].reply);
        for (int i = 0; i < n; i++) {
            Str reply = str_make(&arena);
            str_append(&reply, TEXT(" \n"));
            for (int c = 0; c < (int)(k ? b[i] : a[i]); c++) str_append(&reply, k ? TEXT("\xc3\xa9") : TEXT("\xc3\xb6"));
            sets[k].reply[i] = (JudgeReply){i, TEXT("p"), str_text(&reply)};
        }
    }
    return questions_of(sets, 2, (JudgeChoice){.both = true, .limit = -1});
}

// A judge who likes length, against statsmodels and numpy.
START_TEST(figures_of_a_golden_judge) {
    Text text;
    const Json *golden;
    double a[MOST], b[MOST], wins[2 * MOST], interval[2], controlled[2], swap[2];
    ck_ok(file_read(&text, &arena, "tests/golden/stats.json", 1 << 20, &error), error);
    ck_ok(json_parse(&golden, &arena, text, "stats.json", &error), error);
    golden = json_get(golden, "compare");
    int n = numbers(a, golden, "a");
    numbers(b, golden, "b");
    numbers(wins, golden, "wins");
    numbers(interval, golden, "interval");
    numbers(controlled, golden, "controlled_interval");
    numbers(swap, golden, "swap_interval");
    JudgeQuestions q = questions_of_lengths(a, b, n);
    Str rows = str_make(&arena);
    for (int i = 0; i < 2 * n; i++) {
        double first = i % 2 ? 1 - wins[i] : wins[i];
        const char *winner = judge_winner_name(first == 0.5 ? WINNER_TIE : first > 0.5 ? WINNER_FIRST : WINNER_SECOND);
        str_printf(&rows, "{\"id\":\"%d-1-%d\",\"winner\":\"%s\",\"judge\":\"gold\"}\n", i / 2, i % 2 + 1, winner);
    }
    JudgeVerdicts v;
    ck_ok(judge_verdicts_read(&v, &arena, file_of("v.jsonl", rows.data), &q, &error), error);
    ck_assert(text_equal(v.judge, TEXT("gold")));
    JudgeFigures figures = {.arena = &arena};
    JudgeAnswers answers = judge_answers(&v, &q, &arena);
    JudgeCompare config = {
        .replicates = (int)json_get(golden, "replicates")->number, .seed = (uint64_t)json_get(golden, "seed")->number, .groups = 4};
    judge_compare(&figures, &q, &answers, &config);
    const JudgeFigure *f = find(&figures, FIGURE_WIN_RATE, 0);
    ck_assert_double_eq_tol(f->value, json_get(golden, "win_rate")->number, 1e-9);
    ck_assert_double_eq_tol(f->interval.low, interval[0], 1e-9);
    ck_assert_double_eq_tol(f->interval.high, interval[1], 1e-9);
    f = find(&figures, FIGURE_CONTROLLED, 0);
    ck_assert_double_eq_tol(f->value, json_get(golden, "controlled")->number, 1e-8);
    ck_assert_double_eq_tol(f->interval.low, controlled[0], 1e-8);
    ck_assert_double_eq_tol(f->interval.high, controlled[1], 1e-8);
    ck_assert_double_eq_tol(find(&figures, FIGURE_LENGTH_EFFECT, 0)->value, json_get(golden, "length_effect")->number, 1e-8);
    f = find(&figures, FIGURE_SWAP, 0);
    ck_assert_double_eq_tol(f->value, json_get(golden, "consistent")->number / n, 1e-12);
    ck_assert_double_eq_tol(f->interval.low, swap[0], 1e-9);
    ck_assert_double_eq_tol(f->interval.high, swap[1], 1e-9);
    // Four groups hold every prompt once, shortest first, and the judge's liking shows.
    int64_t held = 0;
    for (int g = 0; g < 4; g++) {
        f = find(&figures, FIGURE_WINS_BY_LENGTH, g);
        held += f->n;
        ck_assert(f->from <= f->to && (g == 0 || f->from > find(&figures, FIGURE_WINS_BY_LENGTH, g - 1)->to));
    }
    ck_assert_int_eq(held, n);
    ck_assert(find(&figures, FIGURE_WINS_BY_LENGTH, 3)->value > find(&figures, FIGURE_WINS_BY_LENGTH, 0)->value + 0.2);
}
END_TEST

// ---- people

// What a form's page saves.
static const char *export_of(const JudgeQuestions *q, const char *name, const char *ratings) {
    return file_of(
        cli_format(&arena, "%s.json", name),
        cli_format(&arena, "{\"version\":1,\"form\":\"%s\",\"seed\":3,\"annotator\":\"%s\",\"ratings\":[%s]}\n", q->sha256, name, ratings));
}

// One rating, given as that of policy r.
static const char *rate(const JudgeQuestions *q, const char *id, int of_r) {
    int at = judge_questions_find(q, text_of(id));
    ck_assert_int_ge(at, 0);
    return cli_format(&arena, "{\"id\":\"%s\",\"rating\":%d}", id, q->question[at].swapped ? of_r : 9 - of_r);
}

static const char *rate_all(const JudgeQuestions *q, int zero, int one, int three) {
    return cli_format(&arena, "%s,%s,%s", rate(q, "3-1", three), rate(q, "0-1", zero), rate(q, "1-1", one));
}

// Prompts 0, 1, 3 are rated, 2 is the same: r's ratings 8, 6, 2 and 7, 3, 2.
START_TEST(ratings_by_hand) {
    JudgeQuestions q = questions_of(three_policies(4), 2, (JudgeChoice){.seed = 3, .limit = -1});
    const char *files[] = {export_of(&q, "ada", rate_all(&q, 8, 6, 2)), export_of(&q, "bob", rate_all(&q, 7, 3, 2))};
    JudgeAnswers *answers;
    ck_ok(judge_import_read(&answers, &arena, files, 2, &q, &error), error);
    JudgeFigures figures = {.arena = &arena};
    JudgeCompare config = {.replicates = 100, .groups = 1};
    for (int k = 0; k < 2; k++) judge_compare(&figures, &q, &answers[k], &config);
    JudgeAnswers mean = judge_answers_mean(answers, 2, TEXT("both"), &q, &arena);
    judge_compare(&figures, &q, &mean, &config);
    ck_assert_double_eq(find(&figures, FIGURE_WIN_RATE, 0)->value, (1 + 1 + 0 + 0.5) / 4);
    ck_assert_double_eq(find(&figures, FIGURE_WIN_RATE, 1)->value, (1 + 0 + 0 + 0.5) / 4);
    ck_assert_double_eq(find(&figures, FIGURE_WIN_RATE, 2)->value, (1 + 0.5 + 0 + 0.5) / 4);
    ck_assert_double_eq(find(&figures, FIGURE_RATING_A, 0)->value, (8 + 6 + 2 + 4.5) / 4);
    ck_assert_double_eq(find(&figures, FIGURE_RATING_B, 0)->value, 9 - (8 + 6 + 2 + 4.5) / 4);
    ck_assert_double_eq(find(&figures, FIGURE_RATING_A, 2)->value, (7.5 + 4.5 + 2 + 4.5) / 4);
    ck_assert(find(&figures, FIGURE_FIRST_PLACE, 1) != NULL && find(&figures, FIGURE_FIRST_PLACE, 2) == NULL);
    ck_assert(find(&figures, FIGURE_SWAP, 0) == NULL);
    judge_agreement(&figures, &q, &answers[0], &answers[1]);
    ck_assert(find(&figures, FIGURE_AGREEMENT, 0)->n == 3);
    ck_assert_double_eq(find(&figures, FIGURE_AGREEMENT, 0)->value, 2.0 / 3);
    // Quadratic weights: 1 - mean (x - y)^2 over the mean that chance gives, all nine pairs of their ratings as shown.
    double x[3], y[3], found = 0, chance = 0;
    static const char *const IDS[] = {"0-1", "1-1", "3-1"};
    for (int i = 0; i < 3; i++) {
        int at = judge_questions_find(&q, text_of(IDS[i]));
        x[i] = answers[0].rating[at], y[i] = answers[1].rating[at];
    }
    for (int i = 0; i < 3; i++) {
        found += (x[i] - y[i]) * (x[i] - y[i]) / 3;
        for (int j = 0; j < 3; j++) chance += (x[i] - y[j]) * (x[i] - y[j]) / 9;
    }
    ck_assert_double_eq_tol(find(&figures, FIGURE_KAPPA_QUADRATIC, 0)->value, 1 - found / chance, 1e-12);
    // Those of themselves agree fully.
    JudgeFigures self = {.arena = &arena};
    judge_agreement(&self, &q, &answers[0], &answers[0]);
    ck_assert(find(&self, FIGURE_AGREEMENT, 0)->value == 1 && find(&self, FIGURE_KAPPA_RATING, 0)->value == 1);
}
END_TEST

static void refuse_export(const JudgeQuestions *q, const char *part, const char *first, const char *second) {
    JudgeAnswers *answers;
    const char *files[] = {first, second};
    error.text[0] = '\0';
    ck_assert_int_ne(judge_import_read(&answers, &arena, files, second ? 2 : 1, q, &error), OK);
    ck_assert_msg(strstr(error.text, part) != NULL, "expected '%s', found: %s", part, error.text);
}

START_TEST(ratings_that_are_wrong) {
    JudgeQuestions q = questions_of(three_policies(4), 2, (JudgeChoice){.seed = 3, .limit = -1});
    const char *good = rate_all(&q, 8, 6, 2), *head = cli_format(&arena, "\"form\":\"%s\",\"annotator\":\"x\",\"ratings\":[]", q.sha256);
    refuse_export(&q, "no verdict on", export_of(&q, "x", rate(&q, "0-1", 3)), NULL);
    refuse_export(&q, "3 of 4 questions have none", export_of(&q, "x", ""), NULL);
    refuse_export(&q, "no question has the id \"9-9\"", export_of(&q, "x", cli_format(&arena, "%s,{\"id\":\"9-9\",\"rating\":1}", good)),
                  NULL);
    refuse_export(&q, "a second rating of \"0-1\"", export_of(&q, "x", cli_format(&arena, "%s,%s", good, rate(&q, "0-1", 8))), NULL);
    refuse_export(&q, "rating of \"0-1\"", export_of(&q, "x", "{\"id\":\"0-1\",\"rating\":9}"), NULL);
    refuse_export(&q, "rating of \"0-1\"", export_of(&q, "x", "{\"id\":\"0-1\",\"rating\":4.5}"), NULL);
    refuse_export(&q, "rating of \"0-1\"", export_of(&q, "x", "{\"id\":\"0-1\"}"), NULL);
    refuse_export(&q, "an object for each", export_of(&q, "x", "7"), NULL);
    refuse_export(&q, "name, found none", export_of(&q, "  ", good), NULL);
    refuse_export(&q, "both of \"x\"", export_of(&q, "x", good), export_of(&q, "x", good));
    refuse_export(&q, "seed 4, the questions were drawn with 3",
                  file_of("y.json", cli_format(&arena, "{\"version\":1,\"seed\":4,%s}", head)), NULL);
    refuse_export(&q, "version 1, found 2", file_of("y.json", cli_format(&arena, "{\"version\":2,\"seed\":3,%s}", head)), NULL);
    refuse_export(&q, "another form (abc",
                  file_of("y.json", "{\"version\":1,\"seed\":3,\"form\":\"abcdefghij\",\"annotator\":\"x\",\"ratings\":[]}"), NULL);
    refuse_export(&q, "another form (?", file_of("y.json", "{\"version\":1,\"seed\":3,\"form\":\"\",\"annotator\":\"x\",\"ratings\":[]}"),
                  NULL);
    refuse_export(
        &q, "to be a list",
        file_of("y.json", cli_format(&arena, "{\"version\":1,\"seed\":3,\"form\":\"%s\",\"annotator\":\"x\",\"ratings\":{}}", q.sha256)),
        NULL);
    refuse_export(&q, "y.json", file_of("y.json", "{\"version\":1,"), NULL);
    refuse_export(&q, "y.json", file_of("y.json", "[]"), NULL);
    // Questions in both orders are no form's.
    JudgeQuestions both = questions_of(three_policies(4), 2, (JudgeChoice){.both = true, .limit = -1});
    refuse_export(&both, "not those of a form", export_of(&both, "x", good), NULL);
}
END_TEST

// The page holds the questions in order, escaped, without names of policies.
START_TEST(page_of_a_form) {
    JudgeReplies sets[2] = {{.policy = TEXT("alpha"), .count = 2}, {.policy = TEXT("omega"), .count = 2}};
    JudgeReply one[] = {{0, TEXT("<p>&"), TEXT(" </p><script>x")}, {1, TEXT("q"), TEXT("same")}};
    JudgeReply two[] = {{0, TEXT("<p>&"), TEXT(" \"quoted\xe2\x80\xae")}, {1, TEXT("q"), TEXT(" same")}};
    sets[0].reply = one, sets[1].reply = two;
    JudgeQuestions q = questions_of(sets, 2, (JudgeChoice){.seed = 3, .limit = -1});
    Str page = str_make(&arena);
    judge_form_page(&page, &q, TEXT("Better <b>?"));
    Text text = str_text(&page);
    ck_assert_int_ge(text_find(text, TEXT("&lt;/p&gt;&lt;script&gt;x")), 0);
    ck_assert_int_ge(text_find(text, TEXT("&quot;quoted&lt;U+202E&gt;")), 0);
    ck_assert_int_ge(text_find(text, TEXT("Better &lt;b&gt;?")), 0);
    ck_assert_int_ge(text_find(text, text_of(q.sha256)), 0);
    ck_assert_int_ge(text_find(text, TEXT("There are 1 questions")), 0);
    ck_assert_int_eq(text_find(text, TEXT("alpha")), -1);
    ck_assert_int_eq(text_find(text, TEXT("omega")), -1);
    ck_assert_int_eq(text_find(text, TEXT("data-id=\"1-1\"")), -1);
    ck_assert_int_eq(text_find(text, TEXT("http:")), -1);
    ck_assert_int_eq(text_find(text, TEXT("https:")), -1);
    ck_assert_int_ge(text_find(text, TEXT("default-src 'none'")), 0);
    // One script: no text of a reply opened another.
    ptrdiff_t script = text_find(text, TEXT("<script"));
    ck_assert_int_eq(text_find((Text){text.data + script + 1, text.size - (size_t)script - 1}, TEXT("<script")), -1);
}
END_TEST

Suite *suite_judge(void) {
    Suite *suite = suite_create("judge");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, replies_of_policies);
    tcase_add_test(tests, replies_that_do_not_match);
    tcase_add_test(tests, questions_in_both_orders);
    tcase_add_test(tests, questions_of_a_form);
    tcase_add_test(tests, questions_that_are_wrong);
    tcase_add_test(tests, figures_by_hand);
    tcase_add_test(tests, verdicts_that_are_wrong);
    tcase_add_test(tests, figures_of_a_golden_judge);
    tcase_add_test(tests, ratings_by_hand);
    tcase_add_test(tests, ratings_that_are_wrong);
    tcase_add_test(tests, page_of_a_form);
    suite_add_tcase(suite, tests);
    return suite;
}
