#include "replay/register.h"

/* What the problem's newest Config record says of its settings. */
static int compare_settings(struct ledger *ledger,
        const struct problem_spec *spec, uint64_t sequence, struct arena *arena,
        bool *same, bool *same_shape, struct err *err)
{
    struct log_entry entry;
    union any_record record;
    int status;

    *same = false;
    *same_shape = false;
    if (sequence == 0)
        return 0;
    status = log_get(ledger_txn(ledger), sequence, &entry, err);
    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status == 0)
        status = record_decode(entry.kind, entry.payload, arena, &record, err);
    if (status != 0 || entry.kind != RECORD_CONFIG)
        return status;
    *same = bytes_equal(record.config.settings, spec->text);
    *same_shape = record.config.shape == spec->shape_digest;
    return 0;
}

static int append_config(struct ledger *ledger, const struct problem_spec *spec,
        nanos now, bool same_shape, struct arena *arena, struct err *err)
{
    struct config_record record = {
            .head = {RECORD_CONFIG, spec->number, now, {NULL, 0}},
            .name = spec->name,
            .settings = spec->text,
            .shape = spec->shape_digest,
    };
    struct bytes payload = record_encode_config(&record, arena);
    uint64_t sequence;
    int status;

    if (payload.data == NULL)
        return err_set(err, STATUS_INVALID, "the settings are too long");
    status = ledger_append(ledger, RECORD_CONFIG, payload, &sequence, err);
    if (status == 0)
        status = ledger_problem_set_config(
                ledger, spec->number, sequence, same_shape ? 0 : sequence, err);
    return status;
}

int register_problem(struct ledger *ledger, struct problem_spec *spec,
        nanos now, struct arena *arena, struct err *err)
{
    uint64_t sequence;
    bool same = false, same_shape = false;
    int status =
            ledger_problem(ledger, spec->name, &spec->number, &sequence, err);

    arena_reset(arena);
    if (status == 0)
        status = compare_settings(
                ledger, spec, sequence, arena, &same, &same_shape, err);
    arena_reset(arena);
    if (status == 0 && !same)
        status = append_config(ledger, spec, now, same_shape, arena, err);
    if (status == 0)
        status = ledger_problem_since(ledger, spec->name, &spec->since, err);
    return status;
}
