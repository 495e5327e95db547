/* The numbers of the service as text: Prometheus's exposition format, version
 * 0.0.4. Made from the tables of counters.h, histogram.h and
 * service/engine/problem.h, so a new row there is a new metric here.
 *
 * Cardinality is bounded: problems beyond `label_sets` are summed up under
 * problem="other" where a sum means something and left out where it does not;
 * groups, actions, detectors and numbers of policies together have
 * `label_sets` label sets each, and what is left out is counted. Called from
 * the HTTP thread. */
#ifndef SERVICE_METRICS_H
#define SERVICE_METRICS_H

#include "service/board.h"
#include "service/commit.h"
#include "service/trainer.h"
#include "service/worker.h"

/* What all that is told over HTTP is made of; all of it outlives the HTTP
 * side. */
struct metrics_source {
    struct board *board;
    const struct committer *committer;
    struct trainer *trainer;
    struct worker *workers; /* [worker_count] */
    uint32_t worker_count;
    struct ledger *ledger;
    const char *store; /* the data directory as people type it */
    nanos started;
    uint32_t label_sets;
};

/* malloced text that ends in zero, and its size without that; NULL: no
 * memory. */
char *metrics_prometheus(
        const struct metrics_source *source, nanos now, size_t *size);

/* Requests that wait for an engine thread; 0 where there are none. */
uint32_t metrics_inbox(const struct metrics_source *source);

/* ---- copies of the board's rows ---- */

struct rows {
    struct board_row *row; /* [count] */
    uint32_t count;
    uint32_t shown; /* the others are summed up */
};

/* False: no memory. */
bool rows_take(const struct metrics_source *source, struct rows *rows);
void rows_free(struct rows *rows);

#endif
