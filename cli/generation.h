/* How generations and promotions are shown. */
#ifndef CLI_GENERATION_H
#define CLI_GENERATION_H

#include "cli/cli.h"
#include "client/rue.h"
#include "proto/record.h"

/* " key=value ..." on the line of a Promotion record. */
void generation_print_promotion(const struct promotion_record *record);
void generation_json_promotion(
        json_t *line, const struct promotion_record *record);

/* One generation, on a line; as JSON. */
void generation_print(const rue_generation *generation);
json_t *generation_json(const rue_generation *generation);

#endif
