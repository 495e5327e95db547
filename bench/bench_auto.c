/* `policy: auto` where little can be learned: simulated files of labelled rows
 * that are small, noisy, wide, of rare classes or of strange columns, played as
 * `rue bakeoff` plays a file (sim/bakeoff.h).
 *
 * For each file, over SEEDS draws of it, each in ORDERS row orders:
 * auto_FILE_loss is the mean loss and _loss_ci95 half of its interval over the
 * draws; _excess is that loss less the largest class's, with _excess_ci95;
 * _above is the share of orders that lost more than the largest class;
 * _largest is the loss of the largest class and _best that of who knows how the
 * file was drawn. SEEDS=N, ORDERS=N in the environment; ONLY=TEXT: only the
 * files whose name has it. POLICY=KEY=VALUE,...: another policy on the same
 * files; then _other and _other_above are its loss and share, and _gain what it
 * loses more than auto, with _gain_ci95 over the pairs. */
#include "base/rng.h"
#include "bench/measure.h"
#include "sim/bakeoff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES_MAX 30u
#define NUMBERS_MAX 60u

/* Numbers are normal, words one indicator for each value. The class is drawn
 * by a softmax over its share and `signal` times a function of the first
 * `telling` numbers and words: linear, and `curved` times squares and products
 * of pairs. */
struct world {
    const char *name;
    uint32_t rows, classes;
    uint32_t numbers, words, values; /* values of each word */
    uint32_t telling; /* of the numbers, and of the words */
    double signal, curved;
    double share[5]; /* of the first classes; what is left goes evenly to the
                        others */
    uint32_t constants, twins; /* more columns: that never vary, that repeat
                                  the first one */
    double unit; /* of the first number; 0: 1 */
    bool heavy; /* numbers are exponentials of normals */
};

static const struct world worlds[] = {
        {.name = "noise_small",
                .rows = 300,
                .classes = 2,
                .share = {0.735},
                .numbers = 3},
        {.name = "noise",
                .rows = 1000,
                .classes = 2,
                .share = {0.68},
                .numbers = 8},
        {.name = "noise_long",
                .rows = 5000,
                .classes = 2,
                .share = {0.68},
                .numbers = 24},
        {.name = "noise_three",
                .rows = 1500,
                .classes = 3,
                .share = {0.59, 0.25},
                .numbers = 10},
        {.name = "noise_words",
                .rows = 300,
                .classes = 2,
                .share = {0.7},
                .words = 9,
                .values = 5},
        {.name = "noise_rare",
                .rows = 2000,
                .classes = 2,
                .share = {0.97},
                .numbers = 10},
        {.name = "constants",
                .rows = 300,
                .classes = 2,
                .share = {0.63},
                .constants = 3},
        {.name = "weak_tiny",
                .rows = 90,
                .classes = 3,
                .share = {0.71, 0.26},
                .words = 8,
                .values = 3,
                .telling = 3,
                .signal = 0.3},
        {.name = "weak_small",
                .rows = 306,
                .classes = 2,
                .share = {0.735},
                .numbers = 3,
                .telling = 1,
                .signal = 0.8},
        {.name = "weak_twins",
                .rows = 748,
                .classes = 2,
                .share = {0.762},
                .numbers = 3,
                .telling = 2,
                .signal = 0.7,
                .twins = 1,
                .unit = 1e3,
                .heavy = true},
        {.name = "weak_words",
                .rows = 286,
                .classes = 2,
                .share = {0.703},
                .words = 9,
                .values = 5,
                .telling = 3,
                .signal = 0.6},
        {.name = "weak_numbers",
                .rows = 768,
                .classes = 2,
                .share = {0.65},
                .numbers = 8,
                .telling = 3,
                .signal = 0.7,
                .curved = 0.2},
        {.name = "weak_mixed",
                .rows = 1000,
                .classes = 2,
                .share = {0.7},
                .numbers = 7,
                .words = 13,
                .values = 4,
                .telling = 4,
                .signal = 0.4},
        {.name = "weak_three",
                .rows = 1473,
                .classes = 3,
                .share = {0.43, 0.35},
                .numbers = 9,
                .telling = 4,
                .signal = 0.4,
                .curved = 0.3},
        {.name = "weak_rare",
                .rows = 4000,
                .classes = 2,
                .share = {0.97},
                .numbers = 12,
                .telling = 3,
                .signal = 0.5},
        {.name = "wide",
                .rows = 100,
                .classes = 2,
                .share = {0.55},
                .numbers = 60,
                .telling = 5,
                .signal = 0.8},
        {.name = "wide_uneven",
                .rows = 150,
                .classes = 2,
                .share = {0.8},
                .numbers = 60,
                .telling = 5,
                .signal = 0.8},
        {.name = "rare",
                .rows = 3000,
                .classes = 2,
                .share = {0.94},
                .numbers = 20,
                .telling = 3,
                .signal = 0.8,
                .constants = 1,
                .twins = 1,
                .unit = 1e4,
                .heavy = true},
        {.name = "rare_four",
                .rows = 3000,
                .classes = 4,
                .share = {0.92, 0.05, 0.025},
                .numbers = 20,
                .telling = 3,
                .signal = 1.2},
        {.name = "rare_many",
                .rows = 3000,
                .classes = 5,
                .share = {0.9, 0.06, 0.02, 0.01},
                .numbers = 10,
                .telling = 4,
                .signal = 1.0,
                .curved = 0.5},
        {.name = "glass",
                .rows = 214,
                .classes = 6,
                .share = {0.36, 0.33, 0.14},
                .numbers = 9,
                .telling = 6,
                .signal = 1.0,
                .curved = 0.5},
        {.name = "ten_uneven",
                .rows = 1484,
                .classes = 10,
                .share = {0.31, 0.29, 0.16, 0.11},
                .numbers = 8,
                .telling = 6,
                .signal = 1.0,
                .curved = 0.5},
        {.name = "curved",
                .rows = 846,
                .classes = 4,
                .share = {0.26, 0.25, 0.25},
                .numbers = 18,
                .telling = 8,
                .signal = 1.0,
                .curved = 1.0},
        {.name = "words",
                .rows = 1728,
                .classes = 4,
                .share = {0.7, 0.22, 0.04},
                .words = 6,
                .values = 4,
                .telling = 6,
                .signal = 2.0},
        {.name = "many",
                .rows = 3000,
                .classes = 30,
                .share = {0.0333},
                .numbers = 10,
                .telling = 10,
                .signal = 2.0,
                .curved = 1.0},
        {.name = "many_wide",
                .rows = 1200,
                .classes = 12,
                .share = {0.0833},
                .numbers = 40,
                .telling = 20,
                .signal = 1.0},
        {.name = "many_words",
                .rows = 700,
                .classes = 16,
                .share = {0.14, 0.13, 0.13},
                .words = 12,
                .values = 5,
                .telling = 12,
                .signal = 2.0},
        {.name = "clear",
                .rows = 600,
                .classes = 2,
                .share = {0.6},
                .numbers = 10,
                .telling = 4,
                .signal = 3.0},
};

/* ---- files ---- */

struct truth {
    double bias[CLASSES_MAX];
    double linear[CLASSES_MAX][NUMBERS_MAX];
    double square[CLASSES_MAX][NUMBERS_MAX]; /* of number j times j + 1 */
    double word[CLASSES_MAX][NUMBERS_MAX][8];
};

static void make_truth(
        const struct world *world, struct rng *rng, struct truth *truth)
{
    double left = 1.0;
    uint32_t named = 0;

    for (; named < 5 && world->share[named] > 0.0; named++)
        left -= world->share[named];
    for (uint32_t k = 0; k < world->classes; k++) {
        truth->bias[k] = log(
                k < named ? world->share[k] : left / (world->classes - named));
        for (uint32_t j = 0; j < NUMBERS_MAX; j++) {
            truth->linear[k][j] = world->signal * rng_normal(rng);
            truth->square[k][j] =
                    world->signal * world->curved * rng_normal(rng);
            for (uint32_t v = 0; v < 8; v++)
                truth->word[k][j][v] = world->signal * rng_normal(rng);
        }
    }
}

static double score_of(const struct world *world, const struct truth *truth,
        uint32_t class, const double *number, const uint32_t *word)
{
    double score = truth->bias[class];

    for (uint32_t j = 0; j < world->telling && j < world->numbers; j++) {
        uint32_t next = (j + 1) % world->numbers;
        score += truth->linear[class][j] * number[j] +
                truth->square[class][j] * number[j] * number[next];
    }
    for (uint32_t j = 0; j < world->telling && j < world->words; j++)
        score += truth->word[class][j][word[j]];
    return score;
}

/* Draws a class; *miss gets what the best guess loses. */
static uint32_t draw_class(const struct world *world, const struct truth *truth,
        const double *number, const uint32_t *word, struct rng *rng,
        double *miss)
{
    double p[CLASSES_MAX], sum = 0.0, most = 0.0, u;
    uint32_t class = 0;

    for (uint32_t k = 0; k < world->classes; k++) {
        p[k] = exp(score_of(world, truth, k, number, word));
        sum += p[k];
        most = p[k] > most ? p[k] : most;
    }
    *miss = 1.0 - most / sum;
    u = rng_unit(rng) * sum;
    while (class + 1 < world->classes && u >= p[class])
        u -= p[class ++];
    return class;
}

static void write_row(const struct world *world, const double *number,
        const uint32_t *word, double *out)
{
    for (uint32_t j = 0; j < world->numbers; j++) {
        double x = world->heavy ? exp(number[j]) : number[j];
        *out++ = j == 0 && world->unit > 0.0 ? x * world->unit : x;
    }
    for (uint32_t j = 0; j < world->words; j++)
        for (uint32_t v = 0; v < world->values; v++)
            *out++ = word[j] == v ? 1.0 : 0.0;
    for (uint32_t j = 0; j < world->constants; j++)
        *out++ = 7.0;
    for (uint32_t j = 0; j < world->twins; j++)
        *out++ = world->heavy ? exp(number[0]) : number[0];
}

static void make_file(const struct world *world, uint32_t seed,
        struct multiclass *data, double *best)
{
    struct rng rng = rng_keyed(seed, 0, RNG_WORLD);
    static struct truth truth;
    uint32_t counts[CLASSES_MAX] = {0}, word[NUMBERS_MAX];
    double number[NUMBERS_MAX];

    make_truth(world, &rng, &truth);
    memset(data, 0, sizeof(*data));
    data->rows = world->rows;
    data->columns = world->numbers + world->words * world->values +
            world->constants + world->twins;
    data->classes = world->classes;
    data->features = calloc((size_t)data->rows * data->columns, sizeof(double));
    data->label = calloc(data->rows, sizeof(*data->label));
    if (data->features == NULL || data->label == NULL)
        give_up("no memory");
    *best = 0.0;
    for (uint32_t i = 0; i < data->rows; i++) {
        double miss;
        for (uint32_t j = 0; j < world->numbers; j++)
            number[j] = rng_normal(&rng);
        for (uint32_t j = 0; j < world->words; j++)
            word[j] = rng_below(&rng, world->values);
        data->label[i] = draw_class(world, &truth, number, word, &rng, &miss);
        *best += miss / data->rows;
        counts[data->label[i]]++;
        write_row(world, number, word,
                data->features + (size_t)i * data->columns);
    }
    for (uint32_t k = 0; k < world->classes; k++)
        data->majority =
                counts[k] > data->majority ? counts[k] : data->majority;
}

/* ---- policies ---- */

/* ---- measuring ---- */

struct moments {
    uint32_t count;
    double mean, squares;
};

static void add(struct moments *moments, double value)
{
    double before = value - moments->mean;

    moments->mean += before / ++moments->count;
    moments->squares += before * (value - moments->mean);
}

static double half_interval(const struct moments *moments)
{
    uint32_t n = moments->count;

    return n < 2 ? (double)NAN : 1.96 * sqrt(moments->squares / (n - 1) / n);
}

static void say(const char *world, const char *what, double value)
{
    printf("auto_%s_%s %.4f loss\n", world, what, value);
}

struct sums {
    struct moments loss, excess, above, largest, best, other, other_above, gain;
};

static void play(const struct multiclass *data,
        const struct bakeoff_settings *settings, struct bakeoff_result *result)
{
    struct err err;

    if (bakeoff_run(data, settings, result, &err) != 0)
        give_up(err.text);
}

static void measure_file(const struct world *world, uint32_t seed,
        const struct bakeoff_settings *settings, struct sums *sums)
{
    struct bakeoff_settings automatic = *settings;
    struct bakeoff_result result, other;
    struct multiclass data;
    double best;

    automatic.policy_count = 0;
    make_file(world, seed, &data, &best);
    play(&data, &automatic, &result);
    add(&sums->loss, result.loss_mean);
    add(&sums->excess, result.loss_mean - result.majority);
    add(&sums->above, (double)result.above / settings->orders);
    add(&sums->largest, result.majority);
    add(&sums->best, best);
    if (settings->policy_count > 0) {
        play(&data, settings, &other);
        add(&sums->other, other.loss_mean);
        add(&sums->other_above, (double)other.above / settings->orders);
        add(&sums->gain, other.loss_mean - result.loss_mean);
    }
    multiclass_free(&data);
}

static void measure(const struct world *world,
        const struct bakeoff_settings *settings, uint32_t seeds)
{
    struct sums sums = {0};

    for (uint32_t seed = 1; seed <= seeds; seed++)
        measure_file(world, seed, settings, &sums);
    say(world->name, "loss", sums.loss.mean);
    say(world->name, "loss_ci95", half_interval(&sums.loss));
    say(world->name, "excess", sums.excess.mean);
    say(world->name, "excess_ci95", half_interval(&sums.excess));
    say(world->name, "above", sums.above.mean);
    say(world->name, "largest", sums.largest.mean);
    say(world->name, "best", sums.best.mean);
    if (settings->policy_count > 0) {
        say(world->name, "other", sums.other.mean);
        say(world->name, "other_above", sums.other_above.mean);
        say(world->name, "gain", sums.gain.mean);
        say(world->name, "gain_ci95", half_interval(&sums.gain));
    }
    (void)fflush(stdout);
}

int main(void)
{
    const char *only = getenv("ONLY"), *policy = getenv("POLICY");
    static char keys[BAKEOFF_SETTINGS_MAX][BAKEOFF_KEY_SIZE];
    static struct keyvalue values[BAKEOFF_SETTINGS_MAX];
    struct bakeoff_settings settings = {.policy = values,
            .orders = setting("ORDERS", 5, 1, 1000),
            .seed = 1};

    if (policy != NULL)
        settings.policy_count = bakeoff_policy(policy, keys, values);
    if (settings.policy_count == SIZE_MAX)
        give_up("POLICY is not KEY=VALUE,KEY=VALUE");
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
        if (only == NULL || strstr(worlds[i].name, only) != NULL)
            measure(&worlds[i], &settings, setting("SEEDS", 2, 1, 1000));
    return 0;
}
