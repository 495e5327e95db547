#include "cli/evaluation.h"

#include <math.h>
#include <stdio.h>

/* JSON has no NaN and no infinity: null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *range(struct interval interval)
{
    if (isnan(interval.lower))
        return json_null();
    return json_pack("[o, o]", number(interval.lower), number(interval.upper));
}

static json_t *estimates(const struct evaluated *evaluated)
{
    json_t *out = json_object();

    for (int i = 0; i < OPE_ESTIMATORS; i++) {
        const struct ope_estimate *at = &evaluated->estimate[i];
        if (i == OPE_MRDR && evaluated->policy->weighted == NULL)
            continue;
        (void)json_object_set_new(out,
                ope_estimator_name((enum ope_estimator)i),
                json_pack("{s:o, s:o, s:o}", "value", number(at->value),
                        "error", number(at->error), "parameter",
                        number(at->parameter)));
    }
    return out;
}

static json_t *intervals(const struct evaluated *evaluated)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "normal",
            range(evaluated->normal), "cressie_read",
            range(evaluated->cressie_read), "empirical_bernstein",
            range(evaluated->bernstein), "clopper_pearson",
            range(evaluated->clopper_pearson), "bootstrap_dr",
            range(evaluated->boot_dr), "bootstrap_snips",
            range(evaluated->boot_snips), "sequence_asymptotic",
            evaluated->has_value ? range(evaluated->value) : json_null(),
            "sequence_guaranteed", range(evaluated->guaranteed));
}

static json_t *support_json(const struct evaluated *evaluated)
{
    const struct support *support = &evaluated->support;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "rows",
            number(support->count), "missing", number(support->missing), "ess",
            number(support->ess), "design_ess", number(support->design_ess),
            "largest_share", number(support->largest_share), "z",
            number(support->z));
}

static json_t *verdict_json(const struct panel *panel,
        const struct evaluation *evaluation, const struct evaluated *evaluated)
{
    const struct verdict *verdict = &evaluated->verdict;
    json_t *actions = json_array();
    char text[512];

    for (uint32_t i = 0; i < verdict->worst_count; i++) {
        char action[ID_BYTES_MAX + 1];
        evaluation_action(panel, verdict->worst[i], action, sizeof(action));
        (void)json_array_append_new(actions,
                json_pack("{s:s, s:o}", "action", action, "share",
                        number(verdict->worst_share[i])));
    }
    evaluation_reason(panel, evaluation, evaluated, text, sizeof(text));
    return json_pack("{s:b, s:b, s:s, s:o, s:o}", "ranked", verdict->ranked,
            "intervals_hold", verdict->intervals, "reason", text, "more_rows",
            number(verdict->more_rows), "actions", actions);
}

static json_t *overlap_json(
        const struct panel *panel, const struct panel_policy *policy)
{
    json_t *out = json_array();

    for (uint32_t i = 0; i < panel->places; i++) {
        const struct overlap *at = &policy->overlap[i];
        char action[ID_BYTES_MAX + 1];
        if (at->eligible == 0)
            continue;
        evaluation_action(panel, i, action, sizeof(action));
        (void)json_array_append_new(out,
                json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "action",
                        action, "eligible", (json_int_t)at->eligible, "chosen",
                        (json_int_t)at->chosen, "unsupported",
                        (json_int_t)at->unsupported, "logged",
                        number(at->logged / (double)at->eligible), "target",
                        number(at->target / (double)at->eligible), "missing",
                        number(at->missing / (double)at->eligible),
                        "smallest_propensity", number(at->smallest)));
    }
    return out;
}

static json_t *histogram_json(const struct panel_policy *policy)
{
    json_t *out = json_array();

    for (uint32_t i = 0; i < OPE_BINS; i++)
        (void)json_array_append_new(out,
                json_pack("{s:o, s:I}", "up_to", number(ope_bin_end(i)), "rows",
                        (json_int_t)policy->slices[0].sums.histogram[i]));
    return out;
}

static json_t *slices_json(const struct panel *panel,
        const struct evaluation *evaluation, const struct panel_policy *policy)
{
    json_t *out = json_array();

    for (uint32_t slice = 1; slice < panel->slice_count; slice++) {
        struct evaluated at;
        char name[ID_BYTES_MAX + 32];
        if (policy->slices[slice].sums.count < 1.0)
            continue;
        evaluate_policy(panel, evaluation, policy, slice, &at);
        panel_slice_name(panel, slice, name, sizeof(name));
        (void)json_array_append_new(out,
                json_pack("{s:s, s:o, s:o, s:o, s:b}", "slice", name,
                        "estimates", estimates(&at), "intervals",
                        intervals(&at), "support", support_json(&at), "ranked",
                        at.verdict.ranked));
    }
    return out;
}

static json_t *policy_json(const struct panel *panel,
        const struct evaluation *evaluation, const struct panel_policy *policy)
{
    struct evaluated at;

    evaluate_policy(panel, evaluation, policy, 0, &at);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
            "name", policy->name, "policy",
            policy->spec != NULL ? policy->spec->policy_name : "baseline",
            "value", number(at.estimate[OPE_DR].value), "estimates",
            estimates(&at), "intervals", intervals(&at), "gain",
            number(at.gain_estimate), "gain_interval",
            at.has_gain ? range(at.gain) : json_null(), "support",
            support_json(&at), "verdict", verdict_json(panel, evaluation, &at),
            "weights", histogram_json(policy), "overlap",
            overlap_json(panel, policy));
}

static json_t *left_out_json(const struct panel *panel)
{
    const struct panel_left_out *out = &panel->left_out;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "waiting",
            (json_int_t)out->waiting, "another_action",
            (json_int_t)out->another, "other_shape", (json_int_t)out->shape,
            "forgotten", (json_int_t)out->gone, "no_distribution",
            (json_int_t)out->impossible, "guard", (json_int_t)out->forced);
}

json_t *evaluation_json(
        const struct panel *panel, const struct evaluation *evaluation)
{
    json_t *policies = json_array();

    for (uint32_t i = 0; i < panel->policy_count; i++) {
        const struct panel_policy *policy = &panel->policies[i];
        json_t *one;
        if (!evaluation_shows(panel, policy))
            continue;
        one = policy_json(panel, evaluation, policy);
        if (evaluation->slices)
            (void)json_object_set_new(
                    one, "slices", slices_json(panel, evaluation, policy));
        (void)json_array_append_new(policies, one);
    }
    return json_pack("{s:o, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:b, s:o}",
            "problem", cli_json_text(panel->spec->name), "decisions",
            (json_int_t)panel->decisions, "rows", (json_int_t)panel->rows,
            "left_out", left_out_json(panel), "clipped",
            (json_int_t)panel->clipped, "partial", (json_int_t)panel->partial,
            "thinned", (json_int_t)panel->thinned, "canary",
            (json_int_t)panel->shared, "minimise",
            panel->spec->policy.range.minimise, "policies", policies);
}
