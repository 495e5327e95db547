#include "policies/evidence.h"

#include "policies/portable.h"

#include <math.h>

#define LN2 0.69314718055994530942
/* M is brought back to about 1 outside of these. */
#define SCALED_MAX 0x1p500
#define SCALED_MIN 0x1p-500
#define SCALE_STEP 500
/* Differences fed before that is looked at: a factor is within 2^-1 .. 2. */
#define LOOK_EVERY 64u
/* |ln M| of a row is at most ln 2. */
#define POWER_MAX ((int64_t)1 << 52)

/* Bets on "more often than logged" first. */
static const double bets[EVIDENCE_BETS] = {0.5, 0.1, 0.02, -0.5, -0.1, -0.02};

void evidence_init(struct evidence *evidence)
{
    for (uint32_t i = 0; i < EVIDENCE_BETS; i++) {
        evidence->scaled[i] = 1.0;
        evidence->power[i] = 0;
    }
    evidence->fed = 0;
}

static void bring_back(struct evidence *evidence)
{
    for (uint32_t i = 0; i < EVIDENCE_BETS; i++) {
        if (evidence->scaled[i] > SCALED_MAX) {
            evidence->scaled[i] *= 0x1p-500;
            evidence->power[i] += SCALE_STEP;
        } else if (evidence->scaled[i] < SCALED_MIN) {
            evidence->scaled[i] *= 0x1p500;
            evidence->power[i] -= SCALE_STEP;
        }
    }
    evidence->fed = 0;
}

static inline void feed_bets(struct evidence *evidence, double difference,
        uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        evidence->scaled[i] *= 1.0 + bets[i] * difference;
    if (++evidence->fed >= LOOK_EVERY)
        bring_back(evidence);
}

void evidence_feed(struct evidence *evidence, double difference)
{
    feed_bets(evidence, difference, 0, EVIDENCE_BETS);
}

void evidence_feed_side(
        struct evidence *evidence, double difference, bool above)
{
    feed_bets(evidence, difference, above ? 0 : EVIDENCE_BETS / 2,
            above ? EVIDENCE_BETS / 2 : EVIDENCE_BETS);
}

static double log_of(const struct evidence *evidence, uint32_t i)
{
    return portable_log(evidence->scaled[i]) + (double)evidence->power[i] * LN2;
}

/* ln of the average over the bets from..to of `count` evidences. */
static double log_average(const struct evidence *evidence, uint32_t count,
        uint32_t from, uint32_t to)
{
    double highest = -INFINITY, sum = 0.0;

    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = from; i < to; i++)
            highest = fmax(highest, log_of(&evidence[k], i));
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = from; i < to; i++)
            sum += portable_exp(log_of(&evidence[k], i) - highest);
    return highest + portable_log(sum / ((double)count * (to - from)));
}

double evidence_log(const struct evidence *evidence, uint32_t count)
{
    return log_average(evidence, count, 0, EVIDENCE_BETS);
}

double evidence_log_side(const struct evidence *evidence, bool above)
{
    return log_average(evidence, 1, above ? 0 : EVIDENCE_BETS / 2,
            above ? EVIDENCE_BETS / 2 : EVIDENCE_BETS);
}

void evidence_save(const struct evidence *evidence, struct writer *writer)
{
    for (uint32_t i = 0; i < EVIDENCE_BETS; i++) {
        write_f64(writer, evidence->scaled[i]);
        write_i64(writer, evidence->power[i]);
    }
    write_u32(writer, evidence->fed);
}

bool evidence_load(struct evidence *evidence, struct reader *reader)
{
    for (uint32_t i = 0; i < EVIDENCE_BETS; i++) {
        evidence->scaled[i] = read_f64(reader);
        evidence->power[i] = read_i64(reader);
        if (!(evidence->scaled[i] >= SCALED_MIN * 0x1p-64 &&
                    evidence->scaled[i] <= SCALED_MAX * 0x1p64) ||
                evidence->power[i] > POWER_MAX ||
                evidence->power[i] < -POWER_MAX)
            return false;
    }
    evidence->fed = read_u32(reader);
    return evidence->fed < LOOK_EVERY;
}
