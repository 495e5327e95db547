/* With a store: a shard and the commit thread, driven as the service's front
 * does it (service/front.c), with function calls in the socket's place. A
 * request is one exchange of a batch; its envelope is the client's id of it. */
#include "local/internal.h"
#include "proto/wire.h"
#include "service/host.h"
#include "service/shard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#define TICK_MS 50
/* Ids of requests whose caller waits begin here; those that were sent count up
 * from 1. */
#define CALLS (UINT64_C(1) << 63)

struct in_store {
    struct ledger *ledger;
    struct committer *committer;
    struct shard shard;
    bool shard_open;
    struct mailbox done; /* batches that are on disk */
    struct mailbox early; /* batches with replies that need not wait */
    nanos ticked;
    uint64_t call; /* id of the call that waits, or waited last */
    struct bytes reply; /* to it; NULL: not yet */
    struct err why; /* the disk failed; set before `failed` */
    _Atomic bool failed;
};

/* ---- replies ---- */

static void answer(struct local *local, struct exchange *exchange)
{
    struct in_store *store = local->state;
    uint64_t id;

    exchange->sent = true;
    memcpy(&id, exchange->envelope[0].data, sizeof(id));
    if (id == store->call)
        store->reply = exchange->reply;
    else if (id < CALLS) /* not of a call that gave up waiting */
        local_answered(local, id, exchange->reply);
}

static void answer_batch(struct local *local, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->exchange_count; i++)
        if (!batch->exchanges[i].sent)
            answer(local, &batch->exchanges[i]);
}

/* Takes back what the commit thread is done with. A reply that need not wait
 * was given when its request was handled. */
static void collect(struct local *local)
{
    struct in_store *store = local->state;
    struct batch *batch;

    mailbox_clear(&store->early);
    mailbox_clear(&store->done);
    while ((batch = mailbox_take(&store->early)) != NULL)
        atomic_store(&batch->early, true);
    while ((batch = mailbox_take(&store->done)) != NULL) {
        answer_batch(local, batch);
        atomic_store_explicit(
                &batch->stage, BATCH_ANSWERED, memory_order_release);
    }
}

/* After a failure of the disk: what was sent and is not acknowledged. */
static void lose(struct local *local)
{
    uint8_t room[512];

    for (uint32_t i = 0; i < local->sent_count; i++) {
        struct sent *sent =
                &local->sent[(local->sent_first + i) % local->sent_max];
        struct arena arena = arena_over(room, sizeof(room));
        struct reply reply = {.id = sent->id,
                .status = STATUS_IO,
                .message = "the disk failed"};
        if (!sent->answered)
            local_answered(local, sent->id, wire_reply_encode(&reply, &arena));
    }
}

static bool failed(struct local *local)
{
    struct in_store *store = local->state;

    if (!atomic_load(&store->failed))
        return false;
    lose(local);
    return true;
}

/* Hands over what is open and waits for something to come back. */
static void turn(struct local *local, int timeout_ms)
{
    struct in_store *store = local->state;
    struct pollfd fds[] = {
            {store->done.fd, POLLIN, 0}, {store->early.fd, POLLIN, 0}};

    shard_submit(&store->shard);
    (void)poll(fds, 2, timeout_ms);
    collect(local);
}

static void tick(struct local *local)
{
    struct in_store *store = local->state;
    nanos now = local_now(local);

    if (now - store->ticked < TICK_MS * NANOS_PER_MS)
        return;
    store->ticked = now;
    shard_tick(&store->shard, now);
}

/* ---- requests ---- */

/* Packs and handles a request. RUE_OK and its exchange, or why not. */
static rue_status handle(struct local *local, const rue_request *request,
        uint64_t id, const struct errand *errand, struct exchange **exchange)
{
    struct in_store *store = local->state;
    struct bytes envelope = bytes_of(&id, sizeof(id)), frame;
    struct batch *batch;
    uint32_t before;

    arena_reset(&local->work);
    if (!message_pack(request, id, errand, &local->base.ids,
                (uint64_t)(local_now(local) / NANOS_PER_MS), &local->work,
                &frame, local->base.error))
        return RUE_INVALID;
    tick(local);
    while (!failed(local) && !shard_ready(&store->shard))
        turn(local, TICK_MS);
    if (failed(local))
        return client_fail(&local->base, RUE_IO, store->why.text);
    batch = store->shard.taking;
    before = batch->exchange_count;
    shard_handle(&store->shard, &envelope, 1, frame, local_now(local));
    if (batch->exchange_count == before)
        return client_fail(&local->base, RUE_BUSY, "there is no memory");
    *exchange = &batch->exchanges[before];
    if ((*exchange)->relaxed)
        answer(local, *exchange);
    return RUE_OK;
}

static rue_status read_reply(struct local *local, rue_reply *reply)
{
    struct in_store *store = local->state;
    struct errand_answer unasked = {0};
    uint64_t id;

    arena_reset(&local->work);
    if (message_unpack(store->reply, &local->work, &id, reply,
                local->base.answer != NULL ? local->base.answer : &unasked))
        return reply->status;
    memset(reply, 0, sizeof(*reply));
    reply->message = "the answer is too large to hold";
    return RUE_BUSY;
}

static rue_status store_call(struct local *local, const rue_request *request,
        const struct errand *errand, rue_reply *reply)
{
    struct in_store *store = local->state;
    struct exchange *exchange;
    rue_status result;

    store->reply = bytes_of(NULL, 0);
    store->call++;
    result = handle(local, request, store->call, errand, &exchange);
    if (result != RUE_OK)
        return result;
    if (store->reply.data != NULL)
        shard_submit(&store->shard);
    while (store->reply.data == NULL && !failed(local) &&
            !commit_stuck(store->committer))
        turn(local, TICK_MS);
    if (store->reply.data != NULL)
        return read_reply(local, reply);
    if (failed(local)) {
        reply->message = store->why.text;
        return RUE_IO;
    }
    reply->message = "there is no room to record this; it waits, and is "
                     "recorded if room comes while the client is open";
    return RUE_STORAGE_FULL;
}

static rue_status store_send(
        struct local *local, const rue_request *request, uint64_t id)
{
    struct in_store *store = local->state;
    struct exchange *exchange;
    rue_status result =
            handle(local, request, id, &client_no_errand, &exchange);

    /* If none is under way; otherwise the next hand-over takes more. */
    if (result == RUE_OK)
        shard_submit(&store->shard);
    return result;
}

static bool first_is_answered(const struct local *local)
{
    return local->sent_count == 0 || local->sent[local->sent_first].answered;
}

static void store_wait(struct local *local, int timeout_ms)
{
    nanos end = local_now(local) + timeout_ms * NANOS_PER_MS;

    if (failed(local))
        return;
    tick(local);
    turn(local, 0);
    while (!first_is_answered(local) && !failed(local)) {
        nanos left = end - local_now(local);
        if (left <= 0)
            return;
        turn(local,
                left > TICK_MS * NANOS_PER_MS ? TICK_MS
                                              : (int)(left / NANOS_PER_MS) + 1);
    }
}

/* ---- opening and closing ---- */

/* From the commit thread. */
static void disk_failed(void *self, const struct err *err)
{
    struct in_store *store = self;

    store->why = *err;
    atomic_store(&store->failed, true);
    mailbox_wake(&store->done);
}

/* What was acknowledged is on disk already, but for relaxed problems; then
 * every state, so that the next start has nothing to fold. */
static void put_away(struct local *local)
{
    struct in_store *store = local->state;
    bool all = false;

    while (!all || !shard_idle(&store->shard)) {
        if (failed(local) || commit_full(store->committer))
            return;
        all = all || shard_snapshot_all(&store->shard);
        turn(local, shard_idle(&store->shard) ? 0 : TICK_MS);
    }
}

static void store_close(struct local *local)
{
    struct in_store *store = local->state;

    if (store->shard_open)
        put_away(local);
    if (store->committer != NULL)
        commit_stop(store->committer);
    if (store->shard_open)
        shard_close(&store->shard);
    mailbox_close(&store->done);
    mailbox_close(&store->early);
    if (store->ledger != NULL)
        ledger_close(store->ledger);
    free(store);
    local->state = NULL;
}

/* Signals are for the program's own threads. */
static int start_commits(struct local *local, struct err *err)
{
    struct in_store *store = local->state;
    sigset_t all, before;
    int status;

    (void)sigfillset(&all);
    CHECK_ZERO(pthread_sigmask(SIG_SETMASK, &all, &before));
    status = commit_start(
            &store->committer, store->ledger, local->config, &store->done, err);
    CHECK_ZERO(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (status == 0)
        commit_on_failure(store->committer, disk_failed, store);
    return status;
}

static int open_shard(struct local *local, struct err *err)
{
    struct in_store *store = local->state;
    struct problem **problems;
    int status = host_open(store->ledger, local->config, &problems, err);

    if (status != 0)
        return status;
    status = shard_open(&store->shard, local->config, store->ledger,
            store->committer, &store->early, problems,
            local->config->problem_count, local_now(local), err);
    store->shard_open = true;
    free(problems);
    return status;
}

static int store_open(
        struct local *local, const rue_local_options *options, struct err *err)
{
    struct in_store *store = calloc(1, sizeof(*store));
    struct store_settings settings = {
            .map_bytes = local->config->settings.storage_map_size};
    int status;

    if (store == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    local->state = store;
    store->call = CALLS;
    if ((status = ledger_open(
                 options->store, &settings, &store->ledger, err)) != 0 ||
            (status = host_register(store->ledger, local->config,
                     local_now(local), err)) != 0 ||
            (status = mailbox_open(&store->done, SHARD_BATCHES_ALL, err)) !=
                    0 ||
            (status = mailbox_open(&store->early, SHARD_BATCHES_ALL, err)) !=
                    0 ||
            (status = start_commits(local, err)) != 0 ||
            (status = open_shard(local, err)) != 0)
        store_close(local);
    return status;
}

const struct local_kind local_store = {
        .open = store_open,
        .close = store_close,
        .call = store_call,
        .send = store_send,
        .wait = store_wait,
};
