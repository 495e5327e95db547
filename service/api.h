/* The read-only JSON of the HTTP side; docs/http.md says what each member is.
 * Called from the HTTP thread. All give malloced text that ends in zero and its
 * size without that, or NULL: no memory. */
#ifndef SERVICE_API_H
#define SERVICE_API_H

#include "service/history.h"
#include "service/metrics.h"

/* /api/v1/status: the service and its problems, at most label_sets of them.
 * With a problem only that one; `problem` NULL: all. NULL too if there is no
 * problem of that name: *found says which. */
char *api_status(const struct metrics_source *source, const char *problem,
        nanos now, bool *found, size_t *size);
/* /api/v1/problems: a line for each problem, whatever label_sets is. */
char *api_problems(
        const struct metrics_source *source, nanos now, size_t *size);
/* /api/v1/generations of a problem, from the store. */
char *api_generations(const struct metrics_source *source, const char *problem,
        bool *found, size_t *size);

#endif
