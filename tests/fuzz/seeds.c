/* Writes the seeds of the fuzz targets: seeds DIRECTORY. Each is a file named
 * after what is in it, DIRECTORY/TARGET/NAME. What was found once is kept
 * beside them in files that no program writes. */
#include "base/limits.h"
#include "client/internal.h"
#include "proto/notice.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *root;

static void seed(const char *target, const char *name, struct bytes bytes)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", root, target);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
    file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
    CHECK_ZERO(fclose(file));
}

/* A byte in front: the kind of a record, the problem of a state. */
static void seed_under(
        const char *target, const char *name, uint8_t first, struct bytes rest)
{
    struct arena *arena = arena_fresh(3);
    uint8_t *data = arena_alloc(arena, rest.size + 1);

    CHECK(data != NULL);
    data[0] = first;
    memcpy(data + 1, rest.data, rest.size);
    seed(target, name, bytes_of(data, rest.size + 1));
}

/* Seeds of the parsers above are those of the unpacking below, which has all
 * kinds in one target (fuzz_unpack.c). */
#define UNPACK_REQUEST 0
#define UNPACK_REPLY   7

static void seed_packed(
        const char *target, const char *name, uint8_t kind, struct bytes packed)
{
    char under[96];

    (void)snprintf(under, sizeof(under), "%s-%s", target, name);
    seed_under("unpack", under, kind, packed);
    if (kind == UNPACK_REQUEST || kind == UNPACK_REPLY)
        seed(target, name, packed);
    else
        seed_under(target, name, kind, packed);
}

/* ---- requests ---- */

static const double x[2] = {0.25, 0.5}, rows[6] = {1, 2, 3, 4, 5, 6};
static const char *const actions[3] = {"p", "q", "r"};
static const char *const vip[1] = {"vip"}, *const by_name[1] = {"named"};
static const rue_named user[2] = {
        {.space = "user", .name = "kind", .text = "new"},
        {.name = "amount", .value = 1.5}};
static const uint32_t second[1] = {1};
static const double edge_costs[5] = {0.5, 0.25, 1, 0, 0.75};

/* As many questions as there are, then feedback and activation of the first. */
static void seed_request(
        const char *problem, const rue_question *questions, size_t count)
{
    const struct errand none = {.kind = ERRAND_NONE};
    struct event_id_source ids = {1, 0};
    const char *events[2] = {questions[0].event, "never"};
    static const rue_field fields[2] = {{"authorised", 1}, {"fee", 0.25}};
    rue_report reports[4] = {{.event = events[0], .value = 1, .id = "f"},
            {.event = events[0], .value = 0.5, .id = "g"},
            {.event = "orphan", .value = 1, .id = "f"},
            {.event = "e2", .value = 0.25, .id = "f"}};
    rue_request request = {
            .problem = problem,
            .questions = questions,
            .question_count = count,
            .reports = reports,
            .report_count = 4,
            .activates = events,
            .activate_count = 2,
    };
    struct bytes packed;
    char error[CLIENT_ERROR_SIZE];

    if (strcmp(problem, "path") == 0)
        for (int i = 0; i < 4; i++) {
            reports[i].value = 0;
            reports[i].costs = edge_costs;
            reports[i].cost_count = 5;
            reports[i].costs_full = 1;
        }
    if (strcmp(problem, "shop") == 0) {
        reports[2].position = 2;
        reports[3].has_shown = 1;
        reports[3].shown = 2;
        reports[3].propensity = 0.5;
        reports[1].fields = fields;
        reports[1].field_count = 2;
        reports[1].cause = RUE_CAUSE_TIMEOUT;
    }
    CHECK(message_pack(
            &request, 9, &none, &ids, 1000, arena_fresh(0), &packed, error));
    seed_packed("request", problem, UNPACK_REQUEST, packed);
}

static void seed_errands(void)
{
    static const struct {
        const char *name;
        struct errand errand;
    } errands[] = {{"status", {.kind = ERRAND_STATUS}},
            {"retrain", {.kind = ERRAND_RETRAIN}},
            {"promote", {.kind = ERRAND_PROMOTE, .generation = 3}},
            {"rollback", {.kind = ERRAND_ROLLBACK, .generation = 3}},
            {"generations", {.kind = ERRAND_GENERATIONS}}};
    const rue_request nothing = {.problem = "shop"};
    struct event_id_source ids = {1, 0};
    char error[CLIENT_ERROR_SIZE];
    struct bytes packed;

    for (size_t i = 0; i < ARRAY_COUNT(errands); i++) {
        CHECK(message_pack(&nothing, 1, &errands[i].errand, &ids, 1000,
                arena_fresh(0), &packed, error));
        seed_packed("request", errands[i].name, UNPACK_REQUEST, packed);
    }
}

static void seed_requests(void)
{
    const rue_action_named words[1] = {{1, user, 2}};
    rue_question shop = {.event = "e1",
            .context = x,
            .context_count = 2,
            .named = user,
            .named_count = 2,
            .groups = vip,
            .group_count = 1,
            .excluded = second,
            .excluded_count = 1,
            .has_baseline = 1};
    rue_question listed = {.event = "e1",
            .context = x,
            .context_count = 1,
            .actions = actions,
            .action_count = 3,
            .action_features = rows,
            .action_rows = 3,
            .action_columns = 2,
            .action_named = words,
            .action_named_count = 1,
            .deferred = 1};
    rue_question bins = {.event = "e1", .context = x, .context_count = 1};
    rue_question label = {.event = "e1",
            .context = x,
            .context_count = 2,
            .groups = by_name,
            .group_count = 1,
            .experts = 1};
    rue_question path = {
            .event = "e1", .excluded = second, .excluded_count = 1};
    rue_question groups[2] = {bins, bins};

    groups[1].event = "e2";
    groups[1].experts = 1;
    seed_request("shop", &shop, 1);
    seed_request("listed", &listed, 1);
    seed_request("bins", &bins, 1);
    seed_request("label", &label, 1);
    seed_request("groups", groups, 2);
    seed_request("duel", groups, 2);
    seed_request("path", &path, 1);
    seed_errands();
}

/* ---- replies ---- */

static void seed_replies(void)
{
    const uint32_t ranking[2] = {1, 0};
    const double probability[2] = {0.75, 0.25};
    const struct bytes ids[2] = {bytes_of_text("q"), bytes_of_text("p")};
    const struct expert expert = {bytes_of_text("vip"), 1, 0.5};
    const struct decision decision = {.status = STATUS_OK,
            .event = bytes_of_text("e1"),
            .count = 2,
            .ranking = ranking,
            .probability = probability,
            .action = ids,
            .policy = bytes_of_text("squarecb over ridge"),
            .policy_version = 3,
            .repeated = true,
            .expert_count = 1,
            .expert = &expert};
    const struct decision forms[2] = {
            {.status = STATUS_OK,
                    .event = bytes_of_text("e1"),
                    .count = 2,
                    .ranking = ranking,
                    .probability = probability,
                    .action = ids,
                    .pair_probability = 0.75},
            {.status = STATUS_OK,
                    .event = bytes_of_text("e2"),
                    .path_count = 2,
                    .path = ranking,
                    .edge = ids,
                    .path_probability = 0.5},
    };
    const struct receipt receipts[2] = {{.status = STATUS_OK, .held = true},
            {.status = STATUS_UNKNOWN_EVENT, .message = "event: none"}};
    const struct number number = {
            bytes_of_text("decisions"), bytes_of_text("vip"), 4};
    const struct status_answer answer = {.version = bytes_of_text("0.1.0"),
            .uptime_s = 1.5,
            .problem = ids,
            .problem_count = 2,
            .number_count = 1,
            .number = &number,
            .policy = bytes_of_text("tsallis-inf")};
    const struct reply reply = {.id = 7,
            .decision = &decision,
            .decision_count = 1,
            .feedback = receipts,
            .feedback_count = 2,
            .activate = receipts,
            .activate_count = 1};
    const struct reply pair_and_path = {
            .id = 7, .decision = forms, .decision_count = 2};
    const struct reply status = {.id = 8, .answer = &answer};
    const struct reply refused = {
            .id = 9, .status = STATUS_INVALID, .message = "request: no"};

    seed_packed("reply", "items", UNPACK_REPLY,
            wire_reply_encode(&reply, arena_fresh(0)));
    seed_packed("reply", "forms", UNPACK_REPLY,
            wire_reply_encode(&pair_and_path, arena_fresh(0)));
    seed_packed("reply", "status", UNPACK_REPLY,
            wire_reply_encode(&status, arena_fresh(0)));
    seed_packed("reply", "refused", UNPACK_REPLY,
            wire_reply_encode(&refused, arena_fresh(0)));
}

/* ---- records and states ---- */

static struct memory memory;

static struct input asked(const struct question *question)
{
    struct input input = {.kind = INPUT_DECIDE, .now = NANOS_PER_SECOND};

    input.as.decide.question = question;
    input.as.decide.fresh_id = bytes_of_text("fresh");
    return input;
}

static struct input told(const struct feedback *feedback)
{
    struct input input = {.kind = INPUT_FEEDBACK, .now = NANOS_PER_SECOND};

    input.as.feedback = feedback;
    return input;
}

static struct input expired(const struct memory_due *due)
{
    struct input input = {.kind = INPUT_DEADLINE, .now = due->deadline};

    input.as.deadline.event = due->event;
    input.as.deadline.deadline = due->deadline;
    return input;
}

/* Records of every kind that a problem writes, and its state after them. The
 * arena of the steps is not reset in between: it is that of the caller. */
static void play(struct problem *problem, struct arena *arena)
{
    static const struct bytes ids[2] = {
            {(const uint8_t *)"p", 1}, {(const uint8_t *)"q", 1}};
    const struct problem_spec *spec = problem->spec;
    bool listed = spec->slots == 0 && spec->settings.form == FORM_DECIDE;
    struct question question = {
            .shared = {1, spec->column_count, NULL, x},
            .action = ids,
            .action_count = listed ? 2 : 0,
    };
    struct feedback reports[3] = {{.event = bytes_of_text("e0"), .value = 1},
            {.event = bytes_of_text("e0"),
                    .value = 0.5,
                    .id = bytes_of_text("f")},
            {.event = bytes_of_text("orphan"), .value = 0}};
    struct journal journal = memory_journal(&memory);
    struct answer answer;
    struct input input;

    if (listed)
        question.action_features = (struct matrix){2, 2, NULL, rows};
    memory_reset(&memory);
    for (int i = 0; i < 3; i++) {
        static const char *const events[] = {"e0", "e1", "e2"};
        question.event = bytes_of_text(events[i]);
        question.deferred = i == 2;
        input = asked(&question);
        engine_step(problem, &input, &journal, arena, &answer);
        CHECK(answer.decision.status == STATUS_OK);
    }
    for (int i = 0; i < 3; i++) {
        if (spec->settings.form == FORM_PATH) {
            reports[i].value = 0;
            reports[i].costs = (struct costs){5, true, edge_costs};
        } else if (spec->group_count > 0 && spec->slots == 3) {
            reports[i].shown.position = i == 2 ? 3 : 2;
        }
        input = told(&reports[i]);
        engine_step(problem, &input, &journal, arena, &answer);
        CHECK(answer.receipt.status == STATUS_OK);
    }
    input.kind = INPUT_ACTIVATE;
    input.as.activate = bytes_of_text("e2");
    engine_step(problem, &input, &journal, arena, &answer);
    for (uint32_t i = 0; i < memory.due_count; i++) {
        input = expired(&memory.due[i]);
        engine_step(problem, &input, &journal, arena, &answer);
    }
}

static void seed_records(void)
{
    struct arena *arena = arena_fresh(1);
    struct promotion_record promotion = {
            .head = {RECORD_PROMOTION, 1, 1, {NULL, 0}},
            .generation = 2,
            .digest = 3,
            .parent = 1,
            .has_back = true,
            .back = 1,
            .estimate = {true, 0.01, -0.01, 0.03, 0.05, 1000},
            .why = bytes_of_text("not worse"),
    };
    struct alarm_record alarm = {.head = {RECORD_ALARM, 1, 1, {NULL, 0}},
            .part = 1,
            .name = bytes_of_text("shop"),
            .statistic = 2.5,
            .threshold = 2.0};
    struct config_record config = {{RECORD_CONFIG, 1, 1, {NULL, 0}},
            bytes_of_text("shop"), bytes_of_text("context: x\n"), 3};

    for (uint32_t i = 0; i < PROBLEMS; i++) {
        play(problem_fresh(i), arena_fresh(1));
        for (uint32_t j = 0; j < memory.record_count; j++) {
            char name[64];
            (void)snprintf(name, sizeof(name), "%s-%02u-%s", problem_names[i],
                    j, record_kind_name(memory.records[j].kind));
            seed_packed("record", name, (uint8_t)memory.records[j].kind,
                    memory.records[j].payload);
        }
    }
    seed_packed("record", "promotion", RECORD_PROMOTION,
            record_encode_promotion(&promotion, arena));
    seed_packed("record", "config", RECORD_CONFIG,
            record_encode_config(&config, arena));
    seed_packed("record", "alarm", RECORD_ALARM,
            record_encode_alarm(&alarm, arena));
}

/* Of the three kinds that are published, and of what is not a record. */
static void seed_notices(void)
{
    struct arena *arena = arena_fresh(0);
    struct number numbers[2] = {
            {bytes_of_text("decisions"), bytes_of(NULL, 0), 3},
            {bytes_of_text("reward_mean"), bytes_of_text("vip"), 0.5}};
    struct status_answer status = {.version = bytes_of_text("0.1.0"),
            .number = numbers,
            .number_count = 2,
            .policy = bytes_of_text("squarecb over ridge"),
            .generation = 2};
    struct generation_told told = {.number = 3,
            .parent = 2,
            .rows = 1000,
            .effective = 900,
            .verdict = 1,
            .estimate = {true, 0.01, -0.01, 0.03, 0.05, 1000},
            .why = bytes_of_text("not worse")};
    struct promotion_record promotion = {
            .head = {RECORD_PROMOTION, 1, 1, {NULL, 0}}, .generation = 3};
    struct alarm_record alarm = {.head = {RECORD_ALARM, 1, 1, {NULL, 0}},
            .stream = 1,
            .statistic = 2,
            .threshold = 1};
    struct notice notice = {
            .service = 7, .number = 1, .time = 1, .status = &status};

    seed("notice", "status", notice_encode(&notice, arena));
    notice.problem = bytes_of_text("checkout");
    notice.status = NULL;
    notice.generation = &told;
    seed("notice", "generation", notice_encode(&notice, arena));
    notice.generation = NULL;
    notice.sequence = 12;
    notice.kind = RECORD_PROMOTION;
    notice.record = record_encode_promotion(&promotion, arena);
    seed("notice", "promotion", notice_encode(&notice, arena));
    notice.kind = RECORD_ALARM;
    notice.record = record_encode_alarm(&alarm, arena);
    seed("notice", "alarm", notice_encode(&notice, arena));
    play(problem_fresh(0), arena);
    notice.kind = RECORD_DECISION;
    notice.record = memory.records[0].payload;
    notice.share = 0.01;
    notice.action = bytes_of_text("a");
    seed("notice", "decision", notice_encode(&notice, arena));
}

static void seed_states(void)
{
    static uint8_t data[65536];

    for (uint32_t i = 0; i < PROBLEMS; i++) {
        struct problem *problem = problem_fresh(i);
        struct writer writer = writer_over(data, sizeof(data));
        play(problem, arena_fresh(1));
        problem_save(problem, &writer);
        CHECK(!writer.failed);
        seed_under(
                "state", problem_names[i], (uint8_t)i, writer_bytes(&writer));
    }
}

static void seed_event_states(void)
{
    const uint32_t problems[2] = {0, PROBLEMS - 2};
    uint8_t data[EVENT_STATE_BYTES_MAX];
    uint32_t number = 0;

    for (int p = 0; p < 2; p++) {
        play(problem_fresh(problems[p]), arena_fresh(1));
        for (uint32_t i = 0; i < memory.event_count; i++) {
            struct writer writer = writer_over(data, sizeof(data));
            char name[32];
            event_state_write(&memory.events[i].state, &writer);
            (void)snprintf(name, sizeof(name), "event-%u", number++);
            seed("event_state", name, writer_bytes(&writer));
        }
    }
}

static void seed_texts(void)
{
    for (uint32_t i = 0; i < PROBLEMS; i++)
        seed("settings", problem_names[i], problem_fresh(i)->spec->text);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seeds DIRECTORY\n");
        return 2;
    }
    root = argv[1];
    (void)mkdir(root, 0755);
    seed_requests();
    seed_replies();
    seed_records();
    seed_notices();
    seed_states();
    seed_event_states();
    seed_texts();
    return 0;
}
