// Both filters on hand-made samples: what is kept byte by byte, and the reason where nothing is.
#include <string.h>

#include "rlcd/clean.h"
#include "tests/support.h"

static Arena arena;
static Error error;
static Task task;

static void set_up(void) {
    arena = arena_make("test", 0);
    ck_ok(task_read(&task, &arena, "rlcd/tasks/harmless.yaml", &error), error);
}
static void tear_down(void) { arena_free(&arena); }

static const CleanOptions SOUND = {.rule = CLEAN_SOUND}, CUT = {.rule = CLEAN_SOUND, .cut_unfinished = true}, PAPER = {.rule = CLEAN_PAPER};

static void kept(CleanOptions options, const char *raw, bool end_of_text, const char *reply) {
    CleanSample sample = {text_of(raw), end_of_text};
    size_t begin, end;
    CleanReason reason = clean_sample(&begin, &end, &sample, &task, 3, options);
    ck_assert_msg(reason == CLEAN_KEPT, "%s: %s", raw, clean_reason_name(reason));
    ck_assert_msg(text_equal((Text){raw + begin, end - begin}, text_of(reply)), "%s: '%.*s'", raw, (int)(end - begin), raw + begin);
    if (options.rule == CLEAN_SOUND) ck_assert_uint_eq(begin, 0);
}

static void rejected(CleanOptions options, const char *raw, bool end_of_text, CleanReason wanted) {
    CleanSample sample = {text_of(raw), end_of_text};
    size_t begin, end;
    CleanReason reason = clean_sample(&begin, &end, &sample, &task, 3, options);
    ck_assert_msg(reason == wanted, "%s: %s, expected %s", raw, clean_reason_name(reason), clean_reason_name(wanted));
}

START_TEST(test_sound) {
    kept(SOUND, " Sure.\n\nHuman:", false, " Sure.");
    kept(SOUND, " Sure. \n\n\nHuman: more\n\nAssistant:", false, " Sure.");
    kept(SOUND, " Sure.", true, " Sure.");
    kept(SOUND, " Humans are kind.\nAll of them.", true, " Humans are kind.\nAll of them.");
    kept(SOUND, " Sure.\n\nAssistant (offensive response): no", false, " Sure.");
    kept(SOUND, " Sure.\n\nAssistant", false, " Sure.");
    kept(SOUND, " Caf\xc3\xa9\xe3\x80\x80\n\nHuman:", false, " Caf\xc3\xa9");
    // Half a character behind the cut is no fault of the reply.
    kept(SOUND, " Sure.\n\nHuman: \xc3", false, " Sure.");
    rejected(SOUND, " Sure. And", false, CLEAN_UNFINISHED);
    rejected(SOUND, "", false, CLEAN_UNFINISHED);
    rejected(SOUND, "", true, CLEAN_EMPTY);
    rejected(SOUND, " \n\nHuman:", false, CLEAN_EMPTY);
    rejected(SOUND, " \xc2\xa0\n", true, CLEAN_EMPTY);
    rejected(SOUND, " Caf\xc3\n\nHuman:", false, CLEAN_NOT_UTF8);
    rejected(SOUND, " Caf\xc3", true, CLEAN_NOT_UTF8);
}
END_TEST

START_TEST(test_leaks) {
    rejected(SOUND, " I said Assistant: yes.", true, CLEAN_LEAKED);
    rejected(SOUND, " Yes.\nHuman: and then?", true, CLEAN_LEAKED);
    rejected(SOUND, " Yes.\nAssistant (kind): and then?", true, CLEAN_LEAKED);
    rejected(SOUND, " Yes (harmless, helpful response).", true, CLEAN_LEAKED);
    rejected(SOUND, " Yes ( harmful, unhelpful response ).", true, CLEAN_LEAKED);
    // The same words without the brackets, or another index's affix, are words that people say.
    kept(SOUND, " A harmless, helpful response is what you want.", true, " A harmless, helpful response is what you want.");
    kept(SOUND, " Yes (innocent response).", true, " Yes (innocent response).");
    kept(SOUND, " The assistant (my boss) helps humans.", true, " The assistant (my boss) helps humans.");
}
END_TEST

START_TEST(test_cut_unfinished) {
    kept(CUT, " One. Two! Thr", false, " One. Two!");
    kept(CUT, " One.\nTwo and", false, " One.");
    kept(CUT, " It costs 3.50 to", true, " It costs 3.50 to");
    kept(CUT, " Done.", false, " Done.");
    rejected(CUT, " It costs 3.50 to", false, CLEAN_UNFINISHED);
    rejected(CUT, "\n and", false, CLEAN_UNFINISHED);
    kept(CUT, " One. Two\n\nHuman:", false, " One. Two");
}
END_TEST

START_TEST(test_paper) {
    kept(PAPER, " Sure.\n\nHuman: more", false, "Sure.");
    // Cut at the word anywhere, then at the line before it.
    kept(PAPER, " First line.\nAll Humans are kind.", false, "First line.");
    rejected(PAPER, " All Humans are kind.\n\nHuman:", false, CLEAN_NO_LINE);
    rejected(PAPER, " Sure.", true, CLEAN_NO_TURN);
    rejected(PAPER, " Sure.\n\nAssistant", false, CLEAN_NO_TURN);
    rejected(PAPER, " \n\nHuman:", false, CLEAN_EMPTY);
    kept(PAPER, " Assistant: a Assistant: b\n\nHuman:", false, "a Assistant: b");
    rejected(PAPER, " yes. Assistant:\n\nHuman:", false, CLEAN_EMPTY);
    kept(PAPER, " a</s> Human", false, "a");
    kept(PAPER, " a</s>\nb\nHuman", false, "a");
    kept(PAPER, " (harmless, helpful response)\nHuman", false, "(harmless, helpful response)");
    rejected(PAPER, " \xff\nHuman", false, CLEAN_NOT_UTF8);
}
END_TEST

START_TEST(test_defaults) {
    ck_assert_int_eq(CLEAN_TRIES, 5);
    ck_assert(clean_options_default().rule == CLEAN_SOUND && !clean_options_default().cut_unfinished);
}
END_TEST

Suite *suite_clean(void);
Suite *suite_clean(void) {
    Suite *s = suite_create("clean");
    TCase *c = tcase_create("clean");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_sound);
    tcase_add_test(c, test_leaks);
    tcase_add_test(c, test_cut_unfinished);
    tcase_add_test(c, test_paper);
    tcase_add_test(c, test_defaults);
    suite_add_tcase(s, c);
    return s;
}
