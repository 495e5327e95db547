/* A generation of payments: each is routed, the world answers, and the answer
 * is logged or learned from. With life, declined payments are tried again. */
#include "base/rng.h"
#include "sim/generations_parts.h"

#include <string.h>

#define FIRST_OUTAGE 2u

/* ---- routing ---- */

static bool is_uniform(const struct run *run, uint32_t generation)
{
    return run->kind == GENERATIONS_CONTROL ||
            generations_is_early(run, generation);
}

int generations_distribute(void *self, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf,
        struct err *err)
{
    struct run *run = self;
    struct request request;
    struct distribution got;

    (void)err;
    generations_request(run, payment, routes, count, &request);
    if (generations_decide(run, &request, event, &got) != 0)
        return run->err->status;
    memcpy(pmf,
            is_uniform(run, (uint32_t)(event >> 32)) ? request.uniform
                                                     : got.pmf,
            count * sizeof(*pmf));
    return 0;
}

/* A payment on its way through policy and world. */
struct served {
    struct payment payment;
    uint32_t routes[PAYMENTS_ROUTES], count, chosen;
    double pmf[ELIGIBLE_MAX], scores[ELIGIBLE_MAX];
    struct request request;
    bool approved;
    struct generation_account account; /* with life */
};

static int route_payment(struct run *run, uint32_t generation, uint64_t event,
        struct served *served)
{
    struct rng draw = rng_keyed(run->settings->seed, event, RNG_ACTION);
    bool uniform = is_uniform(run, generation);
    struct distribution got;
    size_t size;

    served->count = payments_eligible(&served->payment, served->routes);
    if (run->drill != NULL)
        served->count =
                drill_admit(run->drill, event, served->routes, served->count);
    generations_request(run, &served->payment, served->routes, served->count,
            &served->request);
    if (generations_decide(run, &served->request, event, &got) != 0)
        return run->err->status;
    size = served->count * sizeof(double);
    memcpy(served->pmf, uniform ? served->request.uniform : got.pmf, size);
    memcpy(served->scores, got.scores, size);
    served->chosen = uniform ? rng_below(&draw, served->count) : got.chosen;
    return 0;
}

/* ---- all that happens to a payment ---- */

/* Chooses among the routes that are left for another try. */
static int route_again(struct run *run, const struct served *served,
        uint32_t tried, uint64_t event, uint32_t *route)
{
    uint32_t left[PAYMENTS_ROUTES], count = 0;
    struct request request;
    struct distribution got;

    for (uint32_t i = 0; i < served->count; i++) {
        if ((tried >> i & 1) == 0)
            left[count++] = i;
    }
    for (uint32_t k = 0; k < count; k++)
        request.routes[k] = served->routes[left[k]];
    {
        uint32_t routes[PAYMENTS_ROUTES];
        memcpy(routes, request.routes, count * sizeof(*routes));
        generations_request(run, &served->payment, routes, count, &request);
    }
    if (generations_decide(run, &request, event, &got) != 0)
        return run->err->status;
    *route = left[got.chosen];
    return 0;
}

static void settle(struct run *run, uint32_t generation, uint32_t row,
        uint32_t route, struct served *served)
{
    struct generation_account *account = &served->account;
    struct payments_chargeback chargeback;

    account->approved = 1.0;
    payments_chargeback_draw(&run->tariff, &run->market, &served->payment,
            generation, row, route, &chargeback);
    account->chargebacks = chargeback.comes;
    account->charged_back = chargeback.comes ? chargeback.loss : 0.0;
    account->net +=
            GENERATIONS_MARGIN * served->payment.amount - account->charged_back;
}

/* Tries until one is approved, none may follow, or no route is left. */
static int live(struct run *run, uint32_t generation, uint32_t row,
        struct served *served)
{
    uint64_t event = generations_event(generation, row);
    struct payments_try try = {.generation = generation,
            .row = row,
            .time = generation + (double)row / run->settings->rows,
            .pay_day = 1.0};
    uint32_t place = served->chosen, tried = 0;
    struct payments_answer answer;

    served->account = (struct generation_account){0};
    for (;; try.attempt++) {
        try.route = served->routes[place];
        payments_answer_draw(&run->market, &run->tariff, run->calm,
                &served->payment, &try, &answer);
        tried |= UINT32_C(1) << place;
        served->account.tries += 1.0;
        served->account.fees += answer.fee;
        if (try.attempt == 0)
            served->approved = answer.approved;
        if (answer.approved ||
                !payments_may_retry(answer.reason, try.attempt) ||
                served->account.tries >= served->count)
            break;
        try.before = try.route;
        if (route_again(run, served, tried,
                    event | (uint64_t)(try.attempt + 1) << 56, &place) != 0)
            return run->err->status;
    }
    served->account.net = -served->account.fees;
    if (answer.approved)
        settle(run, generation, row, try.route, served);
    return 0;
}

/* ---- serving ---- */

static void add_account(
        struct generation_account *sum, const struct generation_account *one)
{
    sum->approved += one->approved;
    sum->tries += one->tries;
    sum->fees += one->fees;
    sum->chargebacks += one->chargebacks;
    sum->charged_back += one->charged_back;
    sum->net += one->net;
}

static void divide_account(struct generation_account *account, double rows)
{
    account->approved /= rows;
    account->tries /= rows;
    account->fees /= rows;
    account->chargebacks /= rows;
    account->charged_back /= rows;
    account->net /= rows;
}

static int serve_one(struct run *run, uint32_t generation, uint32_t row,
        struct served *served)
{
    uint64_t event = generations_event(generation, row);
    struct drill_round round = {.row = row,
            .event = event,
            .payment = &served->payment,
            .routes = served->routes,
            .pmf = served->pmf};

    if (route_payment(run, generation, event, served) != 0)
        return run->err->status;
    round.count = served->count;
    round.chosen = served->chosen;
    round.expected = 1.0 - served->scores[served->chosen];
    if (run->drill != NULL)
        return drill_play(run->drill, &round, &served->approved, run->err);
    if (run->settings->life)
        return live(run, generation, row, served);
    served->approved = payments_luck(&run->market, generation, row) <
            payments_approval(&run->market, &served->payment,
                    served->routes[served->chosen]);
    return 0;
}

/* From each answer, as it comes. */
static void learn_online(struct run *run, uint32_t generation, uint32_t row,
        const struct served *served)
{
    struct lesson lesson = {.context = &served->request.context,
            .actions = &served->request.actions,
            .chosen = served->chosen,
            .pmf = served->pmf,
            .loss = served->approved ? 0.0 : 1.0,
            .weight = 1.0,
            .time = (nanos)((uint64_t)generation * run->settings->rows + row) *
                    NANOS_PER_SECOND,
            .propensity = served->pmf[served->chosen]};

    if (run->router != NULL) {
        router_learn(run->router, &served->payment,
                served->routes[served->chosen], served->approved);
        return;
    }
    arena_reset(&run->scratch);
    policy_learn(run->policy, &lesson, &run->scratch);
}

static int serve_row(struct run *run, uint32_t generation, uint32_t row,
        struct generation_values *value)
{
    struct served served;
    struct logged logged = {.generation = generation, .row = row};

    payments_draw(&run->market, generation, row, &served.payment);
    if (serve_one(run, generation, row, &served) != 0)
        return run->err->status;
    value->rate += served.approved;
    if (run->settings->life)
        add_account(&value->account, &served.account);
    if (!generations_is_trained(run)) {
        learn_online(run, generation, row, &served);
        return 0;
    }
    logged.chosen = (uint8_t)served.chosen;
    logged.approved = served.approved;
    logged.p = served.pmf[served.chosen];
    generations_log_add(
            run, &logged, &served.request, served.pmf, served.scores);
    return 0;
}

int generations_serve(
        struct run *run, uint32_t generation, struct generation_values *value)
{
    uint32_t rows = run->settings->rows;

    if (run->drill != NULL)
        drill_begin(run->drill, generation,
                run->settings->outages && generation >= FIRST_OUTAGE);
    for (uint32_t row = 0; row < rows; row++)
        if (serve_row(run, generation, row, value) != 0)
            return run->err->status;
    value->rate /= rows;
    divide_account(&value->account, rows);
    if (run->drill != NULL)
        drill_result(run->drill, &value->outage);
    return 0;
}

int generations_serve_noise(struct run *run, struct generations_run *out)
{
    uint32_t count = run->settings->noise;
    struct drill_outage outage;

    if (run->drill == NULL)
        return 0;
    drill_begin(run->drill, out->count, false);
    for (uint32_t row = 0; row < count; row++) {
        struct served served;
        payments_draw(&run->market, out->count, row, &served.payment);
        served.payment.hour = (uint32_t)((uint64_t)row * 48 / count % 24);
        if (serve_one(run, out->count, row, &served) != 0)
            return run->err->status;
    }
    drill_result(run->drill, &outage);
    out->noise_openings = outage.false_openings;
    return 0;
}
