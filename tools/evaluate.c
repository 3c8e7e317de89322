#include "tools/evaluate.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

// Log-probabilities of all replies under the base at temperature 1: what perplexity is made of.
static Status base_logprob(float **logp, const Rollout *rollouts, int n, const Role *reference, float sampled_at, Session *session,
                           Error *error) {
    Sequence *sequences = arena_alloc(session->run, (size_t)n * sizeof *sequences);
    for (int i = 0; i < n; i++) {
        sequences[i] = rollouts[i].sequence;
        // At that temperature they are known already.
        logp[i] = rollouts[i].ref_logp;
        if (sampled_at != 1) logp[i] = arena_zeros(session->run, (size_t)sequence_actions(&sequences[i]), sizeof(float));
    }
    return sampled_at == 1 ? OK : score_logprob(logp, NULL, reference, sequences, n, 1.0f, session, error);
}

double evaluate_best_kl(int k) { return (double)log_f32((float)k) - (double)(k - 1) / (double)k; }

// Of each k replies the one with the highest score, the first of equal ones, comes to the front.
static void keep_best(Rollout *rollouts, int n, int k) {
    for (int i = 0; i < n; i++) {
        int best = i * k;
        for (int j = best + 1; j < (i + 1) * k; j++) best = rollouts[j].score > rollouts[best].score ? j : best;
        rollouts[i] = rollouts[best];
    }
}

Status evaluate_replies(EvaluateResult *result, const Role *role, const Base *base, const Role *preference, const PromptTokens *prompts,
                        int n, const GenerateConfig *config, bool cut_unfinished, int best_of, Session *session, Error *error) {
    REQUIRE(best_of == 1 || (best_of > 1 && preference), "evaluate: the best of %d replies without a preference model", best_of);
    Arena *arena = session->run;
    int all = n * best_of;
    const PromptTokens **asked = arena_alloc(arena, (size_t)all * sizeof *asked);
    for (int i = 0; i < all; i++) asked[i] = &prompts[i / best_of];
    Role reference = role_base(base);
    *result = (EvaluateResult){.n = n, .rollouts = arena_zeros(arena, (size_t)all, sizeof(Rollout))};
    GenerateConfig generate = *config;
    generate.key = rng_key(session->seed, "eval.sample");
    TRY(rollout_sample(result->rollouts, asked, all, role, base, &generate, cut_unfinished, 0, arena, session, error));
    // KL compares policy and base at the temperature of the samples.
    float temperature = sampler_temperature(&generate.sampler), **plain = arena_alloc(arena, (size_t)n * sizeof *plain);
    TRY(rollout_score(result->rollouts, all, &reference, preference, NULL, temperature, arena, session, error));
    keep_best(result->rollouts, n, best_of);
    TRY(base_logprob(plain, result->rollouts, n, &reference, temperature, session, error));

    // One number a reply, then means over replies; tokens count once each in the perplexity.
    double *kl = arena_alloc(arena, (size_t)n * sizeof *kl), *length = arena_alloc(arena, (size_t)n * sizeof *length);
    result->score = preference ? arena_alloc(arena, (size_t)n * sizeof *result->score) : NULL;
    int *offset = arena_alloc(arena, (size_t)(n + 1) * sizeof *offset), tokens = 0, ended = 0;
    double nats = 0;
    for (int i = 0; i < n; i++) {
        const Rollout *r = &result->rollouts[i];
        int T = sequence_actions(&r->sequence);
        kl[i] = 0;
        for (int t = 0; t < T; t++) {
            kl[i] += (double)r->logp[t] - (double)r->ref_logp[t];
            nats -= (double)plain[i][t];
        }
        length[i] = T;
        if (preference) result->score[i] = (double)r->score;
        ended += r->end != END_LIMIT;
        offset[i] = tokens;
        tokens += T;
    }
    offset[n] = tokens;
    int32_t *ids = arena_alloc(arena, (size_t)(tokens + 1) * sizeof *ids);
    for (int i = 0; i < n; i++)
        for (int t = offset[i]; t < offset[i + 1]; t++)
            ids[t] = result->rollouts[i].sequence.ids[result->rollouts[i].sequence.from + t - offset[i]];

    result->kl = measure_mean(kl, n);
    result->length = measure_mean(length, n);
    if (preference) result->scores = measure_mean(result->score, n);
    result->perplexity = (double)exp_f32((float)(nats / (double)tokens));
    result->ended = (double)ended / (double)n;
    for (int order = 1; order <= 3; order++) result->distinct[order - 1] = measure_distinct_ids(arena, ids, offset, n, order);
    return OK;
}
