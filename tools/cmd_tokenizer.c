// rlcd tokenizer encode | decode: ids of a text, text of ids.
#include <stdio.h>
#include <string.h>

#include "tools/options.h"
#include "tools/stage.h"

static const Option TOKENIZER[] = {
    {"model", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "M", "A .gguf file or a Hugging Face folder."},
    {"tokenizer", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "A tokenizer.json."},
    {"text", OPTION_STRING, "-", NULL, true, false, 0, 0, NULL, "TEXT", "Text or ids (\\n in it is a line break); - reads stdin."},
    {0},
};
static const OptionTable TOKENIZER_TABLE = {"", TOKENIZER};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &TOKENIZER_TABLE, NULL};
const Verb VERB_TOKENIZER = {
    .name = "tokenizer",
    .usage = "rlcd tokenizer encode|decode (--model M | --tokenizer FILE) [--text TEXT]",
    .summary = "Prints the ids of a text, or the text of ids.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = 1,
};

enum { INPUT_LIMIT = 256 << 20 };

// The text of --text, or stdin.
static Status read_input(Tool *tool, Text *out, Error *error) {
    const char *option = args_text(tool->args, "text");
    *out = tool_unescape(&tool->text, text_of(option));
    if (strcmp(option, "-") != 0) return OK;
    Str s = str_make(&tool->text);
    char buffer[65536];
    size_t n;
    str_append(&s, TEXT(""));
    while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        if (s.size + n > INPUT_LIMIT) return error_set(error, ERR_DATA, "stdin: expected at most %d bytes, found more", INPUT_LIMIT);
        str_append(&s, (Text){buffer, n});
    }
    if (ferror(stdin)) return error_set(error, ERR_IO, "stdin: reading failed");
    *out = str_text(&s);
    return OK;
}

// Numbers between blanks and commas.
static Status decode(Tool *tool, const Tokenizer *tokenizer, Text text, Error *error) {
    Str out = str_make(&tool->text);
    str_append(&out, TEXT(""));
    for (size_t at = 0; at < text.size;) {
        size_t end = at;
        while (end < text.size && strchr(" \t\r\n,", text.data[end]) == NULL) end++;
        if (end == at) {
            at++;
            continue;
        }
        int64_t id;
        if (!number_parse_int((Text){text.data + at, end - at}, &id) || id < 0 || id >= tokenizer_vocabulary(tokenizer))
            return error_set(error, ERR_DATA, "ids: expected numbers from 0 to %d, found \"%.*s\"", tokenizer_vocabulary(tokenizer) - 1,
                             (int)(end - at > 40 ? 40 : end - at), text.data + at);
        int32_t one = (int32_t)id;
        tokenizer_decode(tokenizer, &one, 1, false, &out);
        at = end;
    }
    fwrite(out.data, 1, out.size, stdout);
    return OK;
}

static Status work(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *action = args->positional[0];
    bool encode = strcmp(action, "encode") == 0;
    if (!encode && strcmp(action, "decode") != 0)
        return error_set(error, ERR_USAGE, "tokenizer: expected encode or decode, found \"%s\"", action);
    if (args_has(args, "model") == args_has(args, "tokenizer"))
        return error_set(error, ERR_USAGE, "tokenizer: expected one of --model and --tokenizer");
    Tokenizer *tokenizer;
    if (args_has(args, "model"))
        TRY(tokenizer_open(&tokenizer, &tool->model, args_text(args, "model"), error));
    else
        TRY(tokenizer_from_json(&tokenizer, &tool->model, args_text(args, "tokenizer"), error));
    Text text;
    TRY(read_input(tool, &text, error));
    if (!encode) return decode(tool, tokenizer, text, error);
    int32_t *ids;
    int count;
    TRY(tokenizer_encode(tokenizer, &tool->text, text, &ids, &count, error));
    for (int i = 0; i < count; i++) printf("%s%d", i ? " " : "", ids[i]);
    putchar('\n');
    return OK;
}

int cmd_tokenizer(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_TOKENIZER, argc, argv);
    if (code >= 0) return code;
    Status status = work(&tool, &error);
    return tool_exit(&tool, status, &error);
}
