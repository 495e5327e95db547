/* The bake-off: a multiclass file as a bandit problem in the engine, several
 * row orders, progressive loss (bandits.md, section 4). Each row is decided,
 * then its reward (1 if the drawn action is the row's class, else 0) is learned
 * at once; nothing is known of the file in advance but its columns and its
 * classes. Order 0 is the file's, order k a shuffle keyed by k. */
#ifndef SIM_BAKEOFF_H
#define SIM_BAKEOFF_H

#include "base/options.h"
#include "sim/multiclass.h"

#define BAKEOFF_SETTINGS_MAX 32u
#define BAKEOFF_KEY_SIZE     80u

struct bakeoff_settings {
    const struct keyvalue *policy; /* `policy.*` settings of the problem */
    size_t policy_count;
    uint32_t orders;
    uint32_t seed; /* the policy's; draws of the orders have their own */
    /* May be NULL; called now and then. */
    void (*progress)(void *self, uint64_t done, uint64_t all);
    void *self;
};

struct bakeoff_result {
    char policy[96]; /* what it turned out to be */
    double loss_mean, loss_sd, loss_max; /* share of rows not hit; sd of the
                                            sample of orders */
    double expected_mean; /* mean of 1 - p(class): less noise, same mean */
    double majority; /* loss of always playing the largest class */
    uint32_t above; /* orders that lost more than that */
};

/* A policy as the command line has it: "a=b,c=d" as settings policy.a and
 * policy.c, a name alone as the setting policy. `keys` gets the dotted names,
 * `values` views of them and of the text. The number of settings, at most
 * BAKEOFF_SETTINGS_MAX, or SIZE_MAX if the text is none of these. */
size_t bakeoff_policy(const char *text, char (*keys)[BAKEOFF_KEY_SIZE],
        struct keyvalue *values);

int bakeoff_run(const struct multiclass *data,
        const struct bakeoff_settings *settings, struct bakeoff_result *result,
        struct err *err) MUST_USE;

#endif
