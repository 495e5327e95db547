#include "replay/sound.h"

#include "policies/pmf.h"
#include "service/engine/outcome.h"

#include <math.h>

/* Probabilities are computed again by the same sums in the same order; the rest
 * is for another compiler's idea of them. */
#define PROBABILITY_TOLERANCE 1e-12
/* Of sums over routes against each other. */
#define SUM_TOLERANCE 1e-9

/* ---- decisions ---- */

static bool is_excluded(const struct question *question, uint32_t place)
{
    for (uint32_t i = 0; i < question->excluded_count; i++)
        if (question->excluded[i] == place)
            return true;
    return false;
}

static int check_eligible(const struct decision_record *record, struct err *err)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (is_excluded(&record->question, record->eligible[i]) ||
                (i > 0 && record->eligible[i] <= record->eligible[i - 1]))
            return err_set(err, STATUS_CORRUPT,
                    "place %u is not one that could be chosen",
                    record->eligible[i]);
    return 0;
}

static int check_pair(const struct decision_record *record, struct err *err)
{
    double pair = record->probability[record->chosen] *
            pmf_second(record->probability, record->count, record->chosen,
                    record->second);

    if (fabs(pair - record->pair_probability) <= PROBABILITY_TOLERANCE)
        return 0;
    return err_set(err, STATUS_CORRUPT,
            "pair_probability is %.17g, its probabilities make it %.17g",
            record->pair_probability, pair);
}

static int check_path(const struct decision_record *record, struct arena *arena,
        struct err *err)
{
    bool *seen = arena_zalloc(arena, record->count, sizeof(*seen));

    if (seen == NULL)
        return err_set(err, STATUS_BUSY, "the record is too large");
    for (uint32_t i = 0; i < record->path_count; i++) {
        uint32_t edge = record->path[i];
        if (seen[edge])
            return err_set(err, STATUS_CORRUPT, "its path has edge %u twice",
                    record->eligible[edge]);
        if (record->marginal[edge] < record->path_probability - SUM_TOLERANCE)
            return err_set(err, STATUS_CORRUPT,
                    "edge %u is less likely than its path",
                    record->eligible[edge]);
        seen[edge] = true;
    }
    return 0;
}

int sound_decision(const struct decision_record *record, struct arena *arena,
        struct err *err)
{
    int status = check_eligible(record, err);

    if (status == 0 && record->has_second)
        status = check_pair(record, err);
    if (status == 0 && record->path_count > 0)
        status = check_path(record, arena, err);
    return status;
}

/* ---- claims ---- */

bool claim_given(const struct claim *claim)
{
    return claim->subject->given || claim->costs->count > 0 ||
            (claim->shown != NULL && shown_given(claim->shown));
}

static struct shown shown_of_subject(const struct subject *subject)
{
    struct shown shown = {.position = subject->position};

    if (subject->position == 0) {
        shown.has_place = true;
        shown.place = subject->place;
        shown.propensity = subject->propensity;
    }
    return shown;
}

static int check_subject(const struct claim *claim,
        const struct decision_record *decision, struct arena *arena,
        struct err *err)
{
    const struct subject *said = claim->subject;
    struct shown shown =
            claim->shown != NULL ? *claim->shown : shown_of_subject(said);
    struct subject subject;
    int status = decision->probability == NULL
            ? STATUS_INVALID
            : outcome_subject(decision, &shown, arena, &subject, err);

    if (status == STATUS_BUSY)
        return status;
    if (status == 0 && said->given && subject.place == said->place &&
            subject.position == said->position &&
            fabs(subject.propensity - said->propensity) <=
                    PROBABILITY_TOLERANCE)
        return 0;
    return err_set(err, STATUS_CORRUPT,
            "its subject does not follow from its event's decision");
}

static bool costs_fit(
        const struct costs *costs, const struct decision_record *decision)
{
    if (!costs->full)
        return costs->count == decision->path_count;
    for (uint32_t i = 0; i < decision->path_count; i++)
        if (decision->eligible[decision->path[i]] >= costs->count)
            return false;
    return decision->path_count > 0;
}

static int check_costs(const struct claim *claim,
        const struct decision_record *decision, struct err *err)
{
    if (!costs_fit(claim->costs, decision))
        return err_set(err, STATUS_CORRUPT,
                "its costs are not those of its event's path");
    if (outcome_path_value(decision, claim->costs) != claim->value)
        return err_set(
                err, STATUS_CORRUPT, "its value is not the sum of its costs");
    return 0;
}

int sound_claim(const struct claim *claim,
        const struct decision_record *decision, struct arena *arena,
        struct err *err)
{
    bool shown = claim->shown != NULL && shown_given(claim->shown);
    int status = 0;

    if (shown || claim->subject->given)
        status = check_subject(claim, decision, arena, err);
    if (status == 0 && claim->costs->count > 0)
        status = check_costs(claim, decision, err);
    return status;
}
