#include "service/host.h"

#include "replay/rebuild.h"
#include "replay/register.h"
#include "service/diag.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)16 << 20)

int host_register(struct ledger *ledger, struct config *config, nanos now,
        struct err *err)
{
    struct arena arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    int status;

    if (arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = ledger_begin(ledger, err);
    if (status == 0) {
        for (uint32_t i = 0; status == 0 && i < config->problem_count; i++)
            status = register_problem(
                    ledger, config->problems[i], now, &arena, err);
        if (status == 0)
            status = ledger_commit(ledger, err);
        else
            ledger_abort(ledger);
    }
    free(arena.data);
    return status;
}

static void show_progress(void *self, uint64_t sequence, uint64_t last)
{
    (void)self;
    diag(DIAG_INFO, "recovery.progress", "record=%" PRIu64 " of=%" PRIu64,
            sequence, last);
}

static int rebuild_all(struct ledger *ledger, struct problem **problems,
        uint32_t count, struct err *err)
{
    struct rebuild rebuild = {.problems = problems,
            .problem_count = count,
            .progress = show_progress};
    struct ledger_reader reader;
    int status = ledger_reader_open(ledger, &reader, err);

    if (status != 0)
        return status;
    status = rebuild_run(&rebuild, &reader, err);
    ledger_reader_close(&reader);
    if (rebuild.damaged > 0)
        diag(DIAG_ERROR, "recovery.damaged",
                "snapshots=%" PRIu64 " action=\"took older ones\"",
                rebuild.damaged);
    if (rebuild.skipped > 0)
        diag(DIAG_WARNING, "recovery.partial",
                "outcomes=%" PRIu64 " why=\"retention took their decisions\"",
                rebuild.skipped);
    if (status == 0)
        diag(DIAG_INFO, "recovery.done",
                "problems=%u folded=%" PRIu64 " last_record=%" PRIu64, count,
                rebuild.folded, rebuild.last_sequence);
    return status;
}

static void close_all(struct problem **problems, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        problem_close(problems[i]);
    free(problems);
}

int host_open(struct ledger *ledger, const struct config *config,
        struct problem ***out, struct err *err)
{
    uint32_t count = config->problem_count;
    struct problem **problems = calloc(count + 1, sizeof(*problems));
    int status = 0;

    if (problems == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; status == 0 && i < count; i++) {
        problems[i] = problem_open(config->problems[i], err);
        if (problems[i] == NULL)
            status = STATUS_INTERNAL;
    }
    if (status == 0)
        status = rebuild_all(ledger, problems, count, err);
    if (status != 0) {
        close_all(problems, count);
        return status;
    }
    *out = problems;
    return 0;
}
