// Runs the program under test as a person or a script would: with arguments, captured streams, signals and limits.
#ifndef TESTS_CLI_H
#define TESTS_CLI_H

#include <sys/types.h>

#include "tensor/base/str.h"
#include "tests/support.h"

#define TINY "tests/golden/tiny_chat"
#define TINY_HH "tests/golden/tiny_hh.jsonl"
#define TINY_RECIPE "tests/golden/tiny.yaml"

// What a run needs beyond its arguments; all zero is the usual case.
typedef struct {
    const char *in, *out;  // files for stdin and stdout (NULL: /dev/null, captured)
    bool close_out;        // stdout is not open at all
    bool dead_pipe;        // stdout is a pipe that nobody reads
    size_t file_limit;     // bytes that a file may reach; 0: any
} CliSetup;

typedef struct {
    pid_t pid;
    int out, err;  // captured streams: files without a name
} CliProcess;

typedef struct {
    int code;  // exit code, or 128 + the signal that ended it
    Text out, err;
} CliResult;

// Starts the program; argv is NULL-terminated and does not hold the program's name.
CliProcess cli_start(const CliSetup *setup, const char *const *argv);

// Waits for the end; a run of more than a minute (times CK_TIMEOUT_MULTIPLIER) is killed and fails the test.
CliResult cli_wait(CliProcess *process, Arena *arena);

// Whether it has not ended yet.
bool cli_running(const CliProcess *process);

// Whether it catches a signal by now (true where the system does not tell): one that comes earlier ends it without a word.
bool cli_catches(const CliProcess *process, int number);

CliResult cli_run_setup(const CliSetup *setup, Arena *arena, const char *const *argv);
#define CLI_ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define cli_run(arena, ...) cli_run_setup(&(CliSetup){0}, (arena), CLI_ARGUMENTS(__VA_ARGS__))

// Runs and demands exit 0; the streams are shown when it is another.
CliResult cli_expect(Arena *arena, const char *const *argv);
#define cli_ok(arena, ...) cli_expect((arena), CLI_ARGUMENTS(__VA_ARGS__))

// Number of lines of a text; a last one without '\n' counts.
int cli_lines(Text text);

// One sentence for the user: a single line on stderr that begins with "rlcd: " and holds `part`, and nothing on stdout.
void cli_check_refusal(const CliResult *result, int code, const char *part);

// "name size hash" of every file below a folder in name order, for comparisons before and after; locks are left out.
Text cli_tree(Arena *arena, const char *folder);

// A printf-style text in the arena; a file with a text in a folder, its path.
const char *cli_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *cli_file(Arena *arena, const char *folder, const char *name, const char *text);

// The golden hash in DIR/STAGE/run.json; "" when the card is not there or not finished.
const char *cli_hash(Arena *arena, const char *dir, const char *stage);

// The committed hash of tests/golden/hashes.txt by its name.
const char *cli_golden(Arena *arena, const char *name);

extern const char *const CLI_STAGES[4];  // simulate, preference, ppo, eval

#endif
