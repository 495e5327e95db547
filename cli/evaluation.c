#include "cli/evaluation.h"

#include "base/units.h"
#include "cli/booster.h"
#include "config/flat.h"
#include "replay/progressive.h"
#include "training/offline.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Exploration floor at which missing events are counted. */
#define FLOOR_EXAMPLE 0.05
#define ROWS_EXAMPLE  100.0

/* ---- policies from a file ---- */

/* An entry as it is read. */
struct entry {
    struct bytes name;
    enum panel_schedule schedule;
    nanos every;
    struct keyvalue *policy; /* [count] with keys as in a problem */
    size_t count;
    uint32_t line;
};

static bool key_is(struct bytes key, const char *text)
{
    return bytes_equal(key, bytes_of_text(text));
}

static bool key_begins(struct bytes key, const char *text)
{
    size_t size = strlen(text);

    return key.size > size && memcmp(key.data, text, size) == 0;
}

static int read_schedule(
        struct bytes text, struct entry *entry, struct err *err)
{
    if (key_is(text, "online")) {
        entry->schedule = PANEL_ONLINE;
        return 0;
    }
    if (key_is(text, "promotions")) {
        entry->schedule = PANEL_PROMOTIONS;
        return 0;
    }
    entry->schedule = PANEL_EVERY;
    return duration_parse(text, &entry->every) && entry->every > 0
            ? 0
            : err_set(err, STATUS_INVALID,
                      "learn: `online`, `promotions` or a duration such as 1d");
}

static int add_entry(struct panel *panel, const struct entry *entry,
        uint32_t *line, struct err *err)
{
    char name[ID_BYTES_MAX + 1];
    int status;

    if (entry->name.size == 0)
        return 0;
    status = panel_add(panel, entry->name, entry->schedule, entry->every,
            entry->policy, entry->count, line, err);
    if (status == 0)
        return 0;
    if (*line == 0)
        *line = entry->line;
    return err_prefix(
            err, "policy '%s'", bytes_text(entry->name, name, sizeof(name)));
}

/* One scalar of the file. */
static int take_value(
        struct entry *entry, struct keyvalue *value, struct err *err)
{
    struct bytes key = value->key;
    char text[ID_BYTES_MAX + 1];

    if (entry->name.size == 0)
        return err_set(err, STATUS_INVALID,
                "policies: each entry begins with its name");
    if (key_is(key, "policies.learn"))
        return read_schedule(value->value, entry, err);
    if (!key_begins(key, "policies.policy"))
        return err_set(err, STATUS_INVALID,
                "%s: an entry has `name`, `policy` and `learn`",
                bytes_text(key, text, sizeof(text)));
    entry->policy[entry->count] = *value;
    entry->policy[entry->count].key = bytes_of(
            key.data + strlen("policies."), key.size - strlen("policies."));
    entry->count++;
    return 0;
}

static int add_values(struct panel *panel, const struct flat_file *file,
        uint32_t *line, struct err *err)
{
    struct keyvalue *policy = calloc(file->count + 1, sizeof(*policy));
    struct entry entry = {.policy = policy};
    int status =
            policy == NULL ? err_set(err, STATUS_INTERNAL, "no memory") : 0;

    for (size_t i = 0; status == 0 && i < file->count; i++) {
        struct keyvalue *value = &file->values[i];
        *line = value->line;
        if (key_is(value->key, "policies.name")) {
            status = add_entry(panel, &entry, line, err);
            entry = (struct entry){.name = value->value,
                    .policy = policy,
                    .line = value->line};
        } else {
            status = take_value(&entry, value, err);
        }
    }
    if (status == 0)
        status = add_entry(panel, &entry, line, err);
    free(policy);
    return status;
}

int evaluation_add_file(struct panel *panel, const char *path, struct err *err)
{
    struct flat_file file;
    uint32_t line = 0;
    int status = flat_open(&file, path, err);

    if (status == 0) {
        status = add_values(panel, &file, &line, err);
        if (status != 0)
            status = err_prefix(err, "%s:%u", path, line);
    }
    flat_close(&file);
    return status;
}

/* ---- one policy ---- */

/* An interval of scaled rewards in the problem's units. */
static struct interval in_units(
        const struct panel *panel, struct interval scaled)
{
    double a = panel_value(panel, scaled.lower);
    double b = panel_value(panel, scaled.upper);

    return (struct interval){fmin(a, b), fmax(a, b)};
}

static struct interval difference_in_units(
        const struct panel *panel, struct interval scaled)
{
    double a = panel_difference(panel, scaled.lower);
    double b = panel_difference(panel, scaled.upper);

    return (struct interval){fmin(a, b), fmax(a, b)};
}

/* What is missing may earn anything between nothing and all; no value lies
 * outside the range. */
static struct interval widened(struct interval scaled, double missing)
{
    return (struct interval){
            fmax(scaled.lower, 0.0), fmin(scaled.upper + missing, 1.0)};
}

static void estimate_all(const struct panel *panel,
        const struct panel_slice *slice, struct evaluated *out)
{
    const struct ope_settings *settings = &panel->settings.ope;
    const struct ope_sums *sums = &slice->sums;
    double alpha = panel->settings.alpha, missing = out->support.missing;

    for (int i = 0; i < OPE_ESTIMATORS; i++) {
        struct ope_estimate *at = &out->estimate[i];
        *at = ope_estimate(sums, settings, (enum ope_estimator)i);
        if (i == OPE_DR)
            out->normal = in_units(
                    panel, widened(interval_normal(at, alpha), missing));
        at->value = panel_value(panel, at->value);
        at->error = fabs(panel_difference(panel, at->error));
    }
    /* Where rows stand for others the likelihood's weights are no means. */
    out->cressie_read = sums->extra > 0.0
            ? out->normal
            : in_units(panel,
                      widened(interval_cressie_read(sums, sums->bound, alpha),
                              missing));
    out->bernstein = in_units(panel,
            widened(interval_bernstein(&sums->ips, sums->bound, alpha),
                    missing));
    out->clopper_pearson = in_units(panel,
            widened(interval_clopper_pearson(sums, sums->bound, alpha),
                    missing));
}

static void evaluate_whole(const struct panel *panel,
        const struct panel_policy *policy, struct evaluated *out)
{
    const struct bootstrap *bootstrap = policy->bootstrap;
    double alpha = panel->settings.alpha;

    if (panel->partial == 0 && panel->thinned == 0)
        out->guaranteed = in_units(panel,
                widened(value_sequence_limits(&policy->guaranteed),
                        out->support.missing));
    if (bootstrap == NULL)
        return;
    out->boot_dr = in_units(panel,
            widened(bootstrap_interval(
                            bootstrap, BOOTSTRAP_DR, BOOTSTRAP_COUNT, alpha),
                    out->support.missing));
    out->boot_snips = in_units(panel,
            widened(bootstrap_interval(
                            bootstrap, BOOTSTRAP_IPS, BOOTSTRAP_WEIGHT, alpha),
                    out->support.missing));
}

void evaluate_policy(const struct panel *panel,
        const struct evaluation *evaluation, const struct panel_policy *policy,
        uint32_t slice, struct evaluated *out)
{
    const struct panel_slice *at = &policy->slices[slice];
    struct interval none = {NAN, NAN};
    double v = ope_mean_weight(&at->sums);

    *out = (struct evaluated){.policy = policy,
            .support = support_of(&at->sums),
            .boot_dr = none,
            .boot_snips = none,
            .guaranteed = none,
            .value = none,
            .gain = none};
    out->verdict = support_judge(&out->support, &evaluation->limits,
            slice == 0 ? policy->overlap : NULL, panel->places);
    if (at->sums.count < 1.0)
        return;
    estimate_all(panel, at, out);
    if (slice == 0)
        evaluate_whole(panel, policy, out);
    out->gain_estimate = panel_difference(panel, at->gain.terms.mean / v);
    out->has_value = at->sums.extra == 0.0 &&
            asymptotic_sequence_limits(&at->value, &out->value);
    out->has_gain = asymptotic_sequence_limits(&at->gain, &out->gain);
    out->gain.lower /= v;
    out->gain.upper /= v;
    if (out->has_value)
        out->value = in_units(panel, widened(out->value, out->support.missing));
    if (out->has_gain)
        out->gain = difference_in_units(panel, out->gain);
}

bool evaluation_shows(
        const struct panel *panel, const struct panel_policy *policy)
{
    switch (policy->kind) {
    case PANEL_LOGGED:
    case PANEL_UNIFORM:
    case PANEL_POLICY:
        return true;
    case PANEL_CONSTANT:
    case PANEL_BASELINE:
        return 2 * policy->played >= panel->rows && policy->played > 0;
    }
    return true;
}

void evaluation_action(
        const struct panel *panel, uint32_t place, char *out, size_t size)
{
    if (place < panel->spec->slots)
        (void)bytes_text(panel->spec->catalogue[place], out, size);
    else
        (void)snprintf(out, size, "%u", place);
}

/* Adds to a text that may be full already. */
__attribute__((format(printf, 3, 4))) static void add_text(
        char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

static void add_actions(const struct panel *panel,
        const struct evaluated *evaluated, char *out, size_t size)
{
    const struct verdict *verdict = &evaluated->verdict;
    char action[ID_BYTES_MAX + 1];

    for (uint32_t i = 0; i < verdict->worst_count; i++) {
        evaluation_action(panel, verdict->worst[i], action, sizeof(action));
        add_text(out, size, "%s%s (%.0f %%)",
                i == 0 ? "; most of it by " : ", ", action,
                100.0 * verdict->worst_share[i]);
    }
}

static void add_need(const struct panel *panel,
        const struct evaluated *evaluated, char *out, size_t size)
{
    const struct verdict *verdict = &evaluated->verdict;
    const struct overlap *worst;
    double eligible = 0.0;

    if (verdict->reasons & SUPPORT_MISSING && verdict->worst_count > 0) {
        worst = &evaluated->policy->overlap[verdict->worst[0]];
        for (uint32_t i = 0; i < panel->places; i++)
            eligible += (double)evaluated->policy->overlap[i].eligible;
        add_text(out, size,
                "; %.0f rows of the first take %.0f events with a floor of "
                "%.2f",
                ROWS_EXAMPLE,
                support_events_needed(ROWS_EXAMPLE,
                        eligible / evaluated->support.count, FLOOR_EXAMPLE,
                        (double)worst->eligible / evaluated->support.count),
                FLOOR_EXAMPLE);
    } else if (verdict->more_rows > 0.0 && isfinite(verdict->more_rows)) {
        add_text(out, size, "; %.0f more events of this kind are needed",
                verdict->more_rows);
    }
}

void evaluation_reason(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *evaluated,
        char *out, size_t size)
{
    const struct verdict *verdict = &evaluated->verdict;

    out[0] = '\0';
    for (uint32_t i = 0; i < SUPPORT_REASONS; i++) {
        unsigned reason = 1u << i;
        if ((verdict->reasons & reason) == 0)
            continue;
        support_reason_text(&evaluated->support, &evaluation->limits,
                (enum support_reason)reason, out, size);
        break;
    }
    if (verdict->reasons == 0)
        return;
    add_actions(panel, evaluated, out, size);
    add_need(panel, evaluated, out, size);
}

/* ---- text ---- */

static void print_head(const struct panel *panel)
{
    const struct panel_left_out *out = &panel->left_out;
    char name[ID_BYTES_MAX + 1];

    printf("problem    %s: %s; %s is better\n",
            bytes_text(panel->spec->name, name, sizeof(name)),
            panel->spec->policy_name,
            panel->spec->policy.range.minimise ? "less" : "more");
    printf("rows       %" PRIu64 " of %" PRIu64 " decisions\n", panel->rows,
            panel->decisions);
    if (out->waiting > 0)
        printf("left out   %" PRIu64 " without an outcome yet\n", out->waiting);
    if (out->another > 0)
        printf("left out   %" PRIu64
               " whose outcome is of another action than the chosen\n",
                out->another);
    if (out->shape > 0)
        printf("left out   %" PRIu64 " of other columns, actions or groups\n",
                out->shape);
    if (out->gone > 0)
        printf("left out   %" PRIu64 " that the store has forgotten\n",
                out->gone);
    if (out->impossible > 0)
        printf("left out   %" PRIu64
               " whose probabilities are no distribution\n",
                out->impossible);
    if (out->forced > 0)
        printf("left out   %" PRIu64
               " that the guard decided; values are of the other contexts\n",
                out->forced);
    if (panel->shared > 0)
        printf("canary     %" PRIu64
               " rows: the logged policy is there what champion and canary "
               "did together\n",
                panel->shared);
    if (panel->partial > 0)
        printf("partial    %" PRIu64
               " rows know the probability of the chosen action alone\n",
                panel->partial);
    if (panel->thinned > 0)
        printf("thinned    %" PRIu64
               " rows stand for others that were left out, and count for "
               "them; intervals are normal ones\n",
                panel->thinned);
    if (panel->clipped > 0)
        printf("clipped    %" PRIu64 " rewards outside the declared range\n",
                panel->clipped);
}

static int by_value(const void *a, const void *b)
{
    const struct evaluated *left = a, *right = b;
    double x = left->policy->slices[0].sums.dr.mean;
    double y = right->policy->slices[0].sums.dr.mean;

    if (left->verdict.ranked != right->verdict.ranked)
        return left->verdict.ranked ? -1 : 1;
    return (x < y) - (x > y);
}

bool evaluation_is_better(
        const struct panel *panel, const struct evaluated *evaluated)
{
    if (!evaluated->has_gain || !evaluated->verdict.ranked ||
            evaluated->policy->kind == PANEL_LOGGED)
        return false;
    return panel->spec->policy.range.minimise ? evaluated->gain.upper < 0.0
                                              : evaluated->gain.lower > 0.0;
}

struct evaluated *evaluation_ranking(const struct panel *panel,
        const struct evaluation *evaluation, uint32_t *count)
{
    struct evaluated *all = calloc(panel->policy_count, sizeof(*all));

    *count = 0;
    for (uint32_t i = 0; all != NULL && i < panel->policy_count; i++)
        if (evaluation_shows(panel, &panel->policies[i]))
            evaluate_policy(panel, evaluation, &panel->policies[i], 0,
                    &all[(*count)++]);
    if (all != NULL)
        qsort(all, *count, sizeof(*all), by_value);
    return all;
}

static void print_line(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *evaluated,
        uint32_t rank)
{
    const struct ope_estimate *dr = &evaluated->estimate[OPE_DR];
    char text[512], place[12] = "-";

    if (evaluated->verdict.ranked)
        (void)snprintf(place, sizeof(place), "%u", rank);
    printf("%4s  %-24s %9.6g  [%9.6g, %9.6g]  %8.0f", place,
            evaluated->policy->name, dr->value, evaluated->cressie_read.lower,
            evaluated->cressie_read.upper, evaluated->support.design_ess);
    if (evaluated->policy->kind == PANEL_LOGGED)
        printf("  the log itself");
    else if (evaluated->has_gain)
        printf("  %+9.3g  [%+9.3g, %+9.3g]", evaluated->gain_estimate,
                evaluated->gain.lower, evaluated->gain.upper);
    else
        printf("  %+9.3g  not yet", evaluated->gain_estimate);
    putchar('\n');
    if (evaluated->verdict.ranked)
        return;
    evaluation_reason(panel, evaluation, evaluated, text, sizeof(text));
    printf("      REFUSED: %s\n", text);
}

static void print_interval(const char *name, struct interval interval)
{
    if (!isnan(interval.lower))
        printf("        %-28s [%.6g, %.6g]\n", name, interval.lower,
                interval.upper);
}

static void print_estimators(const struct evaluated *evaluated)
{
    printf("      %s\n", evaluated->policy->name);
    for (int i = 0; i < OPE_ESTIMATORS; i++) {
        const struct ope_estimate *at = &evaluated->estimate[i];
        if (i == OPE_MRDR && evaluated->policy->weighted == NULL)
            continue;
        printf("        %-8s %10.6g  se %.3g",
                ope_estimator_name((enum ope_estimator)i), at->value,
                at->error);
        if (!isnan(at->parameter))
            printf("  (%g)", at->parameter);
        putchar('\n');
    }
    print_interval("normal (dr)", evaluated->normal);
    print_interval("Cressie-Read", evaluated->cressie_read);
    print_interval("bootstrap (dr)", evaluated->boot_dr);
    print_interval("bootstrap (snips)", evaluated->boot_snips);
    print_interval("empirical Bernstein (ips)", evaluated->bernstein);
    print_interval("Clopper-Pearson (ips)", evaluated->clopper_pearson);
    print_interval("any time, asymptotic (dr)", evaluated->value);
    print_interval("any time, guaranteed (dr)", evaluated->guaranteed);
    printf("        ess %.0f, design ess %.0f, largest share %.3f, mean "
           "weight %.4f (z %.1f), missing %.4f\n",
            evaluated->support.ess, evaluated->support.design_ess,
            evaluated->support.largest_share,
            evaluated->policy->slices[0].sums.w / evaluated->support.count /
                    ope_mean_weight(&evaluated->policy->slices[0].sums),
            evaluated->support.z, evaluated->support.missing);
    printf("        weights");
    for (uint32_t i = 0; i < OPE_BINS; i++)
        if (evaluated->policy->slices[0].sums.histogram[i] > 0)
            printf("  <=%g: %" PRIu64, ope_bin_end(i),
                    evaluated->policy->slices[0].sums.histogram[i]);
    putchar('\n');
}

static void print_slices(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *all,
        uint32_t count)
{
    for (uint32_t slice = 1; slice < panel->slice_count; slice++) {
        char name[ID_BYTES_MAX + 32];
        if (panel->policies[0].slices[slice].sums.count < 1.0)
            continue;
        panel_slice_name(panel, slice, name, sizeof(name));
        printf("\n%s: %.0f rows\n", name,
                panel->policies[0].slices[slice].sums.count);
        for (uint32_t i = 0; i < count; i++) {
            struct evaluated at;
            evaluate_policy(panel, evaluation, all[i].policy, slice, &at);
            printf("      %-24s %9.6g  [%9.6g, %9.6g]  %8.0f%s\n",
                    at.policy->name, at.estimate[OPE_DR].value,
                    at.cressie_read.lower, at.cressie_read.upper,
                    at.support.design_ess,
                    at.verdict.ranked ? "" : "  not ranked");
        }
    }
}

static void print_text(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *all,
        uint32_t count)
{
    print_head(panel);
    printf("\nrank  %-24s %9s  %-22s  %8s  %s\n", "policy", "value",
            "Cressie-Read", "ess", "gain over the log, at any time");
    for (uint32_t i = 0; i < count; i++)
        print_line(panel, evaluation, &all[i], i + 1);
    if (evaluation->estimators)
        putchar('\n');
    for (uint32_t i = 0; evaluation->estimators && i < count; i++)
        print_estimators(&all[i]);
    if (evaluation->slices)
        print_slices(panel, evaluation, all, count);
}

/* ---- the whole ---- */

static void progress(void *self, const char *what, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress(what, done, all);
}

static int report(const struct panel *panel,
        const struct evaluation *evaluation, struct err *err)
{
    struct evaluated *all;
    uint32_t count;

    if (evaluation->json) {
        cli_print_json(evaluation_json(panel, evaluation));
        return 0;
    }
    all = evaluation_ranking(panel, evaluation, &count);
    if (all == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    print_text(panel, evaluation, all, count);
    free(all);
    return 0;
}

/* ---- the progressive loss ---- */

/* Of the policies that learn, or, where none was named, of the problem's
 * own. */
static int progressive_of(const struct panel *panel, struct ledger *ledger,
        const struct problem_spec *spec, struct progressive *out,
        struct err *err)
{
    struct ledger_reader reader;
    int status = ledger_reader_open(ledger, &reader, err);

    if (status != 0)
        return status;
    status = progressive_run(&reader, spec, panel->settings.from,
            panel->settings.last, out, err);
    ledger_reader_close(&reader);
    return status;
}

static void progressive_report(const struct evaluation *evaluation,
        const char *name, const struct problem_spec *spec,
        const struct progressive *of, json_t *list)
{
    if (!evaluation->json)
        printf("progressive_ips %.6f  of %s (%s), over %" PRIu64
               " outcomes of weight %.6g; the log's cost is %.6f, the mean "
               "ratio %.6f\n",
                of->loss, name, spec->policy_name, of->rows, of->weight,
                of->cost, of->ratio);
    else
        (void)json_array_append_new(list,
                json_pack("{s:o, s:s, s:f, s:I, s:f, s:f, s:f}", "name",
                        cli_json_text(bytes_of_text(name)), "policy",
                        spec->policy_name, "loss", of->loss, "rows",
                        (json_int_t)of->rows, "weight", of->weight,
                        "logged_cost", of->cost, "mean_ratio", of->ratio));
}

static int run_progressive(const struct panel *panel, struct ledger *ledger,
        const struct evaluation *evaluation, struct err *err)
{
    json_t *list = json_array();
    struct progressive of;
    bool own = true;
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < panel->policy_count; i++) {
        const struct panel_policy *policy = &panel->policies[i];
        if (policy->kind != PANEL_POLICY)
            continue;
        own = false;
        status = progressive_of(panel, ledger, policy->spec, &of, err);
        if (status == 0)
            progressive_report(
                    evaluation, policy->name, policy->spec, &of, list);
    }
    if (own) {
        status = progressive_of(panel, ledger, panel->spec, &of, err);
        if (status == 0)
            progressive_report(
                    evaluation, "as configured", panel->spec, &of, list);
    }
    if (status == 0 && evaluation->json)
        cli_print_json(json_pack("{s:o, s:O}", "problem",
                cli_json_text(panel->spec->name), "progressive_ips", list));
    json_decref(list);
    return status;
}

static int run_panel(struct panel *panel, struct ledger *ledger,
        const struct panel_trainer *trainer,
        const struct evaluation *evaluation, struct err *err)
{
    struct panel_settings settings = evaluation->settings;
    int status;

    settings.progress = progress;
    settings.trainer = trainer;
    status = panel_open(panel, ledger, &settings, err);
    if (status == 0 && evaluation->policies != NULL)
        status = evaluation_add_file(panel, evaluation->policies, err);
    if (status == 0 && evaluation->progressive)
        return run_progressive(panel, ledger, evaluation, err);
    if (status == 0)
        status = panel_run(panel, err);
    if (status == 0 && evaluation->html != NULL)
        status = evaluation_html(panel, evaluation, err);
    return status == 0 ? report(panel, evaluation, err) : status;
}

int evaluation_run(const struct evaluation *evaluation)
{
    struct store_settings settings = {.read_only = true};
    struct cli_booster booster;
    struct offline offline;
    struct ledger *ledger;
    struct panel panel;
    struct err err;
    int status = ledger_open(evaluation->directory, &settings, &ledger, &err);

    if (status != 0)
        return cli_fail(evaluation->command, &err);
    cli_booster_open(&booster);
    offline_open(&offline, ledger, &booster.booster);
    status = run_panel(&panel, ledger, &offline.trainer, evaluation, &err);
    panel_close(&panel);
    cli_booster_close(&booster);
    ledger_close(ledger);
    return status == 0 ? 0 : cli_fail(evaluation->command, &err);
}
