#include "service/shard.h"

#include "base/hash.h"
#include "proto/wire.h"
#include "service/counters.h"
#include "service/diag.h"
#include "service/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Snapshots of a problem while there is no room for new work. */
#define SNAPSHOT_EVERY_FULL NANOS_PER_SECOND
/* Deadlines handled in one tick. */
#define DEADLINES_MAX 1024u

/* ---- the journal: what the engine reads and writes ---- */

static enum batch_stage stage_of(const struct batch *batch)
{
    return (enum batch_stage)atomic_load_explicit(
            &batch->stage, memory_order_acquire);
}

/* The event in the batch that is on its way to the disk. */
static struct batch_event *find_older(
        struct shard *shard, uint32_t problem, struct bytes event)
{
    return shard->pending == NULL ? NULL
                                  : batch_find(shard->pending, problem, event);
}

/* The event as the newest batch that touched it leaves it, or NULL. */
static struct batch_event *find_pending(
        struct shard *shard, uint32_t problem, struct bytes event)
{
    struct batch_event *found = batch_find(shard->open, problem, event);

    return found != NULL ? found : find_older(shard, problem, event);
}

/* Reads the store as it is now. What is not on disk is found in its batch, so a
 * batch must leave `pending` before the reader is renewed, never after. */
static int fresh_reader(struct shard *shard, struct err *err)
{
    if (shard->reader_fresh)
        return 0;
    shard->reader_fresh = true;
    shard->newest.asked = 0;
    return ledger_reader_renew(&shard->reader, err);
}

/* The event in one of the batches that reached the disk last, which are still
 * in memory: most feedback comes soon after its decision. `decided`: in the one
 * that has its Decision record. */
static const struct batch_event *find_recent(
        struct shard *shard, uint32_t problem, struct bytes event, bool decided)
{
    for (uint32_t i = 0; i < SHARD_RECENT && shard->recent[i] != NULL; i++) {
        const struct batch_event *found =
                batch_find(shard->recent[i], problem, event);
        if (found != NULL && (!decided || found->decision.size > 0))
            return found;
    }
    return NULL;
}

/* As the store has it: with the sequences that the commit gave. */
static void recent_state(
        const struct batch_event *entry, struct event_state *state)
{
    memcpy(state, entry->state, event_state_size(entry->state));
    state->last = entry->last->sequence;
    if (entry->decision_effect != NULL)
        state->decision = entry->decision_effect->sequence;
}

/* Retention must leave the event's Decision alone. One that the pending batch
 * counts on is pinned by that batch until this one has its own pin. */
static void pin(struct shard *shard, const struct event_state *state)
{
    if (state->decision != 0)
        batch_pin(shard->open, state->decision);
}

/* Is the event's id past all that the problem has on disk? Ids that begin with
 * the time mostly are, and then the store need not be searched. One problem is
 * remembered, as long as the reader sees the same; the second question about it
 * is worth the look. */
static bool is_past_all(
        struct shard *shard, uint32_t problem, struct bytes event)
{
    struct newest *newest = &shard->newest;
    struct bytes last;
    struct err err;

    if (newest->asked == 0 || newest->problem != problem)
        *newest = (struct newest){.problem = problem};
    if (++newest->asked == 2 &&
            event_last(shard->reader.txn, problem, &last, &err) == 0 &&
            last.size <= sizeof(newest->id)) {
        memcpy(newest->id, last.data, last.size);
        newest->size = last.size;
    }
    return newest->size > 0 &&
            bytes_compare(event, bytes_of(newest->id, newest->size)) > 0;
}

/* The event as it is on disk. */
static int committed_event(struct shard *shard, uint32_t problem,
        struct bytes event, struct event_state *state, struct err *err)
{
    const struct batch_event *recent =
            find_recent(shard, problem, event, false);
    int status;

    if (recent != NULL && recent->state == NULL)
        return err_set(err, STATUS_NOT_FOUND, "event: gone");
    if (recent != NULL) {
        recent_state(recent, state);
        return 0;
    }
    status = fresh_reader(shard, err);
    if (status != 0)
        return status;
    if (is_past_all(shard, problem, event))
        return err_set(err, STATUS_NOT_FOUND, "event: is new");
    return event_get(shard->reader.txn, problem, event, state, err);
}

static int journal_event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct shard *shard = self;
    const struct batch_event *pending = find_pending(shard, problem, event);
    int status;

    if (pending != NULL && pending->state == NULL)
        return err_set(err, STATUS_NOT_FOUND, "event: gone");
    if (pending != NULL) {
        memcpy(state, pending->state, event_state_size(pending->state));
        pin(shard, state);
        return 0;
    }
    status = committed_event(shard, problem, event, state, err);
    if (status != 0)
        return status;
    pin(shard, state);
    if (state->decision != 0 &&
            commit_retired(shard->committer, state->decision))
        return err_set(err, STATUS_NOT_FOUND, "event: retired");
    return 0;
}

static int journal_decision_get(void *self, uint32_t problem,
        struct bytes event, const struct event_state *state,
        struct bytes *payload, struct err *err)
{
    struct shard *shard = self;
    const struct batch_event *here = batch_find(shard->open, problem, event);
    const struct batch_event *before = find_older(shard, problem, event);
    const struct batch_event *recent;
    struct log_entry entry;
    int status;

    if (here != NULL && here->decision.size > 0) {
        *payload = here->decision;
        return 0;
    }
    if (before != NULL && before->decision.size > 0) {
        *payload = before->decision;
        return 0;
    }
    recent = find_recent(shard, problem, event, true);
    if (recent != NULL) {
        *payload = recent->decision;
        return 0;
    }
    status = fresh_reader(shard, err);
    if (status == 0)
        status = log_get(shard->reader.txn, state->decision, &entry, err);
    if (status != 0)
        return status;
    if (entry.kind != RECORD_DECISION)
        return err_set(
                err, STATUS_CORRUPT, "event: its decision is another record");
    *payload = entry.payload;
    return 0;
}

static void journal_append(void *self, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    struct shard *shard = self;

    batch_append(shard->open, kind, problem, payload);
}

static void journal_event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct shard *shard = self;
    const struct batch_event *before = find_older(shard, problem, event);

    batch_event_put(shard->open, problem, event, state, decision,
            before == NULL ? NULL : before->decision_effect);
}

static void journal_event_del(void *self, uint32_t problem, struct bytes event)
{
    struct shard *shard = self;

    batch_event_del(shard->open, problem, event);
}

static void journal_due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    struct shard *shard = self;

    batch_due(shard->open, problem, deadline, event);
}

static struct journal journal_of(struct shard *shard)
{
    return (struct journal){
            .event_get = journal_event_get,
            .decision_get = journal_decision_get,
            .append = journal_append,
            .event_put = journal_event_put,
            .event_del = journal_event_del,
            .due_put = journal_due_put,
            .self = shard,
    };
}

/* ---- batches ---- */

/* Lets go of the pending batch when it is on disk: from here on the store is
 * asked for its events. */
static void retire_pending(struct shard *shard)
{
    if (shard->pending == NULL || stage_of(shard->pending) == BATCH_SUBMITTED)
        return;
    if (shard->open != NULL)
        batch_resolve(shard->open);
    batch_unpin(shard->pending);
    for (uint32_t i = SHARD_RECENT - 1; i > 0; i--)
        shard->recent[i] = shard->recent[i - 1];
    shard->recent[0] = shard->pending;
    shard->pending = NULL;
    shard->reader_fresh = false;
}

static bool is_free(const struct batch *batch)
{
    enum batch_stage stage = stage_of(batch);

    return (stage == BATCH_FREE || stage == BATCH_ANSWERED) &&
            (!batch->has_relaxed || atomic_load(&batch->early));
}

/* Forgets this recent batch, and the older ones: what it has to say about their
 * events is lost with it. */
static void forget_recent(struct shard *shard, const struct batch *batch)
{
    bool gone = false;

    for (uint32_t i = 0; i < SHARD_RECENT; i++) {
        gone = gone || shard->recent[i] == batch;
        if (gone)
            shard->recent[i] = NULL;
    }
}

/* How old a batch is among the recent ones; the oldest is used again first. */
static uint32_t age_of(const struct shard *shard, const struct batch *batch)
{
    uint32_t age = 0;

    while (age < SHARD_RECENT && shard->recent[age] != batch)
        age++;
    return age;
}

static void open_batch(struct shard *shard)
{
    struct batch *found = NULL;

    for (uint32_t i = 0; i < SHARD_BATCHES; i++) {
        struct batch *batch = shard->batches[i];
        if (is_free(batch) &&
                (found == NULL || age_of(shard, batch) > age_of(shard, found)))
            found = batch;
    }
    if (found == NULL)
        return;
    forget_recent(shard, found);
    batch_reset(found);
    atomic_store(&found->stage, BATCH_OPEN);
    shard->open = found;
}

/* The problem's new settings into the open batch. */
static void append_config(struct shard *shard, const struct problem_spec *spec)
{
    struct config_record record = {
            .head = {RECORD_CONFIG, spec->number, shard->now, {NULL, 0}},
            .name = spec->name,
            .settings = spec->text,
            .shape = spec->shape_digest,
    };
    struct bytes payload;

    arena_reset(&shard->work);
    payload = record_encode_config(&record, &shard->work);
    /* Settings come from a file of at most 16 MiB. */
    CHECK(payload.data != NULL);
    batch_append(shard->open, RECORD_CONFIG, spec->number, payload);
    shard->open->item_count++;
}

/* Settings that a reload changed are logged before the next request. */
static void note_configs(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->hosted_count && shard->unnoted > 0; i++) {
        struct hosted *hosted = &shard->hosted[i];
        if (!hosted->unnoted || !batch_has_room(shard->open))
            continue;
        append_config(shard, hosted->problem->spec);
        hosted->unnoted = false;
        shard->unnoted--;
    }
}

static bool aside_ready(struct shard *shard)
{
    enum batch_stage stage = stage_of(shard->aside);

    if (stage == BATCH_FREE || stage == BATCH_ANSWERED) {
        batch_reset(shard->aside);
        atomic_store(&shard->aside->stage, BATCH_OPEN);
        stage = BATCH_OPEN;
    }
    shard->taking = shard->aside;
    return stage == BATCH_OPEN && batch_has_room(shard->aside);
}

bool shard_ready(struct shard *shard)
{
    retire_pending(shard);
    if (commit_stuck(shard->committer))
        return aside_ready(shard);
    if (shard->open == NULL)
        open_batch(shard);
    if (shard->open != NULL && shard->unnoted > 0)
        note_configs(shard);
    shard->taking = shard->open;
    return shard->open != NULL && batch_has_room(shard->open);
}

void shard_submit(struct shard *shard)
{
    struct batch *batch = shard->open;

    retire_pending(shard);
    if (stage_of(shard->aside) == BATCH_OPEN &&
            shard->aside->exchange_count > 0)
        commit_skip(shard->committer, shard->aside);
    if (batch == NULL || shard->pending != NULL ||
            (batch->exchange_count == 0 && !batch_must_commit(batch)))
        return;
    shard->open = NULL;
    shard->pending = batch;
    atomic_store_explicit(&batch->stage, BATCH_SUBMITTED, memory_order_release);
    if (batch->has_relaxed)
        CHECK(mailbox_put(shard->early, batch));
    commit_submit(shard->committer, batch);
    ledger_reader_release(&shard->reader);
    shard->reader_fresh = false;
}

bool shard_idle(struct shard *shard)
{
    retire_pending(shard);
    for (uint32_t i = 0; i < SHARD_BATCHES_ALL; i++) {
        const struct batch *batch =
                i < SHARD_BATCHES ? shard->batches[i] : shard->aside;
        enum batch_stage stage = stage_of(batch);
        if (stage == BATCH_SUBMITTED || stage == BATCH_COMMITTED)
            return false;
        if (stage == BATCH_OPEN &&
                (batch->exchange_count > 0 || batch_must_commit(batch)))
            return false;
    }
    return true;
}

/* ---- problems ---- */

static int compare_names(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_hosted(const void *a, const void *b)
{
    const struct hosted *left = a, *right = b;

    return compare_names(left->problem->spec->name, right->problem->spec->name);
}

struct hosted *shard_find(struct shard *shard, struct bytes name)
{
    uint32_t low = 0, high = shard->hosted_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct hosted *hosted = &shard->hosted[middle];
        int order = compare_names(name, hosted->problem->spec->name);
        if (order == 0)
            return hosted;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- one request ---- */

/* All that one request works with. */
struct handling {
    struct shard *shard;
    struct batch *batch; /* that its reply goes with */
    struct hosted *hosted;
    struct request request;
    struct reply reply;
    struct journal journal;
    struct arena *arena; /* the shard's work arena */
};

static void count_answer(enum status status, bool repeated)
{
    if (repeated)
        COUNT(repeated);
    if (status != STATUS_OK)
        COUNT(refused);
}

static void step(struct handling *handling, const struct input *input,
        struct answer *answer)
{
    struct shard *shard = handling->shard;
    uint32_t before = shard->open->effect_count;

    engine_step(handling->hosted->problem, input, &handling->journal,
            handling->arena, answer);
    handling->hosted->changes += shard->open->effect_count - before;
    shard->open->item_count++;
}

static bool handle_decides(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct decision *decisions = arena_array(
            handling->arena, struct decision, request->decide_count);

    if (decisions == NULL)
        return false;
    for (uint32_t i = 0; i < request->decide_count; i++) {
        struct input input = {INPUT_DECIDE, handling->shard->now, {{0}}};
        struct answer answer;
        char *id = arena_alloc(handling->arena, EVENT_ID_SIZE);
        if (id == NULL)
            return false;
        event_id_make(&handling->shard->ids,
                (uint64_t)(handling->shard->now / NANOS_PER_MS), id);
        input.as.decide.question = &request->decide[i];
        input.as.decide.fresh_id = bytes_of(id, EVENT_ID_SIZE);
        step(handling, &input, &answer);
        decisions[i] = answer.decision;
        count_answer(decisions[i].status, decisions[i].repeated);
        if (decisions[i].status == STATUS_OK)
            COUNT(decides);
    }
    handling->reply.decision = decisions;
    handling->reply.decision_count = request->decide_count;
    return true;
}

static bool handle_feedbacks(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct receipt *receipts = arena_array(
            handling->arena, struct receipt, request->feedback_count);

    if (receipts == NULL)
        return false;
    for (uint32_t i = 0; i < request->feedback_count; i++) {
        struct input input = {INPUT_FEEDBACK, handling->shard->now, {{0}}};
        struct answer answer;
        input.as.feedback = &request->feedback[i];
        step(handling, &input, &answer);
        receipts[i] = answer.receipt;
        count_answer(receipts[i].status, receipts[i].repeated);
        if (receipts[i].status == STATUS_OK)
            COUNT(feedbacks);
    }
    handling->reply.feedback = receipts;
    handling->reply.feedback_count = request->feedback_count;
    return true;
}

static bool handle_activates(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct receipt *receipts = arena_array(
            handling->arena, struct receipt, request->activate_count);

    if (receipts == NULL)
        return false;
    for (uint32_t i = 0; i < request->activate_count; i++) {
        struct input input = {INPUT_ACTIVATE, handling->shard->now, {{0}}};
        struct answer answer;
        input.as.activate = request->activate[i];
        step(handling, &input, &answer);
        receipts[i] = answer.receipt;
        count_answer(receipts[i].status, receipts[i].repeated);
        if (receipts[i].status == STATUS_OK)
            COUNT(activates);
    }
    handling->reply.activate = receipts;
    handling->reply.activate_count = request->activate_count;
    return true;
}

static bool handle_status(struct handling *handling)
{
    struct status_answer *answer =
            arena_alloc(handling->arena, sizeof(*answer));

    if (answer == NULL)
        return false;
    handling->reply.answer = answer;
    return status_answer(handling->shard,
            handling->hosted == NULL ? NULL : handling->hosted->problem,
            handling->arena, answer);
}

static void refuse(
        struct handling *handling, enum status status, const char *message)
{
    uint64_t id = handling->reply.id;

    memset(&handling->reply, 0, sizeof(handling->reply));
    handling->reply.id = id;
    handling->reply.status = status;
    handling->reply.message = message;
    COUNT(refused);
}

static bool changes_something(const struct request *request)
{
    return request->decide_count > 0 || request->feedback_count > 0 ||
            request->activate_count > 0;
}

/* ---- what a request needs ---- */

/* Arena bytes of a step, of its record and of its part of the reply, at most:
 * views, protobuf-c's structs and packed bytes, counted by hand with a margin
 * for alignment. */
#define ITEM_BYTES   4096u
#define PLACE_BYTES  384u
#define NAMED_BYTES  192u
#define EXPERT_BYTES 512u
#define VALUE_BYTES  8u
/* Costs that are held, read and written again, for each edge. */
#define COST_BYTES 32u

static size_t need_of_item(const struct problem_spec *spec)
{
    bool path = spec->settings.form == FORM_PATH;

    return ITEM_BYTES + (path ? spec->slots * (size_t)COST_BYTES : 0);
}

static size_t need_of_question(
        const struct problem_spec *spec, const struct question *question)
{
    size_t places =
            question->action_count > 0 ? question->action_count : spec->slots;
    size_t named = question->named_count;
    size_t values = (size_t)question->shared.rows * question->shared.columns +
            (size_t)question->action_features.rows *
                    question->action_features.columns;
    bool experts = question->experts || spec->settings.log_experts;

    for (uint32_t i = 0; i < question->action_named_count; i++)
        named += question->action_named[i].named_count;
    return need_of_item(spec) + places * PLACE_BYTES + named * NAMED_BYTES +
            values * VALUE_BYTES +
            (size_t)question->group_count * ID_BYTES_MAX +
            (spec->group_count + 1) *
            (size_t)(experts ? EXPERT_BYTES : VALUE_BYTES);
}

/* Items are logged together or not at all, so a request that might not fit is
 * refused as a whole, before the first. */
static bool request_fits(const struct handling *handling)
{
    const struct request *request = &handling->request;
    const struct problem *problem = handling->hosted->problem;
    const struct problem_spec *spec = problem->spec;
    size_t places = 0;
    size_t need = handling->arena->used + problem->decide_scratch +
            (size_t)(request->feedback_count + request->activate_count) *
                    need_of_item(spec);

    for (uint32_t i = 0; i < request->decide_count; i++) {
        const struct question *question = &request->decide[i];
        places += question->action_count > 0 ? question->action_count
                                             : spec->slots;
        need += need_of_question(spec, question);
    }
    return places <= REQUEST_PLACES_MAX && need <= REQUEST_ARENA_BYTES;
}

static void refuse_full(struct handling *handling)
{
    char why[ERR_TEXT_SIZE], text[ERR_TEXT_SIZE + 64];
    const char *message;

    commit_why(handling->shard->committer, why, sizeof(why));
    (void)snprintf(text, sizeof(text),
            "there is no room to record this: %s; try again later", why);
    message = arena_copy(handling->arena, text, strlen(text) + 1);
    COUNT(refused_full);
    refuse(handling, STATUS_STORAGE_FULL,
            message == NULL ? status_sentence(STATUS_STORAGE_FULL) : message);
}

static void run_request(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct shard *shard = handling->shard;

    if (request->problem.size > 0) {
        handling->hosted = shard_find(shard, request->problem);
        if (handling->hosted == NULL) {
            refuse(handling, STATUS_UNKNOWN_PROBLEM,
                    "problem: none of that name is configured");
            return;
        }
    }
    if (changes_something(request) &&
            (handling->batch == shard->aside ||
                    commit_full(shard->committer))) {
        refuse_full(handling);
        return;
    }
    if (changes_something(request) && !request_fits(handling)) {
        refuse(handling, STATUS_INVALID,
                "request: too many actions or features over all its decides; "
                "ask in smaller requests");
        return;
    }
    if (!handle_decides(handling) || !handle_feedbacks(handling) ||
            !handle_activates(handling) ||
            (request->status && !handle_status(handling)))
        refuse(handling, STATUS_BUSY, "the answer is too large to hold now");
}

static bool add_exchange(struct batch *batch, const struct bytes *envelope,
        uint32_t envelope_count, struct exchange **out)
{
    struct bytes *frames =
            arena_array(&batch->arena, struct bytes, envelope_count);

    if (frames == NULL)
        return false;
    for (uint32_t i = 0; i < envelope_count; i++) {
        frames[i] = bytes_of(
                arena_copy(&batch->arena, envelope[i].data, envelope[i].size),
                envelope[i].size);
        if (frames[i].data == NULL)
            return false;
    }
    *out = &batch->exchanges[batch->exchange_count++];
    memset(*out, 0, sizeof(**out));
    (*out)->envelope = frames;
    (*out)->envelope_count = envelope_count;
    return true;
}

/* The reply, copied to the batch. */
static void answer(struct handling *handling, struct exchange *exchange)
{
    struct bytes reply = wire_reply_encode(&handling->reply, handling->arena);

    exchange->reply =
            reply.data == NULL ? reply : batch_keep(handling->batch, reply);
    if (exchange->reply.data != NULL)
        return;
    /* request_fits() does not let it come to this. What was recorded stands;
     * the client asks again by event id. */
    arena_reset(handling->arena);
    refuse(handling, STATUS_BUSY, "the answer is too large to hold now");
    reply = wire_reply_encode(&handling->reply, handling->arena);
    CHECK(reply.data != NULL && reply.size <= sizeof(exchange->fallback));
    exchange->reply = bytes_of(
            memcpy(exchange->fallback, reply.data, reply.size), reply.size);
}

static void finish(struct handling *handling, struct exchange *exchange)
{
    struct batch *batch = handling->batch;

    answer(handling, exchange);
    if (batch != handling->shard->aside && handling->hosted != NULL &&
            handling->hosted->problem->spec->settings.durability ==
                    DURABILITY_RELAXED) {
        exchange->relaxed = true;
        batch->has_relaxed = true;
    }
}

static void set_now(struct shard *shard, nanos now)
{
    /* While the clock is behind, time creeps: events would otherwise all get
     * one deadline, whose entry is written again whenever it grows. */
    if (now >= shard->now)
        shard->now = now;
    else
        shard->now++;
}

void shard_handle(struct shard *shard, const struct bytes *envelope,
        uint32_t envelope_count, struct bytes frame, nanos now)
{
    struct batch *batch = shard->taking;
    struct handling handling = {
            .shard = shard,
            .batch = batch,
            .journal = journal_of(shard),
            .arena = &shard->work,
    };
    struct exchange *exchange;
    struct err err;
    int status;

    set_now(shard, now);
    arena_reset(&shard->work);
    COUNT(requests);
    if (!add_exchange(batch, envelope, envelope_count, &exchange)) {
        COUNT(dropped);
        return;
    }
    status =
            wire_request_decode(frame, handling.arena, &handling.request, &err);
    handling.reply.id = handling.request.id;
    if (status != 0) {
        COUNT(malformed);
        /* What was unpacked may fill the arena. */
        arena_reset(&shard->work);
        refuse(&handling, (enum status)status,
                arena_copy(handling.arena, err.text, strlen(err.text) + 1));
    } else {
        run_request(&handling);
    }
    finish(&handling, exchange);
}

/* ---- time ---- */

/* Events of one problem whose deadline has passed, copied out of the store
 * before they change it. */
struct due_list {
    struct shard *shard;
    uint32_t problem;
    struct arena *arena;
    struct {
        nanos deadline;
        struct bytes event;
    } entries[DEADLINES_MAX];
    uint32_t count;
    nanos seen; /* the deadline that was looked at last */
    nanos done[DEADLINES_MAX]; /* deadlines looked at to their end */
    uint32_t done_count;
};

static void note_deadline(struct due_list *list, nanos deadline)
{
    if (list->seen != 0 && deadline != list->seen)
        list->done[list->done_count++] = list->seen;
    list->seen = deadline;
}

static bool add_due(void *self, nanos deadline, struct bytes event)
{
    struct due_list *list = self;
    struct event_state state;
    struct err err;
    void *copy;

    if (list->count == DEADLINES_MAX || list->done_count + 2 > DEADLINES_MAX)
        return false;
    note_deadline(list, deadline);
    if (journal_event_get(list->shard, list->problem, event, &state, &err) !=
                    0 ||
            !event_waits(&state, deadline))
        return true;
    copy = arena_copy(list->arena, event.data, event.size);
    if (copy == NULL)
        return false;
    list->entries[list->count].deadline = deadline;
    list->entries[list->count++].event = bytes_of(copy, event.size);
    return true;
}

static void expire_listed(
        struct shard *shard, struct hosted *hosted, const struct due_list *list)
{
    struct handling handling = {.shard = shard,
            .batch = shard->open,
            .hosted = hosted,
            .journal = journal_of(shard),
            .arena = &shard->work};

    for (uint32_t i = 0; i < list->count; i++) {
        struct input input = {INPUT_DEADLINE, shard->now, {{0}}};
        struct answer answer;
        input.as.deadline.event = list->entries[i].event;
        input.as.deadline.deadline = list->entries[i].deadline;
        step(&handling, &input, &answer);
        if (answer.receipt.status != STATUS_OK)
            diag(DIAG_ERROR, "expiry.failed", "why=\"%s\"",
                    answer.receipt.message);
        COUNT(expiries);
    }
}

/* Deadlines looked at to their end are done with when what was listed has been
 * handled: in the same batch. */
static void expire(struct shard *shard, struct hosted *hosted)
{
    struct batch *batch = shard->open;
    uint32_t problem = hosted->problem->spec->number;
    struct due_list *list = shard->dues;
    uint32_t before = batch->effect_count;
    uint64_t pinned = atomic_load(&batch->pin);
    struct err err;
    int status;

    list->shard = shard;
    list->problem = problem;
    arena_reset(&shard->work);
    list->arena = &shard->work;
    list->count = 0;
    list->seen = 0;
    list->done_count = 0;
    status = fresh_reader(shard, &err);
    if (status == 0)
        status = due_range(
                shard->reader.txn, problem, shard->now, add_due, list, &err);
    if (status != 0) {
        diag(DIAG_ERROR, "expiry.failed", "why=\"%s\"", err.text);
        return;
    }
    if (list->seen != 0 && list->count < DEADLINES_MAX &&
            list->done_count + 2 <= DEADLINES_MAX)
        list->done[list->done_count++] = list->seen;
    expire_listed(shard, hosted, list);
    for (uint32_t i = 0; i < list->done_count; i++)
        batch_due_done(batch, problem, list->done[i]);
    /* They count as items, so that the batch has room for their effects. */
    batch->item_count += list->done_count;
    /* A batch without effects is not submitted, so it must not fill up. */
    if (batch->effect_count == before)
        atomic_store(&batch->pin, pinned);
}

/* The problem's state into the open batch. False if there is no room. */
static bool snapshot(struct shard *shard, struct hosted *hosted)
{
    const struct problem *problem = hosted->problem;
    size_t size = problem_save_size(problem);
    struct writer writer;
    uint8_t *state;

    if (shard->open->snapshot_count == SNAPSHOTS_MAX)
        return false;
    state = malloc(size);
    if (state == NULL) {
        diag(DIAG_ERROR, "snapshot.failed", "why=\"no memory\" bytes=%zu",
                size);
        return true;
    }
    writer = writer_over(state, size);
    problem_save(problem, &writer);
    CHECK(!writer.failed && writer.size == size);
    batch_snapshot(shard->open, problem->spec->number,
            problem->spec->state_digest, writer_bytes(&writer));
    hosted->changes = 0;
    hosted->snapshot_at = shard->now;
    return true;
}

static bool snapshot_due(const struct shard *shard, const struct hosted *hosted)
{
    const struct settings *settings = &shard->config->settings;

    /* Retention can take what a snapshot covers, and no more. */
    if (commit_full(shard->committer) && settings->storage_keep > 0 &&
            hosted->changes > 0 &&
            shard->now - hosted->snapshot_at >= SNAPSHOT_EVERY_FULL)
        return true;
    return hosted->changes >= settings->snapshot_records ||
            (hosted->changes > 0 &&
                    shard->now - hosted->snapshot_at >=
                            settings->snapshot_every);
}

void shard_tick(struct shard *shard, nanos now)
{
    set_now(shard, now);
    if (!shard_ready(shard) || shard->taking == shard->aside)
        return;
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        if (batch_has_room(shard->open))
            expire(shard, hosted);
        if (snapshot_due(shard, hosted) && !snapshot(shard, hosted))
            return;
    }
}

bool shard_snapshot_all(struct shard *shard)
{
    if (!shard_ready(shard) || shard->taking == shard->aside)
        return false;
    for (uint32_t i = 0; i < shard->hosted_count; i++)
        if (shard->hosted[i].changes > 0 && !snapshot(shard, &shard->hosted[i]))
            return false;
    return true;
}

/* ---- life ---- */

/* Every start puts each state away once, also that of an idle problem: a
 * restart and retention begin at the oldest of the newest snapshots. */
static int host(struct shard *shard, struct problem **problems, uint32_t count,
        struct err *err)
{
    shard->hosted = calloc(count + 1, sizeof(*shard->hosted));
    if (shard->hosted == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < count; i++)
        shard->hosted[i] = (struct hosted){.problem = problems[i],
                .changes = 1,
                .snapshot_at = shard->now};
    shard->hosted_count = count;
    qsort(shard->hosted, count, sizeof(*shard->hosted), compare_hosted);
    return 0;
}

static int new_ids(struct shard *shard, struct err *err)
{
    if (getrandom(&shard->ids.maker, sizeof(shard->ids.maker), 0) !=
            (ssize_t)sizeof(shard->ids.maker))
        return err_set(err, STATUS_IO, "no random bytes");
    return 0;
}

int shard_open(struct shard *shard, const struct config *config,
        struct ledger *ledger, struct committer *committer,
        struct mailbox *early, struct problem **problems,
        uint32_t problem_count, nanos now, struct err *err)
{
    int status;

    memset(shard, 0, sizeof(*shard));
    shard->config = config;
    shard->committer = committer;
    shard->early = early;
    shard->started = now;
    shard->now = now;
    shard->work = arena_over(malloc(REQUEST_ARENA_BYTES), REQUEST_ARENA_BYTES);
    shard->dues = calloc(1, sizeof(*shard->dues));
    if (shard->work.data == NULL || shard->dues == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if ((status = new_ids(shard, err)) != 0 ||
            (status = host(shard, problems, problem_count, err)) != 0 ||
            (status = ledger_reader_open(ledger, &shard->reader, err)) != 0)
        return status;
    shard->aside = batch_new(config->settings.batch_items);
    if (shard->aside == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for batches");
    for (uint32_t i = 0; i < SHARD_BATCHES; i++) {
        shard->batches[i] = batch_new(config->settings.batch_items);
        if (shard->batches[i] == NULL)
            return err_set(err, STATUS_INTERNAL, "no memory for batches");
        status = commit_watch(committer, shard->batches[i], err);
        if (status != 0)
            return status;
    }
    return 0;
}

void shard_close(struct shard *shard)
{
    ledger_reader_close(&shard->reader);
    for (uint32_t i = 0; i < SHARD_BATCHES; i++)
        batch_free(shard->batches[i]);
    batch_free(shard->aside);
    for (uint32_t i = 0; i < shard->hosted_count; i++)
        problem_close(shard->hosted[i].problem);
    free(shard->hosted);
    free(shard->work.data);
    free(shard->dues);
}

/* ---- reload ---- */

/* The problem's state under its new spec. */
static int respec(
        struct hosted *hosted, const struct problem_spec *spec, struct err *err)
{
    size_t size = problem_save_size(hosted->problem);
    uint8_t *state = malloc(size);
    struct writer writer = writer_over(state, size);
    int status;

    hosted->next = problem_open(spec, err);
    if (hosted->next == NULL || state == NULL) {
        free(state);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    problem_save(hosted->problem, &writer);
    status = problem_load(hosted->next, writer_bytes(&writer), err);
    free(state);
    return status;
}

int shard_reload_prepare(
        struct shard *shard, const struct config *config, struct err *err)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        const struct problem_spec *old = hosted->problem->spec;
        const struct problem_spec *new = config_problem(config, old->name);
        int status;
        CHECK(new != NULL &&new->number == old->number);
        status = respec(hosted, new, err);
        if (status != 0)
            return status;
    }
    return 0;
}

void shard_reload_cancel(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        problem_close(shard->hosted[i].next);
        shard->hosted[i].next = NULL;
    }
}

void shard_reload(struct shard *shard, const struct config *config)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        CHECK(hosted->next != NULL);
        if (!bytes_equal(
                    hosted->problem->spec->text, hosted->next->spec->text)) {
            shard->unnoted += !hosted->unnoted;
            hosted->unnoted = true;
        }
        problem_close(hosted->problem);
        hosted->problem = hosted->next;
        hosted->next = NULL;
        hosted->changes++;
    }
    shard->config = config;
}
