#include "tools/report_samples.h"

#include "tools/html.h"
#include "tools/report_style.h"

enum { OPEN_PROMPTS = 2 };

static Text trim(Text text) {
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\n')) text.data++, text.size--;
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\n')) text.size--;
    return text;
}

// What the oracle says of a text, as a bar and in words; nothing when it was not asked.
static void put_verdict(Str *s, const Verdict *v) {
    if (!v->known) return;
    str_append(s, TEXT("<p class=\"verdict\"><span class=\"bar\"><i style=\"width:"));
    str_printf(s, "%d%%\"></i></span>oracle ", (int)(100 * v->score + 0.5));
    html_number(s, v->score, 2);
    str_append(s, TEXT(", tone "));
    html_number(s, v->tone, 1);
    str_printf(s, ", %d of %d sentence%s well-formed</p>\n", v->well_formed, v->sentences, v->sentences == 1 ? "" : "s");
}

// The end of a stretch of one kind that begins at i: a role ("Human:" at the beginning of a turn), an affix that `without` does not have
// (*added), a break between turns, or words. *j is the place in `without`, which has the same text but for affixes (size 0: not compared).
static size_t stretch(Text text, size_t i, Text without, size_t *j, bool *role, bool *added) {
    static const char *const ROLES[] = {"Human:", "Assistant:"};
    Text rest = {text.data + i, text.size - i};
    *role = false;
    *added = without.size && (*j >= without.size || text.data[i] != without.data[*j]);
    size_t end = i;
    if (*added) {
        // An affix ends with its bracket.
        while (end < text.size && text.data[end] != ')') end++;
        return end < text.size ? end + 1 : end;
    }
    for (int k = 0; k < 2 && !*role && (i == 0 || text.data[i - 1] == '\n'); k++)
        if (text_begins(rest, text_of(ROLES[k]))) *role = true, end = i + text_of(ROLES[k]).size;
    bool line = text.data[i] == '\n';
    while (!*role && end < text.size && (text.data[end] == '\n') == line &&
           (without.size == 0 || (*j + (end - i) < without.size && text.data[end] == without.data[*j + (end - i)])))
        end++;
    *j += end - i;
    return end;
}

// A dialogue, one turn a line; what it has more than `without` is marked.
static void put_dialogue(Str *s, Text text, Text without) {
    size_t j = 0;
    text = trim(text);
    without = trim(without);
    str_append(s, TEXT("<p class=\"words prompt\">"));
    for (size_t i = 0; i < text.size;) {
        bool role, added;
        size_t end = stretch(text, i, without, &j, &role, &added);
        Text part = {text.data + i, end - i};
        if (part.data[0] == '\n' && !added) {
            str_append_char(s, '\n');
        } else if (added || role) {
            str_append(s, added ? TEXT("<mark>") : TEXT("<span class=\"role\">"));
            html_text(s, part);
            str_append(s, added ? TEXT("</mark>") : TEXT("</span>"));
        } else {
            html_text(s, part);
        }
        i = end;
    }
    str_append(s, TEXT("</p>\n"));
}

// A sentence's level as a small mark behind it.
static void put_level(Str *s, int level) {
    if (level == VERDICT_ILL_FORMED)
        str_append(s, TEXT("<span class=\"level ill\" title=\"ill-formed\">\xC3\x97</span>"));
    else
        str_printf(s, "<span class=\"level %s\">%s%d</span>",
                   level > 0   ? "good"
                   : level < 0 ? "bad"
                               : "even",
                   level > 0   ? "+"
                   : level < 0 ? "\xE2\x88\x92"
                               : "",
                   level < 0 ? -level : level);
}

// A reply; behind each sentence, up to its full stop as the oracle reads it, what the oracle says of it.
static void put_words(Str *s, Text text, const Verdict *verdict) {
    text = trim(text);
    str_append(s, TEXT("<p class=\"words\">"));
    for (int i = 0; text.size && i < verdict->levels; i++) {
        size_t end = 0;
        while (end < text.size && text.data[end] != '.') end++;
        if (end < text.size) end++;
        html_text(s, (Text){text.data, end});
        put_level(s, verdict->level[i]);
        text = (Text){text.data + end, text.size - end};
    }
    if (text.size)
        html_text(s, text);
    else if (verdict->levels == 0)
        str_append(s, TEXT("<em>(empty)</em>"));
    str_append(s, TEXT("</p>\n"));
}

static void put_side(Str *s, const char *prompt_name, Text prompt, Text without, const char *reply_name, Text reply,
                     const Verdict *verdict) {
    if (prompt.size) {
        str_printf(s, "<h4>%s</h4>\n", prompt_name);
        put_dialogue(s, prompt, without);
    }
    str_printf(s, "<h4>%s</h4>\n", reply_name);
    put_words(s, reply, verdict);
    put_verdict(s, verdict);
}

static void put_pair(Str *s, const MatrixPair *p, int number) {
    str_printf(s, "<article><h3>Pair %d</h3>\n", number + 1);
    put_dialogue(s, p->prompt, (Text){0});
    str_append(s, TEXT("<div class=\"pair\"><div>\n"));
    put_side(s, "p+ asks for the wanted", p->p_plus, p->prompt, "o+", p->chosen, &p->chosen_oracle);
    str_append(s, TEXT("</div><div>\n<details><summary>p\xE2\x88\x92 and its reply o\xE2\x88\x92: made to be bad</summary>\n"));
    put_side(s, "p\xE2\x88\x92 asks for the opposite", p->p_minus, p->prompt, "o\xE2\x88\x92", p->rejected, &p->rejected_oracle);
    str_append(s, TEXT("</details></div></div>\n<p class=\"verdict\">Label: P(o+ is better) = "));
    html_number(s, p->label, p->label == 0 || p->label == 1 ? 0 : 2);
    if (p->chosen_oracle.known && p->rejected_oracle.known) {
        double difference = p->chosen_oracle.score - p->rejected_oracle.score;
        str_append(s, difference == 0                        ? TEXT("; the oracle finds both alike.")
                      : (difference > 0) == (p->label > 0.5) ? TEXT("; the oracle agrees.")
                                                             : TEXT("; the oracle disagrees."));
    } else {
        str_append_char(s, '.');
    }
    str_append(s, TEXT("</p></article>\n"));
}

void samples_pairs(Page *page) {
    const Matrix *matrix = page->results->matrix[0];
    if (matrix->pairs == 0) return;
    str_printf(
        page->out,
        "<h3>Pairs made by contrast</h3>\n<p class=\"note\">The first %d pairs of seed %lld, not chosen. A dialogue p becomes p+ and "
        "p\xE2\x88\x92 by the marked words alone; the model's replies are o+ and o\xE2\x88\x92, and the label follows from the "
        "construction. The preference model then reads both with the plain p.</p>\n",
        matrix->pairs, (long long)matrix->seed);
    for (int i = 0; i < matrix->pairs; i++) put_pair(page->out, &matrix->pair[i], i);
}

// The reply of a method to a prompt, or NULL.
static const MatrixReply *reply_to(const MatrixMethod *m, int64_t index) {
    int low = 0, high = m ? m->replies : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (m->reply[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return m && low < m->replies && m->reply[low].index == index ? &m->reply[low] : NULL;
}

void samples_replies(Page *page, int most) {
    const Results *r = page->results;
    const MatrixMethod *first = NULL;
    Str *s = page->out;
    for (int i = 0; i < r->methods && first == NULL; i++)
        if (r->method[i].run[0] && r->method[i].run[0]->replies) first = r->method[i].run[0];
    if (first == NULL || most == 0) return;
    int shown = first->replies < most ? first->replies : most;
    str_printf(
        s,
        "<h3>Before and after training</h3>\n<p class=\"note\">The first %d held-out prompts of seed %lld, not chosen: what each policy "
        "replies to the same prompt, and what the oracle says of it: the level of each sentence from +2 to \xE2\x88\x92"
        "2, \xC3\x97 for an "
        "ill-formed one.</p>\n",
        shown, (long long)r->matrix[0]->seed);
    for (int k = 0; k < shown; k++) {
        // The first ones are open; the others wait below their prompt.
        bool folded = k >= OPEN_PROMPTS;
        str_append(s, TEXT("<article>"));
        put_dialogue(s, first->reply[k].prompt, (Text){0});
        if (folded) str_append(s, TEXT("<details><summary>Show the replies</summary>\n"));
        str_append(s, TEXT("<dl class=\"replies\">\n"));
        for (int i = 0; i < r->methods; i++) {
            const MatrixReply *reply = reply_to(r->method[i].run[0], first->reply[k].index);
            if (reply == NULL) continue;
            str_printf(s, "<dt class=\"%s\">", report_class(&r->method[i]));
            html_text(s, r->method[i].name);
            str_append(s, TEXT("</dt><dd>"));
            put_words(s, reply->reply, &reply->oracle);
            if (!reply->ended) str_append(s, TEXT("<p class=\"verdict\">cut at the length limit</p>\n"));
            put_verdict(s, &reply->oracle);
            str_append(s, TEXT("</dd>\n"));
        }
        str_append(s, folded ? TEXT("</dl></details></article>\n") : TEXT("</dl></article>\n"));
    }
}
