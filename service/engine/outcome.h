/* What the outcome of a decision is about and what it amounts to: which action
 * a feedback speaks of and how likely that action was shown, what a path cost.
 * The engine asks before it writes, the fold while it learns, and `rue verify`
 * afterwards. */
#ifndef ENGINE_OUTCOME_H
#define ENGINE_OUTCOME_H

#include "proto/record.h"
#include "service/engine/problem.h"

/* The action that a feedback says was shown, with the probability of that:
 * for a position of the ranking exact (policies/pmf.h), for a place the
 * client's own or, unless it is the chosen action, unknown. INVALID names the
 * field and the limit. */
int outcome_subject(const struct decision_record *decision,
        const struct shown *shown, struct arena *arena, struct subject *subject,
        struct err *err) MUST_USE;

/* Index into the eligible actions (their count if it is none of them), and
 * probability (0 = unknown), of a subject or, where none is given, of the
 * chosen action. */
uint32_t outcome_index(
        const struct decision_record *decision, const struct subject *subject);
double outcome_propensity(
        const struct decision_record *decision, const struct subject *subject);

/* As many costs as the path has edges (or the catalogue, for the costs of
 * all). `decision` is NULL before there is one: then what can be known is
 * checked. */
int outcome_fit_costs(const struct problem_spec *spec,
        const struct decision_record *decision, const struct costs *costs,
        struct err *err) MUST_USE;
/* There are some, each within the declared range. */
int outcome_check_costs(const struct problem_spec *spec,
        const struct costs *costs, struct err *err) MUST_USE;

/* The sum over the path; 0 for the costs of all edges and no path yet. */
double outcome_path_value(
        const struct decision_record *decision, const struct costs *costs);

/* The same cost for every edge of the path; values in the arena, NULL if they
 * did not fit. */
struct costs outcome_equal_costs(const struct decision_record *decision,
        double cost, struct arena *arena);

#endif
