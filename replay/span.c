#include "replay/span.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)32 << 20)

bool span_is_decision(const struct log_entry *entry, uint32_t problem)
{
    uint32_t number;

    return entry->kind == RECORD_DECISION &&
            record_peek_problem(entry->payload, &number) && number == problem;
}

int span_decisions(struct ledger_reader *reader, uint32_t problem,
        uint64_t from, uint64_t last, uint64_t skip, uint64_t *count,
        uint64_t *at, struct err *err)
{
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(&cursor, reader->txn, from, err);

    *count = 0;
    *at = 0;
    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, err)) == 0 &&
            entry.sequence <= last) {
        if (!span_is_decision(&entry, problem))
            continue;
        if (*count == skip) {
            *at = entry.sequence;
            break;
        }
        (*count)++;
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int find_since(struct ledger_reader *reader, nanos time,
        struct arena *arena, uint64_t *sequence, struct err *err)
{
    struct log_cursor cursor;
    struct log_entry entry;
    union any_record record;
    uint64_t first = 0;
    int status = log_first(reader->txn, &first, err);

    *sequence = 1;
    if (status == 0)
        status = log_cursor_open(&cursor, reader->txn, first, err);
    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, err)) == 0) {
        *sequence = entry.sequence + 1;
        arena_reset(arena);
        status = record_decode(entry.kind, entry.payload, arena, &record, err);
        if (status != 0)
            break;
        if (record.head.time >= time) {
            *sequence = entry.sequence;
            break;
        }
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

int span_since(struct ledger_reader *reader, nanos time, uint64_t *sequence,
        struct err *err)
{
    struct arena arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    int status = arena.data == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : find_since(reader, time, &arena, sequence, err);

    free(arena.data);
    return status;
}
