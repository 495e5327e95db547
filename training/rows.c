#include "training/rows.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)4 << 20)

struct rows_chunk {
    struct rows_chunk *next;
    struct arena arena;
    _Alignas(16) unsigned char bytes[];
};

/* One row's own parts. */
struct row {
    struct context context;
    struct action_set actions;
    struct features features;
    uint32_t slot;
    double probability;
};

static int new_chunk(struct rows *rows, size_t least)
{
    size_t size = least > CHUNK_BYTES ? least : CHUNK_BYTES;
    struct rows_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (chunk == NULL)
        return -1;
    chunk->arena = arena_over(chunk->bytes, size);
    chunk->next = rows->chunks;
    rows->chunks = chunk;
    return 0;
}

static size_t features_size(const struct features *features)
{
    return features->dense_count * sizeof(double) +
            features->named_count * sizeof(struct feature) + 64;
}

static void copy_features(
        const struct features *from, struct arena *arena, struct features *out)
{
    *out = *from;
    out->dense =
            arena_copy(arena, from->dense, from->dense_count * sizeof(double));
    out->named = arena_copy(
            arena, from->named, from->named_count * sizeof(struct feature));
}

static size_t row_size(const struct lesson *lesson)
{
    const struct action_set *actions = lesson->actions;
    size_t size = sizeof(struct row) + 64 +
            features_size(&lesson->context->shared) +
            lesson->context->group_count * sizeof(uint16_t);

    if (actions->features != NULL)
        size += features_size(&actions->features[lesson->chosen]);
    return size;
}

static struct row *copy_row(const struct lesson *lesson, struct arena *arena)
{
    const struct action_set *actions = lesson->actions;
    const struct context *context = lesson->context;
    struct row *row = arena_zalloc(arena, 1, sizeof(*row));

    CHECK(row != NULL);
    row->probability = lesson->propensity;
    row->actions.count = 1;
    copy_features(&context->shared, arena, &row->context.shared);
    row->context.group_count = context->group_count;
    row->context.groups = arena_copy(arena, context->groups,
            context->group_count * sizeof(*context->groups));
    if (actions->slot != NULL) {
        row->slot = actions->slot[lesson->chosen];
        row->actions.slot = &row->slot;
    }
    if (actions->features != NULL) {
        copy_features(
                &actions->features[lesson->chosen], arena, &row->features);
        row->actions.features = &row->features;
    }
    CHECK(!arena->overflow);
    return row;
}

static int grow(struct rows *rows)
{
    size_t capacity = rows->capacity == 0 ? 4096 : 2 * rows->capacity;
    struct lesson *list = realloc(rows->list, capacity * sizeof(*list));

    if (list == NULL)
        return -1;
    rows->list = list;
    rows->capacity = capacity;
    return 0;
}

int rows_add(struct rows *rows, const struct lesson *lesson, double weight,
        struct err *err)
{
    size_t size = row_size(lesson);
    struct lesson *copy;
    struct row *row;

    if (((rows->chunks == NULL || arena_left(&rows->chunks->arena) < size) &&
                new_chunk(rows, size) != 0) ||
            (rows->count == rows->capacity && grow(rows) != 0))
        return err_set(err, STATUS_INTERNAL, "training: no memory for rows");
    row = copy_row(lesson, &rows->chunks->arena);
    copy = &rows->list[rows->count++];
    *copy = *lesson;
    copy->context = &row->context;
    copy->actions = &row->actions;
    copy->chosen = 0;
    copy->pmf = &row->probability;
    copy->weight = weight;
    return 0;
}

void rows_free(struct rows *rows)
{
    while (rows->chunks != NULL) {
        struct rows_chunk *next = rows->chunks->next;
        free(rows->chunks);
        rows->chunks = next;
    }
    free(rows->list);
    memset(rows, 0, sizeof(*rows));
}
