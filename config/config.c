#include "config/config.h"

#include "base/units.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define FILE_BYTES_MAX   ((size_t)16 << 20)
#define DEPTH_MAX        8
#define ENDPOINT_DEFAULT "tcp://127.0.0.1:5750"

/* ---- flattening ---- */

/* Scalars of the file under dotted keys. */
struct flat {
    yaml_document_t *document;
    struct arena *arena;
    struct keyvalue *values;
    size_t count;
    size_t capacity;
    uint32_t line; /* of the error */
    struct err *err;
};

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

static int flatten(struct flat *flat, int index, struct bytes key, int depth);

static int flatten_scalar(
        struct flat *flat, const yaml_node_t *node, struct bytes key)
{
    struct keyvalue *value;
    size_t size = node->data.scalar.length;

    if (flat->count == flat->capacity)
        return flat_failed(flat, node, "too many settings");
    if (memchr(node->data.scalar.value, '\n', size) != NULL)
        return flat_failed(flat, node, "a value must be on one line");
    value = &flat->values[flat->count++];
    value->key = key;
    value->value = bytes_of(
            arena_copy(flat->arena, node->data.scalar.value, size), size);
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

static int flatten_pair(struct flat *flat, const yaml_node_t *mapping,
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

static int flatten(struct flat *flat, int index, struct bytes key, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(flat->document, index);
    int status = 0;

    if (depth > DEPTH_MAX)
        return flat_failed(flat, node, "nested too deeply");
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

/* ---- settings of the service ---- */

struct load {
    const char *name;
    yaml_document_t *document;
    struct config *config;
    struct keyvalue *values; /* [value_max] for one problem at a time */
    size_t value_max;
    uint32_t line;
    struct err *err;
};

static int check_endpoint(struct bytes endpoint, struct err *err)
{
    static const char *const schemes[] = {"tcp://", "ipc://"};

    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (endpoint.size > size &&
                memcmp(endpoint.data, schemes[i], size) == 0)
            return 0;
    }
    return err_set(err, STATUS_INVALID,
            "listen: an endpoint is tcp://ADDRESS:PORT or ipc://PATH");
}

static char *text_in(struct arena *arena, struct bytes bytes)
{
    char *text = arena_alloc(arena, bytes.size + 1);

    if (text == NULL)
        return NULL;
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

static int take_listen(struct load *load, struct keyvalue *values, size_t count)
{
    struct config *config = load->config;

    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal(values[i].key, bytes_of_text("listen")))
            continue;
        load->line = values[i].line;
        values[i].used = true;
        if (config->listen_count == LISTEN_MAX)
            return err_set(load->err, STATUS_INVALID,
                    "listen: at most %u endpoints", LISTEN_MAX);
        if (check_endpoint(values[i].value, load->err) != 0)
            return STATUS_INVALID;
        config->listen[config->listen_count++] =
                text_in(&config->arena, values[i].value);
    }
    if (config->listen_count == 0)
        config->listen[config->listen_count++] = ENDPOINT_DEFAULT;
    return 0;
}

/* The line of the setting that a message of options_parse begins with. */
static uint32_t line_of_message(
        const struct keyvalue *values, size_t count, const struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(err->text) > values[i].key.size &&
                memcmp(err->text, values[i].key.data, values[i].key.size) ==
                        0 &&
                err->text[values[i].key.size] == ':')
            return values[i].line;
    return 0;
}

static int take_settings(
        struct load *load, struct keyvalue *values, size_t count)
{
    char text[ID_BYTES_MAX + 1];

    if (take_listen(load, values, count) != 0)
        return STATUS_INVALID;
    if (options_parse(&settings_table, values, count, &load->config->settings,
                load->err) != 0) {
        load->line = line_of_message(values, count, load->err);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < count; i++)
        if (!values[i].used) {
            load->line = values[i].line;
            return err_set(load->err, STATUS_INVALID, "%s: no such setting",
                    bytes_text(values[i].key, text, sizeof(text)));
        }
    return 0;
}

/* ---- problems ---- */

static int flatten_node(struct load *load, int index, struct flat *flat)
{
    int status;

    *flat = (struct flat){
            .document = load->document,
            .arena = &load->config->arena,
            .values = load->values,
            .capacity = load->value_max,
            .err = load->err,
    };
    status = flatten(flat, index, bytes_of(NULL, 0), 0);
    load->line = flat->line;
    return status;
}

/* Takes `name` out of a problem's settings. */
static int take_name(struct load *load, const yaml_node_t *node,
        struct flat *flat, struct bytes *name)
{
    load->line = (uint32_t)node->start_mark.line + 1;
    for (size_t i = 0; i < flat->count; i++) {
        if (!bytes_equal(flat->values[i].key, bytes_of_text("name")))
            continue;
        load->line = flat->values[i].line;
        *name = flat->values[i].value;
        memmove(&flat->values[i], &flat->values[i + 1],
                (flat->count - i - 1) * sizeof(flat->values[0]));
        flat->count--;
        if (config_problem(load->config, *name) != NULL)
            return err_set(load->err, STATUS_INVALID,
                    "name: another problem has it already");
        return wire_check_id(*name, "name", load->err);
    }
    return err_set(load->err, STATUS_INVALID, "problems: each needs a name");
}

static int take_problem(struct load *load, int index)
{
    const yaml_node_t *node = yaml_document_get_node(load->document, index);
    struct config *config = load->config;
    struct problem_spec *spec = arena_zalloc(&config->arena, 1, sizeof(*spec));
    char text[ID_BYTES_MAX + 1];
    struct bytes name;
    struct flat flat;
    uint32_t line;
    int status;

    CHECK(spec != NULL);
    if ((status = flatten_node(load, index, &flat)) != 0 ||
            (status = take_name(load, node, &flat, &name)) != 0)
        return status;
    status = problem_spec_parse(spec, name, flat.values, flat.count,
            &config->arena, &line, load->err);
    if (status != 0) {
        if (line == 0)
            line = line_of_message(flat.values, flat.count, load->err);
        load->line = line > 0 ? line : (uint32_t)node->start_mark.line + 1;
        return err_prefix(load->err, "problem '%s'",
                bytes_text(name, text, sizeof(text)));
    }
    config->problems[config->problem_count++] = spec;
    return 0;
}

static int take_problems(struct load *load, int index)
{
    const yaml_node_t *node = yaml_document_get_node(load->document, index);
    size_t count;

    load->line = (uint32_t)node->start_mark.line + 1;
    if (node->type != YAML_SEQUENCE_NODE)
        return err_set(load->err, STATUS_INVALID, "problems: must be a list");
    count = (size_t)(node->data.sequence.items.top -
            node->data.sequence.items.start);
    if (count > PROBLEMS_MAX)
        return err_set(load->err, STATUS_INVALID, "problems: at most %u",
                PROBLEMS_MAX);
    load->config->problems =
            arena_array(&load->config->arena, struct problem_spec *, count);
    /* No problem has more settings than the file has nodes. */
    load->value_max =
            (size_t)(load->document->nodes.top - load->document->nodes.start);
    load->values =
            arena_array(&load->config->arena, struct keyvalue, load->value_max);
    CHECK(load->config->problems != NULL && load->values != NULL);
    for (size_t i = 0; i < count; i++) {
        int status = take_problem(load, node->data.sequence.items.start[i]);
        if (status != 0)
            return status;
    }
    return 0;
}

/* ---- the document ---- */

static int take_root(struct load *load)
{
    yaml_node_t *root = yaml_document_get_root_node(load->document);
    struct flat flat = {
            .document = load->document,
            .arena = &load->config->arena,
            .capacity = 1024,
            .err = load->err,
    };
    int problems = 0;
    int status = 0;

    flat.values = arena_array(flat.arena, struct keyvalue, flat.capacity);
    CHECK(flat.values != NULL);
    if (root == NULL)
        return take_settings(load, flat.values, 0);
    load->line = (uint32_t)root->start_mark.line + 1;
    if (root->type != YAML_MAPPING_NODE)
        return err_set(load->err, STATUS_INVALID,
                "the file must be `key: value` lines");
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
            status == 0 && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key =
                yaml_document_get_node(load->document, pair->key);
        if (key->type == YAML_SCALAR_NODE &&
                strcmp((const char *)key->data.scalar.value, "problems") == 0)
            problems = pair->value;
        else
            status = flatten_pair(&flat, root, pair, bytes_of(NULL, 0), 0);
    }
    load->line = flat.line;
    if (status == 0)
        status = take_settings(load, flat.values, flat.count);
    if (status == 0 && problems != 0)
        status = take_problems(load, problems);
    return status;
}

static int load_document(struct load *load, struct bytes text)
{
    yaml_parser_t parser;
    yaml_document_t document;
    int status;

    if (!yaml_parser_initialize(&parser))
        return err_set(load->err, STATUS_INTERNAL, "no memory");
    /* libyaml takes no NULL, not for no bytes either. */
    yaml_parser_set_input_string(&parser,
            text.size > 0 ? text.data : (const unsigned char *)"", text.size);
    if (!yaml_parser_load(&parser, &document)) {
        load->line = (uint32_t)parser.problem_mark.line + 1;
        status = err_set(load->err, STATUS_INVALID, "not YAML: %s%s%s",
                parser.context != NULL ? parser.context : "",
                parser.context != NULL ? ", " : "",
                parser.problem != NULL ? parser.problem : "unknown");
        yaml_parser_delete(&parser);
        return status;
    }
    load->document = &document;
    status = take_root(load);
    load->document = NULL;
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return status;
}

static struct config *config_new(size_t text_size)
{
    /* Keys repeat their prefixes and specs have arrays beside the text; this
     * is generous, and untouched pages cost nothing. */
    size_t capacity = ((size_t)64 << 20) + 256 * text_size;
    struct config *config = calloc(1, sizeof(*config));
    void *block = malloc(capacity);

    if (config == NULL || block == NULL) {
        free(config);
        free(block);
        return NULL;
    }
    config->arena = arena_over(block, capacity);
    return config;
}

struct config *config_parse(
        const char *name, struct bytes text, struct err *err)
{
    struct load load = {.name = name, .err = err};

    load.config = config_new(text.size);
    if (load.config == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        return NULL;
    }
    if (load_document(&load, text) == 0)
        return load.config;
    if (load.line > 0)
        (void)err_prefix(err, "%s:%u", name, load.line);
    else
        (void)err_prefix(err, "%s", name);
    config_free(load.config);
    return NULL;
}

struct config *config_load(const char *path, struct err *err)
{
    FILE *file = fopen(path, "rb");
    struct config *config = NULL;
    uint8_t *text;
    size_t size;

    if (file == NULL) {
        (void)err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    text = malloc(FILE_BYTES_MAX);
    size = text == NULL ? 0 : fread(text, 1, FILE_BYTES_MAX, file);
    if (text == NULL || ferror(file))
        (void)err_set(err, STATUS_IO, "%s: cannot be read", path);
    else if (size == FILE_BYTES_MAX)
        (void)err_set(err, STATUS_INVALID, "%s: longer than %zu bytes", path,
                FILE_BYTES_MAX);
    else
        config = config_parse(path, bytes_of(text, size), err);
    free(text);
    (void)fclose(file);
    return config;
}

void config_override(
        struct config *config, const struct config_overrides *overrides)
{
    if (overrides->data != NULL)
        config->settings.data = bytes_of_text(overrides->data);
    for (uint32_t i = 0; i < overrides->listen_count; i++) {
        config->listen[i] = overrides->listen[i];
        config->listen_count = overrides->listen_count;
    }
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    free(config->arena.data);
    free(config);
}

const struct problem_spec *config_problem(
        const struct config *config, struct bytes name)
{
    for (uint32_t i = 0; i < config->problem_count; i++)
        if (bytes_equal(config->problems[i]->name, name))
            return config->problems[i];
    return NULL;
}

/* ---- reload ---- */

static int check_rows(
        const struct config *old, const struct config *new, struct err *err)
{
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct option_row *row = &settings_table.rows[i];
        char was[256], is[256];
        option_print(row, &old->settings, was, sizeof(was));
        option_print(row, &new->settings, is, sizeof(is));
        if (strcmp(was, is) != 0 && !settings_reloadable(row->name))
            return err_set(err, STATUS_DENIED,
                    "%s: from %s to %s needs a restart", row->name, was, is);
    }
    return 0;
}

static int check_listen(
        const struct config *old, const struct config *new, struct err *err)
{
    bool same = old->listen_count == new->listen_count;

    for (uint32_t i = 0; same && i < old->listen_count; i++)
        same = strcmp(old->listen[i], new->listen[i]) == 0;
    return same ? 0
                : err_set(err, STATUS_DENIED,
                          "listen: endpoints change by a restart only");
}

int config_check_reload(
        const struct config *old, const struct config *new, struct err *err)
{
    if (check_rows(old, new, err) != 0 || check_listen(old, new, err) != 0)
        return STATUS_DENIED;
    for (uint32_t i = 0; i < old->problem_count; i++) {
        const struct problem_spec *was = old->problems[i];
        const struct problem_spec *is = config_problem(new, was->name);
        char name[ID_BYTES_MAX + 1];
        (void)bytes_text(was->name, name, sizeof(name));
        if (is == NULL)
            return err_set(err, STATUS_DENIED,
                    "problem '%s': is removed by a restart only", name);
        if (is->state_digest != was->state_digest)
            return err_set(err, STATUS_DENIED,
                    "problem '%s': what it learned would have to be learned "
                    "again from the log; that needs a restart",
                    name);
    }
    return 0;
}
