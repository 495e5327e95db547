#include "service/engine/choose.h"

#include "base/hash.h"
#include "policies/pmf.h"
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

/* Takes what cannot be better than the default, at `index`, out of a
 * distribution, and draws again, by the same number. */
static int narrow(struct choosing *choosing, const struct round_view *round,
        uint32_t index, struct distribution *drawn,
        struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    uint32_t count = round->actions.count;
    double *widths = arena_array(choosing->arena, double, count);
    double *pmf = arena_array(choosing->arena, double, count);
    struct rng draw = rng_keyed(problem->spec->settings.seed,
            hash_bytes(record->head.event, 0), RNG_ACTION);

    if (widths == NULL || pmf == NULL)
        return err_set(choosing->err, STATUS_BUSY, "the request is too large");
    memcpy(pmf, drawn->pmf, count * sizeof(*pmf));
    if (drawn->scores != NULL &&
            policy_widths(problem->policy, &round->context, &round->actions,
                    choosing->arena, widths) &&
            guard_narrow(
                    &problem->guard, drawn->scores, widths, index, count, pmf))
        record->guard = GUARD_SETTLED;
    drawn->pmf = pmf;
    drawn->chosen = pmf_draw(pmf, count, &draw);
    drawn->propensity = pmf[drawn->chosen];
    return 0;
}

/* Under a guard, whose default is at `index`. */
static int choose_guarded(struct choosing *choosing,
        const struct round_view *round, uint32_t index,
        struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    struct guard_view view = guard_look(&problem->guard, &round->context);
    struct distribution drawn;
    int status;

    if (view.reason == GUARD_BUDGET) {
        record->guard = GUARD_BUDGET;
        return choose_certain(choosing, round, index, record);
    }
    status = policy_decide(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, hash_bytes(record->head.event, 0),
            choosing->arena, &drawn, choosing->err);
    if (status == 0)
        status = narrow(choosing, round, index, &drawn, record);
    if (status != 0)
        return status;
    note_drawn(round, &drawn, record);
    if (drawn.chosen != index)
        record->limit = view.limit;
    return 0;
}

/* Where the guard's default is among the actions of the round; false if there
 * is no guard, or the default may not be taken. */
static bool find_default(const struct problem *problem,
        const struct round_view *round, uint32_t *index)
{
    for (uint32_t i = 0; problem->spec->guard.on && i < round->actions.count;
            i++)
        if (round->actions.slot[i] == problem->spec->guard.slot) {
            *index = i;
            return true;
        }
    return false;
}

/* Chooses an action, two, a path, or predicts a number, and notes it in the
 * record. */
static int choose_policy(struct choosing *choosing,
        const struct round_view *round, struct decision_record *record)
{
    const struct problem *problem = choosing->problem;
    struct distribution drawn;
    uint32_t index;
    int status;

    if (problem->spec->settings.form == FORM_PREDICT) {
        record->has_prediction = true;
        return policy_predict(problem->policy, &round->context,
                problem->spec->settings.seed, hash_bytes(record->head.event, 0),
                choosing->arena, &record->prediction, choosing->err);
    }
    if (problem->spec->settings.form == FORM_PATH)
        return choose_path(choosing, round, record);
    if (find_default(problem, round, &index))
        return choose_guarded(choosing, round, index, record);
    status = policy_decide(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, hash_bytes(record->head.event, 0),
            choosing->arena, &drawn, choosing->err);
    if (status != 0)
        return status;
    note_drawn(round, &drawn, record);
    record->has_second = problem->spec->settings.form == FORM_DUEL;
    if (problem->challenger.policy == NULL || record->has_second)
        return 0;
    return trial_decide(
            problem, round, &drawn, choosing->arena, record, choosing->err);
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
    if (status != 0)
        return status;
    record->groups = round->context.groups;
    record->group_count = round->context.group_count;
    record->policy_version = policy_learned(problem->policy);
    record->generation = problem->generation;
    return choose_policy(&choosing, round, record);
}
