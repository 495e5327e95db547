#include "service/front.h"

#include "proto/wire.h"
#include "service/counters.h"
#include "service/diag.h"
#include "service/histogram.h"
#include "service/host.h"
#include "service/http.h"
#include "service/notify.h"
#include "service/publisher.h"
#include "service/webhook.h"
#include "service/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Messages taken from the socket before the rest of the loop has its turn. */
#define RECEIVE_BURST 512
#define TICK_MS       50
/* A frame that is larger ends its connection; one between MESSAGE_BYTES_MAX
 * and this is told so. */
#define FRAME_BYTES_MAX (2 * MESSAGE_BYTES_MAX)
/* Messages that wait for one slow client, then they are dropped. */
#define PEER_QUEUE 100000

struct front {
    struct config *config;
    const char *config_path;
    const struct config_overrides *overrides;
    struct ledger *ledger;
    struct committer *committer;
    struct trainer *trainer;
    struct worker *workers; /* at least one; the first has no thread when
                               engine_threads is 0 */
    uint32_t worker_count;
    bool threads;
    struct mailbox done; /* batches that are on disk */
    struct mailbox early; /* batches with replies that need not wait */
    void *context;
    void *socket;
    int signal_fd;
    struct board *board; /* NULL where nobody looks */
    struct http *http;
    struct publisher *publisher; /* NULL: nothing is published */
    struct webhook *webhook; /* NULL: there is none */
    char store[4096]; /* the data directory, for people to read */
    bool stopping;
    struct parcel *held; /* received, but its engine thread has no room */
    struct worker *held_for;
};

/* ---- replies ---- */

static void send_replies(struct front *front, struct batch *batch, bool all)
{
    nanos now = worker_clock();

    for (uint32_t i = 0; i < batch->exchange_count; i++) {
        struct exchange *exchange = &batch->exchanges[i];
        if (exchange->sent || (!all && !exchange->relaxed))
            continue;
        exchange->sent = true;
        histogram_add(&histograms.request_seconds,
                (double)(now - exchange->received) / (double)NANOS_PER_SECOND,
                1);
        if (exchange_send(exchange, front->socket))
            COUNT(replies);
        else
            COUNT(replies_lost);
    }
}

static void wake_workers(struct front *front)
{
    for (uint32_t i = 0; front->threads && i < front->worker_count; i++)
        mailbox_wake(&front->workers[i].inbox);
}

static void answer_batches(struct front *front)
{
    struct batch *batch;
    bool any = false;

    mailbox_clear(&front->early);
    mailbox_clear(&front->done);
    while ((batch = mailbox_take(&front->early)) != NULL) {
        send_replies(front, batch, false);
        atomic_store(&batch->early, true);
    }
    while ((batch = mailbox_take(&front->done)) != NULL) {
        send_replies(front, batch, true);
        publisher_batch(front->publisher, batch);
        webhook_batch(front->webhook, batch);
        atomic_store_explicit(
                &batch->stage, BATCH_ANSWERED, memory_order_release);
        any = true;
    }
    if (any)
        wake_workers(front);
}

/* ---- requests ---- */

/* The engine thread of a problem: by its number, which a reload that moves it
 * in the file does not change. */
static uint32_t worker_of(
        const struct front *front, const struct problem_spec *spec)
{
    return spec->number % front->worker_count;
}

static struct worker *worker_for(struct front *front, struct parcel *parcel)
{
    struct bytes name;

    if (front->worker_count == 1)
        return &front->workers[0];
    name = wire_request_peek_problem(parcel_body(parcel));
    for (uint32_t i = 0; i < front->config->problem_count; i++)
        if (bytes_equal(front->config->problems[i]->name, name))
            return &front->workers[worker_of(
                    front, front->config->problems[i])];
    return &front->workers[0];
}

static void handle_here(struct front *front, struct parcel *parcel, nanos now)
{
    struct bytes envelope[ENVELOPE_FRAMES_MAX];

    for (uint32_t i = 0; i + 1 < parcel->count; i++)
        envelope[i] = parcel_frame(parcel, i);
    shard_handle(&front->workers[0].shard, envelope, parcel->count - 1,
            parcel_body(parcel), now);
    parcel_close(parcel);
}

/* With no threads: requests go straight to the engine. When a batch is on disk,
 * its replies go before the rest is received: the clients work meanwhile. */
static void receive_here(struct front *front)
{
    struct shard *shard = &front->workers[0].shard;
    nanos now = worker_clock();
    struct parcel parcel;

    for (int i = 0; i < RECEIVE_BURST; i++) {
        if (shard_relay(shard) || !shard_ready(shard))
            return;
        switch (parcel_receive(&parcel, front->socket)) {
        case PARCEL_NONE:
            return;
        case PARCEL_DROPPED:
            COUNT(dropped);
            break;
        case PARCEL_RECEIVED:
            handle_here(front, &parcel, now);
            break;
        }
    }
}

/* A parcel to its engine thread; kept in `held` when that has no room. */
static bool pass_on(struct front *front)
{
    if (front->held == NULL)
        return true;
    if (!mailbox_put(&front->held_for->inbox, front->held))
        return false;
    front->held = NULL;
    return true;
}

static void receive_for_threads(struct front *front)
{
    for (int i = 0; i < RECEIVE_BURST && pass_on(front); i++) {
        struct parcel *parcel = malloc(sizeof(*parcel));
        enum parcel_result result;
        if (parcel == NULL)
            return;
        result = parcel_receive(parcel, front->socket);
        if (result == PARCEL_RECEIVED) {
            front->held = parcel;
            front->held_for = worker_for(front, parcel);
            continue;
        }
        free(parcel);
        if (result == PARCEL_NONE)
            return;
        COUNT(dropped);
    }
}

static void receive(struct front *front)
{
    if (front->threads)
        receive_for_threads(front);
    else
        receive_here(front);
}

/* May the socket be read? Otherwise its queue fills, and the clients wait. */
static bool has_room(struct front *front)
{
    if (front->threads)
        return pass_on(front);
    return shard_ready(&front->workers[0].shard);
}

/* ---- reload ---- */

static void lock_all(struct front *front)
{
    for (uint32_t i = 0; i < front->worker_count; i++)
        CHECK_ZERO(pthread_mutex_lock(&front->workers[i].lock));
}

static void unlock_all(struct front *front)
{
    for (uint32_t i = 0; i < front->worker_count; i++)
        CHECK_ZERO(pthread_mutex_unlock(&front->workers[i].lock));
}

/* Old problems keep their number; the file may not add problems yet. */
static int take_numbers(
        const struct config *old, struct config *new, struct err *err)
{
    for (uint32_t i = 0; i < new->problem_count; i++) {
        const struct problem_spec *was =
                config_problem(old, new->problems[i]->name);
        char name[ID_BYTES_MAX + 1];
        if (was == NULL)
            return err_set(err, STATUS_DENIED,
                    "problem '%s': is added by a restart only",
                    bytes_text(new->problems[i]->name, name, sizeof(name)));
        new->problems[i]->number = was->number;
        new->problems[i]->since = was->since;
    }
    return 0;
}

static int reload_shards(
        struct front *front, struct config *config, struct err *err)
{
    int status = 0;

    lock_all(front);
    for (uint32_t i = 0; status == 0 && i < front->worker_count; i++)
        status = shard_reload_prepare(&front->workers[i].shard, config, err);
    for (uint32_t i = 0; i < front->worker_count; i++)
        if (status == 0)
            shard_reload(&front->workers[i].shard, config);
        else
            shard_reload_cancel(&front->workers[i].shard);
    unlock_all(front);
    return status;
}

static void reload(struct front *front)
{
    struct config *config;
    struct err err = {STATUS_DENIED, "there is no file to read again"};
    int status = STATUS_DENIED;

    notify_reloading();
    config = front->config_path == NULL ? NULL
                                        : config_load(front->config_path, &err);
    if (config != NULL)
        config_override(config, front->overrides);
    if (config != NULL)
        status = config_check_reload(front->config, config, &err);
    if (status == 0)
        status = take_numbers(front->config, config, &err);
    if (status == 0)
        status = reload_shards(front, config, &err);
    if (status == 0) {
        commit_reconfigure(front->committer, &config->settings);
        diag_set_level((enum diag_level)config->settings.diag_level);
        trainer_reconfigure(front->trainer, config);
        config_free(front->config);
        front->config = config;
        COUNT(reloads);
        diag(DIAG_INFO, "config.reloaded", "file=\"%s\"", front->config_path);
    } else {
        config_free(config);
        COUNT(reloads_refused);
        diag(DIAG_ERROR, "config.refused",
                "why=\"%s\" action=\"nothing "
                "changed\"",
                err.text);
    }
    notify_ready();
}

static void take_signals(struct front *front)
{
    struct signalfd_siginfo info;

    while (read(front->signal_fd, &info, sizeof(info)) ==
            (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload(front);
        else
            front->stopping = true;
    }
}

/* ---- the loop ---- */

/* Waits for the socket, batches that come back, signals, or the next tick. */
static void wait_for_work(struct front *front, bool read_socket)
{
    zmq_pollitem_t items[] = {
            {NULL, front->done.fd, ZMQ_POLLIN, 0},
            {NULL, front->early.fd, ZMQ_POLLIN, 0},
            {NULL, front->signal_fd, ZMQ_POLLIN, 0},
            {front->socket, 0, ZMQ_POLLIN, 0},
    };

    (void)zmq_poll(items, read_socket ? 4 : 3, TICK_MS);
    if (items[2].revents != 0)
        take_signals(front);
}

static void tick(struct front *front, nanos *next)
{
    nanos now = worker_clock();

    if (now < *next)
        return;
    *next = now + TICK_MS * NANOS_PER_MS;
    notify_alive();
    if (!front->threads)
        shard_tick(&front->workers[0].shard, now);
}

static void serve(struct front *front)
{
    nanos next = 0;

    while (!front->stopping) {
        wait_for_work(front, has_room(front));
        if (!front->threads)
            (void)shard_relay(&front->workers[0].shard);
        answer_batches(front);
        receive(front);
        tick(front, &next);
        if (!front->threads)
            shard_submit(&front->workers[0].shard);
    }
}

/* ---- the stop ---- */

static bool drained(struct front *front)
{
    bool all = true;

    for (uint32_t i = 0; i < front->worker_count; i++) {
        struct worker *worker = &front->workers[i];
        if (front->threads)
            all = worker_drained(worker) && all;
        else
            all = shard_idle(&worker->shard) && all;
    }
    return all;
}

/* Lets everything that was received reach the disk and its client. With no
 * room on disk it gives up what waits, which was never acknowledged. */
static void drain(struct front *front)
{
    while (!pass_on(front) && !commit_full(front->committer)) {
        wait_for_work(front, false);
        answer_batches(front);
    }
    for (uint32_t i = 0; front->threads && i < front->worker_count; i++)
        worker_ask_to_stop(&front->workers[i]);
    while (!drained(front)) {
        if (commit_full(front->committer))
            break;
        if (!front->threads)
            shard_submit(&front->workers[0].shard);
        wait_for_work(front, false);
        answer_batches(front);
    }
    for (uint32_t i = 0; front->threads && i < front->worker_count; i++)
        worker_give_up(&front->workers[i]);
    for (uint32_t i = 0; front->threads && i < front->worker_count; i++)
        worker_join(&front->workers[i]);
}

/* Puts every state away, so that the next start has nothing to fold. */
static void put_away(struct front *front)
{
    for (uint32_t i = 0; i < front->worker_count; i++) {
        struct shard *shard = &front->workers[i].shard;
        bool all = false;
        while (!all || !shard_idle(shard)) {
            if (commit_full(front->committer))
                return;
            all = all || shard_snapshot_all(shard);
            shard_submit(shard);
            if (!shard_idle(shard))
                wait_for_work(front, false);
            answer_batches(front);
        }
    }
}

int front_run(struct front *front, struct err *err)
{
    (void)err;
    for (uint32_t i = 0; front->threads && i < front->worker_count; i++) {
        int status = worker_start(&front->workers[i], err);
        if (status != 0)
            return status;
    }
    for (uint32_t i = 0; i < front->config->listen_count; i++)
        diag(DIAG_INFO, "service.listening", "endpoint=%s",
                front->config->listen[i]);
    diag(DIAG_INFO, "service.ready", "version=%s problems=%u engine_threads=%u",
            RUE_VERSION, front->config->problem_count,
            front->threads ? front->worker_count : 0);
    notify_ready();
    serve(front);
    notify_stopping();
    diag(DIAG_INFO, "service.stopping", "last_record=%" PRIu64,
            commit_last_sequence(front->committer));
    drain(front);
    put_away(front);
    diag(DIAG_INFO, "service.stopped", "last_record=%" PRIu64,
            commit_last_sequence(front->committer));
    return 0;
}

/* ---- opening ---- */

void front_block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int open_signals(struct front *front, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    front->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (front->signal_fd < 0)
        return err_set(err, STATUS_IO, "signals: %s", strerrordesc_np(errno));
    return 0;
}

static void set_option(void *socket, int option, int value)
{
    CHECK_ZERO(zmq_setsockopt(socket, option, &value, sizeof(value)));
}

static int open_socket(struct front *front, struct err *err)
{
    int64_t most = (int64_t)FRAME_BYTES_MAX;

    front->context = zmq_ctx_new();
    front->socket = front->context == NULL
            ? NULL
            : zmq_socket(front->context, ZMQ_ROUTER);
    if (front->socket == NULL)
        return err_set(err, STATUS_IO, "socket: %s", zmq_strerror(errno));
    set_option(front->socket, ZMQ_LINGER, 1000);
    set_option(front->socket, ZMQ_SNDHWM, PEER_QUEUE);
    set_option(front->socket, ZMQ_RCVHWM, PEER_QUEUE);
    set_option(front->socket, ZMQ_ROUTER_MANDATORY, 1);
    set_option(front->socket, ZMQ_IPV6, 1);
    CHECK_ZERO(
            zmq_setsockopt(front->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most)));
    for (uint32_t i = 0; i < front->config->listen_count; i++)
        if (zmq_bind(front->socket, front->config->listen[i]) != 0)
            return err_set(err, STATUS_IO, "listen: %s: %s",
                    front->config->listen[i], zmq_strerror(errno));
    return 0;
}

static int open_shard(struct front *front, uint32_t index,
        struct problem **problems, struct err *err)
{
    uint32_t count = 0;
    struct problem **mine =
            calloc(front->config->problem_count + 1, sizeof(struct problem *));
    int status;

    if (mine == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < front->config->problem_count; i++)
        if (worker_of(front, front->config->problems[i]) == index)
            mine[count++] = problems[i];
    status = shard_open(&front->workers[index].shard, front->config,
            front->ledger, front->committer, &front->early, mine, count,
            worker_clock(), err);
    free(mine);
    return status;
}

/* The board, where somebody looks at it. */
static int open_board(struct front *front, struct err *err)
{
    const struct settings *settings = &front->config->settings;

    if (settings->http_listen.size == 0 && settings->events_listen.size == 0)
        return 0;
    front->board = board_new(
            (const struct problem_spec *const *)front->config->problems,
            front->config->problem_count);
    if (front->board == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < front->worker_count; i++)
        shard_watch(&front->workers[i].shard, front->board);
    return 0;
}

static struct metrics_source http_source(struct front *front)
{
    return (struct metrics_source){.board = front->board,
            .committer = front->committer,
            .trainer = front->trainer,
            .workers = front->workers,
            .worker_count = front->threads ? front->worker_count : 0,
            .ledger = front->ledger,
            .store = front->store,
            .started = worker_clock(),
            .label_sets = front->config->settings.http_label_sets};
}

/* HTTP. Its default port may belong to another service of this machine; one
 * that was asked for must be had. */
static int open_http(struct front *front, struct err *err)
{
    const struct settings *settings = &front->config->settings;
    struct bytes address = settings->http_listen;
    struct history_settings past = {
            settings->http_history, settings->http_sample};
    struct metrics_source source;
    int status;

    if (address.size == 0)
        return 0;
    (void)bytes_text(settings->data, front->store, sizeof(front->store));
    source = http_source(front);
    status = http_start(&front->http, address, &source, &past, err);
    if (status == STATUS_IO &&
            bytes_equal(address, bytes_of_text(HTTP_LISTEN_DEFAULT))) {
        diag(DIAG_WARNING, "http.none", "why=\"%s\"", err->text);
        return 0;
    }
    if (status != 0)
        return status;
    diag(DIAG_INFO, "http.listening", "port=%u", http_port(front->http));
    return 0;
}

static int open_publisher(struct front *front, struct err *err)
{
    int status;

    if (front->config->settings.events_listen.size == 0)
        return 0;
    status = publisher_start(&front->publisher, front->config, front->board,
            front->context, err);
    if (status != 0)
        return status;
    trainer_tell(front->trainer, publisher_generation, front->publisher);
    diag(DIAG_INFO, "events.listening", "endpoint=%s",
            publisher_endpoint(front->publisher));
    return 0;
}

static int open_trainer(struct front *front, struct err *err)
{
    int status = trainer_start(&front->trainer, front->config, front->ledger,
            front->committer, err);

    for (uint32_t i = 0; status == 0 && i < front->worker_count; i++)
        front->workers[i].shard.trainer = front->trainer;
    return status;
}

static int open_workers(struct front *front, struct err *err)
{
    struct problem **problems;
    int status = host_open(front->ledger, front->config, &problems, err);

    if (status != 0)
        return status;
    for (uint32_t i = 0; status == 0 && i < front->worker_count; i++) {
        struct worker *worker = &front->workers[i];
        CHECK_ZERO(pthread_mutex_init(&worker->lock, NULL));
        status = mailbox_open(&worker->inbox, WORKER_PARCELS, err);
        if (status == 0)
            status = open_shard(front, i, problems, err);
    }
    free(problems);
    return status;
}

int front_open(struct front **out, struct ledger *ledger, struct config *config,
        const char *config_path, const struct config_overrides *overrides,
        struct err *err)
{
    struct front *front = calloc(1, sizeof(*front));
    uint32_t threads = config->settings.engine_threads;
    uint32_t boxes;
    int status;

    CHECK(front != NULL);
    *out = front;
    front->config = config;
    front->config_path = config_path;
    front->overrides = overrides;
    front->ledger = ledger;
    front->threads = threads > 0;
    front->worker_count = threads > 0 ? threads : 1;
    front->workers = calloc(front->worker_count, sizeof(*front->workers));
    front->signal_fd = -1;
    boxes = front->worker_count * SHARD_BATCHES_ALL;
    CHECK(front->workers != NULL);
    if ((status = host_register(ledger, config, worker_clock(), err)) != 0 ||
            (status = mailbox_open(&front->done, boxes, err)) != 0 ||
            (status = mailbox_open(&front->early, boxes, err)) != 0 ||
            (status = commit_start(&front->committer, ledger, config,
                     &front->done, err)) != 0 ||
            (status = open_workers(front, err)) != 0 ||
            (status = open_trainer(front, err)) != 0 ||
            (status = open_signals(front, err)) != 0 ||
            (status = open_socket(front, err)) != 0 ||
            (status = open_board(front, err)) != 0 ||
            (status = open_http(front, err)) != 0 ||
            (status = open_publisher(front, err)) != 0 ||
            (config->settings.webhook_url.size > 0 &&
                    (status = webhook_start(&front->webhook, config, err)) !=
                            0))
        return status;
    return 0;
}

void front_close(struct front *front)
{
    http_stop(front->http);
    trainer_stop(front->trainer);
    publisher_stop(front->publisher);
    webhook_stop(front->webhook);
    if (front->committer != NULL)
        commit_stop(front->committer);
    for (uint32_t i = 0; i < front->worker_count; i++) {
        struct worker *worker = &front->workers[i];
        void *parcel;
        if (worker->inbox.ring == NULL)
            continue;
        while ((parcel = mailbox_take(&worker->inbox)) != NULL) {
            parcel_close(parcel);
            free(parcel);
        }
        mailbox_close(&worker->inbox);
        shard_close(&worker->shard);
        CHECK_ZERO(pthread_mutex_destroy(&worker->lock));
    }
    free(front->workers);
    board_free(front->board);
    mailbox_close(&front->done);
    mailbox_close(&front->early);
    if (front->socket != NULL)
        (void)zmq_close(front->socket);
    if (front->context != NULL)
        (void)zmq_ctx_term(front->context);
    if (front->signal_fd >= 0)
        (void)close(front->signal_fd);
    ledger_close(front->ledger);
    config_free(front->config);
    free(front);
}
