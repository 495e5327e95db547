/* What was shown, pairs, paths and costs: through the wire and the log and
 * back, and what is refused on the way in. */
#include "proto/event_state.h"
#include "proto/record.h"
#include "proto/wire.h"
#include "tests/lib/suite.h"

#include "proto/rue.pb-c.h"

#include <math.h>
#include <stdlib.h>

static struct arena arena;

static void setup(void)
{
    arena = arena_over(malloc(1 << 22), 1 << 22);
}

static void teardown(void)
{
    free(arena.data);
}

/* ---- requests ---- */

/* A feedback as a client packs it. */
struct draft {
    Rue__Request request;
    Rue__Feedback feedback, *list[1];
    Rue__Shown shown;
    Rue__Costs costs;
};

static void draft_init(struct draft *draft)
{
    rue__request__init(&draft->request);
    rue__feedback__init(&draft->feedback);
    rue__shown__init(&draft->shown);
    rue__costs__init(&draft->costs);
    draft->request.id = 1;
    draft->request.has_problem = true;
    draft->request.problem = (ProtobufCBinaryData){1, (uint8_t *)"p"};
    draft->feedback.event = (ProtobufCBinaryData){1, (uint8_t *)"e"};
    draft->list[0] = &draft->feedback;
    draft->request.feedback = draft->list;
    draft->request.n_feedback = 1;
}

static void with_value(struct draft *draft, double value)
{
    draft->feedback.has_value = true;
    draft->feedback.value = value;
}

static void with_costs(struct draft *draft, double *values, size_t count)
{
    draft->costs.value = values;
    draft->costs.n_value = count;
    draft->feedback.costs = &draft->costs;
}

static int decode(struct draft *draft, struct request *request, struct err *err)
{
    size_t size = rue__request__get_packed_size(&draft->request);
    uint8_t *frame = malloc(size);
    int status;

    (void)rue__request__pack(&draft->request, frame);
    arena_reset(&arena);
    status = wire_request_decode(bytes_of(frame, size), &arena, request, err);
    free(frame); /* everything that is left lies in the arena */
    return status;
}

static void refused(struct draft *draft, const char *words)
{
    struct request request;
    struct err err;

    ck_assert_int_eq(decode(draft, &request, &err), STATUS_INVALID);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
}

START_TEST(a_feedback_says_what_was_shown)
{
    struct draft draft;
    struct request request;
    struct err err;

    draft_init(&draft);
    with_value(&draft, 0.5);
    draft.feedback.shown = &draft.shown;
    draft.shown.has_position = true;
    draft.shown.position = 3;
    ck_assert_int_eq(decode(&draft, &request, &err), 0);
    ck_assert_uint_eq(request.feedback[0].shown.position, 3);
    ck_assert(!request.feedback[0].shown.has_place);
    draft.shown.has_position = false;
    draft.shown.has_place = true;
    draft.shown.place = 0;
    draft.shown.has_propensity = true;
    draft.shown.propensity = 0.25;
    ck_assert_int_eq(decode(&draft, &request, &err), 0);
    ck_assert_uint_eq(request.feedback[0].shown.position, 0);
    ck_assert(request.feedback[0].shown.has_place);
    ck_assert_double_eq(request.feedback[0].shown.propensity, 0.25);
    ck_assert(shown_given(&request.feedback[0].shown));
}
END_TEST

START_TEST(a_feedback_says_what_edges_cost)
{
    double values[2] = {0.1, 0.2};
    struct draft draft;
    struct request request;
    struct err err;

    draft_init(&draft);
    with_costs(&draft, values, 2);
    ck_assert_int_eq(decode(&draft, &request, &err), 0);
    ck_assert_uint_eq(request.feedback[0].costs.count, 2);
    ck_assert(!request.feedback[0].costs.full);
    ck_assert_double_eq(request.feedback[0].costs.values[1], 0.2);
    ck_assert_double_eq(request.feedback[0].value, 0.0);
    draft.costs.has_full = true;
    draft.costs.full = true;
    ck_assert_int_eq(decode(&draft, &request, &err), 0);
    ck_assert(request.feedback[0].costs.full);
}
END_TEST

START_TEST(what_is_shown_is_checked)
{
    struct draft draft;

    draft_init(&draft);
    with_value(&draft, 0.5);
    draft.feedback.shown = &draft.shown;
    refused(&draft, "shown: either position or place");
    draft.shown.has_position = true;
    refused(&draft, "shown.position: 0");
    draft.shown.position = 1025;
    refused(&draft, "at most 1024");
    draft.shown.position = 2;
    draft.shown.has_propensity = true;
    draft.shown.propensity = 0.5;
    refused(&draft, "shown.propensity: only with place");
    draft.shown.has_place = true;
    refused(&draft, "shown: either position or place");
    draft.shown.has_position = false;
    draft.shown.propensity = 0.0;
    refused(&draft, "shown.propensity: 0");
    draft.shown.propensity = 1e-201;
    refused(&draft, "at least 1e-200");
    draft.shown.propensity = 1.5;
    refused(&draft, "at most 1");
    draft.shown.propensity = (double)NAN;
    refused(&draft, "shown.propensity");
    draft.shown.propensity = 1.0;
    draft.shown.place = 1024;
    refused(&draft, "shown.place: 1024");
}
END_TEST

START_TEST(costs_are_checked)
{
    static double many[1025];
    double values[2] = {0.1, (double)INFINITY};
    struct draft draft;

    draft_init(&draft);
    refused(&draft, "value: is missing");
    with_costs(&draft, values, 2);
    refused(&draft, "costs: value 1 is not a number");
    values[1] = 1e16;
    refused(&draft, "within +-1e+15");
    values[1] = 0.2;
    with_value(&draft, 0.3);
    refused(&draft, "value: it follows from costs");
    draft.feedback.has_value = false;
    with_costs(&draft, many, 1025);
    refused(&draft, "costs: 1025 values, at least 1 and at most 1024");
    with_costs(&draft, values, 0);
    refused(&draft, "costs: 0 values");
}
END_TEST

/* ---- replies ---- */

static Rue__Reply *sent(const struct decision *decision)
{
    struct reply reply = {.id = 1, .decision = decision, .decision_count = 1};
    struct bytes packed = wire_reply_encode(&reply, &arena);
    Rue__Reply *message = rue__reply__unpack(NULL, packed.size, packed.data);

    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(message->n_decision, 1);
    return message;
}

START_TEST(a_reply_has_the_path)
{
    const uint32_t path[2] = {4, 1};
    const struct bytes edge[2] = {bytes_of_text("up"), bytes_of_text("down")};
    struct decision decision = {.path_count = 2,
            .path = path,
            .edge = edge,
            .path_probability = 0.125};
    Rue__Reply *message = sent(&decision);
    const Rue__Decision *got = message->decision[0];

    ck_assert_uint_eq(got->n_path, 2);
    ck_assert_uint_eq(got->path[0], 4);
    ck_assert_uint_eq(got->n_edge, 2);
    ck_assert(memcmp(got->edge[1].data, "down", 4) == 0);
    ck_assert_double_eq(got->path_probability, 0.125);
    ck_assert(!got->has_pair_probability);
    ck_assert_uint_eq(got->n_ranking, 0);
    rue__reply__free_unpacked(message, NULL);
}
END_TEST

START_TEST(a_reply_has_the_pair)
{
    const uint32_t ranking[2] = {1, 0};
    const double probability[2] = {0.75, 0.25};
    struct decision decision = {.count = 2,
            .ranking = ranking,
            .probability = probability,
            .pair_probability = 0.75};
    Rue__Reply *message = sent(&decision);

    ck_assert(message->decision[0]->has_pair_probability);
    ck_assert_double_eq(message->decision[0]->pair_probability, 0.75);
    ck_assert(!message->decision[0]->has_path_probability);
    rue__reply__free_unpacked(message, NULL);
}
END_TEST

/* ---- records ---- */

static const struct record head = {
        RECORD_DECISION, 7, 1000, {(const uint8_t *)"e", 1}};
static const uint32_t eligible[3] = {0, 2, 3};
static const double probability[3] = {0.5, 0.25, 0.25};
static const double marginal[3] = {1.0, 0.5, 0.5};
static const uint32_t path[2] = {2, 0};
static double costs[2] = {0.1, 0.2};

static struct decision_record pair_record(void)
{
    return (struct decision_record){.head = head,
            .count = 3,
            .eligible = eligible,
            .probability = probability,
            .chosen = 1,
            .has_second = true,
            .second = 0,
            .pair_probability = 0.25 * 0.5 / 0.75};
}

static struct decision_record path_record(void)
{
    return (struct decision_record){.head = head,
            .count = 3,
            .eligible = eligible,
            .marginal = marginal,
            .path = path,
            .path_count = 2,
            .path_probability = 0.5};
}

static int decision_again(const struct decision_record *record,
        union any_record *again, struct err *err)
{
    struct bytes payload = record_encode_decision(record, &arena);

    ck_assert_ptr_nonnull(payload.data);
    return record_decode(RECORD_DECISION, payload, &arena, again, err);
}

static void decision_corrupt(
        const struct decision_record *record, const char *words)
{
    union any_record again;
    struct err err;

    ck_assert_int_eq(decision_again(record, &again, &err), STATUS_CORRUPT);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
}

START_TEST(a_pair_in_the_log)
{
    struct decision_record record = pair_record();
    union any_record again;
    struct err err;

    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert(again.decision.has_second);
    ck_assert_uint_eq(again.decision.second, 0);
    ck_assert_double_eq(
            again.decision.pair_probability, record.pair_probability);
    ck_assert_uint_eq(again.decision.path_count, 0);
    record.second = 1;
    decision_corrupt(&record, "second is out of range");
    record.second = 3;
    decision_corrupt(&record, "second is out of range");
    record.second = 2;
    record.pair_probability = 1.5;
    decision_corrupt(&record, "pair_probability is out of range");
}
END_TEST

START_TEST(an_imported_decision_in_the_log)
{
    struct decision_record record = pair_record();
    union any_record again;
    struct err err;

    record.has_second = false;
    record.imported = true;
    record.chosen_only = true;
    record.pdrop = 0.75;
    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert(again.decision.imported);
    ck_assert(again.decision.chosen_only);
    ck_assert_double_eq(again.decision.pdrop, 0.75);
    ck_assert_double_eq(record_weight(&again.decision), 4.0);
    record.pdrop = 1.0;
    decision_corrupt(&record, "pdrop");
    record.pdrop = 2.0;
    decision_corrupt(&record, "pdrop");
    record.pdrop = 0.0;
    record.has_second = true;
    decision_corrupt(&record, "chosen_only");
    record.chosen_only = false;
    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    /* The only one of the list, which was drawn with 1/4. */
    record.has_second = false;
    record.count = 1;
    record.eligible = &eligible[1];
    record.probability = &probability[1];
    record.chosen = 0;
    decision_corrupt(&record, "sum");
    record.chosen_only = true;
    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert_double_eq(record_weight(&again.decision), 1.0);
}
END_TEST

START_TEST(a_path_in_the_log)
{
    const uint32_t outside[2] = {2, 3};
    const double wrong[3] = {1.0, 1.5, 0.5};
    const double nothing[3] = {1.0, 0.5, 0.0};
    const uint32_t twice[3] = {1, 1, 4};
    struct decision_record record = path_record();
    union any_record again;
    struct err err;

    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert_uint_eq(again.decision.count, 3);
    ck_assert_ptr_null(again.decision.probability);
    ck_assert_uint_eq(again.decision.path_count, 2);
    ck_assert_uint_eq(again.decision.path[0], 2);
    ck_assert_double_eq(again.decision.marginal[1], 0.5);
    ck_assert_double_eq(again.decision.path_probability, 0.5);
    record.path = outside;
    decision_corrupt(&record, "path is out of range");
    record = path_record();
    record.marginal = wrong;
    decision_corrupt(&record, "edge is out of range");
    record.marginal = nothing; /* of the edge at 2, which the path has */
    decision_corrupt(&record, "path is out of range");
    record = path_record();
    record.eligible = twice;
    decision_corrupt(&record, "edge is out of range");
    record = path_record();
    record.path_probability = 0.0;
    decision_corrupt(&record, "path_probability is out of range");
    record = path_record();
    record.has_prediction = true;
    decision_corrupt(&record, "more than a path");
}
END_TEST

START_TEST(what_was_held_in_the_log)
{
    struct decision_record record = path_record();
    struct activation_record activation = {.head = head,
            .has_held = true,
            .held = 0.5,
            .held_subject = {true, 2, 3, 0.25}};
    union any_record again;
    struct err err;

    record.has_held = true;
    record.held = 0.3;
    record.held_costs = (struct costs){2, false, costs};
    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert_uint_eq(again.decision.held_costs.count, 2);
    ck_assert_double_eq(again.decision.held_costs.values[0], 0.1);
    ck_assert(!again.decision.held_subject.given);
    record = pair_record();
    record.held_misfit = true;
    ck_assert_int_eq(decision_again(&record, &again, &err), 0);
    ck_assert(again.decision.held_misfit);
    ck_assert(!again.decision.has_held);
    activation.head.kind = RECORD_ACTIVATION;
    ck_assert_int_eq(record_decode(RECORD_ACTIVATION,
                             record_encode_activation(&activation, &arena),
                             &arena, &again, &err),
            0);
    ck_assert(again.activation.held_subject.given);
    ck_assert_uint_eq(again.activation.held_subject.place, 2);
    ck_assert_uint_eq(again.activation.held_subject.position, 3);
    ck_assert_double_eq(again.activation.held_subject.propensity, 0.25);
}
END_TEST

static int feedback_again(const struct feedback_record *record,
        union any_record *again, struct err *err)
{
    return record_decode(RECORD_FEEDBACK,
            record_encode_feedback(record, &arena), &arena, again, err);
}

START_TEST(a_feedback_in_the_log)
{
    struct feedback_record record = {
            .head = head,
            .value = 0.5,
            .effect = EFFECT_LEARN,
            .after = 0.5,
            .shown = {.has_place = true, .place = 2},
            .subject = {.given = true, .place = 2},
    };
    struct expiry_record expiry = {.head = head,
            .effect = EFFECT_LEARN,
            .after = 0.3,
            .costs = {2, false, costs}};
    union any_record again;
    struct err err;

    ck_assert_int_eq(feedback_again(&record, &again, &err), 0);
    ck_assert(again.feedback.shown.has_place);
    ck_assert_uint_eq(again.feedback.shown.place, 2);
    ck_assert(again.feedback.subject.given);
    ck_assert_double_eq(again.feedback.subject.propensity, 0.0);
    record.shown = (struct shown){.position = 2};
    record.subject = (struct subject){true, 3, 2, 0.25};
    record.costs = (struct costs){2, true, costs};
    ck_assert_int_eq(feedback_again(&record, &again, &err), 0);
    ck_assert_uint_eq(again.feedback.shown.position, 2);
    ck_assert_double_eq(again.feedback.subject.propensity, 0.25);
    ck_assert(again.feedback.costs.full);
    record.subject.place = 1024;
    ck_assert_int_eq(feedback_again(&record, &again, &err), STATUS_CORRUPT);
    record.subject = (struct subject){true, 3, 2, 1.25};
    ck_assert_int_eq(feedback_again(&record, &again, &err), STATUS_CORRUPT);
    record.subject.propensity = 0.5;
    record.shown.position = 1025;
    ck_assert_int_eq(feedback_again(&record, &again, &err), STATUS_CORRUPT);
    ck_assert_int_eq(
            record_decode(RECORD_EXPIRY, record_encode_expiry(&expiry, &arena),
                    &arena, &again, &err),
            0);
    ck_assert_uint_eq(again.expiry.costs.count, 2);
}
END_TEST

/* A feedback record as the version before wrote it: fields 1 to 6 and 8. */
START_TEST(an_older_record_is_read)
{
    static const uint8_t bytes[] = {0x08, 7, 0x11, 0xe8, 3, 0, 0, 0, 0, 0, 0,
            0x1a, 1, 'e', 0x21, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0x30, 1, 0x41, 0,
            0, 0, 0, 0, 0, 0xe0, 0x3f};
    struct feedback_record record = {
            .head = head, .value = 0.5, .effect = EFFECT_LEARN, .after = 0.5};
    struct bytes written = record_encode_feedback(&record, &arena);
    union any_record again;
    struct err err;

    ck_assert_msg(record_decode(RECORD_FEEDBACK, bytes_of(bytes, sizeof(bytes)),
                          &arena, &again, &err) == 0,
            "%s", err.text);
    ck_assert_double_eq(again.feedback.value, 0.5);
    ck_assert(!shown_given(&again.feedback.shown));
    ck_assert(!again.feedback.subject.given);
    ck_assert_uint_eq(again.feedback.costs.count, 0);
    /* What says nothing new is written as before. */
    ck_assert(bytes_equal(written, bytes_of(bytes, sizeof(bytes))));
}
END_TEST

/* ---- events ---- */

static size_t state_write(const struct event_state *state, uint8_t *bytes)
{
    struct writer writer = writer_over(bytes, EVENT_STATE_BYTES_MAX);

    event_state_write(state, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

static int state_read(
        const uint8_t *bytes, size_t size, struct event_state *state)
{
    struct reader reader = reader_of(bytes_of(bytes, size));
    struct err err;

    return event_state_read(state, &reader, &err);
}

/* As many fields as there may be, with the longest names, as bytes. */
static struct bytes most_fields(void)
{
    static uint8_t data[FIELDS_BYTES_MAX], names[FIELDS_MAX][ID_BYTES_MAX];
    static struct field list[FIELDS_MAX];
    struct writer writer = writer_over(data, sizeof(data));

    for (uint32_t i = 0; i < FIELDS_MAX; i++) {
        memset(names[i], 'a' + (int)i, ID_BYTES_MAX);
        list[i] = (struct field){bytes_of(names[i], ID_BYTES_MAX), 0.5 + i};
    }
    fields_write(&(struct fields){FIELDS_MAX, list}, &writer);
    return writer_bytes(&writer);
}

START_TEST(an_event_remembers_them)
{
    static const uint8_t held[8 * 1024] = {1, 2, 3};
    static struct event_state state;
    static uint8_t bytes[EVENT_STATE_BYTES_MAX];
    struct event_state again;
    size_t plain, size;

    state.has_reward = state.learned = true;
    state.mark_count = FEEDBACKS_MAX;
    plain = state_write(&state, bytes);
    state.shown = (struct shown){.has_place = true, .propensity = 0.5};
    state.costs = bytes_of(held, sizeof(held));
    state.costs_full = true;
    state.fields = most_fields();
    state.cause = CAUSE_CUSTOMER;
    size = state_write(&state, bytes);
    ck_assert_uint_eq(size, EVENT_STATE_BYTES_MAX);
    ck_assert_uint_eq(
            size, plain + 13 + 2 + sizeof(held) + 1 + FIELDS_BYTES_MAX);
    ck_assert_int_eq(state_read(bytes, size, &again), 0);
    ck_assert(bytes_equal(again.fields, state.fields));
    ck_assert_int_eq(again.cause, CAUSE_CUSTOMER);
    ck_assert(again.shown.has_place);
    ck_assert_double_eq(again.shown.propensity, 0.5);
    ck_assert(bytes_equal(again.costs, state.costs));
    ck_assert(again.costs_full);
    ck_assert_uint_eq(again.mark_count, FEEDBACKS_MAX);
    for (size_t cut = 0; cut < size; cut += 97)
        ck_assert_int_eq(state_read(bytes, cut, &again), STATUS_CORRUPT);
    state.shown = (struct shown){.position = 3};
    state.costs = state.fields = bytes_of(NULL, 0);
    size = state_write(&state, bytes);
    ck_assert_int_eq(state_read(bytes, size, &again), 0);
    ck_assert_uint_eq(again.fields.size, 0);
    ck_assert_int_eq(again.cause, CAUSE_CUSTOMER);
    ck_assert_uint_eq(again.shown.position, 3);
    ck_assert(!again.shown.has_place);
    ck_assert(!again.costs_full);
}
END_TEST

/* Bytes that no event has written. */
START_TEST(a_damaged_event_is_refused)
{
    static const double nan_cost[1] = {(double)NAN};
    static uint8_t bytes[EVENT_STATE_BYTES_MAX], spoiled[sizeof(bytes)];
    struct event_state state, again;
    size_t size, shown = 2 + 4 * 8;

    memset(&state, 0, sizeof(state));
    state.shown = (struct shown){.has_place = true, .propensity = 0.5};
    size = state_write(&state, bytes);
    ck_assert_int_eq(state_read(bytes, size, &again), 0);
    memcpy(spoiled, bytes, size);
    spoiled[shown] = 2; /* neither a position nor a place */
    ck_assert_int_eq(state_read(spoiled, size, &again), STATUS_CORRUPT);
    memcpy(spoiled, bytes, size);
    memset(spoiled + shown + 5, 0, 7);
    spoiled[shown + 12] = 1; /* a propensity of 1e-308 */
    ck_assert_int_eq(state_read(spoiled, size, &again), STATUS_CORRUPT);
    memcpy(spoiled, bytes, size);
    spoiled[1] = spoiled[1] | 64; /* all edges' costs, and none */
    ck_assert_int_eq(state_read(spoiled, size, &again), STATUS_CORRUPT);
    memset(&state, 0, sizeof(state));
    state.costs = bytes_of(nan_cost, sizeof(nan_cost));
    size = state_write(&state, bytes);
    ck_assert_int_eq(state_read(bytes, size, &again), STATUS_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forms");
    TCase *cases = tcase_create("forms");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_feedback_says_what_was_shown);
    tcase_add_test(cases, a_feedback_says_what_edges_cost);
    tcase_add_test(cases, what_is_shown_is_checked);
    tcase_add_test(cases, costs_are_checked);
    tcase_add_test(cases, a_reply_has_the_path);
    tcase_add_test(cases, a_reply_has_the_pair);
    tcase_add_test(cases, a_pair_in_the_log);
    tcase_add_test(cases, an_imported_decision_in_the_log);
    tcase_add_test(cases, a_path_in_the_log);
    tcase_add_test(cases, what_was_held_in_the_log);
    tcase_add_test(cases, a_feedback_in_the_log);
    tcase_add_test(cases, an_older_record_is_read);
    tcase_add_test(cases, an_event_remembers_them);
    tcase_add_test(cases, a_damaged_event_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
