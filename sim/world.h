/* Worlds: simulated or recorded problems that a policy can be played against.
 * A world knows what no client knows, the value of every action in every
 * round, so what was learned is measured exactly, without sampling noise.
 *
 * A world is a table of functions and a state. Rounds are numbered from 0 and
 * the same seed gives the same rounds, whatever is decided in them. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/err.h"
#include "client/rue.h"

#include <stdbool.h>
#include <stdio.h>

#define WORLD_ROWS_MAX 32u

struct world_settings {
    const char *variant; /* the world's own word for what is played; NULL =
                            its default */
    const char *policy; /* as above, for how it is learned */
    const char *data; /* directory of data files (medical_cost, matrices) */
    uint32_t seed;
    uint32_t rounds; /* 0 = the world's default */
};

/* One line of a report: a policy, baseline or group, and its mean value. */
struct world_row {
    char name[48];
    double mean;
    double last_quarter; /* mean over the last quarter of the rounds */
    uint32_t rounds;
};

struct world; /* a state; each world has its own */

struct world_functions {
    const char *name;
    const char *sentence;
    const char *variants; /* "low high FILE.mtx", for help */
    const char *policies;
    const char *value; /* what the numbers are: "iterations per solve" */
    bool minimise;
    /* Rounds that may be under way at a time; 1: every feedback is in before
     * the next question is asked. */
    uint32_t window;

    int (*open)(struct world **world, const struct world_settings *settings,
            struct err *err);
    void (*close)(struct world *world);
    uint32_t (*rounds)(const struct world *world);
    /* The `- name: ...` entry of a configuration's `problems`. */
    void (*config)(const struct world *world, const char *problem, FILE *out);

    /* What is asked in round i. Its arrays are the world's and stay until the
     * next call. */
    void (*question)(struct world *world, uint32_t i, rue_question *question);
    /* The expected value of the answer: sum of p(a) value(a). Called once for
     * each round. INVALID if the answer does not fit the round. */
    int (*score)(struct world *world, uint32_t i, const rue_answer *answer,
            double *value, struct err *err);
    /* What is reported for the action that was taken. */
    double (*outcome)(
            struct world *world, uint32_t i, const rue_answer *answer);
    /* Whose doing that is; NULL: the world does not say. */
    rue_cause (*cause)(
            struct world *world, uint32_t i, const rue_answer *answer);
    /* Rounds until it is reported; -1: never. */
    int32_t (*delay)(struct world *world, uint32_t i);
    /* Baselines and the best possible, after the last round. */
    uint32_t (*baselines)(struct world *world, struct world_row *rows);
};

/* NULL-terminated. */
extern const struct world_functions *const worlds[];
const struct world_functions *world_find(const char *name);

#endif
