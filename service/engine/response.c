#include "service/engine/response.h"

#include "policies/drift.h"
#include "proto/record.h"
#include "service/engine/problem_settings.h"

/* Is it about the ground that the policy stands on? */
static bool counts(const struct alarm_record *alarm)
{
    switch (alarm->stream) {
    case DRIFT_REWARD:
        return alarm->part == DRIFT_ALL || alarm->part == DRIFT_GROUP;
    case DRIFT_RESIDUAL:
    case DRIFT_WEIGHTED:
        return true;
    case DRIFT_OPTIMISM:
        return alarm->after > 0.0;
    default:
        return false;
    }
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Could the beginning or the end of a fallback have caused it? */
static bool may_be_own(const struct response *response,
        const struct problem_settings *settings,
        const struct alarm_record *alarm, uint64_t learned)
{
    return alarm->stream != DRIFT_WEIGHTED &&
            settings->on_drift == ON_DRIFT_FALLBACK &&
            response_holds(response, settings) &&
            distance(learned, response->alarmed_at) <
            2 * (uint64_t)settings->fallback_calm;
}

void response_alarm(struct response *response,
        const struct problem_settings *settings,
        const struct alarm_record *alarm, uint64_t learned)
{
    if (alarm->stream == DRIFT_JOIN || alarm->stream == DRIFT_DELAY) {
        response->explained = true;
        response->explained_at = learned;
        return;
    }
    if (!counts(alarm) || may_be_own(response, settings, alarm, learned))
        return;
    response->alarmed = true;
    response->time = alarm->head.time;
    response->alarmed_at = learned;
}

void response_served(struct response *response)
{
    *response = (struct response){.alarmed = false};
}

bool response_holds(const struct response *response,
        const struct problem_settings *settings)
{
    bool near = response->explained &&
            distance(response->alarmed_at, response->explained_at) <
                    settings->fallback_calm;

    return response->alarmed && !near;
}

bool response_falls_back(const struct response *response,
        const struct problem_settings *settings, uint64_t learned)
{
    return settings->on_drift == ON_DRIFT_FALLBACK &&
            response_holds(response, settings) &&
            distance(learned, response->alarmed_at) < settings->fallback_calm;
}

/* ---- state ---- */

void response_save(const struct response *response, struct writer *writer)
{
    write_u8(writer, response->alarmed);
    write_i64(writer, response->time);
    write_u64(writer, response->alarmed_at);
    write_u8(writer, response->explained);
    write_u64(writer, response->explained_at);
}

bool response_load(struct response *response, struct reader *reader)
{
    uint8_t alarmed = read_u8(reader), explained;

    response->time = read_i64(reader);
    response->alarmed_at = read_u64(reader);
    explained = read_u8(reader);
    response->explained_at = read_u64(reader);
    response->alarmed = alarmed == 1;
    response->explained = explained == 1;
    return !reader->failed && alarmed <= 1 && explained <= 1;
}
