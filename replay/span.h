/* Parts of a log, without decoding more of it than it takes. */
#ifndef REPLAY_SPAN_H
#define REPLAY_SPAN_H

#include "storage/ledger.h"

bool span_is_decision(const struct log_entry *entry, uint32_t problem);

/* Counts a problem's decisions from one record to another, and stops at the one
 * after `skip` of them: `at` is its sequence, 0 where there are no more. */
int span_decisions(struct ledger_reader *reader, uint32_t problem,
        uint64_t from, uint64_t last, uint64_t skip, uint64_t *count,
        uint64_t *at, struct err *err) MUST_USE;

/* The first record of that time or later; the one after the last if there is
 * none. */
int span_since(struct ledger_reader *reader, nanos time, uint64_t *sequence,
        struct err *err) MUST_USE;

#endif
