// Turns, prompts and cuts from the left, by hand and on the real HH rows (counts in test_pairs.c).
#include <string.h>

#include "rlcd/dialogue.h"
#include "tests/support.h"

static Arena arena;
static Error error;

static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

static Dialogue parse(const char *text) {
    Dialogue d;
    ck_ok(dialogue_parse(&d, &arena, task_plain(), text_of(text), "t", &error), error);
    return d;
}

START_TEST(test_turns) {
    Dialogue d = parse("\n\nHuman: A?\n\nAssistant: B.\nstill B\n\nHuman:\n\nHuman: C?\n\nAssistant:");
    ck_assert_int_eq(d.turns, 5);
    static const DialogueRole role[] = {ROLE_HUMAN, ROLE_ASSISTANT, ROLE_HUMAN, ROLE_HUMAN, ROLE_ASSISTANT};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(d.turn[i].role, role[i]);
    ck_assert(d.turn[0].begin == 0 && d.turn[0].body == 8 && d.turn[0].end == 11);
    Text body = {d.text.data + d.turn[1].body, d.turn[1].end - d.turn[1].body};
    ck_assert(text_equal(body, TEXT(" B.\nstill B")));
    ck_assert(d.turn[2].body == d.turn[2].end && d.turn[4].end == d.text.size);
}
END_TEST

START_TEST(test_prompt) {
    Dialogue p, d = parse("\n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant: D.\n\nHuman: E?");
    Text reply;
    ck_ok(dialogue_prompt(&p, &reply, &d, "t", &error), error);
    ck_assert(text_equal(p.text, TEXT("\n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant:")));
    ck_assert_int_eq(p.turns, 4);
    ck_assert(text_equal(reply, TEXT(" D.\n\nHuman: E?")));
    d = parse("\n\nHuman: A?\n\nHuman: B?");
    ck_assert_int_eq(dialogue_prompt(&p, &reply, &d, "f:7", &error), ERR_DATA);
    ck_assert_str_eq(error.text, "f:7: the dialogue has no Assistant turn");
}
END_TEST

static void refuse(const char *text, const char *part) {
    Dialogue d;
    ck_assert_int_eq(dialogue_parse(&d, &arena, task_plain(), text_of(text), "f:7", &error), ERR_DATA);
    ck_assert_msg(strstr(error.text, part) != NULL && strncmp(error.text, "f:7: ", 5) == 0, "%s", error.text);
}

START_TEST(test_refusals) {
    Dialogue d;
    refuse("", "empty");
    refuse("Human: A?\n\nAssistant:", "begins with the marker 'Human:'");
    refuse("\n\nAssistant: A?\n\nHuman:", "begins with the marker 'Human:'");
    refuse("\n\nHuman: \xff", "byte 9 is 0xff");
    ck_assert_int_eq(dialogue_parse_prompt(&d, &arena, task_plain(), TEXT("\n\nHuman: A\n\nAssistant: B"), "f:7", &error), ERR_DATA);
    ck_assert_str_eq(error.text, "f:7: a prompt ends with 'Assistant:', found 'B' behind it");
    Text open = TEXT("\n\nHuman: A\n\nAssistant:\n\nHuman: B");
    ck_assert_int_eq(dialogue_parse_prompt(&d, &arena, task_plain(), open, "f:7", &error), ERR_DATA);
    ck_ok(dialogue_parse_prompt(&d, &arena, task_plain(), TEXT("\n\nHuman: A\n\nAssistant: \n"), "f:7", &error), error);
    ck_assert(text_equal(d.text, TEXT("\n\nHuman: A\n\nAssistant:")));
}
END_TEST

typedef struct {
    int calls;
} Cost;

// Costs a prompt by its bytes.
static size_t cost_bytes(void *context, const Dialogue *prompt) {
    ((Cost *)context)->calls++;
    return prompt->text.size;
}

START_TEST(test_cut) {
    Dialogue cut, p, d = parse("\n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant: D.\n\nHuman: E?\n\nAssistant: F");
    Cost cost = {0};
    int dropped;
    ck_ok(dialogue_prompt(&p, NULL, &d, "t", &error), error);
    ck_assert(dialogue_cut(&cut, &dropped, &arena, &p, p.text.size, cost_bytes, &cost));
    ck_assert(dropped == 0 && text_equal(cut.text, p.text));
    // One byte less drops the first exchange, and the result is what parsing its text gives.
    ck_assert(dialogue_cut(&cut, &dropped, &arena, &p, p.text.size - 1, cost_bytes, &cost));
    ck_assert(dropped == 2 && cut.turns == 4 && text_equal(cut.text, TEXT("\n\nHuman: C?\n\nAssistant: D.\n\nHuman: E?\n\nAssistant:")));
    Dialogue again;
    ck_ok(dialogue_parse(&again, &arena, task_plain(), cut.text, "t", &error), error);
    for (int i = 0; i < cut.turns; i++) ck_assert(again.turn[i].begin == cut.turn[i].begin && again.turn[i].body == cut.turn[i].body);
    ck_assert(dialogue_cut(&cut, &dropped, &arena, &p, 23, cost_bytes, &cost));
    ck_assert(dropped == 4 && text_equal(cut.text, TEXT("\n\nHuman: E?\n\nAssistant:")));
    // The shortest form is given even when it is too long.
    ck_assert(!dialogue_cut(&cut, &dropped, &arena, &p, 22, cost_bytes, &cost));
    ck_assert(dropped == 4 && cut.turns == 2);
}
END_TEST

// Many turns cost few calls, and the longest form that fits is found at every budget.
START_TEST(test_cut_long) {
    enum { EXCHANGES = 64 };
    Str s = str_make(&arena);
    for (int i = 0; i < EXCHANGES; i++) str_printf(&s, "\n\nHuman: %d\n\nAssistant:%s", i + 100, i == EXCHANGES - 1 ? "" : " ok");
    Dialogue p, cut;
    ck_ok(dialogue_parse_prompt(&p, &arena, task_plain(), str_text(&s), "t", &error), error);
    for (size_t budget = 24; budget <= p.text.size; budget += 7) {
        Cost cost = {0};
        int dropped, best = 0;
        while (p.text.size - p.turn[best].begin > budget) best += 2;
        ck_assert(dialogue_cut(&cut, &dropped, &arena, &p, budget, cost_bytes, &cost));
        ck_assert_int_eq(dropped, best);
        ck_assert_int_le(cost.calls, 8);
    }
}
END_TEST

Suite *suite_dialogue(void);
Suite *suite_dialogue(void) {
    Suite *s = suite_create("dialogue");
    TCase *c = tcase_create("dialogue");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_turns);
    tcase_add_test(c, test_prompt);
    tcase_add_test(c, test_refusals);
    tcase_add_test(c, test_cut);
    tcase_add_test(c, test_cut_long);
    suite_add_tcase(s, c);
    return s;
}
