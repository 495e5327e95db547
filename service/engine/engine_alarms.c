/* The records of alarms of drift, and of circuits that opened or closed. */
#include "service/engine/engine_parts.h"

#include "service/engine/fold.h"

/* Without room for it, it waits for the next step. */
static void log_alarm(struct step *step, const struct alarm_record *record)
{
    struct bytes payload = record_encode_alarm(record, step->arena);

    step->arena->overflow = false;
    if (payload.data == NULL)
        return;
    step_append(step, RECORD_ALARM, payload);
    fold_alarm(step->problem, record);
}

void step_log_alarm(struct step *step, const struct alarm *alarm)
{
    struct alarm_record record = {
            .head = step_head(step, RECORD_ALARM, bytes_of(NULL, 0)),
            .stream = alarm->stream,
            .part = alarm->part,
            .index = alarm->index,
            .name = fold_alarm_name(step->problem, alarm),
            .statistic = alarm->statistic,
            .threshold = alarm->threshold,
            .before = alarm->before,
            .after = alarm->after,
            .rows = alarm->rows,
    };

    log_alarm(step, &record);
}

void step_log_circuit(struct step *step, const struct breaker_change *change)
{
    struct alarm_record record = {
            .head = step_head(step, RECORD_ALARM, bytes_of(NULL, 0)),
            .stream = DRIFT_BREAKER,
            .part = DRIFT_CIRCUIT,
            .index = change->index,
            .name = fold_circuit_name(
                    step->problem, change->index, step->arena),
            .statistic = change->evidence,
            .threshold = change->threshold,
            .before = change->before,
            .after = change->after,
    };

    log_alarm(step, &record);
}
