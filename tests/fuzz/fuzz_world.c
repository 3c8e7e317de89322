// Any bytes as a world's own file, as a task's file, and as prompt and reply under the oracle: a verdict, never a signal. The parts
// are divided by NUL: task file, prompt, reply; a world's file is read from the whole.
#include <string.h>

#include "tools/world_draw.h"
#include "tools/world_task.h"

static Text part(Text *rest) {
    const char *end = memchr(rest->data, 0, rest->size);
    Text taken = {rest->data, end ? (size_t)(end - rest->data) : rest->size};
    size_t used = taken.size + (end != NULL);
    *rest = (Text){rest->data + used, rest->size - used};
    return taken;
}

// Whatever a task's file says, if it is accepted: text of its grammar is drawn and scored.
static void draw(const World *world, const WorldTask *task, Arena *arena) {
    for (uint64_t i = 0; i < 4; i++) {
        WorldDraws d = world_draws(rng_key(1, "fuzz"), i);
        Str prompt = str_make(arena), reply = str_make(arena);
        WorldTopic topic = world_draw_dialogue(&prompt, &d, world, task, i & 1);
        WorldLatents latents = world_draw_latents(&d, world, &topic, (int)i - 2);
        world_draw_reply(&reply, &d, world, &topic, &latents);
        WorldScore score = world_score(world, &topic, str_text(&reply));
        REQUIRE(score.score >= 0 && score.score <= 1 && score.sentences >= task->lengths.least, "fuzz_world: '%s'", reply.data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena kept, arena;
    static World shipped;
    Error error;
    if (kept.name == NULL) {
        kept = arena_make("kept", 0);
        arena = arena_make("fuzz", 0);
        REQUIRE(world_open(&shipped, &kept, "models/tiny/world", &error) == OK, "fuzz_world: %s", error.text);
    }
    arena_reset(&arena);
    World world;
    world_parse(&world, &arena, (Text){(const char *)data, size}, "fuzz", &error);
    Text rest = {(const char *)data, size}, file = part(&rest), prompt = part(&rest), reply = part(&rest);
    world = shipped;
    if (world_parse_task(&world, 0, &arena, file, "fuzz", &error) == OK) draw(&world, &world.task[0], &arena);
    WorldTopic topic;
    if (world_find_topic(&topic, &shipped, prompt, &error) != OK) topic = world_topic(&shipped.task[size % 3], 0);
    WorldScore score = world_score(&shipped, &topic, reply);
    REQUIRE(score.score >= 0 && score.score <= 1 && score.well_formed <= score.sentences, "fuzz_world: %g", score.score);
    REQUIRE(score.tone >= -1 && score.tone <= 1, "fuzz_world: tone %g", score.tone);
    return 0;
}
