#include "sim/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS       1000
#define PROGRESS_EACH 64u

/* A round between its question and its feedback. */
struct round {
    struct play *play;
    uint32_t index;
    char event[RUE_ID_SIZE];
    double outcome;
    rue_cause cause;
    uint32_t due; /* round at which the feedback is reported */
    struct round *next; /* in a list of those due then, or of free ones */
};

struct play {
    const struct play_settings *settings;
    struct play_report *report;
    rue_client *client;
    struct round **due; /* [rounds + 1] feedback that falls due */
    struct round *pool, *free;
    uint32_t rounds, asked, answered, reported, to_report;
    int status;
    struct err *err;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void stop(struct play *play, rue_status status, const char *what,
        const char *message)
{
    if (play->status == 0)
        play->status = err_set(
                play->err, (enum status)status, "%s: %s", what, message);
}

/* ---- feedback ---- */

static void feedback_done(void *self, const rue_reply *reply)
{
    struct round *round = self;
    struct play *play = round->play;

    round->next = play->free;
    play->free = round;
    play->reported++;
    if (reply->status != RUE_OK || reply->receipt_count != 1)
        stop(play, reply->status, "feedback", reply->message);
    else if (reply->receipts[0].status != RUE_OK)
        stop(play, reply->receipts[0].status, "feedback",
                reply->receipts[0].message);
    else
        play->report->repeated += reply->receipts[0].repeated != 0;
}

static void send_feedback(struct play *play, struct round *round)
{
    rue_report report = {.event = round->event,
            .value = round->outcome,
            .cause = round->cause};
    rue_request request = {.problem = play->settings->problem,
            .reports = &report,
            .report_count = 1};
    rue_status status = rue_send(play->client, &request, feedback_done, round);

    play->report->feedbacks++;
    if (status != RUE_OK)
        stop(play, status, "feedback", rue_error(play->client));
}

/* Reports everything that is due by the round that is asked next. */
static void send_due(struct play *play)
{
    uint32_t at = play->asked < play->rounds ? play->asked : play->rounds;

    while (play->due[at] != NULL) {
        struct round *round = play->due[at];
        play->due[at] = round->next;
        send_feedback(play, round);
    }
}

/* ---- decisions ---- */

static void schedule(struct play *play, struct round *round)
{
    const struct world_functions *functions = play->settings->functions;
    int32_t delay = functions->delay(play->settings->world, round->index);

    if (delay < 0) {
        round->next = play->free;
        play->free = round;
        return;
    }
    play->to_report++;
    round->due = round->index + (uint32_t)delay;
    if (round->due < play->asked)
        round->due = play->asked;
    if (round->due > play->rounds)
        round->due = play->rounds;
    round->next = play->due[round->due];
    play->due[round->due] = round;
}

static void take_answer(
        struct play *play, struct round *round, const rue_answer *answer)
{
    const struct world_functions *functions = play->settings->functions;
    struct world *world = play->settings->world;
    uint32_t quarter = play->rounds / 4;
    double value = 0.0;

    if (functions->score(world, round->index, answer, &value, play->err) != 0) {
        play->status = STATUS_INVALID;
        return;
    }
    play->report->learned.mean += value / play->rounds;
    if (quarter > 0 && round->index >= play->rounds - quarter)
        play->report->learned.last_quarter += value / quarter;
    play->report->repeated += answer->repeated != 0;
    (void)snprintf(round->event, sizeof(round->event), "%s", answer->event);
    round->outcome = functions->outcome(world, round->index, answer);
    if (functions->cause != NULL)
        round->cause = functions->cause(world, round->index, answer);
    schedule(play, round);
}

static void decide_done(void *self, const rue_reply *reply)
{
    struct round *round = self;
    struct play *play = round->play;

    play->answered++;
    if (reply->status != RUE_OK || reply->answer_count != 1)
        stop(play, reply->status, "decide", reply->message);
    else if (reply->answers[0].status != RUE_OK)
        stop(play, reply->answers[0].status, "decide",
                reply->answers[0].message);
    else
        take_answer(play, round, &reply->answers[0]);
}

static void send_decide(struct play *play)
{
    const struct world_functions *functions = play->settings->functions;
    struct round *round = play->free;
    rue_question question;
    rue_request request = {.problem = play->settings->problem,
            .questions = &question,
            .question_count = 1};
    rue_status status;

    play->free = round->next;
    round->index = play->asked++;
    memset(&question, 0, sizeof(question));
    functions->question(play->settings->world, round->index, &question);
    status = rue_send(play->client, &request, decide_done, round);
    play->report->decisions++;
    if (status != RUE_OK)
        stop(play, status, "decide", rue_error(play->client));
}

/* ---- the play ---- */

static bool may_ask(const struct play *play)
{
    uint32_t window = play->settings->functions->window;

    if (play->asked == play->rounds || play->free == NULL)
        return false;
    if (window == 1)
        return play->answered == play->asked &&
                play->reported == play->to_report &&
                play->due[play->asked] == NULL;
    return play->asked - play->answered < window &&
            rue_in_flight(play->client) < 2 * window;
}

static bool over(const struct play *play)
{
    return play->answered == play->rounds &&
            play->reported == play->to_report &&
            play->due[play->rounds] == NULL;
}

static void play_rounds(struct play *play)
{
    while (play->status == 0 && !over(play)) {
        send_due(play);
        while (play->status == 0 && may_ask(play)) {
            send_decide(play);
            if (play->settings->functions->window > 1)
                send_due(play);
        }
        (void)rue_poll(play->client, POLL_MS);
        if (play->settings->progress != NULL &&
                play->answered % PROGRESS_EACH == 0)
            play->settings->progress(
                    play->settings->self, play->answered, play->rounds);
    }
    if (play->settings->progress != NULL && play->status == 0)
        play->settings->progress(
                play->settings->self, play->rounds, play->rounds);
}

static rue_client *open_client(
        const struct play_settings *settings, struct err *err)
{
    rue_options options;
    rue_client *client;
    char error[128];

    rue_options_init(&options);
    options.endpoint = settings->endpoint;
    options.timeout_ms = settings->timeout_ms;
    options.retry_ms = 200;
    client = rue_open(&options, error, sizeof(error));
    if (client == NULL)
        (void)err_set(err, STATUS_INVALID, "%s", error);
    return client;
}

static int prepare(struct play *play, struct err *err)
{
    play->rounds = play->settings->functions->rounds(play->settings->world);
    play->due = calloc((size_t)play->rounds + 1, sizeof(*play->due));
    play->pool = calloc((size_t)play->rounds + 1, sizeof(*play->pool));
    if (play->due == NULL || play->pool == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < play->rounds; i++) {
        play->pool[i].play = play;
        play->pool[i].next = play->free;
        play->free = &play->pool[i];
    }
    play->client = open_client(play->settings, err);
    return play->client == NULL ? STATUS_INVALID : 0;
}

int play_run(const struct play_settings *settings, struct play_report *report,
        struct err *err)
{
    struct play play = {.settings = settings, .report = report, .err = err};
    double start = now_s();
    rue_counters counters = {0};
    int status;

    memset(report, 0, sizeof(*report));
    status = prepare(&play, err);
    if (status == 0) {
        play_rounds(&play);
        status = play.status;
        rue_get_counters(play.client, &counters);
    }
    (void)snprintf(
            report->learned.name, sizeof(report->learned.name), "learned");
    report->learned.rounds = play.rounds;
    report->resent = counters.resent;
    report->seconds = now_s() - start;
    if (status == 0)
        report->row_count =
                settings->functions->baselines(settings->world, report->rows);
    rue_close(play.client);
    free(play.due);
    free(play.pool);
    return status;
}
