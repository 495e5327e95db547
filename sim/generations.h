/* The payments world in generations (payments.md, sections 1 to 4): a policy
 * serves a generation of payments, the next model is trained on what the log
 * remembers, and its value is computed exactly on a panel of payments, never
 * from sampled rewards. All policies of a seed meet the same payments and the
 * same luck, so that their difference is measured pair by pair.
 *
 * In process: decisions by policy_decide, models by train_generation. */
#ifndef SIM_GENERATIONS_H
#define SIM_GENERATIONS_H

#include "base/options.h"
#include "policies/memory.h"
#include "sim/drill.h"
#include "training/booster.h"

#define GENERATIONS_MAX      60u
#define GENERATIONS_SETTINGS 40u

enum generations_kind {
    GENERATIONS_TRAINED, /* a generation is a model */
    GENERATIONS_CONTROL, /* the same, and each is logged by a uniform policy */
    GENERATIONS_ONLINE, /* learns from each answer; a generation is a stretch */
    GENERATIONS_ROUTER, /* one of sim/routers.h, by its name */
};

/* One policy that is played: settings of the policy and of its memory. */
struct generations_policy {
    const char *name;
    const char *sentence;
    const char *settings; /* "oracle=trees explorer=fastcb recent=1" */
    enum generations_kind kind;
};

/* NULL-terminated by name. */
extern const struct generations_policy generations_policies[];
/* The policy of a text "NAME" or "NAME,key=value,..."; the latter changes
 * settings. False if there is no such name. */
const struct generations_policy *generations_find(const char *text);

struct generations_settings {
    const char *policy; /* as generations_find takes it */
    uint32_t seed;
    uint32_t generations; /* after generation 0; <= GENERATIONS_MAX */
    uint32_t rows; /* payments of a generation */
    uint32_t panel; /* payments that values are computed on */
    double drift;
    /* From generation 2 on one acquirer fails in each (sim/drill.h), and a
     * circuit breaker works below the policy. */
    bool outages;
    bool causes; /* and answers say whose doing a failure is */
    uint32_t noise; /* payments without outages after the last generation */
    /* Answers come so many generations late. Until the first do, payments are
     * routed uniformly. */
    uint32_t late;
    /* Declined payments are tried again, tries cost, chargebacks come; not
     * together with outages. Models learn from first tries. */
    bool life;
    const struct booster *booster;
};

/* What became of a generation's payments, per payment; amounts in their
 * currency. */
struct generation_account {
    double approved; /* after all tries */
    double tries;
    double fees; /* of all tries */
    double chargebacks; /* payments charged back */
    double charged_back; /* what they cost: amounts and fees */
    double net; /* GENERATIONS_MARGIN of what is approved, less both */
};
#define GENERATIONS_MARGIN 0.10 /* assumed */

/* One generation of one policy in one seed. */
struct generation_values {
    double v; /* exact value, share approved */
    double greedy; /* the same if it took what it predicts best, always */
    double best, uniform; /* of a clairvoyant and of a uniform policy */
    double rate; /* share approved in its log */
    double rows, effective; /* it was trained on */
    double exploration; /* mean of 1 - max p */
    double bias_top; /* mean predicted - true of the action predicted best */
    double rmse; /* of all predictions */
    double distance; /* mean total variation to the generation before */
    /* Of the gate, where it is on. */
    bool blocked; /* the candidate did not serve alone */
    double estimate, error; /* of candidate - champion, and standard error */
    double truth; /* the same, exactly */
    struct drill_outage outage; /* with outages */
    struct generation_account account; /* with life */
};

struct generations_run {
    uint32_t count; /* 1 + generations */
    struct generation_values value[GENERATIONS_MAX + 1];
    double seconds; /* of training, for the report */
    uint32_t noise_openings; /* circuits opened by noise alone */
};

/* Plays one policy through one seed. INVALID for settings that do not fit. */
int generations_play(const struct generations_settings *settings,
        struct generations_run *run, struct err *err) MUST_USE;

/* What is said of a policy over seeds (payments.md, section 4). Shares as
 * fractions, values in percentage points. */
struct generations_summary {
    uint32_t seeds;
    double v[GENERATIONS_MAX + 1], v_se[GENERATIONS_MAX + 1];
    double d21, d21_se, d21_least;
    double drops_small, drops_large; /* falls > 0.05 and > 0.3 points */
    double worst_drop, drawdown;
    double odd_even, odd_even_se;
    double gain; /* V_last - V_1 */
    double share_of_gap, share_of_gap_10;
    double share_of_gap_greedy_10; /* of the best predicted actions alone */
    double mean_v; /* over generations 1.. */
    double blocked; /* share of candidates */
    double blocked_better; /* of candidates: blocked though they were better */
    double covered; /* share of estimates within 1.96 errors of the truth */
    double bias_first, bias_last, distance_last, effective_last, rows_last;
};

void generations_summarise(const struct generations_run *runs, uint32_t seeds,
        struct generations_summary *summary);
/* Means over generations 1.. and seeds, the standard error of `net` over seeds,
 * and its paired difference to another policy. */
struct generations_accounts {
    struct generation_account mean;
    double net_se, gain, gain_se;
};
void generations_account(const struct generations_run *runs,
        const struct generations_run *others, uint32_t seeds,
        struct generations_accounts *out);

/* Paired difference of mean V over generations 1.. to another policy. */
void generations_difference(const struct generations_run *runs,
        const struct generations_run *others, uint32_t seeds, double *mean,
        double *se);

#endif
