/* One hosted problem: what its configuration says (struct problem_spec, never
 * changed once made) and its state (struct problem): counters and the policy.
 * The state is a fold of the problem's records and of nothing else. */
#ifndef ENGINE_PROBLEM_H
#define ENGINE_PROBLEM_H

#include "base/arena.h"
#include "base/limits.h"
#include "policies/breaker.h"
#include "policies/drift.h"
#include "policies/groups.h"
#include "policies/guard.h"
#include "policies/policy.h"
#include "service/engine/expression.h"
#include "service/engine/performance.h"
#include "service/engine/problem_settings.h"
#include "service/engine/pulse.h"
#include "service/engine/recent.h"
#include "service/engine/response.h"

struct group {
    struct bytes name;
    bool by_client; /* named in the request; else: */
    struct group_rule rule; /* a predicate over the context */
};

#define POLICY_NAME_SIZE 96

struct problem_spec {
    uint32_t number; /* in the store; set by the driver */
    uint64_t since; /* decisions before this sequence had other columns,
                       actions or groups; set by the driver, 0 = none */
    struct bytes name;
    struct problem_settings settings;
    const struct bytes *columns; /* [column_count] names of context columns */
    uint32_t column_count;
    const struct bytes *catalogue; /* [slots] */
    uint32_t slots;
    const struct group *groups; /* [group_count] */
    uint32_t group_count;
    struct expression reward; /* count 0: feedback has the value */
    struct breaker_spec breaker; /* options.on: there is one */
    struct policy_spec policy;
    struct drift_spec drift;
    struct guard_spec guard;
    uint32_t fallback; /* slot of fallback.action, or slots: none */
    char policy_name[POLICY_NAME_SIZE];
    struct bytes text; /* the settings as `key: value` lines */
    uint64_t shape_digest; /* of what a Decision record's places mean */
    uint64_t model_digest; /* of all that the policy's bytes depend on */
    uint64_t state_digest; /* and of all that the state's depend on */
};

/* Builds a spec from settings with dotted keys, in the order of the config:
 * `form`, `context` (once per column), `actions` (once per action),
 * `groups.name` (opens a group), `groups.when`, `groups.by`, `reward.min`,
 * `policy.oracle`, ... All memory comes from the arena, which must outlive the
 * spec; `values` and their bytes need not. INVALID names the key; err_line
 * (may be NULL) gets its line. */
int problem_spec_parse(struct problem_spec *spec, struct bytes name,
        const struct keyvalue *values, size_t count, struct arena *arena,
        uint32_t *err_line, struct err *err) MUST_USE;

/* The same from the text of a ConfigRecord. */
int problem_spec_parse_text(struct problem_spec *spec, struct bytes name,
        struct bytes text, struct arena *arena, struct err *err) MUST_USE;

/* Do detectors of drift watch it? */
bool problem_spec_watched(const struct problem_spec *spec);

/* Why it is not trained from the log; NULL: it is, if its policy can be. */
const char *problem_spec_untrained(const struct problem_spec *spec);

/* The counters of a problem; each is a fold of the log. */
#define PROBLEM_COUNTERS(X)                                                    \
    X(decisions, "decisions made")                                             \
    X(feedbacks, "feedbacks recorded")                                         \
    X(learned, "outcomes learned by the policy")                               \
    X(corrected, "outcomes replaced exactly in the policy")                    \
    X(corrections_deferred,                                                    \
            "corrections that the policy can only take at the next "           \
            "retraining")                                                      \
    X(held, "feedbacks kept for an event not decided or not activated yet")    \
    X(expired, "events whose wait ended without feedback")                     \
    X(orphans_expired, "orphaned feedbacks given up")                          \
    X(activations, "activations")                                              \
    X(propensity_unknown,                                                      \
            "outcomes of actions that clients showed on their own account "    \
            "without saying how likely")                                       \
    X(held_misfits,                                                            \
            "held feedbacks that did not fit the decision when it came")       \
    X(alarms, "alarms of drift")                                               \
    X(fallbacks, "decisions by the fallback, while drift was alarmed")         \
    X(canaries, "generations that were given a share of the decisions")        \
    X(refusals, "generations that the gate refused")                           \
    X(circuits_opened, "times that a circuit of the breaker opened")           \
    X(circuits_closed, "times that one closed")                                \
    X(guarded_budget,                                                          \
            "decisions for the guard's default action, since a trial might "   \
            "have cost too much")                                              \
    X(guarded_settled,                                                         \
            "decisions for the guard's default action, since no other may be " \
            "better")

struct problem_counters {
#define X(name, sentence) uint64_t name;
    PROBLEM_COUNTERS(X)
#undef X
    double value_sum; /* of the outcomes learned, with their corrections */
};

/* A generation on trial beside the one that serves. */
struct challenger {
    struct policy *policy; /* NULL: there is none, and the rest is zero */
    uint64_t generation;
    double share; /* of the decisions; 0: it looks on */
    bool mixed; /* refused, and mixed in until the next candidate comes */
    /* Outcomes since it began, and what they say of its value less that of the
     * one that serves: terms whose mean that is, in units of the reward range
     * (service/engine/trial.h). */
    uint64_t rows;
    double sum, squares;
};

struct problem {
    uint32_t magic;
    const struct problem_spec *spec;
    struct policy *policy;
    struct drift *drift; /* NULL: not watched */
    struct grid *grid; /* of the parameter; NULL: the problem has none */
    struct guard guard; /* where spec->guard.on */
    struct breaker *breaker; /* NULL: none */
    struct problem_counters counters;
    struct arena scratch; /* for one input at a time */
    size_t decide_scratch, learn_scratch; /* what the policy needs of one */
    uint64_t generation; /* that serves; 0 = what was learned here alone */
    bool has_back;
    uint64_t back; /* what a rollback goes to */
    struct challenger challenger;
    uint64_t refused; /* generations in a row, by the gate */
    bool alarming; /* outcomes drifted since what serves was promoted */
    struct pulse *pulse; /* for those who look on; no part of the state. NULL:
                            nobody does. Freed with the problem */
    struct response response; /* to alarms of drift */
    struct performance performance; /* of what serves; where it is watched */
    struct recent recent; /* alarms, for those who look on */
};

/* A problem with fresh state. Heap memory; NULL with err when there is none.
 * The spec must outlive it. */
struct problem *problem_open(const struct problem_spec *spec, struct err *err);
void problem_close(struct problem *problem);
/* From now on somebody looks on, with sums that begin here. Without memory
 * nobody does. */
void problem_watch(struct problem *problem);
/* Back to fresh state. */
void problem_reset(struct problem *problem);

/* The state's bytes: counters and policy. The same records give the same
 * bytes, on every machine. */
void problem_save(const struct problem *problem, struct writer *writer);
size_t problem_save_size(const struct problem *problem);
/* Into a fresh problem. CORRUPT if the bytes are damaged or of another
 * state_digest; the problem is then only fit for closing. */
int problem_load(
        struct problem *problem, struct bytes state, struct err *err) MUST_USE;
/* Are these bytes of the version that problem_save writes? An older one can be
 * loaded but not compared. */
bool problem_state_is_current(struct bytes state);
/* ---- models: what a generation stores ----
 *
 * u32 tag, u32 format, u64 model_digest of the settings it was made for, then
 * the policy's own bytes. A model is all that a policy needs to decide. */

void problem_save_model(const struct problem *problem, struct writer *writer);
size_t problem_model_size(const struct problem *problem);
/* The policy of these bytes takes the place of the problem's; counters stay.
 * CORRUPT if the bytes are damaged, INVALID if they were made for other
 * settings; the problem is then as it was. */
int problem_load_model(
        struct problem *problem, struct bytes model, struct err *err) MUST_USE;
/* The same for the challenger, in the place of one that is there; its numbers
 * begin anew. */
int problem_load_challenger(
        struct problem *problem, struct bytes model, struct err *err) MUST_USE;
/* The challenger leaves. */
void problem_drop_challenger(struct problem *problem);
/* The challenger becomes the policy that serves, with all that it learned. */
void problem_take_challenger(struct problem *problem);

/* XXH3 of the state's bytes; false if there is no memory for them. */
bool problem_state_hash(const struct problem *problem, uint64_t *hash);

#endif
