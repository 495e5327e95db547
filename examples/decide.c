/* One decision and its feedback, from C.
 *
 *     rued --config demo.yaml --data /tmp/rue-demo &
 *     cc decide.c $(pkg-config --cflags --libs rue) -o decide
 *     ./decide [ENDPOINT] */
#include <rue/rue.h>
#include <stdio.h>

#define TRIES 3

/* The library sends a request again by itself until timeout_ms are over. Who
 * goes on after that asks under the same id: if the service has an answer to
 * it already, that is the answer. */
static int worth_another_try(rue_status status)
{
    return status == RUE_TIMEOUT || status == RUE_AWAY;
}

/* Which action, given what is known now? */
static rue_status decide(
        rue_client *client, const char *event, rue_answer *answer)
{
    static const double context[] = {0.3, 0.7}; /* the problem's x and y */
    static const rue_named features[] = {
            {.name = "country", .text = "PT"},
            {.name = "visits", .value = 3},
    };
    static const char *const actions[] = {"left", "right"}; /* today */
    const rue_question question = {
            .event = event,
            .context = context,
            .context_count = 2,
            .named = features,
            .named_count = 2,
            .actions = actions,
            .action_count = 2,
    };
    rue_status status = RUE_AWAY;

    for (int i = 0; i < TRIES && worth_another_try(status); i++)
        status = rue_decide(client, "demo", &question, answer);
    return status;
}

/* Later: what came of it. An event may have several feedbacks; this one is
 * its `sale`, so that reporting it again changes nothing. */
static rue_status report(rue_client *client, const char *event, double reward)
{
    rue_status status = RUE_AWAY;

    for (int i = 0; i < TRIES && worth_another_try(status); i++)
        status = rue_feedback(client, "demo", event, reward, "sale", NULL);
    return status;
}

static int run(rue_client *client)
{
    char event[RUE_ID_SIZE];
    rue_answer answer;
    rue_status status;

    rue_make_id(client, event);
    status = decide(client, event, &answer);
    if (status == RUE_OK) {
        printf("event %s: take %s (probability %.3f, %s)\n", event,
                answer.action, answer.propensity, answer.policy);
        status = report(client, event, 1.0);
    }
    if (status != RUE_OK) {
        fprintf(stderr, "decide: %s: %s\n", rue_status_name(status),
                rue_error(client));
        return 1;
    }
    printf("reward 1 reported\n");
    return 0;
}

int main(int argc, char **argv)
{
    rue_options options;
    rue_client *client;
    char error[128];
    int status;

    rue_options_init(&options);
    if (argc > 1)
        options.endpoint = argv[1];
    client = rue_open(&options, error, sizeof(error));
    if (client == NULL) {
        fprintf(stderr, "decide: %s\n", error);
        return 1;
    }
    status = run(client);
    rue_close(client);
    return status;
}
