/* The null service: what rued is measured against. The same ROUTER loop on one
 * thread, the same parsing of requests, and a record of the same bytes in the
 * same synced LMDB group commit on a second thread, which gets the next group
 * as soon as the disk is free, as rued's does; replies leave after it. It
 * chooses uniformly and does nothing else: no join, no model, no retries, no
 * deadlines.
 *
 *   null_service ENDPOINT DIRECTORY
 *
 * Two buffers: one is filled while the other is written. */
#include "base/rng.h"
#include "proto/record.h"
#include "proto/wire.h"
#include "service/parcel.h"
#include "storage/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS   2
#define ITEMS     4096u
#define ARENA     ((size_t)128 << 20)
#define ROOM      ((size_t)8 << 20)
#define MAP_BYTES ((uint64_t)64 << 30)

struct buffer {
    struct arena arena;
    struct exchange exchanges[ITEMS];
    struct bytes records[2 * ITEMS];
    enum record_kind kinds[2 * ITEMS];
    uint32_t exchange_count, record_count;
};

static struct {
    struct buffer *buffers[BUFFERS];
    struct buffer *writing; /* under the lock; NULL = the writer is free */
    struct buffer *_Atomic written; /* changed under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int done_fd;
    struct store *store;
    uint64_t sequence;
    struct rng rng;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "null_service: %s\n", what);
    exit(1);
}

static void commit(struct buffer *buffer)
{
    struct store_txn *txn;
    struct err err;

    if (state.store->call->begin(state.store, true, &txn, &err) != 0)
        give_up(err.text);
    for (uint32_t i = 0; i < buffer->record_count; i++)
        if (log_append(txn, ++state.sequence, buffer->kinds[i],
                    buffer->records[i], &err) != 0)
            give_up(err.text);
    if (state.store->call->commit(txn, &err) != 0)
        give_up(err.text);
}

static void *writer_main(void *unused)
{
    uint64_t one = 1;

    for (;;) {
        struct buffer *buffer;
        (void)pthread_mutex_lock(&state.lock);
        while (state.writing == NULL || state.written != NULL)
            (void)pthread_cond_wait(&state.wake, &state.lock);
        buffer = state.writing;
        (void)pthread_mutex_unlock(&state.lock);
        commit(buffer);
        (void)pthread_mutex_lock(&state.lock);
        state.written = buffer;
        state.writing = NULL;
        (void)pthread_mutex_unlock(&state.lock);
        if (write(state.done_fd, &one, sizeof(one)) < 0)
            give_up("eventfd");
    }
    return unused;
}

/* ---- one request ---- */

static void decide(struct buffer *buffer, const struct question *question,
        struct decision *decision)
{
    uint32_t count = question->action_count;
    uint32_t *eligible = arena_array(&buffer->arena, uint32_t, count);
    double *pmf = arena_array(&buffer->arena, double, count);
    struct bytes *ids = arena_array(&buffer->arena, struct bytes, count);
    struct decision_record record = {
            .head = {RECORD_DECISION, 1, 1, question->event},
            .question = *question,
            .count = count,
            .eligible = eligible,
            .probability = pmf,
            .chosen = rng_below(&state.rng, count),
    };

    if (eligible == NULL || pmf == NULL || ids == NULL)
        give_up("no room");
    record.question.event = bytes_of(NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
        eligible[i] = i;
        pmf[i] = 1.0 / count;
        ids[i] = question->action[i];
    }
    buffer->records[buffer->record_count] =
            record_encode_decision(&record, &buffer->arena);
    buffer->kinds[buffer->record_count++] = RECORD_DECISION;
    *decision = (struct decision){
            .event = question->event,
            .count = count,
            .ranking = eligible,
            .probability = pmf,
            .action = ids,
            .policy = bytes_of_text("uniform over nothing"),
    };
}

static void feedback(struct buffer *buffer, const struct feedback *feedback)
{
    struct feedback_record record = {
            .head = {RECORD_FEEDBACK, 1, 1, feedback->event},
            .value = feedback->value,
            .id = feedback->id,
            .effect = EFFECT_LEARN,
            .after = feedback->value,
    };

    buffer->records[buffer->record_count] =
            record_encode_feedback(&record, &buffer->arena);
    buffer->kinds[buffer->record_count++] = RECORD_FEEDBACK;
}

static void handle(struct buffer *buffer, struct parcel *parcel)
{
    struct exchange *exchange = &buffer->exchanges[buffer->exchange_count++];
    struct bytes *envelope =
            arena_array(&buffer->arena, struct bytes, parcel->count);
    struct decision *decisions;
    struct receipt *receipts;
    struct request request;
    struct reply reply = {0};
    struct err err;

    for (uint32_t i = 0; i + 1 < parcel->count; i++) {
        struct bytes frame = parcel_frame(parcel, i);
        envelope[i] = bytes_of(
                arena_copy(&buffer->arena, frame.data, frame.size), frame.size);
    }
    if (wire_request_decode(
                parcel_body(parcel), &buffer->arena, &request, &err) != 0)
        give_up(err.text);
    decisions = arena_zalloc(
            &buffer->arena, request.decide_count, sizeof(*decisions));
    receipts = arena_zalloc(
            &buffer->arena, request.feedback_count, sizeof(*receipts));
    for (uint32_t i = 0; i < request.decide_count; i++)
        decide(buffer, &request.decide[i], &decisions[i]);
    for (uint32_t i = 0; i < request.feedback_count; i++)
        feedback(buffer, &request.feedback[i]);
    reply.id = request.id;
    reply.decision = decisions;
    reply.decision_count = request.decide_count;
    reply.feedback = receipts;
    reply.feedback_count = request.feedback_count;
    exchange->envelope = envelope;
    exchange->envelope_count = parcel->count - 1;
    exchange->reply = wire_reply_encode(&reply, &buffer->arena);
    parcel_close(parcel);
}

/* ---- the loop ---- */

static bool hand_over(struct buffer *buffer)
{
    bool taken;

    if (buffer->exchange_count == 0)
        return false;
    (void)pthread_mutex_lock(&state.lock);
    taken = state.writing == NULL && state.written == NULL;
    if (taken) {
        state.writing = buffer;
        (void)pthread_cond_signal(&state.wake);
    }
    (void)pthread_mutex_unlock(&state.lock);
    return taken;
}

static void answer(struct buffer *buffer, void *socket)
{
    for (uint32_t i = 0; i < buffer->exchange_count; i++)
        (void)exchange_send(&buffer->exchanges[i], socket);
    buffer->exchange_count = 0;
    buffer->record_count = 0;
    arena_reset(&buffer->arena);
}

/* The buffer that is on disk, or NULL; the writer is free then. */
static struct buffer *take_written(void)
{
    struct buffer *buffer = state.written;
    uint64_t seen;

    if (buffer == NULL)
        return NULL;
    /* The writer may not have got as far as its eventfd; then it stays
     * readable for one turn more. */
    (void)!read(state.done_fd, &seen, sizeof(seen));
    (void)pthread_mutex_lock(&state.lock);
    state.written = NULL;
    (void)pthread_cond_signal(&state.wake);
    (void)pthread_mutex_unlock(&state.lock);
    return buffer;
}

static bool has_room(const struct buffer *buffer)
{
    return buffer->exchange_count < ITEMS && arena_left(&buffer->arena) > ROOM;
}

/* What has come, until the writer is free. */
static void receive(struct buffer *buffer, void *socket)
{
    for (int i = 0; i < 512 && has_room(buffer) && state.written == NULL; i++) {
        struct parcel parcel;
        if (parcel_receive(&parcel, socket) != PARCEL_RECEIVED)
            return;
        handle(buffer, &parcel);
    }
}

static void serve(void *socket)
{
    unsigned current = 0;

    for (;;) {
        struct buffer *written;
        zmq_pollitem_t items[] = {
                {NULL, state.done_fd, ZMQ_POLLIN, 0},
                {socket, 0, ZMQ_POLLIN, 0},
        };
        (void)zmq_poll(items, has_room(state.buffers[current]) ? 2 : 1, -1);
        written = take_written();
        if (hand_over(state.buffers[current]))
            current = 1 - current;
        if (written != NULL)
            answer(written, socket);
        receive(state.buffers[current], socket);
        if (hand_over(state.buffers[current]))
            current = 1 - current;
    }
}

int main(int argc, char **argv)
{
    struct store_settings settings = {.map_bytes = MAP_BYTES};
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    int many = 100000;
    pthread_t writer;
    struct err err;

    if (argc != 3)
        give_up("usage: null_service ENDPOINT DIRECTORY");
    state.rng = rng_keyed(1, 1, RNG_TEST);
    state.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store_lmdb_open(argv[2], &settings, &state.store, &err) != 0)
        give_up(err.text);
    for (int i = 0; i < BUFFERS; i++) {
        state.buffers[i] = calloc(1, sizeof(struct buffer));
        state.buffers[i]->arena = arena_over(malloc(ARENA), ARENA);
    }
    (void)zmq_setsockopt(socket, ZMQ_SNDHWM, &many, sizeof(many));
    (void)zmq_setsockopt(socket, ZMQ_RCVHWM, &many, sizeof(many));
    if (zmq_bind(socket, argv[1]) != 0)
        give_up(zmq_strerror(zmq_errno()));
    if (pthread_create(&writer, NULL, writer_main, NULL) != 0)
        give_up("no thread");
    puts("ready");
    (void)fflush(stdout);
    serve(socket);
    return 0;
}
