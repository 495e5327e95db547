#include "replay/permute.h"

#include <string.h>

bool feature_key_is(const struct feature_key *key, const struct named *named)
{
    return bytes_equal(key->space, named->space) &&
            bytes_equal(key->name, named->name);
}

static int too_large(struct err *err)
{
    return err_set(err, STATUS_BUSY, "a record is too large");
}

/* ---- columns ---- */

/* The same matrix with a copy of its values. */
static double *own_values(struct matrix *matrix, struct arena *arena)
{
    size_t count = (size_t)matrix->rows * matrix->columns;
    double *values = arena_array(arena, double, count);

    if (values != NULL)
        memcpy(values, matrix->values, count * sizeof(*values));
    matrix->values = values;
    matrix->singles = NULL;
    return values;
}

static int permute_columns(const struct question *own,
        const struct question *donor, const struct feature_key *key,
        uint32_t step, struct arena *arena, struct question *out,
        struct err *err)
{
    struct matrix *matrix =
            key->of_action ? &out->action_features : &out->shared;
    const double *from = own->action_features.values;
    uint32_t rows = matrix->rows, columns = matrix->columns;
    double *values = own_values(matrix, arena);

    if (values == NULL)
        return too_large(err);
    if (!key->of_action) {
        values[key->column] = donor->shared.values[key->column];
        return 0;
    }
    for (uint32_t i = 0; i < rows; i++)
        values[(size_t)i * columns + key->column] =
                from[(size_t)((i + step) % rows) * columns + key->column];
    return 0;
}

/* ---- named features ---- */

struct list {
    const struct named *named;
    uint32_t count;
};

/* One's own features but those of the name, and the other's of the name. */
static int exchange(struct list own, struct list other,
        const struct feature_key *key, struct arena *arena, struct list *out,
        struct err *err)
{
    struct named *named =
            arena_array(arena, struct named, (size_t)own.count + other.count);
    uint32_t count = 0;

    if (named == NULL)
        return too_large(err);
    for (uint32_t i = 0; i < own.count; i++)
        if (!feature_key_is(key, &own.named[i]))
            named[count++] = own.named[i];
    for (uint32_t i = 0; i < other.count; i++)
        if (feature_key_is(key, &other.named[i]))
            named[count++] = other.named[i];
    *out = (struct list){named, count};
    return 0;
}

static struct list list_of(const struct question *question, uint32_t place)
{
    for (uint32_t i = 0; i < question->action_named_count; i++)
        if (question->action_named[i].action == place)
            return (struct list){question->action_named[i].named,
                    question->action_named[i].named_count};
    return (struct list){NULL, 0};
}

static int permute_actions(const struct question *own,
        const struct feature_key *key, uint32_t places, uint32_t step,
        struct arena *arena, struct question *out, struct err *err)
{
    struct action_named *all = arena_array(arena, struct action_named, places);
    int status = all == NULL ? too_large(err) : 0;

    for (uint32_t i = 0; status == 0 && i < places; i++) {
        struct list list = {NULL, 0};
        status = exchange(list_of(own, i), list_of(own, (i + step) % places),
                key, arena, &list, err);
        all[i] = (struct action_named){i, list.count, list.named};
    }
    out->action_named = all;
    out->action_named_count = places;
    return status;
}

int question_permute(const struct question *own, const struct question *donor,
        const struct feature_key *key, uint32_t places, uint32_t step,
        struct arena *arena, struct question *out, struct err *err)
{
    struct list list = {NULL, 0};
    int status;

    *out = *own;
    if (key->dense)
        return permute_columns(own, donor, key, step, arena, out, err);
    if (key->of_action)
        return permute_actions(own, key, places, step, arena, out, err);
    status = exchange((struct list){own->named, own->named_count},
            (struct list){donor->named, donor->named_count}, key, arena, &list,
            err);
    out->named = list.named;
    out->named_count = list.count;
    return status;
}
