/* librue: the C client of rue, the online decision service. This header is its
 * manual.
 *
 *     rue_options options;
 *     rue_options_init(&options);
 *     rue_client *client = rue_open(&options, NULL, 0);
 *
 *     double context[] = {0.3, 0.7};
 *     rue_question question = {.context = context, .context_count = 2};
 *     rue_answer answer;
 *     if (rue_decide(client, "checkout", &question, &answer) == RUE_OK) {
 *         show(answer.action);
 *         rue_feedback(client, "checkout", answer.event, reward, NULL, NULL);
 *     }
 *     rue_close(client);
 *
 * THREADS. A client belongs to one thread at a time. Threads that work side by
 * side open a client each. The library makes no signal handlers and no threads
 * of its own besides those of ZeroMQ.
 *
 * MEMORY. Everything that a function is given is copied before it returns.
 * What it hands back (answers, their texts and arrays) belongs to the client
 * and is valid until the next call with the same client.
 *
 * RETRIES. Delivery over a network is at most once, so a request without a
 * reply is sent again after `retry_ms`, then after twice that, and so on up to
 * 16 times (a service that is only slow is not buried under copies), until
 * `timeout_ms` are over. That is
 * harmless: every decide carries an event id and every feedback an id of its
 * own (made here unless you give one), and the service answers a repeated id
 * with its first answer. A request that timed out may have been recorded all
 * the same; asking again with the same event id tells.
 *
 * FORMS. What a problem's configuration says its decisions are, shows in what
 * an answer holds and a report has to say:
 *
 *   form     the answer                            the report
 *   decide   ranking: the chosen action first      value; which action it is
 *                                                  about, if not the chosen one
 *   predict  prediction                            value: the label
 *   duel     ranking: show the first two;          value: 1 the first was
 *            pair_probability                      better, 0 the second, 0.5
 *                                                  neither
 *   path     path, edges, path_probability         costs, edge by edge
 *
 * A problem of the decide form may have a parameter, a number from a range: its
 * actions are points of the range, and `value` is the one to use.
 *
 * SHOWN ACTIONS. An outcome is of the chosen action unless the report says
 * otherwise. Where you used the action at another `position` of the ranking,
 * say so: its probability is exact and everything learns from it. Where you
 * showed an action on your own account, give its place as `shown`, and if you
 * drew it, the `propensity` with which you did. Without a propensity only
 * models of the reward learn from it, and the problem's counter
 * `propensity_unknown` tells how often. `shown` with the chosen action is the
 * chosen action. An event has one outcome, of one action: after the first
 * report, or after the default reward, which is the chosen action's, a report
 * about another one is INVALID.
 *
 * PIPELINING. rue_send() queues a request and returns; rue_poll() receives
 * replies and calls you back. rue_call() and the functions named after items
 * do both for one request; requests that are in flight go on meanwhile. */
#ifndef RUE_RUE_H
#define RUE_RUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of the wire. */
typedef enum rue_status {
    RUE_OK = 0,
    RUE_INVALID = 1, /* not acceptable; the message says why */
    RUE_UNKNOWN_PROBLEM = 2, /* no such problem is configured */
    RUE_UNKNOWN_EVENT = 3, /* activate: no such decision */
    RUE_DUPLICATE = 4, /* that id was used for something else */
    RUE_DENIED = 5,
    RUE_BUSY = 6, /* too much is waiting, here or there */
    RUE_STORAGE_FULL = 7, /* the service cannot record anything now */
    RUE_INTERNAL = 8, /* a fault, or no memory */
    RUE_UNSUPPORTED = 9,
    RUE_CORRUPT = 10,
    RUE_IO = 11,
    RUE_TIMEOUT = 12, /* no answer in time, but the service is there */
    RUE_AWAY = 13, /* nothing came from the service at all */
    RUE_NOT_FOUND = 14
} rue_status;

/* "OK", "INVALID", ... */
const char *rue_status_name(rue_status status);

/* What a decide answers when the service does not in time (status TIMEOUT or
 * AWAY, or the BUSY or STORAGE_FULL that it went on saying; `fallback` is set).
 * Such an answer has no event id: the service may have recorded another action
 * under it, so there is nothing to report. It is always one action, so clients
 * of duels and paths have their own. */
typedef enum rue_fallback {
    RUE_FALLBACK_NONE = 0,
    RUE_FALLBACK_BASELINE = 1, /* the question's baseline, if it has one */
    RUE_FALLBACK_FIRST = 2 /* the baseline, or else the first action that
                              is not excluded */
} rue_fallback;

typedef struct rue_options {
    const char *endpoint; /* tcp://ADDRESS:PORT or ipc://PATH; default
                             tcp://127.0.0.1:5750 */
    int timeout_ms; /* from sending to giving up; default 2000 */
    int retry_ms; /* from the first try to the second; default 250 */
    int retry_busy; /* also try again after BUSY and STORAGE_FULL, which
                       are the status when timeout_ms are over;
                       default 1 */
    uint32_t in_flight_max; /* requests without a reply; default 1024, at most
                               65536 */
    rue_fallback fallback; /* default NONE */
} rue_options;

void rue_options_init(rue_options *options);

typedef struct rue_client rue_client;

/* Does not wait for the service to be there. NULL on failure, with a sentence
 * in `error` (size bytes; may be NULL). */
rue_client *rue_open(const rue_options *options, char *error, size_t size);
/* Requests in flight are forgotten, without a callback. NULL is allowed. */
void rue_close(rue_client *client);

/* ---- questions ---- */

/* A named feature: a number, or with `text` the indicator of name=text. Texts
 * are at most 64 bytes; `space` may be NULL. */
typedef struct rue_named {
    const char *space;
    const char *name;
    const char *text; /* NULL: the feature is `value` */
    double value;
} rue_named;

/* Named features of the action at place `action`. */
typedef struct rue_action_named {
    uint32_t action;
    const rue_named *named;
    size_t named_count;
} rue_action_named;

/* Which action? Everything may be left out (zero) that the problem does not
 * need. A place is an index into `actions`, or into the catalogue of the
 * problem's configuration where action_count is 0. */
typedef struct rue_question {
    const char *event; /* NULL: one is made */
    const double *context; /* [context_count], in the declared order */
    const float *context_f32; /* the same in single precision, instead */
    size_t context_count;
    const rue_named *named; /* [named_count] of the context */
    size_t named_count;
    const char *const *actions; /* [action_count] ids */
    size_t action_count;
    const double *action_features; /* [action_rows][action_columns] */
    const float *action_features_f32; /* instead */
    size_t action_rows;
    size_t action_columns;
    const rue_action_named *action_named; /* [action_named_count] */
    size_t action_named_count;
    const uint32_t *excluded; /* [excluded_count] places not to be chosen */
    size_t excluded_count;
    const char *const *groups; /* [group_count] groups that clients name */
    size_t group_count;
    int has_baseline;
    uint32_t baseline; /* place of what you would do without rue */
    int deferred; /* counts only after rue_activate() */
    int experts; /* also tell what each expert said */
} rue_question;

typedef struct rue_expert {
    const char *group;
    double weight;
    double prediction; /* a loss on 0..1; predict form: the scaled label */
} rue_expert;

typedef struct rue_answer {
    rue_status status;
    const char *message; /* why not, "" if OK */
    const char *event; /* id to report under; "" where there is none */
    size_t count; /* of the ranking; 0 in the predict and path forms */
    const uint32_t *ranking; /* places, the chosen one first */
    const double *probability; /* in ranking's order */
    const char *const *actions; /* ids, in ranking's order */
    uint32_t chosen; /* = ranking[0] */
    const char *action; /* = actions[0] */
    double propensity; /* = probability[0]; 1 for a fallback */
    int has_prediction;
    double prediction; /* predict form */
    const char *policy;
    uint64_t generation;
    uint64_t policy_version;
    int repeated; /* the first answer to this event id, again */
    int fallback; /* not from the service: see rue_fallback */
    size_t expert_count;
    const rue_expert *experts;
    double pair_probability; /* duel form: of ranking[0] and ranking[1] in this
                                order; 0 in the others */
    size_t path_count; /* path form; 0 in the others */
    const uint32_t *path; /* places in the catalogue, in walking order */
    const char *const *edges; /* ids, in the same order */
    double path_probability;
    const double *values; /* of a parameter, in ranking's order; NULL where the
                             problem has none */
    double value; /* = values[0], the one to use; else 0 */
    double limit; /* of a problem with a guard: the cost at which to give the
                     action up and go on with the guard's default action;
                     report what both cost together. 0: no limit */
    uint32_t guard; /* 0: the policy decided; 1: the default, since a trial
                       might cost too much; 2: the default, since no other
                       action may be better */
} rue_answer;

/* A number that a feedback reports. */
typedef struct rue_field {
    const char *name;
    double value;
} rue_field;

/* Whose doing an outcome is: where the problem has a circuit breaker only
 * RUE_CAUSE_ACTION, RUE_CAUSE_TIMEOUT and what is not said count against the
 * action. */
typedef enum rue_cause {
    RUE_CAUSE_UNKNOWN = 0,
    RUE_CAUSE_ACTION = 1,
    RUE_CAUSE_OTHER = 2, /* another party */
    RUE_CAUSE_CUSTOMER = 3,
    RUE_CAUSE_TIMEOUT = 4,
} rue_cause;

/* What happened. Leave zero what you have nothing to say about. INVALID if
 * it says what the problem's form does not take, if `position` or `shown` is
 * none of the event's actions or another than the first report's, if a number
 * is outside the declared range. */
typedef struct rue_report {
    const char *event;
    double value; /* reward, cost, label or preference; not with costs */
    const char *id; /* of this feedback; NULL: one is made */
    uint32_t position; /* in the ranking, 1 is the chosen action; 0: that or
                          what `shown` says */
    int has_shown;
    uint32_t shown; /* place of the action shown on your own account */
    double propensity; /* with shown: above 0, at most 1; 0: not known */
    const double *costs; /* [cost_count] path form, instead of value: of the
                            path's edges, in its order */
    size_t cost_count;
    int costs_full; /* of all edges of the catalogue instead, by place; those
                       of edges you excluded must be within the range too,
                       but are not used */
    const rue_field *fields; /* [field_count] what the problem's
                                reward.expression makes the reward of, instead
                                of value; where it has none, logged */
    size_t field_count;
    int fields_only; /* there is no value: leave it 0 */
    rue_cause cause;
} rue_report;

typedef struct rue_receipt {
    rue_status status;
    const char *message; /* "" if OK */
    int repeated; /* had been recorded before */
    int held; /* kept until the event is decided (or activated) */
} rue_receipt;

/* ---- one thing at a time, waiting ---- */

/* Each returns the status of its item, or of the whole request where that
 * failed. Texts of a failure: in the answer, or rue_error(). */

rue_status rue_decide(rue_client *client, const char *problem,
        const rue_question *question, rue_answer *answer);

/* `id` may be NULL: one is made, so that every call counts as a feedback of
 * its own, also across retries. `receipt` may be NULL. */
rue_status rue_feedback(rue_client *client, const char *problem,
        const char *event, double value, const char *id, rue_receipt *receipt);

/* The same for a report that says more than a value. */
rue_status rue_tell(rue_client *client, const char *problem,
        const rue_report *report, rue_receipt *receipt);

rue_status rue_activate(rue_client *client, const char *problem,
        const char *event, rue_receipt *receipt);

/* Numbers that the service has of a problem, or, with problem NULL, of
 * itself. */
typedef struct rue_number {
    const char *name;
    const char *group; /* "" = of no group */
    double value;
} rue_number;

typedef struct rue_service_status {
    const char *version;
    double uptime_s;
    size_t problem_count; /* only where problem was NULL */
    const char *const *problems;
    size_t number_count;
    const rue_number *numbers;
    const char *policy; /* the rest only for a problem */
    uint64_t generation;
    uint64_t state_hash;
    uint64_t last_sequence;
} rue_service_status;

rue_status rue_get_status(
        rue_client *client, const char *problem, rue_service_status *status);

/* ---- generations: models trained in batch ---- */

/* Has the service train a generation of the problem now. `already` (may be
 * NULL) is set if a training is under way or waits. It goes on when this
 * returns; rue_get_status() tells of it (training_running). */
rue_status rue_retrain(rue_client *client, const char *problem, int *already);

/* Has a generation serve from now on, or, with rue_rollback(), what served
 * before what serves. `already` (may be NULL) is set if it did before. */
rue_status rue_promote(rue_client *client, const char *problem,
        uint64_t generation, int *already);
rue_status rue_rollback(rue_client *client, const char *problem);

/* Puts a generation on trial beside the one that serves. With a share inside
 * (0,1) it is a canary: that share of every decision is its own, drawn so that
 * the two are asked apart only where they differ, and the probabilities that
 * are logged are those of the mixture. With share 0 it looks on. Numbers of the
 * problem's status tell how it does (trial_gain). rue_promote() ends the trial
 * with it serving, rue_rollback() without. */
rue_status rue_try(rue_client *client, const char *problem, uint64_t generation,
        double share, int *already);

/* The value of a generation less that of what serves, in reward units. */
typedef struct rue_estimate {
    int given; /* otherwise there is none */
    double value;
    double lower, upper; /* limits at `alpha` */
    double alpha;
    uint64_t rows;
} rue_estimate;

typedef enum rue_verdict {
    RUE_NO_VERDICT, /* nothing was compared */
    RUE_PASS,
    RUE_BLOCK, /* it may be promoted by hand only */
} rue_verdict;

typedef struct rue_generation {
    uint64_t number; /* 0: what the problem had learned by itself */
    int damaged; /* nothing more is known */
    int serving;
    uint64_t parent; /* what served while it was trained */
    int64_t created_ns; /* since 1970 */
    uint64_t digest; /* XXH3 of its model's bytes */
    uint64_t bytes;
    uint64_t through; /* last record that its training looked at */
    uint64_t promoted; /* its newest Promotion record; 0: none */
    uint64_t rows; /* outcomes that it learned */
    double effective; /* the same, by weight */
    rue_verdict verdict;
    rue_estimate estimate;
    const char *why;
} rue_generation;

typedef struct rue_generations {
    size_t count;
    const rue_generation *list; /* oldest first; until the next call */
} rue_generations;

rue_status rue_get_generations(
        rue_client *client, const char *problem, rue_generations *generations);

/* ---- many things at a time ---- */

/* One request: items of one problem, handled in the order decide, feedback,
 * activate; at most 1024 in all. */
typedef struct rue_request {
    const char *problem;
    const rue_question *questions;
    size_t question_count;
    const rue_report *reports;
    size_t report_count;
    const char *const *activates; /* event ids */
    size_t activate_count;
} rue_request;

typedef struct rue_reply {
    rue_status status; /* of the whole request */
    const char *message; /* "" if OK */
    size_t answer_count; /* as many as questions if status is OK or if the
                            time was over (the fallbacks); else 0 */
    const rue_answer *answers;
    size_t receipt_count; /* of the reports */
    const rue_receipt *receipts;
    size_t activation_count;
    const rue_receipt *activations;
    double waited_ms; /* from sending to this reply */
    unsigned attempts; /* how often it was sent */
} rue_reply;

/* Sends the items and waits. The same as reply->status. */
rue_status rue_call(
        rue_client *client, const rue_request *request, rue_reply *reply);

/* Called by rue_poll() for a request that is over. Do not call functions of
 * the same client from it, but for rue_send(). */
typedef void rue_done(void *self, const rue_reply *reply);

/* Queues a request. BUSY when in_flight_max are in flight (poll first),
 * INVALID when it cannot be sent; then `done` is not called. */
rue_status rue_send(rue_client *client, const rue_request *request,
        rue_done *done, void *self);

/* Receives what is there and waits at most timeout_ms for at least one
 * request to be over (0: does not wait). Returns how many were. */
size_t rue_poll(rue_client *client, int timeout_ms);

/* Requests without a reply. */
size_t rue_in_flight(const rue_client *client);

/* ---- the rest ---- */

/* The sentence that belongs to the last failure of this client. */
const char *rue_error(const rue_client *client);

/* A new event id: 26 characters and a final zero, ordered by time. */
#define RUE_ID_SIZE 27
void rue_make_id(rue_client *client, char id[RUE_ID_SIZE]);

typedef struct rue_counters {
    uint64_t sent; /* requests, each once */
    uint64_t resent; /* tries after the first */
    uint64_t replies; /* that ended a request */
    uint64_t ignored; /* replies to nothing in flight, or unreadable */
    uint64_t timeouts; /* requests given up */
    uint64_t fallbacks; /* answers made here */
} rue_counters;

void rue_get_counters(const rue_client *client, rue_counters *counters);

#ifdef __cplusplus
}
#endif

#endif
