#include "sim/tuning_problem.h"

#include "client/rue.h"
#include "sim/desk.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 64u
#define RETRY_MS     200

/* `policy` and `reward` of each, with these in place of numbers:
 *   %m %M  the context's interval   %C  the most that a solve costs */
struct recipe {
    const char *name;
    bool features; /* each action says its omega */
    const char *settings[12][2];
};

static const struct recipe recipes[] = {
        {"tsallis-inf", false,
                {{"policy.learner", "tsallis-inf"},
                        {"policy.estimator", "importance_weighted"}}},
        {"tsallis-inf-rv", false,
                {{"policy.learner", "tsallis-inf"},
                        {"policy.estimator", "reduced_variance"}}},
        {"tsallis-inf-cb", false,
                {{"policy.learner", "tsallis-inf"},
                        {"policy.estimator", "importance_weighted"},
                        {"policy.bins", "%B"}, {"policy.bin_min", "%m"},
                        {"policy.bin_max", "%M"}}},
        {"chebcb", false,
                {{"policy.oracle", "chebyshev"},
                        {"policy.explorer", "squarecb"}, {"policy.min", "%m"},
                        {"policy.max", "%M"}}},
        {"tsallis-inf-guard", false,
                {{"guard.action", "1.00"}, {"guard.loss", "0.05"},
                        {"policy.learner", "tsallis-inf"}}},
        {"chebcb-guard", false,
                {{"guard.action", "1.00"}, {"guard.loss", "0.05"},
                        {"policy.oracle", "chebyshev"},
                        {"policy.explorer", "squarecb"}, {"policy.min", "%m"},
                        {"policy.max", "%M"}}},
        {"shared-guard", true,
                {{"reward.scale", "log"}, {"guard.action", "1.00"},
                        {"guard.loss", "0.05"}, {"policy.oracle", "surface"},
                        {"policy.explorer", "squarecb"},
                        {"policy.context_min", "%m"},
                        {"policy.context_max", "%M"},
                        {"policy.action_min", "1"},
                        {"policy.action_max", "1.95"}}},
        {"shared", true,
                {{"reward.scale", "log"}, {"policy.oracle", "surface"},
                        {"policy.explorer", "squarecb"},
                        {"policy.context_min", "%m"},
                        {"policy.context_max", "%M"},
                        {"policy.action_min", "1"},
                        {"policy.action_max", "1.95"}}},
};

struct tuner {
    const struct recipe *recipe;
    double context[1];
    double omegas[SYSTEMS_ARMS];
    struct desk *desk; /* or: */
    rue_client *client;
    char *problem;
    char event[RUE_ID_SIZE];
};

static const struct recipe *recipe_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(recipes); i++)
        if (strcmp(recipes[i].name, name) == 0)
            return &recipes[i];
    CHECK_UNREACHABLE();
}

/* ---- settings ---- */

/* Settings as text: a key, and a value of its own or a constant. */
struct list {
    uint32_t count;
    const char *key[SETTINGS_MAX];
    char value[SETTINGS_MAX][32];
};

static void add(struct list *list, const char *key, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void add(struct list *list, const char *key, const char *format, ...)
{
    va_list args;

    CHECK(list->count < SETTINGS_MAX);
    list->key[list->count] = key;
    va_start(args, format);
    (void)vsnprintf(
            list->value[list->count++], sizeof(list->value[0]), format, args);
    va_end(args);
}

static void add_recipe(struct list *list, const struct recipe *recipe,
        const struct systems *systems)
{
    bool file = systems->kind == SYSTEMS_FILE;
    /* Published for the basic experiment is a longer interval than there are
     * contexts; one shared surface needs the true one. */
    double max = recipe->features &&
                    (systems->kind == SYSTEMS_LOW ||
                            systems->kind == SYSTEMS_HIGH)
            ? 0.45
            : systems->context_max;

    for (size_t i = 0; recipe->settings[i][0] != NULL; i++) {
        const char *key = recipe->settings[i][0];
        const char *value = recipe->settings[i][1];
        if (strcmp(value, "%m") == 0)
            add(list, key, "%.17g", systems->context_min);
        else if (strcmp(value, "%M") == 0)
            add(list, key, "%.17g", max);
        else if (strcmp(value, "%B") == 0)
            add(list, key, "%u",
                    systems->kind == SYSTEMS_HEAT && !file ? 6 : 5);
        else
            add(list, key, "%s", value);
    }
}

static void make_list(struct list *list, const struct tuner_settings *settings)
{
    const struct recipe *recipe = recipe_of(settings->policy);

    list->count = 0;
    add(list, "context", "%s", "context");
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        add(list, "actions", "%.2f", systems_omega(arm));
    add(list, "seed", "%u", settings->seed);
    if (recipe->features)
        add(list, "action_features", "1");
    add(list, "reward.min", "1");
    add(list, "reward.max", "%u", settings->systems->stop.cap);
    add(list, "reward.objective", "minimise");
    add(list, "reward.wait", "0");
    add(list, "reward.default_on", "false");
    add_recipe(list, recipe, settings->systems);
}

/* Lists and groups of keys (`a.b`) as YAML's flow form. */
void tuner_config(const struct tuner_settings *settings, FILE *out)
{
    struct list list;

    make_list(&list, settings);
    fprintf(out, "  - name: %s\n", settings->problem);
    for (uint32_t i = 0; i < list.count;) {
        const char *dot = strchr(list.key[i], '.');
        size_t size =
                dot == NULL ? strlen(list.key[i]) : (size_t)(dot - list.key[i]);
        bool items = strcmp(list.key[i], "context") == 0 ||
                strcmp(list.key[i], "actions") == 0;
        const char *separator = "";
        if (dot == NULL && !items) {
            fprintf(out, "    %s: %s\n", list.key[i], list.value[i]);
            i++;
            continue;
        }
        fprintf(out, "    %.*s: %c", (int)size, list.key[i], items ? '[' : '{');
        for (uint32_t first = i; i < list.count &&
                strncmp(list.key[i], list.key[first], size + !items) == 0;
                i++) {
            if (items)
                fprintf(out, "%s\"%s\"", separator, list.value[i]);
            else
                fprintf(out, "%s%s: %s", separator, list.key[i] + size + 1,
                        list.value[i]);
            separator = ", ";
        }
        fprintf(out, "%c\n", items ? ']' : '}');
    }
}

static int open_desk(struct tuner *tuner, const struct tuner_settings *settings,
        struct err *err)
{
    struct keyvalue values[SETTINGS_MAX];
    struct list list;

    make_list(&list, settings);
    for (uint32_t i = 0; i < list.count; i++)
        values[i] = (struct keyvalue){.key = bytes_of_text(list.key[i]),
                .value = bytes_of_text(list.value[i])};
    tuner->desk = desk_open(
            bytes_of_text(settings->problem), values, list.count, err);
    return tuner->desk == NULL ? STATUS_INVALID : 0;
}

static int open_client(struct tuner *tuner,
        const struct tuner_settings *settings, struct err *err)
{
    rue_options options;
    char error[128];

    rue_options_init(&options);
    options.endpoint = settings->endpoint;
    options.timeout_ms = settings->timeout_ms;
    options.retry_ms = RETRY_MS;
    tuner->client = rue_open(&options, error, sizeof(error));
    return tuner->client != NULL ? 0
                                 : err_set(err, STATUS_INVALID, "%s", error);
}

struct tuner *tuner_open(const struct tuner_settings *settings, struct err *err)
{
    struct tuner *tuner = calloc(1, sizeof(*tuner));
    int status;

    if (tuner == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        return NULL;
    }
    tuner->recipe = recipe_of(settings->policy);
    tuner->problem = strdup(settings->problem);
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        tuner->omegas[arm] = systems_omega(arm);
    status = tuner->problem == NULL ? err_set(err, STATUS_INTERNAL, "no memory")
            : settings->endpoint == NULL ? open_desk(tuner, settings, err)
                                         : open_client(tuner, settings, err);
    if (status == 0)
        return tuner;
    tuner_close(tuner);
    return NULL;
}

void tuner_close(struct tuner *tuner)
{
    if (tuner == NULL)
        return;
    desk_close(tuner->desk);
    rue_close(tuner->client);
    free(tuner->problem);
    free(tuner);
}

/* ---- rounds ---- */

static int ask_desk(struct tuner *tuner, uint32_t i, uint32_t *arm,
        double *limit, struct err *err)
{
    struct question question = {
            .shared = {.rows = 1, .columns = 1, .values = tuner->context}};
    const struct decision *decision;
    int status;

    if (tuner->recipe->features)
        question.action_features = (struct matrix){
                .rows = SYSTEMS_ARMS, .columns = 1, .values = tuner->omegas};
    status = desk_decide(tuner->desk, i, &question, &decision, err);
    if (status != 0)
        return status;
    *arm = decision->ranking[0];
    *limit = decision->limit;
    return 0;
}

static int ask_service(
        struct tuner *tuner, uint32_t *arm, double *limit, struct err *err)
{
    rue_question question = {.context = tuner->context, .context_count = 1};
    rue_answer answer;
    rue_status status;

    if (tuner->recipe->features) {
        question.action_features = tuner->omegas;
        question.action_rows = SYSTEMS_ARMS;
        question.action_columns = 1;
    }
    status = rue_decide(tuner->client, tuner->problem, &question, &answer);
    if (status != RUE_OK)
        return err_set(err, (enum status)status, "%s: decide: %s",
                tuner->problem, rue_error(tuner->client));
    if (answer.chosen >= SYSTEMS_ARMS)
        return err_set(err, STATUS_INVALID, "%s: there is no action %u here",
                tuner->problem, answer.chosen);
    (void)snprintf(tuner->event, sizeof(tuner->event), "%s", answer.event);
    *arm = answer.chosen;
    *limit = answer.limit;
    return 0;
}

int tuner_choose(struct tuner *tuner, uint32_t i, double context, uint32_t *arm,
        double *limit, struct err *err)
{
    tuner->context[0] = context;
    return tuner->desk != NULL ? ask_desk(tuner, i, arm, limit, err)
                               : ask_service(tuner, arm, limit, err);
}

int tuner_learn(struct tuner *tuner, double cost, struct err *err)
{
    rue_status status;

    if (tuner->desk != NULL)
        return desk_feedback(tuner->desk, cost, err);
    status = rue_feedback(
            tuner->client, tuner->problem, tuner->event, cost, NULL, NULL);
    if (status == RUE_OK)
        return 0;
    return err_set(err, (enum status)status, "%s: feedback: %s", tuner->problem,
            rue_error(tuner->client));
}
