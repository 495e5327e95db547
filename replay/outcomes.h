/* The outcomes of a stored problem, one by one, in the order in which they were
 * learned, as detectors of drift see them (policies/drift.h): each once, when
 * it was first known; a correction does not enter again.
 *
 * With predictions the problem is folded on the way, so that each outcome comes
 * with what the policy expected before it learned it. Where the log does not
 * reach back to the beginning the policy begins with nothing. A running service
 * is not disturbed (replay/walk.h). */
#ifndef REPLAY_OUTCOMES_H
#define REPLAY_OUTCOMES_H

#include "policies/drift.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

struct stored_outcome {
    uint64_t sequence; /* of the record that teaches it */
    nanos time;
    double value;
    struct drift_outcome seen; /* predicted is NAN without predictions */
    const uint16_t *groups; /* [group_count] awake */
    uint32_t group_count;
};

struct outcomes {
    struct ledger_reader *reader;
    const struct problem_spec *spec; /* with its number and since */
    bool predictions;
    /* A status other than 0 ends the run. */
    int (*visit)(
            void *self, const struct stored_outcome *outcome, struct err *err);
    /* An Alarm record of the problem. */
    void (*alarm)(
            void *self, uint64_t sequence, const struct alarm_record *alarm);
    /* May be NULL; called now and then. */
    void (*progress)(void *self, uint64_t done, uint64_t all);
    void *self;

    /* Results. */
    uint64_t lost; /* outcomes whose decision is not kept */
};

/* INVALID: not of the decide form, which alone is watched. */
int outcomes_run(struct outcomes *outcomes, struct err *err) MUST_USE;

#endif
