// rlcd tokenizer encode | decode | train: ids of a text, text of ids, a tokenizer of texts.
#include <stdio.h>
#include <string.h>

#include "llama/tokenizer_bpe.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/bpe_train.h"
#include "tools/console.h"
#include "tools/corpus.h"
#include "tools/options.h"
#include "tools/stage.h"

static const Option TOKENIZER[] = {
    {"model", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "M", "A .gguf file or a Hugging Face folder."},
    {"tokenizer", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "A tokenizer.json."},
    {"text", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "TEXT",
     "Text or ids (\\n in it is a line break), - reads stdin; train: files of text."},
    {"vocab", OPTION_INT, "1024", NULL, true, false, 1, 1e7, NULL, "N", "train: tokens in all, special ones and the 256 bytes counted."},
    {"pretokenizer", OPTION_CHOICE, "gpt-2", NULL, true, false, 0, 0, "gpt-2|smollm|llama-bpe|qwen2", NULL,
     "train: how text is cut before pairs are merged."},
    {"special", OPTION_LIST, "<eos>", NULL, true, false, 0, 0, NULL, "TOKEN", "train: special tokens; the first is end-of-text."},
    {"documents", OPTION_CHOICE, "blank", NULL, true, false, 0, 0, "blank|line|file", NULL,
     "train: what divides plain text: blank lines, every line, or nothing."},
    {"out", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "DIR", "train: a folder, or a file whose name ends in .json."},
    {0},
};
static const OptionTable TOKENIZER_TABLE = {"", TOKENIZER};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &TOKENIZER_TABLE, NULL};
const Verb VERB_TOKENIZER = {
    .name = "tokenizer",
    .usage = "rlcd tokenizer encode|decode|train (--model M | --tokenizer FILE) [--text TEXT] | train --text FILE --out DIR",
    .summary = "Prints the ids of a text or the text of ids, or trains a tokenizer.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = 1,
};

enum { INPUT_LIMIT = 256 << 20 };

// The text of --text, or stdin.
static Status read_input(Tool *tool, Text *out, Error *error) {
    const char *const *items;
    int count = args_list(tool->args, "text", &items);
    if (count > 1) return error_set(error, ERR_USAGE, "tokenizer: expected one --text, found %d", count);
    const char *option = count ? items[0] : "-";
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

// ---- train

static Status take(void *context, Text text, const PretrainWeight *weight, int weights, Error *error) {
    (void)weight, (void)weights, (void)error;
    bpe_train_add(context, text);
    return OK;
}

// tokenizer.json, and in a folder tokenizer_config.json, which names the end-of-text.
static Status write_files(Tool *tool, const char *out, const Str *json, Text end, Error *error) {
    if (text_ends(text_of(out), TEXT(".json"))) return file_write(out, json->data, json->size, error);
    Str config = str_make(&tool->text);
    str_append(&config, TEXT("{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"eos_token\":"));
    json_write_string(&config, end);
    str_append(&config, TEXT(",\"clean_up_tokenization_spaces\":false}\n"));
    TRY(directory_make(out, error));
    TRY(file_write(path_join(&tool->text, out, "tokenizer_config.json"), config.data, config.size, error));
    return file_write(path_join(&tool->text, out, "tokenizer.json"), json->data, json->size, error);
}

static Status train(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *const *files, *const *names, *out = args_text(args, "out");
    int n_files = args_list(args, "text", &files), n = args_list(args, "special", &names), vocab = (int)args_int(args, "vocab");
    if (out == NULL) return error_set(error, ERR_USAGE, "tokenizer train: expected --out DIR, found none");
    if (!args_given(args, "text")) return error_set(error, ERR_USAGE, "tokenizer train: expected --text FILE, found none");
    if (n == 0) return error_set(error, ERR_USAGE, "tokenizer train: expected a special token for end-of-text, found none");
    if (vocab < 256 + n)
        return error_set(error, ERR_USAGE, "tokenizer train: expected --vocab of at least %d (256 bytes, %d special), found %d", 256 + n, n,
                         vocab);
    Text *special = arena_alloc(&tool->text, (size_t)n * sizeof *special);
    for (int i = 0; i < n; i++) special[i] = text_of(names[i]);

    // Count, merge, write down.
    Pretoken rule;
    pretoken_by_name(text_of(args_text(args, "pretokenizer")), &rule);
    BpeTrainer *trainer = bpe_train_make(&tool->run, &rule);
    TRY(corpus_read(files, n_files, (CorpusSplit)args_choice(args, "documents"), take, trainer, error));
    if (bpe_train_bytes(trainer) == 0) return error_set(error, ERR_DATA, "%s: expected text, found none", files[0]);
    int tokens = n + bpe_train_merge(trainer, vocab - n);
    if (tokens < vocab) {
        error_set(error, ERR_DATA, "every piece of the text is one token: the vocabulary has %d tokens, not %d", tokens, vocab);
        console_warn(error->text);
    }
    Str json = str_make(&tool->text);
    bpe_train_write(&json, trainer, special, n);

    // What is written is read back first: special tokens may clash with others.
    Tokenizer *tokenizer;
    Error clash;
    if (tokenizer_from_json_text(&tokenizer, &tool->model, str_text(&json), "the trained tokenizer", &clash) != OK)
        return error_set(error, ERR_USAGE, "tokenizer train: expected special tokens unlike each other and unlike learned ones: %s",
                         clash.text);
    TRY(write_files(tool, out, &json, special[0], error));
    printf("tokenizer      %d tokens from %zu distinct pieces of %llu bytes\n", tokens, bpe_train_pieces(trainer),
           (unsigned long long)bpe_train_bytes(trainer));
    return OK;
}

static Status work(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *action = args->positional[0];
    if (strcmp(action, "train") == 0) return train(tool, error);
    bool encode = strcmp(action, "encode") == 0;
    if (!encode && strcmp(action, "decode") != 0)
        return error_set(error, ERR_USAGE, "tokenizer: expected encode, decode or train, found \"%s\"", action);
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
