// Simulation: the same files for any batch, after any stop, by shards; retries, drops, bans, cut prompts.
#include "rlcd/simulate.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/json.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_simulate(void);

enum { PROMPTS = 24 };

static Arena arena;
static Error error;
static Base base;
static const char *dir;
static PromptList prompts;

// Replies of a random model end soon with one of these letters, or never within the limit.
static const char TASK[] =
    "version: 1\nname: toy\nplus: [\"kind reply\", \"wise reply\"]\nminus: [\"rude reply\", \"dull reply\"]\nstop: [\"e\", \"t\"]\n";

static Task task_of(const char *more) {
    Task task;
    Str text = str_make(&arena);
    str_printf(&text, "%s%s", TASK, more);
    ck_ok(task_parse(&task, &arena, str_text(&text), "toy.yaml", &error), error);
    return task;
}

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_simulate", 0);
    base = tiny_base(&arena, 1, false);
    dir = temporary_make(&arena);
    Str rows = str_make(&arena);
    for (int i = 0; i < PROMPTS; i++)
        str_printf(&rows, "{\"prompt\":\"\\n\\nHuman: Q%d%s?\\n\\nAssistant:%s\"}\n", i, i % 2 ? " or so" : "",
                   i % 3 ? "" : " A.\\n\\nHuman: Why?\\n\\nAssistant:");
    const char *path = path_join(&arena, dir, "prompts.jsonl");
    ck_ok(file_write(path, rows.data, rows.size, &error), error);
    const Task task = task_of("");
    ck_ok(prompts_read(&prompts, &arena, path, &task, 0, -1, &error), error);
    ck_assert_int_eq(prompts.count, PROMPTS);
}

static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

static SimulateConfig config_of(int slots) {
    SimulateConfig config = simulate_default();
    config.generate.max_new = 4;
    config.generate.slots = slots;
    config.max_prompt = 80;
    config.tokenizer_hash = "abc";
    return config;
}

static const char *folder(const char *name) {
    const char *path = path_join(&arena, dir, name);
    ck_ok(directory_make(path, &error), error);
    return path;
}

// One run into `to`, asked to stop at the n-th question (negative: never).
static Status run(SimulateResult *result, const char *to, const SimulateConfig *config, const Task *task, int stop_after) {
    Session session = tiny_session(&arena, to);
    tiny_stop_after = stop_after;
    Status status = simulate_run(result, &base, task, &prompts, config, &session, &error);
    tiny_session_end(&session);
    return status;
}

static void same_file(const char *a, const char *b, const char *name) {
    Text x = tiny_file(&arena, a, name), y = tiny_file(&arena, b, name);
    ck_assert_msg(text_equal(x, y), "%s differ:\n%s\n%s", name, x.data, y.data);
}

static void same_result(const SimulateResult *a, const SimulateResult *b) {
    ck_assert_int_eq(a->prompts, b->prompts);
    ck_assert_int_eq(a->kept, b->kept);
    ck_assert_int_eq(a->dropped, b->dropped);
    ck_assert_int_eq(a->counts.dropped, b->counts.dropped);
    for (int r = 0; r < CLEAN_REASONS; r++) ck_assert_int_eq(a->counts.count[r], b->counts.count[r]);
}

// The reference: one sequence at a time.
static SimulateResult reference(const char *to) {
    SimulateConfig config = config_of(1);
    const Task task = task_of("");
    SimulateResult result;
    ck_ok(run(&result, to, &config, &task, -1), error);
    // There are kept and dropped prompts, and samples that were drawn again.
    ck_assert_int_gt(result.kept, 2);
    ck_assert_int_gt(result.dropped, 2);
    ck_assert_int_eq(result.kept + result.dropped, PROMPTS);
    ck_assert_int_eq(result.counts.dropped, result.dropped);
    ck_assert_int_eq(result.prompts, PROMPTS);
    return result;
}

START_TEST(simulate_batches) {
    const char *one = folder("one");
    SimulateResult expected = reference(one), result;
    static const int SLOTS[] = {2, 3, 7, 64};
    const Task task = task_of("");
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", i);
        SimulateConfig config = config_of(SLOTS[i]);
        ck_ok(run(&result, folder(name), &config, &task, -1), error);
        same_result(&result, &expected);
        same_file(path_join(&arena, dir, name), one, "pairs.jsonl");
        same_file(path_join(&arena, dir, name), one, "rejected.jsonl");
    }
}
END_TEST

// Each line by its definition: prompts, order, tries, ids, outcomes.
START_TEST(simulate_pairs) {
    const char *one = folder("one");
    SimulateResult result = reference(one);
    const Task task = task_of("");
    PairList list;
    const char *path = path_join(&arena, one, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, &task, false, &error), error);
    ck_assert_int_eq(list.count, result.kept);
    int64_t last = -1, draws = 0;
    int again = 0;
    for (int i = 0; i < list.count; i++) {
        const Pair *p = &list.pair[i];
        const Prompt *prompt = &prompts.prompt[p->index];
        ck_assert_int_gt(p->index, last);
        last = p->index;
        ck_assert(text_equal(p->prompt, prompt->dialogue.text));
        ck_assert_int_eq(p->affix, contrast_affix(&task, 7, (uint32_t)p->index));
        ck_assert(text_equal(p->p_plus, contrast_text(&arena, &task, &prompt->dialogue, p->affix, SIDE_PLUS)));
        ck_assert(text_equal(p->p_minus, contrast_text(&arena, &task, &prompt->dialogue, p->affix, SIDE_MINUS)));
        ck_assert(text_equal(p->method, TEXT("rlcd")) && text_equal(p->task, TEXT("toy")) && text_equal(p->tokenizer, TEXT("abc")));
        ck_assert_int_eq(p->seed, 7);
        ck_assert(p->label == 1 && p->tries_plus >= 1 && p->tries_plus <= 5 && p->tries_minus >= 1 && p->tries_minus <= 5);
        again += p->tries_plus + p->tries_minus > 2;
        draws += p->tries_plus + p->tries_minus;
        // Ids are those of the reply's text.
        Str text = str_make(&arena);
        ck_assert_ptr_nonnull(p->chosen_ids);
        tokenizer_decode(base.tokenizer, p->chosen_ids, p->chosen_count, false, &text);
        ck_assert(text_equal(str_text(&text), p->chosen));
        text.size = 0;
        tokenizer_decode(base.tokenizer, p->rejected_ids, p->rejected_count, false, &text);
        ck_assert(text_equal(str_text(&text), p->rejected));
        // The stop text ended it.
        ck_assert_int_eq(text_find(p->chosen, TEXT("e")), -1);
        ck_assert_int_eq(text_find(p->rejected, TEXT("t")), -1);
    }
    ck_assert_int_gt(again, 0);
    // Outcomes of dropped prompts: five draws on each side that failed.
    for (int i = 0; i < result.dropped; i++) {
        ArenaMark mark = arena_mark(&arena);
        Text text = tiny_file(&arena, one, "rejected.jsonl");
        const char *at = text.data;
        for (int k = 0; k < i; k++) at = strchr(at, '\n') + 1;
        const Json *line, *outcomes;
        ck_ok(json_parse(&line, &arena, (Text){at, (size_t)(strchr(at, '\n') - at)}, "rejected", &error), error);
        outcomes = json_get(line, "outcomes");
        Text side = json_get(line, "side")->string;
        int64_t kept = 0, lost = 0;
        for (const Json *o = outcomes->child; o; o = o->next) *(text_equal(o->key, TEXT("kept")) ? &kept : &lost) += o->integer;
        if (text_equal(side, TEXT("both"))) {
            ck_assert(kept == 0 && lost == 10);
        } else {
            ck_assert(text_equal(side, TEXT("plus")) || text_equal(side, TEXT("minus")));
            ck_assert(kept == 1 && lost >= 5 && lost <= 9);
        }
        draws += kept + lost;
        arena_release(&arena, mark);
    }
    int64_t counted = 0;
    for (int r = 0; r < CLEAN_REASONS; r++) counted += result.counts.count[r];
    ck_assert_int_eq(counted, draws);
}
END_TEST

// Stopped again and again, with another batch each time: the same files; then nothing is left to do.
START_TEST(simulate_resumes) {
    const char *one = folder("one"), *two = folder("two");
    SimulateResult expected = reference(one), result;
    const Task task = task_of("");
    int stops = 0, slots = 1;
    for (;;) {
        SimulateConfig config = config_of(slots);
        Status status = run(&result, two, &config, &task, 25 + slots);
        if (status == OK) break;
        ck_assert_msg(status == ERR_STOPPED, "%s", error.text);
        ck_assert_ptr_nonnull(strstr(error.text, "of 24 prompts"));
        slots = slots % 4 + 1;
        ck_assert_int_lt(++stops, 60);
    }
    ck_assert_int_gt(stops, 2);
    same_result(&result, &expected);
    same_file(two, one, "pairs.jsonl");
    same_file(two, one, "rejected.jsonl");
    SimulateConfig config = config_of(3);
    // A run that is done asks for nothing: a stop at the first question goes unheard.
    ck_ok(run(&result, two, &config, &task, 0), error);
    same_result(&result, &expected);
    same_file(two, one, "pairs.jsonl");
    // A line that was cut short by a crash is drawn again.
    Text pairs = tiny_file(&arena, one, "pairs.jsonl");
    ck_ok(file_write(path_join(&arena, two, "pairs.jsonl"), pairs.data, pairs.size / 3, &error), error);
    ck_ok(file_write(path_join(&arena, two, "rejected.jsonl"), "", 0, &error), error);
    ck_ok(run(&result, two, &config, &task, -1), error);
    same_file(two, one, "pairs.jsonl");
}
END_TEST

// Two shards hold between them what one run holds, each in its order.
START_TEST(simulate_shards) {
    const char *one = folder("one"), *part[2] = {folder("a"), folder("b")};
    SimulateResult expected = reference(one), result;
    const Task task = task_of("");
    int64_t kept = 0;
    const char *paths[2], *whole = path_join(&arena, one, "pairs.jsonl");
    for (int i = 0; i < 2; i++) {
        SimulateConfig config = config_of(3);
        config.shard = i;
        config.shards = 2;
        ck_ok(run(&result, part[i], &config, &task, -1), error);
        ck_assert_int_eq(result.prompts, PROMPTS / 2);
        kept += result.kept;
        paths[i] = path_join(&arena, part[i], "pairs.jsonl");
    }
    ck_assert_int_eq(kept, expected.kept);
    PairList merged, all;
    ck_ok(pairs_read(&merged, &arena, paths, 2, &task, true, &error), error);
    ck_ok(pairs_read(&all, &arena, &whole, 1, &task, true, &error), error);
    ck_assert_int_eq(merged.count, all.count);
    for (int i = 0; i < all.count; i++) {
        ck_assert_int_eq(merged.pair[i].index, all.pair[i].index);
        ck_assert(text_equal(merged.pair[i].chosen, all.pair[i].chosen) && text_equal(merged.pair[i].rejected, all.pair[i].rejected));
    }
}
END_TEST

// The number of pairs whose replies hold a token.
static int holds(const char *from, int32_t id) {
    PairList list;
    const Task task = task_of("");
    const char *path = path_join(&arena, from, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, &task, false, &error), error);
    int n = 0;
    for (int i = 0; i < list.count; i++) {
        for (int t = 0; t < list.pair[i].chosen_count; t++) n += list.pair[i].chosen_ids[t] == id;
        for (int t = 0; t < list.pair[i].rejected_count; t++) n += list.pair[i].rejected_ids[t] == id;
    }
    return n;
}

static bool begins_alone(int32_t id) {
    Text text = tokenizer_bytes(base.tokenizer, id);
    for (int other = 0; other < TINY_V; other++)
        if (other != id && text_begins(tokenizer_bytes(base.tokenizer, other), text)) return false;
    return utf8_valid(text, NULL);
}

START_TEST(simulate_bans) {
    const char *one = folder("one"), *two = folder("two");
    reference(one);
    // Ban a token that was drawn, by its text; one that begins no other token, for what is left of a cut one is tokenised anew.
    PairList list;
    Task task = task_of("");
    const char *path = path_join(&arena, one, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, &task, false, &error), error);
    int32_t id = -1;
    for (int i = 0; i < list.count && id < 0; i++)
        for (int t = 0; t < list.pair[i].chosen_count; t++)
            if (begins_alone(list.pair[i].chosen_ids[t])) id = list.pair[i].chosen_ids[t];
    ck_assert_int_ge(id, 0);
    Text piece = text_copy(&arena, tokenizer_bytes(base.tokenizer, id));
    ck_assert(utf8_valid(piece, NULL));
    ck_assert_int_gt(holds(one, id), 0);
    task.ban = &piece;
    task.bans = 1;
    SimulateConfig config = config_of(3);
    SimulateResult result;
    ck_ok(run(&result, two, &config, &task, -1), error);
    ck_assert_int_eq(holds(two, id), 0);
    task = task_of("ban: [\"not one token\"]\n");
    ck_assert_int_eq(run(&result, folder("three"), &config, &task, -1), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "not one token"));
}
END_TEST

// A prompt that is too long loses turns, is counted, and both sides are made from what is left.
START_TEST(simulate_cuts) {
    const char *one = folder("one");
    SimulateConfig config = config_of(4);
    const Task task = task_of("");
    SimulateResult result;
    config.max_prompt = 40;
    ck_ok(run(&result, one, &config, &task, -1), error);
    // Every third prompt has two questions.
    ck_assert_int_eq(result.cut, PROMPTS / 3);
    PairList list;
    const char *path = path_join(&arena, one, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, &task, false, &error), error);
    for (int i = 0; i < list.count; i++)
        if (list.pair[i].index % 3 == 0) {
            ck_assert(text_equal(list.pair[i].prompt, TEXT("\n\nHuman: Why?\n\nAssistant:")));
            ck_assert_int_eq(text_find(list.pair[i].p_plus, TEXT("Q")), -1);
        }
}
END_TEST

START_TEST(simulate_refuses_foreign_file) {
    const char *one = folder("one");
    SimulateConfig config = config_of(4);
    const Task task = task_of("");
    SimulateResult result;
    ck_ok(file_write(path_join(&arena, one, "pairs.jsonl"), "{\"prompt\":1}\n", 13, &error), error);
    ck_assert_int_ne(run(&result, one, &config, &task, -1), OK);
    ck_assert_ptr_nonnull(strstr(error.text, "pairs.jsonl:1"));
    ck_assert_ptr_nonnull(strstr(error.text, "index"));
}
END_TEST

// Two replies to p itself: other draws than for p+ and p- and than each other, no label, the same for any batch and after stops.
START_TEST(simulate_plain) {
    const char *one = folder("one"), *two = folder("two");
    const Task task = task_of("");
    SimulateConfig config = config_of(1);
    SimulateResult result, expected;
    config.plain = true;
    ck_ok(run(&expected, one, &config, &task, -1), error);
    PairList list;
    const char *path = path_join(&arena, one, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, &task, false, &error), error);
    ck_assert_int_gt(expected.kept, 2);
    // Rows with two equal replies are in the file, and no comparison.
    ck_assert_int_eq(list.count + list.counts.same, expected.kept);
    ck_assert_int_gt(list.count, list.counts.same);
    for (int i = 0; i < list.count; i++) {
        const Pair *p = &list.pair[i];
        ck_assert(text_equal(p->method, TEXT("rlaif")) && p->label == 0.5 && p->p_plus.data == NULL && p->p_minus.data == NULL);
        ck_assert(text_equal(p->prompt, prompts.prompt[p->index].dialogue.text));
        ck_assert_int_eq(p->affix, contrast_affix(&task, 7, (uint32_t)p->index));
    }
    config.generate.slots = 5;
    while (run(&result, two, &config, &task, 20) == ERR_STOPPED) config.generate.slots = config.generate.slots % 7 + 1;
    same_result(&result, &expected);
    same_file(two, one, "pairs.jsonl");
    same_file(two, one, "rejected.jsonl");
}
END_TEST

Suite *suite_simulate(void) {
    Suite *suite = suite_create("simulate");
    TCase *tc = tcase_create("simulate");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, simulate_batches);
    tcase_add_test(tc, simulate_pairs);
    tcase_add_test(tc, simulate_resumes);
    tcase_add_test(tc, simulate_shards);
    tcase_add_test(tc, simulate_bans);
    tcase_add_test(tc, simulate_cuts);
    tcase_add_test(tc, simulate_plain);
    tcase_add_test(tc, simulate_refuses_foreign_file);
    suite_add_tcase(suite, tc);
    return suite;
}
