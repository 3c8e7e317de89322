// The paper's worked example byte by byte, and the draw of the affix.
#include <string.h>

#include "rlcd/contrast.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/support.h"

static Arena arena;
static Error error;
static Task task;

static void set_up(void) {
    arena = arena_make("test", 0);
    ck_ok(task_read(&task, &arena, "rlcd/tasks/harmless.yaml", &error), error);
}
static void tear_down(void) { arena_free(&arena); }

static Dialogue prompt(Text text) {
    Dialogue d;
    ck_ok(dialogue_parse_prompt(&d, &arena, &task, text, "t", &error), error);
    return d;
}

// Both polarities stand in earlier turns as in the last one, mirrored.
START_TEST(test_sides) {
    Dialogue p = prompt(TEXT("\n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant: D.\n\nHuman: E (kind)?\n\nAssistant:"));
    Text plus = contrast_text(&arena, &task, &p, 5, SIDE_PLUS);
    Text minus = contrast_text(&arena, &task, &p, 5, SIDE_MINUS);
    ck_assert_str_eq(plus.data, "\n\nHuman: A?\n\nAssistant (offensive response): B.\n\nHuman: C?\n\nAssistant (offensive response): D."
                                "\n\nHuman: E (kind)?\n\nAssistant (inoffensive response):");
    ck_assert_str_eq(minus.data, "\n\nHuman: A?\n\nAssistant (inoffensive response): B."
                                 "\n\nHuman: C?\n\nAssistant (inoffensive response): D."
                                 "\n\nHuman: E (kind)?\n\nAssistant (offensive response):");
    ck_assert(text_equal(contrast_text(&arena, &task, &p, 5, SIDE_PLAIN), p.text));
}
END_TEST

START_TEST(test_worked_example) {
    const char *path = shared_file("data/paper-prompts.json");
    Text text;
    const Json *facts;
    if (path == NULL) return;
    ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
    ck_ok(json_parse(&facts, &arena, text, path, &error), error);
    const Json *example = json_get(facts, "worked_example");
    int affix = (int)json_get(example, "index")->integer;
    Dialogue p = prompt(json_get(example, "p")->string);
    ck_assert(text_equal(contrast_text(&arena, &task, &p, affix, SIDE_PLUS), json_get(example, "p_plus")->string));
    ck_assert(text_equal(contrast_text(&arena, &task, &p, affix, SIDE_MINUS), json_get(example, "p_minus")->string));
}
END_TEST

// Worked examples stand before both sides alike, with the prompt's own affixes, and never before p.
START_TEST(test_shots) {
    Dialogue p = prompt(TEXT("\n\nHuman: A?\n\nAssistant:"));
    Task shown = task;
    shown.shots = TEXT("\n\nHuman: X?\n\nAssistant ({plus}): Y.\n\nHuman: Z?\n\nAssistant ({minus}): N.");
    ck_assert_str_eq(contrast_text(&arena, &shown, &p, 5, SIDE_PLUS).data,
                     "\n\nHuman: X?\n\nAssistant (inoffensive response): Y.\n\nHuman: Z?\n\nAssistant (offensive response): N."
                     "\n\nHuman: A?\n\nAssistant (inoffensive response):");
    ck_assert_str_eq(contrast_text(&arena, &shown, &p, 5, SIDE_MINUS).data,
                     "\n\nHuman: X?\n\nAssistant (inoffensive response): Y.\n\nHuman: Z?\n\nAssistant (offensive response): N."
                     "\n\nHuman: A?\n\nAssistant (offensive response):");
    ck_assert(text_equal(contrast_text(&arena, &shown, &p, 5, SIDE_PLAIN), p.text));
}
END_TEST

// A prompt that was cut from the left, or that is the front of a longer dialogue, is contrasted like any other.
START_TEST(test_front_of_dialogue) {
    Dialogue whole, p;
    ck_ok(dialogue_parse(&whole, &arena, &task, TEXT("\n\nHuman: A?\n\nAssistant: B."), "t", &error), error);
    ck_ok(dialogue_prompt(&p, NULL, &whole, "t", &error), error);
    ck_assert_str_eq(contrast_text(&arena, &task, &p, 2, SIDE_PLUS).data, "\n\nHuman: A?\n\nAssistant (innocent response):");
}
END_TEST

// The index depends on seed and prompt alone and reaches every pair about equally often: chi-square with 15 degrees of
// freedom, 0.999 quantile 37.70.
START_TEST(test_draw) {
    enum { DRAWS = 16000 };
    int count[16] = {0}, moved = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        int affix = contrast_affix(&task, 7, i);
        ck_assert(affix >= 0 && affix < 16);
        count[affix]++;
        moved += affix != contrast_affix(&task, 8, i);
    }
    double chi = 0;
    for (int k = 0; k < 16; k++) chi += (count[k] - DRAWS / 16.0) * (count[k] - DRAWS / 16.0) / (DRAWS / 16.0);
    ck_assert_msg(chi < 37.70, "chi-square %g", chi);
    ck_assert(moved > DRAWS * 9 / 10 && moved < DRAWS * 97 / 100);
    ck_assert_int_eq(contrast_affix(&task, 7, 123), contrast_affix(&task, 7, 123));
}
END_TEST

Suite *suite_contrast(void);
Suite *suite_contrast(void) {
    Suite *s = suite_create("contrast");
    TCase *c = tcase_create("contrast");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_sides);
    tcase_add_test(c, test_shots);
    tcase_add_test(c, test_worked_example);
    tcase_add_test(c, test_front_of_dialogue);
    tcase_add_test(c, test_draw);
    suite_add_tcase(s, c);
    return s;
}
