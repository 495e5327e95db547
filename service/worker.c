#include "service/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 50

nanos worker_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

static void handle_parcel(struct worker *worker, struct parcel *parcel)
{
    struct bytes envelope[ENVELOPE_FRAMES_MAX];

    for (uint32_t i = 0; i + 1 < parcel->count; i++)
        envelope[i] = parcel_frame(parcel, i);
    shard_handle(&worker->shard, envelope, parcel->count - 1,
            parcel_body(parcel), worker_clock());
    parcel_close(parcel);
    free(parcel);
}

/* One turn: what is in the inbox, as far as there is room. True if the inbox
 * was emptied. */
static bool turn(struct worker *worker)
{
    bool empty = false;

    CHECK_ZERO(pthread_mutex_lock(&worker->lock));
    while (!empty && shard_ready(&worker->shard)) {
        struct parcel *parcel = mailbox_take(&worker->inbox);
        if (parcel == NULL)
            empty = true;
        else
            handle_parcel(worker, parcel);
        (void)shard_relay(&worker->shard);
    }
    shard_tick(&worker->shard, worker_clock());
    shard_submit(&worker->shard);
    CHECK_ZERO(pthread_mutex_unlock(&worker->lock));
    return empty;
}

static bool idle(struct worker *worker)
{
    bool result;

    CHECK_ZERO(pthread_mutex_lock(&worker->lock));
    result = shard_idle(&worker->shard);
    CHECK_ZERO(pthread_mutex_unlock(&worker->lock));
    return result;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pollfd fd = {worker->inbox.fd, POLLIN, 0};

    for (;;) {
        bool empty;
        (void)poll(&fd, 1, TICK_MS);
        mailbox_clear(&worker->inbox);
        empty = turn(worker);
        if (atomic_load(&worker->giving_up) ||
                (atomic_load(&worker->stopping) && empty && idle(worker)))
            break;
    }
    atomic_store(&worker->drained, true);
    return NULL;
}

int worker_start(struct worker *worker, struct err *err)
{
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
        return err_set(err, STATUS_INTERNAL, "no thread for the engine");
    worker->running = true;
    return 0;
}

void worker_ask_to_stop(struct worker *worker)
{
    atomic_store(&worker->stopping, true);
    mailbox_wake(&worker->inbox);
}

void worker_give_up(struct worker *worker)
{
    atomic_store(&worker->giving_up, true);
    mailbox_wake(&worker->inbox);
}

bool worker_drained(struct worker *worker)
{
    return atomic_load(&worker->drained);
}

void worker_join(struct worker *worker)
{
    if (worker->running)
        CHECK_ZERO(pthread_join(worker->thread, NULL));
    worker->running = false;
}
