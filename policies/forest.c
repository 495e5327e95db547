#include "policies/forest.h"

#include <math.h>

#define LEAF UINT16_MAX

/* ---- walking ---- */

/* One step of every lane. The loops are of fixed length, so that the loads of
 * one lane do not wait for those of another. */
static inline void walk_tree(const struct forest_node *nodes, uint32_t depth,
        const float *const rows[FOREST_LANES], uint32_t at[FOREST_LANES])
{
    for (uint32_t lane = 0; lane < FOREST_LANES; lane++)
        at[lane] = 0;
    for (uint32_t step = 0; step < depth; step++)
        for (uint32_t lane = 0; lane < FOREST_LANES; lane++) {
            const struct forest_node node = nodes[at[lane]];
            at[lane] = node.left +
                    (uint32_t) !(rows[lane][node.column] < node.split);
        }
}

/* FOREST_LANES rows; where there are fewer the last one stands for the rest. */
static void sum_lanes(const struct forest *forest, const float *rows,
        uint32_t width, uint32_t count, double *sums)
{
    const float *lanes[FOREST_LANES];
    double sum[FOREST_LANES];

    for (uint32_t lane = 0; lane < FOREST_LANES; lane++) {
        uint32_t row = lane < count ? lane : count - 1;
        lanes[lane] = rows + (size_t)row * width;
        sum[lane] = (double)forest->base;
    }
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const struct forest_tree tree = forest->trees[t];
        const float *leaves = forest->leaves + tree.start;
        uint32_t at[FOREST_LANES];
        walk_tree(forest->nodes + tree.start, tree.depth, lanes, at);
        for (uint32_t lane = 0; lane < FOREST_LANES; lane++)
            sum[lane] += (double)leaves[at[lane]];
    }
    for (uint32_t lane = 0; lane < count; lane++)
        sums[lane] = sum[lane];
}

void forest_sum(const struct forest *forest, const float *rows, uint32_t width,
        uint32_t count, double *sums)
{
    for (uint32_t i = 0; i < count; i += FOREST_LANES) {
        uint32_t left = count - i;
        sum_lanes(forest, rows + (size_t)i * width, width,
                left < FOREST_LANES ? left : FOREST_LANES, sums + i);
    }
}

/* ---- bytes ---- */

static bool is_leaf(const struct forest_node *node, uint32_t place)
{
    return node->left == place;
}

/* Of each node: column, or LEAF; the left child; the split, or the value. */
void forest_save(const struct forest *forest, struct writer *writer)
{
    write_f32(writer, forest->base);
    write_u32(writer, forest->tree_count);
    write_u32(writer, forest->node_count);
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const struct forest_tree *tree = &forest->trees[t];
        write_u16(writer, tree->count);
        for (uint32_t i = 0; i < tree->count; i++) {
            const struct forest_node *node = &forest->nodes[tree->start + i];
            bool leaf = is_leaf(node, i);
            write_u16(writer, leaf ? LEAF : node->column);
            write_u16(writer, node->left);
            write_f32(writer,
                    leaf ? forest->leaves[tree->start + i] : node->split);
        }
    }
}

static void load_node(
        struct forest *forest, uint32_t place, struct reader *reader)
{
    struct forest_node *node = &forest->nodes[place];
    uint16_t column = read_u16(reader);
    uint16_t left = read_u16(reader);
    float number = read_f32(reader);

    node->column = column == LEAF ? 0 : column;
    node->left = left;
    node->split = column == LEAF ? INFINITY : number;
    forest->leaves[place] = column == LEAF ? number : 0.0F;
}

/* Depths of the nodes of one tree from those of their parents, which stand
 * before them. `reached` says how far from the root each is, plus 1. */
static bool tree_sound(
        struct forest *forest, struct forest_tree *tree, uint32_t columns)
{
    uint8_t reached[FOREST_TREE_NODES] = {1};

    if (tree->count == 0 || tree->count > FOREST_TREE_NODES)
        return false;
    tree->depth = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct forest_node *node = &forest->nodes[tree->start + i];
        uint32_t left = node->left;
        if (reached[i] == 0 || !isfinite(forest->leaves[tree->start + i]))
            return false;
        if (is_leaf(node, i)) {
            if (node->split != INFINITY || node->column != 0)
                return false;
            continue;
        }
        if (!isfinite(node->split) || node->column >= columns || left <= i ||
                left + 1 >= tree->count || reached[left] != 0 ||
                reached[left + 1] != 0 || reached[i] > FOREST_DEPTH_MAX)
            return false;
        reached[left] = reached[left + 1] = (uint8_t)(reached[i] + 1);
        if (reached[i] > tree->depth)
            tree->depth = reached[i];
    }
    return true;
}

bool forest_sound(struct forest *forest, uint32_t columns)
{
    if (!isfinite(forest->base))
        return false;
    for (uint32_t t = 0; t < forest->tree_count; t++)
        if (!tree_sound(forest, &forest->trees[t], columns))
            return false;
    return true;
}

static bool load_trees(struct forest *forest, struct reader *reader)
{
    uint32_t used = 0;

    for (uint32_t t = 0; t < forest->tree_count; t++) {
        struct forest_tree *tree = &forest->trees[t];
        *tree = (struct forest_tree){used, read_u16(reader), 0};
        if (reader->failed || tree->count > forest->node_count - used)
            return false;
        for (uint32_t i = 0; i < tree->count; i++)
            load_node(forest, used + i, reader);
        used += tree->count;
    }
    return used == forest->node_count && !reader->failed;
}

int forest_load(struct forest *forest, const struct forest_limits *limits,
        struct reader *reader, struct err *err)
{
    forest->base = read_f32(reader);
    forest->tree_count = read_u32(reader);
    forest->node_count = read_u32(reader);
    if (reader->failed || forest->tree_count > limits->trees ||
            forest->node_count > limits->nodes)
        return err_set(err, STATUS_CORRUPT,
                "trees: %u trees of %u nodes, of %u and %u that there is room "
                "for",
                forest->tree_count, forest->node_count, limits->trees,
                limits->nodes);
    if (!load_trees(forest, reader) || !forest_sound(forest, limits->columns))
        return err_set(err, STATUS_CORRUPT, "trees: the model is damaged");
    return 0;
}
