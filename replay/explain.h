/* Why was this decided? A decision of the log made again with the state that
 * the policy had then: the fold of the log up to the record before it. With
 * what each feature contributed to each action's score, and what its outcome
 * taught.
 *
 * Of decisions of one action. Reads one snapshot of the store. */
#ifndef REPLAY_EXPLAIN_H
#define REPLAY_EXPLAIN_H

#include "policies/contributions.h"
#include "proto/record.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

#define EXPLAIN_OUTCOMES_MAX (FEEDBACKS_MAX + 2)

/* A record about the event after its decision. */
struct explained_outcome {
    uint64_t sequence;
    enum record_kind kind;
    nanos time;
    enum effect effect;
    double value; /* what it says, and what that amounts to */
    double after;
    bool taught; /* the chosen action's score before and after it */
    double score_before, score_after;
};

struct explained {
    struct problem_spec spec; /* of the settings of that time */
    uint64_t sequence; /* of the decision */
    struct decision_record decision; /* views into the arena */
    struct problem *problem; /* heap; with the state of that time */
    bool identical; /* made again it is the recorded one, and so is the draw */
    const double *probability; /* [decision.count] as computed again; NULL where
                                  other actions would be eligible */
    const struct contributions *actions; /* [decision.count]; NULL where the
                                            policy has no predictions */
    uint32_t outcome_count;
    struct explained_outcome outcomes[EXPLAIN_OUTCOMES_MAX];
};

/* NOT_FOUND: no decision of that event in the problem. UNSUPPORTED: it is not
 * of one action. All memory but the problem's from the arena. */
int explain_event(struct ledger_reader *reader, struct bytes problem,
        struct bytes event, struct arena *arena, struct explained *out,
        struct err *err) MUST_USE;
void explain_close(struct explained *explained);

/* A name for a feature: "x.amount", "item.price", "user.city=Rome"; the
 * column's number where it has no name. */
void explain_feature_name(const struct explained *explained, uint32_t action,
        const struct contribution *contribution, char *out, size_t size);

#endif
