/* What a decision over trees costs, beside XGBoost's own predictor in the same
 * run: 100 trees of depth 6 on 20 columns, rows of 20 actions. The least of
 * several turns, which take turns with each other. */
#include "base/rng.h"
#include "bench/measure.h"
#include "policies/flow.h"
#include "training/xgboost/booster.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COLUMNS 20u
#define ROWS    20000u
#define ACTIONS 20u
#define BLOCKS  500u
#define TURNS   9

static float rows[ROWS * COLUMNS], labels[ROWS], weights[ROWS];
static struct err err;
static double sink;

static void draw(void)
{
    struct rng rng = rng_keyed(1, 1, RNG_TEST);

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        rows[i] = (float)rng_normal(&rng);
    for (uint32_t i = 0; i < ROWS; i++) {
        const float *x = rows + (size_t)i * COLUMNS;
        double z = (double)x[0] - (double)(x[1] * x[2]) + (double)x[3] - 1.0;
        labels[i] = (float)(rng_unit(&rng) < flow_sigmoid(z));
        weights[i] = 1.0F;
    }
}

static double ours(const struct forest *forest, uint32_t actions)
{
    double start = now_ns(), sums[ACTIONS];

    for (uint32_t block = 0; block < BLOCKS; block++) {
        forest_sum(forest, rows + (size_t)block * ACTIONS * COLUMNS, COLUMNS,
                actions, sums);
        for (uint32_t i = 0; i < actions; i++)
            sink += flow_sigmoid(sums[i]);
    }
    return (now_ns() - start) / 1e3 / BLOCKS;
}

static double theirs(const struct xgboost_model *model, uint32_t actions)
{
    double start = now_ns();

    for (uint32_t block = 0; block < BLOCKS; block++) {
        const float *predictions;
        if (xgboost_predict(model, rows + (size_t)block * ACTIONS * COLUMNS,
                    COLUMNS, actions, &predictions, &err) != 0)
            give_up(err.text);
        for (uint32_t i = 0; i < actions; i++)
            sink += (double)predictions[i];
    }
    return (now_ns() - start) / 1e3 / BLOCKS;
}

static void compare(const struct forest *forest,
        const struct xgboost_model *model, uint32_t actions)
{
    double own = INFINITY, other = INFINITY;

    for (int turn = 0; turn < TURNS; turn++) {
        own = fmin(own, ours(forest, actions));
        other = fmin(other, theirs(model, actions));
    }
    printf("trees_%u_actions %.2f us\n", actions, own);
    printf("trees_%u_actions_xgboost %.2f us\n", actions, other);
    printf("trees_%u_actions_ratio %.2f x\n", actions, other / own);
}

int main(void)
{
    struct trees_options options = {.loss = TREES_LOGISTIC,
            .trees = 100,
            .depth = 6,
            .eta = 0.2,
            .subsample = 0.8,
            .columns_share = 0.8,
            .min_child = 5,
            .bins = 64};
    struct boost_job job = {
            &options, rows, labels, weights, ROWS, COLUMNS, 0.3F, 1};
    struct xgboost_model model;
    struct forest forest;

    (void)setenv("OMP_NUM_THREADS", "1", 1);
    draw();
    if (xgboost_open(&model, &job, &err) != 0 ||
            xgboost_forest(&model, &job, &forest, &err) != 0)
        give_up(err.text);
    compare(&forest, &model, 1);
    compare(&forest, &model, ACTIONS);
    fprintf(stderr, "sink %g\n", sink);
    forest_release(&forest);
    xgboost_close(&model);
    return 0;
}
