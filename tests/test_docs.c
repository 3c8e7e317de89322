// The documents against the source: every function, path, link, command and option that they name is there.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tests/support.h"
#include "tools/options.h"
#include "tools/stage.h"

Suite *suite_docs(void);

enum { FILE_MOST = 4 << 20 };

static const Verb *const VERBS[] = {&VERB_DEMO,      &VERB_RUN,   &VERB_SIMULATE, &VERB_LABEL,    &VERB_PREFERENCE, &VERB_SFT,
                                    &VERB_DPO,       &VERB_PPO,   &VERB_EVAL,     &VERB_GENERATE, &VERB_TRACE,      &VERB_PRETRAIN,
                                    &VERB_TOKENIZER, &VERB_WORLD, &VERB_INSPECT,  &VERB_BENCH,    &VERB_REPORT,
                                    &VERB_THEORY,    &VERB_JUDGE, &VERB_DATA,    &VERB_CONVERT};

static Arena arena;
static Error error;

static void set_up(void) { arena = arena_make("test_docs", 0); }
static void tear_down(void) { arena_free(&arena); }

// A document under examination, and what is wrong with it.
typedef struct {
    const char *path;
    int line;
    Str report;
} Document;

static void fault(Document *d, const char *what, Text name) {
    str_printf(&d->report, "%s:%d: %s '%.*s'\n", d->path, d->line, what, (int)name.size, name.data);
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

static Text after(Text text, size_t n) { return (Text){text.data + n, text.size - n}; }

// Takes the text up to `end` (or all of it) off the front of *rest.
static Text take(Text *rest, char end) {
    const char *at = memchr(rest->data, end, rest->size);
    Text part = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
    *rest = after(*rest, part.size + (at != NULL));
    return part;
}

// ---- paths and functions

// A function is defined where a line that begins in the first column holds its name before a bracket; prototypes do not count.
static bool defines(Text source, Text name) {
    while (source.size) {
        Text line = take(&source, '\n');
        if (line.size == 0 || line.data[0] == ' ' || line.data[0] == '/' || line.data[0] == '#') continue;
        if (line.data[line.size - 1] == ';') continue;
        for (Text rest = line; rest.size > name.size; rest = after(rest, 1)) {
            bool begins = rest.data == line.data || !is_name(rest.data[-1]);
            if (begins && text_begins(rest, name) && rest.data[name.size] == '(') return true;
        }
    }
    return false;
}

// The folders of the repository: a span that begins with one of them is a path.
static bool is_ours(Text path) {
    static const char *const FOLDERS[] = {"tensor/", "nn/", "llama/", "rlcd/", "tools/", "models/", "tests/", "docs/"};
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++)
        if (text_begins(path, text_of(FOLDERS[i]))) return true;
    return false;
}

// A code span such as `nn/rope.c: rope_rotate`, `nn/rope.c` or `nn/`; patterns with a star are left alone.
static void check_span(Document *d, Text span) {
    if (!is_ours(span) || memchr(span.data, '*', span.size)) return;
    Text rest = span, path = take(&rest, ':');
    const char *file = text_copy(&arena, path).data;
    if (memchr(path.data, ' ', path.size)) return;
    if (!file_exists(file)) {
        fault(d, "there is no file", path);
        return;
    }
    if (path.size == span.size) return;
    Text source, name = rest;
    while (name.size && name.data[0] == ' ') name = after(name, 1);
    ck_ok(file_read(&source, &arena, file, FILE_MOST, &error), error);
    if (!defines(source, name)) fault(d, "the file does not define", span);
}

// ---- commands

static bool is_makefile_target(Text name) {
    Text makefile;
    ck_ok(file_read(&makefile, &arena, "Makefile", FILE_MOST, &error), error);
    while (makefile.size) {
        Text line = take(&makefile, '\n');
        if (text_begins(line, name) && line.size > name.size && line.data[name.size] == ':') return true;
    }
    return text_equal(name, TEXT("build/tests/all"));
}

// Whether a verb has the option: --max-new or --ppo.lr, in overrides ppo.lr.
static bool has_option(const Verb *verb, Text name) {
    for (const OptionTable *const *table = verb->tables; *table; table++)
        for (const Option *o = (*table)->option; o->name; o++) {
            Str full = str_make(&arena);
            str_printf(&full, "%s%s%s", (*table)->section, (*table)->section[0] ? "." : "", o->name);
            Str plain = str_make(&arena);
            for (size_t i = 0; i < name.size; i++) str_append_char(&plain, name.data[i] == '-' ? '_' : name.data[i]);
            if (plain.size && (strcmp(plain.data, full.data) == 0 || (!verb->recipe && strcmp(plain.data, o->name) == 0))) return true;
        }
    return false;
}

static const Verb *find_verb(Text name) {
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (text_equal(name, text_of(VERBS[i]->name))) return VERBS[i];
    return NULL;
}

// The words behind build/rlcd: a verb, then its options; behind `run` a recipe and overrides.
static void check_program(Document *d, Text words) {
    Text name = take(&words, ' ');
    const Verb *verb = find_verb(name);
    if (verb == NULL) {
        fault(d, "there is no verb", name);
        return;
    }
    if (verb->recipe) {
        Str recipe = str_make(&arena);
        Text which = take(&words, ' ');
        str_printf(&recipe, "models/recipes/%.*s.yaml", (int)which.size, which.data);
        if (!file_exists(recipe.data)) fault(d, "there is no recipe", which);
    }
    while (words.size) {
        // A quoted value may hold blanks: its last word ends with the quote.
        Text word = take(&words, ' ');
        if (text_begins(word, TEXT("'")) && !text_ends(after(word, 1), TEXT("'"))) take(&words, '\'');
        Text key = text_begins(word, TEXT("--")) ? after(word, 2) : word;
        bool is_option = text_begins(word, TEXT("--")) || (verb->recipe && memchr(word.data, '=', word.size));
        if (is_option && !has_option(verb, take(&key, '='))) fault(d, "the verb has no option", word);
    }
}

// One command: a suite of the tests, the program, make, or variables that are set.
static void check_command(Document *d, Text command) {
    while (command.size && command.data[0] == ' ') command = after(command, 1);
    while (command.size && command.data[command.size - 1] == ' ') command.size--;
    Text rest = command, first = take(&rest, ' ');
    Text suite = TEXT("CK_RUN_SUITE=");
    if (text_begins(first, suite)) {
        Str file = str_make(&arena);
        Text name = after(first, suite.size);
        str_printf(&file, "tests/test_%.*s.c", (int)name.size, name.data);
        if (!file_exists(file.data)) fault(d, "there is no suite", name);
        if (!text_equal(rest, TEXT("build/tests/all"))) fault(d, "a suite is run by build/tests/all, not by", rest);
    } else if (text_equal(first, TEXT("make"))) {
        while (rest.size) {
            Text target = take(&rest, ' ');
            if (!is_makefile_target(target)) fault(d, "make has no target", target);
        }
    } else if (text_equal(first, TEXT("build/rlcd"))) {
        check_program(d, rest);
    } else if (!memchr(first.data, '=', first.size)) {
        fault(d, "not a command that this test knows:", command);
    }
}

static void check_commands(Document *d, Text line) {
    while (line.size) {
        ptrdiff_t both = text_find(line, TEXT(" && "));
        check_command(d, both < 0 ? line : (Text){line.data, (size_t)both});
        line = both < 0 ? (Text){0} : after(line, (size_t)both + 4);
    }
}

// ---- links and the whole document

// [text](target): a file beside the document, without the part behind '#'.
static void check_links(Document *d, Text line) {
    for (ptrdiff_t at; (at = text_find(line, TEXT("]("))) >= 0;) {
        line = after(line, (size_t)at + 2);
        Text target = take(&line, ')'), whole = target;
        target = take(&target, '#');
        if (target.size == 0 || text_begins(target, TEXT("http"))) continue;
        const char *slash = strrchr(d->path, '/');
        Str file = str_make(&arena);
        if (slash) str_append(&file, (Text){d->path, (size_t)(slash - d->path) + 1});
        str_append(&file, target);
        if (!file_exists(file.data)) fault(d, "the link leads nowhere:", whole);
    }
}

static void check_spans(Document *d, Text line) {
    Text rest = line;
    int marks = 0;
    for (size_t i = 0; i < line.size; i++) marks += line.data[i] == '`';
    if (marks % 2) fault(d, "a code span does not end on its line:", line);
    while (memchr(rest.data, '`', rest.size)) {
        take(&rest, '`');
        check_span(d, take(&rest, '`'));
    }
}

// What a chapter must have, and what has been seen.
typedef struct {
    bool in_try, in_exercise;
    int try_it, commands, exercise, answer;
} Seen;

static void note_heading(Seen *seen, Text line) {
    if (!text_begins(line, TEXT("## "))) return;
    seen->in_try = text_equal(line, TEXT("## Try it"));
    seen->in_exercise = text_equal(line, TEXT("## Exercise"));
    seen->try_it += seen->in_try;
    seen->exercise += seen->in_exercise;
}

// Checks a text as the document at `path`; `commands` tells that its indented lines are commands, as in the README's.
static Str examine(const char *path, Text text, bool chapter, bool commands) {
    Document d = {.path = path, .report = str_make(&arena)};
    Seen seen = {0};
    str_append(&d.report, TEXT(""));
    while (text.size) {
        Text line = take(&text, '\n');
        d.line++;
        note_heading(&seen, line);
        if (text_begins(line, TEXT("    "))) {
            if (seen.in_try || commands) check_commands(&d, line);
            seen.commands += seen.in_try;
            continue;
        }
        check_spans(&d, line);
        check_links(&d, line);
        seen.answer += seen.in_exercise && text_begins(line, TEXT("**Answer.**"));
    }
    if (chapter && (seen.try_it != 1 || seen.commands == 0)) fault(&d, "a chapter has one heading with a command:", TEXT("## Try it"));
    if (chapter && (seen.exercise != 1 || seen.answer != 1)) fault(&d, "a chapter has one heading with an answer:", TEXT("## Exercise"));
    return d.report;
}

// docs/05-llama.md is a chapter, docs/notation.md is not.
static bool is_chapter(const char *name) { return isdigit((unsigned char)name[0]) && isdigit((unsigned char)name[1]) && name[2] == '-'; }

START_TEST(docs_name_what_is_there) {
    const char **names;
    int count, chapters = 0;
    Str report = str_make(&arena);
    str_append(&report, TEXT(""));
    ck_ok(directory_list(&arena, "docs", &names, &count, &error), error);
    for (int i = 0; i < count; i++) {
        Text text;
        if (!text_ends(text_of(names[i]), TEXT(".md"))) continue;
        const char *path = path_join(&arena, "docs", names[i]);
        ck_ok(file_read(&text, &arena, path, FILE_MOST, &error), error);
        Str found = examine(path, text, is_chapter(names[i]), false);
        str_append(&report, str_text(&found));
        chapters += is_chapter(names[i]);
    }
    ck_assert_msg(report.size == 0, "\n%s", report.data);
    ck_assert_int_ge(chapters, 11);
}
END_TEST

// The README's indented lines are its commands; its table has every verb.
START_TEST(docs_readme) {
    Text text;
    ck_ok(file_read(&text, &arena, "README.md", FILE_MOST, &error), error);
    Str report = examine("README.md", text, false, true);
    ck_assert_msg(report.size == 0, "\n%s", report.data);
    ck_assert(text_find(text, TEXT("\n    make deps test\n")) >= 0);

    const char **names;
    int count, verbs = 0;
    ck_ok(directory_list(&arena, "tools", &names, &count, &error), error);
    for (int i = 0; i < count; i++) {
        Text name = text_of(names[i]);
        if (!text_begins(name, TEXT("cmd_")) || !text_ends(name, TEXT(".c"))) continue;
        Str row = str_make(&arena);
        str_printf(&row, "\n| `%.*s` | ", (int)name.size - 6, name.data + 4);
        ck_assert_msg(text_find(text, str_text(&row)) >= 0, "README.md has no row for the verb of tools/%s", names[i]);
        verbs++;
    }
    ck_assert_int_eq(verbs, (int)(sizeof VERBS / sizeof *VERBS));
}
END_TEST

// docs/ppo-details.md has every option of its section.
START_TEST(docs_ppo_details) {
    Text text;
    ck_ok(file_read(&text, &arena, "docs/ppo-details.md", FILE_MOST, &error), error);
    for (const Option *o = OPTIONS_PPO.option; o->name; o++) {
        Str span = str_make(&arena);
        str_printf(&span, "`ppo.%s`", o->name);
        ck_assert_msg(text_find(text, str_text(&span)) >= 0, "docs/ppo-details.md does not have %s", span.data);
    }
}
END_TEST

// Each rule finds what breaks it, and says nothing about what keeps it.
START_TEST(docs_faults_are_found) {
    static const struct {
        const char *text, *finds;
        bool chapter;
    } CASES[] = {
        {"`nn/rope.c: rope_rotate` and `nn/` and `rlcd/tasks/*.yaml`\n", NULL, false},
        {"`nn/rope.c: rope_turn`\n", "does not define 'nn/rope.c: rope_turn'", false},
        {"`nn/rope.c: rope_rot`\n", "does not define", false},
        {"`nn/rope.h: rope_rotate`\n", "does not define", false},
        {"\n`nn/ropes.c: rope_rotate`\n", "docs/x.md:2: there is no file 'nn/ropes.c'", false},
        {"`nn/rope.c: rope_rotate\n", "does not end on its line", false},
        {"[a](00-map.md#try-it) [b](https://x) [c](#d)\n", NULL, false},
        {"[a](00-maps.md)\n", "leads nowhere: '00-maps.md'", false},
        {"## Try it\n\n    CK_RUN_SUITE=docs build/tests/all\n\n## Exercise\n\n**Answer.** Yes.\n", NULL, true},
        {"## Exercise\n\n**Answer.** Yes.\n", "'## Try it'", true},
        {"## Try it\n\n## Exercise\n\n**Answer.** Yes.\n", "'## Try it'", true},
        {"## Try it\n\n    make test\n\n## Exercise\n\nNone.\n", "'## Exercise'", true},
        {"## Try it\n\n    CK_RUN_SUITE=doc build/tests/all\n", "no suite 'doc'", false},
        {"## Try it\n\n    make test && make tea\n", "no target 'tea'", false},
        {"## Try it\n\n    build/rlcd trade --row 1\n", "no verb 'trade'", false},
        {"## Try it\n\n    build/rlcd trace --model $MODEL --row 1 --max-new 6\n", NULL, false},
        {"## Try it\n\n    build/rlcd trace --rows-of 1\n", "no option '--rows-of'", false},
        {"## Try it\n\n    build/rlcd generate --prompt 'Two words' --seeds 1\n", "no option '--seeds'", false},
        {"## Try it\n\n    build/rlcd run hh-135m ppo.lr=1 model=M\n", NULL, false},
        {"## Try it\n\n    build/rlcd run hh-135m ppo.rate=1\n", "no option 'ppo.rate=1'", false},
        {"## Try it\n\n    build/rlcd run hh-7b\n", "no recipe 'hh-7b'", false},
        {"## Try it\n\n    sh run-me\n", "not a command", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str report = examine("docs/x.md", text_of(CASES[i].text), CASES[i].chapter, false);
        if (CASES[i].finds)
            ck_assert_msg(strstr(report.data, CASES[i].finds) != NULL, "case %zu found: %s", i, report.data);
        else
            ck_assert_msg(report.size == 0, "case %zu found: %s", i, report.data);
    }
}
END_TEST

Suite *suite_docs(void) {
    Suite *suite = suite_create("docs");
    TCase *tc = tcase_create("docs");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, docs_name_what_is_there);
    tcase_add_test(tc, docs_readme);
    tcase_add_test(tc, docs_ppo_details);
    tcase_add_test(tc, docs_faults_are_found);
    suite_add_tcase(suite, tc);
    return suite;
}
