/* A grid of candidates from a file, for `rue tune`:
 *
 *     grid:
 *       - name: ridge
 *         policy: {oracle: ridge, explorer: squarecb, gamma_scale: [10, 100]}
 *
 * Each entry stands for every combination of its lists; what has a list is in
 * the candidate's name. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "config/flat.h"
#include "replay/tune.h"

struct grid {
    struct flat_file file;
    struct arena arena; /* holds names and values */
    struct tune_candidate candidates[TUNE_CANDIDATES_MAX];
    uint32_t line[TUNE_CANDIDATES_MAX]; /* of its entry */
    uint32_t count;
};

/* INVALID: "FILE:LINE: what is wrong". grid_close takes one that failed to
 * open, too. */
int grid_open(struct grid *grid, const char *path, struct err *err) MUST_USE;
void grid_close(struct grid *grid);

#endif
