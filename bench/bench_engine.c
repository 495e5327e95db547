/* What one event costs in the engine, without sockets and disk, stage by
 * stage: parsing the request, the step (look the event up, decide or learn,
 * encode the record), packing the reply. Ridge + squarecb, 10 actions: `mixed`
 * is 10 columns of the context and 20 of each action, as bench_service sends
 * them, `catalogue` is 30 of the context and one model per action.
 *
 * `engine_decides` is decisions a second of the step alone, `engine_rounds` of
 * a decide step and its feedback step. Medians of the turns; TURNS=N in the
 * environment. WATCHED=1: with somebody looking on (service/engine/pulse.h), as
 * in a service with HTTP. */
#include "bench/measure.h"
#include "proto/rue.pb-c.h"
#include "proto/wire.h"
#include "sim/desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIONS 10u
#define ROWS    64u
/* Turns are short (two milliseconds), so that on a machine with other work most
 * are not interrupted; `_best` is of the fastest one. */
#define EVENTS     512u
#define WARM_UP    64 /* turns: what a model learns first is not typical */
#define TURNS_MAX  4096
#define COLUMNS    30u
#define ARENA      ((size_t)4 << 20)
#define FRAME_SIZE 2048u

enum bench_stage {
    PARSE_DECIDE,
    STEP_DECIDE,
    PACK_DECISION,
    PARSE_FEEDBACK,
    STEP_FEEDBACK,
    PACK_RECEIPT,
    STAGES,
};

static const char *const stage_names[STAGES] = {"parse_decide", "step_decide",
        "pack_decision", "parse_feedback", "step_feedback", "pack_receipt"};

struct bench_shape {
    const char *name;
    uint32_t context, action_columns;
    struct frame {
        uint8_t bytes[FRAME_SIZE];
        size_t size;
    } decide[ROWS], feedback;
    struct desk *desk;
    uint64_t number; /* of the last event */
    double ns[STAGES][TURNS_MAX]; /* per event */
};

static struct bench_shape shapes[] = {
        {.name = "mixed", .context = 10, .action_columns = 20},
        {.name = "catalogue", .context = 30},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static struct arena arena;
static struct err err;

/* ---- frames ---- */

static float feature_of(uint32_t row, uint32_t column)
{
    uint32_t mixed = (row * 31 + column) * 2654435761u;

    return (float)(mixed >> 8) / (float)(1u << 24);
}

static void pack(const Rue__Request *request, struct frame *frame)
{
    frame->size = rue__request__get_packed_size(request);
    if (frame->size > sizeof(frame->bytes))
        give_up("a frame is too large");
    (void)rue__request__pack(request, frame->bytes);
}

static uint8_t problem_name[] = "bench";

static void make_decide(
        const struct bench_shape *shape, uint32_t row, struct frame *frame)
{
    static uint8_t names[ACTIONS][2];
    float shared_values[COLUMNS], action_values[ACTIONS * COLUMNS];
    ProtobufCBinaryData actions[ACTIONS];
    Rue__Matrix shared = RUE__MATRIX__INIT, features = RUE__MATRIX__INIT;
    Rue__Decide decide = RUE__DECIDE__INIT, *list[] = {&decide};
    Rue__Request request = RUE__REQUEST__INIT;
    uint32_t count = ACTIONS * shape->action_columns;

    for (uint32_t i = 0; i < shape->context; i++)
        shared_values[i] = feature_of(row, i);
    for (uint32_t i = 0; i < count; i++)
        action_values[i] = feature_of(row, 1000 + i);
    for (uint32_t a = 0; a < ACTIONS; a++) {
        names[a][0] = 'a';
        names[a][1] = (uint8_t)('0' + a);
        actions[a] = (ProtobufCBinaryData){2, names[a]};
    }
    shared.has_columns = features.has_columns = 1;
    shared.columns = shape->context;
    shared.n_f32 = shape->context;
    shared.f32 = shared_values;
    features.columns = shape->action_columns;
    features.n_f32 = count;
    features.f32 = action_values;
    decide.shared = &shared;
    if (count > 0) {
        decide.action_features = &features;
        decide.n_action = ACTIONS;
        decide.action = actions;
    }
    request.id = 1;
    request.has_problem = 1;
    request.problem = (ProtobufCBinaryData){5, problem_name};
    request.n_decide = 1;
    request.decide = list;
    pack(&request, frame);
}

static void make_feedback(struct frame *frame)
{
    static uint8_t event[] = "01234567890123456789012345";
    static uint8_t once[] = "once";
    Rue__Feedback feedback = RUE__FEEDBACK__INIT, *list[] = {&feedback};
    Rue__Request request = RUE__REQUEST__INIT;

    feedback.event = (ProtobufCBinaryData){26, event};
    feedback.has_value = 1;
    feedback.value = 0.5;
    feedback.has_id = 1;
    feedback.id = (ProtobufCBinaryData){4, once};
    request.id = 1;
    request.has_problem = 1;
    request.problem = (ProtobufCBinaryData){5, problem_name};
    request.n_feedback = 1;
    request.feedback = list;
    pack(&request, frame);
}

/* ---- life ---- */

static void open_shape(struct bench_shape *shape)
{
    struct keyvalue values[COLUMNS + ACTIONS + 3];
    char names[COLUMNS][4], columns[8];
    size_t count = 0;

    (void)snprintf(columns, sizeof(columns), "%u", shape->action_columns);
    values[count++] = (struct keyvalue){.key = bytes_of_text("policy.oracle"),
            .value = bytes_of_text("ridge")};
    values[count++] = (struct keyvalue){.key = bytes_of_text("policy.explorer"),
            .value = bytes_of_text("squarecb")};
    values[count++] = (struct keyvalue){.key = bytes_of_text("action_features"),
            .value = bytes_of_text(columns)};
    for (uint32_t i = 0; i < shape->context; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%u", i);
        values[count++] = (struct keyvalue){.key = bytes_of_text("context"),
                .value = bytes_of_text(names[i])};
    }
    for (uint32_t a = 0; shape->action_columns == 0 && a < ACTIONS; a++)
        values[count++] = (struct keyvalue){.key = bytes_of_text("actions"),
                .value = bytes_of(
                        (const uint8_t *)&"a0a1a2a3a4a5a6a7a8a9"[2 * a], 2)};
    shape->desk = desk_open(bytes_of_text("bench"), values, count, &err);
    if (shape->desk == NULL)
        give_up(err.text);
    if (getenv("WATCHED") != NULL)
        desk_watch(shape->desk);
    for (uint32_t row = 0; row < ROWS; row++)
        make_decide(shape, row, &shape->decide[row]);
    make_feedback(&shape->feedback);
}

/* ---- stages ---- */

static void parse(const struct frame *frame, struct request *request)
{
    arena_reset(&arena);
    if (wire_request_decode(bytes_of(frame->bytes, frame->size), &arena,
                request, &err) != 0)
        give_up(err.text);
}

static void pack_reply(const struct reply *reply)
{
    if (wire_reply_encode(reply, &arena).data == NULL)
        give_up("no room for a reply");
}

/* One event; adds what each stage took to `ns`. */
static void play(struct bench_shape *shape, double ns[STAGES])
{
    const struct decision *decision;
    struct receipt receipt = {.status = STATUS_OK};
    struct request request;
    struct reply reply = {.id = 1};
    uint64_t number = ++shape->number;
    double at[STAGES + 1];

    at[PARSE_DECIDE] = now_ns();
    parse(&shape->decide[number % ROWS], &request);
    at[STEP_DECIDE] = now_ns();
    if (desk_decide(shape->desk, number, &request.decide[0], &decision, &err) !=
            0)
        give_up(err.text);
    at[PACK_DECISION] = now_ns();
    reply.decision = decision;
    reply.decision_count = 1;
    pack_reply(&reply);
    at[PARSE_FEEDBACK] = now_ns();
    parse(&shape->feedback, &request);
    at[STEP_FEEDBACK] = now_ns();
    if (desk_feedback(shape->desk, (double)(number % 5) / 4.0, &err) != 0)
        give_up(err.text);
    at[PACK_RECEIPT] = now_ns();
    reply = (struct reply){.id = 1, .feedback = &receipt, .feedback_count = 1};
    pack_reply(&reply);
    at[STAGES] = now_ns();
    for (int i = 0; i < STAGES; i++)
        ns[i] += at[i + 1] - at[i];
}

/* What reading the clock adds to each stage, when nothing interrupts it. */
static double clock_ns(void)
{
    double least = HUGE_VAL;

    for (int turn = 0; turn < 20; turn++) {
        double start = now_ns(), end = start;
        for (int i = 0; i < 50; i++)
            end = now_ns();
        least = fmin(least, (end - start) / 50);
    }
    return least;
}

static void take_turn(struct bench_shape *shape, int turn)
{
    double ns[STAGES] = {0}, clock = clock_ns();

    for (uint32_t i = 0; i < EVENTS; i++)
        play(shape, ns);
    for (int i = 0; i < STAGES; i++)
        shape->ns[i][turn] = ns[i] / EVENTS - clock;
}

static void print_shape(struct bench_shape *shape, int turns)
{
    double median[STAGES], best[STAGES];

    for (int i = 0; i < STAGES; i++) {
        qsort(shape->ns[i], (size_t)turns, sizeof(shape->ns[i][0]),
                compare_doubles);
        median[i] = shape->ns[i][turns / 2];
        best[i] = shape->ns[i][0];
        printf("%s_%s %.0f ns\n", stage_names[i], shape->name, median[i]);
    }
    printf("engine_decides_%s %.0f 1/s\n", shape->name,
            1e9 / median[STEP_DECIDE]);
    printf("engine_decides_%s_best %.0f 1/s\n", shape->name,
            1e9 / best[STEP_DECIDE]);
    printf("engine_rounds_%s %.0f 1/s\n", shape->name,
            1e9 / (median[STEP_DECIDE] + median[STEP_FEEDBACK]));
    printf("engine_rounds_%s_best %.0f 1/s\n", shape->name,
            1e9 / (best[STEP_DECIDE] + best[STEP_FEEDBACK]));
}

int main(void)
{
    const char *wanted = getenv("TURNS");
    int turns = wanted == NULL ? 400 : (int)strtol(wanted, NULL, 10);

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS");
    arena = arena_over(malloc(ARENA), ARENA);
    for (size_t i = 0; i < SHAPES; i++)
        open_shape(&shapes[i]);
    for (int turn = -WARM_UP; turn < turns; turn++)
        for (size_t i = 0; i < SHAPES; i++)
            take_turn(&shapes[i], turn < 0 ? 0 : turn);
    for (size_t i = 0; i < SHAPES; i++) {
        print_shape(&shapes[i], turns);
        desk_close(shapes[i].desk);
    }
    free(arena.data);
    return 0;
}
