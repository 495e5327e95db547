#include "training/verdict.h"

#include "base/hash.h"
#include "training/batch.h"
#include "training/past.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* So that these events are not those that another share was taken of. */
#define HELD_OUT_KEY UINT64_C(0x68656c64)

bool verdict_held_out(const struct example *example,
        const struct gate_options *gate, uint32_t age)
{
    uint64_t hash = hash_mix(HELD_OUT_KEY, example->key);

    return age < gate->held_for &&
            (double)(hash >> 11) * 0x1p-53 < gate->held_out;
}

/* ---- one event ---- */

struct weighing {
    const struct verdict_job *job;
    struct gate_veto veto;
    struct arena arena;
    uint64_t left_out; /* events that cannot be judged */
};

/* Only draws of the policy itself, over its whole distribution, are evidence.
 */
static bool usable(
        const struct example *example, const struct example_view *view)
{
    const struct decision_record *decision = view->decision;

    return !shown_given(&example->shown) && !decision->chosen_only &&
            !decision->has_second && view->lesson.propensity > 0.0 &&
            decision->count == view->lesson.actions->count;
}

static double reward_of(double loss)
{
    return 1.0 - (loss < 0.0 ? 0.0 : loss > 1.0 ? 1.0 : loss);
}

static int weigh_view(struct weighing *weighing,
        const struct example_view *view, struct err *err)
{
    const struct verdict_job *job = weighing->job;
    const struct lesson *lesson = &view->lesson;
    uint64_t seed = job->spec->settings.seed;
    struct distribution champion, candidate;
    struct ope_event event = {.count = lesson->actions->count,
            .logged = lesson->pmf,
            .chosen = lesson->chosen,
            .reward = reward_of(lesson->loss)};
    int status;

    arena_reset(&weighing->arena);
    status = policy_decide(job->champion->policy, lesson->context,
            lesson->actions, seed, 0, &weighing->arena, &champion, err);
    if (status == 0)
        status = policy_decide(job->candidate->policy, lesson->context,
                lesson->actions, seed, 0, &weighing->arena, &candidate, err);
    if (status != 0)
        return status;
    event.target = candidate.pmf;
    event.model = champion.scores;
    gate_veto_add(&weighing->veto, &event, champion.pmf);
    return 0;
}

static int weigh(struct weighing *weighing, size_t index, struct err *err)
{
    struct examples *examples = weighing->job->examples;
    struct example_view view;
    int status = examples_read(examples, index, &view, err);

    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_NOT_FOUND || !usable(&examples->list[index], &view)) {
        weighing->left_out++;
        return 0;
    }
    return weigh_view(weighing, &view, err);
}

/* ---- all of them ---- */

static size_t count_held(const struct verdict_job *job, const uint32_t *age)
{
    const struct examples *examples = job->examples;
    size_t count = 0;

    for (size_t i = 0; i < examples->count; i++)
        count += verdict_held_out(
                &examples->list[i], &job->spec->settings.gate, age[i]);
    return count;
}

static int weigh_each(
        struct weighing *weighing, const uint32_t *age, struct err *err)
{
    const struct verdict_job *job = weighing->job;
    const struct gate_options *gate = &job->spec->settings.gate;
    int status = 0;

    weighing->veto =
            gate_veto_begin(gate, job->tests + 1, (double)count_held(job, age));
    for (size_t i = 0; status == 0 && i < job->examples->count; i++)
        if (verdict_held_out(&job->examples->list[i], gate, age[i]))
            status = weigh(weighing, i, err);
    return status;
}

static int weigh_all(struct weighing *weighing, struct err *err)
{
    const struct verdict_job *job = weighing->job;
    size_t room = 2 * policy_scratch(&job->spec->policy) +
            64 * (size_t)job->spec->policy.shape.actions_max + 4096;
    uint32_t *age = past_ages(job->examples->list, job->examples->count);
    int status;

    weighing->arena = arena_over(malloc(room), room);
    if (weighing->arena.data == NULL || age == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    else
        status = weigh_each(weighing, age, err);
    free(weighing->arena.data);
    free(age);
    return status;
}

static const char *sentence_of(enum gate_verdict verdict, bool known)
{
    switch (verdict) {
    case GATE_BLOCK:
        return known ? "worse than what serves" : "not shown to be good enough";
    case GATE_UNSUPPORTED:
        return "the log lacks what it would do";
    default:
        return known ? "not shown to be worse"
                     : "too few held-out events to tell";
    }
}

static void write_report(const struct weighing *weighing,
        const struct gate_report *report, struct generation *generation,
        char *text)
{
    const struct value_range *range = &weighing->job->spec->policy.range;
    double unit = range->max - range->min;
    bool known =
            isfinite(report->limits.lower) && isfinite(report->limits.upper);
    int size;

    generation->verdict =
            report->verdict == GATE_PASS ? VERDICT_PASS : VERDICT_BLOCK;
    if (known)
        generation->estimate = (struct estimate){true, unit * report->estimate,
                unit * report->limits.lower, unit * report->limits.upper,
                weighing->veto.sequence.alpha, (uint64_t)report->rows};
    size = snprintf(text, GENERATION_WHY_MAX,
            "%s: %+.4g (se %.2g) on %.0f held-out events, power %.2f against "
            "half a point",
            sentence_of(report->verdict, known), unit * report->estimate,
            isfinite(report->error) ? unit * report->error : 0.0, report->rows,
            report->power);
    generation->why = bytes_of(text,
            size < (int)GENERATION_WHY_MAX ? (size_t)size
                                           : GENERATION_WHY_MAX - 1);
}

int verdict_give(const struct verdict_job *job, struct generation *generation,
        char *text, struct err *err)
{
    const struct problem_settings *settings = &job->spec->settings;
    struct weighing weighing = {.job = job};
    struct gate_report report;
    int status;

    generation->verdict = VERDICT_NONE;
    if (!settings->gate.veto || settings->form != FORM_DECIDE ||
            !batch_wanted(job->spec))
        return 0;
    status = weigh_all(&weighing, err);
    if (status != 0)
        return status;
    report = gate_veto_report(&weighing.veto);
    write_report(&weighing, &report, generation, text);
    return 0;
}
