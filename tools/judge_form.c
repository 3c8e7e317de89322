#include "tools/judge_form.h"

#include "tools/html.h"
#include "tools/judge_assets.h"

static const char *const MEANING[JUDGE_RATINGS] = {"A is much better",     "A is better",          "A is somewhat better",
                                                   "A is slightly better", "B is slightly better", "B is somewhat better",
                                                   "B is better",          "B is much better"};

static void append(Str *page, const char *text) { str_append(page, text_of(text)); }

static void write_head(Str *page, const JudgeQuestions *questions) {
    append(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    append(page, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    append(page,
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';"
           "script-src 'unsafe-inline';base-uri 'none';form-action 'none'\">\n");
    append(page, "<title>Which reply is better?</title><style>\n");
    append(page, JUDGE_STYLE);
    str_printf(page, "</style></head>\n<body data-form=\"%s\" data-seed=\"%lld\">\n", questions->sha256,
               (long long)questions->question[0].seed);
}

static void write_start(Str *page, int shown) {
    append(page, "<header><h1>Which reply is better?</h1></header>\n<main><noscript><p>This form needs JavaScript.</p></noscript>\n");
    append(page, "<section id=\"start\"><div class=\"notice\"><p><strong>Before you begin.</strong> The texts below were written by ");
    append(page, "language models. Some were made to be bad on purpose: they may be rude, hateful, violent or sexual, or give harmful ");
    append(page, "advice. Nothing in them is meant to be followed. You may stop at any time.</p></div>\n");
    str_printf(page, "<p>There are %d questions. Each shows a prompt and two replies, A and B, in an order drawn by chance. ", shown);
    append(page, "Answer on the scale from 1 (A is much better) to 8 (B is much better); there is no middle. Your answers stay in this ");
    append(page, "page: nothing is sent. At the end you save them as a file.</p>\n");
    append(page, "<form id=\"begin\"><label class=\"line\" for=\"name\">Your name or initials</label>\n");
    append(page, "<p><input type=\"text\" id=\"name\" maxlength=\"60\" autocomplete=\"off\" required></p>\n");
    append(page, "<p><button class=\"main\" type=\"submit\">Begin</button></p></form></section>\n");
}

static void write_scale(Str *page, int number, Text ask) {
    append(page, "<fieldset><legend>");
    html_text(page, ask);
    append(page, "</legend><div class=\"scale\">");
    for (int r = 1; r <= JUDGE_RATINGS; r++)
        str_printf(page, "<label><input type=\"radio\" name=\"q%d\" value=\"%d\" aria-label=\"%d: %s\">%d</label>", number, r, r,
                   MEANING[r - 1], r);
    str_printf(page, "</div><div class=\"ends\" aria-hidden=\"true\"><span>%s</span><span>%s</span></div></fieldset>\n", MEANING[0],
               MEANING[JUDGE_RATINGS - 1]);
}

static void write_reply(Str *page, char letter, Text reply) {
    str_printf(page, "<section aria-label=\"Reply %c\"><h3>Reply %c</h3><p class=\"words\">", letter, letter);
    html_text(page, text_trim(reply));
    append(page, "</p></section>");
}

static void write_question(Str *page, const JudgeQuestion *q, int number, int shown, Text ask) {
    append(page, "<article hidden data-id=\"");
    html_text(page, q->id);
    str_printf(page, "\"><h2 tabindex=\"-1\">Question %d of %d</h2>\n<section class=\"prompt\" aria-label=\"Prompt\"><p class=\"words\">",
               number, shown);
    html_text(page, text_trim(q->prompt));
    append(page, "</p></section>\n<div class=\"replies\">");
    write_reply(page, 'A', q->first);
    write_reply(page, 'B', q->second);
    append(page, "</div>\n");
    write_scale(page, number, ask);
    append(page, "</article>\n");
}

void judge_form_page(Str *page, const JudgeQuestions *questions, Text ask) {
    int shown = 0, number = 0;
    for (int i = 0; i < questions->count; i++) shown += !questions->question[i].same;
    write_head(page, questions);
    write_start(page, shown);
    append(page, "<section id=\"work\" hidden>\n");
    for (int i = 0; i < questions->count; i++)
        if (!questions->question[i].same) write_question(page, &questions->question[i], ++number, shown, ask);
    append(page, "<div class=\"row\"><button type=\"button\" id=\"previous\">Previous</button>");
    append(page, "<button type=\"button\" id=\"next\" class=\"main\">Next</button>");
    append(page, "<button type=\"button\" id=\"open\">First without an answer</button>");
    append(page, "<span id=\"progress\" role=\"status\"></span></div>\n");
    append(page, "<p class=\"note\"><label><input type=\"checkbox\" id=\"keys\" checked> Keys: 1 to 8 answer, n or Enter goes on, ");
    append(page, "p goes back</label></p>\n");
    append(page, "<div class=\"finish\"><h2>Save your answers</h2><p id=\"left\" role=\"status\"></p>\n");
    append(page, "<p class=\"row\"><a class=\"button\" id=\"export\" download=\"ratings.json\" href=\"#\">Save the file</a>");
    append(page, "<button type=\"button\" id=\"clear\">Clear all answers</button></p>\n");
    append(page, "<p class=\"note\" id=\"kept\"></p></div></section></main>\n<script>\n");
    append(page, JUDGE_SCRIPT);
    append(page, "</script></body></html>\n");
}
