/* The problem that a policy of sim/tuning.h is for the engine or a service. */
#ifndef SIM_TUNING_PROBLEM_H
#define SIM_TUNING_PROBLEM_H

#include "sim/systems.h"
#include "sim/tuning.h"

struct tuner; /* a problem in this process or at a service */

struct tuner_settings {
    const char *policy; /* the name of a policy that learns */
    const struct systems *systems;
    uint32_t seed;
    const char *endpoint; /* NULL: in this process */
    const char *problem;
    int timeout_ms;
};

/* NULL with err. */
struct tuner *tuner_open(
        const struct tuner_settings *settings, struct err *err);
void tuner_close(struct tuner *tuner);
/* The arm for round i, and the cost at which it is to be given up (0: none). */
int tuner_choose(struct tuner *tuner, uint32_t i, double context, uint32_t *arm,
        double *limit, struct err *err) MUST_USE;
/* What its solve cost. */
int tuner_learn(struct tuner *tuner, double cost, struct err *err) MUST_USE;

/* The configuration's entry. */
void tuner_config(const struct tuner_settings *settings, FILE *out);

#endif
