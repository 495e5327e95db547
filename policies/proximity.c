#include "policies/proximity.h"

#include <math.h>

/* Signed distance of an alarm from a change. */
static double distance(double alarm, const struct change *change)
{
    if (alarm < change->from)
        return alarm - change->from;
    return alarm > change->to ? alarm - change->to : 0.0;
}

static uint32_t nearest(
        double alarm, const struct change *changes, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++)
        if (fabs(distance(alarm, &changes[i])) <
                fabs(distance(alarm, &changes[best])))
            best = i;
    return best;
}

static double alone(double u, double early, double late)
{
    if (u < 0.0)
        return -u <= early ? 1.0 + u / early : 0.0;
    return u <= late ? 1.0 - u / late : 0.0;
}

static int is_inside(double u, double early, double late)
{
    return u < 0.0 ? -u <= early : u <= late;
}

/* The best alarm of a change keeps its score, the others lose theirs. */
static void settle(const double *alarms, uint32_t alarm_count,
        const struct change *changes, uint32_t change_count, uint32_t at,
        double *scores, struct proximity *out)
{
    uint32_t best = alarm_count;
    double u;

    for (uint32_t i = 0; i < alarm_count; i++) {
        if (nearest(alarms[i], changes, change_count) != at)
            continue;
        if (scores[i] > 0.0 &&
                (best == alarm_count || scores[i] > scores[best]))
            best = i;
    }
    if (best == alarm_count)
        return;
    for (uint32_t i = 0; i < alarm_count; i++)
        if (i != best && nearest(alarms[i], changes, change_count) == at)
            scores[i] = 0.0;
    u = distance(alarms[best], &changes[at]);
    out->hits++;
    if (u < 0.0) {
        out->early_hits++;
        out->early_mean -= u;
    } else {
        out->late_hits++;
        out->late_mean += u;
    }
}

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : (double)NAN;
}

void proximity_score(const double *alarms, uint32_t alarm_count,
        const struct change *changes, uint32_t change_count, double early,
        double late, double *scores, struct proximity *out)
{
    uint32_t inside = 0;
    double sum = 0.0;

    *out = (struct proximity){.alarms = alarm_count, .changes = change_count};
    for (uint32_t i = 0; i < alarm_count; i++) {
        double u = 0.0;
        scores[i] = 0.0;
        if (change_count == 0)
            continue;
        u = distance(
                alarms[i], &changes[nearest(alarms[i], changes, change_count)]);
        scores[i] = alone(u, early, late);
        inside += is_inside(u, early, late) != 0;
    }
    for (uint32_t i = 0; i < change_count; i++)
        settle(alarms, alarm_count, changes, change_count, i, scores, out);
    for (uint32_t i = 0; i < alarm_count; i++)
        sum += scores[i];
    out->false_alarms = alarm_count - inside;
    out->repeats = inside > out->hits ? inside - out->hits : 0;
    out->precision = ratio(sum, alarm_count);
    out->recall = ratio(sum, change_count);
    out->f1 = ratio(
            2.0 * out->precision * out->recall, out->precision + out->recall);
    out->hit_rate = ratio(out->hits, change_count);
    out->early_mean = ratio(out->early_mean, out->early_hits);
    out->late_mean = ratio(out->late_mean, out->late_hits);
}
