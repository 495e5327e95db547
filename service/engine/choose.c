#include "service/engine/choose.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/guarded.h"
#include "service/engine/trial.h"

/* What the functions below work with. */
struct choosing {
    const struct problem *problem;
    struct arena *arena;
    struct err *err;
};

/* All candidates together are much larger than the one that is kept. */
static int choose_path(struct choosing *choosing,
        const struct round_view *round, struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    uint32_t count = round->actions.count;
    uint32_t *path = arena_array(choosing->arena, uint32_t, count);
    double *marginal = arena_array(choosing->arena, double, count);
    size_t mark = choosing->arena->used;
    struct path_choice choice;
    const uint32_t *start;
    int status;

    if (path == NULL || marginal == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    status = policy_propose(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, hash_bytes(record->head.event, 0),
            choosing->arena, &choice, choosing->err);

    if (status != 0)
        return status;
    start = choice.routes.start + choice.chosen;
    record->path_count = start[1] - start[0];
    memcpy(path, choice.routes.edges + start[0],
            record->path_count * sizeof(*path));
    memcpy(marginal, choice.marginal, count * sizeof(*marginal));
    arena_release(choosing->arena, mark);
    record->count = count;
    record->eligible = round->eligible;
    record->marginal = marginal;
    record->path = path;
    record->path_probability = choice.propensity;
    return 0;
}

static void note_drawn(const struct round_view *round,
        const struct distribution *drawn, struct decision_record *record)
{
    record->count = drawn->count;
    record->eligible = round->eligible;
    record->probability = drawn->pmf;
    record->chosen = drawn->chosen;
    record->second = drawn->second;
    record->pair_probability = drawn->pair;
}

/* All mass on one action. */
static int choose_certain(struct choosing *choosing,
        const struct round_view *round, uint32_t index,
        struct decision_record *record)
{
    double *pmf =
            arena_zalloc(choosing->arena, round->actions.count, sizeof(*pmf));
    struct distribution drawn = {
            .count = round->actions.count, .chosen = index, .pmf = pmf};

    if (pmf == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    pmf[index] = 1.0;
    note_drawn(round, &drawn, record);
    return 0;
}

/* What a circuit breaker compares the outcome with, of the action that is
 * taken, whoever took it. */
static void note_expected(const struct problem *problem,
        const struct distribution *drawn, struct decision_record *record)
{
    record->has_expected = problem->breaker != NULL && drawn->scores != NULL;
    if (record->has_expected)
        record->expected_failure = 1.0 - drawn->scores[record->chosen];
}

/* Under a guard, whose default is at `index`. Where there is no room for a
 * trial of another action nothing is learned of a generation on trial either:
 * such decisions are none of its. */
static int choose_guarded(struct choosing *choosing,
        const struct round_view *round, uint32_t index,
        struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    struct guard_view view = guard_look(&problem->guard, &round->context);
    struct distribution drawn;
    bool settled;
    int status;

    if (view.reason == GUARD_BUDGET) {
        record->guard = GUARD_BUDGET;
        return choose_certain(choosing, round, index, record);
    }
    status = guarded_decide(problem, problem->policy, round, record->head.event,
            index, choosing->arena, &drawn, &settled, choosing->err);
    if (status != 0)
        return status;
    note_drawn(round, &drawn, record);
    if (problem->challenger.policy != NULL)
        status = trial_decide(problem, round, &drawn, index, choosing->arena,
                record, &settled, choosing->err);
    if (settled)
        record->guard = GUARD_SETTLED;
    note_expected(problem, &drawn, record);
    if (record->chosen != index)
        record->limit = view.limit;
    return status;
}

/* The place, in the round, of what the fallback takes: the problem's own
 * action, or the client's baseline. False if neither may be taken. */
static bool find_fallback(const struct problem *problem,
        const struct question *question, const struct round_view *round,
        uint32_t *index)
{
    bool listed = question->action_count > 0;
    bool named = problem->spec->fallback < problem->spec->slots && !listed;

    for (uint32_t i = 0; named && i < round->actions.count; i++)
        if (round->eligible[i] == problem->spec->fallback) {
            *index = i;
            return true;
        }
    for (uint32_t i = 0; question->has_baseline && i < round->actions.count;
            i++)
        if (round->eligible[i] == question->baseline) {
            *index = i;
            return true;
        }
    return false;
}

/* While drift is alarmed: the fallback's action, or what the policy would do,
 * with a share spread over all actions; drawn by the same number. */
static int fall_back(struct choosing *choosing, const struct round_view *round,
        struct distribution *drawn, struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    double explore = problem->spec->settings.fallback_explore;
    uint32_t count = round->actions.count, index = 0;
    double *pmf = arena_array(choosing->arena, double, count);
    struct rng draw = rng_keyed(problem->spec->settings.seed,
            hash_bytes(record->head.event, 0), RNG_ACTION);
    bool found = find_fallback(problem, &record->question, round, &index);

    if (pmf == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    for (uint32_t i = 0; i < count; i++)
        pmf[i] = !found ? drawn->pmf[i] : i == index ? 1.0 : 0.0;
    pmf_floor(pmf, count, explore);
    drawn->pmf = pmf;
    drawn->chosen = pmf_draw(pmf, count, &draw);
    drawn->propensity = pmf[drawn->chosen];
    record->fallback = true;
    return 0;
}

/* Chooses an action, two, a path, or predicts a number, and notes it in the
 * record. */
static int choose_policy(struct choosing *choosing,
        const struct round_view *round, struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    uint32_t index = guarded_default(problem, round);
    struct distribution drawn;
    bool settled = false;
    int status;

    if (problem->spec->settings.form == FORM_PREDICT) {
        record->has_prediction = true;
        return policy_predict(problem->policy, &round->context,
                problem->spec->settings.seed, hash_bytes(record->head.event, 0),
                choosing->arena, &record->prediction, choosing->err);
    }
    if (problem->spec->settings.form == FORM_PATH)
        return choose_path(choosing, round, record);
    if (index != GUARDED_NOT)
        return choose_guarded(choosing, round, index, record);
    status = policy_decide(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, hash_bytes(record->head.event, 0),
            choosing->arena, &drawn, choosing->err);
    if (status == 0 &&
            response_falls_back(&problem->response, &problem->spec->settings,
                    problem->counters.learned))
        status = fall_back(choosing, round, &drawn, record);
    if (status != 0)
        return status;
    note_drawn(round, &drawn, record);
    record->has_second = problem->spec->settings.form == FORM_DUEL;
    if (problem->challenger.policy != NULL && !record->has_second &&
            !record->fallback)
        status = trial_decide(problem, round, &drawn, GUARDED_NOT,
                choosing->arena, record, &settled, choosing->err);
    note_expected(problem, &drawn, record);
    return status;
}

/* ---- the circuit breaker ---- */

/* The question without the actions that are not admitted: they become
 * excluded. */
static int without_masked(struct choosing *choosing,
        const struct round_view *round, const bool *admitted,
        struct question *question)
{
    uint32_t most = question->excluded_count + round->actions.count;
    uint32_t *excluded = arena_array(choosing->arena, uint32_t, most);
    uint32_t count = question->excluded_count;

    if (excluded == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    if (count > 0)
        memcpy(excluded, question->excluded, count * sizeof(*excluded));
    for (uint32_t i = 0; i < round->actions.count; i++) {
        if (!admitted[i])
            excluded[count++] = round->eligible[i];
    }
    question->excluded = excluded;
    question->excluded_count = count;
    return 0;
}

/* Takes actions with open circuits out of the round, by keyed coins. The
 * policy then runs on what is left, so what it logs is exact. */
static int mask_round(struct choosing *choosing,
        const struct question *question, struct round_view *round,
        struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    struct question less = *question;
    uint32_t left, count = round->actions.count;
    bool *admitted = arena_array(choosing->arena, bool, count);
    int status;

    if (admitted == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    left = breaker_admit(problem->breaker, problem->spec->settings.seed,
            hash_bytes(record->head.event, 0), round->actions.slot, count,
            round->context.groups, round->context.group_count, admitted);
    if (left == count)
        return 0;
    if (left == 0) {
        record->all_open = true;
        return 0;
    }
    record->masked = count - left;
    status = without_masked(choosing, round, admitted, &less);
    return status == 0 ? round_of_question(problem->spec, &less,
                                 choosing->arena, round, choosing->err)
                       : status;
}

int choose_record(const struct problem *problem, const struct record *head,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct decision_record *record,
        struct err *err)
{
    struct choosing choosing = {problem, arena, err};
    int status;

    memset(record, 0, sizeof(*record));
    record->head = *head;
    record->question = *question;
    record->question.event = bytes_of(NULL, 0);
    if (problem->grid != NULL) {
        record->question.point_count = grid_count(problem->grid);
        record->question.point = grid_values(problem->grid);
    }
    status = round_of_question(
            problem->spec, &record->question, arena, round, err);
    if (status == 0 && problem->breaker != NULL &&
            !breaker_calm(problem->breaker))
        status = mask_round(&choosing, &record->question, round, record);
    if (status != 0)
        return status;
    record->groups = round->context.groups;
    record->group_count = round->context.group_count;
    record->policy_version = policy_learned(problem->policy);
    record->generation = problem->generation;
    return choose_policy(&choosing, round, record);
}
