// What the form for annotators looks like and does: its style sheet and its script, both put into the page.
#ifndef TOOLS_JUDGE_ASSETS_H
#define TOOLS_JUDGE_ASSETS_H

// Light and dark by the reader's settings; contrasts of 4.5 and more.
extern const char *const JUDGE_STYLE;

// Shows one question at a time, takes ratings by mouse or keys, keeps them in the browser's storage where it may, and puts them into the
// link that saves them. It sends nothing: the page's own policy forbids every connection.
extern const char *const JUDGE_SCRIPT;

#endif
