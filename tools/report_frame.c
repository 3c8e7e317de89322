#include "tools/report_frame.h"

#include "tools/html.h"

const char *figure_id(Page *page, const char *name, int number) {
    Str s = str_make(page->arena);
    str_printf(&s, "t%d-%s-%d", page->task, name, number);
    return s.data;
}

void figure_begin(Page *page, const char *title) {
    str_append(page->out, TEXT("<figure><h3>"));
    html_text(page->out, text_of(title));
    str_append(page->out, TEXT("</h3>\n"));
}

void figure_end(Page *page, const char *caption, const char *file) {
    str_append(page->out, TEXT("<figcaption>"));
    html_text(page->out, text_of(caption));
    str_append(page->out, TEXT(" <a href=\""));
    html_text(page->out, text_of(page->data));
    str_printf(page->out, "/%s\">%s</a></figcaption></figure>\n", file, file);
}

double figure_name_width(const Results *r) {
    // About 7 units a letter of a name.
    size_t most = 4;
    for (int i = 0; i < r->methods; i++)
        if (r->method[i].name.size > most) most = r->method[i].name.size;
    double width = 6.9 * (double)most + 12;
    return width > 170 ? 170 : width;
}

Text figure_short_name(Page *page, Text name) {
    enum { MOST = 23 };
    if (name.size <= MOST) return name;
    size_t end = MOST - 1;
    while (end && ((unsigned char)name.data[end] & 0xc0) == 0x80) end--;
    Str s = str_make(page->arena);
    str_append(&s, (Text){name.data, end});
    str_append(&s, TEXT("\xE2\x80\xA6"));
    return str_text(&s);
}

void figure_value(Str *s, double value, bool percent, int decimals) {
    html_number(s, percent ? 100 * value : value, percent ? decimals - 2 : decimals);
    if (percent) str_append(s, TEXT("%"));
}
