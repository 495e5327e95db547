/* A forest of regression trees, flat, as trained by XGBoost: node arrays, one
 * sum per row. What XGBoost's own predictor computes, without XGBoost.
 *
 * Each tree is a run of nodes with the root first; the right child of a split
 * stands beside the left one, and children stand behind their parent, so that
 * every walk ends. At a split a row goes left if row[column] < split. */
#ifndef POLICIES_FOREST_H
#define POLICIES_FOREST_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define FOREST_DEPTH_MAX  10u
#define FOREST_TREES_MAX  1000u
#define FOREST_TREE_NODES ((1u << (FOREST_DEPTH_MAX + 1)) - 1)
/* Rows that are walked side by side. */
#define FOREST_LANES 8u

/* A leaf is a split that sends every row to itself: split = infinity and left =
 * its own place; so all rows of a tree take the same number of steps. */
struct forest_node {
    float split;
    uint16_t column;
    uint16_t left; /* in the tree; the right child is the next one */
};

struct forest_tree {
    uint32_t start; /* of its nodes */
    uint16_t count;
    uint8_t depth; /* steps to the deepest leaf */
};

struct forest {
    float base; /* what a row is worth before any tree */
    uint32_t tree_count;
    uint32_t node_count;
    struct forest_tree *trees; /* [tree_count] */
    struct forest_node *nodes; /* [node_count] */
    float *leaves; /* [node_count] a leaf's value; 0 for splits */
};

/* The sum for each of `count` rows of `width` numbers, all of them finite. */
void forest_sum(const struct forest *forest, const float *rows, uint32_t width,
        uint32_t count, double *sums);

void forest_save(const struct forest *forest, struct writer *writer);

/* Room for what is loaded. */
struct forest_limits {
    uint32_t trees;
    uint32_t nodes; /* of all trees together */
    uint32_t columns; /* of a row */
};

/* Reads into the arrays of `forest`, which have room for `limits`. CORRUPT
 * unless every index is in its bounds, every walk ends and every number is
 * finite. */
int forest_load(struct forest *forest, const struct forest_limits *limits,
        struct reader *reader, struct err *err) MUST_USE;

/* The invariants that forest_load checks; sets each tree's depth. */
bool forest_sound(struct forest *forest, uint32_t columns);

#endif
