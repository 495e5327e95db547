#include "replay/walk.h"

#include "base/hash.h"
#include "storage/generation.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)32 << 20)
/* Decisions of a slice that are found without the store; a power of two. */
#define RECENT 32768u
/* Of those, how many are kept decoded, and in what room: what fits into a
 * processor's cache is faster than to decode again. */
#define KEPT       128u
#define KEPT_BYTES ((size_t)16 << 10)

/* A decision that was passed in this slice: a view into the store. */
struct passed {
    uint64_t hash; /* of problem and event id */
    uint64_t sequence;
    struct bytes payload;
    const struct kept *kept; /* where it was decoded; another since, perhaps */
};

struct kept {
    uint64_t sequence; /* 0: none */
    union any_record record;
};

struct pass {
    struct walk *walk;
    struct arena arena; /* of one record */
    struct passed *recent; /* [RECENT] */
    struct kept *kept; /* [KEPT] */
    uint8_t *kept_room; /* [KEPT][KEPT_BYTES] */
    uint32_t kept_next;
    const union any_record *record; /* the one in hand */
    union any_record other, decision; /* what is not kept */
    struct walk_record view;
    struct decision_source source;
    struct err *err;
};

static struct passed *slot_of(struct pass *pass, uint64_t hash)
{
    return &pass->recent[hash & (RECENT - 1)];
}

static void note_recent(struct pass *pass, const struct log_entry *entry,
        const struct kept *kept)
{
    uint64_t hash =
            hash_bytes(pass->record->head.event, pass->record->head.problem);

    *slot_of(pass, hash) =
            (struct passed){hash, entry->sequence, entry->payload, kept};
}

/* NULL: not in this slice, or pushed out. */
static const struct passed *recent_of(
        struct pass *pass, const struct record *head)
{
    uint64_t hash = hash_bytes(head->event, head->problem);
    const struct passed *at = slot_of(pass, hash);

    return at->hash == hash && at->payload.data != NULL ? at : NULL;
}

static void forget_recent(struct pass *pass)
{
    memset(pass->recent, 0, RECENT * sizeof(*pass->recent));
    for (uint32_t i = 0; i < KEPT; i++)
        pass->kept[i].sequence = 0;
}

/* ---- the decision of an event ---- */

static int decode_decision(
        struct pass *pass, uint64_t sequence, struct bytes payload)
{
    int status = record_decode(
            RECORD_DECISION, payload, &pass->arena, &pass->decision, pass->err);

    if (status != 0)
        return status;
    pass->view.decision = &pass->decision.decision;
    pass->view.decided = sequence;
    return 0;
}

/* By way of the join. An id that was used again after retention names another
 * decision. */
static int find_stored(struct pass *pass, const struct record *head)
{
    struct event_state state;
    struct log_entry entry;
    int status = event_get(pass->walk->reader->txn, head->problem, head->event,
            &state, pass->err);

    if (status == 0 &&
            (state.decision == 0 || state.decision > pass->view.sequence))
        status = STATUS_NOT_FOUND;
    if (status == 0)
        status = log_get(
                pass->walk->reader->txn, state.decision, &entry, pass->err);
    if (status == STATUS_NOT_FOUND) {
        pass->walk->lost++;
        return 0;
    }
    if (status != 0)
        return status;
    if (entry.kind != RECORD_DECISION)
        return err_set(
                pass->err, STATUS_CORRUPT, "its decision is another record");
    return decode_decision(pass, entry.sequence, entry.payload);
}

/* Is it still decoded? */
static const struct decision_record *kept_of(const struct passed *recent)
{
    return recent->kept != NULL && recent->kept->sequence == recent->sequence
            ? &recent->kept->record.decision
            : NULL;
}

static int find_decision(struct pass *pass)
{
    const struct record *head = &pass->record->head;
    const struct passed *recent = recent_of(pass, head);
    const struct decision_record *kept;
    int status;

    if (recent == NULL)
        return find_stored(pass, head);
    kept = kept_of(recent);
    if (kept != NULL && kept->head.problem == head->problem &&
            bytes_equal(kept->head.event, head->event)) {
        pass->view.decision = kept;
        pass->view.decided = recent->sequence;
        return 0;
    }
    status = decode_decision(pass, recent->sequence, recent->payload);
    if (status != 0)
        return status;
    /* Another event of the same hash? */
    if (pass->decision.head.problem == head->problem &&
            bytes_equal(pass->decision.head.event, head->event))
        return 0;
    pass->view.decision = NULL;
    return find_stored(pass, head);
}

static int find_payload(void *self, uint32_t problem, struct bytes event,
        struct bytes *payload, struct err *err)
{
    (void)self;
    (void)problem;
    (void)event;
    (void)payload;
    return err_set(err, STATUS_NOT_FOUND, "decisions come with their records");
}

static int find_model(void *self, uint32_t problem, uint64_t number,
        struct bytes *model, struct err *err)
{
    struct pass *pass = self;
    struct generation generation;

    return generation_model(
            pass->walk->reader->txn, problem, number, &generation, model, err);
}

/* ---- records ---- */

static int decode_here(struct pass *pass, const struct log_entry *entry)
{
    pass->record = &pass->other;
    return record_decode(
            entry->kind, entry->payload, &pass->arena, &pass->other, pass->err);
}

/* Decodes a decision where it can stay, or, if it is too large, as any other
 * record. */
static int decode_and_keep(struct pass *pass, const struct log_entry *entry)
{
    struct kept *kept = &pass->kept[pass->kept_next % KEPT];
    struct arena room = arena_over(
            pass->kept_room + pass->kept_next % KEPT * KEPT_BYTES, KEPT_BYTES);
    struct err err;
    int status;

    kept->sequence = 0;
    if (record_decode(
                entry->kind, entry->payload, &room, &kept->record, &err) != 0) {
        status = decode_here(pass, entry);
        kept = NULL;
    } else {
        kept->sequence = entry->sequence;
        pass->kept_next++;
        pass->record = &kept->record;
        status = 0;
    }
    if (status == 0)
        note_recent(pass, entry, kept);
    return status;
}

static int decode(struct pass *pass, const struct log_entry *entry)
{
    arena_reset(&pass->arena);
    return entry->kind == RECORD_DECISION ? decode_and_keep(pass, entry)
                                          : decode_here(pass, entry);
}

static int visit_entry(struct pass *pass, const struct log_entry *entry)
{
    struct walk *walk = pass->walk;
    uint32_t problem;
    int status;

    if (!record_peek_problem(entry->payload, &problem))
        return err_set(pass->err, STATUS_CORRUPT, "it names no problem");
    if (walk->wants != NULL && !walk->wants(walk->self, problem, entry))
        return 0;
    status = decode(pass, entry);
    if (status != 0)
        return status;
    pass->view = (struct walk_record){.sequence = entry->sequence,
            .record = pass->record,
            .source = &pass->source};
    if (fold_wants_decision(pass->record))
        status = find_decision(pass);
    if (status != 0)
        return status;
    walk->visited++;
    return walk->visit(walk->self, &pass->view, pass->err);
}

/* Up to the end of a slice; `*next` is the record after it. NOT_FOUND: that
 * was the last. */
static int visit_slice(struct pass *pass, uint64_t *next)
{
    struct walk *walk = pass->walk;
    uint64_t end = *next + walk->slice;
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(&cursor, walk->reader->txn, *next, pass->err);

    if (status != 0)
        return status;
    while (*next < end && *next <= walk->last) {
        status = log_cursor_next(&cursor, &entry, pass->err);
        if (status != 0)
            break;
        if (entry.sequence > walk->last) {
            status = STATUS_NOT_FOUND;
            break;
        }
        status = visit_entry(pass, &entry);
        if (status != 0) {
            (void)err_prefix(pass->err, "log record %" PRIu64, entry.sequence);
            break;
        }
        *next = entry.sequence + 1;
    }
    log_cursor_close(&cursor);
    return status;
}

/* Retention may have gone on: what is not there any more is passed over, and
 * the first record that is kept comes next. */
static int visit_all(struct pass *pass)
{
    struct walk *walk = pass->walk;
    uint64_t next = walk->from;
    int status = 0;

    while (status == 0 && next <= walk->last) {
        forget_recent(pass);
        status = visit_slice(pass, &next);
        if (status != 0)
            break;
        if (walk->progress != NULL)
            walk->progress(
                    walk->self, next - walk->from, walk->last - walk->from + 1);
        if (!walk->held)
            status = ledger_reader_renew(walk->reader, pass->err);
    }
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int find_ends(struct walk *walk, struct err *err)
{
    uint64_t first, last;
    int status = log_first(walk->reader->txn, &first, err);

    if (status == 0)
        status = log_last(walk->reader->txn, &last, err);
    if (status != 0)
        return status;
    if (walk->from < first)
        walk->from = first;
    if (walk->last == 0 || walk->last > last)
        walk->last = last;
    if (walk->slice == 0)
        walk->slice = WALK_SLICE;
    return 0;
}

int walk_run(struct walk *walk, struct err *err)
{
    struct pass pass = {.walk = walk, .err = err};
    int status = find_ends(walk, err);

    walk->visited = 0;
    walk->lost = 0;
    if (status != 0 || walk->last == 0)
        return status;
    pass.source = (struct decision_source){find_payload, &pass, find_model};
    pass.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    pass.recent = malloc(RECENT * sizeof(*pass.recent));
    pass.kept = calloc(KEPT, sizeof(*pass.kept));
    pass.kept_room = malloc(KEPT * KEPT_BYTES);
    status = pass.arena.data == NULL || pass.recent == NULL ||
                    pass.kept == NULL || pass.kept_room == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : visit_all(&pass);
    free(pass.arena.data);
    free(pass.recent);
    free(pass.kept);
    free(pass.kept_room);
    return status;
}
