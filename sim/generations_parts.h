/* What the files of one run share: generations.c (settings, opening, the run
 * itself), generations_decide.c (a payment as a request, the decision, and what
 * decisions are worth), generations_serve.c (a generation of payments through
 * policy and world) and generations_train.c (the log, training, the veto). Not
 * for others: they see sim/generations.h only.
 *
 * generations.c opens and closes all of struct run, but the log, which belongs
 * to generations_train.c. Functions that can fail return 0 or the status of
 * run->err, which then says why. */
#ifndef SIM_GENERATIONS_PARTS_H
#define SIM_GENERATIONS_PARTS_H

#include "policies/policy.h"
#include "replay/gate.h"
#include "sim/generations.h"
#include "sim/routers.h"
#include "training/train.h"

#define CONTEXT_COLUMNS 7u
#define ONLINE_COLUMNS  8u /* and the scheme, as a number */
#define ACTION_COLUMNS  9u
#define NAMES           4u
#define ELIGIBLE_MAX    18u
#define TEXT_MAX        512u

/* A policy's settings, "key=value" each; the list is views of the text. */
struct settings_text {
    char text[TEXT_MAX];
    struct keyvalue list[GENERATIONS_SETTINGS];
    size_t count;
};

/* What the log holds of a payment. */
struct logged {
    uint64_t routes; /* that could be chosen, a bit each */
    uint32_t generation, row;
    uint8_t chosen; /* of them */
    bool approved;
    bool held; /* not learned while the gate may use it */
    double p; /* of the chosen */
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

/* A payment as a client sends it. Its context and actions point into it, so it
 * is not copied; its routes' features are the run's. */
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

/* What the past has left to learn from, and the examples made of it. */
struct generations_log {
    struct logged *rows;
    size_t count;
    struct held *held;
    size_t held_count;
    struct request *requests; /* [room] of the rows that are trained on */
    struct lesson *lessons; /* [room], views of the requests */
    size_t room;
};

/* One policy on its way through one seed. */
struct run {
    const struct generations_settings *settings; /* the caller's */
    enum generations_kind kind;
    struct settings_text text; /* options are views of it */
    struct memory_options memory;
    struct gate_options gate;
    struct policy_spec spec;
    struct arena options; /* of the spec */
    struct err *err; /* the caller's */

    struct payments_market market;
    struct payments_panel panel;
    struct drill *drill; /* with outages or noise, else NULL */
    struct payments_tariff tariff; /* with life */
    struct payments_outages *calm; /* with life: none of them */

    struct policy *policy; /* that serves */
    struct policy *candidate;
    double share; /* of the candidate, mixed in */
    struct router *router; /* in the place of a policy, else NULL */
    double routes[PAYMENTS_ROUTES][ACTION_COLUMNS]; /* their features */
    struct arena scratch; /* of one decision; each begins it anew */
    double *before; /* [panel * ELIGIBLE_MAX] distributions of the last one */

    struct generations_log log;
    struct blob generation; /* the bytes of the one that serves */
    uint32_t vetoes; /* asked for */
    uint64_t refused; /* candidates in a row */
};

/* Is a generation a model? Else a policy learns answer by answer, or never. */
static inline bool generations_is_trained(const struct run *run)
{
    return run->kind == GENERATIONS_TRAINED || run->kind == GENERATIONS_CONTROL;
}

/* Before there is anything to train on: then routes are chosen uniformly,
 * whatever the policy makes of ties. */
static inline bool generations_is_early(
        const struct run *run, uint32_t generation)
{
    return generations_is_trained(run) && generation <= run->settings->late;
}

/* A payment's number, of which everything that is drawn for it is made. */
static inline uint64_t generations_event(uint32_t generation, uint32_t row)
{
    return (uint64_t)generation * (UINT64_C(1) << 32) + row;
}

/* ---- generations_decide.c ---- */

/* Fills run->routes in. */
void generations_describe_routes(struct run *run);
/* Columns of a context: the policy's shape and every request have as many. */
uint32_t generations_columns(const struct run *run);

/* The payment over routes[0..count), count <= ELIGIBLE_MAX. The request points
 * into the run; the payment and the routes are copied. */
void generations_request(const struct run *run, const struct payment *payment,
        const uint32_t *routes, uint32_t count, struct request *request);

/* By one policy alone. The distribution is in run->scratch, behind what is
 * there: the caller resets it. */
int generations_decide_by(struct run *run, const struct policy *policy,
        const struct request *request, uint64_t event,
        struct distribution *out) MUST_USE;
/* By what serves: a router, or the policy with the candidate mixed in. Scores
 * are there always. The distribution is good until the next decision. */
int generations_decide(struct run *run, const struct request *request,
        uint64_t event, struct distribution *out) MUST_USE;

/* Exact values, on the panel, of what serves: all of `value` that can be known
 * before it does. Keeps its distributions for the next one's distance. */
int generations_judge(
        struct run *run, struct generation_values *value) MUST_USE;
/* Exact value of a policy by itself, share approved. */
int generations_value_of(
        struct run *run, const struct policy *policy, double *value) MUST_USE;

/* ---- generations_serve.c ---- */

/* What the policy would do with these routes: the drill's function, `self` a
 * struct run. Its errors are in run->err, not in `err`. */
int generations_distribute(void *self, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf,
        struct err *err) MUST_USE;

/* One generation of payments, logged or learned from as they come; adds what
 * became of them to `value`. */
int generations_serve(struct run *run, uint32_t generation,
        struct generation_values *value) MUST_USE;
/* Payments without outages after the last generation, the hours of two days one
 * after the other, so that an acquirer's batch window comes as a block; nothing
 * is learned from them. Nothing happens without a drill. */
int generations_serve_noise(
        struct run *run, struct generations_run *out) MUST_USE;

/* ---- generations_train.c ---- */

/* Room for so many payments in all. INTERNAL when there is no memory; closed
 * then too. */
int generations_log_open(
        struct generations_log *log, size_t rows, struct err *err) MUST_USE;
void generations_log_close(struct generations_log *log);

/* Takes a payment into the log, and what the veto needs if it is one of those
 * that are held out. row->routes and row->held are filled in here. `pmf` and
 * `scores`, for each route of the request, are copied. */
void generations_log_add(struct run *run, const struct logged *row,
        const struct request *request, const double *pmf, const double *scores);

/* Trains the next model on what is remembered, and lets it serve, mixes it in
 * or drops it, as the gate says. `next` is the number of generations whose
 * answers are known, and the last of these has age 0; `value` is that of the
 * generation that comes. */
int generations_train(struct run *run, uint32_t next,
        struct generation_values *value) MUST_USE;

#endif
