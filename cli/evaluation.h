/* What `rue evaluate` and `rue replay --policies` share: policies from a file,
 * a panel over a store, and its report. */
#ifndef CLI_EVALUATION_H
#define CLI_EVALUATION_H

#include "cli/cli.h"
#include "replay/panel.h"

struct evaluation {
    const char *command; /* for messages */
    const char *directory;
    const char *policies; /* file; NULL: baselines only */
    struct panel_settings settings;
    struct support_limits limits;
    bool json;
    bool estimators; /* every estimator and interval, not the default alone */
    bool slices; /* per group, generation and time */
    bool progressive; /* the progressive loss in place of all else */
    const char *html; /* file for a page beside it; NULL: none */
};

#define EVALUATION_DEFAULT                                                     \
    {                                                                          \
        .settings = PANEL_SETTINGS_DEFAULT, .limits = SUPPORT_LIMITS_DEFAULT   \
    }

/* The exit code; prints the report, or what went wrong. */
int evaluation_run(const struct evaluation *evaluation);

/* ---- what is said of one policy ---- */

/* Values in the problem's own units; lower <= upper. */
struct evaluated {
    const struct panel_policy *policy;
    struct support support;
    struct verdict verdict;
    struct ope_estimate estimate[OPE_ESTIMATORS];
    struct interval normal; /* of dr */
    struct interval cressie_read;
    struct interval bernstein; /* of ips */
    struct interval clopper_pearson;
    struct interval boot_dr, boot_snips; /* NAN without a bootstrap */
    struct interval guaranteed; /* at any time */
    bool has_value, has_gain; /* the asymptotic sequences have begun */
    struct interval value, gain; /* at any time; gain over the logged policy */
    double gain_estimate;
};

void evaluate_policy(const struct panel *panel,
        const struct evaluation *evaluation, const struct panel_policy *policy,
        uint32_t slice, struct evaluated *out);

/* Is it worth a line? A constant that is hardly ever eligible is not. */
bool evaluation_shows(
        const struct panel *panel, const struct panel_policy *policy);

/* All that are worth a line, as a whole: those that the log can rank by their
 * value, then the others. [count], of the caller; NULL: no memory. */
struct evaluated *evaluation_ranking(const struct panel *panel,
        const struct evaluation *evaluation, uint32_t *count);

/* Is the interval of its gain all on the better side of nothing? */
bool evaluation_is_better(
        const struct panel *panel, const struct evaluated *evaluated);

/* The first reason, the actions to blame and what it would take. */
void evaluation_reason(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *evaluated,
        char *out, size_t size);

/* Name of the action at a place of the catalogue, or its number. */
void evaluation_action(
        const struct panel *panel, uint32_t place, char *out, size_t size);

json_t *evaluation_json(
        const struct panel *panel, const struct evaluation *evaluation);
/* Writes the page. IO, or INTERNAL where memory ran out. */
int evaluation_html(const struct panel *panel,
        const struct evaluation *evaluation, struct err *err) MUST_USE;

/* Adds the policies of a file to a panel: `policies:`, a list of entries that
 * each begin with `name:`, with `policy:` as in a configuration (none: the
 * problem's own) and `learn:` online, promotions or a duration. */
int evaluation_add_file(
        struct panel *panel, const char *path, struct err *err) MUST_USE;

#endif
