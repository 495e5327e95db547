/* One decision and its feedback, from C.
 *
 *   decide ENDPOINT       (a service with the problem `demo` of
 *                          examples/demo.yaml)
 *
 * Build: cc decide.c $(pkg-config --cflags --libs rue) */
#include <rue/rue.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    rue_options options;
    rue_client *client;
    char error[128];
    rue_answer answer;
    double context[] = {0.3, 0.7};
    rue_question question = {.context = context, .context_count = 2};

    rue_options_init(&options);
    if (argc > 1)
        options.endpoint = argv[1];
    client = rue_open(&options, error, sizeof(error));
    if (client == NULL) {
        fprintf(stderr, "decide: %s\n", error);
        return 1;
    }
    if (rue_decide(client, "demo", &question, &answer) != RUE_OK) {
        fprintf(stderr, "decide: %s: %s\n", rue_status_name(answer.status),
                answer.message);
        rue_close(client);
        return 1;
    }
    printf("event %s: take %s (probability %.3f, %s)\n", answer.event,
            answer.action, answer.propensity, answer.policy);

    /* Later, when the application knows what came of it: */
    if (rue_feedback(client, "demo", answer.event, 1.0, NULL, NULL) != RUE_OK) {
        fprintf(stderr, "feedback: %s\n", rue_error(client));
        rue_close(client);
        return 1;
    }
    printf("reward 1 reported\n");
    rue_close(client);
    return 0;
}
