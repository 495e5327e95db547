/* From a question (what the client asked) to a round (what a policy sees):
 * names become catalogue slots, predicates become awake groups, excluded
 * actions disappear. The same code serves a live decision and a Decision
 * record read back from the log. */
#ifndef ENGINE_ROUND_H
#define ENGINE_ROUND_H

#include "proto/record.h"
#include "service/engine/problem.h"

struct round_view {
    struct context context;
    struct action_set actions; /* count = 1 without slot in the predict form */
    const uint32_t *eligible; /* [actions.count] places; NULL for predict */
};

/* Checks the question against the problem and builds its round; memory from
 * the arena. INVALID names the field and the limit. */
int round_of_question(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct err *err) MUST_USE;

/* The same checks for a question that is not to be decided: the round has its
 * places and groups, and no features. */
int round_outline(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct err *err) MUST_USE;

/* The round of a recorded decision, with the groups and the eligible actions
 * of the record. CORRUPT if the record does not fit the problem. */
int round_of_record(const struct problem_spec *spec,
        const struct decision_record *record, struct arena *arena,
        struct round_view *round, struct err *err) MUST_USE;

/* The id of the action at a place. */
struct bytes round_action_id(const struct problem_spec *spec,
        const struct question *question, uint32_t place);

#endif
