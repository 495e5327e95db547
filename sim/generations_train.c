/* What is learned of the past: the log of payments, which rows of it count, the
 * examples made of them, the model trained on these, and the veto that stands
 * before it. */
#include "base/hash.h"
#include "sim/generations_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- the log ---- */

int generations_log_open(
        struct generations_log *log, size_t rows, struct err *err)
{
    log->rows = calloc(rows, sizeof(*log->rows));
    log->held = calloc(rows, sizeof(*log->held));
    return log->rows == NULL || log->held == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : 0;
}

void generations_log_close(struct generations_log *log)
{
    free(log->rows);
    free(log->held);
    free(log->requests);
    free(log->lessons);
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

/* A fixed share of events, whatever happens in them. */
static bool is_held(const struct run *run, uint64_t event)
{
    uint64_t hash = hash_mix(run->settings->seed, hash_mix(event, 77));

    return (double)(hash >> 11) * 0x1p-53 < run->gate.held_out;
}

static void hold(struct run *run, const struct logged *row,
        const struct request *request, const double *pmf, const double *scores)
{
    struct held *held = &run->log.held[run->log.held_count++];
    size_t size = request->actions.count * sizeof(double);

    held->generation = row->generation;
    held->row = row->row;
    held->routes = row->routes;
    held->chosen = row->chosen;
    held->approved = row->approved;
    memcpy(held->logged, pmf, size);
    memcpy(held->model, scores, size);
}

void generations_log_add(struct run *run, const struct logged *row,
        const struct request *request, const double *pmf, const double *scores)
{
    struct logged *logged = &run->log.rows[run->log.count++];

    *logged = *row;
    logged->routes = bits_of_routes(request->routes, request->actions.count);
    logged->held = is_held(run, generations_event(row->generation, row->row));
    if (logged->held)
        hold(run, logged, request, pmf, scores);
}

/* ---- what is learned ---- */

/* Of what follows: `next` is the number of generations whose answers are known,
 * and the last of these has age 0. */

/* Rows that memory has let go of never come back: they leave the log. */
static void forget(struct run *run, uint32_t next)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->log.count; i++) {
        const struct logged *row = &run->log.rows[i];
        if (row->generation >= next ||
                memory_weight(&run->memory, next - 1 - row->generation, row->p,
                        false) > 0.0)
            run->log.rows[kept++] = *row;
    }
    run->log.count = kept;
}

/* What the gate needs no more: it is learned from now on. */
static void release(struct run *run, uint32_t next)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->log.held_count; i++) {
        const struct held *held = &run->log.held[i];
        if (held->generation >= next ||
                next - 1 - held->generation < run->gate.held_for)
            run->log.held[kept++] = *held;
    }
    run->log.held_count = kept;
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
    if (run->log.count <= run->log.room)
        return 0;
    free(run->log.requests);
    free(run->log.lessons);
    run->log.room = run->log.count + run->settings->rows;
    run->log.requests = calloc(run->log.room, sizeof(*run->log.requests));
    run->log.lessons = calloc(run->log.room, sizeof(*run->log.lessons));
    return run->log.requests == NULL || run->log.lessons == NULL
            ? err_set(run->err, STATUS_INTERNAL, "no memory")
            : 0;
}

static void make_lesson(
        struct run *run, const struct logged *row, size_t i, uint32_t next)
{
    struct request *request = &run->log.requests[i];
    struct payment payment;
    uint32_t routes[PAYMENTS_ROUTES];

    payments_draw(&run->market, row->generation, row->row, &payment);
    generations_request(run, &payment, routes,
            routes_of_bits(row->routes, routes), request);
    run->log.lessons[i] = (struct lesson){.context = &request->context,
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

    for (size_t i = 0; i < run->log.count; i++)
        if (!is_kept_back(run, &run->log.rows[i], next))
            make_lesson(run, &run->log.rows[i], count++, next);
    return count;
}

/* ---- the gate ---- */

static int weigh_row(
        struct run *run, const struct held *held, struct gate_veto *veto)
{
    uint64_t event = generations_event(held->generation, held->row);
    struct payment payment;
    uint32_t routes[PAYMENTS_ROUTES];
    struct request request;
    struct distribution champion, candidate;
    struct ope_event row = {.logged = held->logged,
            .model = held->model,
            .chosen = held->chosen,
            .reward = held->approved};

    payments_draw(&run->market, held->generation, held->row, &payment);
    generations_request(run, &payment, routes,
            routes_of_bits(held->routes, routes), &request);
    arena_reset(&run->scratch);
    if (generations_decide_by(run, run->policy, &request, event, &champion) !=
                    0 ||
            generations_decide_by(
                    run, run->candidate, &request, event, &candidate) != 0)
        return run->err->status;
    row.count = request.actions.count;
    row.target = candidate.pmf;
    gate_veto_add(veto, &row, champion.pmf);
    return 0;
}

static int weigh(struct run *run, uint32_t next,
        struct generation_values *value, enum gate_verdict *verdict)
{
    struct gate_veto veto = gate_veto_begin(
            &run->gate, ++run->vetoes, (double)run->log.held_count);
    struct gate_report report;

    for (size_t i = 0; i < run->log.held_count; i++)
        if (run->log.held[i].generation < next &&
                weigh_row(run, &run->log.held[i], &veto) != 0)
            return run->err->status;
    report = gate_veto_report(&veto);
    value->estimate = report.estimate;
    value->error = report.error;
    *verdict = report.verdict;
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
        status = generations_value_of(run, run->policy, &before);
    if (status == 0)
        status = generations_value_of(run, run->candidate, &after);
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

/* ---- training ---- */

int generations_train(
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
    job.lessons = run->log.lessons;
    job.count = make_lessons(run, next);
    if (train_generation(&job, &blob, run->err) != 0)
        return run->err->status;
    value->rows = (double)job.count;
    value->effective = effective_rows(job.lessons, job.count);
    status = decide_on(run, next, &blob, value);
    blob_free(&blob);
    return status;
}
