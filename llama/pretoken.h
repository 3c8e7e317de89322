// Pre-tokenisers: a text is cut into pieces, and pairs are merged inside a piece only.
//
// The field writes them as regular expressions; here each known one is a scanner written by hand, chosen by the exact text
// of the expression (tokenizer.json) or by its name (GGUF, tokenizer.ggml.pre). A rule is a chain of stages: every piece of
// one stage is cut again by the next.
#ifndef LLAMA_PRETOKEN_H
#define LLAMA_PRETOKEN_H

#include "tensor/base/str.h"

typedef enum {
    PRETOKEN_DIGITS,      // every numeric character alone, the text between as it is
    PRETOKEN_DIGIT_RUNS,  // runs of numeric characters, the text between as it is
    PRETOKEN_GPT2,        // words, numbers, signs with one space before; contractions
    PRETOKEN_LLAMA3,      // numbers in threes, contractions in any case, line ends stay with signs
    PRETOKEN_QWEN2,       // the same with one digit at a time
} PretokenStage;

enum { PRETOKEN_STAGES_MAX = 4 };

typedef struct {
    PretokenStage stage[PRETOKEN_STAGES_MAX];
    int count;  // 0: the whole text is one piece
} Pretoken;

// The stage of a regular expression by its exact text; false when it is not known.
bool pretoken_by_regex(Text regex, PretokenStage *out);

// The expression of a stage as files write it; empty for stages that are none (digits).
Text pretoken_regex(PretokenStage stage);

// The rule of a GGUF's .pre name; false when it is not known.
bool pretoken_by_name(Text name, Pretoken *out);

// The names that pretoken_by_name knows, for messages.
extern const char PRETOKEN_NAMES[];

// Bytes of the first piece of `text` under one stage. `text` is valid UTF-8 and not empty; the result is at least 1.
size_t pretoken_scan(PretokenStage stage, Text text);

// Walks the pieces of a text under a rule. `rule` and the text's bytes must outlive the cursor.
typedef struct {
    const Pretoken *rule;
    Text text;
    size_t at;                        // first byte not yet handed out
    size_t end[PRETOKEN_STAGES_MAX];  // where the present piece of each stage ends
} PretokenCursor;
PretokenCursor pretoken_begin(const Pretoken *rule, Text text);
// The next piece, or false at the end. Pieces are never empty and together give the text.
bool pretoken_next(PretokenCursor *cursor, Text *piece);

#endif
