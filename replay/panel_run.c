/* The pass of a panel over its log. */
#include "base/hash.h"
#include "base/rng.h"
#include "policies/pmf.h"
#include "replay/panel.h"
#include "replay/settled.h"
#include "replay/walk.h"
#include "service/engine/fold.h"
#include "service/engine/outcome.h"
#include "service/engine/round.h"

#include <math.h>
#include <stdlib.h>

/* A decision on its way into the sums. */
struct row {
    const struct decision_record *decision;
    uint64_t sequence;
    uint64_t key; /* of the event */
    struct round_view round;
    struct ope_event event; /* without its target */
    uint32_t slices[3 + GROUPS_MAX];
    uint32_t slice_count;
};

/* ---- what came of a decision ---- */

/* 0 and the reward; NOT_FOUND: the row does not count, and has been counted
 * as such. */
static int reward_of(struct panel *panel, uint64_t sequence,
        const struct decision_record *decision, double *reward, struct err *err)
{
    enum settled settled;
    bool clipped = false;
    int status = settled_reward(&panel->reader, panel->spec, sequence, decision,
            &settled, reward, &clipped, err);

    if (status != 0)
        return status;
    panel->left_out.gone += settled == SETTLED_GONE;
    panel->left_out.waiting += settled == SETTLED_WAITING;
    panel->left_out.another += settled == SETTLED_ANOTHER;
    panel->clipped += clipped;
    return settled == SETTLED ? 0 : STATUS_NOT_FOUND;
}

/* ---- targets ---- */

static void play_uniform(uint32_t count, double *target)
{
    for (uint32_t i = 0; i < count; i++)
        target[i] = 1.0 / (double)count;
}

static void play_one(struct panel_policy *policy,
        const struct decision_record *decision, bool declared, uint32_t place,
        double *target)
{
    uint32_t count = decision->count;

    for (uint32_t i = 0; declared && i < count; i++)
        if (decision->eligible[i] == place) {
            memset(target, 0, count * sizeof(*target));
            target[i] = 1.0;
            policy->played++;
            return;
        }
    play_uniform(count, target);
}

static int play_policy(struct panel *panel, const struct problem *problem,
        const struct row *row, double *target, struct err *err)
{
    struct distribution drawn;
    size_t mark = panel->arena.used;
    int status = policy_decide(problem->policy, &row->round.context,
            &row->round.actions, problem->spec->settings.seed, row->key,
            &panel->arena, &drawn, err);

    if (status == 0)
        memcpy(target, drawn.pmf, drawn.count * sizeof(*target));
    arena_release(&panel->arena, mark);
    return status;
}

static int play(struct panel *panel, struct panel_policy *policy,
        const struct row *row, double *target, struct err *err)
{
    const struct decision_record *decision = row->decision;

    switch (policy->kind) {
    case PANEL_LOGGED:
        memcpy(target, decision->probability,
                decision->count * sizeof(*target));
        return 0;
    case PANEL_UNIFORM:
        play_uniform(decision->count, target);
        return 0;
    case PANEL_CONSTANT:
        play_one(policy, decision, true, policy->place, target);
        return 0;
    case PANEL_BASELINE:
        play_one(policy, decision, decision->question.has_baseline,
                decision->question.baseline, target);
        return 0;
    case PANEL_POLICY:
        return play_policy(panel, policy->serving, row, target, err);
    }
    CHECK_UNREACHABLE();
}

/* ---- the reward model ---- */

static uint32_t fold_of(const struct panel *panel, uint64_t key)
{
    struct rng rng = rng_keyed(0, key, RNG_FOLD);

    return panel->settings.folds > 1 ? rng_below(&rng, panel->settings.folds)
                                     : 0;
}

/* Predicted rewards of the round, on [0,1], in the arena. */
static int predict(struct panel *panel, const struct problem *model,
        const struct row *row, const double **out, struct err *err)
{
    struct distribution drawn;
    double *predicted;
    int status = policy_decide(model->policy, &row->round.context,
            &row->round.actions, 0, row->key, &panel->arena, &drawn, err);

    if (status != 0)
        return status;
    predicted = arena_array(&panel->arena, double, drawn.count);
    if (predicted == NULL)
        return err_set(err, STATUS_BUSY, "a record is too large");
    for (uint32_t i = 0; i < drawn.count; i++)
        predicted[i] = fmin(fmax(drawn.scores[i], 0.0), 1.0);
    *out = predicted;
    return 0;
}

static void note_calibration(struct panel *panel, const struct ope_event *event)
{
    double predicted = event->model[event->chosen];
    uint32_t bin = (uint32_t)(predicted * PANEL_BINS);
    struct panel_bin *at =
            &panel->bins[bin < PANEL_BINS ? bin : PANEL_BINS - 1];

    at->count++;
    at->predicted += predicted;
    at->reward += event->reward;
}

/* ---- rows ---- */

static uint32_t slice_of_generation(struct panel *panel, uint64_t generation)
{
    uint32_t first = panel->slice_count - PANEL_GENERATIONS_MAX;

    for (uint32_t i = 0; i < panel->generation_count; i++)
        if (panel->slice_of[first + i].number == generation)
            return first + i;
    /* What comes after the last one that has room counts as it. */
    if (panel->generation_count == PANEL_GENERATIONS_MAX)
        return panel->slice_count - 1;
    panel->slice_of[first + panel->generation_count].number = generation;
    return first + panel->generation_count++;
}

static void find_slices(struct panel *panel, struct row *row)
{
    const struct decision_record *decision = row->decision;
    double span = (double)(panel->ended - panel->began) + 1.0;
    double at = (double)(decision->head.time - panel->began) / span;
    uint32_t times = panel->settings.times;
    double part = fmin(fmax(at * times, 0.0), (double)times - 1.0);

    row->slice_count = 0;
    row->slices[row->slice_count++] = 0;
    for (uint32_t i = 0; i < decision->group_count; i++)
        row->slices[row->slice_count++] = 1u + decision->groups[i];
    if (times > 0)
        row->slices[row->slice_count++] =
                1u + panel->spec->group_count + (uint32_t)part;
    row->slices[row->slice_count++] =
            slice_of_generation(panel, decision->generation);
}

/* The gain over the logged policy, times how many rows the row stands for, and
 * its square. Where the log's vector is not known its value is the reward that
 * it got. */
static void gain_of(const struct ope_event *event,
        const struct ope_terms *terms, double *gain, double *square)
{
    double v = terms->row.stands_for, excess = terms->row.weight - 1.0;

    if (event->partial) {
        *gain = v * (terms->dr - event->reward);
        *square = v * v * (excess * excess);
    } else {
        *gain = v * ope_term_difference(event, event->logged);
        *square = v * v * ope_difference_square(event, event->logged);
    }
}

static void add_to(struct panel *panel, struct panel_policy *policy,
        const struct row *row, const struct ope_event *event)
{
    struct ope_terms terms;
    double gain, square;

    ope_terms_of(&terms, &panel->settings.ope, event);
    gain_of(event, &terms, &gain, &square);
    for (uint32_t i = 0; i < row->slice_count; i++) {
        struct panel_slice *slice = &policy->slices[row->slices[i]];
        ope_add_terms(&slice->sums, &terms);
        asymptotic_sequence_add(&slice->value, terms.dr, terms.row.square);
        asymptotic_sequence_add(&slice->gain, gain, square);
    }
    if (!event->partial && terms.row.stands_for == 1.0)
        value_sequence_add(&policy->guaranteed, event);
    overlap_add(policy->overlap, row->decision->eligible, event);
    if (policy->bootstrap != NULL)
        bootstrap_add(policy->bootstrap, row->key, &terms.row);
}

static int add_policy(struct panel *panel, struct panel_policy *policy,
        const struct row *row, struct err *err)
{
    struct ope_event event = row->event;
    int status = play(panel, policy, row, panel->target, err);

    event.target = panel->target;
    if (event.partial && policy->kind == PANEL_LOGGED)
        event.model = NULL;
    if (status == 0 && policy->weighted != NULL)
        status = predict(panel, policy->weighted, row, &event.mrdr_model, err);
    if (status == 0)
        add_to(panel, policy, row, &event);
    return status;
}

static int add_row(struct panel *panel, struct row *row, struct err *err)
{
    const struct problem *model = panel->models[fold_of(panel, row->key)];
    int status = predict(panel, model, row, &row->event.model, err);

    if (status != 0)
        return status;
    find_slices(panel, row);
    note_calibration(panel, &row->event);
    for (uint32_t i = 0; status == 0 && i < panel->policy_count; i++)
        status = add_policy(panel, &panel->policies[i], row, err);
    panel->rows += status == 0;
    return status;
}

static int decision_row(
        struct panel *panel, const struct walk_record *walked, struct err *err)
{
    const struct decision_record *decision = &walked->record->decision;
    struct row row = {.decision = decision, .sequence = walked->sequence};
    int status;

    panel->decisions++;
    if (decision->count > panel->spec->policy.shape.actions_max ||
            decision->path_count > 0 || decision->has_second) {
        panel->left_out.shape++;
        return 0;
    }
    if (!pmf_valid(decision->probability, decision->count) ||
            !(decision->probability[decision->chosen] > 0.0)) {
        panel->left_out.impossible++;
        return 0;
    }
    if (decision->guard != GUARD_FREE) {
        panel->left_out.forced++;
        return 0;
    }
    status = reward_of(
            panel, walked->sequence, decision, &row.event.reward, err);
    if (status != 0)
        return status == STATUS_NOT_FOUND ? 0 : status;
    arena_reset(&panel->arena);
    status = round_of_record(
            panel->spec, decision, &panel->arena, &row.round, err);
    if (status == STATUS_CORRUPT) {
        panel->left_out.shape++;
        return 0;
    }
    if (status != 0)
        return status;
    row.key = hash_bytes(decision->head.event, 0);
    row.event.count = decision->count;
    row.event.logged = decision->probability;
    row.event.chosen = decision->chosen;
    row.event.partial = decision->chosen_only;
    row.event.stands_for = record_weight(decision);
    panel->partial += decision->chosen_only;
    panel->thinned += decision->pdrop > 0.0;
    panel->shared += decision->trial.given && decision->trial.share > 0.0;
    return add_row(panel, &row, err);
}

/* ---- learning ---- */

/* Promotions and alarms are of the policy that served. */
static int learn(struct problem *problem, bool is_served,
        const struct walk_record *walked, struct err *err)
{
    enum record_kind kind = walked->record->head.kind;

    if (!is_served && (kind == RECORD_PROMOTION || kind == RECORD_ALARM))
        return 0;
    arena_reset(&problem->scratch);
    return fold_any(
            problem, walked->record, walked->decision, walked->source, err);
}

/* mrdr's model learns what was decided with the weight that the policy gives
 * the row now. */
static int learn_weighted(struct panel *panel, struct panel_policy *policy,
        const struct walk_record *walked, double value, struct err *err)
{
    const struct decision_record *decision = walked->decision;
    struct problem *problem = policy->weighted;
    struct row row = {
            .decision = decision, .key = hash_bytes(decision->head.event, 0)};
    struct lesson lesson;
    double p = decision->probability[decision->chosen];
    uint64_t played = policy->played;
    int status;

    arena_reset(&panel->arena);
    status = round_of_record(
            panel->spec, decision, &panel->arena, &row.round, err);
    if (status == 0)
        status = play(panel, policy, &row, panel->target, err);
    policy->played = played;
    if (status != 0)
        return status;
    lesson = (struct lesson){
            .context = &row.round.context,
            .actions = &row.round.actions,
            .chosen = decision->chosen,
            .pmf = decision->probability,
            .loss = loss_of_value(&panel->spec->policy.range, value),
            .weight = record_weight(decision) *
                    ope_mrdr_weight(panel->target[decision->chosen] / p, p),
            .time = walked->record->head.time,
            .propensity = p,
    };
    arena_reset(&problem->scratch);
    if (lesson.weight > 0.0)
        policy_learn(problem->policy, &lesson, &problem->scratch);
    return 0;
}

/* The value that a record teaches about the action chosen; false: none. */
static bool taught_value(const union any_record *record, double *value)
{
    switch (record->head.kind) {
    case RECORD_FEEDBACK:
        *value = record->feedback.after;
        return record->feedback.effect == EFFECT_LEARN &&
                !record->feedback.subject.given;
    case RECORD_EXPIRY:
        *value = record->expiry.after;
        return record->expiry.effect == EFFECT_LEARN;
    case RECORD_ACTIVATION:
        *value = record->activation.held;
        return record->activation.has_held &&
                !record->activation.held_subject.given;
    case RECORD_DECISION:
    case RECORD_PROMOTION:
    case RECORD_CONFIG:
    case RECORD_ALARM:
        return false;
    }
    return false;
}

/* A cross-fitted model learns all rows but those that it will predict. */
static int learn_models(
        struct panel *panel, const struct walk_record *walked, struct err *err)
{
    uint32_t own = PANEL_FOLDS_MAX;
    int status = 0;

    if (panel->settings.folds > 1)
        own = fold_of(panel,
                hash_bytes(walked->decision != NULL
                                ? walked->decision->head.event
                                : walked->record->head.event,
                        0));
    for (uint32_t i = 0; status == 0 && i < panel->model_count; i++)
        if (i != own)
            status = learn(panel->models[i], false, walked, err);
    return status;
}

static int learn_policies(
        struct panel *panel, const struct walk_record *walked, struct err *err)
{
    double value = 0.0;
    bool teaches =
            walked->decision != NULL && taught_value(walked->record, &value);
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < panel->policy_count; i++) {
        struct panel_policy *policy = &panel->policies[i];
        if (policy->weighted != NULL && teaches)
            status = learn_weighted(panel, policy, walked, value, err);
        if (status == 0 && policy->learning != NULL)
            status = learn(
                    policy->learning, policy->spec == panel->spec, walked, err);
    }
    return status;
}

/* The log before this record is what there is to learn from; as long as that
 * is nothing, what there was goes on serving. */
static int train_generation(struct panel *panel, struct panel_policy *policy,
        const struct walk_record *walked, struct err *err)
{
    const struct panel_trainer *trainer = panel->settings.trainer;
    struct panel_training training = {.spec = policy->spec,
            .serving = policy->serving,
            .from = panel->settings.from,
            .before = walked->sequence,
            .now = walked->record->head.time};
    int status = trainer->train(trainer->self, &training, err);

    policy->served += status == 0;
    if (status == STATUS_NOT_FOUND)
        return 0;
    return status == 0 ? 0 : err_prefix(err, "policy '%s'", policy->name);
}

/* What has been learned so far serves from here on. */
static int begin_generation(struct panel_policy *policy, struct err *err)
{
    size_t size = problem_save_size(policy->learning);
    uint8_t *state = malloc(size);
    struct writer writer = writer_over(state, size);
    int status;

    if (state == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    problem_save(policy->learning, &writer);
    problem_reset(policy->serving);
    status = problem_load(policy->serving, bytes_of(state, size), err);
    free(state);
    policy->served++;
    return status;
}

/* Is it time for a policy's next generation? Then the one after is planned. */
static bool is_due(const struct panel *panel, struct panel_policy *policy,
        const struct record *head)
{
    int64_t at = head->time;

    switch (policy->schedule) {
    case PANEL_ONLINE:
        return false;
    case PANEL_PROMOTIONS:
        return head->kind == RECORD_PROMOTION;
    case PANEL_EVERY:
        break;
    case PANEL_ROWS:
        /* Not before there is a decision to serve. */
        if (head->kind != RECORD_DECISION)
            return false;
        at = (int64_t)panel->seen;
        break;
    }
    if (at < policy->next)
        return false;
    policy->next += policy->every * ((at - policy->next) / policy->every + 1);
    return true;
}

static int keep_schedules(
        struct panel *panel, const struct walk_record *walked, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < panel->policy_count; i++) {
        struct panel_policy *policy = &panel->policies[i];
        if (policy->kind != PANEL_POLICY ||
                !is_due(panel, policy, &walked->record->head))
            continue;
        status = policy->trained ? train_generation(panel, policy, walked, err)
                                 : begin_generation(policy, err);
    }
    return status;
}

/* ---- records ---- */

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    const struct panel *panel = self;

    (void)entry;
    return problem == panel->number;
}

/* With other columns or actions everything begins anew, as in the service. */
static void take_config(struct panel *panel, const struct config_record *record)
{
    panel->outside = record->shape != panel->spec->shape_digest;
    if (!panel->outside)
        return;
    for (uint32_t i = 0; i < panel->model_count; i++)
        problem_reset(panel->models[i]);
    for (uint32_t i = 0; i < panel->policy_count; i++) {
        struct panel_policy *policy = &panel->policies[i];
        if (policy->weighted != NULL)
            problem_reset(policy->weighted);
        if (policy->kind != PANEL_POLICY)
            continue;
        problem_reset(policy->learning);
        problem_reset(policy->serving);
    }
}

static int visit(void *self, const struct walk_record *walked, struct err *err)
{
    struct panel *panel = self;
    const union any_record *record = walked->record;
    bool counts = walked->sequence >= panel->settings.report_from;
    int status = 0;

    if (record->head.kind == RECORD_CONFIG) {
        take_config(panel, &record->config);
        return 0;
    }
    if (panel->outside) {
        panel->left_out.shape += record->head.kind == RECORD_DECISION && counts;
        panel->decisions += record->head.kind == RECORD_DECISION && counts;
        return 0;
    }
    if (fold_wants_decision(record) && walked->decision == NULL)
        return 0;
    if (panel->fitting)
        return learn_models(panel, walked, err);
    status = keep_schedules(panel, walked, err);
    panel->seen += record->head.kind == RECORD_DECISION;
    if (status == 0 && record->head.kind == RECORD_DECISION && counts)
        status = decision_row(panel, walked, err);
    if (status == 0 && panel->settings.folds == 0)
        status = learn_models(panel, walked, err);
    return status == 0 ? learn_policies(panel, walked, err) : status;
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    struct panel *panel = self;

    if (panel->settings.progress != NULL)
        panel->settings.progress(panel->settings.self,
                panel->fitting ? "reward model" : "policies", done, all);
}

int panel_run(struct panel *panel, struct err *err)
{
    struct walk walk = {.reader = &panel->reader,
            .from = panel->settings.from,
            .last = panel->settings.last,
            .wants = wants,
            .visit = visit,
            .progress = progress,
            .self = panel};
    int status = 0;

    if (panel->settings.folds > 0) {
        panel->fitting = true;
        status = walk_run(&walk, err);
        panel->fitting = false;
        panel->outside = false;
    }
    if (status == 0)
        status = walk_run(&walk, err);
    return status;
}
