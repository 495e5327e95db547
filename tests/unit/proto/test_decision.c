/* The Decision record as it is packed, piece by piece, against the library's
 * packing of a message with the same fields: random records, every optional
 * part of which is there or not. */
#include "base/rng.h"
#include "proto/question.h"
#include "proto/record.h"
#include "tests/lib/suite.h"

#include "proto/rue.pb-c.h"

#include <stdlib.h>

#define ARENA  ((size_t)8 << 20)
#define ROUNDS 2000u

static struct arena arena;
static struct rng rng;

static void setup(void)
{
    arena = arena_over(malloc(ARENA), ARENA);
}

static void teardown(void)
{
    free(arena.data);
}

/* ---- random records ---- */

static bool maybe(void)
{
    return rng_below(&rng, 2) == 1;
}

/* None as often as some. */
static uint32_t some(uint32_t most)
{
    return maybe() ? rng_below(&rng, most + 1) : 0;
}

/* Short and long numbers alike. */
static uint64_t number(void)
{
    return (((uint64_t)rng_u32(&rng) << 32) | rng_u32(&rng)) >>
            rng_below(&rng, 64);
}

static struct bytes id(void)
{
    size_t size = maybe() ? 1 + rng_below(&rng, 4) : 1 + rng_below(&rng, 200);
    uint8_t *data = arena_alloc(&arena, size);

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)rng_u32(&rng);
    return bytes_of(data, size);
}

static struct bytes *ids(uint32_t count)
{
    struct bytes *list = arena_array(&arena, struct bytes, count);

    for (uint32_t i = 0; i < count; i++)
        list[i] = id();
    return list;
}

static double *reals(uint32_t count)
{
    double *values = arena_array(&arena, double, count);

    for (uint32_t i = 0; i < count; i++)
        values[i] = rng_normal(&rng);
    return values;
}

static uint32_t *places(uint32_t count)
{
    uint32_t *values = arena_array(&arena, uint32_t, count);

    for (uint32_t i = 0; i < count; i++)
        values[i] = (uint32_t)number();
    return values;
}

static struct matrix matrix(uint32_t rows)
{
    struct matrix made = {rows, some(40), NULL, NULL};
    uint32_t count = rows * made.columns;
    float *singles = arena_array(&arena, float, count);

    made.values = reals(count);
    for (uint32_t i = 0; i < count; i++)
        singles[i] = (float)made.values[i];
    if (maybe())
        made.singles = singles;
    return made;
}

static struct named *named(uint32_t count)
{
    struct named *list = arena_array(&arena, struct named, count);

    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct named){.space = maybe() ? id() : bytes_of(NULL, 0),
                .name = id(),
                .text = maybe() ? id() : bytes_of(NULL, 0),
                .has_text = maybe(),
                .value = rng_normal(&rng)};
    return list;
}

static struct action_named *action_named(uint32_t count)
{
    struct action_named *list = arena_array(&arena, struct action_named, count);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t features = some(4);
        list[i] = (struct action_named){
                (uint32_t)number(), features, named(features)};
    }
    return list;
}

static struct question question(void)
{
    struct question made = {
            .shared = matrix(1),
            .named_count = some(5),
            .action_count = some(30),
            .action_features = matrix(1 + rng_below(&rng, 30)),
            .action_named_count = some(4),
            .excluded_count = some(6),
            .group_count = some(3),
            .has_baseline = maybe(),
            .baseline = (uint32_t)number(),
            .deferred = maybe(),
            .experts = maybe(),
            .point_count = some(20),
    };

    made.event = maybe() ? id() : bytes_of(NULL, 0);
    made.named = named(made.named_count);
    made.action = ids(made.action_count);
    made.action_named = action_named(made.action_named_count);
    made.excluded = places(made.excluded_count);
    made.group = ids(made.group_count);
    made.point = reals(made.point_count);
    return made;
}

static struct expert *experts(uint32_t count)
{
    struct expert *list = arena_array(&arena, struct expert, count);

    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct expert){id(), rng_normal(&rng), rng_normal(&rng)};
    return list;
}

static uint16_t *groups(uint32_t count)
{
    uint16_t *list = arena_array(&arena, uint16_t, count);

    for (uint32_t i = 0; i < count; i++)
        list[i] = (uint16_t)number();
    return list;
}

static void fill_what_was_chosen(struct decision_record *record)
{
    record->count = some(30);
    record->eligible = places(record->count);
    record->probability = reals(record->count);
    record->chosen = (uint32_t)number();
    record->has_second = maybe();
    record->second = (uint32_t)number();
    record->pair_probability = rng_unit(&rng);
    record->path_count = record->count == 0 ? 0 : some(record->count);
    record->path = places(record->path_count);
    record->path_probability = rng_unit(&rng);
    record->marginal = reals(record->count);
    record->has_prediction = maybe();
    record->prediction = rng_normal(&rng);
}

static void fill_what_was_held(struct decision_record *record)
{
    record->has_held = maybe();
    record->held = rng_normal(&rng);
    record->held_subject = (struct subject){maybe(), (uint32_t)number(),
            some(9), maybe() ? rng_unit(&rng) : 0.0};
    record->held_costs.count = some(12);
    record->held_costs.full = maybe();
    record->held_costs.values = reals(record->held_costs.count);
    record->held_cause = (enum cause)rng_below(&rng, CAUSE_LAST + 1);
    record->held_misfit = maybe();
}

static struct decision_record decision(void)
{
    struct decision_record record = {
            .head = {RECORD_DECISION, (uint32_t)number(), (nanos)number(),
                    id()},
            .question = question(),
            .group_count = some(4),
            .policy_version = number(),
            .generation = number(),
            .has_expected = maybe(),
            .expected_failure = rng_unit(&rng),
            .masked = some(7),
            .all_open = maybe(),
            .imported = maybe(),
            .chosen_only = maybe(),
            .pdrop = maybe() ? rng_unit(&rng) : 0.0,
            .limit = maybe() ? rng_unit(&rng) : 0.0,
            .guard = some(2),
            .expert_count = some(4),
            .trial = {maybe(), number(), rng_below(&rng, 2),
                    maybe() ? rng_unit(&rng) : 0.0, rng_unit(&rng),
                    rng_normal(&rng)},
    };

    fill_what_was_chosen(&record);
    fill_what_was_held(&record);
    record.groups = groups(record.group_count);
    record.expert = experts(record.expert_count);
    return record;
}

/* ---- the same as the library's messages ---- */

/* protobuf-c's types are not const; packing does not write. */
static void *unconst(const void *data)
{
    union {
        const void *in;
        void *out;
    } pointer = {data};

    return pointer.out;
}

static void *make(size_t size, void (*init)(void *message))
{
    void *message = arena_alloc(&arena, size);

    CHECK(message != NULL);
    init(message);
    return message;
}

#define MAKER(type, init)                                                      \
    static void init_##init(void *message)                                     \
    {                                                                          \
        rue__##init##__init(message);                                          \
    }                                                                          \
    static Rue__##type *make_##init(void)                                      \
    {                                                                          \
        return make(sizeof(Rue__##type), init_##init);                         \
    }
MAKER(Matrix, matrix)
MAKER(Named, named)
MAKER(ActionFeatures, action_features)
MAKER(Decide, decide)
MAKER(Expert, expert)
MAKER(Subject, subject)
MAKER(Costs, costs)
MAKER(Trial, trial)
MAKER(DecisionRecord, decision_record)

static Rue__Matrix *message_of_matrix(const struct matrix *from)
{
    Rue__Matrix *to = make_matrix();
    size_t count = (size_t)from->rows * from->columns;

    if (from->columns == 0)
        return NULL;
    to->has_columns = 1;
    to->columns = from->columns;
    to->n_f32 = from->singles != NULL ? count : 0;
    to->f32 = unconst(from->singles);
    to->n_f64 = from->singles == NULL ? count : 0;
    to->f64 = unconst(from->values);
    return to;
}

static Rue__Named **messages_of_named(const struct named *from, uint32_t count)
{
    Rue__Named **list = arena_array(&arena, Rue__Named *, count);

    CHECK(list != NULL);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = make_named();
        list[i]->has_space = from[i].space.size > 0;
        list[i]->space = message_of_bytes(from[i].space);
        list[i]->name = message_of_bytes(from[i].name);
        list[i]->has_text = from[i].has_text;
        list[i]->text = message_of_bytes(from[i].text);
        list[i]->has_value = !from[i].has_text;
        list[i]->value = from[i].value;
    }
    return list;
}

static ProtobufCBinaryData *messages_of_ids(
        const struct bytes *from, uint32_t count)
{
    ProtobufCBinaryData *list = arena_array(&arena, ProtobufCBinaryData, count);

    for (uint32_t i = 0; i < count; i++)
        list[i] = message_of_bytes(from[i]);
    return list;
}

static Rue__Decide *message_of_question(const struct question *from)
{
    Rue__Decide *to = make_decide();

    to->has_event = from->event.size > 0;
    to->event = message_of_bytes(from->event);
    to->shared = message_of_matrix(&from->shared);
    to->n_named = from->named_count;
    to->named = messages_of_named(from->named, from->named_count);
    to->n_action = from->action_count;
    to->action = messages_of_ids(from->action, from->action_count);
    to->action_features = message_of_matrix(&from->action_features);
    to->n_action_named = from->action_named_count;
    to->action_named = arena_array(
            &arena, Rue__ActionFeatures *, from->action_named_count);
    for (uint32_t i = 0; i < from->action_named_count; i++) {
        const struct action_named *entry = &from->action_named[i];
        to->action_named[i] = make_action_features();
        to->action_named[i]->action = entry->action;
        to->action_named[i]->n_named = entry->named_count;
        to->action_named[i]->named =
                messages_of_named(entry->named, entry->named_count);
    }
    to->n_excluded = from->excluded_count;
    to->excluded = unconst(from->excluded);
    to->n_group = from->group_count;
    to->group = messages_of_ids(from->group, from->group_count);
    to->has_deferred = to->deferred = from->deferred;
    to->has_baseline = from->has_baseline;
    to->baseline = from->baseline;
    to->has_experts = to->experts = from->experts;
    return to;
}

static void set_lists(
        const struct decision_record *from, Rue__DecisionRecord *to)
{
    to->n_eligible = from->count;
    to->eligible = unconst(from->eligible);
    to->n_group = from->group_count;
    to->group = arena_array(&arena, uint32_t, from->group_count);
    for (uint32_t i = 0; i < from->group_count; i++)
        to->group[i] = from->groups[i];
    to->n_expert = from->expert_count;
    to->expert = arena_array(&arena, Rue__Expert *, from->expert_count);
    for (uint32_t i = 0; i < from->expert_count; i++) {
        to->expert[i] = make_expert();
        to->expert[i]->group = message_of_bytes(from->expert[i].group);
        to->expert[i]->weight = from->expert[i].weight;
        to->expert[i]->prediction = from->expert[i].prediction;
    }
    to->n_point = from->question.point_count;
    to->point = unconst(from->question.point);
}

static void set_chosen(
        const struct decision_record *from, Rue__DecisionRecord *to)
{
    bool path = from->path_count > 0;

    to->n_probability = path ? 0 : from->count;
    to->probability = unconst(from->probability);
    to->has_chosen = !path && from->count > 0;
    to->chosen = from->chosen;
    to->has_second = to->has_pair_probability = from->has_second;
    to->second = from->second;
    to->pair_probability = from->pair_probability;
    to->n_path = from->path_count;
    to->path = unconst(from->path);
    to->has_path_probability = path;
    to->path_probability = from->path_probability;
    to->n_marginal = path ? from->count : 0;
    to->marginal = unconst(from->marginal);
    to->has_prediction = from->has_prediction;
    to->prediction = from->prediction;
}

static void set_held(
        const struct decision_record *from, Rue__DecisionRecord *to)
{
    const struct subject *subject = &from->held_subject;

    to->has_held = from->has_held;
    to->held = from->held;
    if (subject->given) {
        to->held_subject = make_subject();
        to->held_subject->place = subject->place;
        to->held_subject->has_position = subject->position > 0;
        to->held_subject->position = subject->position;
        to->held_subject->has_propensity = subject->propensity > 0.0;
        to->held_subject->propensity = subject->propensity;
    }
    if (from->held_costs.count > 0) {
        to->held_costs = make_costs();
        to->held_costs->n_value = from->held_costs.count;
        to->held_costs->value = unconst(from->held_costs.values);
        to->held_costs->has_full = to->held_costs->full = from->held_costs.full;
    }
    to->has_held_cause = from->held_cause != CAUSE_UNKNOWN;
    to->held_cause = (Rue__Cause)from->held_cause;
    to->has_held_misfit = to->held_misfit = from->held_misfit;
}

static void set_circumstances(
        const struct decision_record *from, Rue__DecisionRecord *to)
{
    to->has_expected_failure = from->has_expected;
    to->expected_failure = from->expected_failure;
    to->has_masked = from->masked > 0;
    to->masked = from->masked;
    to->has_all_open = to->all_open = from->all_open;
    to->has_imported = to->imported = from->imported;
    to->has_chosen_only = to->chosen_only = from->chosen_only;
    to->has_pdrop = from->pdrop > 0.0;
    to->pdrop = from->pdrop;
    to->has_limit = from->limit > 0.0;
    to->limit = from->limit;
    to->has_guard = from->guard > 0;
    to->guard = from->guard;
    if (!from->trial.given)
        return;
    to->trial = make_trial();
    to->trial->generation = from->trial.generation;
    to->trial->side = (Rue__Side)from->trial.side;
    to->trial->has_share = from->trial.share > 0.0;
    to->trial->share = from->trial.share;
    to->trial->other = from->trial.other;
    to->trial->control = from->trial.control;
}

static struct bytes by_library(const struct decision_record *from)
{
    Rue__DecisionRecord *to = make_decision_record();
    uint8_t *out;

    to->problem = from->head.problem;
    to->time_ns = from->head.time;
    to->event = message_of_bytes(from->head.event);
    to->decide = message_of_question(&from->question);
    to->policy_version = from->policy_version;
    to->has_generation = 1;
    to->generation = from->generation;
    set_lists(from, to);
    set_chosen(from, to);
    set_held(from, to);
    set_circumstances(from, to);
    out = arena_alloc(&arena, rue__decision_record__get_packed_size(to));
    return bytes_of(out, rue__decision_record__pack(to, out));
}

/* ---- tests ---- */

START_TEST(a_decision_is_packed_as_by_the_library)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct decision_record record;
        struct bytes ours;
        arena_reset(&arena);
        rng = rng_keyed(10, round, RNG_TEST);
        record = decision();
        ours = record_encode_decision(&record, &arena);
        ck_assert_msg(bytes_equal(ours, by_library(&record)), "round %llu",
                (unsigned long long)round);
        ck_assert(!arena.overflow);
    }
}
END_TEST

START_TEST(without_room_no_decision_is_packed)
{
    struct decision_record record;
    struct bytes whole;
    struct arena small;
    uint8_t *room;

    rng = rng_keyed(11, 1, RNG_TEST);
    record = decision();
    whole = record_encode_decision(&record, &arena);
    room = arena_alloc(&arena, whole.size);
    for (size_t capacity = 0; capacity < whole.size; capacity++) {
        small = arena_over(room, capacity);
        ck_assert_ptr_null(record_encode_decision(&record, &small).data);
        ck_assert(small.overflow);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decision");
    TCase *cases = tcase_create("decision");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_decision_is_packed_as_by_the_library);
    tcase_add_test(cases, without_room_no_decision_is_packed);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
