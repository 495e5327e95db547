/* Opening what a service hosts: numbers for problems, Config records for new
 * settings, and every problem's state as of the last record. */
#ifndef SERVICE_HOST_H
#define SERVICE_HOST_H

#include "config/config.h"
#include "storage/ledger.h"

/* Gives every spec its number and, where its settings are not those of its
 * newest Config record, appends one. One transaction. */
int host_register(struct ledger *ledger, struct config *config, nanos now,
        struct err *err) MUST_USE;

/* Opens a problem for each spec of `config` and rebuilds its state. On success
 * *problems is a heap array in the config's order; the caller frees it and
 * closes the problems. */
int host_open(struct ledger *ledger, const struct config *config,
        struct problem ***problems, struct err *err) MUST_USE;

#endif
