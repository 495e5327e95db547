/* Thompson sampling (bandits.md, section 1.6): the probability of an action is
 * the share of `tables` in which it is the best, a table being one draw of
 * r_a + v s_a z_a for all actions, s the oracle's width of one standard
 * deviation and z independent standard normals from the decision's keyed
 * generator. The action is then drawn from the counted shares like any other,
 * so that the propensity in the log is exact although the shares are an
 * estimate. Between two actions the share is known without drawing: the normal
 * distribution function at (r_1 - r_2)/(v sqrt(s_1^2 + s_2^2)).
 *
 * Normals are bounded (portable.h), so an action whose highest draw is below
 * another's lowest wins no table; it takes no part. The others are ranked by
 * score, then width, then index, before anything is drawn, so that the order
 * of the request's actions does not matter. */
#include "base/check.h"
#include "base/wide.h"
#include "policies/explorer.h"
#include "policies/portable.h"

#include <math.h>

struct thompson_options {
    double v;
    uint32_t tables;
};

static const struct option_row thompson_rows[] = {
        {.name = "v",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct thompson_options, v),
                .min = 0.0,
                .max = 100.0,
                .fallback = 0.3,
                .sentence = "standard deviation of the draws, in the oracle's "
                            "widths; 0.1 to 1, larger explores more"},
        {.name = "tables",
                .type = OPTION_COUNT,
                .offset = offsetof(struct thompson_options, tables),
                .min = 1,
                .max = 65536,
                .fallback = 256,
                .sentence = "draws that a probability is counted from; it is "
                            "a multiple of 1/tables"},
};

/* Tables drawn at a time; a whole number of the generator's blocks. */
#define BATCH 64u

/* An action that takes part. */
struct contender {
    double score, width;
    uint32_t index;
    uint32_t wins;
};

/* Widths grow with the root of the budget, so they hold v already. */
static double thompson_budget(
        const void *options, const struct outlook *outlook)
{
    const struct thompson_options *thompson = options;

    (void)outlook;
    return thompson->v * thompson->v;
}

static bool ranks_before(
        const struct contender *left, const struct contender *right)
{
    if (left->score != right->score)
        return left->score > right->score;
    if (left->width != right->width)
        return left->width > right->width;
    return left->index < right->index;
}

/* Shell's sort, with Ciura's gaps. */
static void rank(struct contender *contenders, uint32_t count)
{
    static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

    for (uint32_t g = 0; g < ARRAY_COUNT(gaps); g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            struct contender one = contenders[i];
            uint32_t at = i;
            for (; at >= gaps[g] &&
                    ranks_before(&one, &contenders[at - gaps[g]]);
                    at -= gaps[g])
                contenders[at] = contenders[at - gaps[g]];
            contenders[at] = one;
        }
}

/* Those that can win a table (of two, both), in the order of their rank. */
static uint32_t find_contenders(
        const struct outlook *outlook, struct contender *contenders)
{
    double lowest_allowed = -INFINITY;
    uint32_t count = 0;

    for (uint32_t i = 0; i < outlook->count; i++) {
        double lowest =
                outlook->scores[i] - PORTABLE_NORMAL_MAX * outlook->up[i];
        lowest_allowed = lowest > lowest_allowed ? lowest : lowest_allowed;
    }
    for (uint32_t i = 0; i < outlook->count; i++)
        if (outlook->count == 2 ||
                outlook->scores[i] + PORTABLE_NORMAL_MAX * outlook->up[i] >=
                        lowest_allowed)
            contenders[count++] = (struct contender){
                    outlook->scores[i], outlook->up[i], i, 0};
    rank(contenders, count);
    return count;
}

/* The first scores at least as much as the second. */
static void share_of_two(const struct contender *two, double *pmf)
{
    double deviation =
            sqrt(two[0].width * two[0].width + two[1].width * two[1].width);
    double second = deviation > 0.0
            ? portable_normal_tail((two[1].score - two[0].score) / deviation)
            : 0.0;

    pmf[two[0].index] = 1.0 - second;
    pmf[two[1].index] = second;
}

/* One more contender in each of BATCH tables; equals by rank. */
WIDE static void play_one(double score, double width, double label,
        const double *restrict z, double *restrict best,
        double *restrict winner)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        double value = score + width * z[i];
        bool wins = value > best[i];
        best[i] = wins ? value : best[i];
        winner[i] = wins ? label : winner[i];
    }
}

/* Who wins each of `tables` <= BATCH tables. */
static void play_batch(struct contender *contenders, uint32_t count,
        struct rng *draws, uint32_t tables)
{
    uint32_t words[BATCH];
    double z[BATCH], best[BATCH], winner[BATCH];

    for (uint32_t i = 0; i < BATCH; i++) {
        best[i] = -INFINITY;
        winner[i] = 0.0;
    }
    for (uint32_t place = 0; place < count; place++) {
        rng_words(draws, words, BATCH);
        portable_normals(words, z, BATCH);
        play_one(contenders[place].score, contenders[place].width,
                (double)place, z, best, winner);
    }
    for (uint32_t i = 0; i < tables; i++)
        contenders[(uint32_t)winner[i]].wins++;
}

static void thompson_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    const struct thompson_options *thompson = options;
    struct contender *contenders =
            arena_array(scratch, struct contender, outlook->count);
    uint32_t count;

    CHECK(contenders != NULL);
    count = find_contenders(outlook, contenders);
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = 0.0;
    if (count == 1) {
        pmf[contenders[0].index] = 1.0;
        return;
    }
    if (count == 2) {
        share_of_two(contenders, pmf);
        return;
    }
    for (uint32_t done = 0; done < thompson->tables; done += BATCH) {
        uint32_t left = thompson->tables - done;
        play_batch(contenders, count, draws, left < BATCH ? left : BATCH);
    }
    for (uint32_t i = 0; i < count; i++)
        pmf[contenders[i].index] =
                (double)contenders[i].wins / (double)thompson->tables;
}

const struct explorer explorer_thompson = {
        .name = "thompson",
        .options = {thompson_rows, ARRAY_COUNT(thompson_rows),
                sizeof(struct thompson_options)},
        .budget = thompson_budget,
        .distribute = thompson_distribute,
};
