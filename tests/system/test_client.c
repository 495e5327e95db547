/* librue against a service that is silent, slow to come, refuses, talks
 * nonsense, dies and comes back; and against misuse. The service is a ROUTER
 * of this test where it has to misbehave, and rued where it has not. */
#include "base/check.h"
#include "proto/rue.pb-c.h"
#include "tests/lib/service.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static struct service service;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "client: %s: %s\n", what, detail);
    exit(1);
}

static void expect(bool holds, const char *what)
{
    if (!holds)
        broken(what, "is not so");
}

static void expect_status(
        const char *what, rue_status status, rue_status wanted)
{
    if (status != wanted)
        broken(what, rue_status_name(status));
}

/* ---- a service that does as it is told ---- */

enum manner {
    SILENT,
    NONSENSE, /* answers bytes that are no reply */
    STRANGER, /* answers another request */
    REFUSES, /* STORAGE_FULL, always */
    RELENTS, /* STORAGE_FULL, then OK */
    FORGETFUL, /* loses each request twice, then answers */
};

#define SEEN_MAX 64

struct fake {
    enum manner manner;
    char endpoint[400];
    pthread_t thread;
    _Atomic bool over;
    _Atomic uint32_t seen; /* requests */
    uint8_t first[512]; /* the first one, and whether all were the same */
    size_t first_size;
    _Atomic bool same;
};

static void send_reply(
        void *socket, zmq_msg_t *peer, const void *data, size_t size)
{
    (void)zmq_send(socket, zmq_msg_data(peer), zmq_msg_size(peer), ZMQ_SNDMORE);
    (void)zmq_send(socket, data, size, 0);
}

static void answer(struct fake *fake, void *socket, zmq_msg_t *peer,
        const Rue__Request *request)
{
    static uint32_t place[1];
    static double one[1] = {1};
    ProtobufCBinaryData action = {1, (uint8_t[]){'b'}};
    Rue__Decision decision = RUE__DECISION__INIT;
    Rue__Decision *decisions[] = {&decision};
    Rue__Reply reply = RUE__REPLY__INIT;
    uint32_t seen = atomic_load(&fake->seen);
    bool refuse =
            fake->manner == REFUSES || (fake->manner == RELENTS && seen < 3);
    char sentence[] = "no room to record this: a test";
    uint8_t bytes[512];

    if (fake->manner == SILENT || (fake->manner == FORGETFUL && seen < 3))
        return;
    if (fake->manner == NONSENSE) {
        send_reply(socket, peer, "nonsense", 8);
        return;
    }
    reply.id = fake->manner == STRANGER ? request->id + 1 : request->id;
    reply.status = refuse ? RUE__STATUS__STORAGE_FULL : RUE__STATUS__OK;
    reply.message = refuse ? sentence : NULL;
    if (!refuse && request->n_decide == 1) {
        decision.status = RUE__STATUS__OK;
        decision.has_event = true;
        decision.event = request->decide[0]->event;
        decision.n_ranking = decision.n_probability = decision.n_action = 1;
        decision.ranking = place;
        decision.probability = one;
        decision.action = &action;
        reply.n_decision = 1;
        reply.decision = decisions;
    }
    send_reply(socket, peer, bytes, rue__reply__pack(&reply, bytes));
}

static void take(struct fake *fake, void *socket)
{
    zmq_msg_t peer, body;
    Rue__Request *request;

    (void)zmq_msg_init(&peer);
    (void)zmq_msg_init(&body);
    if (zmq_msg_recv(&peer, socket, 0) < 0 ||
            zmq_msg_recv(&body, socket, 0) < 0)
        broken("fake", "receive");
    request = rue__request__unpack(
            NULL, zmq_msg_size(&body), zmq_msg_data(&body));
    if (request == NULL || zmq_msg_size(&body) > sizeof(fake->first))
        broken("fake", "a request that is none");
    if (atomic_load(&fake->seen) == 0) {
        fake->first_size = zmq_msg_size(&body);
        memcpy(fake->first, zmq_msg_data(&body), fake->first_size);
    } else if (zmq_msg_size(&body) != fake->first_size ||
            memcmp(fake->first, zmq_msg_data(&body), fake->first_size) != 0) {
        atomic_store(&fake->same, false);
    }
    atomic_fetch_add(&fake->seen, 1);
    answer(fake, socket, &peer, request);
    rue__request__free_unpacked(request, NULL);
    (void)zmq_msg_close(&peer);
    (void)zmq_msg_close(&body);
}

static void *fake_main(void *argument)
{
    struct fake *fake = argument;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_ROUTER);
    int none = 0;

    (void)zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none));
    if (zmq_bind(socket, fake->endpoint) != 0)
        broken("fake", zmq_strerror(zmq_errno()));
    while (!atomic_load(&fake->over)) {
        zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, 10) > 0)
            take(fake, socket);
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    return NULL;
}

static void fake_start(struct fake *fake, enum manner manner)
{
    memset(fake, 0, sizeof(*fake));
    fake->manner = manner;
    atomic_store(&fake->same, true);
    (void)snprintf(fake->endpoint, sizeof(fake->endpoint), "ipc://%s/fake%d",
            service.directory, (int)manner);
    expect(pthread_create(&fake->thread, NULL, fake_main, fake) == 0,
            "a thread");
}

static void fake_stop(struct fake *fake)
{
    atomic_store(&fake->over, true);
    (void)pthread_join(fake->thread, NULL);
}

/* ---- one question, asked in many ways ---- */

static const char *const actions[] = {"a", "b", "c"};
static const double context[] = {0.5};
static const rue_question good = {.context = context,
        .context_count = 1,
        .actions = actions,
        .action_count = 3};

static rue_client *client_retrying(const char *endpoint, int timeout_ms,
        int retry_ms, int retry_busy, rue_fallback fallback)
{
    rue_options options;
    rue_client *client;
    char error[128];

    rue_options_init(&options);
    options.endpoint = endpoint;
    options.timeout_ms = timeout_ms;
    options.retry_ms = retry_ms;
    options.retry_busy = retry_busy;
    options.fallback = fallback;
    options.in_flight_max = 2048;
    client = rue_open(&options, error, sizeof(error));
    if (client == NULL)
        broken("open", error);
    return client;
}

static rue_client *client_of(const char *endpoint, int timeout_ms,
        int retry_busy, rue_fallback fallback)
{
    return client_retrying(endpoint, timeout_ms, 50, retry_busy, fallback);
}

/* Asks once; the reply's attempts are enough. */
static void ask_fake(enum manner manner, int timeout_ms, int retry_busy,
        rue_status wanted, unsigned attempts_min)
{
    struct fake fake;
    rue_client *client;
    rue_request request = {
            .problem = "one", .questions = &good, .question_count = 1};
    rue_counters counters;
    rue_reply reply;

    fake_start(&fake, manner);
    client = client_of(fake.endpoint, timeout_ms, retry_busy, 0);
    expect_status("the answer of the fake", rue_call(client, &request, &reply),
            wanted);
    expect(reply.attempts >= attempts_min, "it was tried often enough");
    expect(rue_in_flight(client) == 0, "nothing is left in flight");
    if (wanted == RUE_OK)
        expect(reply.answer_count == 1 && reply.answers[0].chosen == 0 &&
                        strcmp(reply.answers[0].action, "b") == 0,
                "the answer");
    else
        expect(reply.message[0] != '\0', "a sentence says why");
    if (wanted == RUE_TIMEOUT || wanted == RUE_AWAY)
        expect(reply.waited_ms >= timeout_ms, "it waited that long");
    rue_get_counters(client, &counters);
    expect(counters.sent == 1 && counters.resent == reply.attempts - 1,
            "tries are counted");
    rue_close(client);
    fake_stop(&fake);
    expect(atomic_load(&fake.same), "each try was the same, event id included");
}

static void tries_again(void)
{
    ask_fake(SILENT, 1200, 1, RUE_AWAY, 3);
    ask_fake(NONSENSE, 1200, 1, RUE_TIMEOUT, 3);
    ask_fake(STRANGER, 1200, 1, RUE_TIMEOUT, 3);
    ask_fake(FORGETFUL, 30000, 1, RUE_OK, 3);
    ask_fake(RELENTS, 30000, 1, RUE_OK, 3);
    ask_fake(REFUSES, 1200, 1, RUE_STORAGE_FULL, 3);
    ask_fake(REFUSES, 30000, 0, RUE_STORAGE_FULL, 1);
}

/* The sentence of the service reaches whoever asks. */
static void passes_the_reason_on(void)
{
    struct fake fake;
    rue_client *client;
    rue_receipt receipt;
    rue_answer given;

    fake_start(&fake, REFUSES);
    client = client_of(fake.endpoint, 300, 1, RUE_FALLBACK_FIRST);
    expect_status("decide", rue_decide(client, "one", &good, &given),
            RUE_STORAGE_FULL);
    expect(strcmp(given.message, "no room to record this: a test") == 0 &&
                    strcmp(rue_error(client), given.message) == 0,
            "the reason");
    expect(given.fallback && strcmp(given.action, "a") == 0,
            "the fallback, as after a time-out");
    expect_status("feedback",
            rue_feedback(client, "one", "e", 1, NULL, &receipt),
            RUE_STORAGE_FULL);
    expect(strcmp(receipt.message, "no room to record this: a test") == 0,
            "the reason, for feedback");
    rue_close(client);
    fake_stop(&fake);
}

/* ---- fallbacks ---- */

static void expect_fallback(rue_fallback rule, const rue_question *question,
        int place, const char *action)
{
    char endpoint[400];
    rue_counters counters;
    rue_client *client;
    rue_answer given;

    (void)snprintf(
            endpoint, sizeof(endpoint), "ipc://%s/nobody", service.directory);
    client = client_of(endpoint, 100, 1, rule);
    expect_status("nobody is there",
            rue_decide(client, "one", question, &given), RUE_AWAY);
    expect(given.fallback == (place >= 0), "whether there is a fallback");
    expect(given.event[0] == '\0', "a fallback has no event");
    rue_get_counters(client, &counters);
    expect(counters.fallbacks == (place >= 0) && counters.timeouts == 1,
            "it is counted");
    if (place >= 0)
        expect(given.count == 1 && given.chosen == (uint32_t)place &&
                        given.ranking[0] == (uint32_t)place &&
                        strcmp(given.action, action) == 0 &&
                        strcmp(given.actions[0], action) == 0 &&
                        given.propensity == 1 && given.probability[0] == 1,
                "the fallback");
    else
        expect(given.count == 0 && given.action[0] == '\0', "no action");
    rue_close(client);
}

static void falls_back(void)
{
    static const uint32_t first_two[] = {1, 0}, all[] = {0, 1, 2};
    rue_question question = good;

    expect_fallback(RUE_FALLBACK_NONE, &question, -1, "");
    expect_fallback(RUE_FALLBACK_BASELINE, &question, -1, "");
    expect_fallback(RUE_FALLBACK_FIRST, &question, 0, "a");
    question.excluded = first_two;
    question.excluded_count = 2;
    expect_fallback(RUE_FALLBACK_FIRST, &question, 2, "c");
    question.excluded = all;
    question.excluded_count = 3;
    expect_fallback(RUE_FALLBACK_FIRST, &question, -1, "");
    question = good;
    question.has_baseline = 1;
    question.baseline = 1;
    expect_fallback(RUE_FALLBACK_NONE, &question, -1, "");
    expect_fallback(RUE_FALLBACK_BASELINE, &question, 1, "b");
    expect_fallback(RUE_FALLBACK_FIRST, &question, 1, "b");
    question.baseline = 3;
    expect_fallback(RUE_FALLBACK_BASELINE, &question, -1, "");
    /* With a catalogue the client does not know the ids. */
    question = good;
    question.action_count = 0;
    expect_fallback(RUE_FALLBACK_FIRST, &question, 0, "");
}

/* ---- wrong calls ---- */

static void refuses_wrong_options(void)
{
    rue_options options;
    char error[128] = "";

    expect(rue_open(NULL, error, sizeof(error)) == NULL && error[0] != '\0',
            "options are needed");
    rue_options_init(&options);
    options.endpoint = NULL;
    expect(rue_open(&options, NULL, 0) == NULL, "an endpoint is needed");
    options.endpoint = "nonsense";
    expect(rue_open(&options, error, sizeof(error)) == NULL &&
                    strstr(error, "endpoint") != NULL,
            "an endpoint that is one");
    rue_options_init(&options);
    options.timeout_ms = 0;
    expect(rue_open(&options, error, sizeof(error)) == NULL &&
                    strstr(error, "timeout_ms") != NULL,
            "a time-out of 0");
    rue_options_init(&options);
    options.retry_ms = -1;
    expect(rue_open(&options, NULL, 0) == NULL, "a negative retry_ms");
    rue_options_init(&options);
    for (uint32_t most = 0; most <= 65537; most += 65537) {
        options.in_flight_max = most;
        expect(rue_open(&options, error, sizeof(error)) == NULL &&
                        strstr(error, "in_flight_max") != NULL,
                "in_flight_max out of bounds");
    }
    rue_close(NULL);
}

static void expect_invalid(
        rue_client *client, const rue_question *question, const char *text)
{
    rue_answer given;

    expect_status(
            text, rue_decide(client, "one", question, &given), RUE_INVALID);
    if (strstr(rue_error(client), text) == NULL ||
            strcmp(given.message, rue_error(client)) != 0)
        broken(text, rue_error(client));
    expect(given.count == 0 && given.event[0] == '\0' && !given.fallback,
            "an answer that is none");
}

static void refuses_wrong_numbers(rue_client *client)
{
    static const double bad[] = {NAN, INFINITY, -1e16};
    rue_named named = {.name = "n"};
    rue_question question;

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        float single = (float)bad[i];
        question = good;
        question.context = &bad[i];
        expect_invalid(client, &question, "context: not a number");
        question.context = NULL;
        question.context_f32 = &single;
        expect_invalid(client, &question, "context: not a number");
        question = good;
        named.value = bad[i];
        question.named = &named;
        question.named_count = 1;
        expect_invalid(client, &question, "named.value");
        expect_status("feedback",
                rue_feedback(client, "one", "e", bad[i], NULL, NULL),
                RUE_INVALID);
    }
}

static void refuses_missing_lists(rue_client *client)
{
    rue_question question = good;
    rue_action_named entry = {.named_count = 1};

    question.context = NULL;
    expect_invalid(client, &question, "context: give either");
    question = good;
    question.actions = NULL;
    expect_invalid(client, &question, "action: 3 are announced");
    question = good;
    question.excluded_count = 2;
    expect_invalid(client, &question, "excluded: 2 are announced");
    question = good;
    question.group_count = 1;
    expect_invalid(client, &question, "group: 1 are announced");
    question = good;
    question.named_count = 1;
    expect_invalid(client, &question, "named: 1 are announced");
    question = good;
    question.action_named_count = 1;
    expect_invalid(client, &question, "action_named: 1 are announced");
    question.action_named = &entry;
    expect_invalid(client, &question, "named: 1 are announced");
    expect_invalid(client, NULL, "questions: 1 are announced");
}

static void refuses_wrong_requests(rue_client *client)
{
    static const char long_id[] =
            "0123456789012345678901234567890123456789012345678901234567890"
            "1234";
    static rue_question many[1025];
    rue_request request = {.problem = "one"};
    rue_question question = good;
    rue_service_status status;
    rue_answer given;
    rue_reply reply;

    question.event = long_id;
    expect_invalid(client, &question, "event: a text of 1 to 64 bytes");
    question.event = "";
    expect_invalid(client, &question, "event: a text of 1 to 64 bytes");
    expect_status("nothing", rue_call(client, &request, &reply), RUE_INVALID);
    expect_status(
            "no request", rue_send(client, NULL, NULL, NULL), RUE_INVALID);
    request.questions = many;
    request.question_count = 1025;
    expect_status("1,025 questions", rue_send(client, &request, NULL, NULL),
            RUE_INVALID);
    expect_status(
            "no problem", rue_decide(client, NULL, &good, &given), RUE_INVALID);
    expect_status("no event", rue_feedback(client, "one", NULL, 1, NULL, NULL),
            RUE_INVALID);
    expect_status(
            "no event", rue_activate(client, "one", NULL, NULL), RUE_INVALID);
    expect_status("a long name", rue_get_status(client, long_id, &status),
            RUE_INVALID);
}

static void refuses_wrong_calls(void)
{
    rue_client *client =
            client_of(service.endpoint, 20000, 1, RUE_FALLBACK_FIRST);
    rue_answer given;

    refuses_wrong_numbers(client);
    refuses_missing_lists(client);
    refuses_wrong_requests(client);
    expect(rue_in_flight(client) == 0, "none of them is in flight");
    expect_status("what is right is served",
            rue_decide(client, "one", &good, &given), RUE_OK);
    expect_status("what the service refuses",
            rue_decide(client, "nobody", &good, &given), RUE_UNKNOWN_PROBLEM);
    expect(!given.fallback, "a refusal has no fallback");
    rue_close(client);
}

/* ---- pipelining ---- */

#define PIPELINED   2000u
#define AGAIN       200u /* of them send a second request from the callback */
#define SENT_IN_ALL (PIPELINED + AGAIN)

struct pipeline {
    rue_client *client;
    struct turn {
        struct pipeline *pipeline;
        uint32_t number, round;
        char events[2][16];
    } turns[PIPELINED];
    uint32_t over;
};

static void send_turn(struct turn *turn);

/* Each reply is to its own request, its answers in the questions' order; the
 * next request leaves from here. */
static void turn_over(void *self, const rue_reply *reply)
{
    struct turn *turn = self;

    if (reply->status != RUE_OK || reply->answer_count != 2)
        broken("a pipelined request", reply->message);
    for (int i = 0; i < 2; i++)
        if (reply->answers[i].status != RUE_OK ||
                strcmp(reply->answers[i].event, turn->events[i]) != 0)
            broken("an answer", "belongs to another question");
    turn->pipeline->over++;
    if (turn->round++ == 0 && turn->number < AGAIN)
        send_turn(turn);
}

static void send_turn(struct turn *turn)
{
    rue_question questions[2] = {good, good};
    rue_request request = {
            .problem = "one", .questions = questions, .question_count = 2};

    for (int i = 0; i < 2; i++) {
        (void)snprintf(turn->events[i], sizeof(turn->events[i]), "%u-%u-%d",
                turn->number, turn->round, i);
        questions[i].event = turn->events[i];
    }
    expect_status("send",
            rue_send(turn->pipeline->client, &request, turn_over, turn),
            RUE_OK);
}

static void pipelines(void)
{
    static struct pipeline pipeline;
    double before = service_number(&service, "one", "decisions");
    double end = now_ms() + 240000;
    rue_request request = {
            .problem = "one", .questions = &good, .question_count = 1};
    rue_counters counters;
    rue_answer given;

    pipeline.client = client_retrying(service.endpoint, 240000, 2000, 1, 0);
    for (uint32_t i = 0; i < PIPELINED; i++) {
        pipeline.turns[i].pipeline = &pipeline;
        pipeline.turns[i].number = i;
        send_turn(&pipeline.turns[i]);
    }
    expect(rue_in_flight(pipeline.client) == PIPELINED, "thousands in flight");
    expect_status("a call in between",
            rue_decide(pipeline.client, "one", &good, &given), RUE_OK);
    while (rue_in_flight(pipeline.client) > 0 && now_ms() < end)
        (void)rue_poll(pipeline.client, 1000);
    expect(pipeline.over == SENT_IN_ALL, "each is over once");
    rue_get_counters(pipeline.client, &counters);
    expect(counters.sent == SENT_IN_ALL + 1 &&
                    counters.replies == counters.sent && counters.timeouts == 0,
            "all are counted");
    expect(rue_poll(pipeline.client, 60000) == 0, "with none it does not wait");
    expect(service_number(&service, "one", "decisions") ==
                    before + 2 * SENT_IN_ALL + 1,
            "and each is decided once");
    for (uint32_t i = 0; i < 2048; i++)
        expect_status("up to in_flight_max",
                rue_send(pipeline.client, &request, NULL, NULL), RUE_OK);
    expect_status("more than in_flight_max",
            rue_send(pipeline.client, &request, NULL, NULL), RUE_BUSY);
    rue_close(pipeline.client);
}

static void must_not_come(void *self, const rue_reply *reply)
{
    (void)self;
    broken("a callback after the close", rue_status_name(reply->status));
}

/* Calls in flight are forgotten; and a wait is as long as it should be. */
static void closes_with_calls_in_flight(void)
{
    struct fake fake;
    rue_client *client;
    rue_request request = {
            .problem = "one", .questions = &good, .question_count = 1};
    double start;

    fake_start(&fake, SILENT);
    client = client_of(fake.endpoint, 60000, 1, RUE_FALLBACK_FIRST);
    for (int i = 0; i < 100; i++)
        expect_status("send", rue_send(client, &request, must_not_come, NULL),
                RUE_OK);
    start = now_ms();
    expect(rue_poll(client, 0) == 0, "nothing is over");
    expect(rue_poll(client, 200) == 0, "nothing is over yet");
    expect(now_ms() - start >= 200, "it waited");
    expect(rue_in_flight(client) == 100, "all are in flight");
    rue_close(client);
    fake_stop(&fake);
}

static void count_over(void *self, const rue_reply *reply)
{
    expect_status("given up", reply->status, RUE_AWAY);
    expect(reply->answer_count == 1 && reply->answers[0].fallback,
            "with its fallback");
    (*(uint32_t *)self)++;
}

static void gives_up_pipelined_calls(void)
{
    struct fake fake;
    rue_client *client;
    rue_request request = {
            .problem = "one", .questions = &good, .question_count = 1};
    uint32_t over = 0;

    fake_start(&fake, SILENT);
    client = client_of(fake.endpoint, 200, 1, RUE_FALLBACK_FIRST);
    for (int i = 0; i < 50; i++)
        expect_status(
                "send", rue_send(client, &request, count_over, &over), RUE_OK);
    while (rue_in_flight(client) > 0)
        (void)rue_poll(client, 1000);
    expect(over == 50, "each is given up once");
    rue_close(client);
    fake_stop(&fake);
}

/* ---- a service that comes back ---- */

static void note_reply(void *self, const rue_reply *reply)
{
    rue_status *status = self;

    *status =
            reply->status == RUE_OK ? reply->answers[0].status : reply->status;
}

static void reconnects(void)
{
    rue_client *client = client_of(service.endpoint, 60000, 1, 0);
    rue_request request = {
            .problem = "one", .questions = &good, .question_count = 1};
    rue_status status = RUE_TIMEOUT;
    rue_counters counters;
    rue_answer given;

    for (int i = 0; i < 3; i++) {
        expect_status(
                "before", rue_decide(client, "one", &good, &given), RUE_OK);
        service_kill(&service);
        status = RUE_TIMEOUT;
        expect_status("while it is away",
                rue_send(client, &request, note_reply, &status), RUE_OK);
        expect(rue_poll(client, 100) == 0, "it waits");
        service_start(&service);
        while (rue_in_flight(client) > 0)
            (void)rue_poll(client, 1000);
        expect_status("after", status, RUE_OK);
    }
    rue_get_counters(client, &counters);
    expect(counters.resent > 0, "it was sent again");
    rue_close(client);
}

/* ---- threads: a client each ---- */

static void *player_main(void *self)
{
    rue_client *client = client_of(service.endpoint, 60000, 1, 0);

    for (int i = 0; i < 100; i++) {
        rue_answer given;
        if (rue_decide(client, "one", &good, &given) != RUE_OK ||
                rue_feedback(client, "one", given.event, 1, NULL, NULL) !=
                        RUE_OK)
            broken("on a thread of its own", rue_error(client));
    }
    rue_close(client);
    return self;
}

/* A client may also move to another thread between two calls. */
static void *borrower_main(void *self)
{
    rue_answer given;

    expect_status("on another thread", rue_decide(self, "one", &good, &given),
            RUE_OK);
    return NULL;
}

static void works_on_threads(void)
{
    rue_client *client = client_of(service.endpoint, 60000, 1, 0);
    pthread_t threads[6];
    rue_answer given;

    for (int i = 0; i < 6; i++)
        expect(pthread_create(&threads[i], NULL, player_main, NULL) == 0,
                "a thread");
    for (int i = 0; i < 6; i++)
        (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++) {
        expect_status("here", rue_decide(client, "one", &good, &given), RUE_OK);
        expect(pthread_create(&threads[0], NULL, borrower_main, client) == 0,
                "a thread");
        (void)pthread_join(threads[0], NULL);
    }
    rue_close(client);
}

/* ---- what is answered ---- */

static void reports_and_activates(void)
{
    rue_client *client = client_of(service.endpoint, 60000, 1, 0);
    rue_question question = good;
    rue_receipt receipt;
    rue_answer given;

    question.deferred = 1;
    question.event = "deferred";
    expect_status("a deferred decision",
            rue_decide(client, "one", &question, &given), RUE_OK);
    expect_status("feedback",
            rue_feedback(client, "one", "deferred", 1, "f", &receipt), RUE_OK);
    expect(receipt.held && !receipt.repeated, "is held");
    expect_status("the same feedback",
            rue_feedback(client, "one", "deferred", 1, "f", &receipt), RUE_OK);
    expect(receipt.repeated, "was there");
    expect_status("other feedback of that id",
            rue_feedback(client, "one", "deferred", 0, "f", &receipt),
            RUE_DUPLICATE);
    expect(receipt.message[0] != '\0', "and why");
    expect_status("activate", rue_activate(client, "one", "deferred", &receipt),
            RUE_OK);
    expect_status("activate again",
            rue_activate(client, "one", "deferred", &receipt), RUE_OK);
    expect(receipt.repeated, "was activated");
    expect_status("activate nothing",
            rue_activate(client, "one", "never", &receipt), RUE_UNKNOWN_EVENT);
    question.deferred = 0;
    expect_status("the same event asked otherwise",
            rue_decide(client, "one", &question, &given), RUE_DUPLICATE);
    rue_close(client);
}

int main(void)
{
    service_make(&service,
            "problems:\n"
            "  - name: one\n"
            "    context: [x]\n"
            "    actions: [a, b, c]\n"
            "    policy: {oracle: ridge, explorer: epsilon}\n");
    tries_again();
    passes_the_reason_on();
    falls_back();
    refuses_wrong_options();
    closes_with_calls_in_flight();
    gives_up_pipelined_calls();
    service_start(&service);
    refuses_wrong_calls();
    pipelines();
    works_on_threads();
    reports_and_activates();
    reconnects();
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
    service_verify(&service);
    service_remove(&service);
    return 0;
}
