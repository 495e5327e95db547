#include "cli/generation.h"

#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

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
    if (stage_shares(record->stage))
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

static json_t *json_estimate(
        double value, double lower, double upper, double alpha, uint64_t rows)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:I}", "value", value, "lower",
            lower, "upper", upper, "alpha", alpha, "rows", (json_int_t)rows);
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
    if (stage_shares(record->stage))
        set(line, "share", json_real(record->share));
    if (estimate->given)
        set(line, "estimate",
                json_estimate(estimate->value, estimate->lower, estimate->upper,
                        estimate->alpha, estimate->rows));
    if (record->why.size > 0)
        set(line, "why", cli_json_text(record->why));
}

static const char *verdict_name(rue_verdict verdict)
{
    static const char *const names[] = {"none", "pass", "block"};

    return (unsigned)verdict < ARRAY_COUNT(names) ? names[verdict] : "?";
}

static void print_time(int64_t nanos_since_1970)
{
    time_t seconds = (time_t)(nanos_since_1970 / NANOS_PER_SECOND);
    struct tm utc;
    char text[32];

    if (gmtime_r(&seconds, &utc) != NULL &&
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
        printf(" %s", text);
}

void generation_print(const rue_generation *generation)
{
    const rue_estimate *estimate = &generation->estimate;

    printf("%c %" PRIu64, generation->serving ? '*' : ' ', generation->number);
    if (generation->damaged) {
        puts(" damaged");
        return;
    }
    print_time(generation->created_ns);
    printf(" parent=%" PRIu64 " rows=%" PRIu64 " effective=%.6g bytes=%" PRIu64
           " digest=%016" PRIx64 " verdict=%s",
            generation->parent, generation->rows, generation->effective,
            generation->bytes, generation->digest,
            verdict_name(generation->verdict));
    if (estimate->given)
        printf(" estimate=%.6g (%.6g to %.6g, alpha %g, %" PRIu64 " rows)",
                estimate->value, estimate->lower, estimate->upper,
                estimate->alpha, estimate->rows);
    if (generation->promoted > 0)
        printf(" promoted=%" PRIu64, generation->promoted);
    if (generation->why[0] != '\0')
        printf(" why=\"%s\"", generation->why);
    putchar('\n');
}

json_t *generation_json(const rue_generation *generation)
{
    const rue_estimate *estimate = &generation->estimate;
    json_t *out = json_object();
    char digest[17];

    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, generation->digest);
    set(out, "number", json_integer((json_int_t)generation->number));
    set(out, "damaged", json_boolean(generation->damaged));
    set(out, "serving", json_boolean(generation->serving));
    if (generation->damaged)
        return out;
    set(out, "parent", json_integer((json_int_t)generation->parent));
    set(out, "created_ns", json_integer((json_int_t)generation->created_ns));
    set(out, "digest", json_string(digest));
    set(out, "bytes", json_integer((json_int_t)generation->bytes));
    set(out, "through", json_integer((json_int_t)generation->through));
    set(out, "promoted", json_integer((json_int_t)generation->promoted));
    set(out, "rows", json_integer((json_int_t)generation->rows));
    set(out, "effective", json_real(generation->effective));
    set(out, "verdict", json_string(verdict_name(generation->verdict)));
    if (estimate->given)
        set(out, "estimate",
                json_estimate(estimate->value, estimate->lower, estimate->upper,
                        estimate->alpha, estimate->rows));
    set(out, "why", json_string(generation->why));
    return out;
}
