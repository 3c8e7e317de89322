// Reading a matrix folder: what is found, and the sentence for everything that can be wrong with it.
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tests/matrix_files.h"
#include "tools/results_read.h"

START_TEST(a_small_matrix) {
    Matrix m;
    const char *dir = matrix_small(&arena, folder, "a", 7);
    ck_ok(matrix_read(&m, &arena, cli_format(&arena, "%s//", dir), 5, &error), error);
    ck_assert_str_eq(m.dir, dir);
    ck_assert_int_eq(m.seed, 7);
    ck_assert(text_equal(m.task, TEXT("harmless")) && text_equal(m.model_hash, TEXT("ab")));
    ck_assert_int_eq(m.methods, 3);

    // Replies stand in the order of their prompts, each with the verdict of its own line.
    const MatrixMethod *rlcd = &m.method[1];
    ck_assert_int_eq(rlcd->replies, 4);
    ck_assert(rlcd->judged && rlcd->scored && !m.method[0].scored);
    ck_assert(text_equal(rlcd->reply[0].reply, TEXT(" i j")) && rlcd->reply[0].oracle.score == 1 && rlcd->reply[0].kl == 0);
    ck_assert(text_equal(rlcd->reply[3].reply, TEXT(" e f g")) && rlcd->reply[3].oracle.score == 1 && rlcd->reply[3].kl == 4);
    ck_assert(!m.method[0].reply[2].ended && m.method[0].reply[3].ended);

    ck_assert(rlcd->own.right == 80 && rlcd->own.of == 100 && !rlcd->own_held_out);
    ck_assert(rlcd->accuracy.right == 150 && rlcd->accuracy.of == 200);
    ck_assert(m.method[2].label.right == 2 && m.method[2].label.of == 3);

    // Steps of metrics and of samples are one list; what one of them lacks is not a number.
    ck_assert_int_eq(rlcd->steps, 3);
    ck_assert(rlcd->step[0].score == 0.5 && isnan(rlcd->step[0].oracle) && rlcd->step[0].judged == 0);
    ck_assert(isnan(rlcd->step[1].score) && rlcd->step[1].kl == 1.5 && rlcd->step[1].oracle == 0.5 && rlcd->step[1].judged == 2);
    ck_assert_double_eq_tol(rlcd->step[1].oracle_error, 0.25, 1e-15);
    ck_assert(rlcd->step[2].oracle == 1 && isnan(rlcd->step[2].oracle_error) && isnan(rlcd->step[2].kl));
    ck_assert_int_eq(m.cards, 2);
    ck_assert_str_eq(m.card[0].stage, "rlcd/preference");
}
END_TEST

START_TEST(pairs_of_the_contrast_are_kept) {
    Matrix m;
    const char *dir = matrix_plausible(&arena, folder, 1, 12, 4);
    ck_ok(matrix_read(&m, &arena, dir, 5, &error), error);
    ck_assert_int_eq(m.pairs, 5);
    ck_assert(text_find(m.pair[0].p_plus, TEXT("Assistant (")) >= 0 && m.pair[0].chosen_oracle.known && m.pair[0].label == 1);
    ck_assert_str_eq(m.card[0].stage, "contrast");
    ck_assert_str_eq(m.card[1].stage, "plain");
    ck_ok(matrix_read(&m, &arena, dir, 0, &error), error);
    ck_assert_int_eq(m.pairs, 0);
}
END_TEST

START_TEST(a_method_may_lack_everything) {
    Matrix m;
    cli_file(&arena, folder, "results.json",
             "{\"version\":1,\"seed\":0,\"task\":\"t\",\"methods\":[{\"name\":\"base\",\"kind\":\"base\",\"new\":[1]}],\"more\":{}}");
    ck_ok(matrix_read(&m, &arena, folder, 5, &error), error);
    ck_assert(m.methods == 1 && m.method[0].replies == 0 && m.cards == 0 && !m.method[0].judged);
}
END_TEST

// One file of the small matrix is replaced; what must be said names it and its line.
START_TEST(damage_is_named) {
    static const struct {
        const char *file, *text, *says;
    } CASES[] = {
        {"results.json", "", "results.json: JSON, line 1"},
        {"results.json", "{\"version\":2,\"seed\":1,\"task\":\"t\",\"methods\":[]}", "results.json: expected version 1, found 2"},
        {"results.json", "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[]}",
         "results.json: expected \"methods\", a list of 1 to 64"},
        {"results.json", "{\"version\":1,\"seed\":-1,\"task\":\"t\",\"methods\":[]}", "seed"},
        {"results.json", "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"\",\"kind\":\"base\"}]}", "1 to 64 bytes"},
        {"results.json",
         "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"a\",\"kind\":\"base\"},{\"name\":\"a\",\"kind\":\"cd\"}]}",
         "the method \"a\" is there twice"},
        {"results.json", "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"a\",\"kind\":\"base\",\"eval\":\"/etc\"}]}",
         "expected \"eval\" to be a path below this folder, found \"/etc\""},
        {"results.json",
         "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"a\",\"kind\":\"base\",\"eval\":\"x/../../y\"}]}",
         "a path below this folder"},
        {"results.json", "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"a\",\"kind\":\"base\",\"eval\":\"none\"}]}",
         "none/replies.jsonl"},
        {"rlcd/eval/replies.jsonl", "", "rlcd/eval/replies.jsonl: expected replies, found none"},
        {"rlcd/eval/replies.jsonl", "[1]\n", "rlcd/eval/replies.jsonl:1: expected a JSON object"},
        {"rlcd/eval/replies.jsonl", "{\"index\":0,\"reply\":\"a\"}\n{\"index\":1,\"reply\":\"\xff\"}\n", "rlcd/eval/replies.jsonl:2: JSON"},
        {"rlcd/eval/replies.jsonl", "{\"index\":0,\"reply\":7}\n", "rlcd/eval/replies.jsonl:1"},
        {"rlcd/eval/replies.jsonl", "{\"index\":0,\"reply\":\"a\"}\n", "expected a verdict for each of the 1 lines of"},
        {"rlcd/eval/replies.jsonl",
         "{\"index\":0,\"reply\":\"a\"}\n{\"index\":1,\"reply\":\"a\"}\n{\"index\":0,\"reply\":\"a\"}\n{\"index\":2,\"reply\":\"a\"}\n",
         "expected one reply to each prompt, found two with index 0"},
        {"rlcd/eval/oracle.jsonl", "", "expected a verdict for each of the 4 lines of"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":2,\"reply\":{\"score\":1}}\n", "rlcd/eval/oracle.jsonl:1: expected \"line\" 1"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1.5}}\n", "rlcd/eval/oracle.jsonl:1: expected a score from 0 to 1"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":1}\n", "rlcd/eval/oracle.jsonl:1: expected \"reply\" to be an object"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1,\"sentences\":1,\"well_formed\":2}}\n", "oracle.jsonl:1"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1,\"levels\":3}}\n", "to be a list"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1,\"levels\":[2,3]}}\n", "from -2 to 2"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1,\"levels\":[\"2\"]}}\n", "from -2 to 2"},
        {"rlcd/eval/oracle.jsonl", "{\"line\":1}\n{\"line\":2}\n{\"line\":3}\n{\"line\":4}\n",
         "expected the oracle's verdict on \"reply\""},
        {"rlaif-novice/label/pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\"b\",\"label\":2}\n",
         "pairs.jsonl:1: expected a label from 0 to 1"},
        {"rlaif-novice/label/pairs.jsonl", "{\"chosen\":\"a\"}\n", "pairs.jsonl:1"},
        {"rlaif-novice/label/oracle.jsonl", "{\"line\":1}\n", "expected a verdict for each of the 5 lines"},
        {"rlcd/policy/metrics.jsonl", "{\"step\":3,\"phase\":\"ppo\"}\n{\"step\":2,\"phase\":\"ppo\"}\n",
         "metrics.jsonl:2: expected ascending steps"},
        {"rlcd/policy/metrics.jsonl", "{\"phase\":\"ppo\"}\n", "metrics.jsonl:1"},
        {"rlcd/policy/metrics.jsonl", "{\"step\":3,\"phase\":\"ppo\",\"objective/kl\":\"x\"}\n", "metrics.jsonl:1"},
        {"rlcd/policy/oracle.jsonl", "{\"line\":1}\n", "expected a verdict for each of the 3 lines"},
        {"rlcd/preference/run.json", "{", "rlcd/preference/run.json: JSON"},
        {"rlcd/preference/run.json", "[]", "rlcd/preference/run.json: expected a JSON object"},
        {"rlcd/preference/run.json", "{\"preference\":{\"right\":2,\"of\":1}}", "rlcd/preference"},
        {"rlcd/preference/run.json", "{\"preference\":{\"right\":0,\"of\":0}}", "rlcd/preference"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Matrix m;
        const char *dir = matrix_small(&arena, folder, cli_format(&arena, "case-%zu", i), 1);
        cli_file(&arena, dir, CASES[i].file, CASES[i].text);
        error.text[0] = '\0';
        Status status = matrix_read(&m, &arena, dir, 5, &error);
        ck_assert_msg(status == ERR_DATA || status == ERR_FORMAT || status == ERR_IO, "case %zu: status %d", i, status);
        ck_assert_msg(strstr(error.text, CASES[i].says) != NULL, "case %zu: '%s' is not in: %s", i, CASES[i].says, error.text);
    }
    Matrix m;
    ck_assert_int_eq(matrix_read(&m, &arena, "no-such-folder", 5, &error), ERR_IO);
    ck_assert(strstr(error.text, "no-such-folder/results.json") != NULL);
}
END_TEST

Suite *suite_results_read(void);
Suite *suite_results_read(void) {
    Suite *suite = suite_create("results_read");
    TCase *tc = tcase_create("results_read");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_small_matrix);
    tcase_add_test(tc, pairs_of_the_contrast_are_kept);
    tcase_add_test(tc, a_method_may_lack_everything);
    tcase_add_test(tc, damage_is_named);
    suite_add_tcase(suite, tc);
    return suite;
}
