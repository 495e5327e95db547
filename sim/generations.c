/* One run: a policy's settings read, what it needs opened, and generation after
 * generation trained, judged and served. */
#include "sim/generations.h"

#include "sim/generations_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

static void put_setting(struct settings_text *out, char *word)
{
    char *equals = strchr(word, '=');
    struct keyvalue value = {.used = false};

    if (equals == NULL || out->count == GENERATIONS_SETTINGS)
        return;
    value.key = bytes_of(word, (size_t)(equals - word));
    value.value = bytes_of_text(equals + 1);
    /* Blanks stand between settings, so lists are written with commas. */
    for (char *c = equals + 1; *c != '\0'; c++)
        *c = *c == ',' || *c == '+' ? ' ' : *c;
    for (size_t i = 0; i < out->count; i++)
        if (bytes_equal(out->list[i].key, value.key)) {
            out->list[i] = value;
            return;
        }
    out->list[out->count++] = value;
}

/* The settings of the named policy, with the changes of the text. */
static int collect(
        struct settings_text *out, const char *policy, struct err *err)
{
    const struct generations_policy *found = generations_find(policy);
    char *rest, *word;
    size_t size;

    out->count = 0;
    if (found == NULL)
        return err_set(err, STATUS_INVALID, "there is no policy '%s'", policy);
    size = strlen(found->settings);
    if (size + strlen(policy) + 2 > sizeof(out->text))
        return err_set(err, STATUS_INVALID, "too long: '%s'", policy);
    memcpy(out->text, found->settings, size + 1);
    memcpy(out->text + size + 1, policy, strlen(policy) + 1);
    rest = out->text;
    for (word = strtok_r(rest, " ", &rest); word != NULL;
            word = strtok_r(NULL, " ", &rest))
        put_setting(out, word);
    rest = out->text + size + 1;
    for (word = strtok_r(rest, ",", &rest); word != NULL;
            word = strtok_r(NULL, ",", &rest))
        put_setting(out, word);
    return 0;
}

/* Memory's and the gate's settings out of the list, the others into `rest`. */
static int split_settings(struct settings_text *text,
        struct memory_options *memory, struct gate_options *gate,
        struct keyvalue *rest, size_t *count, struct err *err)
{
    if (options_parse(&memory_option_table, text->list, text->count, memory,
                err) != 0 ||
            options_parse(&gate_option_table, text->list, text->count, gate,
                    err) != 0)
        return STATUS_INVALID;
    *count = 0;
    for (size_t i = 0; i < text->count; i++)
        if (!text->list[i].used)
            rest[(*count)++] = text->list[i];
    return 0;
}

/* ---- opening and closing ---- */

static int open_policy(struct run *run, struct err *err)
{
    struct shape shape = {.shared_dense = CONTEXT_COLUMNS,
            .action_dense = ACTION_COLUMNS,
            .actions_max = ELIGIBLE_MAX};
    struct value_range range = {.max = 1.0};
    struct keyvalue rest[GENERATIONS_SETTINGS];
    size_t count, size;

    shape.shared_dense = generations_columns(run);
    shape.slots = run->kind == GENERATIONS_ONLINE ? PAYMENTS_ROUTES : 0;
    if (collect(&run->text, run->settings->policy, err) != 0 ||
            split_settings(&run->text, &run->memory, &run->gate, rest, &count,
                    err) != 0 ||
            policy_spec_parse(&run->spec, &shape, &range, rest, count,
                    &run->options, NULL, err) != 0)
        return err_prefix(err, "%s", run->settings->policy);
    size = (policy_footprint(&run->spec) + 63) / 64 * 64;
    run->policy = aligned_alloc(64, size);
    run->candidate = aligned_alloc(64, size);
    size = 2 * policy_scratch(&run->spec) + 4096;
    run->scratch = arena_over(malloc(size), size);
    if (run->policy == NULL || run->candidate == NULL ||
            run->scratch.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    (void)policy_init(run->policy, &run->spec);
    (void)policy_init(run->candidate, &run->spec);
    return 0;
}

static int open_router(struct run *run)
{
    const struct generations_policy *found =
            generations_find(run->settings->policy);

    run->scratch = arena_over(malloc(4096), 4096);
    run->router = router_open(found->name, run->settings->seed);
    if (run->router == NULL || run->scratch.data == NULL)
        return err_set(run->err, STATUS_INTERNAL, "no memory");
    router_know(run->router, &run->market, &run->panel);
    return 0;
}

static int open_life(struct run *run)
{
    if (!run->settings->life)
        return 0;
    payments_tariff_draw(&run->tariff, run->settings->seed);
    run->calm = calloc(1, sizeof(*run->calm));
    return run->calm != NULL ? 0
                             : err_set(run->err, STATUS_INTERNAL, "no memory");
}

static int open_drill(struct run *run)
{
    const struct generations_settings *settings = run->settings;
    struct drill_settings drill = {.seed = settings->seed,
            .rows = settings->rows,
            .causes = settings->causes,
            .breaker = true,
            .policy = {generations_distribute, run}};

    if (!settings->outages && settings->noise == 0)
        return 0;
    run->drill = drill_open(&run->market, &drill, run->err);
    return run->drill != NULL ? 0 : (int)run->err->status;
}

static int open_run(struct run *run, struct err *err)
{
    const struct generations_settings *settings = run->settings;
    size_t rows = (size_t)settings->rows * (settings->generations + 1);
    size_t options = 1 << 16;

    run->err = err;
    if (generations_find(settings->policy) != NULL)
        run->kind = generations_find(settings->policy)->kind;
    if (settings->life && settings->outages)
        return err_set(err, STATUS_INVALID,
                "outages and all that happens to payments: one at a time");
    run->options = arena_over(malloc(options), options);
    run->before = calloc(
            (size_t)settings->panel * ELIGIBLE_MAX, sizeof(*run->before));
    if (run->options.data == NULL || run->before == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (generations_log_open(&run->log, rows, err) != 0)
        return err->status;
    generations_describe_routes(run);
    payments_market_draw(&run->market, settings->seed, settings->drift, 0);
    if (payments_panel_open(&run->panel, &run->market, settings->panel, err) !=
            0)
        return err->status;
    if (open_drill(run) != 0 || open_life(run) != 0)
        return err->status;
    return run->kind == GENERATIONS_ROUTER ? open_router(run)
                                           : open_policy(run, err);
}

static void close_run(struct run *run)
{
    payments_panel_close(&run->panel);
    drill_close(run->drill);
    router_close(run->router);
    free(run->calm);
    blob_free(&run->generation);
    free(run->policy);
    free(run->candidate);
    free(run->scratch.data);
    free(run->options.data);
    free(run->before);
    generations_log_close(&run->log);
}

/* ---- the run ---- */

static int play(struct run *run, struct generations_run *out)
{
    int status = 0;

    out->count = 1 + run->settings->generations;
    for (uint32_t g = 0; status == 0 && g < out->count; g++) {
        struct generation_values *value = &out->value[g];
        if (run->settings->drift > 0.0 && g > 0) {
            payments_market_draw(
                    &run->market, run->settings->seed, run->settings->drift, g);
            payments_panel_judge(&run->panel, &run->market);
            if (run->router != NULL)
                router_know(run->router, &run->market, &run->panel);
        }
        if (generations_is_trained(run) && !generations_is_early(run, g))
            status = generations_train(run, g - run->settings->late, value);
        if (status == 0)
            status = generations_judge(run, value);
        if (generations_is_early(run, g))
            value->v = value->uniform;
        if (status == 0)
            status = generations_serve(run, g, value);
        if (status != 0)
            return err_prefix(
                    run->err, "%s, generation %u", run->settings->policy, g);
    }
    return run->settings->noise > 0 ? generations_serve_noise(run, out) : 0;
}

int generations_play(const struct generations_settings *settings,
        struct generations_run *run, struct err *err)
{
    struct run *state = calloc(1, sizeof(*state));
    int status;

    memset(run, 0, sizeof(*run));
    if (state == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    CHECK(settings->generations <= GENERATIONS_MAX);
    state->settings = settings;
    status = open_run(state, err);
    if (status == 0)
        status = play(state, run);
    close_run(state);
    free(state);
    return status;
}
