/* Directed graphs whose edges are the actions of a problem, and the shortest
 * paths through them. Parallel edges and cycles are allowed; costs are not
 * negative. A graph is written as words, one `FROM>TO` for each action of the
 * catalogue in its order; nodes are named by being mentioned. */
#ifndef POLICIES_GRAPH_H
#define POLICIES_GRAPH_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* As many nodes as edges: every node of a path is entered by an edge. */
#define GRAPH_NODES_MAX ACTIONS_MAX

struct graph {
    uint32_t edges; /* all of the catalogue */
    uint32_t nodes;
    uint32_t source, target;
    uint32_t used; /* edges that lie on a walk from source to target */
    uint32_t longest; /* most edges of a path; with cycles a bound of it */
    bool acyclic;
    uint16_t from[ACTIONS_MAX], to[ACTIONS_MAX]; /* [edges] */
    /* [used], so that without cycles each edge comes after all those that
     * lead to its start. */
    uint16_t order[ACTIONS_MAX];
};

/* INVALID, with the word or the name at fault, for text that is no graph of
 * `edges` edges, for more than GRAPH_NODES_MAX nodes, and where no path leads
 * from source to target. */
int graph_parse(struct graph *graph, struct bytes text, struct bytes source,
        struct bytes target, uint32_t edges, struct err *err) MUST_USE;

/* What graph_shortest works on. */
struct graph_walk {
    double distance[GRAPH_NODES_MAX];
    uint16_t by[GRAPH_NODES_MAX]; /* the edge that leads there */
};

/* The path of least cost[edges], in walking order, into path[longest]; its
 * number of edges, 0 where there is none. An edge of infinite cost cannot be
 * used. Of equal paths the one that comes first in the graph's order, so the
 * same costs give the same path. (Bellman 1958, Ford 1956; one sweep is enough
 * without cycles.) */
uint32_t graph_shortest(const struct graph *graph, const double *cost,
        struct graph_walk *walk, uint16_t *path);

/* Changes if an edge, the source or the target does; names do not matter. */
uint64_t graph_digest(const struct graph *graph);

#endif
