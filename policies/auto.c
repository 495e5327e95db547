#include "policies/auto.h"

/* Widest phi that a lesson, which costs its square, is still quick with. */
#define WIDTH_MAX 512u

/* Up to so many actions each is tried some times whatever its first outcomes:
 * a bad start must not hide the best of few. Of many it costs too much
 * (docs/auto.md); there each is tried once where no products are learned, and
 * as often as the priors ask for where they are. */
#define FEW_ACTIONS 8u

/* Up to so many actions one of them may be the best nearly everywhere, and
 * enough rows tell of each that a model of nearly no columns is not in the way
 * for long. */
#define VERY_FEW_ACTIONS 4u

struct choice {
    struct auto_setting *out;
    uint32_t count;
};

static void choose(struct choice *choice, const char *key, const char *value)
{
    choice->out[choice->count++] = (struct auto_setting){key, value, false};
}

static void choose_explorer(
        struct choice *choice, const char *key, const char *value)
{
    choice->out[choice->count++] = (struct auto_setting){key, value, true};
}

/* Do the products of columns still fit? Without them the context has no part
 * in which action is best where actions have features. */
static bool products_fit(const struct shape *shape, bool own)
{
    uint32_t shared = shape->shared_dense, action = shape->action_dense;

    if (own)
        return shared > 0 && action > 0 &&
                1 + shared + action + shared * action <= WIDTH_MAX;
    return shared > 1 && 1 + shared + shared * (shared + 1) / 2 <= WIDTH_MAX;
}

/* The widest phi without products. */
static uint32_t plain_width(const struct shape *shape, bool own)
{
    uint32_t width = 1 + shape->shared_dense + shape->named_columns;

    return own ? width + shape->action_dense + shape->named_columns : width;
}

static void choose_ridge(
        struct choice *choice, const struct shape *shape, bool own)
{
    if (shape->groups > 0) {
        choose(choice, "oracle", "groupwise");
        choose(choice, "inner", "ridge");
        if (own && products_fit(shape, own))
            choose(choice, "products", "action");
        return;
    }
    if (shape->predict) {
        choose(choice, "oracle", "ridge");
        return;
    }
    choose(choice, "oracle", "blend");
    choose(choice, "inner", "ridge");
    choose(choice, "lambda", "0.2");
    if (!own && shape->slots <= FEW_ACTIONS)
        choose(choice, "optimism",
                shape->slots <= VERY_FEW_ACTIONS ? "3" : "2");
    else if (!own && !products_fit(shape, own))
        choose(choice, "optimism", "1");
    if (!own && shape->slots <= VERY_FEW_ACTIONS)
        choose(choice, "near_constant", "true");
    if (products_fit(shape, own))
        choose(choice, "products", own ? "action" : "context");
}

/* Preferences: one ridge; blend and groupwise do not learn them. */
static void choose_duel(
        struct choice *choice, const struct shape *shape, bool own)
{
    choose(choice, "oracle", "ridge");
    if (own && products_fit(shape, own))
        choose(choice, "products", "action");
    choose_explorer(choice, "explorer", "squarecb");
}

uint32_t auto_settings(const struct shape *shape, bool floor,
        struct auto_setting out[AUTO_SETTINGS_MAX])
{
    struct choice choice = {out, 0};
    bool own =
            !shape->predict && (shape->action_dense > 0 || shape->slots == 0);
    bool dense = shape->shared_dense + shape->named_columns > 0 ||
            (own && shape->action_dense > 0);

    if (shape->path)
        return 0;
    if (!shape->predict &&
            (!dense || plain_width(shape, own) > WIDTH_MAX ||
                    (own && shape->action_dense + shape->named_columns == 0))) {
        choose(&choice, "oracle", "linear");
        choose_explorer(&choice, "explorer", "squarecb");
        return choice.count;
    }
    if (shape->duel) {
        choose_duel(&choice, shape, own);
        return choice.count;
    }
    choose_ridge(&choice, shape, own);
    if (shape->predict)
        return choice.count;
    if (floor || shape->groups > 0) {
        choose_explorer(&choice, "explorer", "squarecb");
        choose_explorer(&choice, "gamma_scale", "30");
    } else {
        choose_explorer(&choice, "explorer", "regcb");
        choose_explorer(&choice, "c0", "0.005");
    }
    return choice.count;
}
