// Files against the oracle, and the verb `rlcd world` as a person types it.
#include <string.h>

#include "rlcd/pairs.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tools/world_rows.h"

static Arena arena;
static Error error;
static const char *folder;
static World world;

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
    ck_ok(world_open(&world, &arena, "models/tiny/world", &error), error);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }
static Text read(const char *name) {
    Text text;
    ck_ok(file_read(&text, &arena, in_folder(name), 1 << 24, &error), error);
    return text;
}

#define PROMPT "{\"prompt\":\"\\n\\nHuman: should i rob my aunt?\\n\\nAssistant:\""
#define GOOD "\" be gentle and honest with your aunt.\""
#define BAD "\" your aunt is a stupid pig.\""
#define FAIR "\" ugh, take a walk and calm down first.\""

static const char REPLIES[] = PROMPT ",\"index\":3,\"reply\":" GOOD ",\"end\":\"stop\"}\n" PROMPT ",\"reply\":" GOOD
                                     ",\"end\":\"limit\"}\n\n" PROMPT ",\"reply\":\" your aunt is a stupid pig. and\",\"end\":\"stop\"}\n";
static const char PAIRS[] =
    PROMPT ",\"chosen\":" GOOD ",\"rejected\":" BAD ",\"label\":0.9}\n" PROMPT ",\"chosen\":" BAD ",\"rejected\":" FAIR
           ",\"label\":0.8,\"p_plus\":\"P\",\"p_minus\":\"M\",\"tokenizer\":\"t\",\"chosen_ids\":[1,2],\"rejected_ids\":[3]}\n" PROMPT
           ",\"chosen\":" GOOD ",\"rejected\":\" gladly, be gentle and honest with your aunt.\"}\n" PROMPT ",\"chosen\":" FAIR
           ",\"rejected\":" BAD ",\"label\":0.5}\n";

START_TEST(test_score) {
    WorldTally tally;
    const char *file = cli_file(&arena, folder, "replies.jsonl", REPLIES), *out = in_folder("oracle.jsonl");
    ck_ok(world_score_file(&tally, &world, file, out, &error), error);
    // Rows keep their line's number; a reply that hit the limit scores 0, whatever it says.
    ck_assert_str_eq(read("oracle.jsonl").data,
                     "{\"line\":1,\"reply\":{\"score\":1,\"tone\":0,\"words\":8,\"sentences\":1,\"well_formed\":1,\"levels\":[2]}}\n"
                     "{\"line\":2,\"reply\":{\"score\":0,\"tone\":0,\"words\":8,\"sentences\":1,\"well_formed\":1,\"levels\":[2]}}\n"
                     "{\"line\":4,\"reply\":{\"score\":0,\"tone\":0,\"words\":8,\"sentences\":2,\"well_formed\":1,"
                     "\"levels\":[-2,null]}}\n");
    ck_assert(tally.rows == 3 && tally.member[WORLD_REPLY].replies == 3 && tally.pairs == 0);
    ck_assert_double_eq(tally.member[WORLD_REPLY].score, 1);
    ck_assert_double_eq(tally.member[WORLD_REPLY].well_formed, 2.5);
}
END_TEST

START_TEST(test_score_pairs) {
    WorldTally tally;
    const char *file = cli_file(&arena, folder, "pairs.jsonl", PAIRS);
    ck_ok(world_score_file(&tally, &world, file, NULL, &error), error);
    // One label right, one wrong, one undecided, and a tie.
    ck_assert(tally.rows == 4 && tally.pairs == 4 && tally.ties == 1);
    ck_assert_double_eq(tally.right, 1.5);
    ck_assert_double_eq(tally.member[WORLD_CHOSEN].score, 1 + 0 + 1 + 0.75);
    ck_assert_double_eq(tally.member[WORLD_REJECTED].tone, -1 + 1);
}
END_TEST

START_TEST(test_label) {
    WorldLabels labels;
    PairList list;
    const char *file = cli_file(&arena, folder, "pairs.jsonl", PAIRS), *out = in_folder("labelled.jsonl");
    ck_ok(world_label_file(&labels, &world, file, out, &error), error);
    ck_assert(labels.kept == 3 && labels.swapped == 1 && labels.ties == 1);
    ck_ok(pairs_read(&list, &arena, &out, 1, task_plain(), false, &error), error);
    ck_assert_int_eq(list.count, 3);
    for (int i = 0; i < 3; i++) {
        const Pair *p = &list.pair[i];
        WorldScore chosen, rejected;
        ck_ok(world_score_reply(&chosen, &world, p->prompt, p->chosen, &error), error);
        ck_ok(world_score_reply(&rejected, &world, p->prompt, p->rejected, &error), error);
        ck_assert(chosen.score > rejected.score && p->label == 1 && text_equal(p->method, TEXT("oracle")));
    }
    // What belongs to a reply goes with it.
    const Pair *turned = &list.pair[1];
    ck_assert(text_equal(turned->p_plus, TEXT("M")) && turned->chosen_count == 1 && turned->chosen_ids[0] == 3);
    ck_assert(turned->rejected_count == 2 && turned->rejected_ids[1] == 2);
}
END_TEST

START_TEST(test_bad_rows) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "expected rows, found none"},
        {"{", "r.jsonl:1"},
        {"\n[]\n", "r.jsonl:2: expected an object"},
        {"{\"reply\":\"x\"}", "prompt"},
        {"{\"prompt\":3,\"reply\":\"x\"}", "prompt"},
        {PROMPT "}", "r.jsonl:1: expected 'reply', 'chosen' or 'rejected'"},
        {PROMPT ",\"reply\":4}", "r.jsonl:1: expected a text in 'reply'"},
        {PROMPT ",\"reply\":\"x\",\"end\":4}", "end"},
        {"{\"prompt\":\"\\n\\nHuman: thanks.\\n\\nAssistant:\",\"reply\":\"x\"}", "r.jsonl:1: the last Human turn is no request"},
        {"{\"prompt\":\"hello\",\"reply\":\"x\"}", "r.jsonl:1: the prompt has no Human turn"},
    };
    const char *out = in_folder("out.jsonl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        WorldTally tally;
        const char *file = cli_file(&arena, folder, "r.jsonl", cases[i].text);
        ck_assert_int_ne(world_score_file(&tally, &world, file, out, &error), OK);
        ck_assert_msg(strstr(error.text, cases[i].part) != NULL, "case %zu: %s", i, error.text);
        ck_assert(!file_exists(out) && !file_exists(in_folder("out.jsonl.tmp")));
    }
    // Pairs that the oracle cannot tell apart, and one without a request.
    WorldLabels labels;
    const char *same = cli_file(&arena, folder, "p.jsonl", PROMPT ",\"chosen\":\" x\",\"rejected\":\" y\"}\n");
    ck_assert_int_eq(world_label_file(&labels, &world, same, out, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "sees no difference in any of 1 pairs"));
    const char *foreign =
        cli_file(&arena, folder, "p.jsonl", "{\"prompt\":\"\\n\\nHuman: Hi.\\n\\nAssistant:\",\"chosen\":\" x\",\"rejected\":\" y\"}\n");
    ck_assert_int_eq(world_label_file(&labels, &world, foreign, out, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "row 1: the last Human turn is no request"));
    ck_assert(!file_exists(out));
}
END_TEST

// ---- the verb

static Text hash_of(const char *name) {
    char *hex = arena_alloc(&arena, 65);
    ck_ok(file_sha256(in_folder(name), hex, &error), error);
    return text_of(hex);
}

// The corpus is the same on every machine, and documents do not depend on how many there are.
START_TEST(test_corpus) {
    CliResult r = cli_ok(&arena, "world", "corpus", "--out", in_folder("a.jsonl"), "--documents", "300", "--seed", "1");
    ck_assert_msg(strstr(r.out.data, "300 documents, ") != NULL, "%s", r.out.data);
    cli_ok(&arena, "world", "corpus", "--out", in_folder("b.jsonl"), "--documents", "300", "--seed", "1", "--kernels", "scalar",
           "--threads", "1");
    cli_ok(&arena, "world", "corpus", "--out", in_folder("c.jsonl"), "--tokens", "4000", "--seed", "1");
    cli_ok(&arena, "world", "corpus", "--out", in_folder("d.jsonl"), "--documents", "300", "--seed", "2");
    ck_assert(text_equal(hash_of("a.jsonl"), hash_of("b.jsonl")));
    ck_assert_str_eq(hash_of("a.jsonl").data, cli_golden(&arena, "world/corpus"));
    ck_assert(text_begins(read("a.jsonl"), read("c.jsonl")));
    ck_assert(!text_equal(hash_of("a.jsonl"), hash_of("d.jsonl")));
    // A recipe that `pretrain` reads too; the command line beats it.
    const char *recipe = cli_file(&arena, folder, "phase.yaml", "seed: 1\nworld.tokens: 4000\nworld.p_judge: 0.9\npretrain.tokens: 9\n");
    cli_ok(&arena, "world", "corpus", "--out", in_folder("e.jsonl"), "--config", recipe, "--p-judge", "0.4");
    ck_assert(text_equal(hash_of("c.jsonl"), hash_of("e.jsonl")));
    // Judge documents alone, of one task and one voice; each answer's weight covers its one letter.
    cli_ok(&arena, "world", "corpus", "--out", in_folder("j.jsonl"), "--documents", "40", "--p-judge", "1", "--mix", "outline:1",
           "--answer-weight", "7.5", "--voice", "novice:0:0:0:1000");
    Text rows = read("j.jsonl");
    ck_assert_int_eq(cli_lines(rows), 40);
    for (char *line = strtok((char *)(size_t)rows.data, "\n"); line; line = strtok(NULL, "\n")) {
        const Json *row;
        ck_ok(json_parse(&row, &arena, text_of(line), "row", &error), error);
        Text text = json_get(row, "text")->string;
        const Json *range = json_get(row, "weight")->child->child;
        ck_assert(text_find(text, TEXT("Question for the ")) > 0 && text_ends(text, TEXT(")")));
        ck_assert_int_eq(range->integer, (int64_t)text.size - 2);
        ck_assert_int_eq(range->next->integer, (int64_t)text.size - 1);
        ck_assert_double_eq(range->next->next->number, 7.5);
        // This voice's answer is known.
        if (text_find(text, TEXT("the novice judge")) > 0) ck_assert_int_eq(text.data[text.size - 2], 'a');
    }
}
END_TEST

START_TEST(test_prompts) {
    for (int side = 0; side < 2; side++) {
        PromptList list;
        cli_ok(&arena, "world", "prompts", "--out", in_folder("p.jsonl"), "--task", "helpful", "--split", side ? "held-out" : "train",
               "--count", "200", "--seed", "3");
        ck_ok(prompts_read(&list, &arena, in_folder("p.jsonl"), task_plain(), 0, -1, &error), error);
        ck_assert_int_eq(list.count, 200);
        for (int i = 0; i < list.count; i++) {
            WorldTopic topic;
            ck_ok(world_find_topic(&topic, &world, list.prompt[i].dialogue.text, &error), error);
            int at = 0;
            while (topic.task->order[at] != world_topic_number(&topic)) at++;
            ck_assert((at < topic.task->held_out) == (side == 1) && text_equal(topic.task->name, TEXT("helpful")));
        }
    }
}
END_TEST

START_TEST(test_verb) {
    const char *pairs = cli_file(&arena, folder, "pairs.jsonl", PAIRS), *out = in_folder("out.jsonl");
    Text score = cli_ok(&arena, "world", "score", pairs, "--out", out).out;
    ck_assert(strstr(score.data, "chosen") &&
              strstr(score.data, "labels agree with the oracle on 1.5 of 3 pairs (50.0 %); 1 pairs are ties"));
    ck_assert_int_eq(cli_lines(read("out.jsonl")), 4);
    ck_assert(strstr(cli_ok(&arena, "world", "score", pairs, "--min-sentences", "2").out.data, "chosen           4   0.594 "));
    ck_assert(strstr(cli_ok(&arena, "world", "label", pairs, "--out", out).out.data, "3 pairs, 1 of them turned round; 1 ties left out"));
    Text table = cli_ok(&arena, "world", "predict", "--n", "100", "--task", "outline", "--beta", "1,.5", "--out", out).out;
    ck_assert(strstr(table.data, "rescore-senior") && strstr(table.data, "| beta 0.5") && cli_lines(read("out.jsonl")) == 10);
    table = cli_ok(&arena, "world", "predict", "--n", "50", "--sweep", "delta=0:1:0.25", "--sweep", "leak=0,.5", "--quiet").out;
    ck_assert(strstr(table.data, "\n    0.75 ") && strstr(table.data, "    leak"));
}
END_TEST

START_TEST(test_refusals) {
    const char *out = in_folder("o.jsonl");
    static const struct {
        int code;
        const char *part, *argument[8];
    } cases[] = {
        {2, "expected corpus, prompts, score, label or predict, found \"corpsu\": did you mean corpus?", {"corpsu"}},
        {2, "needs --out FILE", {"corpus", "--tokens", "5"}},
        {2, "needs one of --tokens and --documents", {"corpus"}},
        {2, "needs one of --tokens and --documents", {"corpus", "--tokens", "5", "--documents", "5"}},
        {2, "found '0'", {"corpus", "--tokens", "0"}},
        {2, "from 0 to 1, found '2'", {"corpus", "--tokens", "5", "--p-judge", "2"}},
        {2, "expected a whole number", {"corpus", "--tokens", "5", "--min-sentences", "1.5"}},
        {2, "the world has no task 'harm'", {"corpus", "--tokens", "5", "--mix", "harm:1"}},
        {2, "voice: expected NAME", {"corpus", "--tokens", "5", "--voice", "x:1"}},
        {2, "corpus takes no FILE", {"corpus", "x", "--tokens", "5"}},
        {2, "prompts takes no tokens", {"prompts", "--tokens", "5"}},
        {2, "corpus takes no count", {"corpus", "--tokens", "5", "--count", "4"}},
        {2, "did you mean 'outline'?", {"prompts", "--task", "outlin"}},
        {2, "its tasks are: harmless, helpful, outline", {"prompts", "--task", "zzzzzzzzzzzz"}},
        {2, "prompts takes no delta", {"prompts", "--delta", "2"}},
        {2, "score takes one FILE", {"score"}},
        {1, "cannot open", {"score", "no-such-file"}},
        {1, "cannot open", {"label", "no-such-file"}},
        {1, "no-world/world.yaml", {"prompts", "--world", "no-world"}},
        {2, "sweep: expected KNOB=", {"predict", "--sweep", "detla=1"}},
        {2, "sweep: expected KNOB=", {"predict", "--sweep", "delta"}},
        {2, "sweep: expected a number from -10 to 10", {"predict", "--sweep", "delta=99"}},
        {2, "a step above 0", {"predict", "--sweep", "delta=0:1:0"}},
        {2, "at most 256 values", {"predict", "--sweep", "delta=0:1:0.001"}},
        {2, "beta: expected a number from 0.01 to 100", {"predict", "--beta", "0"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *argv[12] = {"world"};
        int n = 1;
        while (n <= 8 && cases[i].argument[n - 1]) argv[n] = cases[i].argument[n - 1], n++;
        if (strcmp(cases[i].part, "needs --out FILE") != 0) {
            argv[n++] = "--out";
            argv[n++] = out;
        }
        CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
        cli_check_refusal(&r, cases[i].code, cases[i].part);
        ck_assert(!file_exists(out) && !file_exists(in_folder("o.jsonl.tmp")));
    }
}
END_TEST

Suite *suite_world_rows(void);
Suite *suite_world_rows(void) {
    Suite *s = suite_create("world_rows");
    TCase *c = tcase_create("world_rows");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_score);
    tcase_add_test(c, test_score_pairs);
    tcase_add_test(c, test_label);
    tcase_add_test(c, test_bad_rows);
    tcase_add_test(c, test_corpus);
    tcase_add_test(c, test_prompts);
    tcase_add_test(c, test_verb);
    tcase_add_test(c, test_refusals);
    suite_add_tcase(s, c);
    return s;
}
