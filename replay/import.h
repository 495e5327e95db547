/* Events of a log from elsewhere into a store: each becomes the Decision record
 * of the choice that was made and, where it is known what came of it, the
 * Feedback record of that. The store is then as one that the service wrote: the
 * policy of the problem's settings is the fold of it.
 *
 * Of problems of the decide form. One thread. */
#ifndef REPLAY_IMPORT_H
#define REPLAY_IMPORT_H

#include "formats/format.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

/* ---- what a log holds, where no settings say it ---- */

#define SURVEY_TEXT_SIZE ((size_t)1 << 17)

struct survey {
    const struct format *format;
    uint64_t events;
    bool is_cost, has_value, has_columns;
    double least, most; /* of the values */
    uint32_t actions_most; /* listed by one event */
    uint32_t known; /* catalogue of numbers: from format->catalogue */
    uint32_t text_count; /* catalogue of texts, in the order seen */
    struct bytes texts[ACTIONS_MAX];
    uint32_t column_count;
    struct bytes columns[COLUMNS_MAX];
    struct arena arena; /* heap */
};

int survey_open(struct survey *survey, const struct format *format,
        struct err *err) MUST_USE;
void survey_close(struct survey *survey);
/* INVALID: the event does not go with those before it. */
int survey_add(struct survey *survey, const struct logged *event,
        struct err *err) MUST_USE;
/* The settings of a problem that takes all of it, as `key: value` lines for
 * problem_spec_parse_text. The range of values is what was seen, unless
 * `range` ([2], may be NULL) says it. */
int survey_settings(struct survey *survey, const double *range, char *out,
        size_t size, struct err *err) MUST_USE;

/* ---- the import ---- */

struct import_counts {
    uint64_t decisions;
    uint64_t feedbacks;
    uint64_t chosen_only; /* decisions of which only the propensity of the
                             action taken is known */
    uint64_t renamed; /* events whose id was taken already */
};

struct import;

/* Registers the problem; `spec` outlives the import. Values that are costs go
 * into problems that minimise, and the other way round: INVALID otherwise. */
int import_open(struct import **import, struct ledger *ledger,
        struct problem_spec *spec, struct err *err) MUST_USE;
/* INVALID (and nothing is written) for an event that does not fit the problem;
 * any other status ends the import. */
int import_add(struct import *import, const struct logged *event,
        struct err *err) MUST_USE;
/* Writes what is left. */
int import_commit(struct import *import, struct err *err) MUST_USE;
const struct import_counts *import_counts(const struct import *import);
/* Gives up what is not committed. */
void import_close(struct import *import);

#endif
