#include "rlcd/evaluate.h"

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

Status evaluate_replies(EvaluateResult *result, const Role *role, const Base *base, const Role *preference, const PromptTokens *prompts,
                        int n, const GenerateConfig *config, bool cut_unfinished, Session *session, Error *error) {
    Arena *arena = session->run;
    const PromptTokens **asked = arena_alloc(arena, (size_t)n * sizeof *asked);
    for (int i = 0; i < n; i++) asked[i] = &prompts[i];
    Role reference = role_base(base);
    *result = (EvaluateResult){.n = n, .rollouts = arena_zeros(arena, (size_t)n, sizeof(Rollout))};
    GenerateConfig generate = *config;
    generate.key = rng_key(session->seed, "eval.sample");
    TRY(rollout_sample(result->rollouts, asked, n, role, base, &generate, cut_unfinished, 0, arena, session, error));
    // KL compares policy and base at the temperature of the samples.
    float temperature = sampler_temperature(&generate.sampler), **plain = arena_alloc(arena, (size_t)n * sizeof *plain);
    TRY(rollout_score(result->rollouts, n, &reference, preference, NULL, temperature, arena, session, error));
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
