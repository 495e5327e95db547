/* Examples: what the log knows of a problem's decisions and of what came of
 * them, joined and matured. The service goes on writing meanwhile.
 *
 * An example is a decision whose outcome is known: its feedback is in, or its
 * wait is over and the default holds. The value is the newest one, corrections
 * included. Decisions of another shape of the problem (other columns, actions
 * or groups), deferred ones that were not activated, and outcomes of actions
 * whose place the decision does not have are no examples.
 *
 * `cut` says how the unfinished end of the log is treated. With CUT_KNOWN every
 * decision whose outcome is known counts, which favours what is answered fast.
 * With CUT_WAIT only decisions older than the problem's wait count, answered or
 * not (payments.md, section 5): where failures are answered later than
 * successes that is the only fair way.
 *
 * Reading uses read transactions of EXAMPLES_CHUNK records at most, so that the
 * pages of old snapshots can be used again soon. What retention takes meanwhile
 * is passed over. One thread; nothing here writes. */
#ifndef TRAINING_EXAMPLES_H
#define TRAINING_EXAMPLES_H

#include "policies/memory.h"
#include "service/engine/problem.h"
#include "service/engine/round.h"
#include "storage/ledger.h"

#define EXAMPLES_CHUNK 20000u

enum examples_cut { CUT_KNOWN, CUT_WAIT };

/* All that is known of an example without reading its decision again. */
struct example {
    uint64_t sequence; /* of the Decision record */
    uint64_t generation; /* that decided */
    uint64_t key; /* hash of the event id */
    nanos decided; /* when */
    double value; /* reward, cost or label */
    double propensity; /* of the action that the outcome is about, as logged;
                          0 = unknown */
    struct shown shown; /* what it is about, if not the chosen action */
};

struct examples {
    const struct problem_spec *spec;
    struct ledger_reader *reader;
    struct example *list; /* [count] in the order of the log; heap memory */
    size_t count, capacity;
    size_t most; /* of them are kept */
    const struct memory_options *memory; /* which; NULL: the newest */
    uint64_t through; /* the last record that was looked at */
    uint64_t waiting; /* decisions passed over because nothing is known yet */
    uint64_t scanned; /* records */
    uint32_t reads; /* since the reader was renewed */
    struct arena arena; /* one record at a time */
    /* May be NULL; called now and then. */
    void (*progress)(void *self, const char *what, uint64_t done, uint64_t all);
    void *self;
};

struct examples_rules {
    enum examples_cut cut;
    nanos now;
    uint64_t since; /* decisions before this sequence are of another shape */
    uint64_t before; /* the log from this record on is not looked at: what is
                        known since then is not known yet; 0 = all of it */
    size_t most; /* examples to keep, at least 1 */
    /* Which (past.h); NULL: the newest. It must outlive the examples. */
    const struct memory_options *memory;
};

/* Reads the log. The reader is this one's alone until examples_close. */
int examples_open(struct examples *examples, const struct problem_spec *spec,
        struct ledger_reader *reader, const struct examples_rules *rules,
        struct err *err) MUST_USE;
/* Forgets all but the newest so many. */
void examples_keep(struct examples *examples, size_t rows);
void examples_close(struct examples *examples);

/* An example read again: views that are valid until the next call. */
struct example_view {
    struct round_view round;
    struct lesson lesson; /* of weight 1 */
    const struct decision_record *decision;
    uint32_t pair_first, pair_second; /* duels */
};

/* 0, or NOT_FOUND if retention took the decision meanwhile. */
int examples_read(struct examples *examples, size_t index,
        struct example_view *view, struct err *err) MUST_USE;

#endif
