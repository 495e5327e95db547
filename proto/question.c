#include "proto/question.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/wide.h"
#include "proto/wire.h"

#include <math.h>

static void *allocate(void *self, size_t size)
{
    /* protobuf-c takes NULL for failure, also where it asks for 0 bytes. */
    return arena_alloc(self, size);
}

static void forget(void *self, void *block)
{
    (void)self;
    (void)block;
}

ProtobufCAllocator message_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){allocate, forget, arena};
}

ProtobufCBinaryData message_of_bytes(struct bytes bytes)
{
    /* protobuf-c's type is not const; packing does not write. */
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {bytes.data};

    return (ProtobufCBinaryData){bytes.size, data.out};
}

int message_refuse_unknown(
        const ProtobufCMessage *message, const char *what, struct err *err)
{
    if (message->n_unknown_fields == 0)
        return 0;
    return err_set(err, STATUS_INVALID, "%s: field number %u is not known",
            what, (unsigned)message->unknown_fields[0].tag);
}

static int too_small(struct err *err)
{
    return err_set(err, STATUS_BUSY, "the request is too large to hold now");
}

static bool number_allowed(double value)
{
    return isfinite(value) && fabs(value) <= VALUE_MAX;
}

/* ---- matrices ---- */

/* Index of the first value that is not allowed. Called when there is one. */
static size_t first_bad(const double *values, size_t count)
{
    size_t i = 0;

    while (i < count && number_allowed(values[i]))
        i++;
    return i;
}

/* The largest single within VALUE_MAX, as an integer: of numbers without their
 * sign the integers have the same order, and NaN is above all. */
#define SINGLE_MOST 0x58635fa9

/* Singles as doubles; false if one is not allowed. Without branches, so that it
 * becomes vector instructions. */
WIDE static bool widen_singles(
        const float *restrict singles, size_t count, double *restrict values)
{
    int32_t bad = 0;

    for (size_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, &singles[i], sizeof(bits));
        bad |= (bits & INT32_MAX) > SINGLE_MOST;
        values[i] = (double)singles[i];
    }
    return bad == 0;
}

static bool doubles_allowed(const double *values, size_t count)
{
    unsigned good = 1;

    for (size_t i = 0; i < count; i++)
        good &= fabs(values[i]) <= VALUE_MAX;
    return good;
}

/* All values as doubles, checked. */
static int widen(const Rue__Matrix *message, size_t count, double *values,
        const char *what, struct err *err)
{
    bool good;

    if (message->n_f32 > 0) {
        good = widen_singles(message->f32, count, values);
    } else {
        good = doubles_allowed(message->f64, count);
        memcpy(values, message->f64, count * sizeof(*values));
    }
    if (good)
        return 0;
    return err_set(err, STATUS_INVALID,
            "%s: value %zu is not a number within +-%g", what,
            first_bad(values, count), VALUE_MAX);
}

static int matrix_from_message(const Rue__Matrix *message, uint32_t rows_max,
        const char *what, struct arena *arena, struct matrix *matrix,
        struct err *err)
{
    size_t count;
    double *values;

    memset(matrix, 0, sizeof(*matrix));
    if (message == NULL)
        return 0;
    if (message_refuse_unknown(&message->base, what, err) != 0)
        return STATUS_INVALID;
    if (message->n_f32 > 0 && message->n_f64 > 0)
        return err_set(
                err, STATUS_INVALID, "%s: either f32 or f64, not both", what);
    count = message->n_f32 + message->n_f64;
    if (message->columns > COLUMNS_MAX)
        return err_set(err, STATUS_INVALID, "%s: %u columns, at most %u", what,
                message->columns, COLUMNS_MAX);
    if (message->columns == 0 && count == 0)
        return 0;
    /* No values are no rows: columns alone would be taken for a row. */
    if (message->columns == 0 || count == 0 || count % message->columns != 0)
        return err_set(err, STATUS_INVALID,
                "%s: %zu values do not fill rows of %u columns", what, count,
                message->columns);
    if (count / message->columns > rows_max)
        return err_set(err, STATUS_INVALID, "%s: %zu rows, at most %u", what,
                count / message->columns, rows_max);
    values = arena_array(arena, double, count);
    if (values == NULL)
        return too_small(err);
    if (widen(message, count, values, what, err) != 0)
        return STATUS_INVALID;
    *matrix = (struct matrix){(uint32_t)(count / message->columns),
            message->columns, message->n_f32 > 0 ? message->f32 : NULL, values};
    return 0;
}

static void pack_matrix(
        struct packing *packing, uint32_t field, const struct matrix *matrix)
{
    size_t count = (size_t)matrix->rows * matrix->columns;
    const uint8_t *end = packing->at;

    if (matrix->columns == 0)
        return;
    if (matrix->singles != NULL)
        pack_f32s(packing, 2, matrix->singles, count);
    else
        pack_f64s(packing, 3, matrix->values, count);
    pack_u64(packing, 1, matrix->columns);
    pack_head(packing, field, end);
}

/* ---- named features ---- */

static int named_one(
        const Rue__Named *message, struct named *named, struct err *err)
{
    named->space = bytes_of_message(message->space);
    named->name = bytes_of_message(message->name);
    named->text = bytes_of_message(message->text);
    named->has_text = message->has_text;
    named->value = message->has_text ? 1.0 : message->value;
    if (message_refuse_unknown(&message->base, "named", err) != 0 ||
            wire_check_id(named->name, "named.name", err) != 0)
        return STATUS_INVALID;
    if (named->space.size > 0 &&
            wire_check_id(named->space, "named.space", err) != 0)
        return STATUS_INVALID;
    if (named->text.size > 0 &&
            wire_check_id(named->text, "named.text", err) != 0)
        return STATUS_INVALID;
    if (message->has_text && message->has_value)
        return err_set(
                err, STATUS_INVALID, "named: either value or text, not both");
    if (!number_allowed(named->value))
        return err_set(err, STATUS_INVALID,
                "named.value: not a number within +-%g", VALUE_MAX);
    return 0;
}

static int named_from_message(Rue__Named *const *messages, size_t count,
        struct arena *arena, const struct named **out, struct err *err)
{
    struct named *named;

    *out = NULL;
    if (count > NAMED_MAX)
        return err_set(err, STATUS_INVALID, "named: %zu features, at most %u",
                count, NAMED_MAX);
    if (count == 0)
        return 0;
    named = arena_array(arena, struct named, count);
    if (named == NULL)
        return too_small(err);
    for (size_t i = 0; i < count; i++)
        if (named_one(messages[i], &named[i], err) != 0)
            return STATUS_INVALID;
    *out = named;
    return 0;
}

static void pack_named(struct packing *packing, uint32_t field,
        const struct named *list, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) {
        const struct named *named = &list[i - 1];
        const uint8_t *end = packing->at;
        if (named->has_text)
            pack_bytes(packing, 4, named->text);
        else
            pack_f64(packing, 3, named->value);
        pack_bytes(packing, 2, named->name);
        if (named->space.size > 0)
            pack_bytes(packing, 1, named->space);
        pack_head(packing, field, end);
    }
}

static int check_named_total(const Rue__Decide *message, struct err *err)
{
    size_t total = message->n_named;

    for (size_t i = 0; i < message->n_action_named; i++)
        total += message->action_named[i]->n_named;
    if (total > NAMED_TOTAL_MAX)
        return err_set(err, STATUS_INVALID,
                "action_named: %zu named features in all, at most %u", total,
                NAMED_TOTAL_MAX);
    return 0;
}

static int action_named_from_message(const Rue__Decide *message,
        struct arena *arena, struct question *question, struct err *err)
{
    size_t count = message->n_action_named;
    struct action_named *list;

    if (count > ACTIONS_MAX)
        return err_set(err, STATUS_INVALID,
                "action_named: %zu entries, at most %u", count, ACTIONS_MAX);
    if (count == 0)
        return 0;
    list = arena_array(arena, struct action_named, count);
    if (list == NULL)
        return too_small(err);
    for (size_t i = 0; i < count; i++) {
        const Rue__ActionFeatures *entry = message->action_named[i];
        int status;
        if (message_refuse_unknown(&entry->base, "action_named", err) != 0)
            return STATUS_INVALID;
        list[i].action = entry->action;
        list[i].named_count = (uint32_t)entry->n_named;
        status = named_from_message(
                entry->named, entry->n_named, arena, &list[i].named, err);
        if (status != 0)
            return status;
    }
    question->action_named = list;
    question->action_named_count = (uint32_t)count;
    return 0;
}

static void pack_action_named(struct packing *packing, uint32_t field,
        const struct question *question)
{
    for (uint32_t i = question->action_named_count; i > 0; i--) {
        const struct action_named *entry = &question->action_named[i - 1];
        const uint8_t *end = packing->at;
        pack_named(packing, 2, entry->named, entry->named_count);
        pack_u64(packing, 1, entry->action);
        pack_head(packing, field, end);
    }
}

/* ---- lists of ids ---- */

static int ids_from_message(const ProtobufCBinaryData *data, size_t count,
        size_t max, const char *what, struct arena *arena,
        const struct bytes **out, struct err *err)
{
    struct bytes *ids;

    *out = NULL;
    if (count > max)
        return err_set(err, STATUS_INVALID, "%s: %zu entries, at most %zu",
                what, count, max);
    if (count == 0)
        return 0;
    ids = arena_array(arena, struct bytes, count);
    if (ids == NULL)
        return too_small(err);
    for (size_t i = 0; i < count; i++) {
        ids[i] = bytes_of_message(data[i]);
        if (wire_check_id(ids[i], what, err) != 0)
            return STATUS_INVALID;
    }
    *out = ids;
    return 0;
}

static void pack_ids(struct packing *packing, uint32_t field,
        const struct bytes *ids, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--)
        pack_bytes(packing, field, ids[i - 1]);
}

/* ---- the question ---- */

static int excluded_from_message(
        const Rue__Decide *message, struct question *question, struct err *err)
{
    if (message->n_excluded > ACTIONS_MAX)
        return err_set(err, STATUS_INVALID, "excluded: %zu places, at most %u",
                message->n_excluded, ACTIONS_MAX);
    question->excluded = message->excluded;
    question->excluded_count = (uint32_t)message->n_excluded;
    return 0;
}

int question_from_message(const Rue__Decide *message, struct arena *arena,
        struct question *question, struct err *err)
{
    int status;

    memset(question, 0, sizeof(*question));
    question->event = bytes_of_message(message->event);
    question->named_count = (uint32_t)message->n_named;
    question->action_count = (uint32_t)message->n_action;
    question->group_count = (uint32_t)message->n_group;
    question->has_baseline = message->has_baseline;
    question->baseline = message->baseline;
    question->deferred = message->has_deferred && message->deferred;
    question->experts = message->has_experts && message->experts;
    if (message_refuse_unknown(&message->base, "decide", err) != 0)
        return STATUS_INVALID;
    if (message->has_event && wire_check_id(question->event, "event", err) != 0)
        return STATUS_INVALID;
    if ((status = check_named_total(message, err)) != 0 ||
            (status = matrix_from_message(message->shared, 1, "shared", arena,
                     &question->shared, err)) != 0 ||
            (status = named_from_message(message->named, message->n_named,
                     arena, &question->named, err)) != 0 ||
            (status = ids_from_message(message->action, message->n_action,
                     ACTIONS_MAX, "action", arena, &question->action, err)) !=
                    0 ||
            (status = matrix_from_message(message->action_features, ACTIONS_MAX,
                     "action_features", arena, &question->action_features,
                     err)) != 0 ||
            (status = action_named_from_message(
                     message, arena, question, err)) != 0 ||
            (status = excluded_from_message(message, question, err)) != 0 ||
            (status = ids_from_message(message->group, message->n_group,
                     GROUPS_MAX, "group", arena, &question->group, err)) != 0)
        return status;
    return 0;
}

void question_pack(struct packing *packing, uint32_t field,
        const struct question *question)
{
    const uint8_t *end = packing->at;

    if (question->experts)
        pack_u64(packing, 11, 1);
    if (question->has_baseline)
        pack_u64(packing, 10, question->baseline);
    if (question->deferred)
        pack_u64(packing, 9, 1);
    pack_ids(packing, 8, question->group, question->group_count);
    pack_u32s(packing, 7, question->excluded, question->excluded_count);
    pack_action_named(packing, 6, question);
    pack_matrix(packing, 5, &question->action_features);
    pack_ids(packing, 4, question->action, question->action_count);
    pack_named(packing, 3, question->named, question->named_count);
    pack_matrix(packing, 2, &question->shared);
    if (question->event.size > 0)
        pack_bytes(packing, 1, question->event);
    pack_head(packing, field, end);
}

/* ---- the digest ---- */

static uint64_t digest_bytes(uint64_t digest, struct bytes bytes)
{
    return hash_mix(digest, hash_bytes(bytes, bytes.size));
}

static uint64_t digest_ids(
        uint64_t digest, const struct bytes *ids, uint32_t count)
{
    digest = hash_mix(digest, count);
    for (uint32_t i = 0; i < count; i++)
        digest = digest_bytes(digest, ids[i]);
    return digest;
}

static uint64_t digest_named(
        uint64_t digest, const struct named *named, uint32_t count)
{
    digest = hash_mix(digest, count);
    for (uint32_t i = 0; i < count; i++) {
        digest = digest_bytes(digest, named[i].space);
        digest = digest_bytes(digest, named[i].name);
        digest = hash_mix(digest, named[i].has_text);
        digest = digest_bytes(digest, named[i].text);
        digest = digest_bytes(
                digest, bytes_of(&named[i].value, sizeof(named[i].value)));
    }
    return digest;
}

static uint64_t digest_matrix(uint64_t digest, const struct matrix *matrix)
{
    size_t count = (size_t)matrix->rows * matrix->columns;
    bool single = matrix->singles != NULL;

    digest = hash_mix(digest, (uint64_t)matrix->columns << 1 | single);
    return digest_bytes(digest,
            single ? bytes_of(matrix->singles, count * sizeof(float))
                   : bytes_of(matrix->values, count * sizeof(double)));
}

uint64_t question_digest(const struct question *question)
{
    uint64_t digest = digest_matrix(0, &question->shared);

    digest = digest_named(digest, question->named, question->named_count);
    digest = digest_ids(digest, question->action, question->action_count);
    digest = digest_matrix(digest, &question->action_features);
    for (uint32_t i = 0; i < question->action_named_count; i++) {
        const struct action_named *entry = &question->action_named[i];
        digest = hash_mix(digest, entry->action);
        digest = digest_named(digest, entry->named, entry->named_count);
    }
    digest = digest_bytes(digest,
            bytes_of(question->excluded,
                    question->excluded_count * sizeof(uint32_t)));
    digest = digest_ids(digest, question->group, question->group_count);
    digest = hash_mix(digest, question->deferred);
    return hash_mix(digest,
            question->has_baseline ? 1 + (uint64_t)question->baseline : 0);
}
