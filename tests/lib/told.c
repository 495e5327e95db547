#include "tests/lib/told.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)16 << 20)

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "told: %s: %s\n", what, detail);
    exit(1);
}

void told_open(struct told_store *store, const struct service *service)
{
    struct store_settings settings = {.read_only = true};
    struct err err;

    store->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (store->arena.data == NULL ||
            ledger_open(service->data, &settings, &store->ledger, &err) != 0 ||
            ledger_reader_open(store->ledger, &store->reader, &err) != 0)
        broken("the store does not open", err.text);
}

static void check_record(struct told_store *store, const struct told *told,
        const struct event_state *state)
{
    struct bytes event = bytes_of_text(told->event);
    union any_record record;
    struct log_entry entry;
    struct err err;

    arena_reset(&store->arena);
    if (log_get(store->reader.txn, state->decision, &entry, &err) != 0 ||
            record_decode(entry.kind, entry.payload, &store->arena, &record,
                    &err) != 0)
        broken("its record", err.text);
    if (entry.kind != RECORD_DECISION ||
            !bytes_equal(record.head.event, event) ||
            record.decision.eligible[record.decision.chosen] != told->chosen)
        broken("the log has another action", told->event);
}

void told_check(
        struct told_store *store, const char *problem, const struct told *told)
{
    struct event_state state;
    uint64_t config;
    uint32_t number;
    struct err err;

    if (ledger_reader_problem(&store->reader, bytes_of_text(problem), &number,
                &config, &err) != 0)
        broken("a problem is lost", problem);
    if (event_get(store->reader.txn, number, bytes_of_text(told->event), &state,
                &err) != 0)
        broken("an acknowledged decision is lost", told->event);
    check_record(store, told, &state);
    if (told->reported && state.mark_count != 1)
        broken("an acknowledged feedback is lost or there twice", told->event);
}

void told_close(struct told_store *store)
{
    ledger_reader_close(&store->reader);
    ledger_close(store->ledger);
    free(store->arena.data);
}
