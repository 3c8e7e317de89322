// What a person sees on stderr, and how a person stops a run.
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

// Catches SIGINT and SIGTERM (first: stop after the step; second SIGINT: at once), ignores SIGPIPE. `max_seconds` 0: no limit.
void console_begin(bool quiet, double max_seconds);

// True once a signal or the time limit asked for a stop.
bool console_stop_wanted(void);

// The exit code of a stop: 130 after SIGINT, else 75.
int console_stop_code(void);

// A bar with time left on a terminal; elsewhere a plain line now and then. Phases "sampling" and "updating" are parts of a
// step of the phase shown before them.
void console_progress(const char *phase, int64_t done, int64_t total, const char *note);

// What the lines of progress begin with from now on ("rlcd"): which of several runs this is. Must outlive them; NULL: nothing.
void console_context(const char *name);

// What stands before that: of which of several matrices or bases it is a part. The same rules.
void console_place(const char *name);

// Ends the bar's line, so that other output starts on its own.
void console_clear(void);

// A sentence on stderr about what comes next, unless progress is not wanted.
void console_say(const char *sentence);

// "1h02m", "3m20s", "12s"
void console_time(char *out, size_t size, double seconds);

// "rlcd: warning: SENTENCE" (rank 0 alone) and "rlcd: SENTENCE" on stderr.
void console_warn(const char *sentence);
void console_error(const char *sentence);

// Exit code of a failure (design.md, section 7); the same after telling its sentence.
int console_exit_code(const Error *error);
int console_fail(const Error *error);

#endif
