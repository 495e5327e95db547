#include "config/config.h"

#include "base/units.h"
#include "config/flat.h"
#include "proto/wire.h"

#include <stdlib.h>

/* Scalars of one problem. */
#define VALUES_MAX       ((size_t)1 << 16)
#define ENDPOINT_DEFAULT "tcp://127.0.0.1:5750"

/* ---- settings of the service ---- */

struct load {
    const char *name;
    yaml_document_t *document;
    struct config *config;
    struct keyvalue *values; /* [VALUES_MAX] of one problem at a time */
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
            .capacity = VALUES_MAX,
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
    CHECK(load->config->problems != NULL);
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
                bytes_equal(bytes_of(key->data.scalar.value,
                                    key->data.scalar.length),
                        bytes_of_text("problems")))
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
    yaml_document_t document;
    int status = flat_parse(text, &document, &load->line, load->err);

    if (status != 0)
        return status;
    load->document = &document;
    status = take_root(load);
    load->document = NULL;
    yaml_document_delete(&document);
    return status;
}

static struct config *config_new(size_t text_size)
{
    /* Keys repeat their prefixes and specs have arrays beside the text; this
     * is generous, and untouched pages cost nothing. */
    size_t capacity = ((size_t)4 << 20) + 256 * text_size;
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
    int status;

    load.config = config_new(text.size);
    load.values = malloc(VALUES_MAX * sizeof(*load.values));
    if (load.config == NULL || load.values == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        config_free(load.config);
        free(load.values);
        return NULL;
    }
    status = load_document(&load, text);
    free(load.values);
    if (status == 0)
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
    struct config *config = NULL;
    size_t size;
    uint8_t *text = flat_read(path, &size, err);

    if (text != NULL)
        config = config_parse(path, bytes_of(text, size), err);
    free(text);
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
