// The program `rlcd`: chooses the verb. Everything a verb does is in tools/cmd_*.c.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/cpu.h"
#include "tools/console.h"
#include "tools/stage.h"

typedef struct {
    const Verb *verb;
    int (*run)(int argc, const char *const *argv);
} Entry;

static const Entry ENTRIES[] = {
    {&VERB_DEMO, cmd_demo},
    {&VERB_RUN, cmd_run},
    {&VERB_SIMULATE, cmd_simulate},
    {&VERB_PREFERENCE, cmd_preference},
    {&VERB_PPO, cmd_ppo},
    {&VERB_EVAL, cmd_eval},
    {&VERB_GENERATE, cmd_generate},
    {&VERB_TRACE, cmd_trace},
    {&VERB_TOKENIZER, cmd_tokenizer},
    {&VERB_INSPECT, cmd_inspect},
    {&VERB_CONVERT, cmd_convert},
    {&VERB_BENCH, cmd_bench},
    {&VERB_LABEL, cmd_label},
    {&VERB_WORLD, cmd_world},
    {&VERB_PRETRAIN, cmd_pretrain},
    {&VERB_SFT, cmd_sft},
    {&VERB_DPO, cmd_dpo},
    {&VERB_REPORT, cmd_report},
    {&VERB_THEORY, cmd_theory},
    {&VERB_JUDGE, cmd_judge},
    {&VERB_DATA, cmd_data},
};
enum { ENTRY_COUNT = sizeof ENTRIES / sizeof *ENTRIES };

static const Entry *find(const char *name) {
    for (int i = 0; i < ENTRY_COUNT; i++)
        if (strcmp(name, ENTRIES[i].verb->name) == 0) return &ENTRIES[i];
    return NULL;
}

// One sentence for a verb that is not there, with the nearest one.
static int unknown(const char *name) {
    const char *names[ENTRY_COUNT + 3] = {"help", "version"};
    for (int i = 0; i < ENTRY_COUNT; i++) names[2 + i] = ENTRIES[i].verb->name;
    const char *near = nearest_name(name, names);
    Error error;
    if (near)
        error_set(&error, ERR_USAGE, "expected a verb, found \"%s\": did you mean %s?", name, near);
    else
        error_set(&error, ERR_USAGE, "expected a verb, found \"%s\": rlcd help lists them", name);
    return console_fail(&error);
}

// Ends a verb that only prints.
static int printed(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    console_error("stdout: what was printed could not be written");
    return 1;
}

// A standard stream that the caller closed is opened on nothing, so that no file of ours takes its number.
static void open_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) _exit(1);
}

static int help(void) {
    printf("rlcd: aligns a language model without human labels (RLCD, arXiv 2307.12950)\n\n");
    for (int i = 0; i < ENTRY_COUNT; i++) printf("  %-11s %s\n", ENTRIES[i].verb->name, ENTRIES[i].verb->summary);
    printf("\nrlcd VERB --help shows a verb's options.\n");
    return printed();
}

static int version(void) {
    Cpu cpu = cpu_detect();
    printf("rlcd %s\nkernels: scalar%s%s%s\ncompiler: %s\nMPI: %s\n", RLCD_VERSION, cpu.avx2 ? " avx2" : "", cpu.avx512 ? " avx512" : "",
           cpu.neon ? " neon" : "", __VERSION__, comm_library());
    return printed();
}

int main(int argc, char **argv) {
    const char *const *arguments = (const char *const *)argv;
    open_streams();
    // A reader that goes away is told like any other failed write.
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        Error error;
        error_set(&error, ERR_USAGE, "expected a verb, found none: rlcd help lists them");
        return console_fail(&error);
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) return version();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && argc == 2)) return help();
    if (strcmp(name, "help") == 0) {
        const Entry *entry = find(argv[2]);
        static const char *const HELP[] = {"--help"};
        return entry ? entry->run(1, HELP) : unknown(argv[2]);
    }
    const Entry *entry = find(name);
    return entry ? entry->run(argc - 2, arguments + 2) : unknown(name);
}
