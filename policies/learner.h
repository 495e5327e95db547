/* Learners: oracle and explorer in one, for algorithms that do not split into
 * the two. The rules are those of policies/oracle.h; `decide` is const and
 * writes a distribution, as an explorer does. */
#ifndef POLICIES_LEARNER_H
#define POLICIES_LEARNER_H

#include "base/rng.h"
#include "policies/oracle.h"

struct learner {
    const char *name;
    uint32_t state_version;
    struct option_table options;

    size_t (*footprint)(
            const void *options, const struct shape *shape, struct err *err);
    size_t (*scratch)(const void *options, const struct shape *shape);
    void (*init)(void *self, const void *options, const struct shape *shape);

    /* pmf[actions->count]; actions->count >= 1. A learner has decide and learn,
     * or, for problems whose decision is a path, propose and learn_path. */
    void (*decide)(const void *self, const struct context *context,
            const struct action_set *actions, struct rng *draws,
            struct arena *scratch, double *pmf);
    void (*learn)(
            void *self, const struct lesson *lesson, struct arena *scratch);
    bool (*correct)(void *self, const struct lesson *lesson, double before,
            struct arena *scratch);
    /* May be NULL: as of an oracle. */
    void (*adopt)(void *self, uint32_t slot, uint32_t left, uint32_t right);
    /* Candidate paths over the edges `actions`, with the probability of each;
     * the arrays lie in `scratch`. False where no path is left. */
    bool (*propose)(const void *self, const struct context *context,
            const struct action_set *actions, struct rng *draws,
            struct arena *scratch, struct routes *routes);
    void (*learn_path)(void *self, const struct path_lesson *lesson,
            struct arena *scratch);

    void (*save)(const void *self, struct writer *writer);
    int (*load)(void *self, struct reader *reader, struct err *err) MUST_USE;
    bool (*check)(const void *self);
    void (*visit)(const void *self, const struct visitor *visitor);
};

#endif
