/* The life of a policy: losses, its block, what it decides and learns, and its
 * bytes. What it is made of, and how that is read: policy_spec.c. */
#include "policies/policy.h"

#include "base/limits.h"
#include "policies/layout.h"
#include "policies/pmf.h"
#include "policies/portable.h"

#include <float.h>
#include <math.h>

#define POLICY_MAGIC  UINT32_C(0x706f6c69)
#define POLICY_TAG    UINT32_C(0x4c4f5052) /* "RPOL" */
#define POLICY_FORMAT 1u

/* Widths, losses, and what explorers may take per action. */
#define SCRATCH_PER_ACTION ((size_t)160)
#define SCRATCH_FIXED      ((size_t)4096)

struct policy {
    uint32_t magic;
    const struct policy_spec *spec;
    size_t scratch; /* policy_scratch(spec), which may have to read a graph */
    uint64_t learned;
    double effective; /* lessons by weight; oracles may know better */
    _Alignas(64) unsigned char state[];
};

/* ---- losses ---- */

/* Where the value lies in its range, 0 at min and 1 at max. */
static double place_of(const struct value_range *range, double value)
{
    if (!range->logarithmic)
        return (value - range->min) / (range->max - range->min);
    if (!(value >= DBL_MIN))
        return (double)-INFINITY;
    return (portable_log(value) - portable_log(range->min)) /
            (portable_log(range->max) - portable_log(range->min));
}

double loss_of_value(const struct value_range *range, double value)
{
    double place = place_of(range, value);

    return range->minimise ? place : 1.0 - place;
}

double value_of_loss(const struct value_range *range, double loss)
{
    double place = range->minimise ? loss : 1.0 - loss;

    if (range->logarithmic) {
        double low = portable_log(range->min);
        return portable_exp(low + place * (portable_log(range->max) - low));
    }
    return range->min + place * (range->max - range->min);
}

/* ---- life ---- */

size_t policy_footprint(const struct policy_spec *spec)
{
    size_t state = spec->learner != NULL
            ? spec->learner->footprint(
                      spec->learner_options, &spec->shape, NULL)
            : spec->oracle.oracle->footprint(&spec->oracle, &spec->shape, NULL);

    return sizeof(struct policy) + layout_rounded(state);
}

size_t policy_scratch(const struct policy_spec *spec)
{
    size_t own = spec->learner != NULL
            ? spec->learner->scratch(spec->learner_options, &spec->shape)
            : spec->oracle.oracle->scratch(&spec->oracle, &spec->shape);

    return own + SCRATCH_FIXED + spec->shape.actions_max * SCRATCH_PER_ACTION;
}

size_t policy_learn_scratch(const struct policy_spec *spec)
{
    size_t least = policy_scratch(spec);
    size_t own = 0;

    if (spec->learner == NULL && spec->oracle.oracle->learn_scratch != NULL)
        own = spec->oracle.oracle->learn_scratch(&spec->oracle, &spec->shape);
    return own + SCRATCH_FIXED > least ? own + SCRATCH_FIXED : least;
}

struct policy *policy_init(void *block, const struct policy_spec *spec)
{
    struct policy *policy = block;

    memset(block, 0, policy_footprint(spec));
    MAGIC_SET(policy, POLICY_MAGIC);
    policy->spec = spec;
    policy->scratch = policy_scratch(spec);
    if (spec->learner != NULL)
        spec->learner->init(policy->state, spec->learner_options, &spec->shape);
    else
        spec->oracle.oracle->init(policy->state, &spec->oracle, &spec->shape);
    return policy;
}

/* ---- deciding ---- */

static double effective_of(const struct policy *policy)
{
    const struct policy_spec *spec = policy->spec;

    if (spec->learner == NULL && spec->oracle.oracle->effective != NULL)
        return spec->oracle.oracle->effective(policy->state);
    return policy->effective;
}

/* fmin and fmax are calls. */
static double clip(double loss)
{
    return loss < 0.0 ? 0.0 : loss > 1.0 ? 1.0 : loss;
}

/* Losses to scores: predicted reward, clipped to [0,1] for the explorer. */
static bool scores_of_losses(
        const double *losses, uint32_t count, double *scores)
{
    double finite = 0.0;

    for (uint32_t i = 0; i < count; i++) {
        finite += losses[i] * 0.0;
        scores[i] = 1.0 - clip(losses[i]);
    }
    return finite == 0.0;
}

/* How likely each action is preferred to the others of the round, on average:
 * Borda scores of logits that differ as the losses do. */
static bool scores_of_logits(
        const double *losses, uint32_t count, double *scores)
{
    for (uint32_t i = 0; i < count; i++)
        if (!isfinite(losses[i]))
            return false;
    for (uint32_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (uint32_t j = 0; j < count; j++)
            if (j != i)
                sum += 1.0 / (1.0 + portable_exp(losses[i] - losses[j]));
        scores[i] = sum / (double)(count - 1);
    }
    return true;
}

/* How far each reward may lie above its score, and below where the explorer
 * wants that too. */
static int find_spread(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        struct arena *arena, struct outlook *outlook, struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    double budget = spec->explorer->budget(spec->explorer_options, outlook);
    double *up = arena_array(arena, double, actions->count);
    double *down = NULL;

    if (spec->explorer->both_sides)
        down = arena_array(arena, double, actions->count);
    if (up == NULL || (spec->explorer->both_sides && down == NULL))
        return err_set(err, STATUS_BUSY, "the request is too large");
    spec->oracle.oracle->spread(
            policy->state, context, actions, budget, arena, up, down);
    for (uint32_t i = 0; i < actions->count; i++)
        if (!isfinite(up[i]) || (down != NULL && !isfinite(down[i])))
            return err_set(err, STATUS_INTERNAL,
                    "policy: an uncertainty is not finite");
    outlook->up = up;
    outlook->down = down;
    return 0;
}

/* One of the mixture's models is drawn and explores by its own scores: the
 * probability of an action is the weighted mean of theirs, and the action is
 * drawn from that. Models share the explorer's draws, which a mean does not
 * see. */
static int distribute_mixture(const struct policy_spec *spec,
        const struct mixture *mixture, struct outlook *outlook,
        const struct rng *draws, struct arena *arena, double *pmf,
        struct err *err)
{
    uint32_t count = outlook->count;
    double *scores = arena_array(arena, double, count);
    double *own = arena_array(arena, double, count);

    if (scores == NULL || own == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    for (uint32_t a = 0; a < count; a++)
        pmf[a] = 0.0;
    outlook->scores = scores;
    for (uint32_t i = 0; i < mixture->count; i++) {
        struct rng again = *draws;
        size_t mark = arena->used;
        if (!scores_of_losses(
                    mixture->losses + (size_t)i * count, count, scores))
            return err_set(err, STATUS_INTERNAL,
                    "policy: a predicted loss is not finite");
        spec->explorer->distribute(
                outlook, spec->explorer_options, &again, arena, own);
        arena_release(arena, mark);
        for (uint32_t a = 0; a < count; a++)
            pmf[a] += mixture->weights[i] * own[a];
    }
    return 0;
}

static int distribute(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        struct rng *draws, struct arena *arena, double *scores, double *pmf,
        struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    const struct oracle *oracle = spec->oracle.oracle;
    struct outlook outlook = {.count = actions->count,
            .scores = scores,
            .effective = effective_of(policy)};
    double *losses = arena_array(arena, double, actions->count);
    struct mixture mixture;
    int status = 0;

    if (losses == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    oracle->predict(policy->state, context, actions, arena, losses);
    if (!(spec->shape.duel ? scores_of_logits : scores_of_losses)(
                losses, actions->count, scores))
        return err_set(
                err, STATUS_INTERNAL, "policy: a predicted loss is not finite");
    if (oracle->gamma != NULL)
        outlook.gamma =
                oracle->gamma(policy->state, context, actions->count, arena);
    if (oracle->mixture != NULL &&
            oracle->mixture(policy->state, context, actions, arena, &mixture))
        return distribute_mixture(
                spec, &mixture, &outlook, draws, arena, pmf, err);
    if (spec->explorer->budget != NULL)
        status = find_spread(policy, context, actions, arena, &outlook, err);
    if (status == 0)
        spec->explorer->distribute(
                &outlook, spec->explorer_options, draws, arena, pmf);
    return status;
}

/* What the cap counts as not exploring. A learner has no scores. */
static uint32_t predicted_best(const struct policy_spec *spec,
        const double *scores, const double *pmf, uint32_t count)
{
    struct outlook outlook = {.count = count, .scores = scores};

    return spec->learner != NULL ? pmf_likeliest(pmf, count)
                                 : outlook_best(&outlook);
}

static void draw_second(struct distribution *out, uint64_t seed, uint64_t event)
{
    struct rng draw = rng_keyed(seed, event, RNG_SECOND);

    out->second = pmf_draw_second(out->pmf, out->count, out->chosen, &draw);
    /* What was drawn is in the log with a probability that there can be. */
    out->pair = fmax(out->propensity *
                    pmf_second(out->pmf, out->count, out->chosen, out->second),
            PROBABILITY_MIN);
}

int policy_decide(const struct policy *policy, const struct context *context,
        const struct action_set *actions, uint64_t seed, uint64_t event,
        struct arena *arena, struct distribution *out, struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    uint32_t count = actions->count;
    struct rng explorer_draws = rng_keyed(seed, event, RNG_EXPLORER);
    struct rng action_draw = rng_keyed(seed, event, RNG_ACTION);
    double *pmf = arena_array(arena, double, count);
    double *scores = arena_array(arena, double, count);
    size_t mark = arena->used;
    int status = 0;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(count >= (spec->shape.duel ? 2 : 1) && !policy_spec_proposes(spec));
    if (pmf == NULL || scores == NULL || arena_left(arena) < policy->scratch)
        return err_set(err, STATUS_BUSY, "the request is too large");
    if (spec->learner != NULL)
        spec->learner->decide(
                policy->state, context, actions, &explorer_draws, arena, pmf);
    else
        status = distribute(policy, context, actions, &explorer_draws, arena,
                scores, pmf, err);
    arena_release(arena, mark);
    if (status != 0)
        return status;
    if (spec->cap < 1.0)
        pmf_cap(pmf, count, predicted_best(spec, scores, pmf, count),
                spec->cap);
    pmf_floor(pmf, count, spec->floor);
    if (!pmf_valid(pmf, count))
        return err_set(err, STATUS_INTERNAL, "policy: not a distribution");
    out->count = count;
    out->pmf = pmf;
    out->scores = spec->learner != NULL ? NULL : scores;
    out->chosen = pmf_draw(pmf, count, &action_draw);
    out->propensity = pmf[out->chosen];
    out->second = 0;
    out->pair = 0.0;
    if (spec->shape.duel)
        draw_second(out, seed, event);
    return 0;
}

bool policy_widths(const struct policy *policy, const struct context *context,
        const struct action_set *actions, struct arena *arena, double *widths)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    if (!policy_spec_spreads(spec) || arena_left(arena) < policy->scratch)
        return false;
    spec->oracle.oracle->spread(
            policy->state, context, actions, 1.0, arena, widths, NULL);
    arena_release(arena, mark);
    for (uint32_t i = 0; i < actions->count; i++)
        if (!isfinite(widths[i]))
            return false;
    return true;
}

/* ---- paths ---- */

/* Every edge is one of the round, and no path has an edge twice. */
static bool routes_valid(
        const struct routes *routes, uint32_t edges, bool *seen)
{
    if (routes->count == 0 || !pmf_valid(routes->pmf, routes->count))
        return false;
    for (uint32_t i = 0; i < routes->count; i++) {
        uint32_t start = routes->start[i], end = routes->start[i + 1];
        if (start >= end || end - start > edges)
            return false;
        memset(seen, 0, edges * sizeof(*seen));
        for (uint32_t at = start; at < end; at++) {
            uint32_t edge = routes->edges[at];
            if (edge >= edges || seen[edge])
                return false;
            seen[edge] = true;
        }
    }
    return true;
}

static bool same_route(const struct routes *routes, uint32_t a, uint32_t b)
{
    uint32_t size = routes->start[a + 1] - routes->start[a];

    return size == routes->start[b + 1] - routes->start[b] &&
            memcmp(routes->edges + routes->start[a],
                    routes->edges + routes->start[b],
                    size * sizeof(*routes->edges)) == 0;
}

static void path_probabilities(
        struct path_choice *choice, uint32_t edges, double *marginal)
{
    const struct routes *routes = &choice->routes;

    for (uint32_t edge = 0; edge < edges; edge++)
        marginal[edge] = 0.0;
    choice->propensity = 0.0;
    for (uint32_t i = 0; i < routes->count; i++) {
        for (uint32_t at = routes->start[i]; at < routes->start[i + 1]; at++)
            marginal[routes->edges[at]] += routes->pmf[i];
        if (same_route(routes, i, choice->chosen))
            choice->propensity += routes->pmf[i];
    }
    /* Sums of one distribution: what is above 1 is rounding. */
    for (uint32_t edge = 0; edge < edges; edge++)
        marginal[edge] = fmin(marginal[edge], 1.0);
    choice->propensity = fmin(choice->propensity, 1.0);
    choice->marginal = marginal;
}

int policy_propose(const struct policy *policy, const struct context *context,
        const struct action_set *actions, uint64_t seed, uint64_t event,
        struct arena *arena, struct path_choice *out, struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    struct rng path_draws = rng_keyed(seed, event, RNG_PATH);
    struct rng action_draw = rng_keyed(seed, event, RNG_ACTION);
    double *marginal = arena_array(arena, double, actions->count);
    bool *seen;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(actions->count >= 1 && policy_spec_proposes(spec));
    if (marginal == NULL || arena_left(arena) < policy->scratch)
        return err_set(err, STATUS_BUSY, "the request is too large");
    if (!spec->learner->propose(policy->state, context, actions, &path_draws,
                arena, &out->routes))
        return err_set(err, STATUS_INVALID, "no path is left over these edges");
    seen = arena_array(arena, bool, actions->count);
    CHECK(!arena->overflow);
    if (!routes_valid(&out->routes, actions->count, seen))
        return err_set(err, STATUS_INTERNAL, "policy: not a choice of paths");
    out->chosen = pmf_draw(out->routes.pmf, out->routes.count, &action_draw);
    path_probabilities(out, actions->count, marginal);
    return 0;
}

/* The prediction of the one that is drawn. */
static double drawn_loss(
        const struct mixture *mixture, uint64_t seed, uint64_t event)
{
    struct rng draw = rng_keyed(seed, event, RNG_EXPERT);

    return mixture->losses[pmf_draw(mixture->weights, mixture->count, &draw)];
}

int policy_loss(const struct policy *policy, const struct context *context,
        const struct action_set *one, struct arena *arena, double *loss,
        struct err *err)
{
    size_t mark = arena->used;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(one->count == 1);
    if (policy->spec->learner != NULL)
        return err_set(err, STATUS_UNSUPPORTED,
                "a learner has no predictions to explain");
    if (arena_left(arena) < policy->scratch)
        return err_set(err, STATUS_BUSY, "the request is too large");
    policy->spec->oracle.oracle->predict(
            policy->state, context, one, arena, loss);
    arena_release(arena, mark);
    return isfinite(*loss) ? 0
                           : err_set(err, STATUS_INTERNAL,
                                     "policy: the prediction is not finite");
}

int policy_predict(const struct policy *policy, const struct context *context,
        uint64_t seed, uint64_t event, struct arena *arena, double *value,
        struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    const struct oracle *oracle = spec->oracle.oracle;
    struct action_set one = {.count = 1};
    size_t mark = arena->used;
    struct mixture mixture;
    double loss;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(spec->shape.predict && spec->learner == NULL);
    if (arena_left(arena) < policy->scratch)
        return err_set(err, STATUS_BUSY, "the request is too large");
    if (oracle->mixture != NULL &&
            oracle->mixture(policy->state, context, &one, arena, &mixture))
        loss = drawn_loss(&mixture, seed, event);
    else
        oracle->predict(policy->state, context, &one, arena, &loss);
    arena_release(arena, mark);
    if (!isfinite(loss))
        return err_set(
                err, STATUS_INTERNAL, "policy: the prediction is not finite");
    *value = value_of_loss(&spec->range, loss);
    return 0;
}

static bool is_untrained(const struct policy *policy)
{
    const struct oracle *oracle = policy->spec->oracle.oracle;

    return oracle->untrained != NULL && oracle->untrained(policy->state);
}

double policy_expected(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    struct action_set one = {.count = 1,
            .slot = actions->slot == NULL ? NULL : actions->slot + index,
            .features = actions->features == NULL ? NULL
                                                  : actions->features + index};
    size_t mark = arena->used;
    double loss;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    if (spec->learner != NULL || spec->shape.duel || spec->shape.path ||
            arena_left(arena) < policy->scratch || is_untrained(policy))
        return (double)NAN;
    spec->oracle.oracle->predict(policy->state, context, &one, arena, &loss);
    arena_release(arena, mark);
    return loss;
}

uint32_t policy_experts(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena, struct expert_view *out,
        uint32_t max)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;
    uint32_t count;

    if (spec->learner != NULL || spec->oracle.oracle->experts == NULL)
        return 0;
    count = spec->oracle.oracle->experts(
            policy->state, context, actions, index, arena, out, max);
    arena_release(arena, mark);
    return count;
}

/* ---- learning ---- */

/* What the decision was made by, if nothing was learned since. Only who wishes
 * for a gamma vouches for what exploring costs. */
static void note_gamma(
        const struct policy *policy, struct lesson *lesson, struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    struct outlook outlook = {
            .count = lesson->actions->count, .effective = effective_of(policy)};

    lesson->plain = spec->learner == NULL &&
            spec->oracle.oracle->gamma != NULL && spec->explorer != NULL &&
            spec->explorer->plain_gamma != NULL && spec->cap >= 1.0;
    if (!lesson->plain)
        return;
    outlook.gamma = spec->oracle.oracle->gamma(
            policy->state, lesson->context, outlook.count, arena);
    lesson->gamma =
            spec->explorer->plain_gamma(spec->explorer_options, &outlook);
}

void policy_learn(
        struct policy *policy, const struct lesson *lesson, struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;
    struct lesson whole = *lesson;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(!policy_spec_proposes(spec));
    note_gamma(policy, &whole, arena);
    if (spec->learner != NULL)
        spec->learner->learn(policy->state, &whole, arena);
    else
        spec->oracle.oracle->learn(policy->state, &whole, arena);
    CHECK(!arena->overflow);
    arena_release(arena, mark);
    policy->learned++;
    policy->effective += lesson->weight;
}

void policy_adopt(
        struct policy *policy, uint32_t slot, uint32_t left, uint32_t right)
{
    const struct policy_spec *spec = policy->spec;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(slot < spec->shape.slots && left < spec->shape.slots &&
            right < spec->shape.slots);
    if (spec->learner != NULL && spec->learner->adopt != NULL)
        spec->learner->adopt(policy->state, slot, left, right);
    else if (spec->learner == NULL && spec->oracle.oracle->adopt != NULL)
        spec->oracle.oracle->adopt(policy->state, slot, left, right);
}

void policy_prefer(
        struct policy *policy, const struct duel *duel, struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(spec->shape.duel);
    spec->oracle.oracle->prefer(policy->state, duel, arena);
    CHECK(!arena->overflow);
    arena_release(arena, mark);
    policy->learned++;
    policy->effective += duel->weight;
}

void policy_learn_path(struct policy *policy, const struct path_lesson *lesson,
        struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    CHECK(policy_spec_proposes(spec));
    spec->learner->learn_path(policy->state, lesson, arena);
    CHECK(!arena->overflow);
    arena_release(arena, mark);
    policy->learned++;
    policy->effective += lesson->weight;
}

bool policy_correct(struct policy *policy, const struct lesson *lesson,
        double before, struct arena *arena)
{
    const struct policy_spec *spec = policy->spec;
    size_t mark = arena->used;
    bool done = false;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    if (spec->learner != NULL && spec->learner->correct != NULL)
        done = spec->learner->correct(policy->state, lesson, before, arena);
    else if (spec->learner == NULL && spec->oracle.oracle->correct != NULL)
        done = spec->oracle.oracle->correct(
                policy->state, lesson, before, arena);
    CHECK(!arena->overflow);
    arena_release(arena, mark);
    return done;
}

/* ---- bytes ---- */

static const char *part_name(const struct policy_spec *spec)
{
    return spec->learner != NULL ? spec->learner->name
                                 : spec->oracle.oracle->name;
}

/* The versions of all parts whose bytes follow, in one number. */
static uint32_t part_version(const struct policy_spec *spec)
{
    if (spec->learner != NULL)
        return spec->learner->state_version;
    return spec->oracle.oracle->state_version << 16 |
            (spec->oracle.inner == NULL
                            ? 0
                            : spec->oracle.inner->oracle->state_version);
}

static void save_head(const struct policy_spec *spec, uint64_t learned,
        double effective, struct writer *writer)
{
    struct bytes name = bytes_of_text(part_name(spec));

    write_u32(writer, POLICY_TAG);
    write_u32(writer, POLICY_FORMAT);
    write_u8(writer, (uint8_t)name.size);
    write_bytes(writer, name);
    write_u32(writer, part_version(spec));
    write_u64(writer, learned);
    write_f64(writer, effective);
}

void policy_save(const struct policy *policy, struct writer *writer)
{
    const struct policy_spec *spec = policy->spec;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    save_head(spec, policy->learned, policy->effective, writer);
    if (spec->learner != NULL)
        spec->learner->save(policy->state, writer);
    else
        spec->oracle.oracle->save(policy->state, writer);
}

void policy_wrap(const struct policy_spec *spec, uint64_t learned,
        double effective, struct bytes part, struct writer *writer)
{
    save_head(spec, learned, effective, writer);
    write_bytes(writer, part);
}

static int load_head(const struct policy_spec *spec, struct reader *reader,
        uint64_t *learned, double *effective, struct err *err)
{
    uint32_t tag = read_u32(reader);
    uint32_t format = read_u32(reader);
    struct bytes name = read_bytes(reader, read_u8(reader));
    uint32_t version = read_u32(reader);

    *learned = read_u64(reader);
    *effective = read_f64(reader);
    if (reader->failed || tag != POLICY_TAG || format != POLICY_FORMAT)
        return err_set(err, STATUS_CORRUPT, "not the state of a policy");
    if (!bytes_equal(name, bytes_of_text(part_name(spec))) ||
            version != part_version(spec))
        return err_set(err, STATUS_CORRUPT,
                "policy: state of another part or version, expected %s",
                part_name(spec));
    if (!isfinite(*effective) || *effective < 0.0)
        return err_set(err, STATUS_CORRUPT, "policy: state is damaged");
    return 0;
}

int policy_unwrap(const struct policy_spec *spec, struct bytes state,
        struct bytes *part, struct err *err)
{
    struct reader reader = reader_of(state);
    uint64_t learned;
    double effective;

    if (load_head(spec, &reader, &learned, &effective, err) != 0)
        return STATUS_CORRUPT;
    *part = reader.rest;
    return 0;
}

int policy_load(struct policy *policy, struct reader *reader, struct err *err)
{
    const struct policy_spec *spec = policy->spec;
    int status;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    if (load_head(spec, reader, &policy->learned, &policy->effective, err) != 0)
        return STATUS_CORRUPT;
    status = spec->learner != NULL
            ? spec->learner->load(policy->state, reader, err)
            : spec->oracle.oracle->load(policy->state, reader, err);
    if (status == 0 && !policy_check(policy))
        return err_set(err, STATUS_CORRUPT, "policy: state is damaged");
    return status;
}

bool policy_check(const struct policy *policy)
{
    const struct policy_spec *spec = policy->spec;

    MAGIC_CHECK(policy, POLICY_MAGIC);
    return spec->learner != NULL ? spec->learner->check(policy->state)
                                 : spec->oracle.oracle->check(policy->state);
}

void policy_visit(const struct policy *policy, const struct visitor *visitor)
{
    const struct policy_spec *spec = policy->spec;

    visitor->number(
            visitor->self, "policy_effective", -1, effective_of(policy));
    if (spec->learner != NULL && spec->learner->visit != NULL)
        spec->learner->visit(policy->state, visitor);
    else if (spec->learner == NULL && spec->oracle.oracle->visit != NULL)
        spec->oracle.oracle->visit(policy->state, visitor);
}

uint64_t policy_learned(const struct policy *policy)
{
    return policy->learned;
}
