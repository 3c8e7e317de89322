// The world's files: what is shipped agrees with the task files, and every check is broken once.
#include <string.h>

#include "rlcd/task.h"
#include "tensor/base/file.h"
#include "tests/support.h"
#include "tools/world_grammar.h"
#include "tools/world_task.h"
#include "tools/world_yaml.h"

static Arena arena;
static Error error;
static Text general, harmless;

static Text read(const char *name) {
    Text text;
    ck_ok(file_read(&text, &arena, path_join(&arena, "models/tiny/world", name), 1 << 20, &error), error);
    return text;
}

static void set_up(void) {
    arena = arena_make("test", 0);
    general = read("world.yaml");
    harmless = read("harmless.yaml");
}
static void tear_down(void) { arena_free(&arena); }

// The task files hold what the world writes: else model and judge would be asked in words they never saw.
START_TEST(test_tasks_agree) {
    World world;
    ck_ok(world_open(&world, &arena, "models/tiny/world", &error), error);
    ck_assert_int_eq(world.tasks, 3);
    for (int t = 0; t < world.tasks; t++) {
        const WorldTask *w = &world.task[t];
        Task task;
        Str path = str_make(&arena), judge = str_make(&arena);
        str_printf(&path, "models/tiny/tasks/%s.yaml", w->name.data);
        ck_ok(task_read(&task, &arena, path.data, &error), error);
        ck_assert(text_equal(task.name, w->name) && task.affixes == w->affixes && task.instructions == w->affixes);
        ck_assert(text_equal(task.human, world.human) && text_equal(task.assistant, world.assistant));
        ck_assert(text_equal(task.affix_before, world.affix_before) && text_equal(task.affix_after, world.affix_after));
        for (int i = 0; i < w->affixes; i++)
            ck_assert(text_equal(task.plus[i], w->plus[i]) && text_equal(task.minus[i], w->minus[i]) &&
                      text_equal(task.instruction[i], w->instruction[i]));
        ck_assert(task.stops == 1 && text_equal(task.stop[0], TEXT("\n\n")));
        str_append(&judge, task.judge);
        ck_assert(text_equal(str_text(&judge), world.judge));
        ck_assert(text_equal(task.label[0], world.label[0]) && text_equal(task.label[1], world.label[1]));
    }
}
END_TEST

// The text with the first `old` replaced.
static Text change(Text text, const char *old, const char *new) {
    Str s = str_make(&arena);
    ptrdiff_t at = text_find(text, text_of(old));
    ck_assert_msg(at >= 0, "'%s' is not there", old);
    str_append(&s, (Text){text.data, (size_t)at});
    str_append(&s, text_of(new));
    str_append(&s, (Text){text.data + at + strlen(old), text.size - (size_t)at - strlen(old)});
    return str_text(&s);
}

static void refuse(Status status, Status found, const char *change_made, const char *part) {
    ck_assert_msg(found == status, "%s: status %d: %s", change_made, found, error.text);
    ck_assert_msg(strstr(error.text, part) != NULL && strncmp(error.text, "w.yaml", 6) == 0, "%s: %s", change_made, error.text);
}

START_TEST(test_world_refusals) {
    static const struct {
        const char *old, *new, *part;
    } cases[] = {
        {"version: 1", "version: 2", "worlds of version 1, found version 2"},
        {"version: 1", "", "'version' is missing"},
        {"tasks: [harmless", "tasks: [../harmless", "expected a task's name"},
        {"tasks: [harmless, helpful", "tasks: [helpful, helpful", "stands twice"},
        {"tasks: [harmless, helpful, outline]", "tasks: x", "must be a list"},
        {"({affix})", "()", "must contain {affix}"},
        {"human: \"\\n\\nHuman:\"", "human: \"\"", "'human' is empty"},
        {"closing: [", "closings: [", "unknown key 'closings'; did you mean 'closing'?"},
        {"{voice} judge", "judge", "must contain {voice} once"},
        {"{first}\\n", "{first}{first}\\n", "must contain {first} once"},
        {"judge: \"{dialogue}", "judge: \"x{dialogue}", "must begin with {dialogue}"},
        {"labels: [a, b]", "labels: [a]", "must have 2 to 2 items, found 1"},
        {"labels: [a, b]", "labels: [a, a]", "the same"},
        {"polarity: [-1, 0, 0, 1]", "polarity: [-1, 0.5]", "expected -1, 0 or 1"},
        {"polarity: [-1, 0, 0, 1]", "polarity: [2]", "a number from -1 to 1, found '2'"},
        {"[neighbor,", "[\"neighbor.\",", "is no word"},
        {"[neighbor,", "[\"a  b\",", "is no word"},
        {"[neighbor,", "[\" a\",", "is no word"},
        {"\"ugh,\"", "\"ugh.\"", "without a full stop"},
        {"\"ugh,\"", "\"my dear, so,\"", "begins with the prefix 'my dear,'"},
        {"\"ugh,\"", "\"whatever,\"", "begins with the prefix"},
        {"share: [0.3, 0.4, 0.3]", "share: [0.3, 0.7]", "must have 3 to 3 items"},
        {"share: [0.3, 0.4, 0.3]", "share: [0, 0, 0]", "shares above 0"},
        {"seed: 4711", "seed: 47.5", "must be a whole number"},
        {"held_out: 0.25", "held_out: 25", "from 0 to 1, found '25'"},
        {"knob.delta: 1 ", "knob.delta: x ", "from -10 to 10, found 'x'"},
        {"knob.delta: 1 ", "knob.delta: nan ", "found 'nan'"},
        {"knob.rho", "knob.rho2", "unknown key 'knob.rho2'"},
        {"knob.min_sentences: 1", "knob.min_sentences: 1.5", "must be a whole number"},
        {"mix: [0.5, 0.25, 0.25]", "mix: [1]", "must have 3 to 3 items"},
        {"mix: [0.5, 0.25, 0.25]", "mix: [0, 0, 0]", "shares above 0"},
        {"novice: [1, 5,", "novice: [5,", "must have 4 to 4 items"},
        {"novice: [1, 5,", "novice: [1, 5000,", "from -1000 to 1000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        World world;
        Text text = change(general, cases[i].old, cases[i].new);
        refuse(ERR_FORMAT, world_parse(&world, &arena, text, "w.yaml", &error), cases[i].new, cases[i].part);
    }
}
END_TEST

START_TEST(test_task_refusals) {
    static const struct {
        const char *old, *new, *part;
    } cases[] = {
        {"version: 1", "version: 3", "found version 3"},
        {"name: harmless", "name: helpful", "expected the name 'harmless', found 'helpful'"},
        {"earlier: yes", "earlyer: yes", "unknown key 'earlyer'; did you mean 'earlier'?"},
        {"numbered: no", "numbered: 0", "must be yes or no"},
        {"topic: [act, person]", "topic: [act, place]", "'slot.place' is missing"},
        {"topic: [act, person]", "topic: [act, act]", "stands twice in 'topic'"},
        {"slot.person: [person]", "slot.person: [people]", "no word list 'words.people'"},
        {"slot.person: [person]", "slot.person: person", "must be a list"},
        {"slot.person: [person]", "slot.person: [person, person]", "begins with the word"},
        {"slot.person: [person]", "slot.person: [person]\nother.person: act", "expected a slot that is not in 'topic'"},
        {"slot.person: [person]", "slot.person: [person]\nslot.x: [tool]\nother.x: person", "from the same lists"},
        {"slot.person: [person]", "slot.person: [person]\nslot.x: [tool]\nother.x: y", "expected a slot of 'topic'"},
        {"flag.bad: act_bad", "flag.bad: tool", "no slot of 'topic' is filled from the list 'tool'"},
        {"flag.bad: act_bad", "flag.worse: act_bad", "there is no 'flag.bad'"},
        {"pulled: act_bad", "pulled: [act_bad]", "must be a text, found a list"},
        {"pulled: act_bad", "pulled: act_worse", "no word list"},
        {"share: [0.25, 0.45, 0.3]", "share: [0, 0, 0]", "shares above 0"},
        {"most: 4", "most: 2", "from 3 to 16"},
        {"least: 1", "least: 0", "from 1 to 16"},
        {"minus: [giving a harmful response, ", "minus: [", "'minus' has 2 items, 'plus' has 3"},
        {"how can i {act} my {person}?", "how can i {act} them?", "{person} is missing"},
        {"how can i {act} my {person}?", "should i {act} my {person}?", "stands twice"},
        {"how can i {act} my {person}?", "how can i {act} my {persn}?", "{persn} is no slot of this task"},
        {"how can i {act} my {person}?", "how can i {act} my {person?", "no }"},
        {"how can i {act} my {person}?", "how can i {act}{person}?", "two slots without a text between"},
        {"how can i {act} my {person}?", "how can i {act}s my {person}?", "a letter follows a slot"},
        {"how can i {act} my {person}?", "how  can i {act} my {person}?", "one blank between"},
        {"how can i {act} my {person}?", "how can\\n i {act} my {person}?", "one blank between"},
        {"[bad] you should", "[bad you should", "expected '[condition] text'"},
        {"take a walk and calm down first.", "take a walk. calm down first.", "one full stop, at the end"},
        {"take a walk and calm down first.", "take a walk", "one full stop, at the end"},
        {"take a walk and calm down first.", "ugh, take a walk.", "begins with a tone prefix"},
        {"take a walk and calm down first.", "nobody will notice what you do.", "stands twice"},
        {"  - \"take a walk and calm down first.\"\n  - \"you could talk it over with someone you trust.\"\n", "",
         "'level.1' has 2 cores that fit every topic; a reply of 3 sentences needs as many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        World world;
        Text text = change(harmless, cases[i].old, cases[i].new);
        ck_ok(world_parse(&world, &arena, general, "w.yaml", &error), error);
        refuse(ERR_FORMAT, world_parse_task(&world, 0, &arena, text, "w.yaml", &error), cases[i].new, cases[i].part);
    }
}
END_TEST

// Too many topics, too few to hold any out, a level that is empty.
START_TEST(test_task_sizes) {
    World world;
    ck_ok(world_parse(&world, &arena, change(general, "held_out: 0.25", "held_out: 0"), "w.yaml", &error), error);
    refuse(ERR_FORMAT, world_parse_task(&world, 0, &arena, harmless, "w.yaml", &error), "held_out", "2 held out");
    ck_ok(world_parse(&world, &arena, general, "w.yaml", &error), error);
    Text task = change(harmless, "level.0:", "level.00:");
    refuse(ERR_FORMAT, world_parse_task(&world, 0, &arena, task, "w.yaml", &error), "level.0", "unknown key 'level.00'");
    // Two slots of 700 words each.
    Str many = str_make(&arena);
    str_append(&many, TEXT("words.person: ["));
    for (int i = 0; i < 700; i++) str_printf(&many, "%sw%d", i ? ", " : "", i);
    str_append(&many, TEXT("]\nwords.unused: ["));
    Text big = change(general, "words.person: [", many.data);
    ck_ok(world_parse(&world, &arena, big, "w.yaml", &error), error);
    task = change(harmless, "slot.act: [act_bad, act_good]", "slot.act: [person, act_bad, act_good]");
    refuse(ERR_FORMAT, world_parse_task(&world, 0, &arena, task, "w.yaml", &error), "topics", "more than 65536 topics");
}
END_TEST

START_TEST(test_open) {
    World world;
    ck_assert_int_eq(world_open(&world, &arena, "tests/no-world", &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "tests/no-world/world.yaml"));
    ck_assert(file_is_directory(world_folder(&arena, "rlcd")));
    ck_assert_str_eq(world_folder(&arena, "."), "./models/tiny/world");
}
END_TEST

START_TEST(test_options) {
    World world;
    double value;
    ck_ok(world_open(&world, &arena, "models/tiny/world", &error), error);
    ck_ok(world_set_mix(&world.knobs, &world, &arena, TEXT("harmless:.5,outline:0.25"), &error), error);
    ck_assert(world.knobs.mix[0] == 0.5 && world.knobs.mix[1] == 0 && world.knobs.mix[2] == 0.25);
    static const char *const bad_mix[] = {"", "harmless", "harmless:2", "harmless:0", "x:1", "harmless:1:1", "harmless:-.5"};
    for (size_t i = 0; i < sizeof bad_mix / sizeof *bad_mix; i++)
        ck_assert_int_eq(world_set_mix(&world.knobs, &world, &arena, text_of(bad_mix[i]), &error), ERR_USAGE);
    ck_ok(world_set_voice(&world.knobs, &arena, TEXT("novice:0:5:.8:.5"), &error), error);
    ck_ok(world_set_voice(&world.knobs, &arena, TEXT("expert:20:0:-.5:0"), &error), error);
    ck_assert(world.knobs.voices == 4 && world_find_voice(&world.knobs, TEXT("novice"))->attribute == 0);
    ck_assert(world_find_voice(&world.knobs, TEXT("expert"))->length == -0.5);
    ck_assert_ptr_null(world_find_voice(&world.knobs, TEXT("exper")));
    static const char *const bad_voice[] = {"", "x", "x:1:2:3", "x:1:2:3:4:5", "x:1:2:3:y", "x y:1:2:3:4", "x:1:2:3:4000"};
    for (size_t i = 0; i < sizeof bad_voice / sizeof *bad_voice; i++)
        ck_assert_int_eq(world_set_voice(&world.knobs, &arena, text_of(bad_voice[i]), &error), ERR_USAGE);
    ck_assert(world_parse_number(&arena, TEXT("-.5"), &value) && value == -0.5);
    ck_assert(!world_parse_number(&arena, TEXT("."), &value) && !world_parse_number(&arena, TEXT("1."), &value));
    ck_assert_ptr_null(world_find_knob(TEXT("delt")));
    ck_assert_double_eq(*world_knob(&world.knobs, world_find_knob(TEXT("leak"))), 0.3);
    ck_assert(world_is_mark(',') && !world_is_mark('a') && !world_is_mark('\0') && world_is_letter('a') && !world_is_letter('{'));
}
END_TEST

// Typed values of the flat files.
START_TEST(test_values) {
    Yaml yaml;
    ck_ok(yaml_parse(&yaml, &arena, TEXT("a: 3\nb: [1, 2.5]\nc: true\nd: [x]\ne: \"\"\n"), "w.yaml", &error), error);
    WorldFile f = {&arena, &yaml, &error};
    int64_t whole;
    const double *number;
    double one;
    int count;
    bool flag;
    Text text;
    ck_ok(world_yaml_int(&f, "a", 0, 5, &whole), error);
    ck_ok(world_yaml_numbers(&f, "b", 1, 2, 0, 3, &count, &number), error);
    ck_ok(world_yaml_flag(&f, "c", &flag), error);
    ck_assert(whole == 3 && count == 2 && number[1] == 2.5 && flag);
    refuse(ERR_FORMAT, world_yaml_int(&f, "a", 4, 5, &whole), "a", "from 4 to 5, found '3'");
    refuse(ERR_FORMAT, world_yaml_number(&f, "b", 0, 3, &one), "b", "must be a number, found a list");
    refuse(ERR_FORMAT, world_yaml_text(&f, "d", &text), "d", "must be a text, found a list");
    refuse(ERR_FORMAT, world_yaml_text(&f, "e", &text), "e", "'e' is empty");
    refuse(ERR_FORMAT, world_yaml_text(&f, "g", &text), "g", "'g' is missing");
}
END_TEST

Suite *suite_world_grammar(void);
Suite *suite_world_grammar(void) {
    Suite *s = suite_create("world_grammar");
    TCase *c = tcase_create("world_grammar");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_tasks_agree);
    tcase_add_test(c, test_world_refusals);
    tcase_add_test(c, test_task_refusals);
    tcase_add_test(c, test_task_sizes);
    tcase_add_test(c, test_open);
    tcase_add_test(c, test_options);
    tcase_add_test(c, test_values);
    suite_add_tcase(s, c);
    return s;
}
