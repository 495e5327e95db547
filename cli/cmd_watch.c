#include "cli/log_line.h"
#include "cli/options.h"
#include "client/listener.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENDPOINT "tcp://127.0.0.1:5752"

static const char help[] =
        "usage: rue watch [TOPIC]... [--problem NAME] [--connect ENDPOINT]\n"
        "                 [--count N] [--timeout MS] [--json]\n"
        "\n"
        "Prints what a service publishes (its setting events.listen), a line a\n"
        "notice, until it is interrupted. Topics: decision (the share of them\n"
        "that events.decisions says), generation, alarm, status (once a\n"
        "second); all of them if none is named. It may be started before the\n"
        "service, and stays when that restarts. What it was too slow for is\n"
        "counted on stderr.\n"
        "\n"
        "  --problem NAME      only what is about this problem\n"
        "  --connect ENDPOINT  default " ENDPOINT "\n"
        "  --count N           end after N notices\n"
        "  --timeout MS        end with exit status 1 when none came for so long\n"
        "  --json              a JSON object a line\n"
        "\n"
        "Example:\n"
        "  rue watch alarm generation --json\n";

#define ARENA_BYTES ((size_t)16 << 20)
/* Streams of notices whose numbers are followed; more are printed all the
 * same. */
#define STREAMS_MAX 4096u
/* Of a name or a sentence as it is printed. */
#define TEXT_SIZE 256

/* The notices of a topic and problem, whose numbers have no gaps. */
struct stream {
    enum notice_topic topic;
    char problem[ID_BYTES_MAX + 1];
    uint64_t service, number;
};

struct watch_command {
    const char *endpoint;
    enum notice_topic topics[TOPICS];
    uint32_t topic_count;
    const char *problem;
    uint64_t count, timeout; /* 0: none */
    bool json;
    struct listener *listener;
    struct arena arena;
    struct stream *streams; /* [STREAMS_MAX] */
    uint32_t stream_count;
    bool connected;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- what was lost ---- */

static struct stream *stream_of(
        struct watch_command *command, const struct notice *notice)
{
    enum notice_topic topic = notice_topic(notice);
    struct stream *stream;

    for (uint32_t i = 0; i < command->stream_count; i++) {
        stream = &command->streams[i];
        if (stream->topic == topic &&
                bytes_equal(notice->problem, bytes_of_text(stream->problem)))
            return stream;
    }
    if (command->stream_count == STREAMS_MAX)
        return NULL;
    stream = &command->streams[command->stream_count++];
    stream->topic = topic;
    if (notice->problem.size > 0)
        memcpy(stream->problem, notice->problem.data, notice->problem.size);
    return stream;
}

static void note_gap(struct watch_command *command, const struct notice *notice)
{
    struct stream *stream = stream_of(command, notice);

    if (stream == NULL)
        return;
    if (stream->service == notice->service &&
            notice->number > stream->number + 1)
        fprintf(stderr, "rue watch: %" PRIu64 " notices lost: %s %s\n",
                notice->number - stream->number - 1,
                notice_topic_name(stream->topic), stream->problem);
    stream->service = notice->service;
    stream->number = notice->number;
}

/* ---- text ---- */

static void print_bytes(const char *key, struct bytes value)
{
    char text[TEXT_SIZE];

    if (value.size > 0)
        printf(" %s=%s", key, bytes_text(value, text, sizeof(text)));
}

static void print_generation(const struct generation_told *told)
{
    static const char *const verdicts[] = {"none", "pass", "block"};

    printf(" stored generation=%" PRIu64 " parent=%" PRIu64 " rows=%" PRIu64
           " effective=%.6g verdict=%s",
            told->number, told->parent, told->rows, told->effective,
            told->verdict < ARRAY_COUNT(verdicts) ? verdicts[told->verdict]
                                                  : "?");
    if (told->estimate.given)
        printf(" gain=%.6g lower=%.6g upper=%.6g", told->estimate.value,
                told->estimate.lower, told->estimate.upper);
    if (told->why.size > 0) {
        char why[TEXT_SIZE];
        printf(" why=\"%s\"", bytes_text(told->why, why, sizeof(why)));
    }
}

static void print_status(const struct status_answer *answer)
{
    char text[TEXT_SIZE];

    print_bytes("policy", answer->policy);
    if (answer->policy.size > 0)
        printf(" generation=%" PRIu64, answer->generation);
    for (uint32_t i = 0; i < answer->number_count; i++)
        printf(" %s=%.10g",
                bytes_text(answer->number[i].name, text, sizeof(text)),
                answer->number[i].value);
}

static void print_text(
        const struct notice *notice, const union any_record *record)
{
    log_line_time(notice->time);
    printf(" %s", notice_topic_name(notice_topic(notice)));
    print_bytes("problem", notice->problem);
    if (notice->sequence > 0)
        printf(" record=%" PRIu64, notice->sequence);
    if (notice->generation != NULL)
        print_generation(notice->generation);
    if (notice->status != NULL)
        print_status(notice->status);
    if (notice->kind != 0) {
        print_bytes("event", record->head.event);
        print_bytes("action", notice->action);
        log_line_details(record);
    }
    putchar('\n');
}

/* ---- JSON ---- */

static json_t *json_of_generation(const struct generation_told *told)
{
    json_t *value = json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}", "number",
            (json_int_t)told->number, "parent", (json_int_t)told->parent,
            "rows", (json_int_t)told->rows, "effective", told->effective,
            "verdict", (json_int_t)told->verdict, "bytes",
            (json_int_t)told->bytes);

    if (told->estimate.given)
        (void)json_object_set_new(value, "estimate",
                json_pack("{s:f, s:f, s:f, s:f}", "value", told->estimate.value,
                        "lower", told->estimate.lower, "upper",
                        told->estimate.upper, "alpha", told->estimate.alpha));
    (void)json_object_set_new(value, "why", cli_json_text(told->why));
    return value;
}

static json_t *json_of_status(const struct status_answer *answer)
{
    json_t *value = json_object(), *numbers = json_object();
    char name[TEXT_SIZE];

    if (answer->policy.size > 0) {
        (void)json_object_set_new(
                value, "policy", cli_json_text(answer->policy));
        (void)json_object_set_new(value, "generation",
                json_integer((json_int_t)answer->generation));
    }
    for (uint32_t i = 0; i < answer->number_count; i++)
        (void)json_object_set_new(numbers,
                bytes_text(answer->number[i].name, name, sizeof(name)),
                json_real(answer->number[i].value));
    (void)json_object_set_new(value, "numbers", numbers);
    return value;
}

static void print_json(
        const struct notice *notice, const union any_record *record)
{
    char service[17];
    json_t *line;

    (void)snprintf(service, sizeof(service), "%016" PRIx64, notice->service);
    line = json_pack("{s:s, s:s, s:I, s:I}", "topic",
            notice_topic_name(notice_topic(notice)), "service", service,
            "number", (json_int_t)notice->number, "time_ns",
            (json_int_t)notice->time);
    if (notice->problem.size > 0)
        (void)json_object_set_new(
                line, "problem", cli_json_text(notice->problem));
    if (notice->share > 0.0)
        (void)json_object_set_new(line, "share", json_real(notice->share));
    if (notice->action.size > 0)
        (void)json_object_set_new(
                line, "action", cli_json_text(notice->action));
    if (notice->generation != NULL)
        (void)json_object_set_new(
                line, "generation", json_of_generation(notice->generation));
    if (notice->status != NULL)
        (void)json_object_set_new(
                line, "status", json_of_status(notice->status));
    if (notice->kind != 0)
        (void)json_object_set_new(line, "record",
                log_line_json(notice->sequence, notice->problem, record));
    cli_print_json(line);
}

/* ---- watching ---- */

static int print_notice(struct watch_command *command,
        const struct notice *notice, struct err *err)
{
    union any_record record;

    arena_reset(&command->arena);
    if (notice->kind != 0 &&
            record_decode(notice->kind, notice->record, &command->arena,
                    &record, err) != 0)
        return err->status;
    note_gap(command, notice);
    if (command->json)
        print_json(notice, &record);
    else
        print_text(notice, &record);
    return fflush(stdout) == 0
            ? 0
            : err_set(err, STATUS_IO, "the output cannot be written");
}

/* Says so on a terminal when the service comes or goes. */
static void note_connection(struct watch_command *command)
{
    bool connected = listener_connected(command->listener);

    if (connected != command->connected && isatty(STDERR_FILENO))
        fprintf(stderr, "rue watch: %s %s\n",
                connected ? "connected to" : "waiting for", command->endpoint);
    command->connected = connected;
}

/* How often it is looked whether the service is there. */
#define LOOK_MS 500

static int next_notice(
        struct watch_command *command, struct notice *notice, struct err *err)
{
    uint64_t waited = 0;
    int status;

    do {
        uint64_t turn = LOOK_MS;
        if (command->timeout > 0 && command->timeout - waited < turn)
            turn = command->timeout - waited;
        status = listener_next(command->listener, (int)turn, notice, err);
        note_connection(command);
        waited += turn;
    } while (status == STATUS_TIMEOUT && !interrupted &&
            (command->timeout == 0 || waited < command->timeout));
    return status;
}

static int watch(struct watch_command *command)
{
    struct notice notice;
    struct err err;
    int status = 0;

    for (uint64_t seen = 0;
            status == 0 && (command->count == 0 || seen < command->count);
            seen++) {
        status = next_notice(command, &notice, &err);
        if (interrupted)
            return 0;
        if (status == 0)
            status = print_notice(command, &notice, &err);
    }
    return status == 0 ? 0 : cli_fail("watch", &err);
}

static int run(struct watch_command *command)
{
    struct bytes problem = command->problem == NULL
            ? bytes_of(NULL, 0)
            : bytes_of_text(command->problem);
    struct sigaction action = {.sa_handler = interrupt};
    struct err err;
    int status = listener_open(&command->listener, command->endpoint,
            command->topics, command->topic_count, problem, &err);

    if (status != 0)
        return cli_fail("watch", &err);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    command->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    command->streams = calloc(STREAMS_MAX, sizeof(*command->streams));
    if (command->arena.data == NULL || command->streams == NULL) {
        (void)err_set(&err, STATUS_INTERNAL, "no memory");
        status = cli_fail("watch", &err);
    } else {
        status = watch(command);
    }
    listener_close(command->listener);
    free(command->arena.data);
    free(command->streams);
    return status;
}

static int take_topics(struct watch_command *command, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        enum notice_topic topic;
        bool known = notice_topic_of(argv[i], &topic);
        if (!known || command->topic_count == TOPICS)
            return cli_usage("watch", "'%s': %s", argv[i],
                    known ? "too many topics"
                          : "the topics are decision, generation, alarm and "
                            "status");
        command->topics[command->topic_count++] = topic;
    }
    for (uint32_t i = 0; argc == 0 && i < TOPICS; i++)
        command->topics[command->topic_count++] = (enum notice_topic)i;
    return 0;
}

int cmd_watch(int argc, char **argv)
{
    struct watch_command command = {.endpoint = ENDPOINT};
    const struct cli_option options[] = {
            CLI_TEXT("problem", &command.problem),
            CLI_TEXT("connect", &command.endpoint),
            CLI_ANY_COUNT("count", &command.count),
            CLI_TIMEOUT(&command.timeout),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (take_topics(&command, argc - optind, argv + optind) != 0)
        return EXIT_USAGE;
    return run(&command);
}
