#include "training/sides.h"

#include "policies/features.h"

#include <stdlib.h>

const struct features *side_features(
        const struct lesson *lesson, enum side_kind kind)
{
    static const struct features nothing = {0};

    if (kind == SIDE_OF_CONTEXT)
        return &lesson->context->shared;
    return lesson->actions->features == NULL
            ? &nothing
            : &lesson->actions->features[lesson->chosen];
}

/* ---- cuts ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Cuts between all different values, or `most` + 1 if there are too many. */
static uint32_t cut_between(
        const double *sorted, size_t count, uint32_t most, double *cuts)
{
    uint32_t found = 0;

    for (size_t i = 1; i < count; i++) {
        if (!(sorted[i - 1] < sorted[i]))
            continue;
        if (found == most)
            return most + 1;
        cuts[found++] = sorted[i - 1] + (sorted[i] - sorted[i - 1]) / 2;
    }
    return found;
}

/* Cuts at quantiles. */
static uint32_t cut_equally(
        const double *sorted, size_t count, uint32_t bins, double *cuts)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < bins; i++) {
        double cut = sorted[count * i / bins];
        if (cut > sorted[0] && (found == 0 || cut > cuts[found - 1]))
            cuts[found++] = cut;
    }
    return found;
}

static void choose_cuts(struct pairwise_side *side, enum side_kind kind,
        const struct training_job *job, double *room)
{
    const struct pairwise_options *options = job->spec->oracle.options;

    side->cut_start[0] = 0;
    for (uint32_t i = 0; i < side->columns; i++) {
        double *cuts = side->cuts + side->cut_start[i];
        uint32_t count;
        for (size_t r = 0; r < job->count; r++) {
            const double *dense = side_features(&job->lessons[r], kind)->dense;
            CHECK(dense != NULL);
            room[r] = dense[i];
        }
        qsort(room, job->count, sizeof(*room), by_value);
        count = cut_between(room, job->count, options->distinct - 1, cuts);
        if (count == options->distinct)
            count = cut_equally(room, job->count, options->bins, cuts);
        side->cut_start[i + 1] = side->cut_start[i] + count;
    }
}

/* ---- names ---- */

struct name_weight {
    uint64_t hash;
    double weight;
};

static int by_hash(const void *a, const void *b)
{
    const struct name_weight *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int by_weight(const void *a, const void *b)
{
    const struct name_weight *x = a, *y = b;

    return x->weight != y->weight ? (x->weight > y->weight ? -1 : 1)
                                  : by_hash(a, b);
}

static size_t count_names(const struct training_job *job, enum side_kind kind)
{
    size_t count = 0;

    for (size_t r = 0; r < job->count; r++)
        count += side_features(&job->lessons[r], kind)->named_count;
    return count;
}

/* All names with their weights, each once; the heaviest `most` of them. */
static size_t gather_names(const struct training_job *job, enum side_kind kind,
        struct name_weight *names, size_t most)
{
    size_t count = 0, merged = 0;

    for (size_t r = 0; r < job->count; r++) {
        const struct features *features = side_features(&job->lessons[r], kind);
        for (uint32_t i = 0; i < features->named_count; i++)
            names[count++] = (struct name_weight){
                    features->named[i].hash, job->lessons[r].weight};
    }
    qsort(names, count, sizeof(*names), by_hash);
    for (size_t i = 0; i < count; i++) {
        if (merged > 0 && names[merged - 1].hash == names[i].hash)
            names[merged - 1].weight += names[i].weight;
        else
            names[merged++] = names[i];
    }
    if (merged > most) {
        qsort(names, merged, sizeof(*names), by_weight);
        merged = most;
        qsort(names, merged, sizeof(*names), by_hash);
    }
    return merged;
}

static int choose_names(struct pairwise_side *side, enum side_kind kind,
        const struct training_job *job, struct err *err)
{
    const struct pairwise_options *options = job->spec->oracle.options;
    size_t count = count_names(job, kind);
    struct name_weight *names = calloc(count + 1, sizeof(*names));

    if (names == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    count = gather_names(job, kind, names, options->values);
    side->names = (uint32_t)count;
    side->name = calloc(count + 1, sizeof(*side->name));
    if (side->name != NULL)
        for (size_t i = 0; i < count; i++)
            side->name[i] = names[i].hash;
    free(names);
    return side->name != NULL
            ? 0
            : err_set(err, STATUS_INTERNAL, "training: no memory");
}

/* ---- a side ---- */

int side_choose(struct pairwise_side *side, enum side_kind kind,
        const struct training_job *job, struct err *err)
{
    const struct shape *shape = &job->spec->shape;
    double *room = calloc(job->count + 1, sizeof(*room));
    int status = 0;

    memset(side, 0, sizeof(*side));
    side->columns =
            kind == SIDE_OF_CONTEXT ? shape->shared_dense : shape->action_dense;
    side->slots = kind == SIDE_OF_CONTEXT ? 0 : shape->slots;
    side->cut_start = calloc((size_t)side->columns + 1, sizeof(uint32_t));
    side->first = calloc((size_t)side->columns + 1, sizeof(uint32_t));
    side->cuts = calloc(
            (size_t)side->columns * PAIRWISE_CUTS_MAX + 1, sizeof(double));
    if (room == NULL || side->cut_start == NULL || side->first == NULL ||
            side->cuts == NULL)
        status = err_set(err, STATUS_INTERNAL, "training: no memory");
    if (status == 0) {
        choose_cuts(side, kind, job, room);
        status = choose_names(side, kind, job, err);
    }
    free(room);
    if (status == 0)
        pairwise_side_number(side);
    else
        side_free(side);
    return status;
}

void side_free(struct pairwise_side *side)
{
    free(side->cut_start);
    free(side->first);
    free(side->cuts);
    free(side->name);
    memset(side, 0, sizeof(*side));
}

uint32_t *side_sources(const struct pairwise_side *side, uint32_t *count)
{
    uint32_t *source = calloc((size_t)side->atoms + 1, sizeof(*source));
    uint32_t spaces[256], space_count = 0, at = side->first[side->columns];

    if (source == NULL)
        return NULL;
    for (uint32_t i = 0; i < side->columns; i++)
        for (uint32_t a = side->first[i]; a < side->first[i + 1]; a++)
            source[a] = i;
    for (uint32_t i = 0; i < side->slots; i++)
        source[at++] = side->columns;
    for (uint32_t i = 0; i < side->names; i++) {
        uint32_t space = feature_space(side->name[i]), s = 0;
        while (s < space_count && spaces[s] != space)
            s++;
        /* Beyond so many namespaces the rest counts as one. */
        if (s == space_count && space_count < ARRAY_COUNT(spaces))
            spaces[space_count++] = space;
        source[at++] =
                side->columns + 1 + (s < space_count ? s : space_count - 1);
    }
    *count = side->columns + 1 + space_count;
    return source;
}
