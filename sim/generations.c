#include "sim/generations.h"

#include "base/hash.h"
#include "base/rng.h"
#include "policies/features.h"
#include "policies/pmf.h"
#include "policies/policy.h"
#include "replay/gate.h"
#include "sim/payments.h"
#include "sim/routers.h"
#include "training/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_COLUMNS 7u
#define ONLINE_COLUMNS  8u /* and the scheme, as a number */
#define ACTION_COLUMNS  9u
#define NAMES           4u
#define ELIGIBLE_MAX    18u
#define TEXT_MAX        512u
#define FIRST_OUTAGE    2u

/* ---- settings ---- */

struct settings_text {
    char text[TEXT_MAX];
    struct keyvalue list[GENERATIONS_SETTINGS];
    size_t count;
};

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

/* ---- one run ---- */

/* What the log holds of a payment. */
struct logged {
    uint64_t routes; /* that could be chosen, a bit each */
    uint32_t generation, row;
    uint8_t chosen; /* of them */
    bool approved;
    bool held; /* not learned while the gate may use it */
    double p;
};

/* A payment that no model is trained on: what the veto is judged by. */
struct held {
    uint64_t routes; /* that could be chosen, a bit each */
    uint32_t generation, row;
    uint8_t chosen;
    bool approved;
    double logged[ELIGIBLE_MAX]; /* distribution it was drawn from */
    double model[ELIGIBLE_MAX]; /* what was predicted then */
};

/* A payment as a client sends it. */
struct request {
    struct payment payment;
    uint32_t routes[ELIGIBLE_MAX];
    double dense[ONLINE_COLUMNS];
    struct feature named[NAMES];
    struct context context;
    struct features route[ELIGIBLE_MAX];
    double uniform[ELIGIBLE_MAX];
    struct action_set actions;
};

struct run {
    const struct generations_settings *settings;
    struct memory_options memory;
    struct gate_options gate;
    uint32_t vetoes; /* asked for */
    uint64_t refused; /* candidates in a row */
    struct policy_spec spec;
    struct policy *policy; /* that serves */
    struct policy *candidate;
    double share; /* of the candidate, mixed in */
    struct blob generation; /* the bytes of the one that serves */
    struct held *held;
    size_t held_count;
    struct payments_market market;
    struct payments_panel panel;
    double *before; /* [panel * ELIGIBLE_MAX] distributions of the last one */
    struct drill *drill; /* with outages */
    struct payments_tariff tariff; /* with life */
    struct payments_outages *calm; /* none of them */
    enum generations_kind kind;
    struct router *router; /* in the place of a policy */
    struct logged *log;
    size_t log_count;
    struct request *requests; /* of the rows that are trained on */
    struct lesson *lessons;
    size_t lesson_room;
    double routes[PAYMENTS_ROUTES][ACTION_COLUMNS];
    struct settings_text text; /* options are views of it */
    struct arena options, scratch;
    struct err *err;
};

static uint64_t name_hash(const char *space, uint32_t value)
{
    uint8_t name[2] = {
            (uint8_t)('0' + value / 10), (uint8_t)('0' + value % 10)};

    return feature_hash(bytes_of_text(space), bytes_of(name, sizeof(name)));
}

static void make_routes(struct run *run)
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

static bool is_trained(const struct run *run)
{
    return run->kind == GENERATIONS_TRAINED || run->kind == GENERATIONS_CONTROL;
}

static uint32_t columns_of(const struct run *run)
{
    return run->kind == GENERATIONS_ONLINE ? ONLINE_COLUMNS : CONTEXT_COLUMNS;
}

static void make_request(const struct run *run, const struct payment *payment,
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
            .shared = {request->dense, columns_of(run), NAMES, request->named}};
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

static uint64_t bits_of_routes(const uint32_t *routes, uint32_t count)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < count; i++)
        bits |= UINT64_C(1) << routes[i];
    return bits;
}

static uint32_t routes_of_bits(uint64_t bits, uint32_t *routes)
{
    uint32_t count = 0;

    for (uint32_t route = 0; route < PAYMENTS_ROUTES; route++) {
        if ((bits >> route & 1) != 0)
            routes[count++] = route;
    }
    return count;
}

static int decide_by(struct run *run, const struct policy *policy,
        const struct request *request, uint64_t event, struct arena *arena,
        struct distribution *out)
{
    return policy_decide(policy, &request->context, &request->actions,
            run->settings->seed, event, arena, out, run->err);
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

/* By the policy that serves, with the candidate mixed in. */
static int decide(struct run *run, const struct request *request,
        uint64_t event, struct distribution *out)
{
    struct rng draw = rng_keyed(run->settings->seed, event, RNG_ACTION);
    struct distribution other;
    double *pmf;

    arena_reset(&run->scratch);
    if (run->router != NULL)
        decide_by_router(run, request, event, out);
    else if (decide_by(run, run->policy, request, event, &run->scratch, out) !=
            0)
        return run->err->status;
    if (out->scores == NULL)
        out->scores = blank_scores(run, out->count);
    if (!(run->share > 0.0))
        return 0;
    if (decide_by(run, run->candidate, request, event, &run->scratch, &other) !=
            0)
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

static int judge(struct run *run, struct generation_values *value)
{
    const struct payments_panel *panel = &run->panel;
    double count = panel->count;

    for (uint32_t i = 0; i < panel->count; i++) {
        const struct payments_case *one = &panel->cases[i];
        struct request request;
        struct distribution got;
        make_request(run, &one->payment, one->route, one->eligible, &request);
        if (decide(run, &request, UINT64_MAX - i, &got) != 0)
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

/* ---- serving ---- */

/* A fixed share of events, whatever happens in them. */
static bool is_held(const struct run *run, uint64_t event)
{
    uint64_t hash = hash_mix(run->settings->seed, hash_mix(event, 77));

    return (double)(hash >> 11) * 0x1p-53 < run->gate.held_out;
}

static void hold(struct run *run, const struct logged *row,
        const struct request *request, const double *pmf, const double *scores)
{
    struct held *held = &run->held[run->held_count++];
    size_t size = request->actions.count * sizeof(double);

    held->generation = row->generation;
    held->row = row->row;
    held->routes = row->routes;
    held->chosen = row->chosen;
    held->approved = row->approved;
    memcpy(held->logged, pmf, size);
    memcpy(held->model, scores, size);
}

/* Before there is anything to train on: then routes are chosen uniformly,
 * whatever the policy makes of ties. */
static bool is_early(const struct run *run, uint32_t generation)
{
    return is_trained(run) && generation <= run->settings->late;
}

static bool is_uniform(const struct run *run, uint32_t generation)
{
    return run->kind == GENERATIONS_CONTROL || is_early(run, generation);
}

/* What the policy would do with these routes, for the drill. */
static int distribute(void *self, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf,
        struct err *err)
{
    struct run *run = self;
    struct request request;
    struct distribution got;

    (void)err;
    make_request(run, payment, routes, count, &request);
    if (decide(run, &request, event, &got) != 0)
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
    make_request(run, &served->payment, served->routes, served->count,
            &served->request);
    if (decide(run, &served->request, event, &got) != 0)
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
        make_request(run, &served->payment, routes, count, &request);
    }
    if (decide(run, &request, event, &got) != 0)
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

/* A payment's number, of which everything that is drawn for it is made. */
static uint64_t event_of(uint32_t generation, uint32_t row)
{
    return (uint64_t)generation * (UINT64_C(1) << 32) + row;
}

/* Tries until one is approved, none may follow, or no route is left. */
static int live(struct run *run, uint32_t generation, uint32_t row,
        struct served *served)
{
    uint64_t event = event_of(generation, row);
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
    uint64_t event = event_of(generation, row);
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
    uint64_t event = event_of(generation, row);
    struct logged logged = {.generation = generation, .row = row};
    struct served served;

    payments_draw(&run->market, generation, row, &served.payment);
    if (serve_one(run, generation, row, &served) != 0)
        return run->err->status;
    logged.routes = bits_of_routes(served.routes, served.count);
    logged.chosen = (uint8_t)served.chosen;
    logged.p = served.pmf[served.chosen];
    logged.held = is_held(run, event);
    logged.approved = served.approved;
    value->rate += logged.approved;
    if (run->settings->life)
        add_account(&value->account, &served.account);
    if (!is_trained(run)) {
        learn_online(run, generation, row, &served);
        return 0;
    }
    if (logged.held)
        hold(run, &logged, &served.request, served.pmf, served.scores);
    run->log[run->log_count++] = logged;
    return 0;
}

static int serve(
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

/* Payments without outages, the hours of two days one after the other, so that
 * an acquirer's batch window comes as a block; nothing is learned from them. */
static int serve_noise(struct run *run, struct generations_run *out)
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

/* ---- training ---- */

/* Of what follows: `next` is the number of generations whose answers are known,
 * and the last of these has age 0. */

/* Rows that memory has let go of never come back: they leave the log. */
static void forget(struct run *run, uint32_t next)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->log_count; i++) {
        const struct logged *row = &run->log[i];
        if (row->generation >= next ||
                memory_weight(&run->memory, next - 1 - row->generation, row->p,
                        false) > 0.0)
            run->log[kept++] = *row;
    }
    run->log_count = kept;
}

/* What the gate needs no more: it is learned from now on. */
static void release(struct run *run, uint32_t next)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->held_count; i++) {
        const struct held *held = &run->held[i];
        if (held->generation >= next ||
                next - 1 - held->generation < run->gate.held_for)
            run->held[kept++] = *held;
    }
    run->held_count = kept;
}

/* Is this row in the gate's hands, or not known yet? */
static bool is_kept_back(
        const struct run *run, const struct logged *row, uint32_t next)
{
    if (row->generation >= next)
        return true;
    return row->held && next - 1 - row->generation < run->gate.held_for;
}

static int lesson_room(struct run *run)
{
    if (run->log_count <= run->lesson_room)
        return 0;
    free(run->requests);
    free(run->lessons);
    run->lesson_room = run->log_count + run->settings->rows;
    run->requests = calloc(run->lesson_room, sizeof(*run->requests));
    run->lessons = calloc(run->lesson_room, sizeof(*run->lessons));
    return run->requests == NULL || run->lessons == NULL
            ? err_set(run->err, STATUS_INTERNAL, "no memory")
            : 0;
}

static void make_lesson(
        struct run *run, const struct logged *row, size_t i, uint32_t next)
{
    struct request *request = &run->requests[i];
    struct payment payment;
    uint32_t routes[PAYMENTS_ROUTES];

    payments_draw(&run->market, row->generation, row->row, &payment);
    make_request(run, &payment, routes, routes_of_bits(row->routes, routes),
            request);
    run->lessons[i] = (struct lesson){.context = &request->context,
            .actions = &request->actions,
            .chosen = row->chosen,
            .pmf = request->uniform,
            .loss = row->approved ? 0.0 : 1.0,
            .weight = memory_weight(
                    &run->memory, next - 1 - row->generation, row->p, false),
            .propensity = row->p};
}

/* Returns how many. */
static size_t make_lessons(struct run *run, uint32_t next)
{
    size_t count = 0;

    for (size_t i = 0; i < run->log_count; i++)
        if (!is_kept_back(run, &run->log[i], next))
            make_lesson(run, &run->log[i], count++, next);
    return count;
}

/* ---- the gate ---- */

static int weigh_row(
        struct run *run, const struct held *held, struct gate_veto *veto)
{
    uint64_t event = event_of(held->generation, held->row);
    struct payment payment;
    uint32_t routes[PAYMENTS_ROUTES];
    struct request request;
    struct distribution champion, candidate;
    struct ope_event row = {.logged = held->logged,
            .model = held->model,
            .chosen = held->chosen,
            .reward = held->approved};

    payments_draw(&run->market, held->generation, held->row, &payment);
    make_request(run, &payment, routes, routes_of_bits(held->routes, routes),
            &request);
    arena_reset(&run->scratch);
    if (decide_by(run, run->policy, &request, event, &run->scratch,
                &champion) != 0 ||
            decide_by(run, run->candidate, &request, event, &run->scratch,
                    &candidate) != 0)
        return run->err->status;
    row.count = request.actions.count;
    row.target = candidate.pmf;
    gate_veto_add(veto, &row, champion.pmf);
    return 0;
}

static int weigh(struct run *run, uint32_t next,
        struct generation_values *value, enum gate_verdict *verdict)
{
    struct gate_veto veto =
            gate_veto_begin(&run->gate, ++run->vetoes, (double)run->held_count);
    struct gate_report report;

    for (size_t i = 0; i < run->held_count; i++)
        if (run->held[i].generation < next &&
                weigh_row(run, &run->held[i], &veto) != 0)
            return run->err->status;
    report = gate_veto_report(&veto);
    value->estimate = report.estimate;
    value->error = report.error;
    *verdict = report.verdict;
    return 0;
}

/* Exact value of a policy by itself. */
static int value_by(struct run *run, const struct policy *policy, double *value)
{
    *value = 0.0;
    for (uint32_t i = 0; i < run->panel.count; i++) {
        const struct payments_case *one = &run->panel.cases[i];
        struct request request;
        struct distribution got;
        make_request(run, &one->payment, one->route, one->eligible, &request);
        arena_reset(&run->scratch);
        if (decide_by(run, policy, &request, i, &run->scratch, &got) != 0)
            return run->err->status;
        for (uint32_t a = 0; a < one->eligible; a++)
            *value += got.pmf[a] * one->approval[a] / run->panel.count;
    }
    return 0;
}

static int load(struct run *run, struct policy *policy, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);

    (void)policy_init(policy, &run->spec);
    return policy_load(policy, &reader, run->err);
}

static int judge_candidate(struct run *run, uint32_t next,
        struct generation_values *value, enum gate_verdict *verdict)
{
    double before, after;
    int status = weigh(run, next, value, verdict);

    if (status == 0)
        status = value_by(run, run->policy, &before);
    if (status == 0)
        status = value_by(run, run->candidate, &after);
    if (status == 0)
        value->truth = after - before;
    return status;
}

/* The candidate serves, is mixed in, or goes. */
static int decide_on(struct run *run, uint32_t known, struct blob *next,
        struct generation_values *value)
{
    enum gate_verdict verdict = GATE_PASS;
    enum gate_action action;
    int status = load(run, run->candidate, bytes_of(next->data, next->size));

    if (status == 0 && run->gate.veto)
        status = judge_candidate(run, known, value, &verdict);
    if (status != 0)
        return status;
    action = gate_after_veto(&run->gate, verdict, &run->refused);
    value->blocked = action != GATE_PROMOTE;
    run->share = action == GATE_MIX ? run->gate.mixing : 0.0;
    if (value->blocked)
        return 0;
    blob_free(&run->generation);
    run->generation = *next;
    *next = (struct blob){NULL, 0};
    return load(run, run->policy,
            bytes_of(run->generation.data, run->generation.size));
}

static int train(
        struct run *run, uint32_t next, struct generation_values *value)
{
    struct training_job job = {.spec = &run->spec,
            .champion = bytes_of(run->generation.data, run->generation.size),
            .seed = (uint64_t)run->settings->seed << 20 | next,
            .booster = run->settings->booster};
    struct blob blob;
    int status;

    forget(run, next);
    release(run, next);
    if (lesson_room(run) != 0)
        return STATUS_INTERNAL;
    job.lessons = run->lessons;
    job.count = make_lessons(run, next);
    if (train_generation(&job, &blob, run->err) != 0)
        return run->err->status;
    value->rows = (double)job.count;
    value->effective = effective_rows(job.lessons, job.count);
    status = decide_on(run, next, &blob, value);
    blob_free(&blob);
    return status;
}

/* ---- life ---- */

static int open_policy(struct run *run, struct err *err)
{
    struct shape shape = {.shared_dense = CONTEXT_COLUMNS,
            .action_dense = ACTION_COLUMNS,
            .actions_max = ELIGIBLE_MAX};
    struct value_range range = {.max = 1.0};
    struct keyvalue rest[GENERATIONS_SETTINGS];
    size_t count, size;

    shape.shared_dense = columns_of(run);
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
            .policy = {distribute, run}};

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
    run->log = calloc(rows, sizeof(*run->log));
    run->held = calloc(rows, sizeof(*run->held));
    run->before = calloc(
            (size_t)settings->panel * ELIGIBLE_MAX, sizeof(*run->before));
    if (run->options.data == NULL || run->log == NULL || run->held == NULL ||
            run->before == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    make_routes(run);
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
    free(run->held);
    free(run->scratch.data);
    free(run->options.data);
    free(run->log);
    free(run->before);
    free(run->requests);
    free(run->lessons);
}

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
        if (is_trained(run) && !is_early(run, g))
            status = train(run, g - run->settings->late, value);
        if (status == 0)
            status = judge(run, value);
        if (is_early(run, g))
            value->v = value->uniform;
        if (status == 0)
            status = serve(run, g, value);
        if (status != 0)
            return err_prefix(
                    run->err, "%s, generation %u", run->settings->policy, g);
    }
    return run->settings->noise > 0 ? serve_noise(run, out) : 0;
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
