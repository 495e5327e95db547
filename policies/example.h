/* Hashed sparse examples: the features of a context and of an action, and
 * products of them, as (index, value) pairs with every index once.
 *
 * An example of one action holds
 *     1, and the context's features, unless there are weights of them for each
 *     place of a catalogue                                 (the shared part)
 *     1 for the action's place in the catalogue, its own features
 *     the products that the problem asks for
 * Each is hashed to an index by its low bits; the top bit of the hash is a
 * sign of its value, so that features which share an index cancel on average
 * (bandits.md, section 2.2). Values below 1e-150 count as 0: the square of a
 * smaller one is no number.
 *
 * The shared part is built once a round; actions are put on top of it and
 * taken off again. All memory comes from an arena; no example has more than
 * 2^bits entries, whatever the request. */
#ifndef POLICIES_EXAMPLE_H
#define POLICIES_EXAMPLE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/types.h"

#include <math.h>

#define EXAMPLE_TINY 1e-150

/* ---- products ---- */

#define PRODUCT_FACTORS_MAX 3u
#define PRODUCTS_MAX        64u

enum side { SIDE_CONTEXT, SIDE_ACTION };

/* Some features of one side: all of them, the place in the catalogue, or those
 * of one namespace (feature_space). */
struct selector {
    enum side side;
    uint32_t tag;
};

struct product {
    uint32_t count; /* factors, 2 or 3; the action's come first */
    struct selector factor[PRODUCT_FACTORS_MAX];
};

struct products {
    uint32_t count;
    struct product list[PRODUCTS_MAX];
};

/* Reads "context*action context*geo": products divided by blanks, each of two
 * or three factors: `context` and `action` (all features of that side), `id`
 * (the action's place in the catalogue, which `action` includes), or the name
 * of a namespace, on whichever side it is found. `none` is no product.
 * INVALID names the place. */
int products_parse(
        struct products *products, struct bytes text, struct err *err) MUST_USE;

/* ---- examples ---- */

/* One feature before hashing to an index. */
struct atom {
    uint64_t hash;
    double value;
    uint32_t tag;
};

struct atoms {
    struct atom *list;
    uint32_t count;
};

struct example {
    uint32_t count;
    uint32_t *index; /* [count] below 2^bits, each once */
    double *value; /* [count] may be 0 where features cancel */
    uint32_t shared; /* entries of the shared part, which come first */
    bool disturbed; /* an action changed values of the shared part */

    const struct products *products;
    struct atoms side[2];
    bool intercept;
    uint32_t capacity;
    uint32_t mask; /* 2^bits - 1 */
    uint32_t *table; /* open addressing: entry + 1 at its slot, 0 = free */
    uint32_t table_mask;
    uint32_t *slot; /* [count] of the entry in `table` */
    double *before; /* [shared] values of the shared part by itself */
};

/* How the features of a round are read. */
struct example_form {
    const struct products *products;
    uint32_t bits;
    bool intercept; /* the constants 1 */
};

/* Bytes that example_open takes at most, for contexts and actions of this
 * shape and NAMED_MAX named features; `products`: are there any. */
size_t example_scratch(uint32_t bits, bool products, const struct shape *shape);

/* An empty example with room for the context and `actions` (1 or 2) at a time
 * of those of the set. Named features are atoms already; the dense ones get
 * their values from the caller: context_dense[shared.dense_count]. */
void example_open(struct example *example, const struct example_form *form,
        const struct context *context, const struct action_set *set,
        uint32_t actions, const double *context_dense, struct arena *arena);

/* Adds the shared part. Before any action. */
void example_add_context(struct example *example, const struct action_set *set);

/* Adds `factor` times the part of action `index`; dense[dense_count] are the
 * values of its dense columns. */
void example_add_action(struct example *example, const struct action_set *set,
        uint32_t index, const double *dense, double factor);

/* Takes the actions off: only the shared part remains. */
void example_drop_actions(struct example *example);

#endif
