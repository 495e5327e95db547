/* The one array of each kind of part. A new oracle, explorer or learner is
 * one file and one row in registry.c. */
#ifndef POLICIES_REGISTRY_H
#define POLICIES_REGISTRY_H

#include "policies/explorer.h"
#include "policies/learner.h"
#include "policies/oracle.h"

/* NULL-terminated. */
extern const struct oracle *const registry_oracles[];
extern const struct explorer *const registry_explorers[];
extern const struct learner *const registry_learners[];

/* The part of that name, or NULL. */
const struct oracle *registry_oracle(struct bytes name);
const struct explorer *registry_explorer(struct bytes name);
const struct learner *registry_learner(struct bytes name);

/* Every row has its required members, a name of its own and options with
 * defaults inside their bounds. Called once at start. */
int registry_check(struct err *err) MUST_USE;

#endif
