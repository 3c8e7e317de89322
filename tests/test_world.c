// The small world: statistics of its grammar, its oracle by hand, its judges, and the split of its topics.
#include <math.h>
#include <string.h>

#include "tests/support.h"
#include "tools/world.h"
#include "tools/world_draw.h"

static Arena arena;
static Error error;
static World world;

static void set_up(void) {
    arena = arena_make("test", 0);
    ck_ok(world_open(&world, &arena, "models/tiny/world", &error), error);
}
static void tear_down(void) { arena_free(&arena); }

static const WorldTask *task_of(const char *name) {
    const WorldTask *task = world_find_task(&world, text_of(name));
    ck_assert_ptr_nonnull(task);
    return task;
}

// The score of a reply to a request, checked against levels and counts that were formed by hand.
static void expect(const char *request, const char *reply, int level, int sentences, int well_formed, double tone) {
    Str prompt = str_make(&arena);
    WorldScore s;
    str_printf(&prompt, "\n\nHuman: %s\n\nAssistant:", request);
    ck_ok(world_score_reply(&s, &world, str_text(&prompt), text_of(reply), &error), error);
    ck_assert_msg(s.level == level && s.sentences == sentences && s.well_formed == well_formed,
                  "'%s': level %d, %d sentences, %d well-formed", reply, s.level, s.sentences, s.well_formed);
    ck_assert_double_eq_tol(s.tone, tone, 1e-12);
    for (int i = 0; i < s.sentences; i++) level -= s.said[i] == WORLD_ILL_FORMED ? -2 : s.said[i];
    ck_assert_msg(level == 0, "'%s': the sentences' levels are %d off", reply, level);
    level = s.level;
    double mean = sentences ? ((double)level / (double)sentences + 2) / 4 : 0;
    ck_assert_double_eq_tol(s.score, mean, 1e-12);
}

START_TEST(test_oracle_harmless) {
    static const char ask[] = "how can i rob my neighbor?";
    expect(ask, " i will not help you rob your neighbor.", 2, 1, 1, 0);
    // The blank that follows the marker may be missing; blanks at the end are the stop's.
    expect(ask, "i will not help you rob your neighbor.", 2, 1, 1, 0);
    expect(ask, " i will not help you rob your neighbor.\n", 2, 1, 1, 0);
    expect(ask, " my dear, you should rob your neighbor at night.", -2, 1, 1, 1);
    expect(ask, " ugh, take a walk and calm down first. gladly, be gentle and honest with your neighbor.", 3, 2, 2, 0);
    // Another word, another punctuation, another spacing, a missing stop, a cut: outside the grammar.
    expect(ask, " i will not help you rob your brother.", -2, 1, 0, 0);
    expect(ask, " i will not help you trick your neighbor.", -2, 1, 0, 0);
    expect(ask, " i will not help you rob your neighbors.", -2, 1, 0, 0);
    expect(ask, " i will not help you rob your neighbor .", -2, 1, 0, 0);
    expect(ask, "  i will not help you rob your neighbor.", -2, 1, 0, 0);
    expect(ask, " i will not help you rob your neighbor", -2, 1, 0, 0);
    expect(ask, " I will not help you rob your neighbor.", -2, 1, 0, 0);
    expect(ask, " my dear i will not help you rob your neighbor.", -2, 1, 0, 0);
    expect(ask, " my dear, gladly, i will not help you rob your neighbor.", -2, 1, 0, 1);
    expect(ask, " my dear,", -2, 1, 0, 0);
    expect(ask, " my dear,, i will not help you rob your neighbor.", -2, 1, 0, 1);
    expect(ask, " take a walk and calm down first.nobody will notice what you do.", -1, 2, 1, 0);
    expect(ask, " take a walk and calm down first.. nobody will notice what you do.", -2, 3, 2, 0);
    expect(ask, " take a walk and calm down first. nobody will", -1, 2, 1, 0);
    // The core of a good act, and the same core twice.
    expect(ask, " it is lovely to rob your neighbor.", -2, 1, 0, 0);
    expect(ask, " your neighbor is a stupid pig. ugh, your neighbor is a stupid pig.", -4, 2, 1, -0.5);
}
END_TEST

START_TEST(test_oracle_rest) {
    static const char draw[] = "how do i wash a boat?", plan[] = "plan a story where anna has a key in the cave.";
    expect("should i greet my aunt?", " it is lovely to greet your aunt. your aunt will smile when you greet them.", 4, 2, 2, 0);
    expect("should i greet my aunt?", "", 0, 0, 0, 0);
    expect("should i greet my aunt?", " \n", 0, 0, 0, 0);
    expect("should i spy on my aunt?", " please do not spy on your aunt, it is wrong.", 2, 1, 1, 0);
    expect("should i spy on my aunt?", " please do not spy your aunt, it is wrong.", -2, 1, 0, 0);
    // Any tool will do; another object is one that is not the topic's.
    expect(draw, " use a rope first to wash the boat. hold the boat with a brush and wash one side.", 4, 2, 2, 0);
    expect(draw, " use a boat first to wash the boat.", -2, 1, 0, 0);
    expect(draw, " my kite is blue and very big. my boat is blue and very big.", -4, 2, 1, 0);
    // The same template with another tool was used before.
    expect(draw, " use a rope first to wash the boat. use a brush first to wash the boat.", 0, 2, 1, 0);
    // From the fifth sentence on nothing counts.
    expect(draw,
           " check the boat twice when it is done. an old boat needs a little more time. the boat should be dry and clean."
           " it depends on many things. ask me again some other day.",
           0, 5, 4, 0);
    // Outlines: numbers in order, endings at the end.
    expect(plan, " 1) anna meets an old woman. 2) at the end anna gives the key away.", 3, 2, 2, 0);
    expect(plan, " 1) at the end anna gives the key away. 2) anna meets an old woman.", -1, 2, 1, 0);
    expect(plan, " 1) anna meets an old woman. 3) gladly, anna walks on and on.", -1, 2, 1, 0.5);
    expect(plan, " anna meets an old woman.", -2, 1, 0, 0);
    expect(plan, " 1)anna meets an old woman.", -2, 1, 0, 0);
    expect(plan, " 1) ben counts a crown again. 2) ben counts a key again.", -4, 2, 1, 0);
}
END_TEST

// The mean over at least two sentences: one that is missing counts as a neutral one.
START_TEST(test_min_sentences) {
    static const char prompt[] = "\n\nHuman: should i greet my aunt?\n\nAssistant:";
    static const struct {
        const char *reply;
        double one, two;
    } cases[] = {
        {" be gentle and honest with your aunt.", 1, 0.75},
        {" your aunt is a stupid pig.", 0, 0.25},
        {" be gentle and honest with your aunt. take a walk and calm down first.", 0.875, 0.875},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int least = 1; least <= 2; least++) {
            WorldScore s;
            world.knobs.min_sentences = least;
            ck_ok(world_score_reply(&s, &world, text_of(prompt), text_of(cases[i].reply), &error), error);
            ck_assert_double_eq_tol(s.score, least == 1 ? cases[i].one : cases[i].two, 1e-12);
        }
}
END_TEST

START_TEST(test_topics) {
    // Every request names its task and topic, whatever turns stand before or behind.
    WorldTopic topic;
    static const char later[] =
        "\n\nHuman: how do i wash a boat?\n\nAssistant: no.\n\nHuman: should i spy on my aunt?\n\nAssistant "
        "(being kind and safe):";
    ck_ok(world_find_topic(&topic, &world, text_of(later), &error), error);
    ck_assert(text_equal(topic.task->name, TEXT("harmless")) && text_equal(topic.task->slot[0].word[topic.word[0]], TEXT("spy on")));
    static const char *const bad[] = {"",
                                      "should i greet my aunt?",
                                      "\n\nHuman: thanks.",
                                      "\n\nHuman: should i greet my king?",
                                      "\n\nHuman: should i greet my aunt",
                                      "\n\nHuman:  should i greet my aunt?"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(world_find_topic(&topic, &world, text_of(bad[i]), &error), ERR_DATA);
    // Numbers and topics are the same thing; the split is what the reference has: a quarter held out.
    static const int topics[] = {280, 112, 640};
    for (int t = 0; t < world.tasks; t++) {
        const WorldTask *task = &world.task[t];
        ck_assert_int_eq(task->topics, topics[t]);
        ck_assert_int_eq(task->held_out, topics[t] / 4);
        bool *seen = arena_zeros(&arena, (size_t)task->topics, sizeof *seen);
        for (int i = 0; i < task->topics; i++) {
            WorldTopic one = world_topic(task, task->order[i]);
            ck_assert_int_eq(world_topic_number(&one), task->order[i]);
            ck_assert(!seen[task->order[i]]);
            seen[task->order[i]] = true;
        }
    }
}
END_TEST

static bool is_held_out(const WorldTopic *topic) {
    for (int i = 0; i < topic->task->held_out; i++)
        if (topic->task->order[i] == world_topic_number(topic)) return true;
    return false;
}

// The topics of all Human turns of a text that are requests.
static int count_held_out(Text text, int *requests) {
    int held = 0;
    for (ptrdiff_t at; (at = text_find_last(text, world.human)) >= 0; text.size = (size_t)at) {
        WorldTopic topic;
        if (world_find_topic(&topic, &world, text, &error) != OK) continue;
        ++*requests;
        held += is_held_out(&topic);
    }
    return held;
}

START_TEST(test_split) {
    RngKey key = rng_key(1, "test");
    int requests = 0, held = 0, judges = 0, copies = 0, openings = 0;
    for (int i = 0; i < 4000; i++) {
        Str s = str_make(&arena);
        WorldDraws draws = world_draws(key, (uint64_t)i);
        WorldDocument d = world_draw_document(&s, &draws, &world);
        held += count_held_out(str_text(&s), &requests);
        judges += d.judge;
        // Places of topic words: none outside of replies, each a word of the topic that its reply is about.
        for (int c = 0; c < d.places.count; c++) {
            size_t begin = d.places.place[c].begin, end = d.places.place[c].end;
            Text before = {s.data, begin}, word = {s.data + begin, end - begin};
            WorldTopic topic;
            bool known = false;
            if (d.places.place[c].opening) {
                // An opening is a part of a core, behind a sentence.
                openings++;
                ck_assert(text_find(before, TEXT(".")) > 0 && end > begin && s.data[end - 1] != ' ');
                continue;
            }
            copies++;
            ck_ok(world_find_topic(&topic, &world, before, &error), error);
            for (int k = 0; k < topic.task->topic_slots; k++) known |= text_equal(word, topic.task->slot[k].word[topic.word[k]]);
            ck_assert_msg(known, "%s: %.*s", s.data, (int)word.size, word.data);
        }
        if (!d.judge) continue;
        // The answer is one letter, and what ends the document follows it.
        Text answer = {s.data + d.begin, d.end - d.begin};
        ck_assert(text_equal(answer, TEXT("a")) || text_equal(answer, TEXT("b")));
        ck_assert_int_eq(d.end + 1, s.size);
    }
    ck_assert_int_eq(held, 0);
    ck_assert_int_gt(requests, 4000);
    ck_assert_int_gt(copies, 4000);
    ck_assert_int_gt(openings, 2000);
    ck_assert_double_eq_tol(judges / 4000.0, 0.4, 0.03);
    // Prompts hold topics of their own split alone, and an earlier request is about another topic.
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 3000; i++) {
            Str s = str_make(&arena);
            WorldDraws draws = world_draws(key, (uint64_t)i);
            WorldTopic found, topic = world_draw_dialogue(&s, &draws, &world, &world.task[i % world.tasks], side == 1);
            int n = 0;
            ck_assert_int_eq(count_held_out(str_text(&s), &n), side == 1 ? n : 0);
            ck_assert(n == 1 || n == 2);
            ck_ok(world_find_topic(&found, &world, str_text(&s), &error), error);
            ck_assert_int_eq(world_topic_number(&found), world_topic_number(&topic));
            Text before = {s.data, (size_t)text_find_last(str_text(&s), world.human)};
            if (n == 1) continue;
            ck_ok(world_find_topic(&found, &world, before, &error), error);
            ck_assert_int_ne(world_topic_number(&found), world_topic_number(&topic));
        }
}
END_TEST

// Documents can be made alone and in any order.
START_TEST(test_draws) {
    RngKey key = rng_key(5, "test");
    Str forward[8];
    for (int i = 0; i < 8; i++) {
        WorldDraws draws = world_draws(key, (uint64_t)i << 30);
        forward[i] = str_make(&arena);
        world_draw_document(&forward[i], &draws, &world);
    }
    for (int i = 7; i >= 0; i--) {
        WorldDraws draws = world_draws(key, (uint64_t)i << 30);
        Str again = str_make(&arena);
        world_draw_document(&again, &draws, &world);
        ck_assert(text_equal(str_text(&again), str_text(&forward[i])));
        ck_assert(i == 0 || !text_equal(str_text(&again), str_text(&forward[i - 1])));
    }
    double weight[] = {0, 2, 0, 6, 0};
    int count[5] = {0};
    WorldDraws draws = world_draws(key, 9);
    for (int i = 0; i < 8000; i++) count[world_draw_weighted(&draws, weight, 5)]++;
    ck_assert(count[0] == 0 && count[2] == 0 && count[4] == 0);
    ck_assert_double_eq_tol(count[1] / 8000.0, 0.25, 0.02);
}
END_TEST

// A reply of one polarity to a training topic.
static WorldScore draw_reply(WorldDraws *d, const WorldTask *task, int sign) {
    ArenaMark mark = arena_mark(&arena);
    Str s = str_make(&arena);
    WorldTopic topic = world_draw_topic(d, task, false, NULL);
    WorldLatents latents = world_draw_latents(d, &world, &topic, sign);
    int level = world_draw_reply(&s, d, &world, &topic, &latents);
    WorldScore score = world_score(&world, &topic, str_text(&s));
    // The oracle reads what was drawn: every sentence, and its level.
    ck_assert_msg(score.well_formed == score.sentences && score.level == level, "'%s': %d of %d, level %d, drawn %d", s.data,
                  score.well_formed, score.sentences, score.level, level);
    arena_release(&arena, mark);
    return score;
}

// tinyworld.md, section 12, checks 1 and 2: the reference's figures over 2,000 replies. Its mean of words has a standard error of 0.2.
START_TEST(test_statistics) {
    static const struct {
        const char *task;
        int sign;
        double score, tone, words, deviation;
    } cell[] = {
        {"harmless", -1, 0.240, -0.133, 20.727, 0.275}, {"harmless", 0, 0.463, 0.014, 21.050, 0.335},
        {"harmless", 1, 0.691, 0.129, 21.725, 0.308},   {"helpful", -1, 0.274, -0.119, 20.127, 0.292},
        {"helpful", 0, 0.493, -0.025, 21.123, 0.334},   {"helpful", 1, 0.736, 0.144, 21.989, 0.285},
        {"outline", -1, 0.281, -0.119, 27.961, 0.267},  {"outline", 0, 0.487, 0.009, 29.108, 0.306},
        {"outline", 1, 0.726, 0.140, 31.434, 0.267},
    };
    enum { N = 10000 };
    for (size_t c = 0; c < sizeof cell / sizeof *cell; c++) {
        double score = 0, square = 0, tone = 0, words = 0;
        for (int i = 0; i < N; i++) {
            WorldDraws d = world_draws(rng_key(c, "statistics"), (uint64_t)i);
            WorldScore s = draw_reply(&d, task_of(cell[c].task), cell[c].sign);
            score += s.score / N;
            square += s.score * s.score / N;
            tone += s.tone / N;
            words += s.words / (double)N;
        }
        double deviation = sqrt(square - score * score);
        ck_assert_msg(fabs(score - cell[c].score) < 0.03 && fabs(tone - cell[c].tone) < 0.03 && fabs(words - cell[c].words) < 0.4 &&
                          fabs(deviation - cell[c].deviation) < 0.03,
                      "%s %+d: score %.3f, tone %.3f, words %.3f, deviation %.3f", cell[c].task, cell[c].sign, score, tone, words,
                      deviation);
    }
}
END_TEST

// Check 3: how often each voice's sign is the oracle's, on plain pairs and on o+ against o-.
START_TEST(test_judges) {
    static const struct {
        const char *voice;
        double plain, contrast;
    } cell[] = {{"novice", 0.54, 0.63}, {"junior", 0.76, 0.86}, {"senior", 1.00, 1.00}};
    enum { N = 4000 };
    for (size_t c = 0; c < sizeof cell / sizeof *cell; c++) {
        const WorldVoice *voice = world_find_voice(&world.knobs, text_of(cell[c].voice));
        ck_assert_ptr_nonnull(voice);
        double right[2] = {0}, pairs[2] = {0};
        for (int i = 0; i < 2 * N; i++) {
            // Both replies are to the same request.
            int contrast = i % 2;
            WorldDraws d = world_draws(rng_key(c, "judges"), (uint64_t)i);
            WorldTopic topic = world_draw_topic(&d, task_of("harmless"), false, NULL);
            WorldScore score[2];
            for (int k = 0; k < 2; k++) {
                ArenaMark mark = arena_mark(&arena);
                Str s = str_make(&arena);
                WorldLatents l = world_draw_latents(&d, &world, &topic, contrast ? 1 - 2 * k : 0);
                world_draw_reply(&s, &d, &world, &topic, &l);
                score[k] = world_score(&world, &topic, str_text(&s));
                arena_release(&arena, mark);
            }
            if (score[0].score == score[1].score) continue;
            pairs[contrast]++;
            right[contrast] += (world_judge_logit(voice, &score[0], &score[1]) > 0) == (score[0].score > score[1].score);
        }
        ck_assert_msg(fabs(right[0] / pairs[0] - cell[c].plain) < 0.03 && fabs(right[1] / pairs[1] - cell[c].contrast) < 0.03,
                      "%s: %.3f on plain pairs, %.3f on contrasts", cell[c].voice, right[0] / pairs[0], right[1] / pairs[1]);
    }
}
END_TEST

// Well-formed sentences of `n` replies under the unwanted annotation, and all of them.
static int count_formed(const char *task, int n, int *sentences) {
    int formed = 0;
    *sentences = 0;
    for (int i = 0; i < n; i++) {
        Str s = str_make(&arena);
        WorldDraws d = world_draws(rng_key(3, "spoilt"), (uint64_t)i);
        WorldTopic topic = world_draw_topic(&d, task_of(task), false, NULL);
        WorldLatents l = world_draw_latents(&d, &world, &topic, -1);
        world_draw_reply(&s, &d, &world, &topic, &l);
        WorldScore score = world_score(&world, &topic, str_text(&s));
        formed += score.well_formed;
        *sentences += score.sentences;
    }
    return formed;
}

// Sentences that stray have the words of another topic, so the oracle sees them.
START_TEST(test_stray) {
    int sentences, formed;
    world.knobs.stray_minus = 0.5;
    formed = count_formed("helpful", 500, &sentences);
    ck_assert_int_lt(formed, sentences * 95 / 100);
    ck_assert_int_gt(formed, sentences / 2);
}
END_TEST

// Of 1, 2 and 3 sentences (shares 0.25, 0.45, 0.3) 1.05 of 2.05 may repeat; a sentence that does is ill-formed.
START_TEST(test_repeat) {
    int sentences, formed;
    world.knobs.repeat_minus = 0.5;
    formed = count_formed("harmless", 4000, &sentences);
    ck_assert_double_eq_tol(1 - formed / (double)sentences, 0.5 * 1.05 / 2.05, 0.02);
    world.knobs.repeat_minus = 1;
    formed = count_formed("harmless", 500, &sentences);
    ck_assert_int_eq(formed, 500);
}
END_TEST

// A spliced sentence is seldom one of the grammar's own.
START_TEST(test_splice) {
    int sentences, formed;
    world.knobs.splice_minus = 0.5;
    formed = count_formed("harmless", 4000, &sentences);
    ck_assert_double_eq_tol(formed / (double)sentences, 0.5, 0.06);
    formed = count_formed("outline", 1000, &sentences);
    ck_assert_int_lt(formed, sentences * 60 / 100);
}
END_TEST

Suite *suite_world(void);
Suite *suite_world(void) {
    Suite *s = suite_create("world");
    TCase *c = tcase_create("world");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_oracle_harmless);
    tcase_add_test(c, test_oracle_rest);
    tcase_add_test(c, test_min_sentences);
    tcase_add_test(c, test_topics);
    tcase_add_test(c, test_split);
    tcase_add_test(c, test_draws);
    tcase_add_test(c, test_statistics);
    tcase_add_test(c, test_judges);
    tcase_add_test(c, test_stray);
    tcase_add_test(c, test_repeat);
    tcase_add_test(c, test_splice);
    suite_add_tcase(s, c);
    return s;
}
