#include "policies/contributions.h"

/* All features of a round of one action, in one row: the context's columns and
 * named ones, then the action's. */
struct row {
    const struct policy *policy;
    const struct context *context;
    const struct action_set *action; /* the one */
    const struct features *own; /* its features; count 0: none */
    uint32_t start[5]; /* of each part, and the end */
    double *context_dense, *own_dense;
    struct arena *arena;
    int status;
    struct err *err;
};

/* The part of `given` that lies between two places of the row. */
static struct features part_of(const struct features *given, double *dense,
        uint32_t dense_start, uint32_t named_start, uint32_t from, uint32_t to)
{
    struct features part = *given;
    uint32_t first = from > named_start ? from - named_start : 0;
    uint32_t end = to > named_start ? to - named_start : 0;

    for (uint32_t i = 0; i < given->dense_count; i++) {
        uint32_t at = dense_start + i;
        dense[i] = at >= from && at < to ? given->dense[i] : 0.0;
    }
    part.dense = given->dense_count > 0 ? dense : given->dense;
    if (end > given->named_count)
        end = given->named_count;
    if (first > end)
        first = end;
    part.named = given->named_count > 0 ? given->named + first : given->named;
    part.named_count = end - first;
    return part;
}

/* The score with the features from one place of the row to another. */
static double score_between(struct row *row, uint32_t from, uint32_t to)
{
    struct context context = *row->context;
    struct action_set action = *row->action;
    struct features own = part_of(row->own, row->own_dense,
            row->start[ACTION_DENSE], row->start[ACTION_NAMED], from, to);
    size_t mark = row->arena->used;
    double loss = 0.0;

    context.shared = part_of(&row->context->shared, row->context_dense,
            row->start[CONTEXT_DENSE], row->start[CONTEXT_NAMED], from, to);
    if (action.features != NULL)
        action.features = &own;
    if (row->status == 0)
        row->status = policy_loss(
                row->policy, &context, &action, row->arena, &loss, row->err);
    arena_release(row->arena, mark);
    return 1.0 - loss;
}

static enum contribution_part part_at(const struct row *row, uint32_t at)
{
    int part = CONTEXT_DENSE;

    while (at >= row->start[part + 1])
        part++;
    return (enum contribution_part)part;
}

static void walk(
        struct row *row, struct contribution *list, double base, double score)
{
    uint32_t count = row->start[4];
    double forward = base, backward = score;

    for (uint32_t i = 0; i < count; i++) {
        enum contribution_part part = part_at(row, i);
        /* The last of both ends is known: all features, and none. */
        double with = i + 1 < count ? score_between(row, 0, i + 1) : score;
        double without =
                i + 1 < count ? score_between(row, i + 1, count) : base;
        list[i] = (struct contribution){part, i - row->start[part],
                0.5 * (with - forward) + 0.5 * (backward - without)};
        forward = with;
        backward = without;
    }
}

static bool make_row(struct row *row)
{
    const struct features *shared = &row->context->shared;
    uint32_t counts[4] = {shared->dense_count, shared->named_count,
            row->own->dense_count, row->own->named_count};

    row->start[0] = 0;
    for (int part = 0; part < 4; part++)
        row->start[part + 1] = row->start[part] + counts[part];
    row->context_dense = arena_array(row->arena, double, counts[0]);
    row->own_dense = arena_array(row->arena, double, counts[2]);
    return row->context_dense != NULL && row->own_dense != NULL;
}

int policy_contributions(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena, struct contributions *out,
        struct err *err)
{
    static const struct features none;
    struct action_set one = {.count = 1,
            .slot = actions->slot == NULL ? NULL : actions->slot + index,
            .features = actions->features == NULL ? NULL
                                                  : actions->features + index};
    struct row row = {.policy = policy,
            .context = context,
            .action = &one,
            .own = one.features == NULL ? &none : one.features,
            .arena = arena,
            .err = err};
    struct contribution *list;

    if (!make_row(&row))
        return err_set(err, STATUS_BUSY, "too many features to explain");
    list = arena_array(arena, struct contribution, row.start[4]);
    if (list == NULL)
        return err_set(err, STATUS_BUSY, "too many features to explain");
    out->count = row.start[4];
    out->list = list;
    out->base = score_between(&row, 0, 0);
    out->score = score_between(&row, 0, row.start[4]);
    if (row.status == 0)
        walk(&row, list, out->base, out->score);
    return row.status;
}
