// Any bytes as replies, questions, verdicts or ratings (the first byte chooses): questions, figures and page, or one sentence.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tools/judge_form.h"
#include "tools/judge_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char REPLIES[] =
    "{\"index\":0,\"prompt\":\"p\",\"policy\":\"s\",\"reply\":\"a b\"}\n{\"index\":1,\"prompt\":\"q\",\"policy\":\"s\",\"reply\":\"a\"}\n";
static const char QUESTIONS[] =
    "{\"id\":\"0-1\",\"index\":0,\"a\":\"r\",\"b\":\"s\",\"swapped\":false,\"seed\":1,\"prompt\":\"p\",\"first\":\"1\",\"second\":\"a "
    "b\"}\n"
    "{\"id\":\"1-1\",\"index\":1,\"a\":\"r\",\"b\":\"s\",\"swapped\":true,\"seed\":1,\"prompt\":\"q\",\"first\":\"a\",\"second\":\"222\"}"
    "\n";

static Arena arena;
static char folder[64];

// A file of the fuzzer's folder; its path.
static const char *put(const char *name, const void *data, size_t size) {
    const char *path = path_join(&arena, folder, name);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "fuzz_judge: %s", path);
    return path;
}

// What every answer must allow: figures, a table, rows.
static void tell(const JudgeQuestions *questions, const JudgeAnswers *answers) {
    JudgeFigures figures = {.arena = &arena};
    Str table = str_make(&arena), rows = str_make(&arena);
    judge_compare(&figures, questions, answers, &(JudgeCompare){.replicates = 5, .groups = 3});
    judge_agreement(&figures, questions, answers, answers);
    judge_figures_print(&table, &figures);
    judge_figures_write(&rows, &figures);
    REQUIRE(utf8_valid(str_text(&rows), NULL), "fuzz_judge: rows are not UTF-8");
}

static Status take(int kind, const uint8_t *data, size_t size, Error *error) {
    const char *path = put("fuzzed", data, size), *sound = put("sound", REPLIES, sizeof REPLIES - 1);
    JudgeQuestions questions;
    JudgeAnswers *answers;
    if (kind == 0) {
        // Replies become questions, and what is written is read.
        const char *files[] = {path, sound};
        JudgeReplies *sets;
        int n;
        TRY(judge_replies_read(&sets, &n, &arena, files, 2, error));
        Str text = str_make(&arena);
        judge_questions_write(&text, sets, n, &(JudgeChoice){.both = size % 2, .limit = -1}, &arena);
        REQUIRE(judge_questions_read(&questions, &arena, put("made", text.data, text.size), error) == OK, "fuzz_judge: %s", error->text);
        return OK;
    }
    if (kind == 1) {
        TRY(judge_questions_read(&questions, &arena, path, error));
        Str page = str_make(&arena);
        judge_form_page(&page, &questions, TEXT("Better?"));
        REQUIRE(utf8_valid(str_text(&page), NULL), "fuzz_judge: the page is not UTF-8");
        double *half = arena_alloc(&arena, (size_t)questions.count * sizeof *half);
        for (int i = 0; i < questions.count; i++) half[i] = questions.question[i].same ? 0.5 : i % 2;
        tell(&questions, &(JudgeAnswers){.judge = TEXT("j"), .first = half, .single = true});
        return OK;
    }
    REQUIRE(judge_questions_read(&questions, &arena, put("key", QUESTIONS, sizeof QUESTIONS - 1), error) == OK, "fuzz_judge: %s",
            error->text);
    if (kind == 2) {
        JudgeVerdicts verdicts;
        TRY(judge_verdicts_read(&verdicts, &arena, path, &questions, error));
        JudgeAnswers one = judge_answers(&verdicts, &questions, &arena);
        tell(&questions, &one);
        return OK;
    }
    // The hash of the form is not what a fuzzer finds by itself.
    Str text = str_make(&arena);
    str_printf(&text, "{\"version\":1,\"seed\":1,\"form\":\"%s\",", questions.sha256);
    str_append(&text, (Text){(const char *)data, size});
    path = put("fuzzed", text.data, text.size);
    TRY(judge_import_read(&answers, &arena, &path, 1, &questions, error));
    tell(&questions, answers);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error error = {0};
    if (arena.name == NULL) {
        arena = arena_make("fuzz", 0);
        snprintf(folder, sizeof folder, "/tmp/fuzz_judge.%d", (int)getpid());
        REQUIRE(directory_make(folder, &error) == OK, "%s", error.text);
    }
    if (size == 0) return 0;
    arena_reset(&arena);
    if (take(data[0] % 4, data + 1, size - 1, &error) != OK) REQUIRE(error.text[0] != '\0', "fuzz_judge: no sentence");
    return 0;
}
