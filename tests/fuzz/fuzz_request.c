/* A request from the wire: decoded, put to a real problem, answered, and the
 * reply read as the client reads it. Whatever the bytes are:
 * - a request that is taken is within every limit, and the routing by
 *   wire_request_peek_problem agrees with it;
 * - an item that is refused has changed nothing, one that is taken leaves a
 *   sound policy and few effects, and the same question gets the same answer;
 * - what was written folds to the state that it was written with. */
#include "base/limits.h"
#include "client/internal.h"
#include "policies/pmf.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 50000;

#define START (1000 * NANOS_PER_SECOND)

static struct memory memory;

/* One request under way. */
struct play {
    struct problem *problem;
    struct journal journal;
    struct arena *arena;
    nanos now;
};

/* ---- what the decoder promises ---- */

static void check_value(double value)
{
    CHECK(isfinite(value) && fabs(value) <= VALUE_MAX);
}

static void check_id(struct bytes id)
{
    CHECK_ZERO(wire_check_id(id, "id", NULL));
}

static void check_matrix(const struct matrix *matrix, uint32_t rows_max)
{
    CHECK(matrix->rows <= rows_max && matrix->columns <= COLUMNS_MAX);
    for (size_t i = 0; i < (size_t)matrix->rows * matrix->columns; i++)
        check_value(matrix->values[i]);
}

static void check_named(const struct named *named, uint32_t count)
{
    CHECK(count <= NAMED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        check_id(named[i].name);
        check_value(named[i].value);
    }
}

static void check_question(const struct question *question)
{
    check_matrix(&question->shared, 1);
    check_matrix(&question->action_features, ACTIONS_MAX);
    check_named(question->named, question->named_count);
    CHECK(question->action_count <= ACTIONS_MAX);
    CHECK(question->group_count <= GROUPS_MAX);
    CHECK(question->excluded_count <= ACTIONS_MAX);
    CHECK(question->action_named_count <= ACTIONS_MAX);
    for (uint32_t i = 0; i < question->action_count; i++)
        check_id(question->action[i]);
    for (uint32_t i = 0; i < question->group_count; i++)
        check_id(question->group[i]);
    for (uint32_t i = 0; i < question->action_named_count; i++)
        check_named(question->action_named[i].named,
                question->action_named[i].named_count);
}

static void check_outcome(const struct feedback *feedback)
{
    const struct shown *shown = &feedback->shown;
    const struct costs *costs = &feedback->costs;

    CHECK(shown->position <= ACTIONS_MAX && shown->place < ACTIONS_MAX);
    CHECK(!shown->has_place || shown->position == 0);
    CHECK(shown->propensity == 0.0 ||
            (shown->has_place && shown->propensity >= PROBABILITY_MIN &&
                    shown->propensity <= 1.0));
    CHECK(costs->count <= ACTIONS_MAX);
    CHECK(costs->count == 0 || feedback->value == 0.0);
    for (uint32_t i = 0; i < costs->count; i++)
        check_value(costs->values[i]);
    CHECK(feedback->fields.count <= FIELDS_MAX);
    CHECK(feedback->cause <= CAUSE_LAST);
    CHECK(!feedback->derived ||
            (feedback->fields.count > 0 && feedback->value == 0.0));
    CHECK(feedback->fields.count == 0 || costs->count == 0);
    for (uint32_t i = 0; i < feedback->fields.count; i++) {
        check_id(feedback->fields.list[i].name);
        check_value(feedback->fields.list[i].value);
    }
}

static void check_request(const struct request *request)
{
    uint32_t items = request->decide_count + request->feedback_count +
            request->activate_count;

    int errands = request->retrain + request->promote + request->generations;

    CHECK(items <= REQUEST_ITEMS_MAX &&
            (items > 0 || request->status || errands > 0));
    CHECK(errands <= 1 && (errands == 0 || items == 0));
    if (items > 0)
        check_id(request->problem);
    for (uint32_t i = 0; i < request->decide_count; i++)
        check_question(&request->decide[i]);
    for (uint32_t i = 0; i < request->feedback_count; i++) {
        check_id(request->feedback[i].event);
        check_value(request->feedback[i].value);
        check_outcome(&request->feedback[i]);
    }
    for (uint32_t i = 0; i < request->activate_count; i++)
        check_id(request->activate[i]);
}

/* ---- what the engine promises ---- */

static struct answer step(struct play *play, const struct input *input)
{
    uint64_t before = problem_hash(play->problem);
    struct answer answer;
    enum status status;

    memory.effects = 0;
    engine_step(play->problem, input, &play->journal, play->arena, &answer);
    status = input->kind == INPUT_DECIDE ? answer.decision.status
                                         : answer.receipt.status;
    CHECK(status != STATUS_CORRUPT && status != STATUS_INTERNAL);
    CHECK(memory.effects <= 3 * STEP_EFFECTS_MAX);
    CHECK(policy_check(play->problem->policy));
    if (status == STATUS_OK)
        return answer;
    CHECK(memory.effects == 0 && problem_hash(play->problem) == before);
    CHECK(answer.receipt.message != NULL && answer.receipt.message[0] != 0);
    return answer;
}

static void check_decision(
        const struct play *play, const struct decision *decision)
{
    const struct problem_spec *spec = play->problem->spec;

    CHECK(decision->event.size > 0 && decision->policy.size > 0);
    if (spec->settings.form == FORM_PREDICT) {
        CHECK(decision->has_prediction && isfinite(decision->prediction));
        return;
    }
    if (spec->settings.form == FORM_PATH) {
        CHECK(decision->count == 0 && decision->path_count > 0);
        CHECK(decision->path_probability >= PROBABILITY_MIN);
        CHECK(decision->path_probability <= 1.0);
        for (uint32_t i = 0; i < decision->path_count; i++)
            CHECK(decision->path[i] < spec->slots);
        return;
    }
    CHECK(decision->count > 0 && decision->probability[0] > 0.0);
    CHECK((spec->settings.form == FORM_DUEL) ==
            (decision->pair_probability >= PROBABILITY_MIN));
    CHECK(pmf_valid(decision->probability, decision->count));
    for (uint32_t i = 0; i < decision->count; i++)
        CHECK(decision->action[i].size > 0);
}

static bool same_path(const struct decision *a, const struct decision *b)
{
    size_t count = a->path_count;

    return count == b->path_count &&
            (count == 0 ||
                    (memcmp(a->path, b->path, count * sizeof(*a->path)) == 0 &&
                            a->path_probability == b->path_probability));
}

static bool same_ranking(const struct decision *a, const struct decision *b)
{
    size_t count = a->count;

    return a->count == b->count &&
            (count == 0 ||
                    (memcmp(a->ranking, b->ranking,
                             count * sizeof(*a->ranking)) == 0 &&
                            memcmp(a->probability, b->probability,
                                    count * sizeof(*a->probability)) == 0)) &&
            same_path(a, b) && a->pair_probability == b->pair_probability &&
            a->has_prediction == b->has_prediction &&
            (!a->has_prediction || a->prediction == b->prediction);
}

static struct decision decide(
        struct play *play, const struct question *question)
{
    struct input input = {.kind = INPUT_DECIDE, .now = play->now};
    struct answer first, again;
    struct question copy = *question;

    input.as.decide.question = &copy;
    input.as.decide.fresh_id = bytes_of_text("made-on-the-spot");
    first = step(play, &input);
    if (first.decision.status != STATUS_OK)
        return first.decision;
    check_decision(play, &first.decision);
    copy.event = first.decision.event;
    again = step(play, &input);
    CHECK(again.decision.status == STATUS_OK && again.decision.repeated);
    CHECK(same_ranking(&first.decision, &again.decision));
    CHECK(memory.effects == 0);
    return first.decision;
}

static struct receipt report(struct play *play, const struct feedback *feedback)
{
    struct input input = {.kind = INPUT_FEEDBACK, .now = play->now};
    struct receipt first, again;

    input.as.feedback = feedback;
    first = step(play, &input).receipt;
    if (first.status != STATUS_OK)
        return first;
    again = step(play, &input).receipt;
    CHECK(again.status == STATUS_OK && again.repeated && memory.effects == 0);
    return first;
}

static struct receipt activate(struct play *play, struct bytes event)
{
    struct input input = {.kind = INPUT_ACTIVATE, .now = play->now};

    input.as.activate = event;
    return step(play, &input).receipt;
}

/* Every wait is over; what falls due on the way too. */
static void fall_due(struct play *play)
{
    for (uint32_t i = 0; i < memory.due_count; i++) {
        struct input input = {
                .kind = INPUT_DEADLINE, .now = memory.due[i].deadline};
        input.as.deadline.event = memory.due[i].event;
        input.as.deadline.deadline = memory.due[i].deadline;
        CHECK(step(play, &input).receipt.status == STATUS_OK);
    }
}

static void check_reply(const struct reply *reply, struct arena *arena)
{
    struct bytes frame = wire_reply_encode(reply, arena);
    rue_reply read;
    uint64_t id = 0;
    struct errand_answer errand = {.has_status = true, .has_receipt = true};

    CHECK(frame.size > 0);
    CHECK(message_unpack(frame, arena, &id, &read, &errand));
    CHECK(id == reply->id && !errand.has_status && !errand.has_receipt);
    CHECK(read.answer_count == reply->decision_count);
    CHECK(read.receipt_count == reply->feedback_count);
    CHECK(read.activation_count == reply->activate_count);
    for (size_t i = 0; i < read.answer_count; i++) {
        const struct decision *decision = &reply->decision[i];
        CHECK((int)read.answers[i].status == (int)decision->status);
        CHECK(read.answers[i].count == decision->count);
        CHECK(decision->count == 0 ||
                read.answers[i].propensity == decision->probability[0]);
        CHECK(read.answers[i].path_count == decision->path_count);
        CHECK(read.answers[i].pair_probability == decision->pair_probability);
    }
}

static void play_request(struct play *play, const struct request *request)
{
    struct decision *decisions =
            arena_array(play->arena, struct decision, request->decide_count);
    struct receipt *receipts =
            arena_array(play->arena, struct receipt, request->feedback_count);
    struct receipt *activations =
            arena_array(play->arena, struct receipt, request->activate_count);
    struct reply reply = {
            .id = request->id,
            .decision = decisions,
            .feedback = receipts,
            .activate = activations,
            .decision_count = request->decide_count,
            .feedback_count = request->feedback_count,
            .activate_count = request->activate_count,
    };

    for (uint32_t i = 0; i < request->decide_count; i++)
        decisions[i] = decide(play, &request->decide[i]);
    for (uint32_t i = 0; i < request->feedback_count; i++)
        receipts[i] = report(play, &request->feedback[i]);
    for (uint32_t i = 0; i < request->activate_count; i++)
        activations[i] = activate(play, request->activate[i]);
    check_reply(&reply, play->arena);
    play->now += NANOS_PER_SECOND;
    fall_due(play);
    memory_check_fold(&memory, play->problem);
}

static uint32_t problem_of(struct bytes name)
{
    for (uint32_t i = 0; i < PROBLEMS; i++)
        if (bytes_equal(name, bytes_of_text(problem_names[i])))
            return i;
    return (uint32_t)(name.size % PROBLEMS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes frame = bytes_of(data, size);
    struct request request;
    struct err err = {STATUS_OK, ""};
    struct play play = {.arena = arena_fresh(1), .now = START};
    int status = wire_request_decode(frame, arena_fresh(0), &request, &err);

    if (status != 0) {
        CHECK(status == STATUS_INVALID || status == STATUS_UNSUPPORTED);
        CHECK((int)err.status == status && err.text[0] != '\0');
        return 0;
    }
    check_request(&request);
    CHECK(bytes_equal(wire_request_peek_problem(frame), request.problem));
    /* Each item hashes the state a few times: a bound keeps it quick. */
    if (request.decide_count + request.feedback_count > 64)
        return 0;
    play.problem = problem_fresh(problem_of(request.problem));
    memory_reset(&memory);
    play.journal = memory_journal(&memory);
    play_request(&play, &request);
    return 0;
}
