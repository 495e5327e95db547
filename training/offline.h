/* Trains the policies of a panel (replay/panel.h) that are trained in batches:
 * what rue-train does for the service, at a desk, on the log as it was at a
 * record. Memory of training (retrain.rows, recent, informative, ...), the cut
 * and the rows that a gate would hold out are the problem's; there is no
 * verdict and no window. */
#ifndef TRAINING_OFFLINE_H
#define TRAINING_OFFLINE_H

#include "replay/panel.h"
#include "training/booster.h"

struct offline {
    struct ledger *ledger;
    const struct booster *booster; /* for trees */
    struct panel_trainer
            trainer; /* its `self` is this struct: do not copy it */
};

void offline_open(struct offline *offline, struct ledger *ledger,
        const struct booster *booster);

#endif
