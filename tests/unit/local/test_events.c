/* The events of a memory-only client against a plain list of them: what is
 * found, what falls due in which order, what is forgotten. */
#include "local/events.h"
#include "tests/lib/suite.h"

#include "base/rng.h"

#include <stdio.h>

#define ID_SIZE  32
#define KEPT     37u
#define PROBLEMS 2u
#define IDS      90u
#define STEPS    60000u

/* The plain list, oldest first. */
struct plain {
    uint32_t problem, id;
    struct event_state state;
    uint32_t decided; /* what its decision says; 0: none */
    nanos due; /* 0: none */
};

static struct plain list[KEPT];
static uint32_t count;
static uint64_t turn;

static struct plain *plain_find(uint32_t problem, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].problem == problem && list[i].id == id)
            return &list[i];
    return NULL;
}

static void plain_remove(struct plain *entry)
{
    uint32_t at = (uint32_t)(entry - list);

    for (; at + 1 < count; at++)
        list[at] = list[at + 1];
    count--;
}

static struct plain *plain_take(uint32_t problem, uint32_t id)
{
    struct plain *found = plain_find(problem, id);

    if (found != NULL)
        return found;
    if (count == KEPT)
        plain_remove(&list[0]);
    memset(&list[count], 0, sizeof(list[count]));
    list[count].problem = problem;
    list[count].id = id;
    return &list[count++];
}

static struct bytes text_of(uint32_t id, char text[ID_SIZE])
{
    (void)snprintf(text, ID_SIZE, "event-%u", id);
    return bytes_of_text(text);
}

static void compare_one(const struct journal *journal, uint32_t problem,
        uint32_t id, const struct plain *wanted)
{
    struct event_state state;
    struct bytes payload;
    uint32_t said;
    char text[ID_SIZE];
    struct err err;
    struct bytes event = text_of(id, text);
    int status =
            journal->event_get(journal->self, problem, event, &state, &err);

    ck_assert_int_eq(status, wanted == NULL ? STATUS_NOT_FOUND : 0);
    if (wanted == NULL)
        return;
    ck_assert_uint_eq(state.content, wanted->state.content);
    ck_assert_uint_eq(state.mark_count, wanted->state.mark_count);
    for (uint32_t i = 0; i < state.mark_count; i++)
        ck_assert_uint_eq(state.marks[i].id, wanted->state.marks[i].id);
    ck_assert_uint_eq(state.costs.size, wanted->state.costs.size);
    if (state.costs.size > 0)
        ck_assert_mem_eq(
                state.costs.data, wanted->state.costs.data, state.costs.size);
    status = journal->decision_get(
            journal->self, problem, event, &state, &payload, &err);
    ck_assert_int_eq(status, wanted->decided == 0 ? STATUS_NOT_FOUND : 0);
    if (status != 0)
        return;
    ck_assert_uint_ge(payload.size, sizeof(said));
    memcpy(&said, payload.data, sizeof(said));
    ck_assert_uint_eq(said, wanted->decided);
}

/* The plain list's due event: the one that was put first among the oldest
 * deadline of its kind. Both lists may name another one of the same time. */
static bool plain_due(uint32_t problem, nanos now)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].problem == problem && list[i].due != 0 &&
                list[i].due <= now)
            return true;
    return false;
}

static const uint8_t costs[4][256] = {{1}, {2}, {3}, {4}};

static void put(struct rng *rng, const struct journal *journal, nanos now)
{
    uint32_t problem = 1 + rng_below(rng, PROBLEMS), id = rng_below(rng, IDS);
    struct plain *entry = plain_take(problem, id);
    uint32_t decision[64] = {(uint32_t)++turn};
    size_t size = 4 + 4 * (size_t)rng_below(rng, 60);
    bool decides = entry->decided == 0 && rng_below(rng, 2) == 0;
    char text[ID_SIZE];
    struct bytes event = text_of(id, text);

    entry->state.content = turn;
    if (entry->state.mark_count < FEEDBACKS_MAX && rng_below(rng, 3) == 0)
        entry->state.marks[entry->state.mark_count++].id = turn;
    if (rng_below(rng, 3) == 0)
        entry->state.costs = bytes_of(
                costs[rng_below(rng, 4)], 8 * (size_t)rng_below(rng, 32));
    if (rng_below(rng, 4) == 0) {
        /* Feedback: it waits no longer. */
        entry->state.has_reward = true;
        entry->due = 0;
    }
    if (decides)
        entry->decided = (uint32_t)turn;
    journal->event_put(journal->self, problem, event, &entry->state,
            decides ? bytes_of(decision, size) : bytes_of(NULL, 0));
    if (rng_below(rng, 2) == 0 && !entry->state.has_reward) {
        /* As the engine: the state says it first. Waits of a kind are equally
         * long. */
        entry->due = now + (entry->decided != 0 ? 50 : 400);
        entry->state.deadline = entry->due;
        journal->event_put(journal->self, problem, event, &entry->state,
                bytes_of(NULL, 0));
        journal->due_put(journal->self, entry->due, problem, event);
    }
}

static void del(struct rng *rng, const struct journal *journal)
{
    uint32_t problem = 1 + rng_below(rng, PROBLEMS), id = rng_below(rng, IDS);
    struct plain *entry = plain_find(problem, id);
    char text[ID_SIZE];

    journal->event_del(journal->self, problem, text_of(id, text));
    if (entry != NULL)
        plain_remove(entry);
}

/* Lets all fall due that does, as the driver does it. */
static void expire(struct events *events, const struct journal *journal,
        uint32_t problem, nanos now)
{
    nanos deadline;
    struct bytes event;

    while (events_due(events, problem, now, &deadline, &event)) {
        char text[ID_SIZE];
        uint32_t id;
        struct plain *entry;
        memcpy(text, event.data, event.size);
        text[event.size] = '\0';
        ck_assert_int_eq(sscanf(text, "event-%u", &id), 1);
        entry = plain_find(problem, id);
        ck_assert_ptr_nonnull(entry);
        ck_assert_int_eq(entry->due, deadline);
        ck_assert_int_le(deadline, now);
        entry->state.expired = true;
        entry->due = 0;
        journal->event_put(journal->self, problem, event, &entry->state,
                bytes_of(NULL, 0));
        /* So that the event may wait again. */
        entry->state.expired = false;
    }
    ck_assert(!plain_due(problem, now));
}

START_TEST(events_are_those_of_the_list)
{
    struct events *events = events_new(KEPT, PROBLEMS);
    struct journal journal;
    struct rng rng = rng_keyed(20, 26, 1);
    nanos now = 1000;

    ck_assert_ptr_nonnull(events);
    journal = events_journal(events);
    count = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t problem = 1 + rng_below(&rng, PROBLEMS);
        uint32_t id = rng_below(&rng, IDS);
        ck_assert(events_ready(events));
        now += rng_below(&rng, 5);
        if (rng_below(&rng, 8) == 0)
            del(&rng, &journal);
        else
            put(&rng, &journal, now);
        compare_one(&journal, problem, id, plain_find(problem, id));
        if (step % 7 == 0)
            expire(events, &journal, problem, now);
    }
    for (uint32_t problem = 1; problem <= PROBLEMS; problem++)
        for (uint32_t id = 0; id < IDS; id++)
            compare_one(&journal, problem, id, plain_find(problem, id));
    events_free(events);
}
END_TEST

START_TEST(one_event_is_enough)
{
    struct events *events = events_new(1, 1);
    struct journal journal;
    struct event_state state;
    struct err err;
    char text[ID_SIZE];

    ck_assert_ptr_nonnull(events);
    journal = events_journal(events);
    for (uint32_t id = 0; id < 100; id++) {
        event_state_clear(&state);
        state.content = id + 1;
        journal.event_put(journal.self, 1, text_of(id, text), &state,
                bytes_of(&id, sizeof(id)));
        ck_assert_int_eq(journal.event_get(journal.self, 1, text_of(id, text),
                                 &state, &err),
                0);
        ck_assert_uint_eq(state.content, id + 1);
        if (id > 0)
            ck_assert_int_eq(journal.event_get(journal.self, 1,
                                     text_of(id - 1, text), &state, &err),
                    STATUS_NOT_FOUND);
    }
    events_free(events);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *tests = tcase_create("events");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, events_are_those_of_the_list);
    tcase_add_test(tests, one_event_is_enough);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
