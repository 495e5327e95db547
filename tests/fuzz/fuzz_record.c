/* A log record: its kind in the first byte, then its message. Whatever the
 * bytes are: a record that is taken is within all limits, is the same record
 * when it is written and read again, and, folded into a problem, is refused
 * without a trace or leaves a sound state. */
#include "base/limits.h"
#include "policies/pmf.h"
#include "proto/wire.h"
#include "service/engine/fold.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 50000;

static void check_value(double value)
{
    CHECK(isfinite(value) && fabs(value) <= VALUE_MAX);
}

static bool is_probability(double p)
{
    return p >= PROBABILITY_MIN && p <= 1.0;
}

static void check_costs(const struct costs *costs)
{
    CHECK(costs->count <= ACTIONS_MAX);
    for (uint32_t i = 0; i < costs->count; i++)
        check_value(costs->values[i]);
}

static void check_subject(const struct subject *subject)
{
    CHECK(subject->place < ACTIONS_MAX && subject->position <= ACTIONS_MAX);
    CHECK(subject->propensity == 0.0 || is_probability(subject->propensity));
}

static void check_path(const struct decision_record *record)
{
    CHECK(record->path_count <= record->count && !record->has_second);
    CHECK(is_probability(record->path_probability));
    for (uint32_t i = 0; i < record->path_count; i++)
        CHECK(record->path[i] < record->count &&
                is_probability(record->marginal[record->path[i]]));
}

static void check_decision(const struct decision_record *record)
{
    CHECK(record->count > 0 || record->has_prediction);
    CHECK(isfinite(record->prediction));
    CHECK(record->count <= ACTIONS_MAX && record->group_count <= GROUPS_MAX);
    CHECK(record->expert_count <= GROUPS_MAX + 1);
    if (record->has_held)
        check_value(record->held);
    check_costs(&record->held_costs);
    check_subject(&record->held_subject);
    if (record->count == 0)
        return;
    for (uint32_t i = 1; i < record->count; i++)
        CHECK(record->eligible[i - 1] < record->eligible[i]);
    for (uint32_t i = 1; i < record->group_count; i++)
        CHECK(record->groups[i - 1] < record->groups[i]);
    if (record->path_count > 0) {
        check_path(record);
        return;
    }
    if (record->has_second)
        CHECK(record->second < record->count &&
                record->second != record->chosen &&
                is_probability(record->pair_probability));
    CHECK(pmf_valid(record->probability, record->count) ||
            (record->chosen_only && record->count == 1));
    CHECK(record->chosen < record->count);
    CHECK(record->probability[record->chosen] > 0.0);
}

static void check_record(const union any_record *record)
{
    switch (record->head.kind) {
    case RECORD_DECISION:
        check_decision(&record->decision);
        break;
    case RECORD_FEEDBACK:
        check_value(record->feedback.value);
        check_value(record->feedback.before);
        check_value(record->feedback.after);
        CHECK(record->feedback.id.size <= ID_BYTES_MAX);
        check_costs(&record->feedback.costs);
        check_subject(&record->feedback.subject);
        break;
    case RECORD_EXPIRY:
        check_value(record->expiry.after);
        check_costs(&record->expiry.costs);
        break;
    case RECORD_ACTIVATION:
        check_value(record->activation.held);
        check_costs(&record->activation.held_costs);
        check_subject(&record->activation.held_subject);
        break;
    case RECORD_PROMOTION:
        break;
    case RECORD_ALARM:
        CHECK(record->alarm.stream < ALARM_STREAMS);
        CHECK(isfinite(record->alarm.statistic));
        break;
    case RECORD_CONFIG:
        CHECK_ZERO(wire_check_id(record->config.name, "name", NULL));
        break;
    }
    if (record->head.kind < RECORD_PROMOTION)
        CHECK_ZERO(wire_check_id(record->head.event, "event", NULL));
}

static struct bytes encode(const union any_record *record, struct arena *arena)
{
    switch (record->head.kind) {
    case RECORD_DECISION:
        return record_encode_decision(&record->decision, arena);
    case RECORD_FEEDBACK:
        return record_encode_feedback(&record->feedback, arena);
    case RECORD_EXPIRY:
        return record_encode_expiry(&record->expiry, arena);
    case RECORD_ACTIVATION:
        return record_encode_activation(&record->activation, arena);
    case RECORD_PROMOTION:
        return record_encode_promotion(&record->promotion, arena);
    case RECORD_CONFIG:
        return record_encode_config(&record->config, arena);
    case RECORD_ALARM:
        return record_encode_alarm(&record->alarm, arena);
    }
    CHECK_UNREACHABLE();
}

/* ---- the fold ---- */

static int find_given(void *self, uint32_t number, struct bytes event,
        struct bytes *payload, struct err *err)
{
    const struct bytes *given = self;

    (void)number;
    (void)event;
    if (given->size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no decision");
    *payload = *given;
    return 0;
}

static void fold(struct problem *problem, enum record_kind kind,
        struct bytes payload, struct bytes decision)
{
    struct decision_source source = {find_given, &decision, NULL};
    uint64_t before = problem_hash(problem);
    struct err err = {STATUS_OK, ""};
    int status = fold_record(problem, kind, payload, &source, &err);

    CHECK(policy_check(problem->policy));
    CHECK(isfinite(problem->counters.value_sum));
    if (status == 0)
        return;
    CHECK(problem_hash(problem) == before && err.text[0] != '\0');
}

/* A decision that every catalogue of common.c can have made. */
static struct bytes plain_decision(
        const struct problem *problem, struct arena *arena)
{
    static const double x[2] = {0.25, 0.5}, half[2] = {0.5, 0.5};
    static const double features[4] = {1, 2, 3, 4};
    static const uint32_t places[2] = {0, 1};
    static const struct bytes actions[2] = {
            {(const uint8_t *)"p", 1}, {(const uint8_t *)"q", 1}};
    const struct problem_spec *spec = problem->spec;
    bool predict = spec->settings.form == FORM_PREDICT;
    bool path = spec->settings.form == FORM_PATH;
    bool listed = spec->slots == 0 && !predict;
    struct decision_record record = {
            .head = {RECORD_DECISION, spec->number, 1, bytes_of_text("e")},
            .question = {.shared = {1, spec->column_count, NULL, x},
                    .action = actions,
                    .action_count = listed ? 2 : 0},
            .count = predict ? 0 : 2,
            .eligible = places,
            .probability = half,
            .chosen = 1,
            .has_second = spec->settings.form == FORM_DUEL,
            .pair_probability = 0.25,
            .has_prediction = predict,
    };

    if (path) {
        record.path = places;
        record.path_count = 1;
        record.path_probability = 0.5;
        record.marginal = half;
    }

    if (listed)
        record.question.action_features = (struct matrix){2, 2, NULL, features};
    return record_encode_decision(&record, arena);
}

/* Feedback 1 for the event of the record; a path's edges cost 1 together. */
static struct bytes plain_feedback(
        const union any_record *record, struct arena *arena)
{
    static const double costs[ACTIONS_MAX] = {1};
    struct feedback_record feedback = {.head = record->head,
            .value = 1,
            .effect = EFFECT_LEARN,
            .after = 1};

    feedback.head.kind = RECORD_FEEDBACK;
    if (record->head.kind == RECORD_DECISION)
        feedback.costs =
                (struct costs){record->decision.path_count, false, costs};
    return record_encode_feedback(&feedback, arena);
}

static void fold_into(struct problem *problem, const union any_record *record,
        struct bytes payload, struct arena *arena)
{
    struct bytes decision = plain_decision(problem, arena);
    struct bytes feedback = plain_feedback(record, arena);

    CHECK(decision.size > 0);
    fold(problem, record->head.kind, payload, decision);
    fold(problem, record->head.kind, payload, bytes_of(NULL, 0));
    if (record->head.kind == RECORD_DECISION)
        fold(problem, RECORD_FEEDBACK, feedback, payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum record_kind kind;
    union any_record record;
    struct err err = {STATUS_OK, ""};
    struct bytes once, twice;
    uint32_t number;

    if (size == 0)
        return 0;
    kind = (enum record_kind)data[0];
    if (record_decode(kind, bytes_of(data + 1, size - 1), arena_fresh(0),
                &record, &err) != 0) {
        CHECK(err.status == STATUS_CORRUPT && err.text[0] != '\0');
        return 0;
    }
    CHECK(record.head.kind == kind);
    check_record(&record);
    once = encode(&record, arena_fresh(1));
    CHECK(once.size > 0 && record_peek_problem(once, &number));
    CHECK(number == record.head.problem);
    CHECK_ZERO(record_decode(kind, once, arena_fresh(2), &record, &err));
    twice = encode(&record, arena_fresh(3));
    CHECK(bytes_equal(once, twice));
    for (uint32_t i = 0; i < PROBLEMS; i++)
        fold_into(problem_fresh(i), &record, once, arena_fresh(3));
    return 0;
}
