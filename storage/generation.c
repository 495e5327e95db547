#include "storage/generation.h"

#include "base/crc.h"
#include "base/endian.h"
#include "base/hash.h"

#include <inttypes.h>
#include <math.h>

#define KEY_BYTES    13u
#define META_FORMAT  1u
#define META_MAX     512u
#define FILE_TAG     UINT64_C(0x01004e4547455552) /* "RUEGEN", 0, 1 */
#define FILE_HEAD    24u
#define PROMOTED_MAX 2u
#define KEPT_MAX     64u

enum part { PART_META, PART_MODEL };

struct key {
    uint8_t data[KEY_BYTES];
};

static struct key key_of(uint32_t problem, uint64_t number, enum part part)
{
    struct key key;

    store_be32(key.data, problem);
    store_be64(key.data + 4, number);
    key.data[12] = (uint8_t)part;
    return key;
}

static struct bytes key_bytes(const struct key *key)
{
    return bytes_of(key->data, KEY_BYTES);
}

static uint32_t checksum(struct bytes rest, const struct key *key)
{
    return crc32c(crc32c(0, rest), key_bytes(key));
}

static int damaged(
        uint32_t problem, uint64_t number, const char *what, struct err *err)
{
    return err_set(err, STATUS_CORRUPT,
            "generation %" PRIu64 " of problem %u: %s is damaged", number,
            problem, what);
}

/* ---- what is known of it ---- */

static void meta_write(
        const struct generation *generation, struct writer *writer)
{
    const struct estimate *estimate = &generation->estimate;
    size_t why = generation->why.size < GENERATION_WHY_MAX
            ? generation->why.size
            : GENERATION_WHY_MAX;

    write_u32(writer, META_FORMAT);
    write_u64(writer, generation->number);
    write_u64(writer, generation->parent);
    write_i64(writer, generation->created);
    write_u64(writer, generation->digest);
    write_u64(writer, generation->size);
    write_u64(writer, generation->settings);
    write_u64(writer, generation->through);
    write_u64(writer, generation->promoted);
    write_u64(writer, generation->rows);
    write_f64(writer, generation->effective);
    write_u8(writer, (uint8_t)generation->verdict);
    write_u8(writer, estimate->given);
    write_f64(writer, estimate->value);
    write_f64(writer, estimate->lower);
    write_f64(writer, estimate->upper);
    write_f64(writer, estimate->alpha);
    write_u64(writer, estimate->rows);
    write_u8(writer, (uint8_t)why);
    write_bytes(writer, bytes_of(generation->why.data, why));
}

static bool meta_read(struct bytes bytes, struct generation *generation)
{
    struct estimate *estimate = &generation->estimate;
    struct reader reader = reader_of(bytes);
    uint32_t format = read_u32(&reader);
    uint8_t verdict, given;

    generation->number = read_u64(&reader);
    generation->parent = read_u64(&reader);
    generation->created = read_i64(&reader);
    generation->digest = read_u64(&reader);
    generation->size = read_u64(&reader);
    generation->settings = read_u64(&reader);
    generation->through = read_u64(&reader);
    generation->promoted = read_u64(&reader);
    generation->rows = read_u64(&reader);
    generation->effective = read_f64(&reader);
    verdict = read_u8(&reader);
    given = read_u8(&reader);
    generation->verdict = (enum generation_verdict)verdict;
    estimate->given = given != 0;
    estimate->value = read_f64(&reader);
    estimate->lower = read_f64(&reader);
    estimate->upper = read_f64(&reader);
    estimate->alpha = read_f64(&reader);
    estimate->rows = read_u64(&reader);
    generation->why = read_bytes(&reader, read_u8(&reader));
    return reader_done(&reader) && format == META_FORMAT &&
            verdict <= VERDICT_BLOCK && given <= 1 &&
            generation->size <= GENERATION_BYTES_MAX &&
            generation->why.size <= GENERATION_WHY_MAX &&
            isfinite(generation->effective) && estimate_valid(estimate);
}

/* ---- entries ---- */

static int put_meta(struct store_txn *txn, uint32_t problem,
        const struct generation *generation, struct err *err)
{
    struct key key = key_of(problem, generation->number, PART_META);
    uint8_t value[META_MAX];
    struct writer writer = writer_over(value, sizeof(value));

    write_u32(&writer, 0);
    meta_write(generation, &writer);
    CHECK(!writer.failed);
    store_le32(value, checksum(bytes_of(value + 4, writer.size - 4), &key));
    return txn->call->put(txn, TABLE_MODEL, key_bytes(&key),
            writer_bytes(&writer), false, err);
}

static int put_model(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct bytes model, struct err *err)
{
    struct key key = key_of(problem, number, PART_MODEL);
    uint8_t *room;
    int status = txn->call->reserve(txn, TABLE_MODEL, key_bytes(&key),
            4 + model.size, false, &room, err);

    if (status != 0)
        return status;
    if (model.size > 0)
        memcpy(room + 4, model.data, model.size);
    store_le32(room, checksum(model, &key));
    return 0;
}

int generation_put(struct store_txn *txn, uint32_t problem,
        struct generation *generation, struct bytes model, struct err *err)
{
    int status;

    if (model.size > GENERATION_BYTES_MAX)
        return err_set(err, STATUS_INVALID,
                "generation: a model of %zu bytes, at most %zu", model.size,
                GENERATION_BYTES_MAX);
    generation->digest = hash_bytes(model, 0);
    generation->size = model.size;
    status = put_model(txn, problem, generation->number, model, err);
    return status == 0 ? put_meta(txn, problem, generation, err) : status;
}

static int get_part(struct store_txn *txn, uint32_t problem, uint64_t number,
        enum part part, struct bytes *rest, struct err *err)
{
    struct key key = key_of(problem, number, part);
    struct bytes value;
    int status = txn->call->get(txn, TABLE_MODEL, key_bytes(&key), &value, err);

    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_NOT_FOUND,
                "generation %" PRIu64 " of problem %u: there is none", number,
                problem);
    if (status != 0)
        return status;
    *rest = bytes_of(value.data + 4, value.size < 4 ? 0 : value.size - 4);
    if (value.size < 4 || load_le32(value.data) != checksum(*rest, &key))
        return damaged(problem, number,
                part == PART_META ? "its description" : "its model", err);
    return 0;
}

int generation_get(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct generation *generation, struct err *err)
{
    struct bytes rest;
    int status = get_part(txn, problem, number, PART_META, &rest, err);

    if (status != 0)
        return status;
    if (!meta_read(rest, generation) || generation->number != number)
        return damaged(problem, number, "its description", err);
    return 0;
}

int generation_model(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct generation *generation, struct bytes *model, struct err *err)
{
    int status = generation_get(txn, problem, number, generation, err);

    if (status == 0)
        status = get_part(txn, problem, number, PART_MODEL, model, err);
    if (status != 0)
        return status;
    return model->size == generation->size &&
                    hash_bytes(*model, 0) == generation->digest
            ? 0
            : damaged(problem, number, "its model", err);
}

int generation_promoted(struct store_txn *txn, uint32_t problem,
        uint64_t number, uint64_t sequence, struct err *err)
{
    struct generation generation;
    uint8_t why[GENERATION_WHY_MAX];
    int status = generation_get(txn, problem, number, &generation, err);

    if (status != 0)
        return status;
    /* A view of what is written next. */
    memcpy(why, generation.why.data, generation.why.size);
    generation.why.data = why;
    generation.promoted = sequence;
    return put_meta(txn, problem, &generation, err);
}

/* ---- all of a problem ---- */

static bool is_meta(struct bytes key, uint32_t problem)
{
    return key.size == KEY_BYTES && load_be32(key.data) == problem &&
            key.data[12] == PART_META;
}

static bool is_of(struct bytes key, uint32_t problem)
{
    return key.size == KEY_BYTES && load_be32(key.data) == problem;
}

int generation_last(struct store_txn *txn, uint32_t problem, uint64_t *number,
        struct err *err)
{
    struct key after = key_of(problem + 1, 0, PART_META);
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_MODEL, &cursor, err);

    *number = 0;
    if (status != 0)
        return status;
    status = cursor->call->seek(cursor, key_bytes(&after), &key, &value, err);
    if (status == 0)
        status = cursor->call->previous(cursor, &key, &value, err);
    else if (status == STATUS_NOT_FOUND)
        status = cursor->call->last(cursor, &key, &value, err);
    if (status == 0 && is_of(key, problem))
        *number = load_be64(key.data + 4);
    cursor->call->cursor_close(cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int visit_one(struct store_txn *txn, uint32_t problem, uint64_t number,
        int (*visit)(void *self, const struct generation *generation,
                bool damaged, struct err *err),
        void *self, struct err *err)
{
    struct generation generation;
    int status = generation_get(txn, problem, number, &generation, err);

    if (status == 0)
        return visit(self, &generation, false, err);
    if (status != STATUS_CORRUPT)
        return status;
    generation = (struct generation){.number = number};
    return visit(self, &generation, true, err);
}

int generation_each(struct store_txn *txn, uint32_t problem,
        int (*visit)(void *self, const struct generation *generation,
                bool damaged, struct err *err),
        void *self, struct err *err)
{
    struct key first = key_of(problem, 0, PART_META);
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_MODEL, &cursor, err);

    if (status != 0)
        return status;
    status = cursor->call->seek(cursor, key_bytes(&first), &key, &value, err);
    while (status == 0 && is_of(key, problem)) {
        if (is_meta(key, problem))
            status = visit_one(
                    txn, problem, load_be64(key.data + 4), visit, self, err);
        if (status == 0)
            status = cursor->call->next(cursor, &key, &value, err);
    }
    cursor->call->cursor_close(cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

/* ---- pruning ---- */

/* Numbers and when they were promoted, of the generations that may go. */
struct census {
    uint32_t count; /* of all */
    uint64_t latest[PROMOTED_MAX]; /* newest promotions, newest first */
};

static int count_one(void *self, const struct generation *generation,
        bool is_damaged, struct err *err)
{
    struct census *census = self;
    uint64_t promoted = generation->promoted;

    (void)err;
    (void)is_damaged;
    census->count++;
    for (uint32_t i = 0; i < PROMOTED_MAX; i++)
        if (promoted > census->latest[i]) {
            uint64_t before = census->latest[i];
            census->latest[i] = promoted;
            promoted = before;
        }
    return 0;
}

struct victims {
    const struct census *census;
    uint32_t kept;
    uint64_t first;
    uint32_t seen;
    uint32_t count;
    uint64_t numbers[KEPT_MAX];
};

static int choose_one(void *self, const struct generation *generation,
        bool is_damaged, struct err *err)
{
    struct victims *victims = self;
    uint64_t promoted = generation->promoted;
    bool newest = victims->seen++ + victims->kept >= victims->census->count;
    bool named = promoted != 0 &&
            (promoted >= victims->first ||
                    promoted >= victims->census->latest[PROMOTED_MAX - 1]);

    (void)err;
    /* What a damaged one was promoted by is not known. */
    if (!newest && !named && !is_damaged && generation->number != 0 &&
            victims->count < KEPT_MAX)
        victims->numbers[victims->count++] = generation->number;
    return 0;
}

static int delete_one(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct err *err)
{
    struct key meta = key_of(problem, number, PART_META);
    struct key model = key_of(problem, number, PART_MODEL);
    int status = txn->call->del(txn, TABLE_MODEL, key_bytes(&meta), err);

    if (status == 0)
        status = txn->call->del(txn, TABLE_MODEL, key_bytes(&model), err);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

int generation_prune(struct store_txn *txn, uint32_t problem, uint32_t kept,
        uint64_t first, uint32_t *dropped, struct err *err)
{
    struct census census = {0};
    struct victims victims = {.census = &census, .kept = kept, .first = first};
    int status = generation_each(txn, problem, count_one, &census, err);

    *dropped = 0;
    if (status == 0)
        status = generation_each(txn, problem, choose_one, &victims, err);
    for (uint32_t i = 0; status == 0 && i < victims.count; i++)
        status = delete_one(txn, problem, victims.numbers[i], err);
    if (status == 0)
        *dropped = victims.count;
    return status;
}

/* ---- files ---- */

static size_t meta_size(const struct generation *generation)
{
    struct writer writer = writer_counting();

    meta_write(generation, &writer);
    return writer.size;
}

size_t generation_file_size(
        const struct generation *generation, struct bytes model)
{
    return FILE_HEAD + meta_size(generation) + model.size + 4;
}

void generation_file_write(struct generation *generation, uint32_t problem,
        struct bytes model, struct writer *writer)
{
    size_t start = writer->size;

    generation->digest = hash_bytes(model, 0);
    generation->size = model.size;
    write_u64(writer, FILE_TAG);
    write_u64(writer, generation_file_size(generation, model));
    write_u32(writer, problem);
    write_u32(writer, (uint32_t)meta_size(generation));
    meta_write(generation, writer);
    write_bytes(writer, model);
    write_u32(writer,
            writer->failed || writer->data == NULL
                    ? 0
                    : crc32c(0,
                              bytes_of(writer->data + start,
                                      writer->size - start)));
}

static int bad_file(const char *what, struct err *err)
{
    return err_set(err, STATUS_CORRUPT, "model file: %s", what);
}

int generation_file_read(struct bytes file, uint32_t problem,
        struct generation *generation, struct bytes *model, struct err *err)
{
    struct reader reader = reader_of(file);
    struct bytes meta;
    uint32_t number, size;

    if (file.size < FILE_HEAD + 4)
        return bad_file("is cut short", err);
    if (read_u64(&reader) != FILE_TAG)
        return bad_file("is none", err);
    if (read_u64(&reader) != file.size)
        return bad_file("is cut short or too long", err);
    if (load_le32(file.data + file.size - 4) !=
            crc32c(0, bytes_of(file.data, file.size - 4)))
        return bad_file("is damaged", err);
    number = read_u32(&reader);
    size = read_u32(&reader);
    meta = read_bytes(&reader, size);
    if (reader.failed || reader.rest.size < 4 || !meta_read(meta, generation))
        return bad_file("is damaged", err);
    if (number != problem)
        return bad_file("is of another problem", err);
    *model = bytes_of(reader.rest.data, reader.rest.size - 4);
    if (model->size != generation->size ||
            hash_bytes(*model, 0) != generation->digest)
        return bad_file("its model is damaged", err);
    return 0;
}
