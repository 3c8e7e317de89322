// Options from the command line, files and overrides: values, order of strength, sentences, what is written back.
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/folder.h"
#include "tests/support.h"
#include "tools/args.h"

static const Option COMMON[] = {
    {.name = "config", .type = OPTION_LIST, .help = "Config file."},
    {.name = "preset", .type = OPTION_CHOICE, .initial = "default", .choices = "default|paper", .help = "Defaults."},
    {.name = "seed", .type = OPTION_INT, .initial = "0", .bits = true, .low = 0, .high = 4294967295.0, .help = "Seed."},
    {.name = "memory", .type = OPTION_SIZE, .help = "Cap."},
    {.name = "max_time", .type = OPTION_DURATION, .help = "Time."},
    {0},
};
static const Option PPO[] = {
    {.name = "lr", .type = OPTION_DOUBLE, .initial = "2e-4", .paper = "1e-5", .bits = true, .high = 10,
     .help = "Rate (paper.md, 2)."},
    {.name = "steps", .type = OPTION_INT, .initial = "40", .bits = true, .low = 1, .high = 1e6, .help = "Steps."},
    {.name = "whiten_reward", .type = OPTION_FLAG, .initial = "no", .bits = true, .help = "Whiten."},
    {.name = "kl", .type = OPTION_CHOICE, .initial = "k1", .paper = "clamp", .bits = true, .choices = "clamp|k1|k2",
     .help = "Estimate."},
    {.name = "form", .type = OPTION_CHOICE, .initial = "old", .bits = BITS_CHANGED, .choices = "old|new", .help = "A later option."},
    {.name = "share", .type = OPTION_DOUBLE, .initial = "0.1", .bits = BITS_CHANGED, .high = 1, .help = "Another one."},
    {.name = "group", .type = OPTION_INT, .initial = "4", .bits = BITS_CHANGED, .low = 1, .high = 9, .help = "A third."},
    {.name = "bare", .type = OPTION_FLAG, .initial = "no", .bits = BITS_CHANGED, .help = "A fourth."},
    {.name = "targets", .type = OPTION_LIST, .initial = "q_proj, v_proj", .bits = true, .help = "Names."},
    {.name = "stop", .type = OPTION_STRING, .bits = true, .help = "Text."},
    {.name = "out", .type = OPTION_PATH, .required = true, .help = "Run directory."},
    {0},
};
static const Option SIMULATE[] = {
    {.name = "lr", .type = OPTION_DOUBLE, .initial = "1", .bits = true, .help = "Another rate."},
    {.name = "top_k", .type = OPTION_INT, .initial = "50", .bits = true, .low = 0, .high = 1e6, .help = "Tokens."},
    {0},
};
static const OptionTable T_COMMON = {"", COMMON}, T_PPO = {"ppo", PPO}, T_SIMULATE = {"simulate", SIMULATE};
static const OptionTable *const ONE[] = {&T_COMMON, &T_PPO, NULL}, *const REST[] = {&T_SIMULATE, NULL};
static const OptionTable *const ALL[] = {&T_COMMON, &T_SIMULATE, &T_PPO, NULL};
static const Verb VERB = {.name = "ppo", .usage = "rlcd ppo --out DIR", .summary = "Tunes.", .tables = ONE, .others = REST};
static const Verb FILES = {.name = "data", .usage = "rlcd data FILE...", .summary = "Data.", .tables = ONE, .least = 1, .most = -1};
static const Verb RUN = {
    .name = "run", .usage = "rlcd run RECIPE", .summary = "Runs.", .tables = ALL, .least = 1, .most = 1, .recipe = true};

// Parses a NULL-terminated list of arguments.
static Status parse(Args *args, const Verb *verb, const char *const *argv) {
    int argc = 0;
    while (argv[argc] != NULL) argc++;
    return args_parse(args, &arena, verb, argc, argv, &error);
}
#define PARSE(args, verb, ...) ck_ok(parse((args), (verb), (const char *const[]){__VA_ARGS__, NULL}), error)
#define REFUSE(part, verb, ...)                                                                                \
    do {                                                                                                       \
        Args refused;                                                                                          \
        ck_assert_int_eq(parse(&refused, (verb), (const char *const[]){__VA_ARGS__, NULL}), ERR_USAGE);        \
        ck_assert_int_eq(error.status, ERR_USAGE);                                                             \
        ck_assert_msg(strstr(error.text, (part)) != NULL, "'%s' is not in: %s", (part), error.text);           \
    } while (0)

static const char *file_of(const char *name, const char *text) {
    const char *path = path_join(&arena, folder, name);
    ck_ok(file_write(path, text, strlen(text), &error), error);
    return path;
}

START_TEST(test_defaults) {
    Args a;
    const char *const *items;
    PARSE(&a, &VERB, "--out", "x");
    ck_assert(args_double(&a, "ppo.lr") == 2e-4 && args_int(&a, "ppo.steps") == 40 && !args_flag(&a, "ppo.whiten_reward"));
    ck_assert(args_choice(&a, "ppo.kl") == 1 && strcmp(args_text(&a, "ppo.kl"), "k1") == 0);
    ck_assert_int_eq(args_list(&a, "ppo.targets", &items), 2);
    ck_assert_str_eq(items[1], "v_proj");
    ck_assert(!args_has(&a, "memory") && args_text(&a, "ppo.stop") == NULL && !args_given(&a, "ppo.lr") && args_given(&a, "ppo.out"));
    PARSE(&a, &VERB, "--preset=paper", "--out", "x");
    ck_assert(args_double(&a, "ppo.lr") == 1e-5 && args_choice(&a, "ppo.kl") == 0 && args_int(&a, "ppo.steps") == 40);
}
END_TEST

START_TEST(test_spellings) {
    Args a;
    const char *const *items;
    PARSE(&a, &VERB, "--lr=3e-4", "--ppo.steps", "7", "--whiten-reward", "--out", "-", "--memory", "24G", "--max-time",
          "3h30m", "--stop=", "--seed", "4294967295");
    ck_assert(args_double(&a, "ppo.lr") == 3e-4 && args_int(&a, "ppo.steps") == 7 && args_flag(&a, "ppo.whiten_reward"));
    ck_assert(args_size(&a, "memory") == (size_t)24 << 30 && args_seconds(&a, "max_time") == 12600);
    ck_assert_str_eq(args_text(&a, "ppo.stop"), "");
    ck_assert_str_eq(args_text(&a, "ppo.out"), "-");
    ck_assert_int_eq(args_int(&a, "seed"), 4294967295);
    PARSE(&a, &VERB, "--whiten_reward", "--no-whiten-reward", "--out", "x", "--lr", "1", "--lr", "2");
    ck_assert(!args_flag(&a, "ppo.whiten_reward") && args_double(&a, "ppo.lr") == 2);
    // Lists: the first item replaces the default, further ones are added; brackets give several at once.
    PARSE(&a, &VERB, "--out", "x", "--targets", "a,b", "--targets=[c, \"d, e\"]");
    ck_assert_int_eq(args_list(&a, "ppo.targets", &items), 3);
    ck_assert(strcmp(items[0], "a,b") == 0 && strcmp(items[2], "d, e") == 0);
    PARSE(&a, &FILES, "--out", "x", "f", "-", "--", "--lr");
    ck_assert(a.positionals == 3 && strcmp(a.positional[1], "-") == 0 && strcmp(a.positional[2], "--lr") == 0);
    PARSE(&a, &VERB, "--lr", "nonsense is fine", "--help");
    ck_assert(a.help);
}
END_TEST

START_TEST(test_refusals) {
    REFUSE("unknown option '--stesp'; did you mean '--steps'?", &VERB, "--stesp", "3");
    REFUSE("did you mean '--max-time'?", &VERB, "--max-tine=3");
    REFUSE("unknown option '--zzzzzzzz'", &VERB, "--zzzzzzzz");
    REFUSE("unknown option '--no-lr'", &VERB, "--no-lr");
    REFUSE("--no-whiten-reward takes no value", &VERB, "--no-whiten-reward=yes");
    REFUSE("--whiten-reward: expected true or false, found 'maybe'", &VERB, "--out", "x", "--whiten-reward=maybe");
    REFUSE("options begin with two dashes", &VERB, "-x");
    REFUSE("--lr needs a value", &VERB, "--out", "x", "--lr");
    REFUSE("--out needs a value", &VERB, "--out", "--lr", "3");
    REFUSE("needs --out", &VERB, "--lr", "3");
    REFUSE("--lr: expected a number from 0 to 10, found '11'", &VERB, "--out", "x", "--lr", "11");
    REFUSE("--lr: expected a number", &VERB, "--out", "x", "--lr", "1e-4x");
    REFUSE("--lr: expected a number", &VERB, "--out", "x", "--lr", "nan");
    REFUSE("--lr: expected a number", &VERB, "--out", "x", "--lr", "1e999");
    REFUSE("--steps: expected a whole number from 1 to 1000000, found '2.5'", &VERB, "--out", "x", "--steps", "2.5");
    REFUSE("--steps: expected a whole number", &VERB, "--out", "x", "--steps", "99999999999999999999");
    REFUSE("--memory: expected a size", &VERB, "--out", "x", "--memory", "24Q");
    REFUSE("--max-time: expected a time", &VERB, "--out", "x", "--max-time", "soon");
    REFUSE("--max-time: expected a time", &VERB, "--out", "x", "--max-time", "99999999999h");
    REFUSE("--kl: expected clamp|k1|k2, found 'k'", &VERB, "--out", "x", "--kl", "k");
    REFUSE("--out: expected a path", &VERB, "--out=");
    REFUSE("--stop: the value is not valid UTF-8", &VERB, "--out", "x", "--stop", "\xff");
    REFUSE("unexpected argument 'y'", &VERB, "--out", "x", "y");
    REFUSE("an argument is missing", &FILES, "--out", "x");
    Args a;
    PARSE(&a, &VERB, "--out", "\xff");
    ck_assert_str_eq(args_text(&a, "ppo.out"), "\xff");
}
END_TEST

START_TEST(test_config) {
    Args a;
    const char *const *items;
    const char *path = file_of("c.yaml", "# config\nseed: 5\nppo.lr: 1e-3\nppo.whiten_reward: yes\n"
                                         "ppo.targets:\n  - k_proj\nppo.out: here\nsimulate.top_k: 10\n");
    PARSE(&a, &VERB, "--lr", "2", "--config", path);
    // The command line beats the file, wherever it stands.
    ck_assert(args_double(&a, "ppo.lr") == 2 && args_int(&a, "seed") == 5 && args_flag(&a, "ppo.whiten_reward"));
    ck_assert_str_eq(args_text(&a, "ppo.out"), "here");
    ck_assert_int_eq(args_list(&a, "ppo.targets", &items), 1);
    PARSE(&a, &VERB, "--config", path, "--targets", "o_proj");
    ck_assert(args_list(&a, "ppo.targets", &items) == 1 && strcmp(items[0], "o_proj") == 0);
    // Of two files the later one wins; a preset in a file counts, and gives way to values.
    PARSE(&a, &VERB, "--config", path, "--config", file_of("d.yaml", "seed: 6\npreset: paper\n"));
    ck_assert(args_int(&a, "seed") == 6 && args_double(&a, "ppo.lr") == 1e-3 && args_choice(&a, "ppo.kl") == 0);
    REFUSE("c.yaml:1: unknown key 'ppo.stesp'; did you mean 'ppo.steps'?", &VERB, "--config", file_of("c.yaml", "ppo.stesp: 3"));
    REFUSE("c.yaml:2: ppo.steps: expected a whole number", &VERB, "--config", file_of("c.yaml", "\nppo.steps: x\nppo.out: y"));
    REFUSE("'simulate.top_k': expected a whole number", &VERB, "--config", file_of("c.yaml", "simulate.top_k: x\nppo.out: y"));
    REFUSE("expected one value, found a list", &VERB, "--config", file_of("c.yaml", "ppo.steps: [3]\nppo.out: y"));
    REFUSE("cannot name others", &VERB, "--config", file_of("c.yaml", "config: [x]"));
    REFUSE("c.yaml:1: ", &VERB, "--config", file_of("c.yaml", "ppo:\n  lr: 3"));
    REFUSE("missing.yaml", &VERB, "--config", "/nowhere/missing.yaml");
}
END_TEST

START_TEST(test_recipe) {
    Args a;
    const char *path = file_of("r.yaml", "seed: 5\nppo.lr: 1e-3\nsimulate.lr: 2\nppo.out: o\n");
    PARSE(&a, &RUN, path, "ppo.lr=1e-6", "steps=9", "ppo.stop=a: b", "--seed", "8");
    ck_assert(args_double(&a, "ppo.lr") == 1e-6 && args_double(&a, "simulate.lr") == 2);
    ck_assert(args_int(&a, "seed") == 8 && args_int(&a, "ppo.steps") == 9);
    ck_assert_str_eq(args_text(&a, "ppo.stop"), "a: b");
    ck_assert(args_given(&a, "ppo.out") && !args_asked(&a, "ppo.out") && args_asked(&a, "ppo.lr") && !args_asked(&a, "ppo.kl"));
    PARSE(&a, &RUN, path, "--config", file_of("c.yaml", "ppo.out: p\n"));
    ck_assert(args_asked(&a, "ppo.out") && !args_asked(&a, "ppo.lr"));
    REFUSE("'lr' could be any of simulate.lr, ppo.lr", &RUN, path, "lr=3");
    REFUSE("unknown key 'ppo.lrr'; did you mean 'ppo.lr'?", &RUN, path, "ppo.lrr=3");
    REFUSE("expected key=value behind the recipe, found 'ppo.lr'", &RUN, path, "ppo.lr");
    REFUSE("'ppo.out' is missing", &RUN, file_of("r.yaml", "seed: 5\n"));
    REFUSE("an argument is missing", &RUN, "--seed", "3");
    ck_ok(args_set(&a, &arena, "ppo.steps", TEXT("11"), &error), error);
    ck_assert_int_eq(args_int(&a, "ppo.steps"), 11);
    ck_assert_int_eq(args_set(&a, &arena, "ppo.steps", TEXT("0"), &error), ERR_USAGE);
}
END_TEST

// What is written as YAML sets the same values again, and the JSON is JSON.
START_TEST(test_written) {
    Args a, b;
    PARSE(&a, &VERB, "--out", "a b\xff", "--lr=1e-7", "--memory=3K", "--stop", "x\n\"y\": # z", "--targets", "-",
          "--whiten-reward", "--max-time=90s");
    Str yaml = str_make(&arena), json = str_make(&arena), again = str_make(&arena);
    args_write_yaml(&yaml, &a, false);
    PARSE(&b, &VERB, "--config", file_of("w.yaml", yaml.data));
    args_write_yaml(&again, &b, false);
    ck_assert_str_eq(yaml.data, again.data);
    ck_assert_str_eq(args_text(&b, "ppo.stop"), "x\n\"y\": # z");
    const Json *tree;
    args_write_json(&json, &a, false);
    ck_ok(json_parse(&tree, &arena, str_text(&json), "json", &error), error);
    ck_assert(json_get(tree, "ppo.lr")->number == 1e-7 && json_get(tree, "memory")->integer == 3072);
    ck_assert(json_get(tree, "max_time")->integer == 90);
    ck_assert(json_get(tree, "ppo.whiten_reward")->boolean && json_get(tree, "ppo.targets")->count == 1);
    Str bits = str_make(&arena);
    args_write_json(&bits, &a, true);
    ck_assert(strstr(bits.data, "memory") == NULL && strstr(bits.data, "ppo.out") == NULL && strstr(bits.data, "ppo.lr") != NULL);
}
END_TEST

// The recipe's hash sees values, not spelling, order, or what never changes bits.
START_TEST(test_hash) {
    Args a;
    char one[65], two[65];
    PARSE(&a, &VERB, "--out", "x", "--lr", "1e-4", "--memory", "1G");
    args_recipe_hash(one, &arena, &a);
    PARSE(&a, &VERB, "--lr=0.0001", "--out", "y", "--max-time", "1h");
    args_recipe_hash(two, &arena, &a);
    ck_assert_str_eq(one, two);
    PARSE(&a, &VERB, "--lr=0.0002", "--out", "y");
    args_recipe_hash(two, &arena, &a);
    ck_assert_str_ne(one, two);
    PARSE(&a, &VERB, "--lr=0.0001", "--out", "y", "--targets", "q_proj", "--targets", "v_proj");
    args_recipe_hash(two, &arena, &a);
    ck_assert_str_eq(one, two);
    // An option that came later is seen where it is not at its default, however that is written.
    static const char *const SAME[] = {"--form=old", "--share=0.10", "--group=4", "--no-bare", "--bare=false"},
                             *const OTHER[] = {"--form=new", "--share=0.2", "--group=5", "--bare"};
    for (size_t i = 0; i < 9; i++) {
        PARSE(&a, &VERB, "--lr=0.0001", "--out", "y", i < 5 ? SAME[i] : OTHER[i - 5]);
        args_recipe_hash(two, &arena, &a);
        ck_assert_int_eq(strcmp(one, two) == 0, i < 5);
    }
}
END_TEST

START_TEST(test_help) {
    Str s = str_make(&arena);
    args_help(&s, &VERB);
    ck_assert_ptr_nonnull(strstr(s.data, "Usage: rlcd ppo --out DIR\n"));
    ck_assert_ptr_nonnull(strstr(s.data, "  --lr X                      Rate (paper.md, 2). [2e-4; paper: 1e-5]\n"));
    ck_assert_ptr_nonnull(strstr(s.data, "  --[no-]whiten-reward"));
    ck_assert_ptr_nonnull(strstr(s.data, "clamp|k1|k2"));
    for (const char *line = s.data; *line != 0; line += strcspn(line, "\n") + 1) ck_assert_uint_le(strcspn(line, "\n"), 100);
    Str run = str_make(&arena);
    args_help(&run, &RUN);
    ck_assert_ptr_nonnull(strstr(run.data, "  ppo.lr=X"));
}
END_TEST

Suite *suite_args(void);
Suite *suite_args(void) {
    Suite *s = suite_create("args");
    TCase *c = tcase_create("args");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_defaults);
    tcase_add_test(c, test_spellings);
    tcase_add_test(c, test_refusals);
    tcase_add_test(c, test_config);
    tcase_add_test(c, test_recipe);
    tcase_add_test(c, test_written);
    tcase_add_test(c, test_hash);
    tcase_add_test(c, test_help);
    suite_add_tcase(s, c);
    return s;
}
