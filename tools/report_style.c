#include "tools/report_style.h"

// Colours keep a contrast of 4.5 to the page and stay apart for those who do not see red and green alike; marks, dashes and names tell the
// methods apart as well.
const char *const REPORT_STYLE =
    ":root{color-scheme:light dark;--page:#faf9f6;--panel:#fff;--ink:#1c2025;--soft:#59626c;--line:#d9d6cf;--grid:#ebe9e3;--warm:#fcf1e9;"
    "--rlcd:#bf3f0a;--rlaif:#1562a6;--rescore:#0a765a;--cd:#94477f;--dpo:#856000;--base:#606871;--other:#4a48ad}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#14171a;--panel:#1b1f23;--ink:#e7e9eb;--soft:#a3acb6;--line:#3a4048;--grid:#2a2f35;"
    "--warm:#2c221b;--rlcd:#ff8d5e;--rlaif:#6fb8fb;--rescore:#43cda3;--cd:#e39fca;--dpo:#e2b33f;--base:#a9b1ba;--other:#a9a8f5}}\n"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"Liberation Sans\",Arial,sans-serif}\n"
    "header,main,footer{max-width:1080px;margin:0 auto;padding:0 20px}\n"
    "header{padding-top:40px}h1{font-size:1.9rem;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}\n"
    "h2{font-size:1.35rem;line-height:1.25;margin:52px 0 8px;padding-top:14px;border-top:1px solid var(--line)}\n"
    "h3{font-size:1rem;line-height:1.35;margin:0 0 4px}h4{font-size:.9rem;margin:0}section>h3{margin-top:30px}\n"
    "p{margin:0 0 12px;max-width:72ch}.meta,.note,figcaption,footer{color:var(--soft);font-size:.875rem}\n"
    ".lead{font-size:1.075rem;margin:18px 0 0}.lead p{margin-bottom:10px}\n"
    "nav{margin:14px 0 0;font-size:.9rem}nav a{margin-right:14px;white-space:nowrap}a{color:var(--rlaif);text-underline-offset:2px}\n"
    ":focus-visible{outline:2px solid var(--rlaif);outline-offset:2px}\n"
    ".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--panel);margin:12px 0}\n"
    "table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;padding:10px 12px;color:var(--soft)}\n"
    "th,td{padding:7px 10px;text-align:right;vertical-align:top;border-top:1px solid var(--grid);white-space:nowrap}\n"
    "thead th{border-top:0;border-bottom:1px solid var(--line);vertical-align:bottom;font-weight:600;line-height:1.25}"
    "table.main thead th:not(:first-child){white-space:normal;min-width:3.4em}table.main{font-size:.84rem}table.main td,table.main "
    "th{padding-left:7px;padding-right:7px}\n"
    "th:first-child,th.text,td.text{text-align:left}tbody th{font-weight:600}td small{display:block;color:var(--soft);font-size:.75rem}\n"
    "table.main th:first-child{position:sticky;left:0;background:var(--panel)}\n"
    "tr.own td,table.main tr.own th:first-child{background:var(--warm)}td.wrap{white-space:normal;text-align:left;overflow-wrap:anywhere}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:20px;margin:16px 0}\n"
    ".small{grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr))}\n"
    "figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:16px}\n"
    "figure svg{display:block;width:100%;max-width:520px;height:auto;margin:8px auto 6px;overflow:visible}figcaption{line-height:1.45}\n"
    ".small svg{max-width:340px}.small figure{padding:14px}\n"
    "svg text{font-size:12px;fill:var(--ink)}svg .tick{fill:var(--soft);font-size:11px}svg .axis{fill:var(--soft);font-size:11.5px}\n"
    "svg .grid{stroke:var(--grid);stroke-width:1;fill:none}svg .even{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:4 3;fill:none}\n"
    "svg .line{stroke:currentColor;fill:none;stroke-linejoin:round;stroke-linecap:round}svg .band{fill:currentColor;opacity:.16}\n"
    "svg .whisker{stroke:currentColor;stroke-width:1.8;fill:none}svg .thick{stroke:currentColor;stroke-width:7;opacity:.25;fill:none}\n"
    "svg .seed{stroke:currentColor;stroke-width:1.2;opacity:.75;fill:none}svg "
    ".mark{fill:currentColor;stroke:currentColor;stroke-width:1.4}\n"
    "svg .hollow{fill:var(--panel)}svg .leader{stroke:currentColor;stroke-width:.8;opacity:.55;fill:none}\n"
    "svg .name{fill:currentColor;font-weight:600}svg .value{font-size:11.5px}\n"
    ".k-rlcd{color:var(--rlcd)}.k-rlaif{color:var(--rlaif)}.k-rescore{color:var(--rescore)}.k-cd{color:var(--cd)}.k-dpo{color:var(--dpo)}"
    ".k-base{color:var(--base)}.k-other{color:var(--other)}\n"
    "article{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:16px;margin:14px 0}\n"
    ".words{white-space:pre-wrap;overflow-wrap:anywhere;margin:2px 0 4px;max-width:none}\n"
    ".prompt{border-left:3px solid var(--line);padding-left:12px;margin:4px 0 14px}.role{font-weight:600;color:var(--soft)}\n"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:8px 28px}\n"
    "mark{background:var(--warm);color:inherit;border-radius:3px;padding:0 2px;box-shadow:inset 0 -2px 0 var(--rlcd)}\n"
    ".verdict{color:var(--soft);font-size:.85rem;margin:0 0 10px;max-width:none}\n"
    ".bar{display:inline-block;width:56px;height:8px;border-radius:4px;background:var(--grid);overflow:hidden;margin-right:7px;"
    "vertical-align:1px;border:1px solid var(--line)}.bar i{display:block;height:100%;background:currentColor}\n"
    ".level{font-size:.68rem;font-weight:600;border-radius:3px;padding:0 3px;margin:0 1px 0 3px;border:1px solid currentColor;"
    "vertical-align:1px}.good{color:var(--rescore)}.bad{color:var(--rlcd)}.even{color:var(--soft)}.ill{color:var(--page);"
    "background:var(--rlcd);border-color:var(--rlcd)}\n"
    ".replies{display:grid;grid-template-columns:minmax(110px,max-content) 1fr;gap:4px 18px;margin:0}.replies "
    "dt{font-weight:600;padding-top:2px;"
    "overflow-wrap:anywhere}.replies dd{margin:0}\n"
    "details{margin:8px 0}summary{cursor:pointer;color:var(--rlaif);font-size:.9rem;padding:3px 0}\n"
    "code{font:.85em ui-monospace,\"SF Mono\",Menlo,Consolas,\"Liberation Mono\",monospace;overflow-wrap:anywhere}\n"
    "footer{padding-top:30px;padding-bottom:50px}\n"
    "@media (max-width:600px){header,main,footer{padding-left:14px;padding-right:14px}header{padding-top:24px}h1{font-size:1.5rem}"
    "h2{margin-top:38px}figure,article{padding:12px}.replies{grid-template-columns:1fr}.replies dd{margin-bottom:8px}"
    "th,td{padding:6px 8px}.figures:not(.small) svg text{font-size:13.5px}.figures:not(.small) svg .tick{font-size:12.5px}}\n"
    ".figures:not(.small)>figure:last-child:nth-child(odd){grid-column:1/-1}\n"
    "@media print{body{background:#fff}figure,article{break-inside:avoid}nav{display:none}}\n";

static const char *const KINDS[] = {"rlcd", "rlaif", "rescore", "cd",  "dpo",   "base",  "ipo",
                                    "cdpo", "rloo",  "grpo",    "bon", "human", "hybrid"};
static const char *const CLASSES[] = {"k-rlcd", "k-rlaif", "k-rescore", "k-cd", "k-dpo", "k-base"};
static const int CLASS_OF[] = {0, 1, 2, 3, 4, 5, 4, 4, 0, 0, 0, 5, 0};  // of each kind

const char *report_class(const ResultMethod *method) {
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (text_equal(method->kind, text_of(KINDS[i]))) return CLASSES[CLASS_OF[i]];
    return "k-other";
}

int report_turn(const Results *r, const ResultMethod *method) {
    int turn = 0;
    for (const ResultMethod *m = r->method; m < method; m++) turn += report_class(m) == report_class(method);
    return turn;
}

const char *report_dash(int turn) {
    static const char *const DASHES[] = {NULL, "7 4", "2 4", "9 4 2 4"};
    return DASHES[turn % 4];
}
