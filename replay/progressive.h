/* Progressive inverse propensity loss of a policy on a log: what Vowpal
 * Wabbit's exploring reductions print as average loss. In the log's order, each
 * outcome counts the cost, times the probability that the policy gives the
 * action taken before it learns that outcome, over the probability that the log
 * has; then the policy learns it:
 *
 *     sum_i v_i c_i pi_i(a_i)/p_i  /  sum_i v_i,      v_i = 1/(1 - pdrop_i)
 *
 * c is the value of a problem that minimises, and minus it of one that
 * maximises. Decisions without an outcome count for nothing, nor do those that
 * retention has taken or that were made with other columns or actions.
 * Deterministic; one pass, memory for one record. */
#ifndef REPLAY_PROGRESSIVE_H
#define REPLAY_PROGRESSIVE_H

#include "service/engine/problem.h"
#include "storage/ledger.h"

struct progressive {
    uint64_t rows; /* outcomes */
    double weight; /* sum of v */
    double loss; /* the average */
    double cost; /* of the log itself: sum of v c over sum of v */
    double ratio; /* sum of v pi/p over sum of v: 1 on average, where the logged
                     probabilities are those of the draws */
};

/* `spec` is the problem's (with its number), or one of the same shape with
 * another policy. Records `from` to `last`; 0: the first and the last there
 * are. INVALID: its form is another; UNSUPPORTED: its oracle is trained in
 * batches; CORRUPT names the record. */
int progressive_run(struct ledger_reader *reader,
        const struct problem_spec *spec, uint64_t from, uint64_t last,
        struct progressive *result, struct err *err) MUST_USE;

#endif
