// rlcd generate: replies on stdout.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "llama/generate.h"
#include "rlcd/rollout.h"
#include "rlcd/samples.h"
#include "tensor/base/comm.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_GENERATE, NULL};
const Verb VERB_GENERATE = {
    .name = "generate",
    .usage = "rlcd generate --model M [--adapter RUN] (--prompt TEXT | --prompts FILE)",
    .summary = "Goes on from a text, or replies to every prompt of a file.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// Prompts in, replies out in the order (prompt, number).
typedef struct {
    const Tool *tool;
    const PromptTokens *prompts;
    int n_prompts, per_prompt;
    int max_new;
    bool json;   // one JSON line a reply
    Text *line;  // finished output, waiting for its turn
    int begun, printed;
    Arena *arena;
} Queue;

static bool next_request(void *context, GenerateRequest *request) {
    Queue *q = context;
    if (q->begun == q->n_prompts * q->per_prompt) return false;
    const PromptTokens *p = &q->prompts[q->begun / q->per_prompt];
    *request = (GenerateRequest){.prompt = p->ids, .prompt_count = p->count, .max_new = q->max_new, .user = &q->line[q->begun]};
    request->draw = (RngDraw){.prompt = (uint32_t)p->index, .sample = (uint32_t)(q->begun % q->per_prompt)};
    q->begun++;
    return true;
}

static Status take_result(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error) {
    static const char *const ENDS[] = {"limit", "end of text", "stop"};
    Queue *q = context;
    Str s = str_make(q->arena);
    str_append(&s, TEXT(""));
    if (q->json) {
        float sum = 0;
        for (int i = 0; i < result->count; i++) sum += result->logprob[i];
        str_printf(&s, "{\"index\":%u,\"sample\":%u,\"reply\":", request->draw.prompt, request->draw.sample);
        samples_write_text(&s, result->text);
        str_printf(&s, ",\"end\":\"%s\",\"tokens\":%d,\"logprob\":", ENDS[result->end], result->count);
        json_write_float(&s, sum);
        str_append(&s, TEXT("}"));
    } else {
        str_append(&s, result->text);
    }
    *(Text *)request->user = str_text(&s);

    // Whatever is next in order goes out at once.
    while (q->printed < q->n_prompts * q->per_prompt && q->line[q->printed].data) {
        Text t = q->line[q->printed++];
        console_clear();
        if (fwrite(t.data, 1, t.size, stdout) != t.size || fputc('\n', stdout) == EOF)
            return error_set(error, ERR_IO, "stdout: a reply could not be written");
    }
    fflush(stdout);
    if (q->json) console_progress("generate", q->printed, q->n_prompts * q->per_prompt, "");
    if (comm_size() == 1 && console_stop_wanted())
        return error_set(error, ERR_STOPPED, "generate: stopped after %d of %d replies", q->printed, q->n_prompts * q->per_prompt);
    return OK;
}

// The prompt of --prompt: the text itself, or stdin for "-".
static Status read_prompt(Tool *tool, PromptTokens *prompt, Error *error) {
    const char *option = args_text(tool->args, "generate.prompt");
    Text text = tool_unescape(&tool->text, text_of(option));
    if (strcmp(option, "-") == 0) {
        Str s = str_make(&tool->text);
        char buffer[65536];
        size_t n;
        while (comm_rank() == 0 && (n = fread(buffer, 1, sizeof buffer, stdin)) > 0 && s.size < (64u << 20))
            str_append(&s, (Text){buffer, n});
        // A launcher gives stdin to rank 0 alone.
        size_t offset[COMM_RANKS + 1];
        if (comm_size() > 1) s.data = comm_collect(s.data, s.size, offset, &tool->text), s.size = offset[1];
        text = s.data ? str_text(&s) : TEXT("");
    }
    int32_t *ids;
    Status status = tokenizer_encode(tool->base.tokenizer, &tool->text, text, &ids, &prompt->count, error);
    if (status != OK) return error_prefix(error, "--prompt");
    if (prompt->count == 0) return error_set(error, ERR_USAGE, "--prompt: expected at least one token, found an empty text");
    prompt->index = 0;
    prompt->ids = ids;
    return OK;
}

static Status read_prompts(Tool *tool, PromptTokens **out, int *count, Error *error) {
    PromptList list;
    int64_t limit;
    const Args *args = tool->args;
    TRY(tool_limit(&limit, args, "generate.limit", error));
    TRY(prompts_read(&list, &tool->text, args_text(args, "generate.prompts"), task_plain(), args_int(args, "generate.first"),
                     limit, error));
    *out = arena_alloc(&tool->text, (size_t)list.count * sizeof **out);
    *count = list.count;
    for (int i = 0; i < list.count; i++) {
        int32_t *ids;
        PromptTokens *p = *out + i;
        Status status = tokenizer_encode(tool->base.tokenizer, &tool->text, list.prompt[i].dialogue.text, &ids, &p->count, error);
        if (status != OK) return error_prefix(error, "prompt %lld", (long long)list.prompt[i].index);
        p->index = list.prompt[i].index;
        p->ids = ids;
    }
    return OK;
}

static Status read_config(Tool *tool, GenerateConfig *config, Error *error) {
    const Args *args = tool->args;
    const char *const *items;
    *config = (GenerateConfig){
        .sampler = sampler_default(), .slots = (int)args_int(args, "generate.batch"), .stop_wanted = console_stop_wanted};
    config->sampler.temperature = (float)args_double(args, "generate.temperature");
    config->sampler.top_k = (int)args_int(args, "generate.top_k");
    config->sampler.top_p = (float)args_double(args, "generate.top_p");
    config->max_new = (int)args_int(args, "generate.max_new");
    config->key = rng_key((uint64_t)args_int(args, "seed"), "generate.sample");
    int n = args_list(args, "generate.stop", &items);
    Text *stops = arena_alloc(&tool->text, (size_t)(n + 1) * sizeof *stops);
    for (int i = 0; i < n; i++) {
        stops[i] = tool_unescape(&tool->text, text_of(items[i]));
        if (stops[i].size == 0) return error_set(error, ERR_USAGE, "--stop: expected a text, found an empty one");
    }
    config->stops = stops;
    config->n_stops = n;
    n = args_list(args, "generate.ban", &items);
    int32_t *banned = arena_alloc(&tool->text, (size_t)(n + 1) * sizeof *banned);
    for (int i = 0; i < n; i++) {
        int64_t id;
        if (!number_parse_int(text_of(items[i]), &id) || id < 0 || id >= tool->base.llama.config.V)
            return error_set(error, ERR_USAGE, "--ban: expected ids from 0 to %d, found \"%s\"", tool->base.llama.config.V - 1, items[i]);
        banned[i] = (int32_t)id;
    }
    config->sampler.banned = banned;
    config->sampler.n_banned = n;
    return OK;
}

static Status generate(Tool *tool, Error *error) {
    const Args *args = tool->args;
    bool text = args_has(args, "generate.prompt"), file = args_has(args, "generate.prompts");
    if (text == file)
        return error_set(error, ERR_USAGE, "generate: expected one of --prompt and --prompts, found %s", text ? "both" : "neither");
    TRY(tool_open_model(tool, error));
    GenerateConfig config;
    TRY(read_config(tool, &config, error));
    PromptTokens one, *prompts = &one;
    int count = 1;
    TRY(text ? read_prompt(tool, &one, error) : read_prompts(tool, &prompts, &count, error));

    // Generation refuses what does not fit (design.md, section 9).
    int longest = 0;
    for (int i = 0; i < count; i++) {
        if (prompts[i].count + config.max_new > tool->base.llama.config.context)
            return error_set(error, ERR_DATA, "prompt %lld: %d tokens and %d new ones are more than the model's context of %d",
                             (long long)prompts[i].index, prompts[i].count, config.max_new, tool->base.llama.config.context);
        if (prompts[i].count > longest) longest = prompts[i].count;
    }
    config.capacity = longest + config.max_new;
    int total = count * (int)args_int(args, "generate.n");
    if (config.slots > total) config.slots = total;
    TRY(llama_prepare(&tool->base.llama, &tool->model, config.capacity, error));

    Metrics metrics = {0};
    Session session = tool_session(tool, &metrics, "", "");
    Role base = role_base(&tool->base), *role = &base;
    if (args_has(args, "generate.adapter"))
        TRY(roles_load(&role, tool, NULL, "adapter", "policy", args_text(args, "generate.adapter"), &session, error));

    Arena output = arena_make("generate.output", 0);
    Queue queue = {.tool = tool,
                   .prompts = prompts,
                   .n_prompts = count,
                   .per_prompt = (int)args_int(args, "generate.n"),
                   .max_new = config.max_new,
                   .json = file,
                   .arena = &output};
    queue.line = arena_zeros(&tool->text, (size_t)total, sizeof *queue.line);
    GenerateSource source = {next_request, take_result, &queue};
    Status status = generate_all(role->llama, role->adapter, tool->base.tokenizer, &config, &source, &tool->run, error);
    arena_free(&output);
    return status;
}

int cmd_generate(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_GENERATE, argc, argv);
    if (code >= 0) return code;
    Status status = generate(&tool, &error);
    return tool_exit(&tool, status, &error);
}
