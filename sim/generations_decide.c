/* A payment as a policy is asked about it, the decision, and what decisions are
 * worth: exactly, on the panel. */
#include "base/rng.h"
#include "policies/features.h"
#include "policies/pmf.h"
#include "sim/generations_parts.h"

#include <math.h>

/* ---- requests ---- */

static uint64_t name_hash(const char *space, uint32_t value)
{
    uint8_t name[2] = {
            (uint8_t)('0' + value / 10), (uint8_t)('0' + value % 10)};

    return feature_hash(bytes_of_text(space), bytes_of(name, sizeof(name)));
}

void generations_describe_routes(struct run *run)
{
    for (uint32_t i = 0; i < PAYMENTS_ROUTES; i++) {
        struct payments_route route = payments_route(i);
        double *row = run->routes[i];
        row[route.acquirer] = 1.0;
        row[6] = route.mode == PAYMENTS_3DS;
        row[7] = route.mode == PAYMENTS_EXEMPTION;
        row[8] = route.token;
    }
}

uint32_t generations_columns(const struct run *run)
{
    return run->kind == GENERATIONS_ONLINE ? ONLINE_COLUMNS : CONTEXT_COLUMNS;
}

void generations_request(const struct run *run, const struct payment *payment,
        const uint32_t *routes, uint32_t count, struct request *request)
{
    uint32_t country = run->market.issuer_country[payment->issuer];

    request->dense[0] = payment->log_amount;
    request->dense[1] = payment->risk;
    request->dense[2] = payment->debit;
    request->dense[3] = payment->present;
    request->dense[4] = payment->provisioned;
    request->dense[5] = payment->hour;
    request->dense[6] = payment->merchant_country == country;
    request->named[0] =
            (struct feature){name_hash("issuer", payment->issuer), 1.0};
    request->named[1] = (struct feature){name_hash("mcc", payment->kind), 1.0};
    request->named[2] =
            (struct feature){name_hash("scheme", payment->scheme), 1.0};
    request->named[3] = (struct feature){name_hash("country", country), 1.0};
    request->dense[7] = payment->scheme;
    request->context = (struct context){
            .shared = {request->dense, generations_columns(run), NAMES,
                    request->named}};
    request->payment = *payment;
    for (uint32_t i = 0; i < count; i++) {
        request->routes[i] = routes[i];
        request->route[i] = (struct features){
                run->routes[routes[i]], ACTION_COLUMNS, 0, NULL};
        request->uniform[i] = 1.0 / count;
    }
    request->actions = (struct action_set){count,
            run->kind == GENERATIONS_ONLINE ? request->routes : NULL,
            request->route};
}

/* ---- decisions ---- */

int generations_decide_by(struct run *run, const struct policy *policy,
        const struct request *request, uint64_t event, struct distribution *out)
{
    return policy_decide(policy, &request->context, &request->actions,
            run->settings->seed, event, &run->scratch, out, run->err);
}

/* Where there are no predictions, each is as likely. */
static const double *blank_scores(struct run *run, uint32_t count)
{
    double *scores = arena_array(&run->scratch, double, count);

    CHECK(scores != NULL);
    for (uint32_t i = 0; i < count; i++)
        scores[i] = 0.5;
    return scores;
}

static void decide_by_router(struct run *run, const struct request *request,
        uint64_t event, struct distribution *out)
{
    struct rng draw = rng_keyed(run->settings->seed, event, RNG_ACTION);
    uint32_t count = request->actions.count;
    double *pmf = arena_array(&run->scratch, double, count);

    CHECK(pmf != NULL);
    router_distribute(
            run->router, &request->payment, request->routes, count, event, pmf);
    *out = (struct distribution){.count = count, .pmf = pmf};
    out->chosen = pmf_draw(pmf, count, &draw);
    out->propensity = pmf[out->chosen];
}

int generations_decide(struct run *run, const struct request *request,
        uint64_t event, struct distribution *out)
{
    struct rng draw = rng_keyed(run->settings->seed, event, RNG_ACTION);
    struct distribution other;
    double *pmf;

    arena_reset(&run->scratch);
    if (run->router != NULL)
        decide_by_router(run, request, event, out);
    else if (generations_decide_by(run, run->policy, request, event, out) != 0)
        return run->err->status;
    if (out->scores == NULL)
        out->scores = blank_scores(run, out->count);
    if (!(run->share > 0.0))
        return 0;
    if (generations_decide_by(run, run->candidate, request, event, &other) != 0)
        return run->err->status;
    pmf = arena_array(&run->scratch, double, out->count);
    CHECK(pmf != NULL);
    for (uint32_t i = 0; i < out->count; i++)
        pmf[i] = (1.0 - run->share) * out->pmf[i] + run->share * other.pmf[i];
    out->pmf = pmf;
    out->chosen = pmf_draw(pmf, out->count, &draw);
    out->propensity = pmf[out->chosen];
    return 0;
}

/* ---- judging ---- */

static void judge_case(struct run *run, uint32_t i,
        const struct payments_case *one, const struct distribution *got,
        struct generation_values *value)
{
    double *before = run->before + (size_t)i * ELIGIBLE_MAX;
    double most = 0.0, top = -1.0, distance = 0.0;
    uint32_t best = 0;

    for (uint32_t a = 0; a < one->eligible; a++) {
        double miss = got->scores[a] - one->approval[a];
        value->v += got->pmf[a] * one->approval[a];
        value->rmse += miss * miss / one->eligible;
        most = fmax(most, got->pmf[a]);
        distance += fabs(got->pmf[a] - before[a]);
        before[a] = got->pmf[a];
        if (got->scores[a] > top) {
            top = got->scores[a];
            best = a;
        }
    }
    value->exploration += 1.0 - most;
    value->greedy += one->approval[best];
    value->bias_top += got->scores[best] - one->approval[best];
    value->distance += 0.5 * distance;
}

int generations_judge(struct run *run, struct generation_values *value)
{
    const struct payments_panel *panel = &run->panel;
    double count = panel->count;

    for (uint32_t i = 0; i < panel->count; i++) {
        const struct payments_case *one = &panel->cases[i];
        struct request request;
        struct distribution got;
        generations_request(
                run, &one->payment, one->route, one->eligible, &request);
        if (generations_decide(run, &request, UINT64_MAX - i, &got) != 0)
            return run->err->status;
        judge_case(run, i, one, &got, value);
    }
    value->v /= count;
    value->rmse = sqrt(value->rmse / count);
    value->exploration /= count;
    value->greedy /= count;
    value->bias_top /= count;
    value->distance /= count;
    value->best = payments_panel_best(panel);
    value->uniform = payments_panel_uniform(panel);
    return 0;
}

int generations_value_of(
        struct run *run, const struct policy *policy, double *value)
{
    *value = 0.0;
    for (uint32_t i = 0; i < run->panel.count; i++) {
        const struct payments_case *one = &run->panel.cases[i];
        struct request request;
        struct distribution got;
        generations_request(
                run, &one->payment, one->route, one->eligible, &request);
        arena_reset(&run->scratch);
        if (generations_decide_by(run, policy, &request, i, &got) != 0)
            return run->err->status;
        for (uint32_t a = 0; a < one->eligible; a++)
            *value += got.pmf[a] * one->approval[a] / run->panel.count;
    }
    return 0;
}
