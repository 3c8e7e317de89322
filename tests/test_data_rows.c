// Rows with their lines: every form, every fault, ranges; and the same verdicts as the readers of pairs and prompts.
#include <string.h>

#include "rlcd/pairs.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tools/data_rows.h"

#define P "\\n\\nHuman: Hi.\\n\\nAssistant:"

START_TEST(forms_and_faults) {
    static const struct {
        const char *line, *prompt;
        bool is_pair;
        RowFault fault;
    } CASES[] = {
        {"{\"prompt\":\"" P "\"}", "\n\nHuman: Hi.\n\nAssistant:", false, ROW_SOUND},
        {"{\"prompt\":\"any text\",\"chosen\":\"a\",\"rejected\":\"b\"}", "any text", true, ROW_SOUND},
        {"{\"prompt\":\"p\",\"chosen\":\" \",\"rejected\":\"b\"}", "p", true, ROW_EMPTY_CHOSEN},
        {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"\"}", "p", true, ROW_EMPTY_REJECTED},
        {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"a\"}", "p", true, ROW_EQUAL},
        {"{\"prompt\":\"p\",\"chosen\":\"\",\"rejected\":\"\"}", "p", true, ROW_EMPTY_CHOSEN},
        {"{\"prompt\":\"p\",\"reply\":\"r\",\"index\":7}", "p", false, ROW_SOUND},
        {"{\"chosen\":\"" P " A.\",\"rejected\":\"" P " B.\"}", "\n\nHuman: Hi.\n\nAssistant:", true, ROW_SOUND},
        {"{\"chosen\":\"" P " A.\",\"rejected\":\"" P " A.\"}", "\n\nHuman: Hi.\n\nAssistant:", true, ROW_EQUAL},
        {"{\"chosen\":\"" P "\",\"rejected\":\"" P " A.\"}", "\n\nHuman: Hi.\n\nAssistant:", true, ROW_EMPTY_CHOSEN},
        {"{\"chosen\":\"" P " A.\\n\\nHuman: B?" P " C\",\"rejected\":\"" P " A.\\n\\nHuman: X?" P " D\"}",
         "\n\nHuman: Hi.\n\nAssistant:", true, ROW_SOUND},
        {"{\"chosen\":\"\\n\\nHuman: A\",\"rejected\":\"\\n\\nHuman: A" P " D\"}", "", true, ROW_NO_PROMPT},
        {"{\"chosen\":\"" P " A.\"}", "\n\nHuman: Hi.\n\nAssistant:", false, ROW_SOUND},
        {"{\"chosen\":\"Say: yes\",\"rejected\":\"Say: no\"}", "Say:", true, ROW_SOUND},
        {"{\"chosen\":\"yes\",\"rejected\":\"no\"}", "", true, ROW_NO_PROMPT},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        DataRows rows;
        DataRow row;
        bool more;
        const char *path = cli_file(&arena, folder, "x.jsonl", cli_format(&arena, "\n%s\r\n \n", CASES[i].line));
        ck_ok(data_rows_open(&rows, &arena, path, task_plain(), 0, -1, &error), error);
        ck_ok(data_rows_next(&rows, &row, &more, &error), error);
        ck_assert_msg(more && row.line == 2 && row.is_pair == CASES[i].is_pair && row.fault == CASES[i].fault, "case %zu: %s", i,
                      ROW_FAULT_NAMES[row.fault]);
        ck_assert_msg(text_equal(row.prompt, text_of(CASES[i].prompt)), "case %zu: '%.*s'", i, (int)row.prompt.size, row.prompt.data);
        ck_ok(data_rows_next(&rows, &row, &more, &error), error);
        ck_assert(!more);
        data_rows_close(&rows);
        // What pairs_read makes of the same row.
        if (!CASES[i].is_pair) continue;
        PairList list;
        Status status = pairs_read(&list, &arena, &path, 1, task_plain(), false, &error);
        ck_assert_int_eq(status == OK, CASES[i].fault == ROW_SOUND);
        if (status == OK) ck_assert(text_equal(list.pair[0].prompt, text_of(CASES[i].prompt)));
        ck_assert_int_eq(list.counts.no_prompt, CASES[i].fault == ROW_NO_PROMPT);
        ck_assert_int_eq(list.counts.same, CASES[i].fault == ROW_EQUAL);
        ck_assert_int_eq(list.counts.empty, CASES[i].fault == ROW_EMPTY_CHOSEN || CASES[i].fault == ROW_EMPTY_REJECTED);
    }
}
END_TEST

static Status read_all(const char *path, int64_t first, int64_t limit, int *n, size_t *line) {
    DataRows rows;
    DataRow row;
    bool more = true;
    *n = 0;
    Status status = data_rows_open(&rows, &arena, path, task_plain(), first, limit, &error);
    while (status == OK) {
        status = data_rows_next(&rows, &row, &more, &error);
        if (status != OK || !more) break;
        if ((*n)++ == 0) *line = row.line;
    }
    data_rows_close(&rows);
    return status;
}

START_TEST(ranges) {
    int n;
    size_t line;
    ck_ok(read_all(TINY_HH, 0, -1, &n, &line), error);
    ck_assert(n == 24 && line == 1);
    ck_ok(read_all(TINY_HH, 3, 5, &n, &line), error);
    ck_assert(n == 5 && line == 4);
    ck_ok(read_all(TINY_HH, 20, 100, &n, &line), error);
    ck_assert(n == 4 && line == 21);
    ck_assert(read_all(TINY_HH, 24, -1, &n, &line) == ERR_DATA && strstr(error.text, "begins at row 24"));
}
END_TEST

// Hostile files: one sentence with file and line, whatever the bytes.
START_TEST(hostile) {
    static const struct {
        const char *text, *part;
    } CASES[] = {
        {"", "no rows"},
        {"\n\n", "no rows"},
        {"{}", "x.jsonl:1: expected a row with \"prompt\""},
        {"[1]", "x.jsonl:1"},
        {"plain text", "x.jsonl:1"},
        {"{\"prompt\":1}", "x.jsonl:1"},
        {"{\"prompt\":\"p\",\"prompt\":\"p\"}", "x.jsonl:1"},
        {"{\"prompt\":\"p\"}\n{\"prompt\":\"p\"", "x.jsonl:2"},
        {"{\"prompt\":\"p\"}\n\n{\"prompt\":\"\xff\"}", "x.jsonl:3"},
        {"{\"prompt\":[{\"role\":\"user\",\"content\":\"x\"}]}", "list of messages"},
        {"{\"chosen\":\"no dialogue\"}", "begins with the marker"},
        {"{\"chosen\":\"\\n\\nHuman: a\"}", "no Assistant turn"},
        {"{\"rejected\":\"x\"}", "x.jsonl:1"},
        {"{\"chosen\":\"" P " a\",\"rejected\":\"b\"}", "begins with the marker"},
        {"{\"prompt\":\"p\"}{\"prompt\":\"p\"}", "x.jsonl:1"},
    };
    int n;
    size_t line;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *path = cli_file(&arena, folder, "x.jsonl", CASES[i].text);
        ck_assert_msg(read_all(path, 0, -1, &n, &line) != OK, "case %zu", i);
        ck_assert_msg(strstr(error.text, CASES[i].part) != NULL, "case %zu: %s", i, error.text);
    }
    // Nesting without an end, and a prompt of NULs, which is a text.
    Str deep = str_make(&arena);
    for (int i = 0; i < 100000; i++) str_append_char(&deep, '[');
    ck_assert(read_all(cli_file(&arena, folder, "x.jsonl", deep.data), 0, -1, &n, &line) == ERR_FORMAT);
    ck_ok(read_all(cli_file(&arena, folder, "x.jsonl", "{\"prompt\":\"\\u0000\\u0000\"}"), 0, -1, &n, &line), error);
}
END_TEST

Suite *suite_data_rows(void);
Suite *suite_data_rows(void) {
    Suite *suite = suite_create("data_rows");
    TCase *tc = tcase_create("data_rows");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, forms_and_faults);
    tcase_add_test(tc, ranges);
    tcase_add_test(tc, hostile);
    suite_add_tcase(suite, tc);
    return suite;
}
