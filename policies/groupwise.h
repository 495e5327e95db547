/* What the parts of the groupwise oracle share: its options and state
 * (oracle_groupwise.c), and what is proved of it (certificate.c). */
#ifndef POLICIES_GROUPWISE_H
#define POLICIES_GROUPWISE_H

#include "policies/oracle.h"

enum groupwise_weights {
    WEIGHTS_AUTO,
    WEIGHTS_ADANORMALHEDGE,
    WEIGHTS_EXPONENTIAL,
};
enum groupwise_over {
    OVER_SCHEDULE,
    OVER_MIN,
    OVER_MAX,
    OVER_ALWAYS,
    OVER_MEAN,
};
enum groupwise_play { PLAY_AVERAGED, PLAY_SAMPLED };

struct groupwise_options {
    uint32_t weights;
    uint32_t play;
    uint32_t gamma_over;
    double gamma_factor;
    bool always_on;
    bool clip_experts;
};

/* The meta state of one expert. */
struct expert {
    double regret; /* R; exponential: log weight */
    double variation; /* C; exponential: unused */
    double loss; /* cumulative, its own */
    double mixed_loss; /* cumulative, of the combination on its rounds: the mean
                          of the experts' losses, exponential: the loss of
                          their mean, as the bounds of each are stated */
    uint64_t rounds;
    /* Of these: outcomes that the bounds of losses are not for (a weight other
     * than 1, a value outside the declared range), and those that the bound of
     * exploring is not for (see certificate.c). */
    uint64_t irregular_rounds, unproved_rounds;
    /* What step 1 charges for exploring: the sum of 2(K-1)/gamma over its
     * rounds, the floor's share, and the greatest gamma of them. */
    double exploration;
    double gamma_most;
};

struct groupwise {
    const struct oracle_spec *spec;
    const struct shape *shape;
    uint32_t count; /* experts: the groups, then always_on */
    size_t inner_offset, inner_size;
    struct expert experts[];
};

static inline const struct groupwise_options *groupwise_options(
        const struct oracle_spec *spec)
{
    return spec->options;
}

static inline const void *groupwise_inner(
        const struct groupwise *self, uint32_t expert)
{
    return (const char *)self + self->inner_offset + expert * self->inner_size;
}

/* Are the weights those of the exponential rule? */
bool groupwise_exponential(
        const struct oracle_spec *spec, const struct shape *shape);

/* ---- certificate.c ---- */

/* Has the inner oracle, as it is set, a proved bound? */
bool certificate_proved(
        const struct oracle_spec *inner, const struct shape *shape);

/* The wish of `gamma_over` in a round of `count` actions; 0: none. */
double certificate_gamma(const struct groupwise *self,
        const struct context *context, uint32_t count);

/* Takes in a lesson of an awake expert, before its state learns it. */
void certificate_charge(const struct groupwise *self, struct expert *expert,
        const struct lesson *lesson);

/* What the state says of one expert for certain. `group` is -1 for always_on.
 */
void certificate_visit(const struct groupwise *self, uint32_t expert,
        int32_t group, const struct visitor *visitor);

#endif
