// Texts of a corpus, document by document: what `tokenizer train` and `pretrain` read.
//
// A file whose name says JSON Lines (.jsonl, .jsonl.gz) holds one row a line:
//     {"text": "...", "weight": [[start, end, w], ...]}      byte ranges of the text that count w in the loss; absent: 1
//     {"prompt": "...", "chosen": "..."} and the like        a row of pairs or prompts: prompt and chosen (or reply) as one text
// Any other file (also .gz) is plain text: documents divided by blank lines, by lines, or the file as one.
#ifndef TOOLS_CORPUS_H
#define TOOLS_CORPUS_H

#include "rlcd/pretrain.h"

typedef enum { CORPUS_BLANK, CORPUS_LINE, CORPUS_FILE } CorpusSplit;

// Takes one document; `text` and `weight` are valid during the call. A failure ends the reading; its sentence gets file and line.
typedef Status (*CorpusTake)(void *context, Text text, const PretrainWeight *weight, int weights, Error *error);

// Reads the files in order and hands out every document that is not empty. Memory: one document. ERR_FORMAT and ERR_DATA name
// file and line: no JSON, no text, not UTF-8, a weight range outside the text or cut in a character.
Status corpus_read(const char *const *files, int n_files, CorpusSplit split, CorpusTake take, void *context, Error *error);

#endif
