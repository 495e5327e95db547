#include "cli/generation.h"

#include <inttypes.h>
#include <stdio.h>

void generation_print_promotion(const struct promotion_record *record)
{
    const struct estimate *estimate = &record->estimate;
    char why[256];

    printf(" generation=%" PRIu64 " stage=%s parent=%" PRIu64
           " digest=%016" PRIx64,
            record->generation, stage_name(record->stage), record->parent,
            record->digest);
    if (record->has_back)
        printf(" back=%" PRIu64, record->back);
    if (record->stage == STAGE_CANARY)
        printf(" share=%g", record->share);
    if (estimate->given)
        printf(" estimate=%.6g lower=%.6g upper=%.6g alpha=%g rows=%" PRIu64,
                estimate->value, estimate->lower, estimate->upper,
                estimate->alpha, estimate->rows);
    if (record->why.size > 0)
        printf(" why=\"%s\"", bytes_text(record->why, why, sizeof(why)));
}

static void set(json_t *line, const char *key, json_t *value)
{
    (void)json_object_set_new(line, key, value);
}

void generation_json_promotion(
        json_t *line, const struct promotion_record *record)
{
    const struct estimate *estimate = &record->estimate;
    char digest[17];

    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, record->digest);
    set(line, "generation", json_integer((json_int_t)record->generation));
    set(line, "stage", json_string(stage_name(record->stage)));
    set(line, "parent", json_integer((json_int_t)record->parent));
    set(line, "digest", json_string(digest));
    if (record->has_back)
        set(line, "back", json_integer((json_int_t)record->back));
    if (record->stage == STAGE_CANARY)
        set(line, "share", json_real(record->share));
    if (estimate->given)
        set(line, "estimate",
                json_pack("{s:f, s:f, s:f, s:f, s:I}", "value", estimate->value,
                        "lower", estimate->lower, "upper", estimate->upper,
                        "alpha", estimate->alpha, "rows",
                        (json_int_t)estimate->rows));
    if (record->why.size > 0)
        set(line, "why", cli_json_text(record->why));
}
