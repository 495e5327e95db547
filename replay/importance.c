#include "replay/importance.h"

#include "base/hash.h"
#include "base/rng.h"
#include "policies/contributions.h"
#include "replay/rebuild.h"
#include "replay/settled.h"
#include "replay/span.h"
#include "replay/walk.h"
#include "service/engine/round.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SPECS_BYTES ((size_t)64 << 20)
#define STEP_BYTES  ((size_t)256 << 20)
#define TABLE       (2u * IMPORTANCE_FEATURES_MAX) /* a power of two */
#define DONORS      64u /* decisions whose values are borrowed */
#define NONE        UINT32_MAX

/* Of one decision, by feature. */
struct tally {
    double value; /* of the action under way */
    double sum, squares; /* over actions */
    bool touched; /* by the decision; by the action: in the list */
};

struct pass {
    struct importance *out;
    struct arena arena; /* of one decision */
    uint32_t *table; /* [TABLE] feature + 1, by the key's hash */
    struct tally *tallies; /* [IMPORTANCE_FEATURES_MAX] */
    uint32_t *list; /* [IMPORTANCE_FEATURES_MAX] features of the decision */
    uint32_t listed;
    struct bytes donors[DONORS]; /* payloads, heap */
    uint64_t donated;
    uint64_t every, seen;
    bool outside;
    struct err *err;
};

/* The decision that is looked at. */
struct look {
    const struct decision_record *decision;
    struct round_view round;
    struct distribution drawn;
    uint64_t key;
    uint32_t places;
    uint32_t slices[1 + GROUPS_MAX];
    uint32_t slice_count;
    bool has_reward;
    double reward;
};

/* ---- features ---- */

static uint64_t hash_of(const struct feature_key *key)
{
    uint64_t hash =
            hash_mix((uint64_t)key->of_action << 1 | key->dense, key->column);

    if (key->dense)
        return hash;
    return hash_bytes(key->name, hash_bytes(key->space, hash));
}

static bool same_key(const struct feature_key *a, const struct feature_key *b)
{
    return a->of_action == b->of_action && a->dense == b->dense &&
            a->column == b->column && bytes_equal(a->space, b->space) &&
            bytes_equal(a->name, b->name);
}

static struct bytes kept(struct importance *out, struct bytes text)
{
    void *copy = arena_copy(&out->specs, text.data, text.size);

    return bytes_of(copy, copy == NULL ? 0 : text.size);
}

static uint32_t add_feature(
        struct importance *out, const struct feature_key *key)
{
    struct importance_feature *feature = &out->features[out->feature_count];

    feature->sums = calloc(out->slice_count, sizeof(*feature->sums));
    if (feature->sums == NULL)
        return NONE;
    feature->key = *key;
    if (!key->dense) {
        feature->key.space = kept(out, key->space);
        feature->key.name = kept(out, key->name);
    }
    return out->feature_count++;
}

/* NONE: there is no room, and it is counted. */
static uint32_t feature_of(struct pass *pass, const struct feature_key *key)
{
    struct importance *out = pass->out;
    uint32_t at = (uint32_t)hash_of(key) & (TABLE - 1), added;

    for (; pass->table[at] != 0; at = (at + 1) & (TABLE - 1))
        if (same_key(&out->features[pass->table[at] - 1].key, key))
            return pass->table[at] - 1;
    added = out->feature_count < IMPORTANCE_FEATURES_MAX ? add_feature(out, key)
                                                         : NONE;
    if (added == NONE)
        out->untold++;
    else
        pass->table[at] = added + 1;
    return added;
}

static struct feature_key key_of_named(
        bool of_action, const struct named *named)
{
    return (struct feature_key){
            .of_action = of_action, .space = named->space, .name = named->name};
}

static struct feature_key key_of_column(bool of_action, uint32_t column)
{
    return (struct feature_key){
            .of_action = of_action, .dense = true, .column = column};
}

/* Puts a feature into the decision's list, once. */
static struct tally *touch(struct pass *pass, const struct feature_key *key)
{
    uint32_t feature = feature_of(pass, key);
    struct tally *tally;

    if (feature == NONE)
        return NULL;
    tally = &pass->tallies[feature];
    if (!tally->touched) {
        *tally = (struct tally){.touched = true};
        pass->list[pass->listed++] = feature;
    }
    return tally;
}

static void touch_named(struct pass *pass, bool of_action,
        const struct named *named, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct feature_key key = key_of_named(of_action, &named[i]);
        (void)touch(pass, &key);
    }
}

static void touch_question(struct pass *pass, const struct question *question)
{
    for (uint32_t i = 0; i < question->shared.columns; i++) {
        struct feature_key key = key_of_column(false, i);
        (void)touch(pass, &key);
    }
    for (uint32_t i = 0; i < question->action_features.columns; i++) {
        struct feature_key key = key_of_column(true, i);
        (void)touch(pass, &key);
    }
    touch_named(pass, false, question->named, question->named_count);
    for (uint32_t i = 0; i < question->action_named_count; i++)
        touch_named(pass, true, question->action_named[i].named,
                question->action_named[i].named_count);
}

/* ---- contributions ---- */

static const struct named *named_of_action(
        const struct question *question, uint32_t place)
{
    for (uint32_t i = 0; i < question->action_named_count; i++)
        if (question->action_named[i].action == place)
            return question->action_named[i].named;
    return NULL;
}

/* A parameter's point is a feature of the action that no client gave. */
static bool key_of_contribution(const struct look *look, uint32_t action,
        const struct contribution *contribution, struct feature_key *key)
{
    const struct question *question = &look->decision->question;
    const struct named *named;

    switch (contribution->part) {
    case CONTEXT_DENSE:
    case ACTION_DENSE:
        *key = key_of_column(
                contribution->part == ACTION_DENSE, contribution->index);
        return true;
    case CONTEXT_NAMED:
        *key = key_of_named(false, &question->named[contribution->index]);
        return true;
    case ACTION_NAMED:
        named = named_of_action(question, look->decision->eligible[action]);
        if (named == NULL)
            return false;
        *key = key_of_named(true, &named[contribution->index]);
        return true;
    }
    return false;
}

static void add_action(struct pass *pass, const struct look *look,
        uint32_t action, const struct contributions *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        struct feature_key key;
        struct tally *tally =
                key_of_contribution(look, action, &all->list[i], &key)
                ? touch(pass, &key)
                : NULL;
        if (tally != NULL)
            tally->value += all->list[i].value;
    }
    for (uint32_t i = 0; i < pass->listed; i++) {
        struct tally *tally = &pass->tallies[pass->list[i]];
        tally->sum += tally->value;
        tally->squares += tally->value * tally->value;
        tally->value = 0.0;
    }
}

static int add_contributions(struct pass *pass, const struct look *look)
{
    struct importance *out = pass->out;
    uint32_t count = look->decision->count;

    for (uint32_t i = 0; out->explained && i < count; i++) {
        size_t mark = pass->arena.used;
        struct contributions all;
        int status =
                policy_contributions(out->problem->policy, &look->round.context,
                        &look->round.actions, i, &pass->arena, &all, pass->err);
        if (status == STATUS_UNSUPPORTED)
            out->explained = false; /* a learner */
        else if (status != 0)
            return status;
        else
            add_action(pass, look, i, &all);
        arena_release(&pass->arena, mark);
    }
    for (uint32_t i = 0; out->explained && i < pass->listed; i++) {
        const struct tally *tally = &pass->tallies[pass->list[i]];
        double mean = tally->sum / count;
        double spread = sqrt(fmax(tally->squares / count - mean * mean, 0.0));
        for (uint32_t s = 0; s < look->slice_count; s++) {
            struct importance_sums *sums =
                    &out->features[pass->list[i]].sums[look->slices[s]];
            sums->contribution += tally->sum;
            sums->contribution2 += tally->squares;
            sums->choice += spread;
        }
    }
    return 0;
}

/* ---- permutations ---- */

static int decide(struct pass *pass, const struct look *look,
        const struct round_view *round, struct distribution *drawn)
{
    const struct problem *problem = pass->out->problem;

    return policy_decide(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, look->key, &pass->arena, drawn,
            pass->err);
}

/* The groups that are awake with a changed context. */
static int find_groups(struct pass *pass, const struct feature_key *key,
        struct decision_record *changed)
{
    struct round_view outline;
    struct err err;
    int status;

    if (key->of_action || pass->out->spec->group_count == 0)
        return 0;
    status = round_outline(
            pass->out->spec, &changed->question, &pass->arena, &outline, &err);
    if (status == STATUS_INVALID)
        return 0; /* the service would not be asked so: an import */
    if (status != 0)
        return err_set(pass->err, (enum status)status, "%s", err.text);
    changed->groups = outline.context.groups;
    changed->group_count = outline.context.group_count;
    return 0;
}

static double squared_error(
        const struct look *look, const struct distribution *drawn)
{
    double gap = drawn->scores[look->decision->chosen] - look->reward;

    return gap * gap;
}

static void add_permuted(struct pass *pass, const struct look *look,
        uint32_t feature, const struct distribution *changed)
{
    double variation = 0.0, worse = 0.0;

    for (uint32_t i = 0; i < changed->count; i++)
        variation += 0.5 * fabs(changed->pmf[i] - look->drawn.pmf[i]);
    if (look->has_reward)
        worse = squared_error(look, changed) -
                squared_error(look, &look->drawn);
    for (uint32_t s = 0; s < look->slice_count; s++) {
        struct importance_sums *sums =
                &pass->out->features[feature].sums[look->slices[s]];
        sums->changes += variation;
        sums->changes2 += variation * variation;
        sums->error += worse;
        sums->error2 += worse * worse;
    }
}

static int permute(struct pass *pass, const struct look *look,
        const struct question *donor, uint32_t feature, uint32_t step)
{
    const struct feature_key *key = &pass->out->features[feature].key;
    struct decision_record changed = *look->decision;
    struct round_view round;
    struct distribution drawn;
    size_t mark = pass->arena.used;
    int status = question_permute(&look->decision->question, donor, key,
            look->places, step, &pass->arena, &changed.question, pass->err);

    if (status == 0)
        status = find_groups(pass, key, &changed);
    if (status == 0)
        status = round_of_record(
                pass->out->spec, &changed, &pass->arena, &round, pass->err);
    if (status == 0)
        status = decide(pass, look, &round, &drawn);
    if (status == 0)
        add_permuted(pass, look, feature, &drawn);
    arena_release(&pass->arena, mark);
    return status;
}

/* One of the decisions before, which all features take their values from. */
static int choose_donor(
        struct pass *pass, struct rng *rng, union any_record *donor)
{
    uint64_t count = pass->donated < DONORS ? pass->donated : DONORS;
    struct bytes payload = pass->donors[rng_below(rng, (uint32_t)count)];

    return record_decode(
            RECORD_DECISION, payload, &pass->arena, donor, pass->err);
}

static int permute_all(struct pass *pass, struct look *look)
{
    struct rng rng = rng_keyed(0, look->key, RNG_DONOR);
    union any_record donor;
    uint32_t step;
    int status = choose_donor(pass, &rng, &donor);

    if (status != 0)
        return status;
    touch_question(pass, &look->decision->question);
    touch_named(pass, false, donor.decision.question.named,
            donor.decision.question.named_count);
    step = look->places > 1 ? 1 + rng_below(&rng, look->places - 1) : 0;
    for (uint32_t i = 0; status == 0 && i < pass->listed; i++)
        status = permute(
                pass, look, &donor.decision.question, pass->list[i], step);
    for (uint32_t s = 0; status == 0 && s < look->slice_count; s++) {
        pass->out->slices[look->slices[s]].permuted++;
        pass->out->slices[look->slices[s]].outcomes += look->has_reward;
    }
    return status;
}

static int keep_donor(struct pass *pass, const struct decision_record *decision)
{
    struct bytes payload = record_encode_decision(decision, &pass->arena);
    struct bytes *slot = &pass->donors[pass->donated % DONORS];
    uint8_t *copy = payload.data == NULL ? NULL : malloc(payload.size);

    if (copy == NULL)
        return err_set(pass->err, STATUS_INTERNAL, "no memory");
    memcpy(copy, payload.data, payload.size);
    free((void *)(uintptr_t)slot->data);
    *slot = bytes_of(copy, payload.size);
    pass->donated++;
    return 0;
}

/* ---- one decision ---- */

static void find_slices(struct look *look)
{
    look->slices[0] = 0;
    look->slice_count = 1;
    for (uint32_t i = 0; i < look->decision->group_count; i++)
        look->slices[look->slice_count++] = 1u + look->decision->groups[i];
}

static int find_reward(struct pass *pass, struct look *look, uint64_t sequence)
{
    enum settled settled;
    bool clipped;
    int status = settled_reward(&pass->out->reader, pass->out->spec, sequence,
            look->decision, &settled, &look->reward, &clipped, pass->err);

    look->has_reward =
            status == 0 && settled == SETTLED && look->drawn.scores != NULL;
    return status;
}

static uint32_t places_of(
        const struct problem_spec *spec, const struct question *question)
{
    if (question->point_count > 0)
        return question->point_count;
    return question->action_count > 0 ? question->action_count : spec->slots;
}

static int look_at(struct pass *pass, const struct decision_record *decision,
        uint64_t sequence)
{
    struct importance *out = pass->out;
    struct look look = {.decision = decision,
            .key = hash_bytes(decision->head.event, 0),
            .places = places_of(out->spec, &decision->question)};
    int status;

    arena_reset(&pass->arena);
    status = round_of_record(
            out->spec, decision, &pass->arena, &look.round, pass->err);
    if (status == STATUS_CORRUPT) {
        out->unfit++;
        return 0;
    }
    if (status == 0)
        status = decide(pass, &look, &look.round, &look.drawn);
    if (status == 0)
        status = find_reward(pass, &look, sequence);
    if (status != 0)
        return status;
    find_slices(&look);
    for (uint32_t s = 0; s < look.slice_count; s++) {
        out->slices[look.slices[s]].decisions++;
        out->slices[look.slices[s]].actions += decision->count;
    }
    pass->listed = 0;
    status = add_contributions(pass, &look);
    if (status == 0 && pass->donated > 0)
        status = permute_all(pass, &look);
    for (uint32_t i = 0; i < pass->listed; i++)
        pass->tallies[pass->list[i]].touched = false;
    return status == 0 ? keep_donor(pass, decision) : status;
}

/* ---- the pass ---- */

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    const struct pass *pass = self;

    (void)entry;
    return problem == pass->out->spec->number;
}

static int visit(void *self, const struct walk_record *walked, struct err *err)
{
    struct pass *pass = self;
    struct importance *out = pass->out;
    const union any_record *record = walked->record;
    int status = 0;

    if (record->head.kind == RECORD_CONFIG) {
        pass->outside = record->config.shape != out->spec->shape_digest;
        if (pass->outside)
            problem_reset(out->problem);
        return 0;
    }
    if (record->head.kind == RECORD_DECISION &&
            pass->seen++ % pass->every == 0) {
        if (pass->outside)
            out->unfit++;
        else
            status = look_at(pass, &record->decision, walked->sequence);
    }
    if (status != 0 || pass->outside ||
            (walked->decision == NULL && fold_wants_decision(record)))
        return status;
    arena_reset(&out->problem->scratch);
    return fold_any(
            out->problem, record, walked->decision, walked->source, err);
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    const struct pass *pass = self;
    const struct importance_settings *settings = &pass->out->settings;

    if (settings->progress != NULL)
        settings->progress(settings->self, done, all);
}

static int walk_period(struct pass *pass)
{
    struct importance *out = pass->out;
    struct walk walk = {.reader = &out->reader,
            .from = out->settings.from,
            .last = out->settings.last,
            .wants = wants,
            .visit = visit,
            .progress = progress,
            .self = pass};
    struct rebuild rebuild = {.problems = &out->problem,
            .problem_count = 1,
            .until = out->settings.from - 1};
    uint64_t at;
    int status = span_decisions(&out->reader, out->spec->number,
            out->settings.from, out->settings.last, UINT64_MAX, &out->decisions,
            &at, pass->err);

    pass->every = 1 + out->decisions / (out->settings.sample + 1);
    if (status == 0 && out->settings.from > 1)
        status = rebuild_run(&rebuild, &out->reader, pass->err);
    return status == 0 ? walk_run(&walk, pass->err) : status;
}

/* ---- opening ---- */

static int read_spec(struct importance *out, uint32_t number, uint64_t config,
        struct arena *arena, struct err *err)
{
    struct problem_spec *spec = arena_zalloc(&out->specs, 1, sizeof(*spec));
    union any_record record;
    struct log_entry entry;
    int status = log_get(out->reader.txn, config, &entry, err);

    if (status == 0)
        status = record_decode(entry.kind, entry.payload, arena, &record, err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status =
                err_set(err, STATUS_CORRUPT, "its settings are another record");
    if (status == 0 && spec == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    if (status == 0)
        status = problem_spec_parse_text(spec, out->settings.problem,
                bytes_of(arena_copy(&out->specs, record.config.settings.data,
                                 record.config.settings.size),
                        record.config.settings.size),
                &out->specs, err);
    if (status != 0)
        return status;
    spec->number = number;
    spec->since = config;
    out->spec = spec;
    return spec->settings.form == FORM_DECIDE
            ? 0
            : err_set(err, STATUS_UNSUPPORTED,
                      "the problem's decisions are not one action of several");
}

static int find_span(struct importance *out, struct err *err)
{
    struct importance_settings *settings = &out->settings;
    uint64_t first, last;
    int status = log_first(out->reader.txn, &first, err);

    if (status == 0)
        status = log_last(out->reader.txn, &last, err);
    if (status != 0)
        return status;
    if (settings->from < first)
        settings->from = first;
    if (settings->last == 0 || settings->last > last)
        settings->last = last;
    return settings->from <= settings->last
            ? 0
            : err_set(err, STATUS_INVALID, "the log has no such records");
}

static int open_problem(
        struct importance *out, struct arena *arena, struct err *err)
{
    uint64_t config;
    uint32_t number;
    int status = ledger_reader_problem(
            &out->reader, out->settings.problem, &number, &config, err);

    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_NOT_FOUND, "there is no such problem");
    if (status == 0)
        status = read_spec(out, number, config, arena, err);
    if (status == 0)
        status = find_span(out, err);
    if (status != 0)
        return status;
    out->slice_count = 1 + out->spec->group_count;
    out->slices = calloc(out->slice_count, sizeof(*out->slices));
    out->features = calloc(IMPORTANCE_FEATURES_MAX, sizeof(*out->features));
    if (out->slices == NULL || out->features == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    out->problem = problem_open(out->spec, err);
    out->explained = true;
    return out->problem == NULL ? STATUS_INTERNAL : 0;
}

static int run_pass(struct pass *pass, struct ledger *ledger)
{
    struct importance *out = pass->out;
    int status;

    pass->arena = arena_over(malloc(STEP_BYTES), STEP_BYTES);
    pass->table = calloc(TABLE, sizeof(*pass->table));
    pass->tallies = calloc(IMPORTANCE_FEATURES_MAX, sizeof(*pass->tallies));
    pass->list = calloc(IMPORTANCE_FEATURES_MAX, sizeof(*pass->list));
    if (out->specs.data == NULL || pass->arena.data == NULL ||
            pass->table == NULL || pass->tallies == NULL || pass->list == NULL)
        return err_set(pass->err, STATUS_INTERNAL, "no memory");
    status = ledger_reader_open(ledger, &out->reader, pass->err);
    if (status == 0)
        status = open_problem(out, &pass->arena, pass->err);
    return status == 0 ? walk_period(pass) : status;
}

int importance_run(struct importance *importance, struct ledger *ledger,
        const struct importance_settings *settings, struct err *err)
{
    struct pass pass = {.out = importance, .err = err};
    int status;

    memset(importance, 0, sizeof(*importance));
    importance->settings = *settings;
    importance->specs = arena_over(malloc(SPECS_BYTES), SPECS_BYTES);
    status = run_pass(&pass, ledger);
    free(pass.arena.data);
    free(pass.table);
    free(pass.tallies);
    free(pass.list);
    for (uint32_t i = 0; i < DONORS; i++)
        free((void *)(uintptr_t)pass.donors[i].data);
    return status;
}

void importance_close(struct importance *importance)
{
    for (uint32_t i = 0; i < importance->feature_count; i++)
        free(importance->features[i].sums);
    problem_close(importance->problem);
    if (importance->reader.txn != NULL)
        ledger_reader_close(&importance->reader);
    free(importance->features);
    free(importance->slices);
    free(importance->specs.data);
}

/* ---- reading ---- */

static double mean_of(double sum, uint64_t count)
{
    return count > 0 ? sum / (double)count : (double)NAN;
}

static double error_of(double sum, double squares, uint64_t count)
{
    double n = (double)count, mean = sum / n;

    return count > 1 ? sqrt(fmax(squares / n - mean * mean, 0.0) / (n - 1.0))
                     : (double)NAN;
}

void importance_of(const struct importance *importance, uint32_t feature,
        uint32_t slice, struct importance_measures *out)
{
    const struct importance_slice *at = &importance->slices[slice];
    const struct importance_sums *sums =
            &importance->features[feature].sums[slice];
    double mean = mean_of(sums->contribution, at->actions);

    out->score = importance->explained
            ? sqrt(fmax(mean_of(sums->contribution2, at->actions) - mean * mean,
                      0.0))
            : (double)NAN;
    out->choice = importance->explained ? mean_of(sums->choice, at->decisions)
                                        : (double)NAN;
    out->changes = mean_of(sums->changes, at->permuted);
    out->changes_error = error_of(sums->changes, sums->changes2, at->permuted);
    out->error = mean_of(sums->error, at->outcomes);
    out->error_error = error_of(sums->error, sums->error2, at->outcomes);
}

void importance_name(const struct importance *importance, uint32_t feature,
        char *out, size_t size)
{
    const struct feature_key *key = &importance->features[feature].key;

    if (key->dense && key->of_action)
        (void)snprintf(out, size, "action[%u]", key->column);
    else if (key->dense)
        (void)bytes_text(importance->spec->columns[key->column], out, size);
    else
        (void)snprintf(out, size, "%s%.*s%s%.*s",
                key->of_action ? "action:" : "", (int)key->space.size,
                key->space.size > 0 ? (const char *)key->space.data : "",
                key->space.size > 0 ? "." : "", (int)key->name.size,
                key->name.size > 0 ? (const char *)key->name.data : "");
}
