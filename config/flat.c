#include "config/flat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)16 << 20)
#define DEPTH_MAX      8
/* Scalars of a whole file. */
#define FILE_VALUES_MAX ((size_t)1 << 16)

/* ---- flattening ---- */

static int flat_failed(
        struct flat *flat, const yaml_node_t *node, const char *what)
{
    flat->line = (uint32_t)node->start_mark.line + 1;
    return err_set(flat->err, STATUS_INVALID, "%s", what);
}

static struct bytes join_keys(
        struct flat *flat, struct bytes prefix, const yaml_node_t *key)
{
    size_t tail = key->data.scalar.length;
    size_t dot = prefix.size > 0 ? 1 : 0;
    uint8_t *joined = arena_alloc(flat->arena, prefix.size + dot + tail);

    if (joined == NULL)
        return bytes_of(NULL, 0);
    if (prefix.size > 0) {
        memcpy(joined, prefix.data, prefix.size);
        joined[prefix.size] = '.';
    }
    memcpy(joined + prefix.size + dot, key->data.scalar.value, tail);
    return bytes_of(joined, prefix.size + dot + tail);
}

/* Values are logged in lines, and some end as C strings. */
static bool has_control(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((text[i] < 32 && text[i] != '\t') || text[i] == 127)
            return true;
    return false;
}

static int flatten_scalar(
        struct flat *flat, const yaml_node_t *node, struct bytes key)
{
    struct keyvalue *value;
    size_t size = node->data.scalar.length;
    void *copy;

    if (flat->count == flat->capacity)
        return flat_failed(flat, node, "too many settings");
    if (has_control(node->data.scalar.value, size))
        return flat_failed(flat, node,
                "a value must be on one line, without control characters");
    copy = arena_copy(flat->arena, node->data.scalar.value, size);
    if (copy == NULL)
        return flat_failed(flat, node, "the file is too large");
    value = &flat->values[flat->count++];
    value->key = key;
    value->value = bytes_of(copy, size);
    value->line = (uint32_t)node->start_mark.line + 1;
    value->used = false;
    return 0;
}

static bool same_scalar(const yaml_node_t *a, const yaml_node_t *b)
{
    return a->type == YAML_SCALAR_NODE && b->type == YAML_SCALAR_NODE &&
            a->data.scalar.length == b->data.scalar.length &&
            memcmp(a->data.scalar.value, b->data.scalar.value,
                    a->data.scalar.length) == 0;
}

int flatten_pair(struct flat *flat, const yaml_node_t *mapping,
        const yaml_node_pair_t *pair, struct bytes prefix, int depth)
{
    const yaml_node_t *key = yaml_document_get_node(flat->document, pair->key);
    struct bytes joined;

    if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0)
        return flat_failed(flat, key, "a key must be a word");
    for (const yaml_node_pair_t *earlier = mapping->data.mapping.pairs.start;
            earlier < pair; earlier++)
        if (same_scalar(
                    key, yaml_document_get_node(flat->document, earlier->key)))
            return flat_failed(flat, key, "this key is set twice");
    joined = join_keys(flat, prefix, key);
    if (joined.data == NULL)
        return flat_failed(flat, key, "the file is too large");
    return flatten(flat, pair->value, joined, depth + 1);
}

int flatten(struct flat *flat, int index, struct bytes key, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(flat->document, index);
    int status = 0;

    if (depth > DEPTH_MAX)
        return flat_failed(flat, node, "nested too deeply");
    /* Lists of aliases of lists of aliases of nothing have no values. */
    if (flat->visits++ == DEPTH_MAX * flat->capacity)
        return flat_failed(flat, node, "too many settings");
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return flatten_scalar(flat, node, key);
    case YAML_SEQUENCE_NODE:
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
                status == 0 && item < node->data.sequence.items.top; item++)
            status = flatten(flat, *item, key, depth + 1);
        return status;
    case YAML_MAPPING_NODE:
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
                status == 0 && pair < node->data.mapping.pairs.top; pair++)
            status = flatten_pair(flat, node, pair, key, depth);
        return status;
    case YAML_NO_NODE:
        break;
    }
    return flat_failed(flat, node, "neither a value, a list nor a mapping");
}

/* ---- documents and files ---- */

int flat_parse(struct bytes text, yaml_document_t *document, uint32_t *line,
        struct err *err)
{
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser))
        return err_set(err, STATUS_INTERNAL, "no memory");
    /* libyaml insists on a pointer, also to nothing. */
    yaml_parser_set_input_string(&parser,
            text.size > 0 ? text.data : (const unsigned char *)"", text.size);
    if (!yaml_parser_load(&parser, document)) {
        *line = (uint32_t)parser.problem_mark.line + 1;
        (void)err_set(err, STATUS_INVALID, "not YAML: %s%s%s",
                parser.context != NULL ? parser.context : "",
                parser.context != NULL ? ", " : "",
                parser.problem != NULL ? parser.problem : "unknown");
        yaml_parser_delete(&parser);
        return STATUS_INVALID;
    }
    yaml_parser_delete(&parser);
    return 0;
}

uint8_t *flat_read(const char *path, size_t *size, struct err *err)
{
    FILE *file = fopen(path, "rb");
    uint8_t *text;

    if (file == NULL) {
        (void)err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    text = malloc(FILE_BYTES_MAX);
    *size = text == NULL ? 0 : fread(text, 1, FILE_BYTES_MAX, file);
    if (text != NULL && !ferror(file) && *size < FILE_BYTES_MAX) {
        (void)fclose(file);
        return text;
    }
    if (text == NULL || ferror(file))
        (void)err_set(err, STATUS_IO, "%s: cannot be read", path);
    else
        (void)err_set(err, STATUS_INVALID, "%s: longer than %zu bytes", path,
                FILE_BYTES_MAX);
    free(text);
    (void)fclose(file);
    return NULL;
}

static int flatten_document(struct flat *flat)
{
    yaml_node_t *root = yaml_document_get_root_node(flat->document);

    if (root == NULL)
        return 0;
    flat->line = 1;
    if (root->type != YAML_MAPPING_NODE)
        return flat_failed(flat, root, "the file must be `key: value` lines");
    return flatten(flat, 1, bytes_of(NULL, 0), 0);
}

int flat_open(struct flat_file *file, const char *path, struct err *err)
{
    struct flat flat = {.capacity = FILE_VALUES_MAX, .err = err};
    yaml_document_t document;
    size_t size, capacity;
    uint8_t *text;
    int status;

    memset(file, 0, sizeof(*file));
    text = flat_read(path, &size, err);
    if (text == NULL)
        return (int)err->status;
    /* Keys repeat their prefixes; untouched pages cost nothing. */
    capacity = FILE_VALUES_MAX * sizeof(struct keyvalue) + ((size_t)1 << 20) +
            64 * size;
    file->arena = arena_over(malloc(capacity), capacity);
    if (file->arena.data == NULL) {
        free(text);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    flat.arena = &file->arena;
    flat.values = arena_array(&file->arena, struct keyvalue, FILE_VALUES_MAX);
    CHECK(flat.values != NULL);
    status = flat_parse(bytes_of(text, size), &document, &flat.line, err);
    if (status == 0) {
        flat.document = &document;
        status = flatten_document(&flat);
        yaml_document_delete(&document);
    }
    free(text);
    if (status != 0)
        return err_prefix(err, "%s:%u", path, flat.line);
    file->values = flat.values;
    file->count = flat.count;
    return 0;
}

void flat_close(struct flat_file *file)
{
    free(file->arena.data);
    file->arena.data = NULL;
}
