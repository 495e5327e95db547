#include "replay/panel.h"

#include "replay/span.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SPECS_BYTES ((size_t)256 << 20)
#define STEP_BYTES  ((size_t)32 << 20)

/* What the reward model is, in place of the problem's policy: a regression on
 * columns or, where the problem has none, as imports have not, on the named
 * features, which ridge does not look at. */
static const char model_of_columns[] = "policy.oracle: ridge\n"
                                       "policy.explorer: greedy\n";
static const char model_of_names[] = "policy.oracle: linear\n"
                                     "policy.explorer: greedy\n";

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "no memory");
}

/* ---- settings ---- */

static bool is_policy_key(struct bytes line)
{
    return line.size >= 7 && memcmp(line.data, "policy", 6) == 0 &&
            (line.data[6] == '.' || line.data[6] == ':');
}

static size_t line_size(struct bytes text)
{
    const uint8_t *end = memchr(text.data, '\n', text.size);

    return end == NULL ? text.size : (size_t)(end - text.data) + 1;
}

/* The problem's settings without those of its policy; room for `more`. */
static uint8_t *without_policy(
        struct panel *panel, size_t more, size_t *kept_size)
{
    struct bytes text = panel->text;
    uint8_t *out = arena_alloc(&panel->specs, text.size + more);

    *kept_size = 0;
    while (out != NULL && text.size > 0) {
        size_t size = line_size(text);
        if (!is_policy_key(bytes_of(text.data, size))) {
            memcpy(out + *kept_size, text.data, size);
            *kept_size += size;
        }
        text.data += size;
        text.size -= size;
    }
    return out;
}

static struct problem_spec *spec_of_text(
        struct panel *panel, struct bytes text, struct err *err)
{
    struct problem_spec *spec = arena_zalloc(&panel->specs, 1, sizeof(*spec));

    if (spec == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    if (problem_spec_parse_text(
                spec, panel->settings.problem, text, &panel->specs, err) != 0)
        return NULL;
    spec->number = panel->number;
    return spec;
}

static struct problem_spec *spec_of_model(struct panel *panel, struct err *err)
{
    const struct shape *shape = &panel->spec->policy.shape;
    bool columns = shape->shared_dense > 0 || shape->action_dense > 0 ||
            shape->named_columns > 0;
    struct bytes model =
            bytes_of_text(columns ? model_of_columns : model_of_names);
    size_t size, more = model.size;
    uint8_t *text = without_policy(panel, more, &size);

    if (text == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    memcpy(text + size, model.data, more);
    return spec_of_text(panel, bytes_of(text, size + more), err);
}

/* The values in place of the problem's own, so that messages have their
 * lines. */
static struct problem_spec *spec_of_values(struct panel *panel,
        const struct keyvalue *policy, size_t count, uint32_t *line,
        struct err *err)
{
    struct problem_spec *spec = arena_zalloc(&panel->specs, 1, sizeof(*spec));
    size_t size, lines = 0, own = 0;
    uint8_t *text = without_policy(panel, 0, &size);
    struct bytes left = bytes_of(text, size);
    struct keyvalue *values;

    for (size_t i = 0; text != NULL && i < size; i++)
        lines += text[i] == '\n';
    values = arena_zalloc(&panel->specs, lines + count, sizeof(*values));
    if (text == NULL || values == NULL || spec == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    while (left.size > 0) {
        size_t whole = line_size(left);
        const uint8_t *colon = memchr(left.data, ':', whole);
        size_t key = colon == NULL ? 0 : (size_t)(colon - left.data);
        CHECK(colon != NULL && key + 3 <= whole);
        values[own].key = bytes_of(left.data, key);
        values[own++].value = bytes_of(colon + 2, whole - key - 3);
        left.data += whole;
        left.size -= whole;
    }
    if (count > 0)
        memcpy(values + own, policy, count * sizeof(*values));
    if (problem_spec_parse(spec, panel->settings.problem, values, own + count,
                &panel->specs, line, err) != 0)
        return NULL;
    spec->number = panel->number;
    return spec;
}

/* ---- opening ---- */

struct wanted {
    struct panel *panel;
    struct bytes asked; /* empty: whichever there is */
    uint64_t config;
    uint32_t found;
};

static int look_at_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct wanted *wanted = self;
    struct panel *panel = wanted->panel;
    void *copy;

    if (wanted->asked.size > 0 && !bytes_equal(wanted->asked, name))
        return 0;
    if (wanted->found++ > 0)
        return 0;
    copy = arena_copy(&panel->specs, name.data, name.size);
    if (copy == NULL)
        return no_memory(err);
    panel->settings.problem = bytes_of(copy, name.size);
    panel->number = number;
    wanted->config = config;
    return 0;
}

static int find_problem(struct panel *panel, uint64_t *config, struct err *err)
{
    struct bytes asked = panel->settings.problem;
    struct wanted wanted = {.panel = panel, .asked = asked};
    char text[ID_BYTES_MAX + 1];
    int status = ledger_reader_problems(
            &panel->reader, look_at_problem, &wanted, err);

    if (status != 0)
        return status;
    if (wanted.found == 0)
        return err_set(err, STATUS_NOT_FOUND, "the store has no problem%s%s",
                asked.size > 0 ? " " : "",
                asked.size > 0 ? bytes_text(asked, text, sizeof(text)) : "");
    if (wanted.found > 1)
        return err_set(err, STATUS_NOT_FOUND,
                "the store has %u problems: name one", wanted.found);
    *config = wanted.config;
    return 0;
}

static int read_settings(struct panel *panel, uint64_t config, struct err *err)
{
    union any_record record;
    struct log_entry entry;
    struct bytes text;
    int status = log_get(panel->reader.txn, config, &entry, err);

    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &panel->arena, &record, err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status =
                err_set(err, STATUS_CORRUPT, "its settings are another record");
    if (status != 0)
        return status;
    text = record.config.settings;
    panel->text = bytes_of(
            arena_copy(&panel->specs, text.data, text.size), text.size);
    if (panel->text.data == NULL)
        return no_memory(err);
    panel->spec = spec_of_text(panel, panel->text, err);
    if (panel->spec == NULL)
        return (int)err->status;
    return panel->spec->settings.form == FORM_DECIDE
            ? 0
            : err_set(err, STATUS_UNSUPPORTED,
                      "the problem's decisions are not one action of several");
}

/* The time of a record, whatever it is of. */
static int time_of(struct panel *panel, const struct log_entry *entry,
        nanos *time, struct err *err)
{
    union any_record record;
    int status;

    arena_reset(&panel->arena);
    status = record_decode(
            entry->kind, entry->payload, &panel->arena, &record, err);
    if (status == 0)
        *time = record.head.time;
    return status;
}

/* The first decision from a record on: the settings' record may be far older
 * (of an import it has no time of its own). None: the record itself. */
static int find_beginning(struct panel *panel, uint64_t from, struct err *err)
{
    struct log_entry entry;
    uint64_t count, at;
    int status = span_decisions(&panel->reader, panel->number, from,
            panel->settings.last, 0, &count, &at, err);

    if (status == 0)
        status = log_get(panel->reader.txn, at > 0 ? at : from, &entry, err);
    return status == 0 ? time_of(panel, &entry, &panel->began, err) : status;
}

static int find_span(struct panel *panel, struct err *err)
{
    struct panel_settings *settings = &panel->settings;
    uint64_t first, last, from;
    struct log_entry entry;
    int status = log_first(panel->reader.txn, &first, err);

    if (status == 0)
        status = log_last(panel->reader.txn, &last, err);
    if (status != 0)
        return status;
    settings->from = settings->from > first ? settings->from : first;
    if (settings->last == 0 || settings->last > last)
        settings->last = last;
    from = settings->report_from > settings->from ? settings->report_from
                                                  : settings->from;
    if (from > settings->last)
        return err_set(err, STATUS_INVALID, "the log has no such records");
    status = find_beginning(panel, from, err);
    if (status == 0)
        status = log_get(panel->reader.txn, settings->last, &entry, err);
    return status == 0 ? time_of(panel, &entry, &panel->ended, err) : status;
}

static void name_slices(struct panel *panel)
{
    uint32_t at = 0;

    panel->slice_of[at++] = (struct panel_slice_of){PANEL_ALL, 0};
    for (uint32_t i = 0; i < panel->spec->group_count; i++)
        panel->slice_of[at++] = (struct panel_slice_of){PANEL_GROUP, i};
    for (uint32_t i = 0; i < panel->settings.times; i++)
        panel->slice_of[at++] = (struct panel_slice_of){PANEL_TIME, i};
    for (uint32_t i = 0; i < PANEL_GENERATIONS_MAX; i++)
        panel->slice_of[at++] = (struct panel_slice_of){PANEL_GENERATION, 0};
    CHECK(at == panel->slice_count);
}

static int make_room(struct panel *panel, struct err *err)
{
    const struct shape *shape = &panel->spec->policy.shape;

    panel->places =
            panel->spec->slots > 0 ? panel->spec->slots : shape->actions_max;
    panel->slice_count = 1 + panel->spec->group_count + panel->settings.times +
            PANEL_GENERATIONS_MAX;
    panel->slice_of = calloc(panel->slice_count, sizeof(*panel->slice_of));
    panel->policies = calloc(PANEL_POLICIES_MAX, sizeof(*panel->policies));
    panel->target = calloc(shape->actions_max, sizeof(double));
    panel->other = calloc(shape->actions_max, sizeof(double));
    if (panel->slice_of == NULL || panel->policies == NULL ||
            panel->target == NULL || panel->other == NULL)
        return no_memory(err);
    name_slices(panel);
    return 0;
}

/* ---- policies ---- */

static double planned_rows(const struct panel *panel)
{
    /* A decision and what came of it are two records. */
    double records = (double)(panel->settings.last - panel->settings.from + 1);

    return fmax(1000.0, records / 2.0);
}

static struct panel_policy *add_row(struct panel *panel, enum panel_kind kind,
        struct bytes name, struct err *err)
{
    struct panel_policy *policy;
    double alpha = panel->settings.alpha, rows = planned_rows(panel);

    if (panel->policy_count == PANEL_POLICIES_MAX) {
        (void)err_set(
                err, STATUS_INVALID, "at most %u policies", PANEL_POLICIES_MAX);
        return NULL;
    }
    policy = &panel->policies[panel->policy_count++];
    policy->kind = kind;
    (void)bytes_text(name, policy->name, sizeof(policy->name));
    policy->slices = calloc(panel->slice_count, sizeof(*policy->slices));
    policy->overlap = calloc(panel->places, sizeof(*policy->overlap));
    policy->guaranteed =
            value_sequence_begin(alpha, panel->settings.truncation);
    if (panel->settings.bootstrap) {
        policy->bootstrap = calloc(1, sizeof(*policy->bootstrap));
        if (policy->bootstrap == NULL)
            policy->slices = NULL;
    }
    if (policy->slices == NULL || policy->overlap == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    for (uint32_t i = 0; i < panel->slice_count; i++) {
        policy->slices[i].value = asymptotic_sequence_begin(alpha, rows);
        policy->slices[i].gain = asymptotic_sequence_begin(alpha, rows);
    }
    return policy;
}

static int add_constants(struct panel *panel, struct err *err)
{
    const struct problem_spec *spec = panel->spec;
    uint32_t count = spec->slots < PANEL_CONSTANTS_MAX ? spec->slots
                                                       : PANEL_CONSTANTS_MAX;

    for (uint32_t i = 0; i < count; i++) {
        char text[ID_BYTES_MAX + 1], name[PANEL_NAME_SIZE];
        struct panel_policy *policy;
        (void)snprintf(name, sizeof(name), "always %s",
                bytes_text(spec->catalogue[i], text, sizeof(text)));
        policy = add_row(panel, PANEL_CONSTANT, bytes_of_text(name), err);
        if (policy == NULL)
            return (int)err->status;
        policy->place = i;
    }
    return 0;
}

static int add_baselines(struct panel *panel, struct err *err)
{
    if (add_row(panel, PANEL_LOGGED, bytes_of_text("logged"), err) == NULL ||
            add_row(panel, PANEL_UNIFORM, bytes_of_text("uniform"), err) ==
                    NULL ||
            add_row(panel, PANEL_BASELINE, bytes_of_text("baseline"), err) ==
                    NULL)
        return (int)err->status;
    return add_constants(panel, err);
}

static int open_models(struct panel *panel, struct err *err)
{
    struct problem_spec *spec = spec_of_model(panel, err);

    if (spec == NULL)
        return (int)err->status;
    panel->model_count = panel->settings.folds > 0 ? panel->settings.folds : 1;
    CHECK(panel->model_count <= PANEL_FOLDS_MAX);
    for (uint32_t i = 0; i < panel->model_count; i++) {
        panel->models[i] = problem_open(spec, err);
        if (panel->models[i] == NULL)
            return STATUS_INTERNAL;
    }
    for (uint32_t i = 0; panel->settings.mrdr && i < panel->policy_count; i++) {
        panel->policies[i].weighted = problem_open(spec, err);
        if (panel->policies[i].weighted == NULL)
            return STATUS_INTERNAL;
    }
    return 0;
}

int panel_open(struct panel *panel, struct ledger *ledger,
        const struct panel_settings *settings, struct err *err)
{
    uint64_t config = 0;
    int status;

    memset(panel, 0, sizeof(*panel));
    panel->settings = *settings;
    panel->specs = arena_over(malloc(SPECS_BYTES), SPECS_BYTES);
    panel->arena = arena_over(malloc(STEP_BYTES), STEP_BYTES);
    if (panel->specs.data == NULL || panel->arena.data == NULL)
        return no_memory(err);
    if ((status = ledger_reader_open(ledger, &panel->reader, err)) != 0 ||
            (status = find_problem(panel, &config, err)) != 0 ||
            (status = read_settings(panel, config, err)) != 0 ||
            (status = find_span(panel, err)) != 0 ||
            (status = make_room(panel, err)) != 0 ||
            (status = add_baselines(panel, err)) != 0)
        return status;
    return open_models(panel, err);
}

static void close_policy(struct panel_policy *policy)
{
    if (policy->serving != policy->learning)
        problem_close(policy->serving);
    problem_close(policy->learning);
    problem_close(policy->weighted);
    free(policy->slices);
    free(policy->overlap);
    free(policy->bootstrap);
}

void panel_close(struct panel *panel)
{
    for (uint32_t i = 0; i < panel->policy_count; i++)
        close_policy(&panel->policies[i]);
    for (uint32_t i = 0; i < panel->model_count; i++)
        problem_close(panel->models[i]);
    if (panel->reader.txn != NULL)
        ledger_reader_close(&panel->reader);
    free(panel->policies);
    free(panel->slice_of);
    free(panel->target);
    free(panel->other);
    free(panel->specs.data);
    free(panel->arena.data);
}

/* Is it trained in batches? One that has such an oracle within another cannot
 * be: nobody trains that. */
static int find_trained(const struct panel *panel,
        const struct problem_spec *spec, bool *trained, struct err *err)
{
    const struct oracle_spec *oracle = &spec->policy.oracle;

    *trained = false;
    if (spec->policy.learner != NULL || spec == panel->spec)
        return 0;
    *trained = oracle->oracle->batch;
    for (oracle = oracle->inner; oracle != NULL; oracle = oracle->inner)
        if (oracle->oracle->batch)
            return err_set(err, STATUS_UNSUPPORTED,
                    "oracle %s is trained in batches, and not within another",
                    oracle->oracle->name);
    return 0;
}

static int plan_training(
        const struct panel *panel, struct panel_policy *row, struct err *err)
{
    const char *oracle = row->spec->policy.oracle.oracle->name;

    if (panel->settings.trainer == NULL)
        return err_set(err, STATUS_UNSUPPORTED,
                "oracle %s is trained in batches; a log is folded here",
                oracle);
    if (row->schedule != PANEL_ONLINE)
        return 0;
    row->schedule = PANEL_ROWS;
    row->every = row->next = (int64_t)panel->settings.generation_rows;
    return row->every > 0
            ? 0
            : err_set(err, STATUS_INVALID,
                      "oracle %s is trained in batches: say when, with learn: "
                      "promotions or a duration",
                      oracle);
}

static int open_policy(
        struct panel *panel, struct panel_policy *row, struct err *err)
{
    row->learning = problem_open(row->spec, err);
    row->serving = row->schedule == PANEL_ONLINE || row->trained
            ? row->learning
            : problem_open(row->spec, err);
    if (panel->settings.mrdr)
        row->weighted = problem_open(panel->models[0]->spec, err);
    return row->learning == NULL || row->serving == NULL ||
                    (panel->settings.mrdr && row->weighted == NULL)
            ? STATUS_INTERNAL
            : 0;
}

int panel_add(struct panel *panel, struct bytes name,
        enum panel_schedule schedule, nanos every,
        const struct keyvalue *policy, size_t count, uint32_t *line,
        struct err *err)
{
    const struct problem_spec *spec;
    struct panel_policy *row;
    bool trained;
    int status;

    *line = 0;
    err->status = STATUS_INTERNAL;
    spec = count == 0 ? panel->spec
                      : spec_of_values(panel, policy, count, line, err);
    if (spec == NULL)
        return (int)err->status;
    status = find_trained(panel, spec, &trained, err);
    if (status != 0)
        return status;
    row = add_row(panel, PANEL_POLICY, name, err);
    if (row == NULL)
        return (int)err->status;
    row->spec = spec;
    row->schedule = schedule;
    row->every = every;
    row->next = panel->began + every;
    row->trained = trained;
    status = trained ? plan_training(panel, row, err) : 0;
    return status == 0 ? open_policy(panel, row, err) : status;
}

/* ---- reading ---- */

double panel_value(const struct panel *panel, double scaled)
{
    return value_of_loss(&panel->spec->policy.range, 1.0 - scaled);
}

double panel_difference(const struct panel *panel, double scaled)
{
    return panel_value(panel, scaled) - panel_value(panel, 0.0);
}

void panel_slice_name(
        const struct panel *panel, uint32_t slice, char *out, size_t size)
{
    const struct panel_slice_of *of = &panel->slice_of[slice];
    char text[ID_BYTES_MAX + 1];

    switch (of->kind) {
    case PANEL_ALL:
        (void)snprintf(out, size, "all");
        return;
    case PANEL_GROUP:
        (void)snprintf(out, size, "group %s",
                bytes_text(panel->spec->groups[of->number].name, text,
                        sizeof(text)));
        return;
    case PANEL_GENERATION:
        (void)snprintf(
                out, size, "generation %llu", (unsigned long long)of->number);
        return;
    case PANEL_TIME:
        (void)snprintf(out, size, "time %llu of %u",
                (unsigned long long)of->number + 1, panel->settings.times);
        return;
    }
}
