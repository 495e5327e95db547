/* The state of an oracle that is trained in batches: the models of the last
 * generations, whose predictions it averages, as one block of bytes each with
 * its checksum (payments.md, section 3.1). The oracle knows what a model is;
 * here is what training and serving must agree on for all of them. */
#ifndef POLICIES_COMMITTEE_H
#define POLICIES_COMMITTEE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"

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

/* The models are views of what is read. CORRUPT unless there are at most
 * `most`, each has its checksum and the numbers are finite. */
int committee_load(struct committee *committee, uint32_t most,
        struct reader *reader, struct err *err) MUST_USE;

/* ---- for an oracle that serves the models ---- */

/* What it keeps beside them: the first member of its state. */
struct committee_head {
    uint64_t lessons;
    double effective;
    uint32_t count;
};

/* Members of struct oracle (oracle.h), for a state that begins with a head. A
 * lesson is only counted, for the next training: no model changes. */
bool committee_untrained(const void *self);
void committee_learn(
        void *self, const struct lesson *lesson, struct arena *scratch);
double committee_effective(const void *self);

/* An oracle's own bytes of the model at `place`. Loading says CORRUPT. */
typedef void committee_save_model(
        const void *oracle, uint32_t place, struct writer *writer);
typedef int committee_load_model(
        void *oracle, uint32_t place, struct bytes model, struct err *err);

/* The same bytes as committee_save and committee_load. `head` is that of the
 * models only when all of them were loaded. */
void committee_save_all(const struct committee_head *head,
        committee_save_model *save, const void *oracle, struct writer *writer);
int committee_load_all(struct committee_head *head, uint32_t most,
        committee_load_model *load, void *oracle, struct reader *reader,
        struct err *err) MUST_USE;

bool committee_sound(const struct committee_head *head, uint32_t most);

/* Sums over the models [count] into means; of logistic ones, whose sums are of
 * committee_margin, into probabilities. Without a model nothing changes. */
void committee_average(const struct committee_head *head, bool logistic,
        double *losses, uint32_t count);

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
