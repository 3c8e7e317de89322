#include "tools/options.h"

#include <stddef.h>

// Columns: name, type, default, --preset paper, changes bits, required, low, high, choices, value's name, help.

static const Option GENERAL[] = {
    {"config", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Read options from a flat YAML file."},
    {"preset", OPTION_CHOICE, "default", NULL, false, false, 0, 0, "default|paper", NULL, "Defaults to start from."},
    {"seed", OPTION_INT, "0", NULL, true, false, 0, 4294967295.0, NULL, "N", "Seed of every random draw."},
    {"threads", OPTION_INT, NULL, NULL, false, false, 1, 256, NULL, "N", "Threads (default: what the machine or the job gives)."},
    {"kernels", OPTION_CHOICE, "native", NULL, false, false, 0, 0, "native|scalar|avx2|avx512|neon", NULL,
     "Instruction set; never changes a bit."},
    {"precision", OPTION_CHOICE, "fp32", NULL, BITS_CHANGED, false, 0, 0, "fp32|bf16", NULL,
     "Products of linear layers and the head: fp32, or of operands rounded to bf16 (numerics.md, M3)."},
    {"memory", OPTION_SIZE, NULL, NULL, false, false, 0, 0, NULL, "SIZE", "Cap on the memory that is asked for, such as 2G."},
    {"rows", OPTION_INT, "512", NULL, false, false, 1, 1e6, NULL, "N", "Rows of a scoring batch or a training pass; never changes a bit."},
    {"resume", OPTION_CHOICE, "auto", NULL, false, false, 0, 0, "auto|never|must", NULL,
     "Go on from the newest checkpoint; must: fail where there is no run; never: begin anew."},
    {"checkpoint_every", OPTION_INT, "10", NULL, false, false, 1, 1e9, NULL, "N", "Steps between checkpoints."},
    {"keep", OPTION_INT, "2", NULL, false, false, 1, 1e6, NULL, "N", "Checkpoints that are kept."},
    {"max_time", OPTION_DURATION, NULL, NULL, false, false, 0, 0, NULL, "TIME", "Save and exit with 75 after this time, such as 3h30m."},
    {"quiet", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "No progress on stderr."},
    {0},
};
static const Option MODEL[] = {
    {"model", OPTION_PATH, NULL, NULL, false, true, 0, 0, NULL, "M", "A .gguf file or a Hugging Face folder."},
    {0},
};
static const Option OUT[] = {
    {"out", OPTION_PATH, NULL, NULL, false, true, 0, 0, NULL, "DIR", "Run directory."},
    {0},
};
static const Option DATA[] = {
    {"prompts", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Dialogues (HH or prompt rows, .jsonl or .jsonl.gz)."},
    {"first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "First row of the prompts that is used."},
    {"limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "Rows that are used; -1 for all."},
    {0},
};
static const Option TASK[] = {
    {"task", OPTION_STRING, "harmless", NULL, true, false, 0, 0, NULL, "T", "Task name or a task file."},
    {0},
};
static const Option SIMULATE[] = {
    {"method", OPTION_CHOICE, "rlcd", NULL, true, false, 0, 0, "rlcd|rlaif", NULL,
     "rlcd: a reply to p+ and one to p-; rlaif: two replies to p, for a judge (rlcd label)."},
    {"max_new", OPTION_INT, "300", NULL, true, false, 1, 1e6, NULL, "N", "Longest reply in tokens (paper.md, 2)."},
    {"max_prompt", OPTION_INT, "512", NULL, true, false, 8, 1e6, NULL, "N",
     "Longest prompt in tokens; longer ones lose turns from the left."},
    {"temperature", OPTION_DOUBLE, "1", NULL, true, false, 0, 100, NULL, "X", "Sampling temperature; 0 takes the likeliest token."},
    {"top_k", OPTION_INT, "50", NULL, true, false, 0, 1e6, NULL, "K", "Tokens to draw from; 0 for all (paper.md, 2)."},
    {"top_p", OPTION_DOUBLE, "1", NULL, true, false, 1e-6, 1, NULL, "P", "Probability mass to draw from."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences at once; never changes a bit."},
    {"filter", OPTION_CHOICE, "sound", "paper", true, false, 0, 0, "sound|paper", NULL,
     "Rule that turns a sample into a reply (paper.md, quirk 5)."},
    {"cut_unfinished", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL, "Keep a reply without an end, cut at its last sentence."},
    {"shard", OPTION_STRING, "0/1", NULL, true, false, 0, 0, NULL, "I/N", "Only every N-th prompt, from the I-th (counted from 0)."},
    {0},
};
static const Option LABEL[] = {
    {"pairs", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "DIR|FILE", "Pairs to label: a run of simulate, or a file."},
    {"voice", OPTION_STRING, "", NULL, true, false, 0, 0, NULL, "V", "What {voice} in the judge's template becomes."},
    {"orders", OPTION_CHOICE, "both", "random", true, false, 0, 0, "both|first|random", NULL,
     "Places of the chosen reply: both, averaged; always the first; one at random (paper.md, quirk 6)."},
    {"labels", OPTION_CHOICE, "bare", "spaced", true, false, 0, 0, "bare|spaced|both", NULL,
     "Label token: A, A with a blank before it, or both (paper.md, quirk 1)."},
    {"hard", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL, "Labels 0 or 1 instead of the judge's probability."},
    {"max_tokens", OPTION_INT, "1024", NULL, true, false, 8, 1e6, NULL, "N",
     "Longest judge prompt; longer ones lose turns from the left, then the pair is left out."},
    {0},
};
// clang-format off
// What is trained, in every section that trains a role.
#define ADAPTER_OPTIONS \
    {"train", OPTION_CHOICE, "adapter", "all", true, false, 0, 0, "adapter|all", NULL, \
     "What is trained: a low-rank adapter or every weight."}, \
    {"rank", OPTION_INT, "16", NULL, true, false, 1, 4096, NULL, "R", "Adapter rank."}, \
    {"alpha", OPTION_DOUBLE, "32", NULL, true, false, 1e-6, 1e6, NULL, "X", "Adapter scale times rank."}, \
    {"targets", OPTION_LIST, "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj", NULL, true, false, 0, 0, NULL, "NAMES", \
     "Projections with an adapter."}

// Schedule, clip and length, alike wherever pairs are trained on.
#define TRAINING_OPTIONS \
    {"schedule", OPTION_CHOICE, "cosine", NULL, true, false, 0, 0, "constant|linear|cosine", NULL, "Learning rate after the warm-up."}, \
    {"warmup", OPTION_DOUBLE, "0.03", NULL, true, false, 0, 1, NULL, "X", "Share of steps in the warm-up (paper.md, 2)."}, \
    {"weight_decay", OPTION_DOUBLE, "0", NULL, true, false, 0, 10, NULL, "X", "Decoupled weight decay (paper.md, 2)."}, \
    {"max_norm", OPTION_DOUBLE, "1", NULL, true, false, 0, 1e9, NULL, "X", "Gradient norm is clipped to this; 0: never."}, \
    {"max_tokens", OPTION_INT, "512", NULL, true, false, 8, 1e6, NULL, "N", "Longest prompt and reply together (paper.md, 2)."}
// clang-format on

static const Option PREFERENCE[] = {
    {"pairs", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Pairs to train on."},
    ADAPTER_OPTIONS,
    {"epochs", OPTION_INT, "1", NULL, true, false, 1, 1e6, NULL, "N", "Passes over the pairs (paper.md, 2)."},
    {"batch", OPTION_INT, "16", NULL, true, false, 1, 1e6, NULL, "N", "Pairs of one step (paper.md, 2)."},
    {"unit", OPTION_INT, "0", NULL, true, false, 0, 1e6, NULL, "N", "Pairs of one gradient unit; 0: the whole batch (numerics.md, G2)."},
    {"lr", OPTION_DOUBLE, "2e-4", "3e-6", true, false, 0, 10, NULL, "X", "Highest learning rate (the paper's 3e-6 is for all weights)."},
    TRAINING_OPTIONS,
    {"margin", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 1000, NULL, "X",
     "By how much the better score must lead (Touvron et al., 2023)."},
    {"centring", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 1000, NULL, "X",
     "Weight of (r+ + r-)^2 in the loss, which keeps scores around 0 (Eisenstein et al., 2023: 0.01)."},
    {"label_smoothing", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 0.5, NULL, "X", "Share of labels taken to be wrong."},
    {"weights", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "X", "Weights of the pairs' losses, one for each file of pairs."},
    {"holdout", OPTION_INT, "0", NULL, true, false, 0, 1e9, NULL, "N", "Last pairs that are kept out of training and measured instead."},
    {"head_init", OPTION_DOUBLE, "1", NULL, true, false, 0, 1000, NULL, "X",
     "Deviation of the head's first weights times sqrt(D + 1); 0: zeros, so that scores hold what was learned and nothing else."},
    {"scale", OPTION_CHOICE, "training", NULL, true, false, 0, 0, "training|plain", NULL,
     "Replies whose scores have mean 0 and deviation 1: those trained on, or plain ones of the base."},
    {"plain", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Pairs of plain replies (simulate.method rlaif) for the scale."},
    {"plain_limit", OPTION_INT, "256", NULL, true, false, 2, 1e9, NULL, "N", "Plain replies that are used: the chosen of the first pairs."},
    {0},
};
static const Option SFT[] = {
    {"pairs", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Pairs whose chosen replies are learned."},
    ADAPTER_OPTIONS,
    {"epochs", OPTION_INT, "3", NULL, true, false, 1, 1e6, NULL, "N", "Passes over the pairs (paper.md, 2)."},
    {"batch", OPTION_INT, "16", "128", true, false, 1, 1e6, NULL, "N", "Pairs of one step."},
    {"unit", OPTION_INT, "0", NULL, true, false, 0, 1e6, NULL, "N", "Pairs of one gradient unit; 0: the whole batch (numerics.md, G2)."},
    {"lr", OPTION_DOUBLE, "2e-4", "2e-5", true, false, 0, 10, NULL, "X", "Highest learning rate (the paper's 2e-5 is for all weights)."},
    TRAINING_OPTIONS,
    {0},
};
static const Option DPO[] = {
    {"pairs", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Pairs to train on."},
    {"beta", OPTION_DOUBLE, "0.1", NULL, true, false, 1e-6, 1e3, NULL, "X",
     "Strength of the pull towards the base (Rafailov et al., 2023)."},
    {"loss", OPTION_CHOICE, "dpo", NULL, BITS_CHANGED, false, 0, 0, "dpo|ipo|cdpo", NULL,
     "dpo: log-sigmoid; ipo: squared (Azar et al., 2023); cdpo: log-sigmoid with smoothed labels (Mitchell, 2023)."},
    {"label_smoothing", OPTION_DOUBLE, "0.1", NULL, BITS_CHANGED, false, 0, 0.5, NULL, "X", "cdpo: share of labels taken to be wrong."},
    ADAPTER_OPTIONS,
    {"epochs", OPTION_INT, "1", NULL, true, false, 1, 1e6, NULL, "N", "Passes over the pairs."},
    {"batch", OPTION_INT, "16", NULL, true, false, 1, 1e6, NULL, "N", "Pairs of one step."},
    {"unit", OPTION_INT, "0", NULL, true, false, 0, 1e6, NULL, "N", "Pairs of one gradient unit; 0: the whole batch (numerics.md, G2)."},
    {"lr", OPTION_DOUBLE, "5e-5", NULL, true, false, 0, 10, NULL, "X", "Highest learning rate."},
    TRAINING_OPTIONS,
    {0},
};
static const Option PPO[] = {
    {"preference", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Run directory of the preference model."},
    {"algorithm", OPTION_CHOICE, "ppo", NULL, BITS_CHANGED, false, 0, 0, "ppo|rloo|grpo", NULL,
     "ppo has a value model; rloo (Ahmadian et al., 2024) and grpo (Shao et al., 2024) compare replies to the same prompt."},
    {"group", OPTION_INT, "4", NULL, BITS_CHANGED, false, 2, 1024, NULL, "N", "rloo, grpo: replies to each prompt of a step."},
    {"dr_grpo", OPTION_FLAG, "no", NULL, BITS_CHANGED, false, 0, 0, NULL, NULL,
     "grpo: divide neither by a group's deviation nor by a reply's length (Liu et al., 2025)."},
    ADAPTER_OPTIONS,
    {"steps", OPTION_INT, "40", NULL, true, false, 1, 1e6, NULL, "N", "PPO steps (paper.md, 2: 40 to 80)."},
    {"rollouts", OPTION_INT, "32", "512", true, false, 1, 65536, NULL, "N", "Replies of one step."},
    {"minibatch", OPTION_INT, "16", "256", true, false, 1, 65536, NULL, "N", "Replies of one optimizer step."},
    {"unit", OPTION_INT, "0", "16", true, false, 0, 65536, NULL, "N",
     "Replies of one gradient unit; 0: the whole minibatch (numerics.md, G2)."},
    {"accumulate", OPTION_CHOICE, "all", "last", BITS_CHANGED, false, 0, 0, "all|last", NULL,
     "Units whose gradients an update adds: all of the minibatch, or its last one alone (paper.md, quirk 14)."},
    {"epochs", OPTION_INT, "2", NULL, true, false, 1, 1000, NULL, "N", "Passes over the rollouts (paper.md, 2)."},
    {"lr", OPTION_DOUBLE, "2e-4", "1e-5", true, false, 0, 10, NULL, "X", "Highest learning rate (the paper's 1e-5 is for all weights)."},
    {"schedule", OPTION_CHOICE, "constant", "linear", true, false, 0, 0, "constant|linear|cosine", NULL,
     "Learning rate after the warm-up."},
    {"warmup", OPTION_DOUBLE, "0", "0.125", true, false, 0, 1, NULL, "X", "Share of steps in the warm-up (paper.md, 2: 5 of 40)."},
    {"rate_steps", OPTION_CHOICE, "update", "rollout", BITS_CHANGED, false, 0, 0, "update|rollout", NULL,
     "The rate moves with each update, or once a step of rollouts (paper.md, quirk 11)."},
    {"value_rate", OPTION_DOUBLE, "1", NULL, true, false, 0, 1000, NULL, "X", "Value model's learning rate as a multiple of the policy's."},
    {"adam_eps", OPTION_DOUBLE, "1e-5", NULL, true, false, 0, 1, NULL, "X", "Adam's epsilon (paper.md, 2)."},
    {"weight_decay", OPTION_DOUBLE, "0", NULL, true, false, 0, 10, NULL, "X", "Decoupled weight decay."},
    {"max_norm", OPTION_DOUBLE, "1", NULL, true, false, 0, 1e9, NULL, "X", "Gradient norm is clipped to this; 0: never (paper.md, 2)."},
    {"gamma", OPTION_DOUBLE, "1", NULL, true, false, 0, 1, NULL, "X", "Discount (paper.md, 2)."},
    {"lambda", OPTION_DOUBLE, "1", NULL, true, false, 0, 1, NULL, "X", "Of the advantage estimate (paper.md, 2)."},
    {"clip", OPTION_DOUBLE, "0.2", NULL, true, false, 0, 10, NULL, "X", "Clip of the probability ratio (paper.md, 2)."},
    {"value_clip", OPTION_DOUBLE, "0.2", NULL, true, false, 0, 1e9, NULL, "X", "Clip of the value's move (paper.md, 2)."},
    {"kl", OPTION_CHOICE, "k1", "clamp", true, false, 0, 0, "clamp|k1|k2|k3|full", NULL,
     "KL of one action: an estimate from its log-probabilities, or full: of both whole distributions (paper.md, quirk 9)."},
    {"kl_in", OPTION_CHOICE, "auto", NULL, BITS_CHANGED, false, 0, 0, "auto|reward|loss", NULL,
     "Where the KL penalty stands; auto: in the reward, with grpo in the loss as k3."},
    {"kl_coef", OPTION_DOUBLE, "0.02", "0.002", true, false, 0, 1000, NULL, "X", "Weight of the KL penalty."},
    {"kl_target", OPTION_DOUBLE, "0", NULL, true, false, 0, 1e6, NULL, "X", "KL that the coefficient is steered to; 0: fixed coefficient."},
    {"kl_horizon", OPTION_DOUBLE, "10000", NULL, true, false, 1, 1e12, NULL, "X", "Horizon of the adaptive coefficient."},
    {"kl_gain", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 1000, NULL, "X",
     "Gain of the adaptive coefficient instead of rollouts / kl_horizon (AlpacaFarm's k_beta, 0.1); 0: none."},
    {"stop_kl", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 1000, NULL, "X",
     "A step's updates end before the minibatch whose approximate KL from its samples is larger; 0: never."},
    {"whiten_reward", OPTION_CHOICE, "none", "keep_mean", true, false, 0, 0, "none|scale|keep_mean", NULL,
     "Scaling of rewards (paper.md, quirk 8)."},
    {"whiten_advantage", OPTION_FLAG, "yes", NULL, true, false, 0, 0, NULL, NULL, "Whiten advantages over the batch (paper.md, 2)."},
    {"whiten_group", OPTION_INT, "0", "64", BITS_CHANGED, false, 0, 65536, NULL, "N",
     "Rollouts whose statistics whiten rewards and advantages; 0: all of the step (paper.md, quirk 7)."},
    {"score_scale", OPTION_CHOICE, "none", NULL, BITS_CHANGED, false, 0, 0, "none|running|running_mean", NULL,
     "Scores divided by the deviation of all scores of the run so far, or also without their mean (TRL)."},
    {"score_clip", OPTION_DOUBLE, "0", NULL, BITS_CHANGED, false, 0, 1e6, NULL, "X", "Scores are cut to -X and X; 0: never (TRL)."},
    {"missing_end", OPTION_DOUBLE, "0", "1", true, false, 0, 1e6, NULL, "X", "What a missing end costs a reply's score."},
    {"missing", OPTION_CHOICE, "subtract", "set", BITS_CHANGED, false, 0, 0, "subtract|set", NULL,
     "missing_end is taken off the score, or the score is -missing_end (paper.md, 2)."},
    {"ends", OPTION_CHOICE, "both", "marker", BITS_CHANGED, false, 0, 0, "both|marker", NULL,
     "What counts as an end: end-of-text and a stop text, or only a stop text behind something (paper.md, quirk 15)."},
    {"repeat_coef", OPTION_DOUBLE, "0", NULL, true, false, 0, 1e6, NULL, "X", "Taken from the reward of an action that repeats an n-gram."},
    {"repeat_length", OPTION_INT, "4", NULL, true, false, 1, 1024, NULL, "N", "Length of such an n-gram, in tokens."},
    {"cut_unfinished", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL, "Judge a reply without an end up to its last sentence."},
    {"max_new", OPTION_INT, "300", NULL, true, false, 1, 1e6, NULL, "N", "Longest reply in tokens (paper.md, 2)."},
    {"max_prompt", OPTION_INT, "192", NULL, true, false, 8, 1e6, NULL, "N", "Longest prompt in tokens (paper.md, 2)."},
    {"temperature", OPTION_DOUBLE, "1", NULL, true, false, 1e-3, 100, NULL, "X", "Sampling temperature (paper.md, 2)."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences sampled at once; never changes a bit."},
    {"samples", OPTION_INT, "4", NULL, true, false, 0, 65536, NULL, "N", "Replies of each step written to samples.jsonl."},
    {0},
};
static const Option EVAL[] = {
    {"adapter", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Run directory of the tuned model."},
    {"preference", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Run directory of the preference model."},
    {"policy", OPTION_STRING, NULL, NULL, true, false, 0, 0, NULL, "NAME",
     "One policy alone, under this name: the tuned model, or the base without --adapter."},
    {"pairs", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Pairs whose preference accuracy is measured."},
    {"pairs_first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "I", "Pairs with a smaller index (by itself: row) are left out."},
    {"pairs_limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "Pairs that are used; -1 for all."},
    {"prompts", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "Held-out prompts (run: the same file as data.prompts if not given)."},
    {"first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "First row of the held-out prompts."},
    {"limit", OPTION_INT, "64", NULL, true, false, 1, 1e12, NULL, "N", "Number of held-out prompts."},
    {"cut_unfinished", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL, "Judge a reply without an end up to its last sentence."},
    {"max_new", OPTION_INT, "300", NULL, true, false, 1, 1e6, NULL, "N", "Longest reply in tokens."},
    {"max_prompt", OPTION_INT, "512", NULL, true, false, 8, 1e6, NULL, "N", "Longest prompt in tokens."},
    {"max_tokens", OPTION_INT, "512", NULL, true, false, 8, 1e6, NULL, "N", "Longest prompt and reply of a pair together."},
    {"temperature", OPTION_DOUBLE, "1", NULL, true, false, 0, 100, NULL, "X", "Sampling temperature."},
    {"best_of", OPTION_INT, "1", NULL, BITS_CHANGED, false, 1, 1024, NULL, "N",
     "Replies of the tuned model (or of the base, without one) to a prompt, of which the preference model's favourite counts."},
    {"top_p", OPTION_DOUBLE, "1", "0.9", true, false, 1e-6, 1, NULL, "P", "Probability mass to draw from (paper.md, 2: 0.9)."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences at once; never changes a bit."},
    {"require", OPTION_DOUBLE, NULL, NULL, false, false, 0, 0, NULL, "X", "Exit with 3 unless the score rises by X standard errors."},
    {0},
};
static const Option GENERATE[] = {
    {"adapter", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Run directory of a tuned model."},
    {"prompt", OPTION_STRING, NULL, NULL, true, false, 0, 0, NULL, "TEXT",
     "The text to go on from (\\n in it is a line break); - reads stdin."},
    {"prompts", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Prompts file; one JSON line a reply."},
    {"first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "First row of the prompts."},
    {"limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "Rows that are used; -1 for all."},
    {"n", OPTION_INT, "1", NULL, true, false, 1, 65535, NULL, "K", "Replies to each prompt."},
    {"max_new", OPTION_INT, "256", NULL, true, false, 1, 1e6, NULL, "N", "Longest reply in tokens."},
    {"temperature", OPTION_DOUBLE, "1", NULL, true, false, 0, 100, NULL, "X", "Sampling temperature; 0 takes the likeliest token."},
    {"top_k", OPTION_INT, "0", NULL, true, false, 0, 1e6, NULL, "K", "Tokens to draw from; 0 for all."},
    {"top_p", OPTION_DOUBLE, "1", NULL, true, false, 1e-6, 1, NULL, "P", "Probability mass to draw from."},
    {"ban", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "IDS", "Token ids that are never drawn."},
    {"stop", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "TEXT", "Text that ends a reply (\\n in it is a line break)."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences at once; never changes a bit."},
    {0},
};
static const Option PRETRAIN[] = {
    {"text", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "Text to train on: rows with \"text\" (.jsonl) or plain text, also .gz."},
    {"documents", OPTION_CHOICE, "blank", NULL, true, false, 0, 0, "blank|line|file", NULL,
     "What divides plain text into documents: blank lines, every line, or nothing."},
    {"tokenizer", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "F", "A tokenizer.json or its folder."},
    {"end", OPTION_STRING, NULL, NULL, true, false, 0, 0, NULL, "TOKEN", "The end-of-text token (default: what the folder names)."},
    {"model", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "M", "A Hugging Face folder to go on from, instead of random weights."},
    {"config_model", OPTION_CHOICE, "tiny", NULL, true, false, 0, 0, "tiny|stories15m|smollm-135m", NULL,
     "Shape of a new model; single sizes below."},
    {"dim", OPTION_INT, NULL, NULL, true, false, 2, 65536, NULL, "N", "Width."},
    {"layers", OPTION_INT, NULL, NULL, true, false, 1, 1024, NULL, "N", "Layers."},
    {"heads", OPTION_INT, NULL, NULL, true, false, 1, 1024, NULL, "N", "Attention heads."},
    {"kv_heads", OPTION_INT, NULL, NULL, true, false, 1, 1024, NULL, "N", "Heads of keys and values."},
    {"hidden", OPTION_INT, NULL, NULL, true, false, 1, 1e6, NULL, "N", "Feed-forward width."},
    {"context", OPTION_INT, NULL, NULL, true, false, 2, 1e6, NULL, "N", "Longest sequence in tokens."},
    {"tied", OPTION_FLAG, "yes", NULL, true, false, 0, 0, NULL, NULL, "One matrix for embedding and head."},
    {"norm_eps", OPTION_DOUBLE, "1e-5", NULL, true, false, 1e-12, 1, NULL, "X", "Epsilon of the norms."},
    {"rope_theta", OPTION_DOUBLE, "10000", NULL, true, false, 1, 1e12, NULL, "X", "Base of the rotary angles."},
    {"init_embedding", OPTION_DOUBLE, "0.02", NULL, true, false, 0, 10, NULL, "X", "Deviation of a new embedding's weights."},
    {"init_matrix", OPTION_DOUBLE, "0.04", NULL, true, false, 0, 10, NULL, "X",
     "Deviation of new matrices; o_proj and down_proj are divided by sqrt(2 layers)."},
    {"tokens", OPTION_INT, "4500000", NULL, true, false, 1, 1e15, NULL, "N", "Tokens to train on, in all."},
    {"batch", OPTION_INT, "1280", NULL, true, false, 2, 1e9, NULL, "N", "Most tokens of one step."},
    {"unit", OPTION_INT, "0", NULL, true, false, 0, 1e6, NULL, "N",
     "Sequences of one gradient unit; 0: the whole batch (numerics.md, G2)."},
    {"lr", OPTION_DOUBLE, "2e-3", NULL, true, false, 0, 10, NULL, "X", "Highest learning rate."},
    {"schedule", OPTION_CHOICE, "cosine", NULL, true, false, 0, 0, "constant|linear|cosine", NULL, "Learning rate after the warm-up."},
    {"floor", OPTION_DOUBLE, "0.05", NULL, true, false, 0, 1, NULL, "X", "Share of the rate at which the schedule ends."},
    {"warmup", OPTION_DOUBLE, "0.04", NULL, true, false, 0, 1, NULL, "X", "Share of the tokens in the warm-up."},
    {"beta1", OPTION_DOUBLE, "0.9", NULL, true, false, 0, 0.999999, NULL, "X", "AdamW's first beta."},
    {"beta2", OPTION_DOUBLE, "0.95", NULL, true, false, 0, 0.999999, NULL, "X", "AdamW's second beta."},
    {"adam_eps", OPTION_DOUBLE, "1e-8", NULL, true, false, 0, 1, NULL, "X", "AdamW's epsilon."},
    {"weight_decay", OPTION_DOUBLE, "0.05", NULL, true, false, 0, 10, NULL, "X", "Decoupled weight decay of every weight, norms too."},
    {"max_norm", OPTION_DOUBLE, "1", NULL, true, false, 0, 1e9, NULL, "X", "Gradient norm is clipped to this; 0: never."},
    {0},
};
// Knobs of the small world without a default here: that stands in its own file.
static const Option WORLD[] = {
    {"documents", OPTION_INT, NULL, NULL, true, false, 1, 4294967295.0, NULL, "N", "corpus: documents in all."},
    {"tokens", OPTION_INT, NULL, NULL, true, false, 1, 1e12, NULL, "N",
     "corpus: at least this many words, marks, breaks and ends of documents: about one token each."},
    {"delta", OPTION_DOUBLE, NULL, NULL, true, false, -10, 10, NULL, "X", "Knob: how far an annotation moves the attribute."},
    {"leak", OPTION_DOUBLE, NULL, NULL, true, false, -10, 10, NULL, "X", "Knob: how far an annotation moves the tone."},
    {"pull", OPTION_DOUBLE, NULL, NULL, true, false, -10, 10, NULL, "X", "Knob: how far a bad request pulls the reply."},
    {"rho", OPTION_DOUBLE, NULL, NULL, true, false, -1, 1, NULL, "X", "Knob: correlation over the turns of a plain dialogue."},
    {"p_multi", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of dialogues with an earlier exchange."},
    {"p_closing", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of dialogues with a closing Human turn."},
    {"p_annot", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of dialogues with annotations."},
    {"p_judge", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of judge documents."},
    {"level_weight", OPTION_DOUBLE, NULL, NULL, true, false, 0, 10, NULL, "X", "Knob: how much the attribute decides about a level."},
    {"tone_weight", OPTION_DOUBLE, NULL, NULL, true, false, 0, 10, NULL, "X", "Knob: how much the tone latent decides about a tone."},
    {"stray_judge", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of judged sentences with another topic's words."},
    {"stray_minus", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: the same under an unwanted annotation."},
    {"repeat_minus", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of repeated sentences there."},
    {"splice_minus", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1, NULL, "P", "Knob: share of sentences there with another's end."},
    {"copy_weight", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1000, NULL, "X", "Knob: weight of a reply's topic words in the loss."},
    {"opening_weight", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1000, NULL, "X", "Knob: weight of later sentences' beginnings."},
    {"answer_weight", OPTION_DOUBLE, NULL, NULL, true, false, 0, 1000, NULL, "X", "Knob: weight of a judge document's answer in the loss."},
    {"min_sentences", OPTION_DOUBLE, NULL, NULL, true, false, 1, 16, NULL, "N",
     "Knob: the oracle's mean is over at least so many sentences."},
    {"voice", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "VOICE", "Knob: NAME:ATTRIBUTE:TONE:LENGTH:FIRST, a judge's voice."},
    {"mix", OPTION_STRING, NULL, NULL, true, false, 0, 0, NULL, "MIX", "Knob: TASK:SHARE,... in the corpus."},
    {0},
};
static const Option DEMO[] = {
    {"seeds", OPTION_INT, "1", NULL, true, false, 1, 1000, NULL, "N", "Seeds, from the general one on; each is a run of everything."},
    {"full", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL,
     "All tasks of the world, five seeds, every judge on the first task, and the calculation over delta and leak."},
    {"prompts", OPTION_INT, "1000", NULL, true, false, 8, 1e6, NULL, "N", "Prompts to train on, over topics of the corpus."},
    {"held_out", OPTION_INT, "512", NULL, true, false, 8, 1e6, NULL, "N",
     "Prompts to measure on, over topics that the corpus does not have."},
    {"min_sentences", OPTION_INT, "1", NULL, true, false, 1, 16, NULL, "N", "The oracle's mean is over at least so many sentences."},
    {"predict_pairs", OPTION_INT, "4000", NULL, true, false, 10, 100000, NULL, "N", "Pairs of a method in the calculation."},
    {"retrain", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL,
     "The calculation over delta and leak, and for each value a base of its own with the methods on it: hours."},
    {"retrain_tokens", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N",
     "Tokens of such a base, both phases together; 0: those of its recipe (models/tiny/phase-*.yaml)."},
    {"retrain_knobs", OPTION_LIST, NULL, NULL, true, false, 0, 0, NULL, "KNOB=X", "Values for retrain instead of the sweep's."},
    {0},
};
// Attributes are in deviations of a reply's attribute; the defaults are the paper's numbers.
static const Option THEORY[] = {
    {"shift", OPTION_DOUBLE, "3", NULL, true, false, 0, 20, NULL, "X", "How far apart p+ and p- move the mean (paper.md, 4: 3)."},
    {"noise", OPTION_DOUBLE, "1", NULL, true, false, 0, 100, NULL, "X", "Deviation of what the judge sees of a reply (paper.md, 4: 1)."},
    {"width", OPTION_DOUBLE, "0.2", NULL, true, false, 1e-3, 10, NULL, "X", "Pairs whose attributes differ by at most this are hard."},
    {"pairs", OPTION_INT, "4000000", NULL, true, false, 1, 4294967295.0, NULL, "N", "Pairs of each method in the table."},
    {"cell_pairs", OPTION_INT, "100000", NULL, true, false, 1, 4294967295.0, NULL, "N", "Pairs of each point of the surface."},
    {"shift_max", OPTION_DOUBLE, "4", NULL, true, false, 0.01, 20, NULL, "X", "Largest shift of the surface, which begins at 0."},
    {"noise_max", OPTION_DOUBLE, "2", NULL, true, false, 0.01, 100, NULL, "X", "Largest noise of the surface, which begins at 0."},
    {"steps", OPTION_INT, "16", NULL, true, false, 1, 64, NULL, "N", "Steps from 0 to both."},
    {"hard", OPTION_LIST, "0, 0.25, 0.5, 0.75, 1", NULL, true, false, 0, 0, NULL, "P",
     "Shares of prompts whose two replies come out alike, ascending."},
    {0},
};
static const Option JUDGE[] = {
    {"question", OPTION_STRING, "Which of the two replies is better?", NULL, false, false, 0, 0, NULL, "TEXT",
     "form: what stands at the scale."},
    {"limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "form, export: prompts that are asked about; -1 for all."},
    {"replicates", OPTION_INT, "10000", NULL, false, false, 1, 1e6, NULL, "N", "import, compare, model: samples of the bootstrap."},
    {"groups", OPTION_INT, "4", NULL, false, false, 1, 100, NULL, "N", "import, compare, model: groups by difference in length."},
    {"margin", OPTION_DOUBLE, "0", NULL, true, false, 0, 1000, NULL, "X", "model: log-odds up to which an answer is a tie."},
    {0},
};
static const Option CHECK[] = {
    {"held_out", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "Held-out prompts or pairs: whether they stand in the other files is what is asked."},
    {"first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "First row of each file."},
    {"limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "Rows of each file; -1 for all."},
    {"held_out_first", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "First row of each held-out file."},
    {"held_out_limit", OPTION_INT, "-1", NULL, true, false, -1, 1e12, NULL, "N", "Rows of each held-out file; -1 for all."},
    {"ngram", OPTION_INT, "8", NULL, true, false, 2, 64, NULL, "N", "Words of a run that prompts are compared by."},
    {"near", OPTION_DOUBLE, "0.5", NULL, true, false, 0.01, 1, NULL, "P",
     "Prompts are near when this share of the shorter one's runs stands in the other one."},
    {"shown", OPTION_INT, "3", NULL, false, false, 0, 1e6, NULL, "N", "Places that are printed of each kind."},
    {"strict", OPTION_FLAG, "no", NULL, true, false, 0, 0, NULL, NULL,
     "Exit with 3 when there is a leak: a held-out prompt that other files have, or without --held-out one that two files have."},
    {0},
};
static const Option RUN[] = {
    {"methods", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "NAMES",
     "Methods side by side: base, cd, rlcd, rlaif[-VOICE], rescore[-VOICE], dpo, ipo, cdpo, rloo, grpo, bon, human, hybrid."},
    {"best_of", OPTION_INT, "8", NULL, true, false, 2, 1024, NULL, "N", "bon: replies of the base, of which the favourite counts."},
    {"human", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE", "Human-labelled pairs (HH) for the preference model's accuracy."},
    {"human_train", OPTION_LIST, NULL, NULL, false, false, 0, 0, NULL, "FILE",
     "human, hybrid: pairs labelled by people that the preference model learns; others than those it is measured on."},
    {"human_weight", OPTION_STRING, "1", NULL, true, false, 0, 0, NULL, "X", "hybrid: weight of people's pairs beside those of rlcd."},
    {0},
};

const OptionTable OPTIONS_GENERAL = {"", GENERAL};
const OptionTable OPTIONS_MODEL = {"", MODEL};
const OptionTable OPTIONS_OUT = {"", OUT};
const OptionTable OPTIONS_DATA = {"data", DATA};
const OptionTable OPTIONS_TASK = {"data", TASK};
const OptionTable OPTIONS_SIMULATE = {"simulate", SIMULATE};
const OptionTable OPTIONS_LABEL = {"label", LABEL};
const OptionTable OPTIONS_PREFERENCE = {"preference", PREFERENCE};
const OptionTable OPTIONS_SFT = {"sft", SFT};
const OptionTable OPTIONS_DPO = {"dpo", DPO};
const OptionTable OPTIONS_PPO = {"ppo", PPO};
const OptionTable OPTIONS_EVAL = {"eval", EVAL};
const OptionTable OPTIONS_GENERATE = {"generate", GENERATE};
const OptionTable OPTIONS_PRETRAIN = {"pretrain", PRETRAIN};
const OptionTable OPTIONS_WORLD = {"world", WORLD};
const OptionTable OPTIONS_DEMO = {"demo", DEMO};
const OptionTable OPTIONS_THEORY = {"theory", THEORY};
const OptionTable OPTIONS_JUDGE = {"judge", JUDGE};
const OptionTable OPTIONS_CHECK = {"check", CHECK};
const OptionTable OPTIONS_RUN = {"run", RUN};

const OptionTable *const OPTIONS_ALL[] = {
    &OPTIONS_GENERAL,  &OPTIONS_MODEL,      &OPTIONS_OUT,  &OPTIONS_DATA, &OPTIONS_TASK, &OPTIONS_SIMULATE,
    &OPTIONS_LABEL,    &OPTIONS_PREFERENCE, &OPTIONS_SFT,  &OPTIONS_DPO,  &OPTIONS_PPO,  &OPTIONS_EVAL,
    &OPTIONS_GENERATE, &OPTIONS_PRETRAIN,   &OPTIONS_WORLD, &OPTIONS_DEMO, &OPTIONS_RUN,  &OPTIONS_THEORY,
    &OPTIONS_JUDGE,    &OPTIONS_CHECK,    NULL};
