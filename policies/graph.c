#include "policies/graph.h"

#include "base/hash.h"

#include <math.h>

/* ---- text ---- */

struct names {
    uint32_t count;
    struct bytes name[GRAPH_NODES_MAX];
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static struct bytes next_word(struct bytes *rest)
{
    size_t size = 0;
    struct bytes word;

    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
    while (size < rest->size && !is_space(rest->data[size]))
        size++;
    word = bytes_of(rest->data, size);
    if (size > 0) {
        rest->data += size;
        rest->size -= size;
    }
    return word;
}

static bool split_edge(
        struct bytes word, struct bytes *from, struct bytes *target)
{
    const uint8_t *arrow = memchr(word.data, '>', word.size);

    if (arrow == NULL)
        return false;
    *from = bytes_of(word.data, (size_t)(arrow - word.data));
    *target = bytes_of(arrow + 1, word.size - from->size - 1);
    return from->size > 0 && target->size > 0 &&
            memchr(target->data, '>', target->size) == NULL;
}

/* The number of a node; names->count where it has none. */
static uint32_t find_node(const struct names *names, struct bytes name)
{
    uint32_t node = 0;

    while (node < names->count && !bytes_equal(names->name[node], name))
        node++;
    return node;
}

/* The same, and gives it one; GRAPH_NODES_MAX where there is no room. */
static uint32_t add_node(struct names *names, struct bytes name)
{
    uint32_t node = find_node(names, name);

    if (node == names->count && node < GRAPH_NODES_MAX)
        names->name[names->count++] = name;
    return node;
}

static int parse_edge(struct graph *graph, struct names *names,
        struct bytes word, struct err *err)
{
    struct bytes from, target;
    uint32_t tail, head;
    char text[80];

    if (!split_edge(word, &from, &target))
        return err_set(err, STATUS_INVALID, "graph: '%s' is not FROM>TO",
                bytes_text(word, text, sizeof(text)));
    tail = add_node(names, from);
    head = add_node(names, target);
    if (tail == GRAPH_NODES_MAX || head == GRAPH_NODES_MAX)
        return err_set(err, STATUS_INVALID, "graph: at most %u nodes",
                GRAPH_NODES_MAX);
    if (tail == head)
        return err_set(err, STATUS_INVALID,
                "graph: '%s' leads to where it starts",
                bytes_text(word, text, sizeof(text)));
    graph->from[graph->edges] = (uint16_t)tail;
    graph->to[graph->edges] = (uint16_t)head;
    graph->edges++;
    return 0;
}

static int parse_edges(struct graph *graph, struct names *names,
        struct bytes text, uint32_t edges, struct err *err)
{
    uint32_t words = 0;

    for (struct bytes word = next_word(&text); word.size > 0;
            word = next_word(&text)) {
        words++;
        if (words > edges)
            continue;
        if (parse_edge(graph, names, word, err) != 0)
            return STATUS_INVALID;
    }
    if (words != edges)
        return err_set(err, STATUS_INVALID,
                "graph: %u edges, but the catalogue has %u actions: one "
                "FROM>TO for each",
                words, edges);
    graph->nodes = names->count;
    return 0;
}

static int find_end(const struct names *names, const char *what,
        struct bytes name, uint32_t *node, struct err *err)
{
    char text[80];

    *node = find_node(names, name);
    if (*node == names->count)
        return err_set(err, STATUS_INVALID, "%s: the graph has no node '%s'",
                what, bytes_text(name, text, sizeof(text)));
    return 0;
}

/* ---- what the edges make together ---- */

#define NOWHERE UINT16_MAX

/* Hops from `start` along edges tail -> head; NOWHERE if there is no way. */
static void find_hops(const struct graph *graph, const uint16_t *tail,
        const uint16_t *head, uint32_t start, uint16_t *hops)
{
    bool changed = true;

    for (uint32_t i = 0; i < graph->nodes; i++)
        hops[i] = NOWHERE;
    hops[start] = 0;
    while (changed) {
        changed = false;
        for (uint32_t e = 0; e < graph->edges; e++) {
            uint32_t next = hops[tail[e]] + 1u;
            if (hops[tail[e]] == NOWHERE || next >= hops[head[e]])
                continue;
            hops[head[e]] = (uint16_t)next;
            changed = true;
        }
    }
}

/* The most hops from the source to each node over the used edges. False, and
 * nothing of use in `most`, where a cycle makes that endless. */
static bool find_longest(const struct graph *graph, uint16_t *most)
{
    bool changed = true;

    memset(most, 0, graph->nodes * sizeof(*most));
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < graph->used; i++) {
            uint32_t e = graph->order[i];
            uint32_t next = most[graph->from[e]] + 1u;
            if (next <= most[graph->to[e]])
                continue;
            if (next >= graph->nodes)
                return false;
            most[graph->to[e]] = (uint16_t)next;
            changed = true;
        }
    }
    return true;
}

/* By rank of the start; insertion keeps equals in catalogue order. */
static void sort_order(struct graph *graph, const uint16_t *rank)
{
    for (uint32_t i = 1; i < graph->used; i++) {
        uint16_t edge = graph->order[i];
        uint32_t at = i;
        for (; at > 0 &&
                rank[graph->from[graph->order[at - 1]]] >
                        rank[graph->from[edge]];
                at--)
            graph->order[at] = graph->order[at - 1];
        graph->order[at] = edge;
    }
}

static int find_order(struct graph *graph, struct err *err)
{
    uint16_t hops[GRAPH_NODES_MAX], left[GRAPH_NODES_MAX];

    find_hops(graph, graph->from, graph->to, graph->source, hops);
    find_hops(graph, graph->to, graph->from, graph->target, left);
    if (hops[graph->target] == NOWHERE)
        return err_set(err, STATUS_INVALID,
                "graph: no path leads from source to target");
    for (uint32_t e = 0; e < graph->edges; e++)
        if (hops[graph->from[e]] != NOWHERE && left[graph->to[e]] != NOWHERE)
            graph->order[graph->used++] = (uint16_t)e;
    graph->acyclic = find_longest(graph, left);
    graph->longest = graph->acyclic ? left[graph->target] : graph->nodes - 1;
    sort_order(graph, graph->acyclic ? left : hops);
    return 0;
}

int graph_parse(struct graph *graph, struct bytes text, struct bytes source,
        struct bytes target, uint32_t edges, struct err *err)
{
    struct names names = {.count = 0};

    memset(graph, 0, sizeof(*graph));
    if (edges == 0 || edges > ACTIONS_MAX)
        return err_set(err, STATUS_INVALID,
                "graph: a catalogue of 1 to %u actions, its edges, is needed",
                ACTIONS_MAX);
    if (parse_edges(graph, &names, text, edges, err) != 0 ||
            find_end(&names, "source", source, &graph->source, err) != 0 ||
            find_end(&names, "target", target, &graph->target, err) != 0)
        return STATUS_INVALID;
    if (graph->source == graph->target)
        return err_set(
                err, STATUS_INVALID, "target: is the same node as the source");
    return find_order(graph, err);
}

uint64_t graph_digest(const struct graph *graph)
{
    uint64_t ends = (uint64_t)graph->source << 32 | graph->target;
    uint64_t digest = hash_mix(graph->edges, ends);

    for (uint32_t e = 0; e < graph->edges; e++)
        digest =
                hash_mix(digest, (uint64_t)graph->from[e] << 16 | graph->to[e]);
    return digest;
}

/* ---- shortest paths ---- */

/* Without a branch on which is shorter, which no processor foresees. */
static bool sweep(
        const struct graph *graph, const double *cost, struct graph_walk *walk)
{
    bool changed = false;

    for (uint32_t i = 0; i < graph->used; i++) {
        uint32_t e = graph->order[i], to = graph->to[e];
        double distance = walk->distance[graph->from[e]] + cost[e];
        double before = walk->distance[to];
        uint16_t by = walk->by[to];
        bool shorter = distance < before;
        walk->distance[to] = shorter ? distance : before;
        walk->by[to] = shorter ? (uint16_t)e : by;
        changed |= shorter;
    }
    return changed;
}

uint32_t graph_shortest(const struct graph *graph, const double *cost,
        struct graph_walk *walk, uint16_t *path)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < graph->nodes; i++) {
        walk->distance[i] = INFINITY;
        walk->by[i] = 0;
    }
    walk->distance[graph->source] = 0.0;
    /* Sums of costs that are not negative never fall, so the edges `by` make
     * a tree, and there are at most as many sweeps as nodes. */
    while (sweep(graph, cost, walk) && !graph->acyclic)
        ;
    if (isinf(walk->distance[graph->target]))
        return 0;
    for (uint32_t node = graph->target; node != graph->source;
            node = graph->from[walk->by[node]]) {
        CHECK(count < graph->longest);
        path[count++] = walk->by[node];
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        uint16_t edge = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = edge;
    }
    return count;
}
