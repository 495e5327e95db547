#include "policies/registry.h"

#define ORACLES(X)                                                             \
    X(ridge)                                                                   \
    X(linear) X(chebyshev) X(surface) X(groupwise) X(blend) X(trees) X(pairwise)
#define EXPLORERS(X)                                                           \
    X(greedy)                                                                  \
    X(epsilon)                                                                 \
    X(softmax)                                                                 \
    X(squarecb) X(fastcb) X(linucb) X(thompson) X(regcb) X(adacb) X(uniform)
#define LEARNERS(X) X(tsallis_inf) X(success_rate) X(paths)

#define X(name) extern const struct oracle oracle_##name;
ORACLES(X)
#undef X
#define X(name) extern const struct explorer explorer_##name;
EXPLORERS(X)
#undef X
#define X(name) extern const struct learner learner_##name;
LEARNERS(X)
#undef X

#define X(name) &oracle_##name,
const struct oracle *const registry_oracles[] = {ORACLES(X) NULL};
#undef X
#define X(name) &explorer_##name,
const struct explorer *const registry_explorers[] = {EXPLORERS(X) NULL};
#undef X
#define X(name) &learner_##name,
const struct learner *const registry_learners[] = {LEARNERS(X) NULL};
#undef X

const struct oracle *registry_oracle(struct bytes name)
{
    for (size_t i = 0; registry_oracles[i] != NULL; i++)
        if (bytes_equal(name, bytes_of_text(registry_oracles[i]->name)))
            return registry_oracles[i];
    return NULL;
}

const struct explorer *registry_explorer(struct bytes name)
{
    for (size_t i = 0; registry_explorers[i] != NULL; i++)
        if (bytes_equal(name, bytes_of_text(registry_explorers[i]->name)))
            return registry_explorers[i];
    return NULL;
}

const struct learner *registry_learner(struct bytes name)
{
    for (size_t i = 0; registry_learners[i] != NULL; i++)
        if (bytes_equal(name, bytes_of_text(registry_learners[i]->name)))
            return registry_learners[i];
    return NULL;
}

static int check_options(
        const char *part, const struct option_table *table, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        bool listed = row->type == OPTION_CHOICE;
        bool flag = row->type == OPTION_FLAG;
        if (row->name == NULL || row->sentence == NULL ||
                row->offset >= table->size ||
                (listed && row->choices == NULL) ||
                (!listed && !flag &&
                        (row->fallback < row->min || row->fallback > row->max)))
            return err_set(err, STATUS_INTERNAL, "%s: option row %zu", part, i);
    }
    return 0;
}

static int check_oracle(const struct oracle *row, struct err *err)
{
    if (row->name == NULL || row->footprint == NULL || row->scratch == NULL ||
            row->init == NULL || row->predict == NULL || row->learn == NULL ||
            row->save == NULL || row->load == NULL || row->check == NULL)
        return err_set(err, STATUS_INTERNAL, "an oracle lacks a member");
    if (registry_oracle(bytes_of_text(row->name)) != row)
        return err_set(err, STATUS_INTERNAL, "two oracles '%s'", row->name);
    return check_options(row->name, &row->options, err);
}

static int check_explorer(const struct explorer *row, struct err *err)
{
    if (row->name == NULL || row->distribute == NULL ||
            (row->both_sides && row->budget == NULL))
        return err_set(err, STATUS_INTERNAL, "an explorer lacks a member");
    if (registry_explorer(bytes_of_text(row->name)) != row)
        return err_set(err, STATUS_INTERNAL, "two explorers '%s'", row->name);
    return check_options(row->name, &row->options, err);
}

static int check_learner(const struct learner *row, struct err *err)
{
    if (row->name == NULL || row->footprint == NULL || row->scratch == NULL ||
            row->init == NULL ||
            (row->decide == NULL) != (row->learn == NULL) ||
            (row->propose == NULL) != (row->learn_path == NULL) ||
            (row->decide == NULL) == (row->propose == NULL) ||
            row->save == NULL || row->load == NULL || row->check == NULL)
        return err_set(err, STATUS_INTERNAL, "a learner lacks a member");
    if (registry_learner(bytes_of_text(row->name)) != row)
        return err_set(err, STATUS_INTERNAL, "two learners '%s'", row->name);
    return check_options(row->name, &row->options, err);
}

int registry_check(struct err *err)
{
    int status = 0;

    for (size_t i = 0; status == 0 && registry_oracles[i] != NULL; i++)
        status = check_oracle(registry_oracles[i], err);
    for (size_t i = 0; status == 0 && registry_explorers[i] != NULL; i++)
        status = check_explorer(registry_explorers[i], err);
    for (size_t i = 0; status == 0 && registry_learners[i] != NULL; i++)
        status = check_learner(registry_learners[i], err);
    return status;
}
