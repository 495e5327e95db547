#include "service/publisher.h"

#include "base/hash.h"
#include "proto/notice.h"
#include "service/counters.h"
#include "service/diag.h"
#include "service/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#define STATUS_EVERY (NANOS_PER_SECOND)
#define TURN_MS      250
#define LINGER_MS    200
/* For one notice: its record's views, and the message. */
#define ARENA_BYTES (32 * PUBLISHER_RECORD_BYTES)

/* A problem as listeners are told of it. */
struct subject_of {
    uint32_t number;
    char name[ID_BYTES_MAX + 1];
    uint32_t slots;
    char (*catalogue)[ID_BYTES_MAX + 1]; /* [slots] ids */
    uint64_t counts[TOPICS]; /* notices so far; under the lock */
    uint32_t row; /* of the board */
    nanos told; /* of the board's row that was published last */
};

/* A notice on its way to the thread. */
struct waiting {
    struct subject_of *of;
    enum notice_topic topic;
    uint64_t number;
    uint64_t sequence;
    enum record_kind kind; /* 0: a generation */
    struct generation generation; /* without its sentence */
    size_t size;
    uint8_t data[]; /* [size] the record's payload, or the sentence */
};

struct publisher {
    pthread_t thread;
    pthread_mutex_t lock; /* so that numbers are put in their order */
    struct mailbox queue; /* of struct waiting, malloced */
    _Atomic size_t queued_bytes;
    _Atomic bool stopping;
    _Atomic uint32_t wanted[TOPICS]; /* subscriptions that it matches */
    uint64_t service;
    uint64_t service_count; /* status notices of the service */
    double share; /* of decisions */
    struct subject_of *subjects; /* [count] by number */
    uint32_t count;
    struct board *board;
    struct arena arena; /* the thread's */
    nanos next_status;
    void *socket;
    char endpoint[256];
};

static nanos wall_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

static bool is_wanted(struct publisher *publisher, enum notice_topic topic)
{
    return atomic_load_explicit(
                   &publisher->wanted[topic], memory_order_relaxed) > 0;
}

static struct subject_of *find(struct publisher *publisher, uint32_t number)
{
    uint32_t low = 0, high = publisher->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (publisher->subjects[middle].number == number)
            return &publisher->subjects[middle];
        if (publisher->subjects[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- into the queue ---- */

static void *make_room(struct publisher *publisher, size_t size)
{
    size_t before = atomic_load(&publisher->queued_bytes);

    if (size > PUBLISHER_RECORD_BYTES || before + size > PUBLISHER_QUEUE_BYTES)
        return NULL;
    return malloc(sizeof(struct waiting) + size);
}

/* One that is dropped has had its number, so that listeners miss it. */
static void put(struct publisher *publisher, const struct waiting *head,
        struct bytes data)
{
    struct waiting *waiting = make_room(publisher, data.size);
    bool kept = false;
    uint64_t number;

    CHECK_ZERO(pthread_mutex_lock(&publisher->lock));
    number = ++head->of->counts[head->topic];
    if (waiting != NULL) {
        *waiting = *head;
        waiting->number = number;
        waiting->size = data.size;
        if (data.size > 0)
            memcpy(waiting->data, data.data, data.size);
        atomic_fetch_add(&publisher->queued_bytes, data.size);
        kept = mailbox_put(&publisher->queue, waiting);
    }
    CHECK_ZERO(pthread_mutex_unlock(&publisher->lock));
    if (kept)
        return;
    COUNT(notices_dropped);
    if (waiting != NULL)
        atomic_fetch_sub(&publisher->queued_bytes, data.size);
    free(waiting);
}

/* The same decisions on every listener and after every restart. */
static bool is_sampled(const struct publisher *publisher, uint64_t sequence)
{
    return (double)(hash_mix(sequence, 0) >> 11) * 0x1p-53 < publisher->share;
}

static bool topic_of_record(enum record_kind kind, enum notice_topic *topic)
{
    switch (kind) {
    case RECORD_DECISION:
        *topic = TOPIC_DECISION;
        return true;
    case RECORD_PROMOTION:
        *topic = TOPIC_GENERATION;
        return true;
    case RECORD_ALARM:
        *topic = TOPIC_ALARM;
        return true;
    default:
        return false;
    }
}

static void put_effect(
        struct publisher *publisher, const struct batch_effect *effect)
{
    struct waiting head = {
            .kind = effect->record_kind, .sequence = effect->sequence};

    if (!topic_of_record(effect->record_kind, &head.topic) ||
            !is_wanted(publisher, head.topic) ||
            (head.topic == TOPIC_DECISION &&
                    !is_sampled(publisher, effect->sequence)))
        return;
    head.of = find(publisher, effect->problem);
    if (head.of != NULL)
        put(publisher, &head, effect->payload);
}

void publisher_batch(struct publisher *publisher, const struct batch *batch)
{
    if (publisher == NULL ||
            (!is_wanted(publisher, TOPIC_DECISION) &&
                    !is_wanted(publisher, TOPIC_GENERATION) &&
                    !is_wanted(publisher, TOPIC_ALARM)))
        return;
    for (uint32_t i = 0; i < batch->effect_count; i++)
        if (batch->effects[i].kind == EFFECT_RECORD)
            put_effect(publisher, &batch->effects[i]);
}

void publisher_generation(
        void *self, uint32_t problem, const struct generation *generation)
{
    struct publisher *publisher = self;
    struct waiting head = {.of = find(publisher, problem),
            .topic = TOPIC_GENERATION,
            .generation = *generation};

    if (head.of != NULL && is_wanted(publisher, TOPIC_GENERATION))
        put(publisher, &head, generation->why);
}

/* ---- out of it ---- */

static void publish(struct publisher *publisher, const struct notice *notice)
{
    char frame[TOPIC_BYTES_MAX];
    size_t size = notice_frame(notice_topic(notice), notice->problem, frame);
    struct bytes body = notice_encode(notice, &publisher->arena);

    if (body.size > 0 &&
            zmq_send(publisher->socket, frame, size,
                    ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
            zmq_send(publisher->socket, body.data, body.size, ZMQ_DONTWAIT) >=
                    0)
        COUNT(notices);
    else
        COUNT(notices_dropped);
}

/* The id of what was chosen, if it was one action. */
static struct bytes action_of(
        const struct subject_of *of, const struct decision_record *record)
{
    const struct question *question = &record->question;
    uint32_t place;

    if (record->count == 0 || record->path_count > 0)
        return bytes_of(NULL, 0);
    place = record->eligible[record->chosen];
    if (question->action_count > 0)
        return place < question->action_count ? question->action[place]
                                              : bytes_of(NULL, 0);
    return place < of->slots ? bytes_of_text(of->catalogue[place])
                             : bytes_of(NULL, 0);
}

static bool fill_record(struct publisher *publisher,
        const struct waiting *waiting, struct notice *notice)
{
    union any_record record;

    notice->kind = waiting->kind;
    notice->record = bytes_of(waiting->data, waiting->size);
    if (record_decode(waiting->kind, notice->record, &publisher->arena, &record,
                NULL) != 0)
        return false;
    notice->time = record.head.time;
    if (waiting->kind != RECORD_DECISION)
        return true;
    notice->share = publisher->share;
    notice->action = action_of(waiting->of, &record.decision);
    return true;
}

static struct generation_told told_of(const struct waiting *waiting)
{
    const struct generation *generation = &waiting->generation;

    return (struct generation_told){
            .number = generation->number,
            .parent = generation->parent,
            .created = generation->created,
            .digest = generation->digest,
            .bytes = generation->size,
            .through = generation->through,
            .rows = generation->rows,
            .effective = generation->effective,
            .verdict = (uint32_t)generation->verdict,
            .estimate = generation->estimate,
            .why = bytes_of(waiting->data, waiting->size),
    };
}

static void publish_waiting(
        struct publisher *publisher, const struct waiting *waiting)
{
    struct generation_told told = told_of(waiting);
    struct notice notice = {
            .service = publisher->service,
            .number = waiting->number,
            .time = waiting->generation.created,
            .problem = bytes_of_text(waiting->of->name),
            .sequence = waiting->sequence,
    };

    arena_reset(&publisher->arena);
    if (waiting->kind == 0)
        notice.generation = &told;
    else if (!fill_record(publisher, waiting, &notice)) {
        COUNT(notices_dropped);
        return;
    }
    publish(publisher, &notice);
}

static void publish_queue(struct publisher *publisher)
{
    struct waiting *waiting;

    mailbox_clear(&publisher->queue);
    while ((waiting = mailbox_take(&publisher->queue)) != NULL) {
        publish_waiting(publisher, waiting);
        atomic_fetch_sub(&publisher->queued_bytes, waiting->size);
        free(waiting);
    }
}

/* ---- status ---- */

struct numbers {
    struct number *list;
    uint32_t count, capacity;
};

static void add_number(struct numbers *numbers, const char *name, double value)
{
    CHECK(numbers->count < numbers->capacity);
    numbers->list[numbers->count++] =
            (struct number){bytes_of_text(name), bytes_of(NULL, 0), value};
}

#define X(name, sentence) +1
enum { PROBLEM_NUMBERS = 0 PROBLEM_COUNTERS(X) + 1 };
#undef X

static void publish_row(struct publisher *publisher, struct subject_of *of,
        const struct board_row *row)
{
    struct number list[PROBLEM_NUMBERS];
    struct numbers numbers = {list, 0, PROBLEM_NUMBERS};
    struct status_answer answer = {
            .version = bytes_of_text(RUE_VERSION),
            .policy = bytes_of_text(row->policy),
            .generation = row->generation,
    };
    struct notice notice = {
            .service = publisher->service,
            .number = ++of->counts[TOPIC_STATUS],
            .time = row->news.now,
            .problem = bytes_of_text(of->name),
            .status = &answer,
    };

#define X(name, sentence)                                                      \
    add_number(&numbers, #name, (double)row->counters.name);
    PROBLEM_COUNTERS(X)
#undef X
    add_number(&numbers, "value_sum", row->counters.value_sum);
    answer.number = list;
    answer.number_count = numbers.count;
    arena_reset(&publisher->arena);
    publish(publisher, &notice);
}

/* The problems that have changed. */
static void publish_rows(struct publisher *publisher)
{
    struct board_row row;

    for (uint32_t i = 0; i < publisher->count; i++) {
        struct subject_of *of = &publisher->subjects[i];
        if (!board_copy(publisher->board, of->row, &row))
            return;
        if (row.news.now > of->told) {
            of->told = row.news.now;
            publish_row(publisher, of, &row);
        }
        board_copy_free(&row);
    }
}

static void publish_service(struct publisher *publisher, nanos now)
{
    struct status_answer answer = {.version = bytes_of_text(RUE_VERSION)};
    struct notice notice = {
            .service = publisher->service,
            .number = ++publisher->service_count,
            .time = now,
            .status = &answer,
    };
    struct numbers numbers = {.capacity = counters_count()};

    arena_reset(&publisher->arena);
    numbers.list =
            arena_array(&publisher->arena, struct number, numbers.capacity);
    CHECK(numbers.list != NULL);
    for (uint32_t i = 0; i < counters_count(); i++)
        add_number(&numbers, counters_name(i), (double)counters_value(i));
    answer.number = numbers.list;
    answer.number_count = numbers.count;
    publish(publisher, &notice);
}

static void publish_status(struct publisher *publisher)
{
    nanos now = wall_clock();

    if (now < publisher->next_status &&
            publisher->next_status - now <= STATUS_EVERY)
        return;
    publisher->next_status = now + STATUS_EVERY;
    if (!is_wanted(publisher, TOPIC_STATUS))
        return;
    publish_service(publisher, now);
    publish_rows(publisher);
}

/* ---- subscriptions ---- */

static bool concerns(struct bytes prefix, enum notice_topic topic)
{
    char frame[TOPIC_BYTES_MAX];
    size_t size = notice_frame(topic, bytes_of(NULL, 0), frame);
    size_t both = prefix.size < size ? prefix.size : size;

    return both == 0 || memcmp(prefix.data, frame, both) == 0;
}

/* One byte, 1 for a new subscription and 0 for one that was the last of its
 * prefix, and the prefix. */
static void take_subscription(struct publisher *publisher, struct bytes message)
{
    struct bytes prefix;

    if (message.size == 0 || message.data[0] > 1)
        return; /* not one: listeners have nothing else to say */
    prefix = bytes_of(message.data + 1, message.size - 1);
    for (uint32_t i = 0; i < TOPICS; i++) {
        if (!concerns(prefix, (enum notice_topic)i))
            continue;
        if (message.data[0] == 1)
            atomic_fetch_add(&publisher->wanted[i], 1);
        else
            atomic_fetch_sub(&publisher->wanted[i], 1);
    }
    /* Who is new is told of all problems. */
    if (message.data[0] == 1 && concerns(prefix, TOPIC_STATUS))
        for (uint32_t i = 0; i < publisher->count; i++)
            publisher->subjects[i].told = 0;
}

static void take_subscriptions(struct publisher *publisher)
{
    uint8_t message[PUBLISHER_SUBSCRIPTION_BYTES + 1];

    for (;;) {
        int size = zmq_recv(
                publisher->socket, message, sizeof(message), ZMQ_DONTWAIT);
        if (size < 0)
            return;
        if ((size_t)size <= sizeof(message))
            take_subscription(publisher, bytes_of(message, (size_t)size));
    }
}

/* ---- the thread ---- */

static void *publisher_main(void *argument)
{
    struct publisher *publisher = argument;

    while (!atomic_load(&publisher->stopping)) {
        zmq_pollitem_t items[] = {{publisher->socket, 0, ZMQ_POLLIN, 0},
                {NULL, publisher->queue.fd, ZMQ_POLLIN, 0}};
        (void)zmq_poll(items, 2, TURN_MS);
        take_subscriptions(publisher);
        publish_queue(publisher);
        publish_status(publisher);
    }
    publish_queue(publisher);
    return NULL;
}

/* ---- life ---- */

static int compare_subjects(const void *a, const void *b)
{
    const struct subject_of *left = a, *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

static bool take_subject(struct subject_of *of, const struct problem_spec *spec)
{
    of->number = spec->number;
    CHECK(spec->name.size < sizeof(of->name));
    memcpy(of->name, spec->name.data, spec->name.size);
    of->catalogue = calloc((size_t)spec->slots + 1, sizeof(*of->catalogue));
    if (of->catalogue == NULL)
        return false;
    of->slots = spec->slots;
    for (uint32_t i = 0; i < spec->slots; i++) {
        CHECK(spec->catalogue[i].size <= ID_BYTES_MAX);
        memcpy(of->catalogue[i], spec->catalogue[i].data,
                spec->catalogue[i].size);
    }
    return true;
}

static int take_subjects(struct publisher *publisher,
        const struct config *config, struct err *err)
{
    bool good;

    publisher->subjects = calloc(
            (size_t)config->problem_count + 1, sizeof(*publisher->subjects));
    good = publisher->subjects != NULL;
    for (uint32_t i = 0; good && i < config->problem_count; i++) {
        publisher->count = i + 1;
        publisher->subjects[i].row = i;
        good = take_subject(&publisher->subjects[i], config->problems[i]);
    }
    if (!good)
        return err_set(err, STATUS_INTERNAL, "no memory");
    qsort(publisher->subjects, publisher->count, sizeof(*publisher->subjects),
            compare_subjects);
    return 0;
}

static void set_option(void *socket, int option, int value)
{
    CHECK_ZERO(zmq_setsockopt(socket, option, &value, sizeof(value)));
}

static int open_socket(struct publisher *publisher, struct bytes endpoint,
        void *context, struct err *err)
{
    int64_t most = PUBLISHER_SUBSCRIPTION_BYTES;
    size_t size = sizeof(publisher->endpoint);

    if (endpoint.size >= sizeof(publisher->endpoint))
        return err_set(err, STATUS_INVALID, "events.listen: is too long");
    memcpy(publisher->endpoint, endpoint.data, endpoint.size);
    publisher->endpoint[endpoint.size] = '\0';
    publisher->socket = zmq_socket(context, ZMQ_XPUB);
    if (publisher->socket == NULL)
        return err_set(
                err, STATUS_IO, "events.listen: %s", zmq_strerror(errno));
    set_option(publisher->socket, ZMQ_LINGER, LINGER_MS);
    set_option(publisher->socket, ZMQ_SNDHWM, PUBLISHER_PEER_QUEUE);
    set_option(publisher->socket, ZMQ_IPV6, 1);
    CHECK_ZERO(zmq_setsockopt(
            publisher->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most)));
    if (zmq_bind(publisher->socket, publisher->endpoint) != 0)
        return err_set(err, STATUS_IO, "events.listen: %s: %s",
                publisher->endpoint, zmq_strerror(errno));
    (void)zmq_getsockopt(
            publisher->socket, ZMQ_LAST_ENDPOINT, publisher->endpoint, &size);
    return 0;
}

static void release(struct publisher *publisher)
{
    struct waiting *waiting;

    while (publisher->queue.ring != NULL &&
            (waiting = mailbox_take(&publisher->queue)) != NULL)
        free(waiting);
    mailbox_close(&publisher->queue);
    if (publisher->socket != NULL)
        (void)zmq_close(publisher->socket);
    for (uint32_t i = 0; i < publisher->count; i++)
        free(publisher->subjects[i].catalogue);
    free(publisher->subjects);
    free(publisher->arena.data);
    CHECK_ZERO(pthread_mutex_destroy(&publisher->lock));
    free(publisher);
}

static int open_all(struct publisher *publisher, const struct config *config,
        void *context, struct err *err)
{
    int status = take_subjects(publisher, config, err);

    publisher->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (status == 0 && publisher->arena.data == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    if (status == 0 &&
            getrandom(&publisher->service, sizeof(publisher->service), 0) !=
                    (ssize_t)sizeof(publisher->service))
        status = err_set(err, STATUS_IO, "no random bytes");
    if (status == 0)
        status = mailbox_open(&publisher->queue, PUBLISHER_QUEUE, err);
    if (status == 0)
        status = open_socket(
                publisher, config->settings.events_listen, context, err);
    if (status == 0 &&
            pthread_create(
                    &publisher->thread, NULL, publisher_main, publisher) != 0)
        status = err_set(err, STATUS_INTERNAL, "no thread for notices");
    return status;
}

int publisher_start(struct publisher **out, const struct config *config,
        struct board *board, void *context, struct err *err)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));
    int status;

    *out = NULL;
    if (publisher == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    CHECK_ZERO(pthread_mutex_init(&publisher->lock, NULL));
    publisher->board = board;
    publisher->share = config->settings.events_decisions;
    status = open_all(publisher, config, context, err);
    if (status != 0) {
        release(publisher);
        return status;
    }
    *out = publisher;
    return 0;
}

void publisher_stop(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    atomic_store(&publisher->stopping, true);
    mailbox_wake(&publisher->queue);
    CHECK_ZERO(pthread_join(publisher->thread, NULL));
    release(publisher);
}

const char *publisher_endpoint(const struct publisher *publisher)
{
    return publisher->endpoint;
}
