// Hostile files by the hundred (reliability.md, P19): a sound file of each format with one thing broken, made by code. Every case
// must be refused with one sentence that names the file and what is wrong, in bounded time and memory.
//
// The cases are the seeds of the fuzz targets too: with RLCD_SEEDS=FOLDER each is written to FOLDER/fuzz_NAME/ (make fuzz-run).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "llama/tokenizer_bpe.h"
#include "llama/weights.h"
#include "rlcd/pairs.h"
#include "tensor/base/yaml.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tools/world_task.h"

#define CHAT "tests/golden/tiny_chat.gguf"
enum { CASES_LEAST = 400, PEAK_MOST = 64 << 20 };

static int tried;

// ---- readers: bytes to a verdict ----

static Status read_gguf(FileMap map) {
    Gguf g;
    LlamaConfig config;
    Tokenizer *tokenizer;
    TRY(gguf_check(&g, &arena, map, &error));
    TRY(config_from_gguf(&config, &g, &error));
    return tokenizer_from_gguf(&tokenizer, &arena, &g, &error);
}

static Status read_safetensors(FileMap map) {
    SafeTensors file;
    return safetensors_check(&file, &arena, map, &error);
}

static Text text_in(FileMap map) { return (Text){(const char *)map.data, map.size}; }

static Status read_config(FileMap map) {
    const Json *json;
    LlamaConfig config;
    TRY(json_parse(&json, &arena, text_in(map), map.path, &error));
    return config_from_json(&config, json, map.path, &error);
}

static Status read_tokenizer(FileMap map) {
    Tokenizer *tokenizer;
    return tokenizer_from_json_text(&tokenizer, &arena, text_in(map), map.path, &error);
}

static Status read_pairs(FileMap map) {
    PairList pairs;
    const char *path = path_join(&arena, folder, map.path);
    TRY(file_write(path, map.data, map.size, &error));
    return pairs_read(&pairs, &arena, &path, 1, task_plain(), true, &error);
}

static Status read_task(FileMap map) {
    Task task;
    return task_parse(&task, &arena, text_in(map), map.path, &error);
}

static Status read_recipe(FileMap map) {
    Yaml yaml;
    return yaml_parse(&yaml, &arena, text_in(map), map.path, &error);
}

static Status read_world(FileMap map) {
    World world;
    return world_parse(&world, &arena, text_in(map), map.path, &error);
}

typedef struct {
    const char *fuzz, *file;  // the target that takes such bytes; the name that sentences must begin with
    const char *lead;         // what the target wants in front
    Status (*read)(FileMap map);
} Format;

static const Format GGUF = {"gguf", "h.gguf", "", read_gguf}, SAFE = {"safetensors", "h.safetensors", "", read_safetensors},
                    CONFIG = {"config", "config.json", "", read_config}, TOKENIZER = {"tokenizer", "tokenizer.json", "", read_tokenizer},
                    PAIRS = {"pairs", "pairs.jsonl", "", read_pairs}, TASK = {"task", "task.yaml", "", read_task},
                    RECIPE = {"args", "recipe.yaml", "", read_recipe}, WORLD = {"world", "world.yaml", "", read_world};

static void write_seed(const Format *f, Text bytes) {
    const char *seeds = getenv("RLCD_SEEDS");
    if (seeds == NULL) return;
    const char *dir = cli_format(&arena, "%s/fuzz_%s", seeds, f->fuzz);
    ck_ok(directory_make(dir, &error), error);
    // Not file_write: nobody needs thousands of seeds synced to the disk.
    FILE *file = fopen(cli_format(&arena, "%s/hostile-%s-%04d", dir, f->file, tried), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    ck_assert_int_eq(fclose(file), 0);
}

// Reads a copy of exactly these bytes, so that a sanitizer sees reads behind the end; `word` NULL: the file is sound.
static void expect(const Format *f, const char *name, Text bytes, const char *word) {
    ArenaMark mark = arena_mark(&arena);
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    ck_assert_ptr_nonnull(copy);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    error = (Error){0};
    Status status = f->read((FileMap){f->file, copy, bytes.size});
    free(copy);
    tried++;
    if (word == NULL) {
        ck_assert_msg(status == OK, "%s, %s: %s", f->file, name, error.text);
    } else {
        ck_assert_msg(status == ERR_FORMAT || status == ERR_DATA, "%s, %s: status %d", f->file, name, status);
        ck_assert_msg(strstr(error.text, f->file) != NULL, "%s, %s: no file in: %s", f->file, name, error.text);
        bool told = strstr(error.text, word) != NULL || strstr(error.text, ": JSON, line ") != NULL;
        ck_assert_msg(told, "%s, %s: '%s' is not in: %s", f->file, name, word, error.text);
        ck_assert_msg(strchr(error.text, '\n') == NULL && utf8_valid(text_of(error.text), NULL), "%s, %s: %s", f->file, name, error.text);
    }
    write_seed(f, bytes);
    arena_release(&arena, mark);
}

static Text contents(const char *path) {
    Text text;
    ck_ok(file_read(&text, &arena, path, 1 << 24, &error), error);
    return text;
}

// ---- breaking one thing ----

// `text` with [at, at + size) replaced.
static Text splice(Text text, size_t at, size_t size, Text with) {
    Str s = str_make(&arena);
    str_append(&s, (Text){text.data, at});
    str_append(&s, with);
    str_append(&s, (Text){text.data + at + size, text.size - at - size});
    return str_text(&s);
}

// Little-endian number of `bytes` bytes in place.
static Text patch(Text text, size_t at, uint64_t value, size_t bytes) {
    char number[8];
    for (size_t i = 0; i < bytes; i++) number[i] = (char)(value >> (8 * i));
    return splice(text, at, bytes, (Text){number, bytes});
}

// Where the value of the first member `key` of a JSON text begins and how long it is.
static size_t member(Text text, const char *key, size_t *size) {
    ptrdiff_t at = text_find(text, text_of(cli_format(&arena, "\"%s\":", key)));
    ck_assert_msg(at >= 0, "no \"%s\"", key);
    size_t begin = (size_t)at + strlen(key) + 3, end;
    while (text.data[begin] == ' ' || text.data[begin] == '\n') begin++;
    int depth = 0;
    bool quoted = false;
    for (end = begin; end < text.size; end++) {
        char c = text.data[end];
        if (quoted) {
            end += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == '\n')) {
            break;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    *size = end - begin;
    return begin;
}

static Text with_value(Text text, const char *key, const char *value) {
    size_t size, at = member(text, key, &size);
    return splice(text, at, size, text_of(value));
}

// The member a second time, behind itself.
static Text with_twin(Text text, const char *key) {
    size_t size, at = member(text, key, &size);
    const char *twin = cli_format(&arena, ",\"%s\":%.*s", key, (int)size, text.data + at);
    return splice(text, at + size, 0, text_of(twin));
}

static void expect_values(const Format *f, Text sound, const char *key, const char *const *values) {
    for (; *values; values++)
        expect(f, cli_format(&arena, "%s = %s", key, *values), with_value(sound, key, *values), f == &CONFIG ? key : "");
}

// No case of a test may cost more than this; a runaway ends the test by a signal.
static void bound(void) {
    set_up();
    tried = 0;
    setrlimit(RLIMIT_CPU, &(struct rlimit){60, 60});
}
static void unbound(void) {
    ck_assert_uint_lt(arena_peak_reserved(), (size_t)PEAK_MOST);
    tear_down();
}

// ---- the tables ----

static const char *const NO_INTEGER[] = {"-1",   "1.5", "1e2", "1e400", "2147483648", "9223372036854775808", "\"8\"", "[8]", "{}",
                                         "true", "NaN", "008", "0x8",   NULL};
static const char *const NO_NUMBER[] = {"0", "-1", "-0.0", "1e400", "1e-60", "\"1\"", "[]", "{}", "true", "NaN", "Infinity", NULL};
static const char *const NO_FLAG[] = {"0", "1", "\"no\"", "[]", "{}", "True", NULL};
static const char *const NO_TEXT[] = {"0", "[]", "{}", "true", "\"\\ud800\"", "\"\\u00\"", "\"\xff\"", "\"a\nb\"", "'a'", NULL};

START_TEST(test_config) {
    static const char *const INTEGERS[] = {"vocab_size",          "hidden_size",         "intermediate_size",      "num_hidden_layers",
                                           "num_attention_heads", "num_key_value_heads", "max_position_embeddings"};
    Text sound = contents(TINY "/config.json");
    expect(&CONFIG, "sound", sound, NULL);
    for (int i = 0; i < 7; i++) {
        expect_values(&CONFIG, sound, INTEGERS[i], NO_INTEGER);
        expect(&CONFIG, "0", with_value(sound, INTEGERS[i], "0"), INTEGERS[i]);
        expect(&CONFIG, "twice", with_twin(sound, INTEGERS[i]), "twice");
    }
    expect_values(&CONFIG, sound, "bos_token_id", (const char *const[]){"-1", "600", "1.5", "\"1\"", "{}", "true", NULL});
    expect_values(&CONFIG, sound, "eos_token_id", (const char *const[]){"-1", "600", "[1,600]", "[\"1\"]", "[[1]]", "{}", "true", NULL});
    expect_values(&CONFIG, sound, "rms_norm_eps", NO_NUMBER);
    expect_values(&CONFIG, sound, "rope_theta", NO_NUMBER);
    expect_values(&CONFIG, sound, "tie_word_embeddings", NO_FLAG);
    expect_values(&CONFIG, sound, "attention_bias", (const char *const[]){"true", "1", "\"no\"", NULL});
    expect_values(&CONFIG, sound, "hidden_act", (const char *const[]){"\"gelu\"", "\"\"", "1", "[]", "\"SILU\"", NULL});
    expect_values(&CONFIG, sound, "model_type", NO_TEXT);
    expect_values(&CONFIG, sound, "head_dim", NO_INTEGER);
    // Every shorter text, but for one that lacks its last newline only.
    for (size_t n = 0; n + 2 < sound.size; n++) expect(&CONFIG, "cut", (Text){sound.data, n}, "line");
    ck_assert_int_ge(tried, CASES_LEAST);
}
END_TEST

START_TEST(test_safetensors) {
    static const char HEADER[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}}";
    Str s = str_make(&arena);
    for (int i = 0; i < 8; i++) str_append_char(&s, i ? '\0' : (char)(sizeof HEADER - 1));
    str_append(&s, text_of(HEADER));
    for (int i = 0; i < 32; i++) str_append_char(&s, (char)i);
    Text sound = str_text(&s);
    expect(&SAFE, "sound", sound, NULL);
    // The header is changed, and its length with it.
    static const struct {
        const char *key, *values[16];
    } FIELDS[] = {
        {"dtype", {"\"f32\"", "\"F33\"", "\"\"", "32", "null", "[\"F32\"]", "{}", "true", "\"F64\"", "\"I8\"", "\"F16\"", "\"F32 \""}},
        {"shape",
         {"[]", "[2]", "[3,3]", "[2,3,2]", "[0,3]", "[-2,3]", "[2.0,3]", "[2,\"3\"]", "[2,[3]]", "6", "null", "{}",
          "[9223372036854775807,9223372036854775807]", "[4611686018427387904,4]", "[1,1,1,1,1,1,1,2,3]"}},
        {"data_offsets",
         {"[0]", "[]", "[0,24,32]", "[1,25]", "[24,0]", "[0,23]", "[0,25]", "[-8,16]", "[0.0,24]", "[0,\"24\"]", "24", "null", "[8,32]",
          "[0,18446744073709551615]", "[0,9223372036854775807]"}},
    };
    Text header = {sound.data + 8, sizeof HEADER - 1};
    for (int f = 0; f < 3; f++)
        for (int v = 0; v < 16 && FIELDS[f].values[v]; v++) {
            Text changed = with_value(header, FIELDS[f].key, FIELDS[f].values[v]);
            Text file = splice(patch(sound, 0, changed.size, 8), 8, header.size, changed);
            expect(&SAFE, FIELDS[f].values[v], file, "");
        }
    Text twin = with_twin(header, "dtype");
    expect(&SAFE, "twice", splice(patch(sound, 0, twin.size, 8), 8, header.size, twin), "twice");
    // The length of the header at every power of two, the file at every length.
    for (int bit = 0; bit < 64; bit++) expect(&SAFE, "length", patch(sound, 0, (1ull << bit) + (bit < 8) * 200u, 8), "");
    expect(&SAFE, "length that wraps", patch(sound, 0, UINT64_MAX - 7, 8), "at most");
    for (size_t n = 0; n < sound.size; n++) expect(&SAFE, "cut", (Text){sound.data, n}, "");
    expect(&SAFE, "longer", splice(sound, sound.size, 0, TEXT("\0")), "end at 32");
}
END_TEST

// Every key and every tensor of a real file, each with every field broken.
START_TEST(test_gguf) {
    static const uint64_t HUGE[] = {1ull << 31, 1ull << 32, 1ull << 62, 1ull << 63, UINT64_MAX, UINT64_MAX - 7};
    Text sound = contents(CHAT);
    Gguf g;
    ck_ok(gguf_check(&g, &arena, (FileMap){"h.gguf", (const uint8_t *)sound.data, sound.size}, &error), error);
    expect(&GGUF, "sound", sound, NULL);
    for (int i = 0; i < 6; i++) {
        expect(&GGUF, "tensors", patch(sound, 8, HUGE[i], 8), "tensors");
        expect(&GGUF, "keys", patch(sound, 16, HUGE[i], 8), "keys");
    }
    for (uint64_t v = 0; v < 70000; v += v < 9 ? 1 : 9999)
        if (v != 2 && v != 3) expect(&GGUF, "version", patch(sound, 4, v, 4), "version");
    for (size_t k = 0; k < g.n_values; k++) {
        size_t key = (size_t)(g.values[k].key.data - sound.data), type = key + g.values[k].key.size;
        for (int i = 0; i < 6; i++) expect(&GGUF, "key length", patch(sound, key - 8, HUGE[i], 8), "a key at byte");
        expect(&GGUF, "empty key", patch(sound, key - 8, 0, 8), "a key at byte");
        expect(&GGUF, "key of no text", splice(sound, key, 1, TEXT("\xff")), "UTF-8");
        expect(&GGUF, "value type", patch(sound, type, 13, 4), "type 13");
        expect(&GGUF, "value type", patch(sound, type, UINT32_MAX, 4), "type 4294967295");
        if (g.values[k].type == GGUF_ARRAY) {
            expect(&GGUF, "nested", patch(sound, type + 4, GGUF_ARRAY, 4), "array of arrays");
            for (int i = 1; i < 6; i++) expect(&GGUF, "count", patch(sound, type + 8, HUGE[i], 8), "key '");
        } else if (g.values[k].type == GGUF_STRING) {
            for (int i = 0; i < 6; i++) expect(&GGUF, "string length", patch(sound, type + 4, HUGE[i], 8), "key '");
        }
    }
    for (size_t t = 0; t < g.n_tensors; t++) {
        size_t name = (size_t)(g.tensors[t].name.data - sound.data), rank = name + g.tensors[t].name.size, dim = rank + 4;
        size_t type = dim + 8 * (size_t)g.tensors[t].rank;
        for (int i = 0; i < 6; i++) {
            expect(&GGUF, "name length", patch(sound, name - 8, HUGE[i], 8), "a tensor's name");
            expect(&GGUF, "dimension", patch(sound, dim, HUGE[i], 8), "tensor '");
            expect(&GGUF, "offset", patch(sound, type + 4, HUGE[i], 8), "tensor '");
        }
        expect(&GGUF, "rank 0", patch(sound, rank, 0, 4), "rank 0");
        expect(&GGUF, "rank 5", patch(sound, rank, 5, 4), "rank 5");
        expect(&GGUF, "dimension 0", patch(sound, dim, 0, 8), "of 0");
        expect(&GGUF, "type", patch(sound, type, 99, 4), "type number 99");
        expect(&GGUF, "offset 1", patch(sound, type + 4, 1, 8), "offset 1");
        if (t > 0) expect(&GGUF, "offset 0", patch(sound, type + 4, 0, 8), "offset 0");
    }
    // Cut inside the first keys byte by byte, then further and further apart.
    for (size_t n = 0; n + 4096 < sound.size; n += n < 300 ? 1 : 997) expect(&GGUF, "cut", (Text){sound.data, n}, "");
    ck_assert_int_ge(tried, CASES_LEAST);
}
END_TEST

START_TEST(test_tokenizer) {
    Text sound = contents(TINY "/tokenizer.json");
    expect(&TOKENIZER, "sound", sound, NULL);
    expect_values(&TOKENIZER, sound, "id",
                  (const char *const[]){"-1", "1", "600", "1.5", "1e400", "4294967296", "\"0\"", "null", "[]", NULL});
    expect_values(&TOKENIZER, sound, "content", (const char *const[]){"\"\"", "\"<|im_end|>\"", "1", "null", "[]", "\"\\udc00\"", NULL});
    expect_values(&TOKENIZER, sound, "special", NO_FLAG);
    expect_values(&TOKENIZER, sound, "single_word", (const char *const[]){"true", "1", "\"no\"", NULL});
    expect_values(&TOKENIZER, sound, "added_tokens", (const char *const[]){"{}", "1", "\"a\"", "[1]", "[null]", "[[]]", "[{}]", NULL});
    expect_values(&TOKENIZER, sound, "pre_tokenizer",
                  (const char *const[]){"null", "[]", "1", "{}", "{\"type\":1}", "{\"type\":\"x\"}", NULL});
    expect_values(&TOKENIZER, sound, "normalizer", (const char *const[]){"{}", "{\"type\":\"NFKC\"}", "{\"type\":1}", NULL});
    expect_values(&TOKENIZER, sound, "model", (const char *const[]){"null", "[]", "1", "{}", "{\"type\":\"WordPiece\"}", NULL});
    expect_values(&TOKENIZER, sound, "merges",
                  (const char *const[]){"null", "{}", "1", "[1]", "[[]]", "[\"a\"]", "[[\"a\"]]", "[\"zq qz\"]", NULL});
    expect_values(&TOKENIZER, sound, "vocab", (const char *const[]){"null", "[]", "1", "{}", "{\"a\":1}", "{\"a\":0,\"b\":0}", NULL});
    for (size_t n = 0; n + 1 < sound.size; n += n < 100 ? 1 : 97) expect(&TOKENIZER, "cut", (Text){sound.data, n}, "line");
}
END_TEST

// One line of a sound file of pairs becomes another; the sentence names the line.
START_TEST(test_pairs) {
    static const char *const LINES[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{}",
        "{\"chosen\":1}",
        "{\"chosen\":\"a\"}",
        "{\"chosen\":null,\"rejected\":null}",
        "{\"chosen\":\"a\",\"rejected\":\"b\"",
        "{\"chosen\":\"a\",\"rejected\":\"b\"}}",
        "{\"chosen\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}",
        "{\"chosen\":\"\xff\",\"rejected\":\"b\"}",
        "{\"chosen\":\"\\ud800\",\"rejected\":\"b\"}",
        "{\"chosen\":\"a\tb\",\"rejected\":\"b\"}",
        "{\"chosen\":[],\"rejected\":[]}",
        "{\"chosen\":\"a\",\"rejected\":{}}",
        "\xef\xbb\xbf{}",
        "{'chosen':'a','rejected':'b'}",
        "NaN",
        "//",
        "{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant:\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":2}",
        "{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant:\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":-0.1}",
        "{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant:\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":\"1\"}",
        "{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant:\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":1e400}",
        "{\"prompt\":1,\"chosen\":\"a\",\"rejected\":\"b\"}",
    };
    Text sound = contents(TINY_HH);
    expect(&PAIRS, "sound", sound, NULL);
    expect(&PAIRS, "nothing", TEXT(""), "");
    size_t begin = (size_t)text_find(sound, TEXT("\n")) + 1;
    size_t size = (size_t)text_find((Text){sound.data + begin, sound.size - begin}, TEXT("\n"));
    for (size_t i = 2; i < sizeof LINES / sizeof *LINES; i++)
        expect(&PAIRS, LINES[i], splice(sound, begin, size, text_of(LINES[i])), "pairs.jsonl:2");
    expect(&PAIRS, "NUL", splice(sound, begin + 3, 1, TEXT("\0")), "pairs.jsonl:2");
    Str deep = str_make(&arena);
    for (int i = 0; i < 1000000; i++) str_append_char(&deep, '[');
    expect(&PAIRS, "a million brackets", splice(sound, begin, size, str_text(&deep)), "pairs.jsonl:2");
}
END_TEST

// Each line of a sound file in turn: doubled, with a tab, a control, bytes that are no text, without its colon.
static void break_lines(const Format *f, const char *path) {
    Text sound = contents(path);
    expect(f, "sound", sound, NULL);
    int number = 0;
    for (size_t at = 0; at < sound.size; number++) {
        size_t size = 0;
        while (at + size < sound.size && sound.data[at + size] != '\n') size++;
        Text line = {sound.data + at, size};
        ptrdiff_t colon = text_find(line, TEXT(": "));
        const char *name = cli_format(&arena, "line %d", number + 1), *place = cli_format(&arena, "%s:%d", f->file, number + 1);
        if (size > 0 && line.data[0] != '#') {
            expect(f, name, splice(sound, at, 0, TEXT("\xff")), place);
            expect(f, name, splice(sound, at, 0, TEXT("\x01")), f->file);
            expect(f, name, splice(sound, at, 0, TEXT("\t")), f->file);
        }
        if (colon > 0 && line.data[0] >= 'a' && line.data[0] <= 'z') {
            expect(f, name, splice(sound, at + (size_t)colon, 2, TEXT("")), f->file);
            const char *twin = cli_format(&arena, "%.*s\n", (int)size, line.data);
            expect(f, name, splice(sound, at, 0, text_of(twin)), cli_format(&arena, "%s:%d", f->file, number + 2));
            expect(f, name, splice(sound, at + (size_t)colon + 2, 0, TEXT("[[")), place);
            expect(f, name, splice(sound, at + (size_t)colon + 2, 0, TEXT("\"")), place);
        }
        at += size + 1;
    }
}

START_TEST(test_yaml_files) {
    break_lines(&RECIPE, TINY_RECIPE);
    break_lines(&TASK, "rlcd/tasks/harmless.yaml");
    break_lines(&WORLD, "models/tiny/world/world.yaml");
    ck_assert_int_ge(tried, CASES_LEAST);
}
END_TEST

// A case of each format through the program: one line on stderr, exit 1 or 2, nothing left behind.
START_TEST(test_program) {
    Text text = contents(CHAT);
    const char *model = path_join(&arena, folder, "model"), *run = path_join(&arena, folder, "run");
    ck_ok(directory_make(model, &error), error);
    static const struct {
        const char *file, *key, *value;  // a file of the model and the member that changes
    } CASES[] = {
        {"config.json", "hidden_size", "1e400"},
        {"config.json", "num_hidden_layers", "2147483647"},
        {"config.json", "vocab_size", "1073741824"},
        {"tokenizer.json", "id", "4294967296"},
        {"model.safetensors", "data_offsets", "[0,9223372036854775807]"},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        static const char *const FILES[] = {"config.json", "tokenizer.json", "model.safetensors"};
        for (int i = 0; i < 3; i++) {
            Text bytes = contents(path_join(&arena, TINY, FILES[i]));
            if (strcmp(FILES[i], CASES[c].file) == 0) bytes = with_value(bytes, CASES[c].key, CASES[c].value);
            ck_ok(file_write(path_join(&arena, model, FILES[i]), bytes.data, bytes.size, &error), error);
        }
        CliResult r = cli_run(&arena, "generate", "--model", model, "--prompt", "x");
        cli_check_refusal(&r, 1, c == 2 ? "model" : CASES[c].file);
    }
    const char *path = path_join(&arena, folder, "h.gguf");
    text = patch(text, 16, UINT64_MAX, 8);
    ck_ok(file_write(path, text.data, text.size, &error), error);
    CliResult r = cli_run(&arena, "generate", "--model", path, "--prompt", "x");
    cli_check_refusal(&r, 1, "h.gguf");
    path = cli_file(&arena, folder, "pairs.jsonl", "{\"chosen\":1e400}\n");
    r = cli_run(&arena, "preference", "--model", TINY, "--pairs", path, "--out", run);
    cli_check_refusal(&r, 1, "pairs.jsonl:1");
    path = cli_file(&arena, folder, "recipe.yaml", "seed: 1\nseed: 2\n");
    r = cli_run(&arena, "run", path, "--out", run);
    cli_check_refusal(&r, 2, "recipe.yaml:2");
    ck_assert(!file_exists(run));
}
END_TEST

Suite *suite_hostile(void);
Suite *suite_hostile(void) {
    Suite *suite = suite_create("hostile");
    TCase *tests = tcase_create("hostile");
    tcase_add_checked_fixture(tests, bound, unbound);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_config);
    tcase_add_test(tests, test_safetensors);
    tcase_add_test(tests, test_gguf);
    tcase_add_test(tests, test_tokenizer);
    tcase_add_test(tests, test_pairs);
    tcase_add_test(tests, test_yaml_files);
    tcase_add_test(tests, test_program);
    suite_add_tcase(suite, tests);
    return suite;
}
