#include "service/engine/trial.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/guarded.h"

/* An action that is hardly ever chosen says little, however much it would
 * weigh; sums stay finite. */
#define WEIGHT_MAX 1e9

/* What is expected of the mixture before it is drawn; without predictions, half
 * of the range. */
static double expected(const struct distribution *drawn, const double *pmf)
{
    double sum = 0.0;

    if (drawn->scores == NULL)
        return 0.5;
    for (uint32_t i = 0; i < drawn->count; i++)
        sum += pmf[i] * drawn->scores[i];
    return sum;
}

int trial_decide(const struct problem *problem, const struct round_view *round,
        const struct distribution *drawn, uint32_t guarded, struct arena *arena,
        struct decision_record *record, bool *settled, struct err *err)
{
    const struct challenger *challenger = &problem->challenger;
    struct rng rng = rng_keyed(problem->spec->settings.seed,
            hash_bytes(record->head.event, 0), RNG_CANARY);
    struct distribution other;
    enum pmf_side side = PMF_FIRST;
    bool other_settled;
    double *mix;
    int status = guarded_decide(problem, challenger->policy, round,
            record->head.event, guarded, arena, &other, &other_settled, err);

    if (status != 0)
        return status;
    if (challenger->share > 0.0) {
        mix = arena_array(arena, double, drawn->count);
        if (mix == NULL)
            return err_set(err, STATUS_BUSY, "the request is too large");
        record->chosen = pmf_couple(drawn->pmf, other.pmf, drawn->count,
                challenger->share, &rng, mix, &side);
        record->probability = mix;
        *settled = *settled && other_settled;
    }
    record->trial = (struct trial){.given = true,
            .generation = challenger->generation,
            .side = side,
            .share = challenger->share,
            .other = other.pmf[record->chosen],
            .control = expected(drawn, record->probability)};
    return 0;
}

bool trial_is_on(
        const struct problem *problem, const struct decision_record *decision)
{
    const struct challenger *challenger = &problem->challenger;

    return challenger->policy != NULL && decision->trial.given &&
            decision->trial.generation == challenger->generation &&
            decision->trial.share == challenger->share;
}

double trial_term(const struct decision_record *decision, double loss)
{
    const struct trial *trial = &decision->trial;
    double surprise = 1.0 - loss - trial->control;

    if (trial->share == 0.0) {
        double weight = trial->other / decision->probability[decision->chosen];
        return ((weight < WEIGHT_MAX ? weight : WEIGHT_MAX) - 1.0) * surprise;
    }
    switch ((enum pmf_side)trial->side) {
    case PMF_COMMON:
        return 0.0;
    case PMF_FIRST:
        return -surprise / (1.0 - trial->share);
    case PMF_SECOND:
        return surprise / trial->share;
    }
    CHECK_UNREACHABLE();
}

void trial_learn(struct problem *problem,
        const struct decision_record *decision, double loss)
{
    struct challenger *challenger = &problem->challenger;
    double term = trial_term(decision, loss);

    challenger->rows++;
    challenger->sum += term;
    challenger->squares += term * term;
}

void trial_correct(struct problem *problem,
        const struct decision_record *decision, double before, double loss)
{
    struct challenger *challenger = &problem->challenger;
    double old = trial_term(decision, before);
    double term = trial_term(decision, loss);

    challenger->sum += term - old;
    challenger->squares += term * term - old * old;
}
