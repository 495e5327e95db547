/* A panel of policies over one problem's log: what each would have earned, all
 * in one pass. A policy that learns is folded on the logged feedback as the
 * service would have done it: it gives its probabilities before it learns the
 * row, learns when the feedback came (not earlier), and with the weights that
 * the logged probabilities call for; so it cannot tell the log from life, but
 * for the actions that it would have chosen itself.
 *
 * Beside the policies that are asked for there are always the logged policy,
 * uniform choice, each constant action and the declared baseline action.
 *
 * A row counts when its outcome is known: feedback came, or the wait passed and
 * the default stands in. Its reward is what the store knows now, corrections
 * included. Rows left out are counted by reason. One pass, in slices of the
 * log (replay/walk.h), of constant memory; two if the reward model is
 * cross-fitted. The same store gives the same numbers. */
#ifndef REPLAY_PANEL_H
#define REPLAY_PANEL_H

#include "replay/bootstrap.h"
#include "replay/sequence.h"
#include "replay/support.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

#define PANEL_POLICIES_MAX    256u
#define PANEL_GENERATIONS_MAX 32u
#define PANEL_FOLDS_MAX       10u
#define PANEL_CONSTANTS_MAX   64u
#define PANEL_TIMES_MAX       100u
#define PANEL_NAME_SIZE       96u
#define PANEL_BINS            10u

enum panel_kind {
    PANEL_LOGGED,
    PANEL_UNIFORM,
    PANEL_CONSTANT, /* one action; uniform where it is not eligible */
    PANEL_BASELINE, /* the declared action; uniform where there is none */
    PANEL_POLICY,
};

/* When a policy that learns begins to serve what it has learned. */
enum panel_schedule {
    PANEL_ONLINE, /* at once */
    PANEL_PROMOTIONS, /* with the generations of the log */
    PANEL_EVERY, /* after every so much time */
    PANEL_ROWS, /* after every so many decisions of the problem; what is trained
                   in batches, in place of online */
};

/* A generation of an oracle that is trained in batches. */
struct panel_training {
    const struct problem_spec *spec;
    struct problem *serving; /* what serves so far, and then the new one */
    uint64_t from, before; /* records: the log outside is not looked at */
    nanos now; /* the time of `before` */
};

/* Who trains them: training/offline.h, which stands above this folder.
 * NOT_FOUND where there is no outcome to learn from yet; `serving` is then, and
 * after any failure, as it was. */
struct panel_trainer {
    int (*train)(
            void *self, const struct panel_training *training, struct err *err);
    void *self;
};

/* All that one slice says of one policy. */
struct panel_slice {
    struct ope_sums sums;
    struct asymptotic_sequence value; /* doubly robust; says nothing where rows
                                         stand for others */
    struct asymptotic_sequence gain; /* over the logged policy, each row's term
                                        times what it stands for: so much as the
                                        mean of that (ope_mean_weight) too
                                        large */
};

struct panel_policy {
    char name[PANEL_NAME_SIZE];
    enum panel_kind kind;
    uint32_t place; /* of a constant */
    enum panel_schedule schedule;
    int64_t every; /* nanoseconds or decisions */
    uint64_t played; /* rows where a constant or baseline was eligible */
    struct panel_slice *slices; /* [slice_count] */
    struct overlap *overlap; /* [places] */
    struct value_sequence guaranteed; /* of rows with their whole vector */
    struct bootstrap *bootstrap; /* NULL: was not asked for */
    uint64_t served; /* generations that began to serve */

    /* Of a policy that learns. */
    const struct problem_spec *spec;
    bool trained; /* by the trainer, in batches */
    struct problem *learning, *serving; /* the same where it is online or
                                           trained */
    struct problem *weighted; /* mrdr's model; NULL: was not asked for */
    int64_t next; /* time or number of decisions */
};

enum panel_slice_kind {
    PANEL_ALL,
    PANEL_GROUP,
    PANEL_GENERATION,
    PANEL_TIME,
};

struct panel_slice_of {
    enum panel_slice_kind kind;
    uint64_t number; /* group, generation, or part of the time */
};

/* How well the reward model's predictions of what was chosen came true. */
struct panel_bin {
    uint64_t count;
    double predicted, reward; /* sums, scaled */
};

struct panel_settings {
    struct bytes problem;
    double alpha;
    uint32_t times; /* slices of time */
    uint32_t folds; /* 0: the model predicts each row before it learns it;
                       otherwise it is cross-fitted, in two passes */
    bool mrdr;
    bool bootstrap;
    double truncation; /* k of the guaranteed sequences */
    uint64_t from, last; /* records; 0 = all */
    uint64_t report_from; /* rows before this record are learned from, but do
                             not count; 0 = all count */
    struct ope_settings ope;
    const struct panel_trainer *trainer; /* NULL: what is trained in batches is
                                            refused */
    uint64_t generation_rows; /* what is trained in batches, and asked for
                                 online, is trained anew every so many
                                 decisions; 0: refused */
    void (*progress)(void *self, const char *what, uint64_t done, uint64_t all);
    void *self;
};

#define PANEL_SETTINGS_DEFAULT                                                 \
    {                                                                          \
        .alpha = 0.05, .times = 10, .truncation = 1.0,                         \
        .ope = OPE_SETTINGS_DEFAULT                                            \
    }

/* Decisions that do not count, and why. */
struct panel_left_out {
    uint64_t waiting; /* no outcome yet */
    uint64_t another; /* the outcome is of another action than the chosen */
    uint64_t shape; /* made with other columns, actions or groups */
    uint64_t gone; /* the store knows nothing of the event any more */
    uint64_t impossible; /* the logged probabilities are no distribution */
    uint64_t forced; /* the guard took its default: nothing else could have
                        been chosen, so such rows say nothing of others */
};

struct panel {
    struct panel_settings settings;
    struct ledger_reader reader;
    struct arena specs; /* of all specs and their texts */
    struct bytes text; /* the problem's settings */
    const struct problem_spec *spec; /* as logged */
    uint32_t number;

    struct panel_policy *policies; /* [policy_count] */
    uint32_t policy_count;
    struct panel_slice_of *slice_of; /* [slice_count]; 0 is all */
    uint32_t slice_count;
    uint32_t generation_count; /* slices of generations in use */
    uint32_t places; /* rows of each overlap table */

    struct problem *models[PANEL_FOLDS_MAX]; /* reward models */
    uint32_t model_count;

    nanos began, ended; /* time of its first decision, and of the last
                           record */
    uint64_t rows; /* that count */
    uint64_t decisions; /* in all */
    uint64_t partial; /* rows of imports that know the chosen action's
                         probability alone */
    uint64_t thinned; /* rows of imports that stand for others, which were left
                         out (pdrop); each counts for all of them */
    uint64_t shared; /* rows that a canary had a share of: the logged policy is
                        there what both did together */
    struct panel_left_out left_out;
    uint64_t clipped; /* rewards outside the declared range */
    struct panel_bin bins[PANEL_BINS];

    /* Of the pass. */
    bool outside, fitting;
    uint64_t seen; /* decisions of the problem */
    struct arena arena;
    double *target, *other; /* [actions_max] */
};

/* Opens the newest settings of the problem. NOT_FOUND: the store has no such
 * problem (or, where none is named, not exactly one); UNSUPPORTED: it does not
 * choose one action. The ledger must outlive the panel. panel_close takes a
 * panel that failed to open, too. */
int panel_open(struct panel *panel, struct ledger *ledger,
        const struct panel_settings *settings, struct err *err) MUST_USE;
void panel_close(struct panel *panel);

/* Adds a policy: the problem with these `policy.` settings in place of its own
 * (none: its own). The values need not outlive the call. An oracle that is
 * trained in batches is trained anew at each generation, so it needs a schedule
 * or the settings' `generation_rows`; UNSUPPORTED without a trainer. INVALID
 * names what is wrong, `line` gets its line. Before panel_run. */
int panel_add(struct panel *panel, struct bytes name,
        enum panel_schedule schedule, nanos every,
        const struct keyvalue *policy, size_t count, uint32_t *line,
        struct err *err) MUST_USE;

/* The pass, once. */
int panel_run(struct panel *panel, struct err *err) MUST_USE;

/* Back to the declared range. A value and a difference of values. */
double panel_value(const struct panel *panel, double scaled);
double panel_difference(const struct panel *panel, double scaled);

/* "all", "group gold", "generation 3", "time 2 of 10". */
void panel_slice_name(
        const struct panel *panel, uint32_t slice, char *out, size_t size);

#endif
