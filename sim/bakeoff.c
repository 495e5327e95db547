#include "sim/bakeoff.h"

#include "base/rng.h"
#include "sim/desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 1000u

/* One order, played. */
struct pass {
    const struct multiclass *data;
    struct desk *desk;
    uint32_t *order; /* [rows] */
    double *row; /* [columns] as given to the policy */
    double *mean; /* [columns] of the cells seen */
    uint32_t *seen; /* [columns] */
    uint32_t misses;
    double expected;
};

static void shuffle(uint32_t *order, uint32_t rows, uint32_t number)
{
    struct rng rng = rng_keyed(number, 0, RNG_WORLD);

    for (uint32_t i = 0; i < rows; i++)
        order[i] = i;
    for (uint32_t i = rows - 1; number > 0 && i > 0; i--) {
        uint32_t j = rng_below(&rng, i + 1);
        uint32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* The row, with means in place of what is missing. */
static void fill_in(struct pass *pass, const double *features)
{
    for (uint32_t i = 0; i < pass->data->columns; i++) {
        if (isnan(features[i])) {
            pass->row[i] = pass->mean[i];
            continue;
        }
        pass->row[i] = features[i];
        pass->seen[i]++;
        pass->mean[i] += (features[i] - pass->mean[i]) / pass->seen[i];
    }
}

static double probability_of(const struct decision *decision, uint32_t place)
{
    for (uint32_t i = 0; i < decision->count; i++)
        if (decision->ranking[i] == place)
            return decision->probability[i];
    return 0.0;
}

static int play_row(struct pass *pass, uint32_t index, struct err *err)
{
    uint32_t row = pass->order[index];
    uint32_t label = pass->data->label[row];
    struct question question = {
            .shared = {.rows = 1,
                    .columns = pass->data->columns,
                    .values = pass->row},
    };
    const struct decision *decision;
    bool hit;
    int status;

    fill_in(pass, pass->data->features + (size_t)row * pass->data->columns);
    status = desk_decide(pass->desk, index, &question, &decision, err);
    if (status != 0)
        return status;
    hit = decision->ranking[0] == label;
    pass->misses += !hit;
    pass->expected += 1.0 - probability_of(decision, label);
    return desk_feedback(pass->desk, hit ? 1.0 : 0.0, err);
}

/* The problem's settings: its columns and classes, then the policy. */
static uint32_t make_settings(const struct multiclass *data,
        const struct bakeoff_settings *settings, char (*names)[16],
        struct keyvalue *values)
{
    static const char *const fixed[][2] = {{"reward.min", "0"},
            {"reward.max", "1"}, {"reward.wait", "0"},
            {"reward.default_on", "false"}};
    uint32_t count = 0;

    for (uint32_t i = 0; i < data->columns; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "x%u", i);
        values[count++] = (struct keyvalue){.key = bytes_of_text("context"),
                .value = bytes_of_text(names[i])};
    }
    for (uint32_t i = 0; i < data->classes; i++) {
        char *name = names[data->columns + i];
        (void)snprintf(name, sizeof(names[0]), "%u", i);
        values[count++] = (struct keyvalue){
                .key = bytes_of_text("actions"), .value = bytes_of_text(name)};
    }
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        values[count++] = (struct keyvalue){.key = bytes_of_text(fixed[i][0]),
                .value = bytes_of_text(fixed[i][1])};
    for (size_t i = 0; i < settings->policy_count; i++)
        values[count++] = settings->policy[i];
    return count;
}

static struct desk *open_desk(const struct multiclass *data,
        const struct bakeoff_settings *settings, struct err *err)
{
    size_t most = data->columns + data->classes + settings->policy_count + 16;
    struct keyvalue *values = calloc(most, sizeof(*values));
    char(*names)[16] = calloc(data->columns + data->classes, sizeof(*names));
    struct keyvalue seed = {.key = bytes_of_text("seed")};
    char seed_text[16];
    struct desk *desk = NULL;

    if (values == NULL || names == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
    } else {
        uint32_t count = make_settings(data, settings, names, values);
        (void)snprintf(seed_text, sizeof(seed_text), "%u", settings->seed);
        seed.value = bytes_of_text(seed_text);
        values[count++] = seed;
        desk = desk_open(bytes_of_text("bakeoff"), values, count, err);
    }
    free(values);
    free(names);
    return desk;
}

static int play_order(struct pass *pass, uint32_t number,
        const struct bakeoff_settings *settings, struct bakeoff_result *result,
        struct err *err)
{
    uint64_t all = (uint64_t)pass->data->rows * settings->orders;
    int status = 0;

    pass->misses = 0;
    pass->expected = 0.0;
    for (uint32_t i = 0; i < pass->data->columns; i++) {
        pass->mean[i] = 0.0;
        pass->seen[i] = 0;
    }
    shuffle(pass->order, pass->data->rows, number);
    pass->desk = open_desk(pass->data, settings, err);
    if (pass->desk == NULL)
        return STATUS_INVALID;
    (void)snprintf(result->policy, sizeof(result->policy), "%s",
            desk_problem(pass->desk)->spec->policy_name);
    for (uint32_t i = 0; status == 0 && i < pass->data->rows; i++) {
        status = play_row(pass, i, err);
        if (settings->progress != NULL && i % PROGRESS_EVERY == 0)
            settings->progress(settings->self,
                    (uint64_t)number * pass->data->rows + i, all);
    }
    desk_close(pass->desk);
    return status;
}

size_t bakeoff_policy(const char *text, char (*keys)[BAKEOFF_KEY_SIZE],
        struct keyvalue *values)
{
    size_t count = 0;

    if (strchr(text, '=') == NULL) {
        values[0] = (struct keyvalue){
                .key = bytes_of_text("policy"), .value = bytes_of_text(text)};
        return 1;
    }
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        const char *equals = memchr(text, '=', size);
        size_t name = equals == NULL ? 0 : (size_t)(equals - text);
        if (count == BAKEOFF_SETTINGS_MAX || name == 0 || name > 64)
            return SIZE_MAX;
        (void)snprintf(
                keys[count], sizeof(keys[0]), "policy.%.*s", (int)name, text);
        values[count] = (struct keyvalue){.key = bytes_of_text(keys[count]),
                .value = bytes_of(equals + 1, size - name - 1)};
        count++;
        text += size + (text[size] == ',');
    }
    return count;
}

int bakeoff_run(const struct multiclass *data,
        const struct bakeoff_settings *settings, struct bakeoff_result *result,
        struct err *err)
{
    struct pass pass = {.data = data};
    double squares = 0.0;
    int status = 0;

    memset(result, 0, sizeof(*result));
    result->majority = 1.0 - (double)data->majority / data->rows;
    pass.order = calloc(data->rows, sizeof(*pass.order));
    pass.row = calloc(data->columns + 1, sizeof(*pass.row));
    pass.mean = calloc(data->columns + 1, sizeof(*pass.mean));
    pass.seen = calloc(data->columns + 1, sizeof(*pass.seen));
    if (pass.order == NULL || pass.row == NULL || pass.mean == NULL ||
            pass.seen == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t k = 0; status == 0 && k < settings->orders; k++) {
        double loss, before = result->loss_mean;
        status = play_order(&pass, k, settings, result, err);
        loss = (double)pass.misses / data->rows;
        result->loss_mean += (loss - before) / (k + 1);
        squares += (loss - before) * (loss - result->loss_mean);
        result->loss_max = fmax(result->loss_max, loss);
        result->above += pass.misses > data->rows - data->majority ? 1 : 0;
        result->expected_mean += pass.expected / data->rows / settings->orders;
    }
    if (settings->orders > 1)
        result->loss_sd = sqrt(squares / (settings->orders - 1));
    if (status == 0 && settings->progress != NULL)
        settings->progress(settings->self,
                (uint64_t)data->rows * settings->orders,
                (uint64_t)data->rows * settings->orders);
    free(pass.order);
    free(pass.row);
    free(pass.mean);
    free(pass.seen);
    return status;
}
