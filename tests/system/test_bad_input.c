/* What no client should send: each gets the status that proto/rue.proto
 * promises and a sentence with the field and the limit, or ends its own
 * connection; nothing of it is recorded, and another client is served all the
 * while. */
#include "base/check.h"
#include "base/limits.h"
#include "tests/lib/raw.h"
#include "tests/lib/steady.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char config[] = "engine_threads: %d\n"
                             "problems:\n"
                             "  - name: target\n"
                             "    context: [x, y]\n"
                             "    action_features: 2\n"
                             "    actions_max: 8\n"
                             "    groups:\n"
                             "      - {name: vip, by: client}\n"
                             "      - {name: low, when: x < 0.5}\n"
                             "    policy: {oracle: ridge, explorer: squarecb}\n"
                             "  - name: listed\n"
                             "    actions: [left, right]\n"
                             "    policy: {learner: tsallis-inf}\n"
                             "  - name: number\n"
                             "    form: predict\n"
                             "    context: [x]\n"
                             "    policy: {oracle: ridge}\n"
                             "%s";

static struct service service;
static struct raw raw;
static struct frame frame;
static uint64_t next_id = 1;
static unsigned cases;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "bad input: %s: %s\n", what, detail);
    exit(1);
}

/* ---- what must stay as it is ---- */

struct state {
    uint64_t last_record;
    uint64_t hashes[3];
};

static const char *const problems[] = {"target", "listed", "number"};

static struct state state_now(void)
{
    struct state state = {.last_record = service_last_record(&service)};

    for (int i = 0; i < 3; i++)
        state.hashes[i] = service_state_hash(&service, problems[i]);
    return state;
}

static void expect_unchanged(const struct state *before, const char *what)
{
    struct state after = state_now();

    if (after.last_record != before->last_record)
        broken(what, "something was recorded");
    if (memcmp(after.hashes, before->hashes, sizeof(after.hashes)) != 0)
        broken(what, "a policy has learned something");
}

/* ---- asking ---- */

/* Of the whole, or of the only item. */
static Rue__Status status_of(const Rue__Reply *reply, const char **message)
{
    *message = reply->message;
    if (reply->status != RUE__STATUS__OK)
        return reply->status;
    if (reply->n_decision == 1) {
        *message = reply->decision[0]->message;
        return reply->decision[0]->status;
    }
    if (reply->n_feedback == 1) {
        *message = reply->feedback[0]->message;
        return reply->feedback[0]->status;
    }
    if (reply->n_activate == 1) {
        *message = reply->activate[0]->message;
        return reply->activate[0]->status;
    }
    return reply->status;
}

/* What was sent is answered so; `text` is in the message. `id` 0: the request
 * had none that could be read. */
static void expect_reply(
        const char *what, uint64_t id, Rue__Status wanted, const char *text)
{
    const Rue__Reply *reply = raw_receive(&raw, WAIT_MS);
    const char *message;
    Rue__Status status;

    if (reply == NULL)
        broken(what, "no reply");
    if (reply->id != id)
        broken(what, "the reply is to another request");
    status = status_of(reply, &message);
    if (status != wanted || (message == NULL) != (wanted == RUE__STATUS__OK) ||
            (text != NULL && strstr(message, text) == NULL)) {
        fprintf(stderr, "status %d, message: %s\n", (int)status,
                message == NULL ? "(none)" : message);
        broken(what, "is not answered as promised");
    }
    cases++;
}

static void send_frame(void)
{
    raw_send(&raw, frame.data, frame.size);
}

static ProtobufCBinaryData text_data(const char *text)
{
    union {
        const char *in;
        uint8_t *out;
    } data = {text};

    return (ProtobufCBinaryData){strlen(text), data.out};
}

static void ask(Rue__Request *request, const char *what, Rue__Status wanted,
        const char *text)
{
    request->id = next_id++;
    frame_request(&frame, request);
    send_frame();
    expect_reply(what, request->id, wanted, text);
}

/* ---- a good question, to be spoilt ---- */

struct question {
    Rue__Request request;
    Rue__Decide decide;
    Rue__Matrix shared, features;
    Rue__Decide *decides[1];
    double context[2], rows[6];
    ProtobufCBinaryData actions[3];
};

static void good_question(struct question *question)
{
    static const char *const names[] = {"a", "b", "c"};

    memset(question, 0, sizeof(*question));
    rue__request__init(&question->request);
    rue__decide__init(&question->decide);
    rue__matrix__init(&question->shared);
    rue__matrix__init(&question->features);
    question->shared.has_columns = true;
    question->shared.columns = 2;
    question->shared.n_f64 = 2;
    question->shared.f64 = question->context;
    question->features.has_columns = true;
    question->features.columns = 2;
    question->features.n_f64 = 6;
    question->features.f64 = question->rows;
    for (int i = 0; i < 3; i++)
        question->actions[i] = text_data(names[i]);
    question->decide.shared = &question->shared;
    question->decide.action_features = &question->features;
    question->decide.n_action = 3;
    question->decide.action = question->actions;
    question->decides[0] = &question->decide;
    question->request.has_problem = true;
    question->request.problem = text_data("target");
    question->request.n_decide = 1;
    question->request.decide = question->decides;
}

static void set_event(struct question *question, const void *id, size_t size)
{
    union {
        const void *in;
        uint8_t *out;
    } data = {id};

    question->decide.has_event = true;
    question->decide.event = (ProtobufCBinaryData){size, data.out};
}

/* ---- bytes that are no request ---- */

static void garbage(void)
{
    static const uint8_t nothing[1];

    raw_send(&raw, nothing, 0);
    expect_reply("an empty frame", 0, RUE__STATUS__INVALID, "request");
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        uint8_t bytes[256];
        const Rue__Reply *reply;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i] = (uint8_t)state;
        }
        raw_send(&raw, bytes, 1 + seed);
        reply = raw_receive(&raw, WAIT_MS);
        if (reply == NULL || reply->status != RUE__STATUS__INVALID)
            broken("garbage", "is not INVALID");
        cases++;
    }
}

static void truncations(void)
{
    struct question question;
    size_t whole;

    good_question(&question);
    set_event(&question, "truncated", 9);
    question.request.id = 1;
    frame_request(&frame, &question.request);
    whole = frame.size;
    for (size_t size = 0; size < whole; size++) {
        const Rue__Reply *reply;
        raw_send(&raw, frame.data, size);
        reply = raw_receive(&raw, WAIT_MS);
        if (reply == NULL || reply->status != RUE__STATUS__INVALID ||
                reply->message == NULL)
            broken("a truncated request", "is not INVALID");
        cases++;
    }
}

/* 60 KB of messages in messages under a field that nobody knows. */
static void deep_messages(void)
{
    struct frame inner = frame_new();
    uint8_t *at;
    size_t size = 0;

    /* From the inside out, so that each length is known. */
    at = inner.data + FRAME_BYTES;
    while (size < 60000) {
        uint64_t length = size;
        uint8_t head[12];
        size_t used = 0;
        head[used++] = 15 << 3 | 2;
        for (; length >= 0x80; length >>= 7)
            head[used++] = (uint8_t)(length | 0x80);
        head[used++] = (uint8_t)length;
        at -= used;
        size += used;
        memcpy(at, head, used);
    }
    frame.size = 0;
    frame_tag(&frame, 2, 0);
    frame_varint(&frame, 7);
    frame_bytes(&frame, at, size);
    send_frame();
    expect_reply("deep messages", 7, RUE__STATUS__INVALID, "field number 15");
    frame_free(&inner);
}

static void deep_groups(void)
{
    frame.size = 0;
    frame_tag(&frame, 2, 0);
    frame_varint(&frame, 7);
    for (int i = 0; i < 60000; i++)
        frame_tag(&frame, 5, 3);
    send_frame();
    expect_reply("deep groups", 7, RUE__STATUS__INVALID, "not well formed");
}

static void unknown_fields(void)
{
    static const struct {
        const char *what;
        uint32_t path; /* the request's field it is in, 0 = in the request */
        const char *text;
    } rows[] = {
            {"an unknown field of the request", 0, "request: field number 99"},
            {"an unknown field of the status question", 7,
                    "status: field number 99"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct frame inner = frame_new();
        frame_field(&inner, 99, "x", 1);
        frame.size = 0;
        frame_tag(&frame, 2, 0);
        frame_varint(&frame, 7);
        if (rows[i].path == 0)
            frame_bytes(&frame, inner.data, inner.size);
        else
            frame_field(&frame, rows[i].path, inner.data, inner.size);
        send_frame();
        expect_reply(rows[i].what, 7, RUE__STATUS__INVALID, rows[i].text);
        frame_free(&inner);
    }
}

/* A decide with an unknown field in it, and in its matrix. */
static void unknown_fields_inside(void)
{
    struct frame inner = frame_new(), decide = frame_new();

    frame_field(&inner, 99, "x", 1);
    for (int deep = 0; deep < 2; deep++) {
        decide.size = 0;
        if (deep)
            frame_field(&decide, 2, inner.data, inner.size);
        else
            frame_bytes(&decide, inner.data, inner.size);
        frame.size = 0;
        frame_tag(&frame, 2, 0);
        frame_varint(&frame, 7);
        frame_field(&frame, 3, "target", 6);
        frame_field(&frame, 4, decide.data, decide.size);
        send_frame();
        expect_reply("an unknown field inside", 7, RUE__STATUS__INVALID,
                deep ? "shared: field number 99" : "decide: field number 99");
    }
    frame_free(&inner);
    frame_free(&decide);
}

/* ---- requests that say too much or too little ---- */

static void whole_requests(void)
{
    struct question question;
    Rue__StatusQuestion status = RUE__STATUS_QUESTION__INIT;

    good_question(&question);
    question.request.n_decide = 0;
    ask(&question.request, "an empty request", RUE__STATUS__INVALID,
            "asks for nothing");
    good_question(&question);
    question.request.has_version = true;
    question.request.version = 2;
    ask(&question.request, "another version", RUE__STATUS__UNSUPPORTED,
            "version: 2");
    good_question(&question);
    question.request.problem = text_data("nobody");
    ask(&question.request, "an unknown problem", RUE__STATUS__UNKNOWN_PROBLEM,
            "problem");
    question.request.n_decide = 0;
    question.request.status = &status;
    ask(&question.request, "status of an unknown problem",
            RUE__STATUS__UNKNOWN_PROBLEM, "problem");
    good_question(&question);
    question.request.has_problem = false;
    ask(&question.request, "no problem", RUE__STATUS__INVALID,
            "problem: is empty");
}

/* So many empty messages in a field, of the request or of its decide. */
static void many_empty(const char *what, uint32_t path, uint32_t field,
        size_t count, const char *bytes, size_t size, const char *text)
{
    struct frame inner = frame_new();

    for (size_t i = 0; i < count; i++)
        frame_field(&inner, field, bytes, size);
    frame.size = 0;
    frame_tag(&frame, 2, 0);
    frame_varint(&frame, 7);
    frame_field(&frame, 3, "target", 6);
    if (path == 0)
        frame_bytes(&frame, inner.data, inner.size);
    else
        frame_field(&frame, path, inner.data, inner.size);
    send_frame();
    expect_reply(what, 7, RUE__STATUS__INVALID, text);
    frame_free(&inner);
}

static void too_many(void)
{
    many_empty("1,025 decides", 0, 4, REQUEST_ITEMS_MAX + 1, "", 0,
            "1025 items, at most 1024");
    many_empty("half a million decides", 0, 4, 500000, "", 0, "at most 1024");
    many_empty("half a million actions", 4, 4, 500000, "", 0,
            "action: 500000 entries, at most 1024");
    many_empty("250,000 named features", 4, 3, 250000, "\x12\0", 2,
            "at most 32768");
    many_empty("1,025 groups", 4, 8, GROUPS_MAX + 1, "g", 1,
            "group: 1025 entries, at most 1024");
    many_empty("2,000 excluded places", 4, 7, 2000, "\0", 1,
            "excluded: 2000 places, at most 1024");
}

static void large_frames(void)
{
    frame.size = 0;
    frame_tag(&frame, 2, 0);
    frame_varint(&frame, 7);
    frame_field(&frame, 3, "target", 6);
    memset(frame.data + frame.size, 0, MESSAGE_BYTES_MAX);
    frame.size = MESSAGE_BYTES_MAX + 1;
    send_frame();
    expect_reply("a request of one byte too many", 7, RUE__STATUS__INVALID,
            "1048577 bytes, at most 1048576");
}

/* ---- numbers ---- */

static void bad_numbers(void)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e16};
    struct question question;
    Rue__Named named = RUE__NAMED__INIT;
    Rue__Named *list[1] = {&named};
    float singles[6] = {0};

    named.name = text_data("n");
    named.has_value = true;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        good_question(&question);
        question.context[1] = bad[i];
        ask(&question.request, "a bad context", RUE__STATUS__INVALID,
                "shared: value 1 is not a number within +-1e+15");
        good_question(&question);
        question.rows[5] = bad[i];
        ask(&question.request, "bad action features", RUE__STATUS__INVALID,
                "action_features: value 5 is not a number");
        good_question(&question);
        singles[1] = (float)bad[i];
        question.shared.n_f64 = 0;
        question.shared.n_f32 = 2;
        question.shared.f32 = singles;
        ask(&question.request, "a bad context of floats", RUE__STATUS__INVALID,
                "shared: value 1");
        good_question(&question);
        named.value = bad[i];
        question.decide.n_named = 1;
        question.decide.named = list;
        ask(&question.request, "a bad named feature", RUE__STATUS__INVALID,
                "named.value");
    }
}

static void bad_named_of_actions(void)
{
    struct question question;
    Rue__ActionFeatures entry = RUE__ACTION_FEATURES__INIT;
    Rue__ActionFeatures *entries[2] = {&entry, &entry};
    Rue__Named named = RUE__NAMED__INIT;
    Rue__Named *list[1] = {&named};

    named.name = text_data("n");
    named.has_value = true;
    named.value = NAN;
    entry.n_named = 1;
    entry.named = list;
    good_question(&question);
    question.decide.n_action_named = 1;
    question.decide.action_named = entries;
    ask(&question.request, "a bad named feature of an action",
            RUE__STATUS__INVALID, "named.value");
    named.value = 1;
    question.decide.n_action_named = 2;
    ask(&question.request, "named features of an action twice",
            RUE__STATUS__INVALID, "listed twice");
    question.decide.n_action_named = 1;
    entry.action = 3;
    ask(&question.request, "named features of no action", RUE__STATUS__INVALID,
            "place 3 of 3");
    entry.action = 0;
    named.has_text = true;
    named.text = text_data("both");
    ask(&question.request, "a value and a text", RUE__STATUS__INVALID,
            "not both");
}

static void wrong_shapes(void)
{
    struct question question;
    float singles[2] = {0, 0};

    good_question(&question);
    question.shared.n_f64 = 1;
    question.shared.columns = 1;
    ask(&question.request, "too few columns", RUE__STATUS__INVALID,
            "shared: 1 columns, the problem has 2");
    good_question(&question);
    question.decide.shared = NULL;
    ask(&question.request, "no context", RUE__STATUS__INVALID,
            "shared: 0 columns, the problem has 2");
    good_question(&question);
    question.shared.columns = UINT32_C(1) << 31;
    ask(&question.request, "2^31 columns claimed", RUE__STATUS__INVALID,
            "shared: 2147483648 columns, at most 4096");
    good_question(&question);
    question.shared.columns = 0;
    ask(&question.request, "no columns claimed", RUE__STATUS__INVALID,
            "shared: 2 values do not fill rows of 0");
    good_question(&question);
    question.features.n_f64 = 5;
    ask(&question.request, "a broken row", RUE__STATUS__INVALID,
            "action_features: 5 values");
    good_question(&question);
    question.features.n_f64 = 4;
    ask(&question.request, "too few rows", RUE__STATUS__INVALID,
            "action_features: 2 rows for 3 actions");
    good_question(&question);
    question.shared.n_f32 = 2;
    question.shared.f32 = singles;
    ask(&question.request, "doubles and floats", RUE__STATUS__INVALID,
            "shared: either f32 or f64");
    good_question(&question);
    question.shared.n_f64 = 0;
    question.shared.columns = 2;
    ask(&question.request, "columns without values", RUE__STATUS__INVALID,
            "shared: 0 values do not fill rows of 2 columns");
}

/* A count of values that the frame does not hold. */
static void claimed_lengths(void)
{
    static const uint64_t claims[] = {
            UINT64_C(1) << 31, (UINT64_C(1) << 32) - 1, UINT64_MAX};

    for (size_t i = 0; i < ARRAY_COUNT(claims); i++)
        for (uint32_t field = 2; field <= 6; field++) {
            frame.size = 0;
            frame_tag(&frame, 2, 0);
            frame_varint(&frame, 7);
            frame_field(&frame, 3, "target", 6);
            frame_tag(&frame, 4, 2);
            frame_varint(&frame, 12);
            frame_tag(&frame, field, 2);
            frame_varint(&frame, claims[i]);
            frame_bytes(&frame, "\0\0\0\0\0\0\0\0\0\0\0", 11);
            send_frame();
            expect_reply("a length that is not there", 7, RUE__STATUS__INVALID,
                    "not well formed");
        }
}

/* ---- actions and groups ---- */

static void wrong_actions(void)
{
    struct question question;
    uint32_t all[] = {0, 1, 2}, beyond[] = {3};
    ProtobufCBinaryData nine[9], group = text_data("nobody");
    double rows[18] = {0};
    char names[9][2];

    good_question(&question);
    question.decide.n_excluded = 3;
    question.decide.excluded = all;
    ask(&question.request, "all excluded", RUE__STATUS__INVALID,
            "excluded: every action is");
    question.decide.n_excluded = 1;
    question.decide.excluded = beyond;
    ask(&question.request, "a place that is none excluded",
            RUE__STATUS__INVALID, "excluded: place 3 of 3");
    good_question(&question);
    question.decide.has_baseline = true;
    question.decide.baseline = 3;
    ask(&question.request, "a baseline that is none", RUE__STATUS__INVALID,
            "baseline: place 3 of 3");
    good_question(&question);
    question.actions[2] = question.actions[0];
    ask(&question.request, "an action twice", RUE__STATUS__INVALID,
            "action: 'a' is listed twice");
    good_question(&question);
    question.decide.n_action = 0;
    ask(&question.request, "no actions", RUE__STATUS__INVALID,
            "action: the list is empty");
    good_question(&question);
    for (int i = 0; i < 9; i++) {
        names[i][0] = (char)('a' + i);
        names[i][1] = '\0';
        nine[i] = text_data(names[i]);
    }
    question.decide.n_action = 9;
    question.decide.action = nine;
    question.features.n_f64 = 18;
    question.features.f64 = rows;
    ask(&question.request, "more actions than actions_max",
            RUE__STATUS__INVALID, "action: 9 actions, at most 8");
    good_question(&question);
    question.decide.n_group = 1;
    question.decide.group = &group;
    ask(&question.request, "an unknown group", RUE__STATUS__INVALID,
            "group: 'nobody'");
    group = text_data("low");
    ask(&question.request, "a group with a predicate", RUE__STATUS__INVALID,
            "group: 'low' is not a group that clients name");
}

static void wrong_problem_form(void)
{
    struct question question;

    good_question(&question);
    question.request.problem = text_data("listed");
    question.decide.shared = NULL;
    question.decide.action_features = NULL;
    ask(&question.request, "actions that are not in the catalogue",
            RUE__STATUS__INVALID, "action: 3 actions, at most 2");
    question.decide.n_action = 1;
    ask(&question.request, "an action that is not in the catalogue",
            RUE__STATUS__INVALID, "'a' is not in the catalogue");
    good_question(&question);
    question.request.problem = text_data("number");
    question.shared.columns = 1;
    question.shared.n_f64 = 1;
    ask(&question.request, "actions for a prediction", RUE__STATUS__INVALID,
            "action: this problem predicts");
}

/* ---- ids ---- */

static void bad_ids(void)
{
    static const char zero[] = "in\0side";
    static const char too_long[] =
            "0123456789012345678901234567890123456789012345678901234567890"
            "1234";
    static const struct {
        const char *id;
        size_t size;
        const char *text;
    } rows[] = {
            {"", 0, "event: is empty"},
            {too_long, 65, "event: 65 bytes, at most 64"},
            {zero, 7, "event: byte 2 is a control character"},
            {"tab\there", 8, "event: byte 3 is a control character"},
            {"del\x7f", 4, "event: byte 3 is a control character"},
            {"caf\xe9", 4, "event: byte 3 is not UTF-8"},
            {"\xc0\xaf", 2, "event: byte 0 is not UTF-8"},
            {"\xed\xa0\x80", 3, "event: byte 0 is not UTF-8"},
            {"\xf5\x80\x80\x80", 4, "event: byte 0 is not UTF-8"},
            {"x\xe2\x82", 3, "event: byte 1 is not UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct question question;
        Rue__Activate activate = RUE__ACTIVATE__INIT;
        Rue__Activate *activates[1] = {&activate};
        good_question(&question);
        set_event(&question, rows[i].id, rows[i].size);
        ask(&question.request, rows[i].text, RUE__STATUS__INVALID,
                rows[i].text);
        activate.event = question.decide.event;
        question.request.n_decide = 0;
        question.request.n_activate = 1;
        question.request.activate = activates;
        ask(&question.request, rows[i].text, RUE__STATUS__INVALID,
                rows[i].text);
        good_question(&question);
        question.actions[1].data = activate.event.data;
        question.actions[1].len = activate.event.len;
        ask(&question.request, "a bad action id", RUE__STATUS__INVALID,
                strchr(rows[i].text, ':'));
        good_question(&question);
        question.request.problem = activate.event;
        ask(&question.request, "a bad problem name", RUE__STATUS__INVALID,
                strchr(rows[i].text, ':'));
    }
}

/* ---- feedback ---- */

static void bad_feedback(void)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, -1e300};
    Rue__Request request = RUE__REQUEST__INIT;
    Rue__Feedback feedback = RUE__FEEDBACK__INIT;
    Rue__Feedback *feedbacks[1] = {&feedback};
    Rue__Activate activate = RUE__ACTIVATE__INIT;
    Rue__Activate *activates[1] = {&activate};

    request.has_problem = true;
    request.problem = text_data("target");
    request.n_feedback = 1;
    request.feedback = feedbacks;
    feedback.event = text_data("first");
    feedback.has_value = true;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        feedback.value = bad[i];
        ask(&request, "a bad value", RUE__STATUS__INVALID,
                "feedback 0: value: not a number within +-1e+15");
    }
    feedback.has_value = false;
    ask(&request, "no value", RUE__STATUS__INVALID,
            "feedback 0: value: is missing");
    feedback.has_value = true;
    feedback.value = 1.5;
    ask(&request, "a value out of its range", RUE__STATUS__INVALID,
            "value: 1.5 is outside reward.min 0 .. reward.max 1");
    feedback.value = 1;
    feedback.event.len = 0;
    ask(&request, "feedback for nothing", RUE__STATUS__INVALID,
            "feedback 0: event: is empty");
    feedback.event = text_data("first");
    feedback.has_id = true;
    feedback.id.len = 0;
    ask(&request, "an empty feedback id", RUE__STATUS__INVALID,
            "feedback 0: id: is empty");
    request.n_feedback = 0;
    request.n_activate = 1;
    request.activate = activates;
    activate.event = text_data("never");
    ask(&request, "activation of an unknown event", RUE__STATUS__UNKNOWN_EVENT,
            "event: no decision of that id");
}

/* One bad item of many: nothing of the request is recorded. */
static void one_of_many(void)
{
    struct question good, bad;
    Rue__Decide *both[2];

    good_question(&good);
    good_question(&bad);
    bad.context[0] = NAN;
    both[0] = &good.decide;
    both[1] = &bad.decide;
    good.request.n_decide = 2;
    good.request.decide = both;
    ask(&good.request, "a bad decide behind a good one", RUE__STATUS__INVALID,
            "decide 1: shared: value 0");
}

/* ---- what was decided before ---- */

static void decide_first(void)
{
    struct question question;
    Rue__Request request = RUE__REQUEST__INIT;
    Rue__Feedback feedback = RUE__FEEDBACK__INIT;
    Rue__Feedback *feedbacks[1] = {&feedback};

    good_question(&question);
    set_event(&question, "first", 5);
    ask(&question.request, "a good question", RUE__STATUS__OK, NULL);
    request.has_problem = true;
    request.problem = text_data("target");
    request.n_feedback = 1;
    request.feedback = feedbacks;
    feedback.event = text_data("first");
    feedback.has_value = true;
    feedback.has_id = true;
    feedback.id = text_data("one");
    feedback.value = 0.5;
    ask(&request, "good feedback", RUE__STATUS__OK, NULL);
}

static void duplicates(void)
{
    struct question question;
    Rue__Request request = RUE__REQUEST__INIT;
    Rue__Feedback feedback = RUE__FEEDBACK__INIT;
    Rue__Feedback *feedbacks[1] = {&feedback};

    good_question(&question);
    set_event(&question, "first", 5);
    question.context[0] = 0.25;
    ask(&question.request, "the same event with other content",
            RUE__STATUS__DUPLICATE, "event");
    question.context[0] = 0;
    ask(&question.request, "the same event again", RUE__STATUS__OK, NULL);
    if (!raw.reply->decision[0]->repeated_answer)
        broken("the same event again", "is not marked so");
    request.has_problem = true;
    request.problem = text_data("target");
    request.n_feedback = 1;
    request.feedback = feedbacks;
    feedback.event = text_data("first");
    feedback.has_value = true;
    feedback.has_id = true;
    feedback.id = text_data("one");
    feedback.value = 0.75;
    ask(&request, "the same feedback id with another value",
            RUE__STATUS__DUPLICATE, "id");
    feedback.value = 0.5;
    ask(&request, "the same feedback again", RUE__STATUS__OK, NULL);
}

/* ---- envelopes ---- */

/* More frames than an envelope may have: dropped, and counted. */
static void too_many_frames(void)
{
    static const char *const parts[] = {
            "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
    double dropped = service_number(&service, NULL, "dropped");

    raw_send_parts(&raw, parts, ARRAY_COUNT(parts));
    /* The next message of the same connection is read after it. */
    raw_send_parts(&raw, parts, 1);
    expect_reply("what follows", 0, RUE__STATUS__INVALID, "not well formed");
    if (service_number(&service, NULL, "dropped") != dropped + 1)
        broken("too many frames", "are not counted");
}

/* ---- bare connections ---- */

#define CONNECTIONS 100

static uint8_t flags_of(int turn)
{
    return turn % 2 == 0 ? 0 : (uint8_t)ZMTP_MORE;
}

static void half_messages(void)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = tcp_open(service.port);
        zmtp_open(fd);
        if (!zmtp_frame(fd, ZMTP_MORE, "half", 4))
            broken("half a message", "the service closed first");
        if (i % 2 == 0)
            (void)close(fd);
        else
            tcp_reset(fd);
    }
    cases += CONNECTIONS;
}

/* A frame that announces more than comes, and a whole message in between. */
static void half_frames(void)
{
    for (int i = 0; i < 20; i++) {
        uint8_t head[2] = {flags_of(i), 200};
        uint8_t answer[255];
        int fd = tcp_open(service.port);
        zmtp_open(fd);
        if (!zmtp_frame(fd, 0, "nonsense", 8) ||
                zmtp_receive(fd, answer, WAIT_MS) <= 0)
            broken("a message before half a frame", "is not answered");
        (void)tcp_send(fd, head, sizeof(head));
        (void)tcp_send(fd, "half", 4);
        tcp_reset(fd);
        cases++;
    }
}

static void claimed_frames(void)
{
    static const uint64_t claims[] = {UINT64_C(1) << 63,
            (UINT64_C(1) << 63) - 1, UINT64_MAX, UINT64_C(1) << 31,
            2 * MESSAGE_BYTES_MAX + 1};

    for (size_t i = 0; i < ARRAY_COUNT(claims); i++) {
        int fd = tcp_open(service.port);
        zmtp_open(fd);
        if (!zmtp_long_head(fd, flags_of((int)i), claims[i]))
            broken("a claimed length", "the service closed too early");
        (void)tcp_send(fd, "data", 4);
        if (!tcp_closed_by_peer(fd, WAIT_MS))
            broken("a claimed length", "the connection stays open");
        (void)close(fd);
        cases++;
    }
}

static void not_zmtp(void)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: rue\r\n\r\n";
    uint8_t greeting[ZMTP_GREETING_BYTES];

    zmtp_greeting(greeting);
    for (int i = 0; i < 20; i++) {
        int fd = tcp_open(service.port);
        (void)tcp_send(fd, http, sizeof(http) - 1);
        (void)close(fd);
        fd = tcp_open(service.port);
        (void)tcp_send(fd, greeting, (size_t)(3 * i) % sizeof(greeting));
        tcp_reset(fd);
        /* The whole greeting, then bytes that are no handshake. */
        fd = tcp_open(service.port);
        (void)tcp_send(fd, greeting, sizeof(greeting));
        (void)tcp_send(fd, http, sizeof(http) - 1);
        (void)close(fd);
        cases += 3;
    }
}

/* Connections that stay, silent, at every stage. */
static void open_silent(int fds[CONNECTIONS])
{
    uint8_t greeting[ZMTP_GREETING_BYTES];

    zmtp_greeting(greeting);
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = tcp_open(service.port);
        if (i % 4 == 1)
            (void)tcp_send(fds[i], greeting, 11);
        else if (i % 4 == 2)
            (void)tcp_send(fds[i], greeting, sizeof(greeting));
        else if (i % 4 == 3)
            zmtp_open(fds[i]);
        if (i % 8 == 7)
            (void)zmtp_frame(fds[i], ZMTP_MORE, "half", 4);
    }
}

/* ---- the whole ---- */

struct part {
    const char *name;
    void (*run)(void);
};

static const struct part parts[] = {
        {"garbage", garbage},
        {"truncations", truncations},
        {"deep messages", deep_messages},
        {"deep groups", deep_groups},
        {"unknown fields", unknown_fields},
        {"unknown fields inside", unknown_fields_inside},
        {"whole requests", whole_requests},
        {"too many", too_many},
        {"large frames", large_frames},
        {"bad numbers", bad_numbers},
        {"bad named features of actions", bad_named_of_actions},
        {"wrong shapes", wrong_shapes},
        {"claimed lengths", claimed_lengths},
        {"wrong actions", wrong_actions},
        {"wrong form", wrong_problem_form},
        {"bad ids", bad_ids},
        {"bad feedback", bad_feedback},
        {"one of many", one_of_many},
        {"duplicates", duplicates},
        {"too many frames", too_many_frames},
        {"half messages", half_messages},
        {"half frames", half_frames},
        {"claimed frames", claimed_frames},
        {"not ZMTP", not_zmtp},
};

static void run_parts(struct steady *steady)
{
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        struct state before = state_now();
        parts[i].run();
        expect_unchanged(&before, parts[i].name);
        steady_check(steady);
    }
}

static void run(int threads)
{
    static int silent[CONNECTIONS];
    static char text[4096];
    struct steady steady;

    (void)snprintf(text, sizeof(text), config, threads, steady_config);
    service_configure(&service, text);
    service_start(&service);
    steady_start(&steady, &service);
    open_silent(silent);
    raw_open(&raw, service.endpoint);
    decide_first();
    run_parts(&steady);
    raw_close(&raw);
    for (int i = 0; i < CONNECTIONS; i++)
        (void)close(silent[i]);
    printf("engine_threads %d: %u cases, %" PRIu64
           " answers to another client meanwhile\n",
            threads, cases, steady_stop(&steady));
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
    service_verify(&service);
}

int main(void)
{
    frame = frame_new();
    service_make(&service, "");
    service_add_tcp(&service);
    run(0);
    service_remove(&service);
    service_make(&service, "");
    service_add_tcp(&service);
    cases = 0;
    run(2);
    service_remove(&service);
    frame_free(&frame);
    return 0;
}
