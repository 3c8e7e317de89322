#include "rlcd/samples.h"

#include "tensor/base/json.h"

Status samples_open(Samples *samples, Arena *arena, const char *dir, uint64_t keep, Error *error) {
    samples->arena = arena;
    return append_open(&samples->log, path_join(arena, dir, "samples.jsonl"), keep, error);
}

void samples_write_text(Str *line, Text text) {
    size_t bad;
    if (utf8_valid(text, &bad)) {
        json_write_string(line, text);
        return;
    }
    Str clean = str_make(line->arena);
    for (size_t i = 0; i < text.size;) {
        uint32_t code_point;
        int length = utf8_decode(text.data + i, text.size - i, &code_point);
        str_append(&clean, length ? (Text){text.data + i, (size_t)length} : TEXT("\xEF\xBF\xBD"));
        i += length ? (size_t)length : 1;
    }
    json_write_string(line, str_text(&clean));
}

const char *samples_end_name(GenerateEnd end) {
    static const char *const NAMES[] = {"limit", "end of text", "stop"};
    return NAMES[end];
}

Status samples_write(Samples *samples, const Base *base, const Rollout *rollouts, int n, int64_t step, Error *error) {
    for (int i = 0; i < n; i++) {
        const Rollout *r = &rollouts[i];
        ArenaMark mark = arena_mark(samples->arena);
        Str prompt = str_make(samples->arena), line = str_make(samples->arena);
        tokenizer_decode(base->tokenizer, r->prompt->ids, r->prompt->count, false, &prompt);
        int T = sequence_actions(&r->sequence);
        float kl = 0;
        for (int t = 0; t < T; t++) kl += r->kl[t];
        str_printf(&line, "{\"step\":%lld,\"index\":%lld,\"prompt\":", (long long)step, (long long)r->prompt->index);
        samples_write_text(&line, str_text(&prompt));
        str_append(&line, TEXT(",\"reply\":"));
        samples_write_text(&line, r->text);
        str_printf(&line, ",\"end\":\"%s\",\"score\":", samples_end_name(r->end));
        json_write_float(&line, r->score);
        str_append(&line, TEXT(",\"kl\":"));
        json_write_float(&line, kl);
        str_printf(&line, ",\"length\":%d}", T);
        Status status = append_line(&samples->log, str_text(&line), error);
        arena_release(samples->arena, mark);
        TRY(status);
    }
    return OK;
}

Status samples_sync(Samples *samples, Error *error) { return append_sync(&samples->log, error); }

void samples_close(Samples *samples) {
    if (samples->arena) append_close(&samples->log, NULL);
}
