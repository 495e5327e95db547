/* The numbers of the service as text: Prometheus's exposition format, version
 * 0.0.4, and JSON. Made from the tables of counters.h, histogram.h and
 * service/engine/problem.h, so a new row there is a new metric here.
 *
 * Cardinality is bounded: problems beyond `label_sets` are summed up under
 * problem="other", and a group's number is left out where a problem has more
 * than BOARD_GROUPS groups. Called from the HTTP thread. */
#ifndef SERVICE_METRICS_H
#define SERVICE_METRICS_H

#include "service/board.h"
#include "service/commit.h"

struct metrics_source {
    struct board *board;
    const struct committer *committer;
    nanos started;
    uint32_t label_sets;
};

/* malloced text that ends in zero, and its size without that; NULL: no
 * memory. */
char *metrics_prometheus(
        const struct metrics_source *source, nanos now, size_t *size);
char *metrics_json(
        const struct metrics_source *source, nanos now, size_t *size);

#endif
