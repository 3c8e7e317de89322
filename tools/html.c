#include "tools/html.h"

#include <math.h>

// What must not reach a page as it is: controls, noncharacters, and marks that make text read in another order than it stands.
static bool is_hidden(uint32_t c) {
    if (c == '\n' || c == '\t') return false;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return true;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c) return true;
    return c == 0xfeff || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

void html_text(Str *s, Text text) {
    for (size_t i = 0; i < text.size;) {
        uint32_t c = 0xfffd;
        int length = utf8_decode(text.data + i, text.size - i, &c);
        if (length == 0) {
            str_append(s, TEXT("\xEF\xBF\xBD"));
            i++;
            continue;
        }
        switch (c) {
            case '&': str_append(s, TEXT("&amp;")); break;
            case '<': str_append(s, TEXT("&lt;")); break;
            case '>': str_append(s, TEXT("&gt;")); break;
            case '"': str_append(s, TEXT("&quot;")); break;
            case '\'': str_append(s, TEXT("&#39;")); break;
            default:
                if (is_hidden(c))
                    str_printf(s, "&lt;U+%04X&gt;", (unsigned)c);
                else
                    str_append(s, (Text){text.data + i, (size_t)length});
        }
        i += (size_t)length;
    }
}

void html_number(Str *s, double value, int decimals) {
    double least = 0.5;
    if (!isfinite(value)) {
        str_append_char(s, '?');
        return;
    }
    for (int i = 0; i < decimals; i++) least /= 10;
    if (value > -least && value < least) value = 0;
    if (value < 0) str_append(s, TEXT("\xE2\x88\x92"));
    str_printf(s, "%.*f", decimals, value < 0 ? -value : value);
}
