/* A log of rue's own, record by record, into a store: the records as they were,
 * and the join that follows from them. The other way of `rue export rue`.
 *
 * The model of a generation comes in lines of its own, before the record that
 * promotes it (replay/model_line.h). Sequences begin anew. One thread. */
#ifndef REPLAY_RESTORE_H
#define REPLAY_RESTORE_H

#include "proto/record_json.h"
#include "service/engine/problem_settings.h"
#include "storage/ledger.h"

#define RESTORE_PROBLEMS_MAX 256u

struct restore;

int restore_open(struct restore **restore, struct ledger *ledger,
        struct err *err) MUST_USE;
/* INVALID (and nothing is written) for a line that is not a record, or one that
 * does not follow from those before it; UNSUPPORTED for the promotion of a
 * generation whose model did not come; any other status ends it. */
int restore_add(
        struct restore *restore, struct bytes line, struct err *err) MUST_USE;
int restore_commit(struct restore *restore, struct err *err) MUST_USE;
/* Records written so far, by kind. */
const uint64_t *restore_counts(const struct restore *restore);
void restore_close(struct restore *restore);

#endif
