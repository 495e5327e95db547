/* A booster in a child process, so that programs which train now and then need
 * not link XGBoost: the child is `rue-train boost`, which reads jobs from its
 * standard input and writes forests to its standard output until that ends.
 * The two are of one build and one machine: numbers travel as they are. */
#ifndef TRAINING_CHILD_H
#define TRAINING_CHILD_H

#include "training/booster.h"

#include <sys/types.h>

struct boost_child {
    pid_t pid;
    int to, from;
    struct booster booster; /* its `self` is this struct: do not copy it */
};

/* Starts `program boost` with OMP_NUM_THREADS=1. IO if it cannot
 * be started. One thread at a time may use it. A child that dies fails the job
 * at hand with IO. */
int boost_child_open(struct boost_child *child, const char *program,
        struct err *err) MUST_USE;
void boost_child_close(struct boost_child *child);

/* The other side: serves jobs by `booster` until the end of `from`; IO if one
 * is cut short or is larger than `bytes_max`. */
int boost_serve(int from, int to, size_t bytes_max,
        const struct booster *booster, struct err *err) MUST_USE;

#endif
