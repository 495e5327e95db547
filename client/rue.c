/* What every client has, whatever answers it: the functions for one item, over
 * the table of the client's kind (socket.c: a service; local/: an engine in
 * this process). */
#include "client/internal.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

const struct errand client_no_errand = {.kind = ERRAND_NONE};

bool client_init(rue_client *client, const struct client_functions *call)
{
    client->call = call;
    return getrandom(&client->ids.maker, sizeof(client->ids.maker), 0) ==
            (ssize_t)sizeof(client->ids.maker);
}

void rue_close(rue_client *client)
{
    if (client != NULL)
        client->call->close(client);
}

uint64_t client_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

rue_status rue_send(rue_client *client, const rue_request *request,
        rue_done *done, void *self)
{
    return client->call->send(client, request, done, self);
}

size_t rue_poll(rue_client *client, int timeout_ms)
{
    return client->call->poll(client, timeout_ms);
}

const char *rue_status_name(rue_status status)
{
    static const char *const names[] = {"OK", "INVALID", "UNKNOWN_PROBLEM",
            "UNKNOWN_EVENT", "DUPLICATE", "DENIED", "BUSY", "STORAGE_FULL",
            "INTERNAL", "UNSUPPORTED", "CORRUPT", "IO", "TIMEOUT", "AWAY",
            "NOT_FOUND"};

    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status]
                                                               : "?";
}

const char *rue_error(const rue_client *client)
{
    return client->error;
}

size_t rue_in_flight(const rue_client *client)
{
    return client->in_flight;
}

void rue_get_counters(const rue_client *client, rue_counters *counters)
{
    *counters = client->counters;
}

void rue_make_id(rue_client *client, char id[RUE_ID_SIZE])
{
    event_id_make(&client->ids, client_wall_ms(), id);
    id[EVENT_ID_SIZE] = '\0';
}

rue_status client_fail(
        rue_client *client, rue_status status, const char *sentence)
{
    if (sentence != client->error)
        (void)snprintf(client->error, sizeof(client->error), "%s", sentence);
    return status;
}

rue_status rue_call(
        rue_client *client, const rue_request *request, rue_reply *reply)
{
    return client->call->call(client, request, &client_no_errand, reply);
}

rue_status rue_decide(rue_client *client, const char *problem,
        const rue_question *question, rue_answer *answer)
{
    rue_request request = {
            .problem = problem, .questions = question, .question_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    if (reply.answer_count == 1) {
        *answer = reply.answers[0];
        if (answer->status != RUE_OK)
            return client_fail(client, answer->status, answer->message);
        return RUE_OK;
    }
    memset(answer, 0, sizeof(*answer));
    answer->status = status == RUE_OK ? RUE_INTERNAL : status;
    answer->message = client->error;
    answer->event = "";
    answer->action = "";
    answer->policy = "";
    return answer->status;
}

/* The one receipt of a reply, or the failure of the whole. */
static rue_status one_receipt(rue_client *client, rue_status status,
        const rue_receipt *receipts, size_t count, rue_receipt *out)
{
    rue_receipt receipt = {.status = status == RUE_OK ? RUE_INTERNAL : status,
            .message = client->error};

    if (status == RUE_OK && count == 1)
        receipt = receipts[0];
    if (out != NULL)
        *out = receipt;
    if (receipt.status != RUE_OK)
        return client_fail(client, receipt.status, receipt.message);
    return RUE_OK;
}

rue_status rue_feedback(rue_client *client, const char *problem,
        const char *event, double value, const char *id, rue_receipt *receipt)
{
    rue_report report = {.event = event, .value = value, .id = id};

    return rue_tell(client, problem, &report, receipt);
}

rue_status rue_tell(rue_client *client, const char *problem,
        const rue_report *report, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .reports = report, .report_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    return one_receipt(
            client, status, reply.receipts, reply.receipt_count, receipt);
}

rue_status rue_activate(rue_client *client, const char *problem,
        const char *event, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .activates = &event, .activate_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    return one_receipt(
            client, status, reply.activations, reply.activation_count, receipt);
}

/* A call for an errand. */
static rue_status run_errand(rue_client *client, const char *problem,
        struct errand errand, struct errand_answer *answer)
{
    rue_request request = {.problem = problem};
    rue_reply reply;
    rue_status result;

    client->answer = answer;
    result = client->call->call(client, &request, &errand, &reply);
    client->answer = NULL;
    return result;
}

rue_status rue_get_status(
        rue_client *client, const char *problem, rue_service_status *status)
{
    struct errand_answer answer = {.status = status};
    rue_status result;

    memset(status, 0, sizeof(*status));
    result = run_errand(
            client, problem, (struct errand){.kind = ERRAND_STATUS}, &answer);
    /* A late reply to another question may have been read into it. */
    if (result != RUE_OK)
        memset(status, 0, sizeof(*status));
    return result;
}

static rue_status run_receipt(rue_client *client, const char *problem,
        struct errand errand, int *already)
{
    struct errand_answer answer = {0};
    rue_status result = run_errand(client, problem, errand, &answer);

    if (already != NULL)
        *already = result == RUE_OK && answer.receipt.repeated;
    if (result != RUE_OK)
        return result;
    if (!answer.has_receipt)
        return client_fail(
                client, RUE_INTERNAL, "the service said nothing to it");
    if (answer.receipt.status != RUE_OK)
        return client_fail(
                client, answer.receipt.status, answer.receipt.message);
    return RUE_OK;
}

rue_status rue_retrain(rue_client *client, const char *problem, int *already)
{
    return run_receipt(
            client, problem, (struct errand){.kind = ERRAND_RETRAIN}, already);
}

rue_status rue_promote(rue_client *client, const char *problem,
        uint64_t generation, int *already)
{
    return run_receipt(client, problem,
            (struct errand){.kind = ERRAND_PROMOTE, .generation = generation},
            already);
}

rue_status rue_try(rue_client *client, const char *problem, uint64_t generation,
        double share, int *already)
{
    return run_receipt(client, problem,
            (struct errand){.kind = ERRAND_PROMOTE,
                    .generation = generation,
                    .trial = true,
                    .share = share},
            already);
}

static bool is_on_trial(const rue_service_status *status)
{
    for (size_t i = 0; i < status->number_count; i++)
        if (strcmp(status->numbers[i].name, "trial_generation") == 0)
            return true;
    return false;
}

rue_status rue_rollback(rue_client *client, const char *problem)
{
    struct errand errand = {.kind = ERRAND_ROLLBACK};
    rue_service_status status;
    rue_status result = rue_get_status(client, problem, &status);

    if (result != RUE_OK)
        return result;
    /* A request that is sent twice must not go back twice: it says what serves,
     * which a trial that leaves does not change. So a trial is sent away by
     * having serve what serves. */
    if (is_on_trial(&status))
        errand.kind = ERRAND_PROMOTE;
    errand.generation = status.generation;
    return run_receipt(client, problem, errand, NULL);
}

rue_status rue_get_generations(
        rue_client *client, const char *problem, rue_generations *generations)
{
    struct errand_answer answer = {.generations = generations};
    rue_status result;

    memset(generations, 0, sizeof(*generations));
    result = run_errand(client, problem,
            (struct errand){.kind = ERRAND_GENERATIONS}, &answer);
    if (result != RUE_OK)
        memset(generations, 0, sizeof(*generations));
    return result;
}
