/* A client on a thread of its own that must be served all the time: it asks
 * the same few events again and again, which records nothing, and every answer
 * must be OK and the first one. */
#ifndef TESTS_LIB_STEADY_H
#define TESTS_LIB_STEADY_H

#include "tests/lib/service.h"

#include <pthread.h>
#include <stdatomic.h>

/* Its problem, for the configuration. */
extern const char steady_config[];

struct steady {
    const struct service *service;
    pthread_t thread;
    _Atomic bool over;
    _Atomic uint64_t answers;
};

/* Returns when the first answers are recorded. */
void steady_start(struct steady *steady, const struct service *service);
/* Waits until it was answered some times more. */
void steady_check(struct steady *steady);
/* How many answers it got; exits if one of them was not right. */
uint64_t steady_stop(struct steady *steady);

#endif
