/* The detectors of a problem together: silent while nothing changes, each
 * planted defect found by the stream that is there for it, and a state that
 * lives on after save and load (drift.md, section 9). */
#include "policies/drift.h"

#include "base/rng.h"
#include "policies/evidence.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS   5u
#define COLUMNS 3u
#define GROUPS  2u
#define SAVED   (1u << 20)

static const struct drift_spec spec = {{.on = true,
                                               .between = 1e6,
                                               .window = 2000,
                                               .silence = 500,
                                               .warmup = 1000},
        SLOTS, GROUPS, COLUMNS};

/* A world of five actions with known loss rates, a policy that knows them and
 * explores, and what may be wrong with it. */
struct defects {
    bool argmax; /* a tenth of the draws are the best action instead */
    bool lost; /* a third of the labels never come */
    bool slow; /* feedback takes twice as long */
    bool worse; /* the best action's loss rises by 20 points */
    bool all; /* the loss of every action does */
    bool moved; /* a column's mean moves by one deviation */
    bool other; /* the policy prefers another action */
};

static const double rates[SLOTS] = {0.10, 0.15, 0.20, 0.25, 0.30};

static struct drift *open_drift(void **block)
{
    *block = aligned_alloc(64, (drift_footprint(&spec) + 63) / 64 * 64);
    ck_assert_ptr_nonnull(*block);
    return drift_init(*block, &spec);
}

static void one_row(
        struct drift *drift, struct rng *rng, const struct defects *defects)
{
    static const uint32_t slots[SLOTS] = {0, 1, 2, 3, 4};
    const double pmf[SLOTS] = {0.8, 0.05, 0.05, 0.05, 0.05};
    const double other[SLOTS] = {0.05, 0.05, 0.05, 0.05, 0.8};
    const double *p = defects->other ? other : pmf;
    double dense[COLUMNS] = {rng_normal(rng) + (defects->moved ? 1.0 : 0.0),
            rng_unit(rng) < 0.3 ? 1.0 : 0.0, 7.0};
    uint16_t group = 0;
    struct context context = {
            .shared = {.dense = dense, .dense_count = COLUMNS},
            .groups = &group,
            .group_count = dense[1] > 0.0 ? 1 : 0};
    struct action_set actions = {SLOTS, slots, NULL};
    struct drift_outcome outcome = {.context = &context,
            .count = SLOTS,
            .delay = (nanos)(1e9 * (1.0 + rng_unit(rng)) *
                    (defects->slow ? 2.0 : 1.0))};
    double u = rng_unit(rng), rate;
    uint32_t chosen = 0;

    while (chosen + 1 < SLOTS && u >= p[chosen])
        u -= p[chosen++];
    if (defects->argmax && rng_unit(rng) < 0.1)
        chosen = 0;
    drift_decided(drift, &context, &actions, p, chosen);
    rate = rates[chosen] +
            (defects->all || (defects->worse && chosen == 0) ? 0.2 : 0.0);
    outcome.slot = chosen;
    outcome.propensity = p[chosen];
    outcome.predicted = rates[chosen];
    outcome.unjoined = rng_unit(rng) < (defects->lost ? 0.33 : 0.02);
    outcome.loss = outcome.unjoined ? 1.0 : rng_unit(rng) < rate ? 1.0 : 0.0;
    /* The prediction is of the outcome as it is learned. */
    outcome.predicted = 0.02 + 0.98 * outcome.predicted;
    drift_learned(drift, &outcome);
}

/* Rows until the first alarm of the stream, taking all alarms away; `most`: it
 * did not come. `others` counts alarms of other streams. */
static uint32_t rows_to(struct drift *drift, struct rng *rng,
        const struct defects *defects, uint32_t stream, uint32_t most,
        struct alarm *first)
{
    for (uint32_t row = 0; row < most; row++) {
        const struct alarm *alarm;
        one_row(drift, rng, defects);
        while ((alarm = drift_pending(drift)) != NULL) {
            struct alarm found = *alarm;
            drift_take(drift);
            if (found.stream != stream)
                continue;
            *first = found;
            return row;
        }
    }
    return most;
}

START_TEST(stationary)
{
    static const struct defects none;
    uint32_t alarms = 0;

    for (uint64_t seed = 0; seed < 3; seed++) {
        struct rng rng = rng_keyed(seed, 11, RNG_TEST);
        void *block;
        struct drift *drift = open_drift(&block);
        for (uint32_t row = 0; row < 200000; row++) {
            one_row(drift, &rng, &none);
            for (; drift_pending(drift) != NULL; drift_take(drift))
                alarms++;
        }
        free(block);
    }
    /* Promised is about one in a million rows for the sequential ones. */
    ck_assert_uint_le(alarms, 3);
}
END_TEST

START_TEST(planted)
{
    static const struct {
        struct defects defects;
        uint32_t stream;
        uint32_t within;
    } cases[] = {
            {{.argmax = true}, DRIFT_PROPENSITY, 60000},
            {{.lost = true}, DRIFT_JOIN, 1000},
            {{.slow = true}, DRIFT_DELAY, 8000},
            {{.worse = true}, DRIFT_REWARD, 1000},
            {{.worse = true}, DRIFT_RESIDUAL, 3000},
            {{.all = true}, DRIFT_WEIGHTED, 20000},
            {{.worse = true}, DRIFT_OPTIMISM, 8000},
            {{.moved = true}, DRIFT_CONTEXT, 40000},
            {{.other = true}, DRIFT_ACTIONS, 8000},
    };
    static const struct defects none;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rng rng = rng_keyed(i, 12, RNG_TEST);
        struct alarm alarm = {0};
        void *block;
        struct drift *drift = open_drift(&block);
        uint32_t rows;
        for (uint32_t row = 0; row < 20000; row++)
            one_row(drift, &rng, &none);
        while (drift_pending(drift) != NULL)
            drift_take(drift);
        rows = rows_to(drift, &rng, &cases[i].defects, cases[i].stream,
                cases[i].within, &alarm);
        ck_assert_msg(rows < cases[i].within, "%s: not found in %u rows",
                drift_stream_name(cases[i].stream), cases[i].within);
        ck_assert_double_ge(alarm.statistic, alarm.threshold);
        if (cases[i].stream == DRIFT_CONTEXT)
            ck_assert(alarm.part == DRIFT_COLUMN && alarm.index == 0);
        free(block);
    }
}
END_TEST

/* The outage alarm of one action comes within its first fifty tries. */
START_TEST(outage)
{
    struct rng rng = rng_keyed(1, 13, RNG_TEST);
    static const struct defects none;
    struct context context = {0};
    struct drift_outcome dead = {.context = &context,
            .slot = 3,
            .count = SLOTS,
            .propensity = 0.05,
            .loss = 1.0,
            .predicted = NAN,
            .delay = -1};
    void *block;
    struct drift *drift = open_drift(&block);
    uint32_t tries = 0;

    for (uint32_t row = 0; row < 30000; row++)
        one_row(drift, &rng, &none);
    while (drift_pending(drift) != NULL)
        drift_take(drift);
    while (drift_pending(drift) == NULL && tries < 200) {
        drift_learned(drift, &dead);
        tries++;
    }
    ck_assert_uint_le(tries, 50);
    ck_assert_uint_eq(drift_pending(drift)->part, DRIFT_ACTION);
    ck_assert_uint_eq(drift_pending(drift)->index, 3);
    free(block);
}
END_TEST

START_TEST(saved_and_loaded)
{
    static const struct defects none, worse = {.worse = true};
    struct rng rng = rng_keyed(2, 14, RNG_TEST), same;
    static uint8_t one[SAVED], two[SAVED];
    struct writer writer = writer_over(one, sizeof(one)), again;
    struct reader reader;
    struct err err;
    void *block, *other;
    struct drift *drift = open_drift(&block), *copy = open_drift(&other);

    for (uint32_t row = 0; row < 9000; row++)
        one_row(drift, &rng, row < 8000 ? &none : &worse);
    ck_assert_ptr_nonnull(drift_pending(drift));
    drift_save(drift, &writer);
    ck_assert(!writer.failed);
    reader = reader_of(writer_bytes(&writer));
    ck_assert_int_eq(drift_load(copy, &reader, &err), 0);
    ck_assert(reader_done(&reader));
    ck_assert(alarm_equal(drift_pending(drift), drift_pending(copy)));
    same = rng;
    for (uint32_t row = 0; row < 5000; row++) {
        one_row(drift, &rng, &worse);
        one_row(copy, &same, &worse);
    }
    writer = writer_over(one, sizeof(one));
    again = writer_over(two, sizeof(two));
    drift_save(drift, &writer);
    drift_save(copy, &again);
    ck_assert(bytes_equal(writer_bytes(&writer), writer_bytes(&again)));
    free(block);
    free(other);
}
END_TEST

START_TEST(hostile_states)
{
    static const struct defects none;
    struct rng rng = rng_keyed(3, 15, RNG_TEST);
    static uint8_t saved[SAVED], bad[SAVED];
    struct writer writer = writer_over(saved, sizeof(saved));
    void *block;
    struct drift *drift = open_drift(&block);
    uint32_t refused = 0;

    for (uint32_t row = 0; row < 6000; row++)
        one_row(drift, &rng, &none);
    drift_save(drift, &writer);
    for (uint32_t k = 0; k < 3000; k++) {
        size_t size = k % 5 == 0 ? rng_below(&rng, (uint32_t)writer.size)
                                 : writer.size;
        struct reader reader = reader_of(bytes_of(bad, size));
        struct err err;
        memcpy(bad, saved, writer.size);
        for (uint32_t j = 0; j < 4; j++)
            bad[rng_below(&rng, (uint32_t)writer.size)] ^=
                    (uint8_t)(1 + rng_below(&rng, 255));
        (void)drift_init(block, &spec);
        if (drift_load(drift, &reader, &err) != 0) {
            refused++;
            continue;
        }
        for (uint32_t row = 0; row < 100; row++)
            one_row(drift, &rng, &none);
    }
    ck_assert_uint_gt(refused, 600);
    free(block);
}
END_TEST

/* ---- levels ---- */

struct seen {
    double furthest[DRIFT_STREAMS]; /* statistic over threshold */
    bool told[DRIFT_STREAMS];
    uint32_t count;
};

static void note_level(void *self, const struct alarm *level)
{
    struct seen *seen = self;
    double share = level->statistic / level->threshold;

    ck_assert_uint_lt(level->stream, DRIFT_STREAMS);
    ck_assert_double_gt(level->threshold, 0.0);
    if (share > seen->furthest[level->stream])
        seen->furthest[level->stream] = share;
    seen->told[level->stream] = true;
    seen->count++;
}

static struct seen look(const struct drift *drift)
{
    struct seen seen = {.count = 0};

    drift_levels(drift, note_level, &seen);
    ck_assert_uint_le(seen.count, drift_levels_max(&spec));
    return seen;
}

/* Levels stay below 1 while all is well, and pass a half, row by row, before
 * Page-Hinkley raises its alarm; every stream is told of. */
START_TEST(levels)
{
    static const struct defects none, all = {.all = true};
    struct rng rng = rng_keyed(5, 16, RNG_TEST);
    void *block;
    struct drift *drift = open_drift(&block);
    double last = 0.0;

    ck_assert_uint_eq(look(drift).count, 2); /* the two martingales */
    for (uint32_t row = 0; row < 40000; row++) {
        one_row(drift, &rng, &none);
        if (row % 100 == 0)
            ck_assert_double_lt(look(drift).furthest[DRIFT_REWARD], 1.0);
    }
    for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
        ck_assert_msg(
                look(drift).told[i], "%s: no level", drift_stream_name(i));
    while (drift_pending(drift) != NULL)
        drift_take(drift);
    for (uint32_t row = 0; drift_pending(drift) == NULL ||
            drift_pending(drift)->stream != DRIFT_REWARD;
            row++) {
        ck_assert_uint_lt(row, 10000);
        drift_take(drift);
        last = look(drift).furthest[DRIFT_REWARD];
        one_row(drift, &rng, &all);
    }
    ck_assert_double_gt(last, 0.5);
    ck_assert_double_lt(last, 1.0);
    free(block);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drift");
    TCase *cases = tcase_create("drift");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, stationary);
    tcase_add_test(cases, planted);
    tcase_add_test(cases, outage);
    tcase_add_test(cases, saved_and_loaded);
    tcase_add_test(cases, hostile_states);
    tcase_add_test(cases, levels);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
