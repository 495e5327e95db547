/* The state of an oracle that is trained in batches: the models of the last
 * generations, whose predictions it averages, as one block of bytes each with
 * its checksum (payments.md, section 3.1). The oracle knows what a model is;
 * here is what training and serving must agree on for all of them. */
#ifndef POLICIES_COMMITTEE_H
#define POLICIES_COMMITTEE_H

#include "base/bytes.h"
#include "base/err.h"

#define COMMITTEE_MAX 10u

struct committee {
    uint64_t lessons; /* heard while serving, which no model has learned */
    double effective; /* n_eff of the newest model's training rows */
    uint32_t count;
    struct bytes model[COMMITTEE_MAX]; /* oldest first */
};

/* Puts `model` behind the others; of more than `most` the oldest leave. */
void committee_add(
        struct committee *committee, struct bytes model, uint32_t most);

void committee_save(const struct committee *committee, struct writer *writer);

/* What stands before the models. */
void committee_save_head(uint64_t lessons, double effective, uint32_t count,
        struct writer *writer);
/* The frame of one model that is written in its place: its size before it,
 * and its checksum, which is known when it is there, into the gap. */
void committee_begin(struct writer *writer, size_t size);
void committee_end(struct writer *writer, size_t size);

/* The models are views of what is read. CORRUPT unless there are at most
 * `most`, each has its checksum and the numbers are finite. */
int committee_load(struct committee *committee, uint32_t most,
        struct reader *reader, struct err *err) MUST_USE;

/* How losses of several logistic models are averaged: the mean of their log
 * odds, each held within those of 1e-6 and 1 - 1e-6. */
#define COMMITTEE_MARGIN_MAX 13.815509557963774
static inline double committee_margin(double margin)
{
    return margin > COMMITTEE_MARGIN_MAX     ? COMMITTEE_MARGIN_MAX
            : margin < -COMMITTEE_MARGIN_MAX ? -COMMITTEE_MARGIN_MAX
                                             : margin;
}

#endif
