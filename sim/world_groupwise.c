/* Groupwise regression on the medical cost data (groupwise.md, section 10):
 * predict the cost of a patient, with small loss for every group of patients.
 * The learned value is l_hat, the weighted mean of the experts' squared
 * losses, as in the published tables. */
#include "sim/medical.h"
#include "sim/mt19937.h"
#include "sim/world.h"

#include "policies/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D MEDICAL_COLUMNS

/* A ridge on all rows, the baseline of the experiment: lambda 1, no
 * intercept, unclipped; and at lambda 1e-6, after the last row, the best
 * linear model in hindsight. */
struct least_squares {
    double theta[D];
    double inverse[D * (D + 1) / 2];
};

struct world {
    struct medical data;
    uint32_t *order;
    uint32_t count;
    struct least_squares online, hindsight;
    double online_loss[MEDICAL_GROUPS + 1];
    double mixed_loss[MEDICAL_GROUPS + 1];
    uint32_t group_rounds[MEDICAL_GROUPS + 1];
    double online_last, hindsight_last;
};

static void least_squares_init(struct least_squares *model, double lambda)
{
    memset(model, 0, sizeof(*model));
    for (uint32_t i = 0; i < D; i++)
        model->inverse[triangle_count(i + 1) - 1] = 1.0 / lambda;
}

static void least_squares_learn(
        struct least_squares *model, const double *x, double y)
{
    double gain[D];
    double scale;

    symmetric_times(model->inverse, x, gain, D);
    scale = 1.0 / (1.0 + dot(x, gain, D));
    axpy((y - dot(model->theta, x, D)) * scale, gain, model->theta, D);
    symmetric_rank_one(model->inverse, -scale, gain, D);
}

static double square(double x)
{
    return x * x;
}

static int groupwise_open(struct world **out,
        const struct world_settings *settings, struct err *err)
{
    struct world *world = calloc(1, sizeof(*world));
    struct mt19937 mt;
    int status;

    if (world == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = medical_read(settings->data, &world->data, err);
    if (status != 0) {
        free(world);
        return status;
    }
    world->count = world->data.count;
    world->order = calloc(world->count, sizeof(*world->order));
    CHECK(world->order != NULL);
    mt19937_seed(&mt, settings->seed);
    mt19937_shuffle(&mt, world->order, world->count);
    if (settings->rounds > 0 && settings->rounds < world->count)
        world->count = settings->rounds;
    least_squares_init(&world->online, 1.0);
    least_squares_init(&world->hindsight, 1e-6);
    *out = world;
    return 0;
}

static void groupwise_close(struct world *world)
{
    medical_free(&world->data);
    free(world->order);
    free(world);
}

static uint32_t groupwise_rounds(const struct world *world)
{
    return world->count;
}

static void groupwise_config(
        const struct world *world, const char *problem, FILE *out)
{
    (void)world;
    fprintf(out, "  - name: %s\n    form: predict\n    context: [", problem);
    for (uint32_t i = 0; i < D; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", medical_columns[i]);
    fprintf(out, "]\n    reward: {min: 0, max: 1, wait: 0}\n    groups:\n");
    for (uint32_t i = 0; i < MEDICAL_GROUPS; i++)
        fprintf(out, "      - {name: %s, when: %s = 1}\n", medical_groups[i],
                medical_columns[medical_group_columns[i]]);
    fprintf(out,
            "    policy: {oracle: groupwise, inner: ridge, lambda: 1, "
            "intercept: false, scale: false, clip_experts: false}\n");
}

static const double *row_of(const struct world *world, uint32_t i)
{
    return world->data.features[world->order[i]];
}

static double label_of(const struct world *world, uint32_t i)
{
    return world->data.label[world->order[i]];
}

static void groupwise_question(
        struct world *world, uint32_t i, rue_question *question)
{
    question->context = row_of(world, i);
    question->context_count = D;
    question->experts = 1;
}

/* Baselines keep their books as the rounds go by. */
static void book(struct world *world, uint32_t i, double mixed)
{
    const double *x = row_of(world, i);
    double y = label_of(world, i);
    double loss = square(dot(world->online.theta, x, D) - y);

    for (uint32_t g = 0; g <= MEDICAL_GROUPS; g++)
        if (g == MEDICAL_GROUPS || x[medical_group_columns[g]] == 1.0) {
            world->online_loss[g] += loss;
            world->mixed_loss[g] += mixed;
            world->group_rounds[g]++;
        }
    if (i >= world->count - world->count / 4)
        world->online_last += loss;
    least_squares_learn(&world->online, x, y);
    least_squares_learn(&world->hindsight, x, y);
}

static int groupwise_score(struct world *world, uint32_t i,
        const rue_answer *answer, double *value, struct err *err)
{
    double y = label_of(world, i);
    double mixed = 0.0, weights = 0.0;

    for (size_t e = 0; e < answer->expert_count; e++) {
        mixed += answer->experts[e].weight *
                square(answer->experts[e].prediction - y);
        weights += answer->experts[e].weight;
    }
    if (fabs(weights - 1.0) > 1e-9)
        return err_set(err, STATUS_INVALID,
                "round %u: the experts' weights sum to %g", i, weights);
    book(world, i, mixed);
    *value = mixed;
    return 0;
}

static double groupwise_outcome(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    (void)answer;
    return label_of(world, i);
}

static int32_t groupwise_delay(struct world *world, uint32_t i)
{
    (void)world;
    (void)i;
    return 0;
}

static struct world_row row(
        const char *name, double sum, double last, uint32_t rounds)
{
    struct world_row row = {.mean = sum / rounds, .rounds = rounds};

    row.last_quarter = last;
    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    return row;
}

static uint32_t groupwise_baselines(struct world *world, struct world_row *rows)
{
    uint32_t count = 0, quarter = world->count / 4;
    double hindsight = 0.0;

    for (uint32_t i = 0; i < world->count; i++) {
        double loss = square(dot(world->hindsight.theta, row_of(world, i), D) -
                label_of(world, i));
        hindsight += loss;
        if (i >= world->count - quarter)
            world->hindsight_last += loss;
    }
    rows[count++] = row("one ridge for all", world->online_loss[MEDICAL_GROUPS],
            world->online_last / quarter, world->count);
    rows[count++] = row("best linear model in hindsight", hindsight,
            world->hindsight_last / quarter, world->count);
    for (uint32_t g = 0; g < MEDICAL_GROUPS; g++) {
        char name[48];
        uint32_t rounds = world->group_rounds[g];
        if (rounds == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s: learned", medical_groups[g]);
        rows[count++] = row(name, world->mixed_loss[g], NAN, rounds);
        (void)snprintf(name, sizeof(name), "%s: one ridge", medical_groups[g]);
        rows[count++] = row(name, world->online_loss[g], NAN, rounds);
    }
    return count;
}

const struct world_functions world_groupwise = {
        .name = "groupwise",
        .sentence = "predict medical costs, well for every group of patients",
        .variants = "medical",
        .policies = "groupwise",
        .value = "squared loss",
        .minimise = true,
        .window = 1,
        .open = groupwise_open,
        .close = groupwise_close,
        .rounds = groupwise_rounds,
        .config = groupwise_config,
        .question = groupwise_question,
        .score = groupwise_score,
        .outcome = groupwise_outcome,
        .delay = groupwise_delay,
        .baselines = groupwise_baselines,
};
