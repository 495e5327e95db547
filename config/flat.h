/* YAML as scalars under dotted keys: `a: {b: [1, 2]}` is a.b = 1, a.b = 2.
 * What the keys mean is for others to say. */
#ifndef CONFIG_FLAT_H
#define CONFIG_FLAT_H

#include "base/arena.h"
#include "base/options.h"

#include <yaml.h>

/* Scalars of a document, or of a part of it. Keys and values lie in the
 * arena. */
struct flat {
    yaml_document_t *document;
    struct arena *arena;
    struct keyvalue *values; /* [capacity] */
    size_t count;
    size_t capacity;
    size_t visits; /* of nodes; through aliases, more than there are nodes */
    uint32_t line; /* of the error */
    struct err *err;
};

/* Adds a node's scalars under `key`. INVALID with the line. */
int flatten(struct flat *flat, int index, struct bytes key, int depth) MUST_USE;
/* The same for one entry of a mapping. */
int flatten_pair(struct flat *flat, const yaml_node_t *mapping,
        const yaml_node_pair_t *pair, struct bytes prefix, int depth) MUST_USE;

/* Parses a text; `*line` is that of the error. The document is the caller's to
 * delete after success. */
int flat_parse(struct bytes text, yaml_document_t *document, uint32_t *line,
        struct err *err) MUST_USE;

/* The bytes of a file, on the heap. NULL with err. */
uint8_t *flat_read(const char *path, size_t *size, struct err *err);

/* A whole file: a mapping of any keys. */
struct flat_file {
    struct arena arena; /* holds the values */
    struct keyvalue *values; /* [count] */
    size_t count;
};

/* INVALID: "FILE:LINE: what is wrong". flat_close takes a file that failed to
 * open, too. */
int flat_open(
        struct flat_file *file, const char *path, struct err *err) MUST_USE;
void flat_close(struct flat_file *file);

#endif
