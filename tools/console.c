#include "tools/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/metrics.h"

static volatile sig_atomic_t stop_signal;
static bool quiet, terminal;
static double begun, limit, last_shown;
static double phase_begun;
static int64_t phase_first, main_done, main_total;
static const char *main_phase;
static bool line_open;
static const char *place, *context;

static void on_signal(int number) {
    // A second ^C does not wait for the step.
    if (number == SIGINT && stop_signal) _exit(130);
    stop_signal = number;
}

void console_begin(bool be_quiet, double max_seconds) {
    quiet = be_quiet;
    limit = max_seconds;
    begun = clock_seconds();
    const char *term = getenv("TERM");
    terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    // Failed writes to a pipe without a reader, and beyond a limit on file sizes, are told as errors.
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

bool console_stop_wanted(void) { return stop_signal != 0 || (limit > 0 && clock_seconds() - begun > limit); }

int console_stop_code(void) { return stop_signal == SIGINT ? 130 : 75; }

void console_time(char *out, size_t size, double seconds) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, size, "%ldm%02lds", s / 60, s % 60);
    else
        snprintf(out, size, "%lds", s);
}

void console_context(const char *name) {
    context = name;
    // Another run of the same phase begins anew.
    main_phase = NULL;
}

void console_place(const char *name) {
    place = name;
    console_context(NULL);
}

void console_clear(void) {
    if (line_open) fputs("\r\033[K", stderr);
    line_open = false;
}

void console_progress(const char *phase, int64_t done, int64_t total, const char *note) {
    if (quiet) return;
    bool part = strcmp(phase, "sampling") == 0 || strcmp(phase, "updating") == 0;
    // A part of nothing (one reply of `trace`) is not worth a line.
    if (part && main_phase == NULL) return;
    double now = clock_seconds();
    if (!part) {
        if (main_phase == NULL || strcmp(main_phase, phase) != 0) {
            phase_begun = now;
            phase_first = done;
            last_shown = 0;
        }
        main_phase = phase;
        main_done = done;
        main_total = total;
    }
    bool ended = !part && total && done == total;
    if (!ended && now - last_shown < (terminal ? 0.1 : 20)) return;
    last_shown = now;

    // Time left from the rate since this phase began here; sampling is about three tenths of a PPO step, updating the rest.
    char left[32] = "", inner[64] = "";
    double share = part && total ? (double)done / (double)total : 0;
    double within = !part ? 0 : strcmp(phase, "sampling") == 0 ? 0.3 * share : 0.3 + 0.7 * share;
    double advanced = (double)(main_done - phase_first) + within;
    if (part && total) snprintf(inner, sizeof inner, ", %s %lld/%lld", phase, (long long)done, (long long)total);
    if (advanced > 0 && !ended) {
        char time[24];
        console_time(time, sizeof time, (now - phase_begun) / advanced * ((double)(main_total - main_done) - within));
        snprintf(left, sizeof left, ", %s left", time);
    }
    char spent[24], before[128];
    snprintf(before, sizeof before, "%s%s%s%s", place ? place : "", place ? " " : "", context ? context : "", context ? " " : "");
    console_time(spent, sizeof spent, now - phase_begun);
    if (terminal && main_total) {
        int filled = (int)(20 * main_done / (main_total ? main_total : 1));
        fprintf(stderr, "\r\033[K%s%-10s |%.*s%.*s| %lld/%lld, %s%s%s%s%s", before, main_phase, filled, "####################", 20 - filled,
                "....................", (long long)main_done, (long long)main_total, spent, left, inner, note[0] ? " " : "", note);
        line_open = true;
        if (ended) {
            fputc('\n', stderr);
            line_open = false;
        }
    } else {
        fprintf(stderr, "%s%s %lld/%lld, %s%s%s%s%s\n", before, main_phase, (long long)main_done, (long long)main_total, spent, left, inner,
                note[0] ? " " : "", note);
    }
    fflush(stderr);
}

void console_say(const char *sentence) {
    if (quiet) return;
    console_clear();
    fprintf(stderr, "%s\n", sentence);
}

void console_warn(const char *sentence) {
    if (comm_rank()) return;
    console_clear();
    fprintf(stderr, "rlcd: warning: %s\n", sentence);
}

void console_error(const char *sentence) {
    console_clear();
    fprintf(stderr, "rlcd: %s\n", sentence);
}

int console_exit_code(const Error *error) {
    if (error->status == ERR_STOPPED) return console_stop_code();
    return error->status == ERR_USAGE ? 2 : 1;
}

int console_fail(const Error *error) {
    console_error(error->text);
    return console_exit_code(error);
}
