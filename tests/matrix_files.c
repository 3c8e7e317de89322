#include "tests/matrix_files.h"

#include <stdlib.h>

#include "tensor/base/file.h"
#include "tests/cli.h"

const char *matrix_plausible(Arena *arena, const char *folder, int seed, int prompts, int steps) {
    const char *dir = cli_format(arena, "%s/seed-%d", folder, seed);
    const char *command = cli_format(arena, "sh tests/matrix.sh '%s' %d %d %d", dir, seed, prompts, steps);
    ck_assert_msg(system(command) == 0, "%s", command);
    return dir;
}

static void write(Arena *arena, const char *dir, const char *below, const char *name, const char *text) {
    Error error;
    const char *path = path_join(arena, dir, below);
    ck_ok(directory_make(path, &error), error);
    cli_file(arena, path, name, text);
}

#define REPLY(index, reply, end, more) \
    "{\"index\":" index ",\"prompt\":\"p" index "\",\"policy\":\"x\",\"reply\":\"" reply "\",\"end\":\"" end "\"" more "}\n"
#define VERDICT(line, score, sentences, well) \
    "{\"line\":" line ",\"reply\":{\"score\":" score ",\"tone\":0.5,\"words\":2,\"sentences\":" sentences ",\"well_formed\":" well \
    ",\"levels\":[1,null]}}\n"

const char *matrix_small(Arena *arena, const char *folder, const char *name, int seed) {
    const char *dir = path_join(arena, folder, name);
    // Oracle: base .25 .5 0 .25, rlcd 1 .5 .5 1 (in another order), rlaif .5 .5 .75 0 (the fourth prompt is missing, one more is there).
    write(arena, dir, "base/eval", "replies.jsonl",
          REPLY("0", " a b", "stop", "") REPLY("1", " a b", "stop", "") REPLY("2", " c d", "limit", "") REPLY("3", " a b", "stop", ""));
    write(arena, dir, "base/eval", "oracle.jsonl",
          VERDICT("1", "0.25", "1", "1") VERDICT("2", "0.5", "2", "1") VERDICT("3", "0", "1", "0") VERDICT("4", "0.25", "1", "1"));
    write(arena, dir, "rlcd/eval", "replies.jsonl",
          REPLY("3", " e f g", "stop", ",\"score\":3,\"kl\":4") REPLY("2", " e f", "stop", ",\"score\":1,\"kl\":2")
              REPLY("1", " h", "stop", ",\"score\":1,\"kl\":2") REPLY("0", " i j", "stop", ",\"score\":3,\"kl\":0"));
    write(arena, dir, "rlcd/eval", "oracle.jsonl",
          VERDICT("1", "1", "1", "1") VERDICT("2", "0.5", "1", "1") VERDICT("3", "0.5", "1", "1") VERDICT("4", "1", "1", "1"));
    write(arena, dir, "rlaif-novice/eval", "replies.jsonl",
          REPLY("0", " a b", "stop", ",\"score\":1,\"kl\":1") REPLY("1", " a b", "stop", ",\"score\":1,\"kl\":1")
              REPLY("2", " a b", "stop", ",\"score\":1,\"kl\":1") REPLY("9", " a b", "stop", ",\"score\":1,\"kl\":1"));
    write(arena, dir, "rlaif-novice/eval", "oracle.jsonl",
          VERDICT("1", "0.5", "1", "1") VERDICT("2", "0.5", "1", "1") VERDICT("3", "0.75", "1", "1") VERDICT("4", "0", "1", "1"));
    // Labels: right, right by a label below one half, wrong; a tie of the oracle and one of the label are left out.
    write(arena, dir, "rlaif-novice/label", "pairs.jsonl",
          "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":0.9}\n{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\","
          "\"label\":0.1}\n"
          "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":0.8}\n"
          "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"label\":0.5}\n");
#define PAIR(line, a, b) "{\"line\":" line ",\"chosen\":{\"score\":" a "},\"rejected\":{\"score\":" b "}}\n"
    write(arena, dir, "rlaif-novice/label", "oracle.jsonl",
          PAIR("1", "1", "0") PAIR("2", "0", "0.5") PAIR("3", "0", "1") PAIR("4", "1", "1") PAIR("5", "1", "0"));
    write(arena, dir, "rlcd/preference", "run.json",
          "{\"rlcd\":\"0.1.0\",\"status\":\"done\",\"preference\":{\"measured\":\"trained\",\"right\":80,\"of\":100}}");
    write(arena, dir, "rlcd/accuracy", "run.json", "{\"rlcd\":\"0.1.0\",\"status\":\"done\",\"pairs\":{\"right\":150,\"of\":200}}");
    write(arena, dir, "rlcd/policy", "metrics.jsonl",
          "{\"step\":0,\"phase\":\"ppo\",\"objective/scores\":0.5,\"objective/kl\":0}\n"
          "{\"step\":1,\"phase\":\"ppo\",\"objective/scores\":null,\"objective/kl\":1.5,\"nonfinite\":[\"objective/scores\"]}\n");
    write(arena, dir, "rlcd/policy", "samples.jsonl",
          "{\"step\":1,\"index\":0,\"reply\":\"a\"}\n{\"step\":1,\"index\":1,\"reply\":\"b\"}\n{\"step\":2,\"index\":2,\"reply\":\"c\"}\n");
    write(arena, dir, "rlcd/policy", "oracle.jsonl",
          VERDICT("1", "0.25", "1", "1") VERDICT("2", "0.75", "1", "1") VERDICT("3", "1", "1", "1"));
    write(arena, dir, "", "results.json",
          cli_format(
              arena,
              "{\"version\":1,\"rlcd\":\"0.1.0\",\"seed\":%d,\"task\":\"harmless\",\"model\":{\"path\":\"m\",\"sha256\":\"ab\"},"
              "\"methods\":[{\"name\":\"base\",\"kind\":\"base\",\"eval\":\"base/eval\"},"
              "{\"name\":\"rlcd\",\"kind\":\"rlcd\",\"preference\":\"rlcd/preference\",\"policy\":\"rlcd/policy\",\"eval\":\"rlcd/eval\"},"
              "{\"name\":\"rlaif-novice\",\"kind\":\"rlaif\",\"voice\":\"novice\",\"pairs\":\"rlaif-novice/label/pairs.jsonl\","
              "\"eval\":\"rlaif-novice/eval\"}]}",
              seed));
    return dir;
}
