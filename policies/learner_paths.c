/* Online shortest paths: follow the perturbed leader, one per group and one
 * that is always on, under AdaNormalHedge (groupwise.md, section 6; Kalai &
 * Vempala 2005). The actions are the edges of a graph; a loss in [0,1] belongs
 * to each edge, and a path's loss is their sum.
 *
 *     S_g = sum of the losses on g's rounds;  play M(S_g + z),
 *     z ~ U[0, 1/eps]^m,  1/eps = sqrt(m n/2),  n = g's rounds so far + 1
 *
 * Exact propensities: `tables` noises z are drawn, each awake expert answers
 * each with a path, and a path's probability is the sum over experts of the
 * expert's weight times its share of the tables. The path that is played is
 * drawn from that (bandits.md, 1.6). Experts share the tables: an expectation
 * does not see it, and the distinct paths are fewer.
 *
 * When losses of all edges are known, an expert's own loss is the mean loss of
 * its paths under tables drawn anew from a key of the state alone, since the
 * lesson may come late and does not name its draws ("recomputed" in section 3);
 * it is divided by the longest path. An edge that was not on offer is charged
 * its mean so far: it gains and loses nothing by being away.
 *
 * When only the path's edges are known: loss / (marginal + gamma) in place of
 * the loss, implicit exploration (Kocak, Neu, Valko & Munos 2014). Plain
 * importance weighting is unbounded here: an edge that only a light expert
 * wants has a marginal of as little as that expert's weight over `tables`. Its
 * error is optimistic: edges tried too little look cheap and are tried. For S_g
 * gamma is eps_g/10, which dies out (measured on grids: as good as none, and a
 * tenth better than eps_g/2). The meta level needs losses in [0,1] for good, so
 * it has one fixed gamma, `implicit`, and sees `implicit` times the estimates.
 * No bound is proved for that [C]: an edge that no candidate holds is never
 * charged, and section 6's proof is about losses in [0,1]. */
#include "policies/graph.h"
#include "policies/learner.h"
#include "policies/sleeping.h"

#include "base/hash.h"
#include "policies/portable.h"

#include <math.h>

/* The draws of learning are keyed by the number of lessons under this seed. */
#define LEARNING_SEED UINT64_C(0x7061746873)
/* Entries of the candidates' edges, so that scratch stays below 20 MiB, which a
 * request's arena has room for. */
#define ENTRIES_MAX ((size_t)1 << 19)
/* A sum of losses that no number of lessons reaches. */
#define SUM_MAX 1e15
/* gamma / eps_g of S_g's estimates. */
#define GAMMA_PER_EPS 0.1

struct paths_options {
    struct bytes graph, source, target;
    uint32_t tables;
    double noise_scale;
    double implicit;
};

struct expert {
    double regret, variation; /* AdaNormalHedge's, in losses per longest path */
    double loss; /* of what was played on its rounds */
    uint64_t rounds;
};

struct paths {
    const struct paths_options *options;
    uint32_t groups;
    uint32_t count; /* experts: the groups, and always-on as the last */
    uint64_t lessons;
    uint64_t partial; /* of these, with the losses of one path only */
    struct graph graph;
    size_t sums_offset;
    struct expert experts[];
    /* then sums[count][graph.edges] */
};

#define AT(member) offsetof(struct paths_options, member)

static const struct option_row paths_rows[] = {
        {.name = "graph",
                .type = OPTION_TEXT,
                .offset = AT(graph),
                .text = "",
                .sentence = "the edges, one FROM>TO for each action in the "
                            "catalogue's order: s>a s>b a>t b>t"},
        {.name = "source",
                .type = OPTION_TEXT,
                .offset = AT(source),
                .text = "s",
                .sentence = "the node where paths begin"},
        {.name = "target",
                .type = OPTION_TEXT,
                .offset = AT(target),
                .text = "t",
                .sentence = "the node where they end"},
        {.name = "tables",
                .type = OPTION_COUNT,
                .offset = AT(tables),
                .min = 1,
                .max = 4096,
                .fallback = 64,
                .sentence = "noises drawn for each decision; a path's "
                            "probability is a share of them"},
        {.name = "noise_scale",
                .type = OPTION_DOUBLE,
                .offset = AT(noise_scale),
                .min = 0.001,
                .max = 1000.0,
                .fallback = 1.0,
                .sentence = "size of the noise, in units of that of the proved "
                            "bound"},
        {.name = "implicit",
                .type = OPTION_DOUBLE,
                .offset = AT(implicit),
                .min = 0.001,
                .max = 1.0,
                .fallback = 0.05,
                .sentence = "where only the path's losses are known: added to "
                            "the probability that an estimate of an expert's "
                            "loss is divided by"},
};

/* ---- state ---- */

static size_t experts_of(const struct shape *shape)
{
    return (size_t)shape->groups + 1;
}

static size_t sums_offset(size_t experts)
{
    return sizeof(struct paths) + experts * sizeof(struct expert);
}

static int parse(const struct paths_options *options, const struct shape *shape,
        struct graph *graph, struct err *err)
{
    if (options->graph.size == 0)
        return err_set(err, STATUS_INVALID,
                "graph: is missing: one FROM>TO for each action");
    return graph_parse(graph, options->graph, options->source, options->target,
            shape->slots, err);
}

static size_t paths_footprint(
        const void *block, const struct shape *shape, struct err *err)
{
    const struct paths_options *options = block;
    size_t experts = experts_of(shape);
    struct graph graph;

    if (shape->predict) {
        (void)err_set(err, STATUS_INVALID, "paths: predicts nothing");
        return 0;
    }
    if (parse(options, shape, &graph, err) != 0)
        return 0;
    if (options->tables * experts * graph.longest > ENTRIES_MAX) {
        (void)err_set(err, STATUS_INVALID,
                "tables: %u of them x %zu experts x %u edges of a path are "
                "more than %zu",
                options->tables, experts, graph.longest, ENTRIES_MAX);
        return 0;
    }
    return sums_offset(experts) + experts * graph.edges * sizeof(double);
}

/* Slots of the table that finds equal candidates: a power of two, at least
 * twice their number. */
static size_t index_size(size_t candidates)
{
    size_t size = 4;

    while (size < 2 * candidates)
        size *= 2;
    return size;
}

static size_t paths_scratch(const void *block, const struct shape *shape)
{
    const struct paths_options *options = block;
    size_t experts = experts_of(shape);
    size_t candidates = options->tables * experts;
    size_t edges = shape->slots;
    struct graph graph;

    if (parse(options, shape, &graph, NULL) != 0)
        return 0;
    return candidates *
            (graph.longest * sizeof(uint32_t) + sizeof(double) +
                    2 * sizeof(uint32_t)) +
            index_size(candidates) * sizeof(uint32_t) +
            experts * 6 * sizeof(double) + edges * (8 * sizeof(double)) +
            sizeof(struct graph_walk) + (size_t)32 * 16;
}

static void paths_init(
        void *block, const void *options, const struct shape *shape)
{
    struct paths *self = block;
    int status;

    self->options = options;
    self->groups = shape->groups;
    self->count = (uint32_t)experts_of(shape);
    self->sums_offset = sums_offset(self->count);
    status = parse(self->options, shape, &self->graph, NULL);
    CHECK(status == 0);
}

static double *sums_of(struct paths *self, uint32_t expert)
{
    double *sums = (void *)((char *)self + self->sums_offset);

    return sums + (size_t)expert * self->graph.edges;
}

static const double *const_sums(const struct paths *self, uint32_t expert)
{
    const double *sums = (const void *)((const char *)self + self->sums_offset);

    return sums + (size_t)expert * self->graph.edges;
}

/* ---- a round ---- */

struct awake {
    uint32_t count;
    uint32_t *expert; /* [count] */
    double *regret, *variation, *weight; /* [count] */
    double *reach; /* [count] 1/eps: the noise is uniform on [0, reach] */
};

/* Words of a generator, drawn many at a time: an even number of them, and a
 * whole one of the generator's blocks side by side. */
#define NOISE_WORDS 128u

struct noise {
    struct rng rng;
    uint32_t used; /* words */
    uint32_t words[NOISE_WORDS];
};

/* What solving needs: the awake experts, the edges that are there, and room. */
struct round {
    struct awake awake;
    uint32_t *place; /* [edges] index in the action set */
    double *closed; /* [edges] 0, or infinity where the edge is away */
    double *noise; /* [edges] on [0,1] */
    double *cost; /* [edges] */
    uint16_t *path; /* [longest] */
    struct graph_walk *walk;
    struct noise stream;
};

static double reach_of(const struct paths *self, uint64_t rounds)
{
    double n = (double)rounds + 1.0;

    return self->options->noise_scale *
            sqrt((double)self->graph.used * n / 2.0);
}

static void wake(const struct paths *self, const struct context *context,
        struct arena *scratch, struct awake *awake)
{
    awake->count = context->group_count + 1;
    awake->expert = arena_array(scratch, uint32_t, awake->count);
    awake->regret = arena_array(scratch, double, awake->count);
    awake->variation = arena_array(scratch, double, awake->count);
    awake->weight = arena_array(scratch, double, awake->count);
    awake->reach = arena_array(scratch, double, awake->count);
    CHECK(!scratch->overflow);
    for (uint32_t i = 0; i < awake->count; i++) {
        uint32_t at =
                i < context->group_count ? context->groups[i] : self->groups;
        awake->expert[i] = at;
        awake->regret[i] = self->experts[at].regret;
        awake->variation[i] = self->experts[at].variation;
        awake->reach[i] = reach_of(self, self->experts[at].rounds);
    }
    anh_weights(awake->regret, awake->variation, awake->count, awake->weight);
}

static void round_open(const struct paths *self, const struct context *context,
        const struct action_set *actions, struct arena *scratch,
        struct round *round)
{
    uint32_t edges = self->graph.edges;

    wake(self, context, scratch, &round->awake);
    round->place = arena_array(scratch, uint32_t, edges);
    round->closed = arena_array(scratch, double, edges);
    round->noise = arena_array(scratch, double, edges);
    round->cost = arena_array(scratch, double, edges);
    round->path = arena_array(scratch, uint16_t, self->graph.longest);
    round->walk = arena_array(scratch, struct graph_walk, 1);
    CHECK(!scratch->overflow);
    for (uint32_t e = 0; e < edges; e++)
        round->closed[e] = INFINITY;
    for (uint32_t i = 0; i < actions->count; i++) {
        round->closed[actions->slot[i]] = 0.0;
        round->place[actions->slot[i]] = i;
    }
}

static void noise_begin(struct noise *stream, const struct rng *draws)
{
    stream->rng = *draws;
    stream->used = NOISE_WORDS;
}

/* One noise for all experts; every edge has its own, so that it does not
 * matter which are on offer. */
static void draw_noise(const struct paths *self, struct round *round)
{
    struct noise *stream = &round->stream;

    for (uint32_t e = 0; e < self->graph.edges; e++) {
        if (stream->used == NOISE_WORDS) {
            rng_words(&stream->rng, stream->words, NOISE_WORDS);
            stream->used = 0;
        }
        round->noise[e] = rng_unit_of(&stream->words[stream->used]);
        stream->used += 2;
    }
}

/* The path of awake expert i under the noise drawn, in round->path. */
static uint32_t solve(const struct paths *self, struct round *round, uint32_t i)
{
    const double *sums = const_sums(self, round->awake.expert[i]);
    double reach = round->awake.reach[i];

    for (uint32_t e = 0; e < self->graph.edges; e++)
        round->cost[e] = sums[e] + reach * round->noise[e] + round->closed[e];
    return graph_shortest(&self->graph, round->cost, round->walk, round->path);
}

/* ---- candidates ---- */

struct candidates {
    uint32_t count;
    uint32_t *start; /* [count + 1] */
    uint32_t *edges;
    double *pmf; /* [count] */
    uint32_t *index; /* [index_size] candidate + 1 */
    size_t index_size;
};

static bool same_path(const struct candidates *all, uint32_t candidate,
        const uint32_t *path, uint32_t count)
{
    uint32_t start = all->start[candidate];

    return all->start[candidate + 1] - start == count &&
            memcmp(all->edges + start, path, count * sizeof(*path)) == 0;
}

/* Gives the path in round->path more probability. */
static void add_path(const struct round *round, uint32_t count, double share,
        struct candidates *all)
{
    uint32_t *path = all->edges + all->start[all->count];
    size_t at;

    for (uint32_t i = 0; i < count; i++)
        path[i] = round->place[round->path[i]];
    at = hash_bytes(bytes_of(path, count * sizeof(*path)), 0) &
            (all->index_size - 1);
    for (; all->index[at] != 0; at = (at + 1) & (all->index_size - 1))
        if (same_path(all, all->index[at] - 1, path, count)) {
            all->pmf[all->index[at] - 1] += share;
            return;
        }
    all->pmf[all->count] = share;
    all->index[at] = ++all->count;
    all->start[all->count] = all->start[all->count - 1] + count;
}

static bool paths_propose(const void *block, const struct context *context,
        const struct action_set *actions, struct rng *draws,
        struct arena *scratch, struct routes *routes)
{
    const struct paths *self = block;
    uint32_t tables = self->options->tables;
    size_t most = (size_t)tables * (context->group_count + 1);
    size_t mark = scratch->used;
    struct candidates all = {.index_size = index_size(most)};
    struct round round;

    all.edges = arena_array(scratch, uint32_t, most * self->graph.longest);
    all.start = arena_array(scratch, uint32_t, most + 1);
    all.pmf = arena_array(scratch, double, most);
    all.index = arena_zalloc(scratch, all.index_size, sizeof(*all.index));
    CHECK(!scratch->overflow);
    round_open(self, context, actions, scratch, &round);
    noise_begin(&round.stream, draws);
    all.start[0] = 0;
    for (uint32_t table = 0; table < tables; table++) {
        draw_noise(self, &round);
        for (uint32_t i = 0; i < round.awake.count; i++) {
            double share = round.awake.weight[i] / (double)tables;
            uint32_t count;
            if (share <= 0.0)
                continue;
            count = solve(self, &round, i);
            if (count == 0)
                return false;
            add_path(&round, count, share, &all);
        }
    }
    /* Only what was filled stays: the arrays move down, in their order. */
    arena_release(scratch, mark);
    routes->count = all.count;
    routes->edges = arena_array(scratch, uint32_t, all.start[all.count]);
    routes->start = memmove(arena_array(scratch, uint32_t, all.count + 1),
            all.start, (all.count + 1) * sizeof(*all.start));
    routes->pmf = memmove(arena_array(scratch, double, all.count), all.pmf,
            all.count * sizeof(*all.pmf));
    return true;
}

/* ---- learning ---- */

/* The losses of a lesson, by edge of the catalogue. */
struct losses {
    double *seen; /* [edges] what was reported, 0 elsewhere */
    double *marginal; /* [edges] 0 where the edge was away */
};

static double clamped(double loss, double weight)
{
    return fmin(fmax(loss, 0.0), 1.0) * fmin(fmax(weight, 0.0), 1.0);
}

static void read_losses(const struct paths *self,
        const struct path_lesson *lesson, struct arena *scratch,
        struct losses *losses)
{
    const struct action_set *actions = lesson->actions;
    uint32_t count = lesson->full ? actions->count : lesson->path_count;

    losses->seen = arena_zalloc(scratch, self->graph.edges, sizeof(double));
    losses->marginal = arena_zalloc(scratch, self->graph.edges, sizeof(double));
    CHECK(!scratch->overflow);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = lesson->full ? i : lesson->path[i];
        losses->seen[actions->slot[at]] =
                clamped(lesson->losses[i], lesson->weight);
    }
    for (uint32_t i = 0; i < actions->count; i++)
        losses->marginal[actions->slot[i]] = lesson->marginal[i];
}

/* What the decision cost: in expectation over its draw where that is known. */
static double played_loss(const struct paths *self,
        const struct path_lesson *lesson, const struct losses *losses)
{
    double sum = 0.0;

    for (uint32_t e = 0; e < self->graph.edges; e++)
        sum += losses->seen[e] * (lesson->full ? losses->marginal[e] : 1.0);
    return sum;
}

/* own[count]: each awake expert's loss, in [0,1], as the mean over tables. */
static void expert_losses(const struct paths *self,
        const struct path_lesson *lesson, const struct losses *losses,
        struct round *round, double *own)
{
    struct rng draws = rng_keyed(LEARNING_SEED, self->lessons, RNG_PATH);
    uint32_t tables = self->options->tables;
    double implicit = self->options->implicit;
    double unit = 1.0 / ((double)tables * (double)self->graph.longest);

    noise_begin(&round->stream, &draws);
    for (uint32_t i = 0; i < round->awake.count; i++)
        own[i] = 0.0;
    for (uint32_t table = 0; table < tables; table++) {
        draw_noise(self, round);
        for (uint32_t i = 0; i < round->awake.count; i++) {
            uint32_t count = solve(self, round, i);
            double sum = 0.0;
            for (uint32_t k = 0; k < count; k++) {
                uint32_t e = round->path[k];
                sum += lesson->full ? losses->seen[e]
                                    : losses->seen[e] * implicit /
                                (losses->marginal[e] + implicit);
            }
            own[i] += sum * unit;
        }
    }
}

/* Adds the round to S of one expert. */
static void learn_sums(struct paths *self, const struct path_lesson *lesson,
        const struct losses *losses, const struct round *round, uint32_t i)
{
    const struct expert *expert = &self->experts[round->awake.expert[i]];
    double *sums = sums_of(self, round->awake.expert[i]);
    double gamma = lesson->full ? 0.0 : GAMMA_PER_EPS / round->awake.reach[i];

    for (uint32_t e = 0; e < self->graph.edges; e++) {
        double away =
                expert->rounds == 0 ? 0.0 : sums[e] / (double)expert->rounds;
        if (round->closed[e] > 0.0)
            sums[e] += away;
        else if (lesson->full)
            sums[e] += losses->seen[e];
        else if (losses->seen[e] > 0.0)
            sums[e] += losses->seen[e] / (losses->marginal[e] + gamma);
    }
}

static void paths_learn(
        void *block, const struct path_lesson *lesson, struct arena *scratch)
{
    struct paths *self = block;
    struct losses losses;
    struct round round;
    double *own, played;

    round_open(self, lesson->context, lesson->actions, scratch, &round);
    read_losses(self, lesson, scratch, &losses);
    own = arena_array(scratch, double, round.awake.count);
    CHECK(!scratch->overflow);
    if (round.awake.count > 1) { /* alone, an expert has no regret */
        expert_losses(self, lesson, &losses, &round, own);
        (void)anh_update(round.awake.regret, round.awake.variation,
                round.awake.weight, own, round.awake.count);
    }
    played = played_loss(self, lesson, &losses);
    for (uint32_t i = 0; i < round.awake.count; i++) {
        struct expert *expert = &self->experts[round.awake.expert[i]];
        learn_sums(self, lesson, &losses, &round, i);
        expert->regret = round.awake.regret[i];
        expert->variation = round.awake.variation[i];
        expert->loss += played;
        expert->rounds++;
    }
    self->lessons++;
    if (!lesson->full)
        self->partial++;
}

/* ---- bytes ---- */

static void paths_save(const void *block, struct writer *writer)
{
    const struct paths *self = block;

    write_u64(writer, graph_digest(&self->graph));
    write_u32(writer, self->graph.edges);
    write_u32(writer, self->count);
    write_u64(writer, self->lessons);
    write_u64(writer, self->partial);
    for (uint32_t i = 0; i < self->count; i++) {
        const struct expert *expert = &self->experts[i];
        write_f64(writer, expert->regret);
        write_f64(writer, expert->variation);
        write_f64(writer, expert->loss);
        write_u64(writer, expert->rounds);
        write_f64s(writer, const_sums(self, i), self->graph.edges);
    }
}

/* |R| <= C <= rounds, up to rounding: what AdaNormalHedge's update keeps. */
static bool expert_check(const struct expert *expert)
{
    double slack = 1e-6 * (1.0 + (double)expert->rounds);

    return expert->variation >= 0.0 &&
            expert->variation <= (double)expert->rounds + slack &&
            fabs(expert->regret) <= expert->variation + slack &&
            expert->loss >= 0.0 && expert->loss <= SUM_MAX;
}

static bool paths_check(const void *block)
{
    const struct paths *self = block;

    if (self->partial > self->lessons)
        return false;
    for (uint32_t i = 0; i < self->count; i++) {
        const double *sums = const_sums(self, i);
        if (self->experts[i].rounds > self->lessons ||
                !expert_check(&self->experts[i]))
            return false;
        for (uint32_t e = 0; e < self->graph.edges; e++)
            if (!(sums[e] >= 0.0 && sums[e] <= SUM_MAX))
                return false;
    }
    return true;
}

static int paths_load(void *block, struct reader *reader, struct err *err)
{
    struct paths *self = block;
    uint64_t digest = read_u64(reader);
    uint32_t edges = read_u32(reader);
    uint32_t count = read_u32(reader);

    if (reader->failed || edges != self->graph.edges || count != self->count)
        return err_set(err, STATUS_CORRUPT,
                "paths: state of %u experts on %u edges, expected %u on %u",
                count, edges, self->count, self->graph.edges);
    if (digest != graph_digest(&self->graph))
        return err_set(err, STATUS_CORRUPT, "paths: state of another graph");
    self->lessons = read_u64(reader);
    self->partial = read_u64(reader);
    for (uint32_t i = 0; i < self->count; i++) {
        struct expert *expert = &self->experts[i];
        expert->regret = read_f64(reader);
        expert->variation = read_f64(reader);
        expert->loss = read_f64(reader);
        expert->rounds = read_u64(reader);
        read_f64s(reader, sums_of(self, i), edges);
    }
    if (reader->failed || !paths_check(self))
        return err_set(err, STATUS_CORRUPT, "paths: state is damaged");
    return 0;
}

/* ---- reporting ---- */

/* The loss of the best path in hindsight on an expert's rounds. */
static double best_loss(const struct paths *self, uint32_t expert)
{
    const double *sums = const_sums(self, expert);
    struct graph_walk walk;
    uint16_t path[GRAPH_NODES_MAX];
    uint32_t count = graph_shortest(&self->graph, sums, &walk, path);
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += sums[path[i]];
    return sum;
}

/* Section 6: 2L sqrt(2 m T_g) + L sqrt(3 C_g (ln|G| + ln B)). The 2 is for a
 * noise that knows T_g; counted as it comes, a 3 is what is proved. */
static double regret_bound(const struct paths *self, uint32_t expert)
{
    const struct expert *own = &self->experts[expert];
    double prior = 1.0 / (double)self->count;
    double longest = (double)self->graph.longest;
    double b = 1.0;

    for (uint32_t i = 0; i < self->count; i++)
        b += 1.5 * prior * (1.0 + portable_log1p(self->experts[i].variation));
    return 2.0 * longest *
            sqrt(2.0 * (double)self->graph.used * (double)own->rounds) +
            longest *
            sqrt(3.0 * own->variation *
                    (portable_log((double)self->count) + portable_log(b)));
}

/* For each group and always-on (-1), on its own rounds: rounds, loss of what
 * was played, of the best path in hindsight, the regret between the two, and
 * its bound. Once lessons were partial, the best path's loss is an estimate
 * that is too low rather than too high, and there is no bound. */
static void paths_visit(const void *block, const struct visitor *visitor)
{
    const struct paths *self = block;

    for (uint32_t i = 0; i < self->count; i++) {
        const struct expert *expert = &self->experts[i];
        int32_t group = i < self->groups ? (int32_t)i : -1;
        double best = best_loss(self, i);
        visitor->number(
                visitor->self, "path_rounds", group, (double)expert->rounds);
        visitor->number(visitor->self, "path_loss", group, expert->loss);
        visitor->number(visitor->self, "path_best_loss", group, best);
        visitor->number(
                visitor->self, "path_regret", group, expert->loss - best);
        if (self->partial == 0)
            visitor->number(visitor->self, "path_regret_bound", group,
                    regret_bound(self, i));
    }
    visitor->number(
            visitor->self, "path_lessons_partial", -1, (double)self->partial);
}

const struct learner learner_paths = {
        .name = "paths",
        .state_version = 1,
        .options = {paths_rows, ARRAY_COUNT(paths_rows),
                sizeof(struct paths_options)},
        .footprint = paths_footprint,
        .scratch = paths_scratch,
        .init = paths_init,
        .propose = paths_propose,
        .learn_path = paths_learn,
        .save = paths_save,
        .load = paths_load,
        .check = paths_check,
        .visit = paths_visit,
};
