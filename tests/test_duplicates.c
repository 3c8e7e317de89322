// Texts that say the same: each kind by hand, every share against a comparison of all pairs, stock phrases, words of any script.
#include <string.h>

#include "rlcd/task.h"
#include "tests/support.h"
#include "tools/duplicates.h"

static Arena arena;
static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

enum { FOUND_MAX = 4096 };
typedef struct {
    int count;
    Duplicate item[FOUND_MAX];
} Found;

static void take(void *context, const Duplicate *found) {
    Found *f = context;
    ck_assert_int_lt(f->count, FOUND_MAX);
    f->item[f->count++] = *found;
}

static Duplicates make(int ngram, double least) { return duplicates_make(ngram, least, task_plain()->human, task_plain()->assistant); }

// Finds among texts that end with NULL, all of one group.
static Found *find(int ngram, double least, const char *const *texts) {
    Found *f = arena_zeros(&arena, 1, sizeof *f);
    Duplicates d = make(ngram, least);
    for (int i = 0; texts[i]; i++) duplicates_add(&d, text_of(texts[i]), 0);
    duplicates_find(&d, take, f);
    duplicates_end(&d);
    return f;
}
#define FIND(ngram, least, ...) find((ngram), (least), (const char *const[]){__VA_ARGS__, NULL})

static void check(const Found *f, int i, int text, int match, DuplicateKind kind, double share) {
    ck_assert_int_lt(i, f->count);
    const Duplicate *d = &f->item[i];
    ck_assert_msg(d->text == text && d->match == match && d->kind == kind, "%d: %d repeats %d, %s", i, d->text, d->match,
                  DUPLICATE_NAMES[d->kind]);
    ck_assert_double_eq_tol(d->share, share, 1e-12);
}

START_TEST(kinds) {
    Found *f = FIND(3, 0.5, "one two three", "One  two\tthree ", "one two three", "one, two, three!", "one two four");
    ck_assert_int_eq(f->count, 3);
    check(f, 0, 1, 0, DUPLICATE_NORMALISED, 1);
    check(f, 1, 2, 0, DUPLICATE_EXACT, 1);
    check(f, 2, 3, 0, DUPLICATE_NEAR, 1);
    // Of the shorter one's runs: a beginning stands in what goes on from it, and half of the runs is enough for 0.5, not for 0.6.
    f = FIND(3, 0.5, "a b c d", "a b c d e f g h", "x b c d y z", "b c d");
    ck_assert_int_eq(f->count, 3);
    check(f, 0, 1, 0, DUPLICATE_NEAR, 1);
    check(f, 1, 2, 0, DUPLICATE_NEAR, 0.5);
    check(f, 2, 3, 0, DUPLICATE_NEAR, 1);
    ck_assert_int_eq(FIND(3, 0.6, "a b c d", "x b c d y")->count, 0);
    // Texts that are too short are one run; texts without a word are near to nothing, only equal.
    f = FIND(8, 0.5, "hi there", "hi  there!", "?!", "...", "?!", "");
    ck_assert_int_eq(f->count, 2);
    check(f, 0, 1, 0, DUPLICATE_NEAR, 1);
    check(f, 1, 4, 2, DUPLICATE_EXACT, 1);
    // A run of a longer text that has the same beginning is another one than a short text.
    ck_assert_int_eq(FIND(4, 0.1, "a b", "a b c d e f")->count, 0);
    ck_assert_int_eq(find(8, 0.5, (const char *const[]){NULL})->count, 0);
}
END_TEST

START_TEST(words_of_any_script) {
    // Case in Latin, Greek and Cyrillic; marks between words do not count.
    ck_assert_int_eq(FIND(2, 1, "Ćma Überfluß ŻÓŁW", "ćma überfluß żółw")->item[0].kind, DUPLICATE_NORMALISED);
    ck_assert_int_eq(FIND(2, 1, "ΑΛΦΑ ДОМ Ёлка", "αλφα дом ёлка")->item[0].kind, DUPLICATE_NORMALISED);
    ck_assert_int_eq(FIND(2, 1, "l’été — déjà «vu»", "l'été, déjà vu")->item[0].kind, DUPLICATE_NEAR);
    // White space of Unicode is white space.
    ck_assert_int_eq(FIND(2, 1, "a b", "a\xC2\xA0 \xE3\x80\x80 b\n")->item[0].kind, DUPLICATE_NORMALISED);
    // Each character of a script without blanks is a word: 3 of 4 runs of two.
    Found *f = FIND(2, 0.5, "私は猫です", "私は猫だ、です");
    ck_assert_int_eq(f->count, 1);
    check(f, 0, 1, 0, DUPLICATE_NEAR, 0.75);
    // Turn markers belong to no text's words, the same words in a text do.
    f = FIND(3, 0.9, "\n\nHuman: a b c\n\nAssistant: d e\n\nHuman: f\n\nAssistant:", "a b c d e f", "Human: a b c Assistant: d e f");
    ck_assert_int_eq(f->count, 1);
    check(f, 0, 1, 0, DUPLICATE_NEAR, 1);
    ck_assert(duplicates_fold('Z') == 'z' && duplicates_fold('[') == '[' && duplicates_fold(0xD7) == 0xD7 && duplicates_fold(0xFF) == 0xFF);
    ck_assert(duplicates_fold(0x178) == 0x178 && duplicates_fold(0x179) == 0x17A && duplicates_fold(0x147) == 0x148);
}
END_TEST

// Groups: the strongest of each group, and what stands twice in its own group gets the leaks of the first.
START_TEST(groups) {
    Duplicates d = make(3, 0.5);
    Found f = {0};
    static const struct {
        const char *text;
        int group;
    } TEXTS[] = {{"a b c d", 0},     {"k l m n o", 0},   {"A b c d", 0},  {"a b c d", 1},
                 {"k l m n o p", 1}, {"k l m n o p", 2}, {"a  b c d", 2}, {"k l m n o p", 2}};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) duplicates_add(&d, text_of(TEXTS[i].text), TEXTS[i].group);
    duplicates_find(&d, take, &f);
    check(&f, 0, 2, 0, DUPLICATE_NORMALISED, 1);
    check(&f, 1, 3, 0, DUPLICATE_EXACT, 1);
    check(&f, 2, 4, 1, DUPLICATE_NEAR, 1);
    check(&f, 3, 5, 1, DUPLICATE_NEAR, 1);
    check(&f, 4, 5, 4, DUPLICATE_EXACT, 1);
    check(&f, 5, 6, 0, DUPLICATE_NORMALISED, 1);
    check(&f, 6, 6, 3, DUPLICATE_NORMALISED, 1);
    check(&f, 7, 7, 1, DUPLICATE_NEAR, 1);
    check(&f, 8, 7, 4, DUPLICATE_EXACT, 1);
    check(&f, 9, 7, 5, DUPLICATE_EXACT, 1);
    ck_assert_int_eq(f.count, 10);
    duplicates_end(&d);
}
END_TEST

// Distinct runs of three letters, for texts of one-letter words.
static int runs_of(const char *text, char out[][3]) {
    int n = 0;
    for (int i = 0; text[i] && text[i + 1] && text[i + 2] && text[i + 3] && text[i + 4]; i += 2) {
        bool known = false;
        char run[3] = {text[i], text[i + 2], text[i + 4]};
        for (int k = 0; k < n; k++) known = known || memcmp(out[k], run, 3) == 0;
        if (!known) memcpy(out[n++], run, 3);
    }
    return n;
}

// Random texts of few words: what is found is what a comparison of all pairs finds.
START_TEST(all_pairs) {
    enum { TEXTS = 240, WORDS = 12 };
    static char text[TEXTS][2 * WORDS + 1], run[TEXTS][WORDS][3];
    int runs[TEXTS], group[TEXTS];
    uint64_t state = 5;
    Duplicates d = make(3, 0.4);
    for (int i = 0; i < TEXTS; i++) {
        for (int w = 0; w < WORDS; w++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[i][2 * w] = (char)('a' + (state >> 33) % 7);
            text[i][2 * w + 1] = ' ';
        }
        text[i][2 * (3 + (int)(state >> 40) % (WORDS - 3)) - 1] = '\0';
        runs[i] = runs_of(text[i], run[i]);
        group[i] = i * 3 / TEXTS;
        duplicates_add(&d, text_of(text[i]), group[i]);
    }
    Found *f = arena_zeros(&arena, 1, sizeof *f);
    duplicates_find(&d, take, f);
    int at = 0, near = 0;
    for (int i = 0; i < TEXTS; i++)
        for (int g = 0; g <= group[i]; g++) {
            // The strongest, by equality, then share, then order; a text that its own group had before takes what that one has.
            int source = i, best = -1;
            double most = 0;
            bool equal = false;
            for (int j = i - 1; j >= 0; j--)
                if (strcmp(text[i], text[j]) == 0 && group[j] == group[i]) source = j;
            for (int j = 0; j < i; j++) {
                if (group[j] != g || equal) continue;
                int common = 0;
                for (int a = 0; a < runs[i]; a++)
                    for (int b = 0; b < runs[j]; b++) common += memcmp(run[i][a], run[j][b], 3) == 0;
                double share = (double)common / (runs[i] < runs[j] ? runs[i] : runs[j]);
                equal = strcmp(text[i], text[j]) == 0;
                if (!equal && (share < 0.4 || share <= most || (source != i && j >= source))) continue;
                best = j;
                most = share;
            }
            if (best < 0) continue;
            check(f, at, i, best, equal ? DUPLICATE_EXACT : DUPLICATE_NEAR, equal ? 1 : most);
            near += !equal;
            at++;
        }
    ck_assert_int_eq(f->count, at);
    ck_assert_msg(near > 100, "%d near texts", near);
    duplicates_end(&d);
}
END_TEST

// A run that more than DUPLICATE_STOCK texts hold counts nowhere: what is left of them decides.
START_TEST(stock_phrases) {
    for (int extra = 0; extra < 2; extra++) {
        Duplicates d = make(4, 0.5);
        Found *f = arena_zeros(&arena, 1, sizeof *f);
        int n = DUPLICATE_STOCK + extra;
        for (int i = 0; i < n; i++) {
            Str s = str_make(&arena);
            str_printf(&s, "please tell me about the thing %d%s", i, i == n - 1 ? "" : " now");
            duplicates_add(&d, str_text(&s), 0);
        }
        duplicates_find(&d, take, f);
        ck_assert_int_eq(d.stock, extra ? 3 : 0);
        // 256 texts: all but the first are near to it; 257: nothing but numbers tells them apart.
        ck_assert_int_eq(f->count, extra ? 0 : n - 1);
        duplicates_end(&d);
    }
}
END_TEST

// More texts than a first block, and a long one; the result does not depend on what lies between.
START_TEST(many_and_long) {
    Duplicates d = make(8, 0.5);
    Found *f = arena_zeros(&arena, 1, sizeof *f);
    Str s = str_make(&arena);
    for (int i = 0; i < 300000; i++) str_printf(&s, "w%d ", i);
    for (int i = 0; i < 3000; i++) {
        Str one = str_make(&arena);
        str_printf(&one, "t%d u%d v%d", i, i + 1, i + 2);
        duplicates_add(&d, i == 1500 || i == 2500 ? str_text(&s) : i == 2999 ? TEXT("t0 u1 v2") : str_text(&one), 0);
    }
    duplicates_find(&d, take, f);
    ck_assert_int_eq(f->count, 2);
    check(f, 0, 2500, 1500, DUPLICATE_EXACT, 1);
    check(f, 1, 2999, 0, DUPLICATE_EXACT, 1);
    ck_assert_int_eq(d.grams, 2997 + 299993);
    duplicates_end(&d);
}
END_TEST

Suite *suite_duplicates(void);
Suite *suite_duplicates(void) {
    Suite *suite = suite_create("duplicates");
    TCase *tc = tcase_create("duplicates");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, kinds);
    tcase_add_test(tc, words_of_any_script);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, all_pairs);
    tcase_add_test(tc, stock_phrases);
    tcase_add_test(tc, many_and_long);
    suite_add_tcase(suite, tc);
    return suite;
}
