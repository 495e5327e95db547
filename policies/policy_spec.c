/* What a policy is made of: its parts and their options, read from settings,
 * and which parts fit together. What a policy does with them: policy.c. */
#include "policies/policy.h"

#include "base/units.h"
#include "policies/registry.h"

struct shared_options {
    double floor;
    double cap;
};

static const struct option_row shared_rows[] = {
        {.name = "floor",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct shared_options, floor),
                .min = 0.0,
                .max = 1.0,
                .sentence = "share of every decision that is drawn uniformly; "
                            "0.02 where the log is to be evaluated"},
        {.name = "cap",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct shared_options, cap),
                .min = 0.0,
                .max = 1.0,
                .fallback = 1.0,
                .sentence = "most probability that a request may give to "
                            "other actions than the one predicted best"},
};

const struct option_table policy_shared_options = {
        shared_rows, ARRAY_COUNT(shared_rows), sizeof(struct shared_options)};

struct parse {
    struct policy_spec *spec;
    struct keyvalue *values;
    size_t count;
    struct arena *arena;
    uint32_t *err_line;
    struct err *err;
};

static void blame(const struct parse *parse, const struct keyvalue *value)
{
    if (parse->err_line != NULL)
        *parse->err_line = value == NULL ? 0 : value->line;
}

static struct keyvalue *find(const struct parse *parse, const char *key)
{
    for (size_t i = 0; i < parse->count; i++)
        if (bytes_equal(parse->values[i].key, bytes_of_text(key))) {
            parse->values[i].used = true;
            return &parse->values[i];
        }
    return NULL;
}

static struct bytes value_or(const struct keyvalue *value, const char *other)
{
    return value == NULL ? bytes_of_text(other) : value->value;
}

static int unknown_part(const struct parse *parse, const char *kind,
        const struct keyvalue *value)
{
    char text[80];

    blame(parse, value);
    return err_set(parse->err, STATUS_INVALID, "%s: there is no '%s'", kind,
            bytes_text(value->value, text, sizeof(text)));
}

/* The options of one part, from the values that are there for it. */
static int part_options(const struct parse *parse,
        const struct option_table *table, const void **options)
{
    void *block = arena_zalloc(parse->arena, 1, table->size + 1);

    if (block == NULL)
        return err_set(parse->err, STATUS_INVALID, "too many settings");
    *options = block;
    if (options_parse(table, parse->values, parse->count, block, parse->err) ==
            0)
        return 0;
    for (size_t i = 0; i < parse->count; i++) {
        const struct bytes key = parse->values[i].key;
        if (key.size < strlen(parse->err->text) &&
                memcmp(parse->err->text, key.data, key.size) == 0 &&
                parse->err->text[key.size] == ':')
            blame(parse, &parse->values[i]);
    }
    return STATUS_INVALID;
}

static int parse_inner(const struct parse *parse)
{
    struct keyvalue *name = find(parse, "inner");
    struct oracle_spec *outer = &parse->spec->oracle;
    struct oracle_spec *inner;

    if (!outer->oracle->has_inner) {
        blame(parse, name);
        return name == NULL
                ? 0
                : err_set(parse->err, STATUS_INVALID,
                          "inner: oracle %s is not built over another",
                          outer->oracle->name);
    }
    inner = arena_zalloc(parse->arena, 1, sizeof(*inner));
    if (inner == NULL)
        return err_set(parse->err, STATUS_INVALID, "too many settings");
    inner->oracle = registry_oracle(value_or(name, "ridge"));
    outer->inner = inner;
    if (inner->oracle == NULL)
        return unknown_part(parse, "inner", name);
    if (inner->oracle->has_inner) {
        blame(parse, name);
        return err_set(parse->err, STATUS_INVALID,
                "inner: %s cannot stand inside another oracle",
                inner->oracle->name);
    }
    return part_options(parse, &inner->oracle->options, &inner->options);
}

/* An oracle that learns preferences, and an explorer that is content with
 * scores: a spread is of the oracle's own scale, a duel's scores are not. */
static int check_duel(const struct parse *parse)
{
    const struct policy_spec *spec = parse->spec;
    const struct oracle_spec *oracle = &spec->oracle;

    if (oracle->oracle->prefer == NULL ||
            (oracle->inner != NULL && oracle->inner->oracle->prefer == NULL)) {
        blame(parse, find(parse, "oracle"));
        return err_set(parse->err, STATUS_INVALID,
                "oracle: %s does not learn preferences, which duels need",
                oracle->oracle->prefer == NULL ? oracle->oracle->name
                                               : oracle->inner->oracle->name);
    }
    CHECK(spec->explorer != NULL);
    if (spec->explorer->budget == NULL)
        return 0;
    blame(parse, find(parse, "explorer"));
    return err_set(parse->err, STATUS_INVALID,
            "explorer: %s works with uncertainties, which the scores of duels "
            "do not have",
            spec->explorer->name);
}

/* An oracle that says what gamma has to be, beside an explorer that does not
 * listen or is told another one. */
static int check_gamma(const struct parse *parse)
{
    const struct policy_spec *spec = parse->spec;
    const struct oracle *oracle = spec->oracle.oracle;
    struct keyvalue *fixed = find(parse, "gamma");
    double gamma;

    if (oracle->prescribes_gamma == NULL ||
            !oracle->prescribes_gamma(&spec->oracle))
        return 0;
    if (!spec->explorer->takes_gamma) {
        blame(parse, find(parse, "explorer"));
        return err_set(parse->err, STATUS_INVALID,
                "explorer: %s has no gamma for gamma_over to set",
                spec->explorer->name);
    }
    if (fixed == NULL || (number_parse(fixed->value, &gamma) && gamma == 0.0))
        return 0;
    blame(parse, fixed);
    return err_set(parse->err, STATUS_INVALID,
            "gamma: it is fixed here, and gamma_over would set it");
}

/* A model that is drawn has no widths of its own to explore by. */
static int check_mixture(const struct parse *parse)
{
    const struct policy_spec *spec = parse->spec;

    if (spec->oracle.oracle->draws == NULL ||
            !spec->oracle.oracle->draws(&spec->oracle) ||
            spec->explorer->budget == NULL)
        return 0;
    blame(parse, find(parse, "explorer"));
    return err_set(parse->err, STATUS_INVALID,
            "explorer: %s works with uncertainties, which an expert that is "
            "drawn (play: sampled) does not tell",
            spec->explorer->name);
}

static int parse_explorer(const struct parse *parse)
{
    struct keyvalue *name = find(parse, "explorer");
    struct policy_spec *spec = parse->spec;

    if (spec->shape.predict) {
        blame(parse, name);
        return name == NULL ? 0
                            : err_set(parse->err, STATUS_INVALID,
                                      "explorer: a problem that predicts "
                                      "explores nothing");
    }
    spec->explorer = registry_explorer(value_or(name, "squarecb"));
    if (spec->explorer == NULL)
        return unknown_part(parse, "explorer", name);
    if (spec->explorer->budget != NULL && !policy_spec_spreads(spec)) {
        blame(parse, name);
        return err_set(parse->err, STATUS_INVALID,
                "explorer: %s needs an oracle that knows its uncertainty; %s "
                "does not",
                spec->explorer->name, spec->oracle.oracle->name);
    }
    spec->oracle.play.floor = spec->floor;
    return part_options(
            parse, &spec->explorer->options, &spec->explorer_options);
}

static int parse_oracle(const struct parse *parse)
{
    struct keyvalue *name = find(parse, "oracle");
    struct oracle_spec *spec = &parse->spec->oracle;
    int status;

    spec->oracle = registry_oracle(value_or(name, "ridge"));
    if (spec->oracle == NULL)
        return unknown_part(parse, "oracle", name);
    status = part_options(parse, &spec->oracle->options, &spec->options);
    if (status == 0)
        status = parse_inner(parse);
    if (status == 0)
        status = parse_explorer(parse);
    if (status == 0 && parse->spec->explorer != NULL)
        status = check_gamma(parse);
    if (status == 0 && parse->spec->explorer != NULL)
        status = check_mixture(parse);
    if (status == 0 && parse->spec->shape.duel)
        status = check_duel(parse);
    if (status != 0)
        return status;
    if (spec->oracle->footprint(spec, &parse->spec->shape, parse->err) == 0) {
        blame(parse, name);
        return STATUS_INVALID;
    }
    return 0;
}

/* The learner makes the kind of decision that the problem asks for. */
static int check_learner(const struct parse *parse, const struct keyvalue *name)
{
    const struct policy_spec *spec = parse->spec;
    const char *lacks = spec->shape.duel ? "does not learn preferences"
            : spec->shape.path && spec->learner->propose == NULL
            ? "does not choose paths"
            : !spec->shape.path && spec->learner->decide == NULL
            ? "chooses paths only"
            : NULL;

    if (lacks == NULL)
        return 0;
    blame(parse, name);
    return err_set(parse->err, STATUS_INVALID, "learner: %s %s",
            spec->learner->name, lacks);
}

static int parse_learner(const struct parse *parse, const struct keyvalue *name)
{
    struct policy_spec *spec = parse->spec;
    int status;

    spec->learner = registry_learner(name->value);
    if (spec->learner == NULL)
        return unknown_part(parse, "learner", name);
    if (check_learner(parse, name) != 0)
        return STATUS_INVALID;
    if (policy_spec_proposes(spec) && (spec->floor > 0.0 || spec->cap < 1.0)) {
        blame(parse, find(parse, spec->floor > 0.0 ? "floor" : "cap"));
        return err_set(parse->err, STATUS_INVALID,
                "%s: learner %s chooses paths, which are too many to list",
                spec->floor > 0.0 ? "floor" : "cap", spec->learner->name);
    }
    status = part_options(
            parse, &spec->learner->options, &spec->learner_options);
    if (status != 0)
        return status;
    if (spec->learner->footprint(
                spec->learner_options, &spec->shape, parse->err) == 0) {
        blame(parse, name);
        return STATUS_INVALID;
    }
    return 0;
}

static int refuse_unused(const struct parse *parse)
{
    char text[80];

    for (size_t i = 0; i < parse->count; i++)
        if (!parse->values[i].used) {
            blame(parse, &parse->values[i]);
            return err_set(parse->err, STATUS_INVALID,
                    "%s: no part of this policy has such an option",
                    bytes_text(parse->values[i].key, text, sizeof(text)));
        }
    return 0;
}

int policy_spec_parse(struct policy_spec *spec, const struct shape *shape,
        const struct value_range *range, struct keyvalue *values, size_t count,
        struct arena *arena, uint32_t *err_line, struct err *err)
{
    struct parse parse = {spec, values, count, arena, err_line, err};
    const void *shared;
    struct keyvalue *learner;
    int status;

    memset(spec, 0, sizeof(*spec));
    spec->shape = *shape;
    spec->range = *range;
    learner = find(&parse, "learner");
    status = part_options(&parse, &policy_shared_options, &shared);
    if (status != 0)
        return status;
    spec->floor = ((const struct shared_options *)shared)->floor;
    spec->cap = ((const struct shared_options *)shared)->cap;
    if (shape->path && learner == NULL)
        return err_set(err, STATUS_INVALID,
                "learner: a problem of paths needs one that chooses paths");
    status = learner != NULL ? parse_learner(&parse, learner)
                             : parse_oracle(&parse);
    return status == 0 ? refuse_unused(&parse) : status;
}

bool policy_spec_proposes(const struct policy_spec *spec)
{
    return spec->learner != NULL && spec->learner->propose != NULL;
}

bool policy_spec_adopts(const struct policy_spec *spec)
{
    return spec->learner != NULL ? spec->learner->adopt != NULL
                                 : spec->oracle.oracle->adopt != NULL;
}

bool policy_spec_spreads(const struct policy_spec *spec)
{
    const struct oracle_spec *oracle = &spec->oracle;

    return spec->learner == NULL && oracle->oracle->spread != NULL &&
            (oracle->inner == NULL || oracle->inner->oracle->spread != NULL);
}

void policy_spec_name(const struct policy_spec *spec, char *out, size_t size)
{
    const char *parts[6];
    size_t count = 0, used = 0;

    if (spec->learner != NULL) {
        parts[count++] = spec->learner->name;
    } else {
        if (spec->explorer != NULL) {
            parts[count++] = spec->explorer->name;
            parts[count++] = " over ";
        }
        parts[count++] = spec->oracle.oracle->name;
        if (spec->oracle.inner != NULL) {
            parts[count++] = " of ";
            parts[count++] = spec->oracle.inner->oracle->name;
        }
    }
    for (size_t i = 0; i < count; i++)
        for (const char *c = parts[i]; *c != '\0' && used + 1 < size; c++)
            out[used++] = *c;
    out[used] = '\0';
}
