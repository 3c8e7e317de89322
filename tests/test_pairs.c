// Pairs and prompts on disk: our own form there and back, the forms of the field, the bad lines, and the real HH rows.
#include <string.h>

#include "rlcd/pairs.h"
#include "tests/folder.h"
#include "tests/support.h"

static const char *file_of(const char *text) {
    const char *path = path_join(&arena, folder, "f.jsonl");
    ck_ok(file_write(path, text, strlen(text), &error), error);
    return path;
}

static PairList read_all(const char *path, bool sort) {
    PairList list;
    ck_ok(pairs_read(&list, &arena, &path, 1, task_plain(), sort, &error), error);
    return list;
}

static void check_text(Text found, const char *wanted) {
    ck_assert_msg(text_equal(found, text_of(wanted)), "found '%.*s', expected '%s'", (int)found.size, found.data, wanted);
}

static const char FULL[] =
    "{\"prompt\":\"\\n\\nHuman: A?\\n\\nAssistant:\","
    "\"chosen\":\" B \\u0000\\\"é.\",\"rejected\":\" C.\",\"index\":7,\"task\":\"harmless\",\"affix\":3,"
    "\"p_plus\":\"P\",\"p_minus\":\"M\",\"seed\":9007199254740993,\"tries_plus\":1,\"tries_minus\":5,\"label\":0.25,\"method\":\"rlcd\","
    "\"tokenizer\":\"ab12\",\"chosen_ids\":[1,2,49151],\"rejected_ids\":[]}";

// Every field survives, and writing again gives the same bytes.
START_TEST(test_round_trip) {
    PairList list = read_all(file_of(FULL), false);
    ck_assert_int_eq(list.count, 1);
    const Pair *p = &list.pair[0];
    ck_assert(p->chosen.size == strlen(" B ") + 1 + strlen("\"é.") && p->chosen.data[3] == 0);
    ck_assert(p->index == 7 && p->affix == 3 && p->seed == 9007199254740993);
    ck_assert(p->tries_plus == 1 && p->tries_minus == 5 && p->label == 0.25);
    ck_assert(p->chosen_count == 3 && p->chosen_ids[2] == 49151 && p->rejected_ids != NULL && p->rejected_count == 0);
    check_text(p->p_minus, "M");
    Str s = str_make(&arena);
    pair_write(&s, p);
    ck_assert_str_eq(s.data, FULL);
}
END_TEST

// The example of docs/formats.md is a pair, and in the order that is written.
START_TEST(test_documented) {
    Text docs;
    ck_ok(file_read(&docs, &arena, "docs/formats.md", 1 << 20, &error), error);
    ptrdiff_t at = text_find(docs, TEXT("    {\"prompt\":\"\\n\\nHuman: Hi."));
    ck_assert_int_gt(at, 0);
    Text line = {docs.data + at + 4, strcspn(docs.data + at + 4, "\n")};
    PairList list = read_all(file_of(text_copy(&arena, line).data), false);
    Str s = str_make(&arena);
    pair_write(&s, &list.pair[0]);
    ck_assert(text_equal(str_text(&s), line));
    ck_assert(list.pair[0].chosen_count == 2 && list.pair[0].tries_minus == 2 && list.pair[0].p_minus.size > 0);
}
END_TEST

// Absent fields stay absent.
START_TEST(test_bare_pair) {
    Pair pair = pair_make();
    pair.prompt = TEXT("p");
    pair.chosen = TEXT("c");
    pair.rejected = TEXT("r");
    pair.index = 4;
    Str s = str_make(&arena);
    pair_write(&s, &pair);
    ck_assert_str_eq(s.data, "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\",\"index\":4,\"label\":1}");
    PairList list = read_all(file_of(s.data), false);
    const Pair *p = &list.pair[0];
    ck_assert(p->index == 4 && p->affix == -1 && p->seed == -1 && p->label == 1 && p->tries_plus == 0 && p->task.data == NULL);
    ck_assert(p->chosen_ids == NULL && p->method.data == NULL);
}
END_TEST

// Golden rows of our own words: each way in which two dialogues can relate.
START_TEST(test_hh_forms) {
    PairList list = read_all("tests/golden/hh.jsonl", false);
    PairCounts c = list.counts;
    ck_assert(c.rows == 8 && c.kept == 4 && c.no_prompt == 2 && c.empty == 1 && c.same == 1 && c.differing == 1);
    check_text(list.pair[0].prompt, "\n\nHuman: How do I keep bread fresh?\n\nAssistant:");
    check_text(list.pair[0].rejected, " I don’t eat bread.");
    check_text(list.pair[1].prompt, "\n\nHuman: Name a bird.\n\nAssistant: The wren.\n\nHuman: Another?\n\nAssistant:");
    // The prompts differ from the first reply on, so that is where the pair begins.
    check_text(list.pair[2].prompt, "\n\nHuman: Is tea good?\n\nAssistant:");
    check_text(list.pair[2].chosen, " Yes.\n\nHuman: Green tea?\n\nAssistant: Also.");
    ck_assert(list.pair[2].index == 2 && list.pair[3].index == 6);
}
END_TEST

START_TEST(test_field_forms) {
    // Explicit with the blank behind the marker, and one that is no dialogue.
    PairList list = read_all(file_of("{\"prompt\":\"\\n\\nHuman: A\\n\\nAssistant: \","
                                     "\"chosen\":\"b\",\"rejected\":\"c\",\"score\":[1,{}]}\n"
                                     "\n{\"prompt\":\"2+2 = \",\"chosen\":\"4\",\"rejected\":\"5\",\"label\":null}\r\n"), false);
    ck_assert_int_eq(list.count, 2);
    check_text(list.pair[0].prompt, "\n\nHuman: A\n\nAssistant:");
    check_text(list.pair[0].chosen, " b");
    check_text(list.pair[1].prompt, "2+2 = ");
    ck_assert(list.pair[1].index == 1 && list.pair[1].label == 1);
    // Implicit: the common prefix, one step back over a blank, never inside a character (é and è share a byte).
    list = read_all(file_of("{\"chosen\":\"The sky is blue.\",\"rejected\":\"The sky is green.\"}\n"
                            "{\"chosen\":\"xé\",\"rejected\":\"xè\"}\n"
                            "{\"chosen\":\"a\",\"rejected\":\"b\"}"), false);
    ck_assert(list.count == 2 && list.counts.no_prompt == 1);
    check_text(list.pair[0].prompt, "The sky is");
    check_text(list.pair[0].chosen, " blue.");
    check_text(list.pair[1].prompt, "x");
    check_text(list.pair[1].rejected, "è");
}
END_TEST

START_TEST(test_sorted) {
    const char *a = path_join(&arena, folder, "a"), *b = path_join(&arena, folder, "b");
    static const char first[] =
        "{\"prompt\":\"x\",\"chosen\":\"a5\",\"rejected\":\"r\",\"index\":5}\n"
        "{\"prompt\":\"x\",\"chosen\":\"a2\",\"rejected\":\"r\",\"index\":2}";
    static const char second[] =
        "{\"prompt\":\"x\",\"chosen\":\"b2\",\"rejected\":\"r\",\"index\":2}\n"
        "{\"prompt\":\"x\",\"chosen\":\"b0\",\"rejected\":\"r\",\"index\":0}";
    ck_ok(file_write(a, first, sizeof first - 1, &error), error);
    ck_ok(file_write(b, second, sizeof second - 1, &error), error);
    const char *paths[] = {a, b};
    PairList list;
    ck_ok(pairs_read(&list, &arena, paths, 2, task_plain(), true, &error), error);
    static const char *const sorted[] = {"b0", "a2", "b2", "a5"}, *const read[] = {"a5", "a2", "b2", "b0"};
    for (int i = 0; i < 4; i++) {
        check_text(list.pair[i].chosen, sorted[i]);
        ck_assert_int_eq(list.pair[i].file, sorted[i][0] == 'b');
    }
    ck_ok(pairs_read(&list, &arena, paths, 2, task_plain(), false, &error), error);
    for (int i = 0; i < 4; i++) check_text(list.pair[i].chosen, read[i]);
    ck_assert_int_eq(list.counts.rows, 4);
}
END_TEST

static void refuse_pairs(const char *text, const char *part) {
    PairList list;
    const char *path = file_of(text);
    Status status = pairs_read(&list, &arena, &path, 1, task_plain(), false, &error);
    ck_assert_msg(status == ERR_FORMAT || status == ERR_DATA, "accepted: %s", text);
    ck_assert_msg(strstr(error.text, part) != NULL && strstr(error.text, "f.jsonl") != NULL, "%s\n%s", text, error.text);
}

#define GOOD "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}\n"
START_TEST(test_bad_lines) {
    refuse_pairs("", "no rows");
    refuse_pairs("\n \n", "no rows");
    refuse_pairs(GOOD "{\"prompt\":\"p\",\"chosen\":\"c\"}", "f.jsonl:2: a pair needs");
    refuse_pairs(GOOD GOOD "{\"prompt\":1}", "f.jsonl:3");
    refuse_pairs(GOOD "{\"prompt\":\"p\",", "f.jsonl:2");
    refuse_pairs(GOOD "[]", "f.jsonl:2: expected a JSON object");
    refuse_pairs(GOOD "{\"prompt\":\"\xff\"}", "f.jsonl:2");
    refuse_pairs(GOOD "{\"prompt\":\"p\",\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}", "f.jsonl:2");
    refuse_pairs("{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\",\"label\":1.5}", "\"label\" must lie in [0, 1]");
    refuse_pairs("{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\",\"index\":1.5}", "f.jsonl:1");
    refuse_pairs("{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\",\"chosen_ids\":[1,-2]}", "item 1 of \"chosen_ids\" is");
    refuse_pairs("{\"prompt\":[{\"role\":\"user\"}],\"chosen\":\"c\",\"rejected\":\"r\"}", "list of messages");
    refuse_pairs("{\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\",\"rejected\":\"c\"}", "f.jsonl:1, \"rejected\": a dialogue begins");
    refuse_pairs("How are you?", "found plain text");
    refuse_pairs("[{\"prompt\":\"p\"}]", "found a JSON list");
    refuse_pairs("{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\" \"}", "none of the 1 rows can be used");
}
END_TEST

START_TEST(test_prompts) {
    PromptList list;
    const char *path = "tests/golden/hh.jsonl";
    ck_ok(prompts_read(&list, &arena, path, task_plain(), 1, 2, &error), error);
    ck_assert(list.count == 2 && list.prompt[0].index == 1 && list.prompt[1].index == 2);
    check_text(list.prompt[1].dialogue.text, "\n\nHuman: Is tea good?\n\nAssistant: Yes.\n\nHuman: Green tea?\n\nAssistant:");
    ck_assert_int_eq(list.prompt[1].dialogue.turns, 4);
    ck_ok(prompts_read(&list, &arena, path, task_plain(), 0, -1, &error), error);
    ck_assert(list.count == 8 && list.rows == 8);
    path = file_of("{\"prompt\":\"\\n\\nHuman: A\\n\\nAssistant: \",\"x\":1}");
    ck_ok(prompts_read(&list, &arena, path, task_plain(), 0, -1, &error), error);
    check_text(list.prompt[0].dialogue.text, "\n\nHuman: A\n\nAssistant:");
}
END_TEST

static void refuse_prompts(const char *text, int64_t first, const char *part) {
    PromptList list;
    Status status = prompts_read(&list, &arena, file_of(text), task_plain(), first, -1, &error);
    ck_assert_msg((status == ERR_FORMAT || status == ERR_DATA) && strstr(error.text, part) != NULL, "%s\n%s", text, error.text);
}

START_TEST(test_bad_prompts) {
    refuse_prompts("", 0, "no rows");
    refuse_prompts("{\"prompt\":\"\\n\\nHuman: A\\n\\nAssistant:\"}", 1, "the file has 1");
    refuse_prompts("{\"prompt\":\"\\n\\nHuman: A\"}", 0, "f.jsonl:1: the dialogue has no Assistant turn");
    refuse_prompts("{\"prompt\":\"\\n\\nHuman: A\\n\\nAssistant: B\"}", 0, "found 'B' behind it");
    refuse_prompts("{\"prompt\":\"A\"}", 0, "begins with the marker");
    refuse_prompts("{\"text\":\"A\"}", 0, "needs \"prompt\" or \"chosen\"");
    refuse_prompts("\n\nHuman: A\n\nAssistant:", 0, "f.jsonl:3: expected one JSON object a line");
}
END_TEST

// The real file: every row parses; three rows have an empty reply, and the prompts of both sides agree everywhere.
START_TEST(test_real_rows) {
    const char *path = shared_file("data/hh-harmless-dev.jsonl.gz");
    PromptList prompts;
    if (path == NULL) return;
    PairList list = read_all(path, true);
    PairCounts c = list.counts;
    ck_assert_msg(c.rows == 1000 && c.kept == 997 && c.empty == 3 && c.no_prompt == 0 && c.same == 0 && c.differing == 0,
                  "rows %lld kept %lld empty %lld same %lld no_prompt %lld differing %lld", (long long)c.rows, (long long)c.kept,
                  (long long)c.empty, (long long)c.same, (long long)c.no_prompt, (long long)c.differing);
    ck_ok(prompts_read(&prompts, &arena, path, task_plain(), 0, -1, &error), error);
    ck_assert_int_eq(prompts.count, 1000);
    // Pairs and prompts agree about where the prompt ends.
    for (int i = 0; i < list.count; i++) {
        const Pair *p = &list.pair[i];
        ck_assert(text_equal(p->prompt, prompts.prompt[p->index].dialogue.text) && text_ends(p->prompt, TEXT("\n\nAssistant:")));
    }
}
END_TEST

// What is kept of a real file is read again, from our own form, as the same pairs.
START_TEST(test_real_round_trip) {
    const char *path = shared_file("data/hh-harmless-dev.jsonl.gz"), *copy = path_join(&arena, folder, "copy.jsonl");
    if (path == NULL) return;
    PairList list = read_all(path, false);
    Str s = str_make(&arena);
    for (int i = 0; i < list.count; i++) {
        pair_write(&s, &list.pair[i]);
        str_append_char(&s, '\n');
    }
    ck_ok(file_write(copy, s.data, s.size, &error), error);
    PairList again = read_all(copy, false);
    ck_assert_int_eq(again.count, list.count);
    for (int i = 0; i < list.count; i++) {
        const Pair *a = &list.pair[i], *b = &again.pair[i];
        ck_assert(text_equal(a->prompt, b->prompt) && text_equal(a->chosen, b->chosen) && text_equal(a->rejected, b->rejected));
        ck_assert_int_eq(a->index, b->index);
    }
}
END_TEST

Suite *suite_pairs(void);
Suite *suite_pairs(void) {
    Suite *s = suite_create("pairs");
    TCase *c = tcase_create("pairs");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_round_trip);
    tcase_add_test(c, test_documented);
    tcase_add_test(c, test_bare_pair);
    tcase_add_test(c, test_hh_forms);
    tcase_add_test(c, test_field_forms);
    tcase_add_test(c, test_sorted);
    tcase_add_test(c, test_bad_lines);
    tcase_add_test(c, test_prompts);
    tcase_add_test(c, test_bad_prompts);
    tcase_add_test(c, test_real_rows);
    tcase_add_test(c, test_real_round_trip);
    suite_add_tcase(s, c);
    return s;
}
