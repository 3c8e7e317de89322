// Writing p+ and p- from p: every Assistant marker is replaced by an affixed one; see contrast.h for the rule.
#include "rlcd/contrast.h"

#include "tensor/base/rng.h"

int contrast_affix(const Task *task, uint64_t seed, uint32_t prompt_index) {
    REQUIRE(task->affixes > 0, "contrast_affix: the task '%s' has no affixes", task->name.data);
    uint32_t bits = rng_bits(rng_key(seed, "simulate.affix"), (RngDraw){.prompt = prompt_index});
    return (int)(bits % (uint32_t)task->affixes);
}

Text contrast_text(Arena *arena, const Task *task, const Dialogue *prompt, int affix, ContrastSide side) {
    if (side == SIDE_PLAIN) return prompt->text;
    int last = prompt->turns - 1;
    REQUIRE(affix >= 0 && affix < task->affixes, "contrast_text: affix %d of %d", affix, task->affixes);
    REQUIRE(prompt->turn[last].role == ROLE_ASSISTANT && prompt->turn[last].body == prompt->text.size,
            "contrast_text: the prompt must end with an empty Assistant turn");
    // The wanted polarity stands in the last turn, the opposite one in all earlier turns.
    Text wanted = side == SIDE_PLUS ? task->plus[affix] : task->minus[affix];
    Text opposite = side == SIDE_PLUS ? task->minus[affix] : task->plus[affix];
    Str s = str_make(arena);
    str_append(&s, task_shots(arena, task, affix));
    for (int i = 0; i <= last; i++) {
        const DialogueTurn *turn = &prompt->turn[i];
        size_t end = i == last ? prompt->text.size : turn->end;
        if (turn->role == ROLE_ASSISTANT) {
            str_append(&s, task->affix_before);
            str_append(&s, i == last ? wanted : opposite);
            str_append(&s, task->affix_after);
        } else {
            str_append(&s, (Text){prompt->text.data + turn->begin, turn->body - turn->begin});
        }
        str_append(&s, (Text){prompt->text.data + turn->body, end - turn->body});
    }
    return str_text(&s);
}
