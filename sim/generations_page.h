/* The report of `rue sim payments --generations N --html FILE`: one page with
 * values by generation, the oscillation, uplift, and what outages cost. */
#ifndef SIM_GENERATIONS_PAGE_H
#define SIM_GENERATIONS_PAGE_H

#include "sim/generations.h"

#include <stdio.h>

struct generations_page {
    uint32_t policies, seeds;
    const char *const *name; /* [policies] */
    const struct generations_run *runs; /* [policies][seeds] */
    uint32_t reference; /* what means are compared with */
    const struct generations_settings *settings; /* of any of the runs */
};

/* Writes the page; its end (report/html.h) is the caller's. */
void generations_page(FILE *out, const struct generations_page *page);

#endif
