/* What clients were told, to be found again in the store: once each, with the
 * action that they were told. */
#ifndef TESTS_LIB_TOLD_H
#define TESTS_LIB_TOLD_H

#include "base/arena.h"
#include "storage/ledger.h"
#include "tests/lib/service.h"

struct told {
    char event[RUE_ID_SIZE];
    uint32_t chosen;
    bool reported; /* its only feedback was acknowledged */
};

struct told_store {
    struct ledger *ledger;
    struct ledger_reader reader;
    struct arena arena;
};

void told_open(struct told_store *store, const struct service *service);
void told_check(
        struct told_store *store, const char *problem, const struct told *told);
void told_close(struct told_store *store);

#endif
