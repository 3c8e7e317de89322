// Splitting dialogues at turn markers and cutting long prompts from the left.
#include "rlcd/dialogue.h"

static bool is_marker_at(Text text, size_t i, Text marker) {
    return text.data[i] == marker.data[0] && text_begins((Text){text.data + i, text.size - i}, marker);
}

// The role whose marker begins at byte i.
static bool find_role(const Task *task, Text text, size_t i, DialogueRole *role, size_t *size) {
    bool human = is_marker_at(text, i, task->human);
    if (!human && !is_marker_at(text, i, task->assistant)) return false;
    *role = human ? ROLE_HUMAN : ROLE_ASSISTANT;
    *size = human ? task->human.size : task->assistant.size;
    return true;
}

// A text as a message shows it: its first bytes, cut where a character ends.
static int shown(Text text) {
    size_t n = text.size < 40 ? text.size : 40;
    while (n > 0 && n < text.size && ((unsigned char)text.data[n] & 0xc0) == 0x80) n--;
    return (int)n;
}

Status dialogue_parse(Dialogue *out, Arena *arena, const Task *task, Text text, const char *where, Error *error) {
    size_t bad, size = 0, room = 8;
    DialogueRole role = ROLE_ASSISTANT;
    Text human = text_trim(task->human);
    if (!utf8_valid(text, &bad))
        return error_set(error, ERR_DATA, "%s: the dialogue is not UTF-8: byte %zu is 0x%02x", where, bad, (unsigned char)text.data[bad]);
    if (text.size == 0) return error_set(error, ERR_DATA, "%s: the dialogue is empty", where);
    if (!find_role(task, text, 0, &role, &size) || role != ROLE_HUMAN)
        return error_set(error, ERR_DATA, "%s: a dialogue begins with the marker '%.*s' (its newlines included), found '%.*s'", where,
                         (int)human.size, human.data, shown(text), text.data);
    DialogueTurn *turn = arena_alloc(arena, room * sizeof *turn);
    size_t turns = 0, i = 0;
    while (i < text.size) {
        // Every marker closes the turn before it.
        if (!find_role(task, text, i, &role, &size)) {
            i++;
            continue;
        }
        if (turns == room) {
            turn = arena_grow(arena, turn, room * sizeof *turn, 2 * room * sizeof *turn);
            room *= 2;
        }
        if (turns > 0) turn[turns - 1].end = i;
        turn[turns++] = (DialogueTurn){.role = role, .begin = i, .body = i + size, .end = text.size};
        i += size;
    }
    REQUIRE(turns <= INT32_MAX, "dialogue_parse: %zu turns", turns);
    *out = (Dialogue){.text = text, .turns = (int)turns, .turn = turn};
    return OK;
}

Status dialogue_prompt(Dialogue *out, Text *reply, const Dialogue *dialogue, const char *where, Error *error) {
    int last = dialogue->turns - 1;
    while (last >= 0 && dialogue->turn[last].role != ROLE_ASSISTANT) last--;
    if (last < 0) return error_set(error, ERR_DATA, "%s: the dialogue has no Assistant turn", where);
    size_t end = dialogue->turn[last].body;
    if (reply != NULL) *reply = (Text){dialogue->text.data + end, dialogue->text.size - end};
    // The last turn of the result reaches to the end of its text, which is its body's beginning.
    *out = (Dialogue){.text = {dialogue->text.data, end}, .turns = last + 1, .turn = dialogue->turn};
    return OK;
}

Status dialogue_parse_prompt(Dialogue *out, Arena *arena, const Task *task, Text text, const char *where, Error *error) {
    Dialogue whole;
    Text rest, marker = text_trim(task->assistant);
    TRY(dialogue_parse(&whole, arena, task, text, where, error));
    TRY(dialogue_prompt(out, &rest, &whole, where, error));
    rest = text_trim(rest);
    if (rest.size > 0)
        return error_set(error, ERR_DATA, "%s: a prompt ends with '%.*s', found '%.*s' behind it", where, (int)marker.size, marker.data,
                         shown(rest), rest.data);
    return OK;
}

// The turns from `first` on, with offsets that count from there.
static Dialogue suffix_of(Arena *arena, const Dialogue *prompt, int first) {
    if (first == 0) return *prompt;
    int turns = prompt->turns - first;
    size_t begin = prompt->turn[first].begin;
    DialogueTurn *turn = arena_alloc(arena, (size_t)turns * sizeof *turn);
    for (int i = 0; i < turns; i++) {
        turn[i] = prompt->turn[first + i];
        turn[i].begin -= begin;
        turn[i].body -= begin;
        turn[i].end -= begin;
    }
    return (Dialogue){.text = {prompt->text.data + begin, prompt->text.size - begin}, .turns = turns, .turn = turn};
}

bool dialogue_cut(Dialogue *out, int *dropped, Arena *arena, const Dialogue *prompt, size_t budget, DialogueCost cost, void *context) {
    // Places to begin: the first turn and every Human turn behind it; the last of them gives the shortest form.
    int *start = arena_alloc(arena, (size_t)prompt->turns * sizeof *start);
    int starts = 0;
    for (int i = 0; i < prompt->turns; i++)
        if (i == 0 || prompt->turn[i].role == ROLE_HUMAN) start[starts++] = i;
    *out = *prompt;
    *dropped = 0;
    if (cost(context, prompt) <= budget) return true;
    // Bisection: the prompt is too long from start[low] on, and short enough from start[high] on (or there is none).
    int low = 0, high = starts;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        Dialogue tried = suffix_of(arena, prompt, start[middle]);
        if (cost(context, &tried) <= budget)
            high = middle;
        else
            low = middle;
    }
    bool fits = high < starts;
    int chosen = start[fits ? high : starts - 1];
    *out = suffix_of(arena, prompt, chosen);
    *dropped = chosen;
    return fits;
}
