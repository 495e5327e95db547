#include "policies/example.h"

#include "base/limits.h"
#include "policies/features.h"

/* What constants, places and columns hash from. */
#define SEED_CONSTANT UINT64_C(0x7275652d636f6e73)
#define SEED_PLACE    UINT64_C(0x7275652d706c6163)
#define SEED_CONTEXT  UINT64_C(0x7275652d63747864)
#define SEED_ACTION   UINT64_C(0x7275652d61637464)

/* Tags that are no namespace's (those have 23 bits). */
#define TAG_ALL   UINT32_MAX
#define TAG_PLACE (UINT32_MAX - 1)
#define TAG_DENSE (UINT32_MAX - 2)

/* ---- products ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* Cuts the next word off the front. */
static struct bytes next_word(struct bytes *rest)
{
    struct bytes word = {rest->data, 0};

    while (word.size < rest->size && !is_blank(rest->data[word.size]))
        word.size++;
    rest->data += word.size;
    rest->size -= word.size;
    return word;
}

static void skip_blanks(struct bytes *rest)
{
    while (rest->size > 0 && is_blank(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
}

static bool same_selector(struct selector a, struct selector b)
{
    return a.side == b.side && a.tag == b.tag;
}

/* The fixed order of factors: actions first, then by tag. */
static bool comes_before(struct selector a, struct selector b)
{
    return a.side != b.side ? a.side == SIDE_ACTION : a.tag < b.tag;
}

static bool same_product(const struct product *a, const struct product *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!same_selector(a->factor[i], b->factor[i]))
            return false;
    return true;
}

/* Puts the factors in order and adds the product unless it is there. */
static int add_product(
        struct products *products, struct product product, struct err *err)
{
    for (uint32_t i = 1; i < product.count; i++)
        for (uint32_t j = i;
                j > 0 && comes_before(product.factor[j], product.factor[j - 1]);
                j--) {
            struct selector swap = product.factor[j];
            product.factor[j] = product.factor[j - 1];
            product.factor[j - 1] = swap;
        }
    for (uint32_t i = 0; i < products->count; i++)
        if (same_product(&products->list[i], &product))
            return 0;
    if (products->count == PRODUCTS_MAX)
        return err_set(err, STATUS_INVALID,
                "interactions: more than %u products", PRODUCTS_MAX);
    products->list[products->count++] = product;
    return 0;
}

/* The selectors that a word stands for: one, or one of each side. */
static uint32_t selectors_of(struct bytes word, struct selector out[2])
{
    if (bytes_equal(word, bytes_of_text("context"))) {
        out[0] = (struct selector){SIDE_CONTEXT, TAG_ALL};
        return 1;
    }
    if (bytes_equal(word, bytes_of_text("action"))) {
        out[0] = (struct selector){SIDE_ACTION, TAG_ALL};
        return 1;
    }
    if (bytes_equal(word, bytes_of_text("id"))) {
        out[0] = (struct selector){SIDE_ACTION, TAG_PLACE};
        return 1;
    }
    out[0] = (struct selector){SIDE_CONTEXT, feature_space_of_name(word)};
    out[1] = (struct selector){SIDE_ACTION, feature_space_of_name(word)};
    return 2;
}

/* The parts of "a*b*c", of which `factor` has room for PRODUCT_FACTORS_MAX;
 * returns how many there are. */
static uint32_t split_factors(struct bytes word, struct bytes *factor)
{
    uint32_t count = 0;
    size_t start = 0;

    for (size_t i = 0; i <= word.size; i++) {
        if (i < word.size && word.data[i] != '*')
            continue;
        if (count < PRODUCT_FACTORS_MAX)
            factor[count] = bytes_of(word.data + start, i - start);
        count++;
        start = i + 1;
    }
    return count;
}

static int parse_product(
        struct products *products, struct bytes word, struct err *err)
{
    struct bytes factor[PRODUCT_FACTORS_MAX];
    uint32_t count = split_factors(word, factor);
    struct selector choice[PRODUCT_FACTORS_MAX][2];
    uint32_t choices[PRODUCT_FACTORS_MAX], ways = 1;
    bool good = count >= 2 && count <= PRODUCT_FACTORS_MAX;
    char text[80];
    int status = 0;

    for (uint32_t i = 0; good && i < count; i++) {
        good = factor[i].size > 0;
        choices[i] = selectors_of(factor[i], choice[i]);
        ways *= choices[i];
    }
    if (!good)
        return err_set(err, STATUS_INVALID,
                "interactions: '%s' is not a product of 2 or 3 factors such "
                "as context*action",
                bytes_text(word, text, sizeof(text)));
    for (uint32_t way = 0; status == 0 && way < ways; way++) {
        struct product product = {.count = count};
        uint32_t left = way;
        for (uint32_t i = 0; i < count; i++) {
            product.factor[i] = choice[i][left % choices[i]];
            left /= choices[i];
        }
        status = add_product(products, product, err);
    }
    return status;
}

int products_parse(
        struct products *products, struct bytes text, struct err *err)
{
    int status = 0;

    products->count = 0;
    if (bytes_equal(text, bytes_of_text("none")))
        return 0;
    for (skip_blanks(&text); status == 0 && text.size > 0; skip_blanks(&text))
        status = parse_product(products, next_word(&text), err);
    return status;
}

/* ---- how large an example may be ---- */

/* Entries before equal ones are merged, at most `limit` (2^bits: more indices
 * there are not). Counted in doubles: the product may pass 2^32. */
static uint32_t entries_bound(const struct example_form *form,
        uint32_t context_atoms, uint32_t action_atoms, uint32_t actions)
{
    double limit = ldexp(1.0, (int)form->bits);
    double entries = 1.0 + context_atoms + (double)actions * action_atoms;

    for (uint32_t i = 0; i < form->products->count; i++) {
        const struct product *product = &form->products->list[i];
        double own = 1.0;
        bool of_action = false;
        for (uint32_t j = 0; j < product->count; j++) {
            const struct selector *factor = &product->factor[j];
            bool action = factor->side == SIDE_ACTION;
            of_action = of_action || action;
            if (factor->tag != TAG_PLACE)
                own *= action ? action_atoms : context_atoms;
        }
        entries += own * (of_action ? actions : 1.0);
    }
    return (uint32_t)fmin(entries, limit);
}

/* Slots of the table: a power of two, eight times the entries (so that a wrong
 * guess of the processor is rare) unless every index has a slot of its own. */
static uint32_t table_size(uint32_t entries, uint32_t bits)
{
    uint32_t size = 16;

    while (size < 8 * (uint64_t)entries && size < UINT32_C(1) << bits)
        size *= 2;
    return size;
}

/* Arrays in the arena, and what each may lose to alignment. */
#define ARRAYS      7u
#define ARRAY_SLACK ((size_t)16)

size_t example_scratch(uint32_t bits, bool products, const struct shape *shape)
{
    size_t context_atoms = shape->shared_dense + NAMED_MAX;
    size_t action_atoms = 1 + shape->action_dense + NAMED_MAX;
    size_t entries = (size_t)1 << bits;

    if (!products && 1 + context_atoms + 2 * action_atoms < entries)
        entries = 1 + context_atoms + 2 * action_atoms;
    return ARRAYS * ARRAY_SLACK +
            (context_atoms + action_atoms) * sizeof(struct atom) +
            entries * (2 * sizeof(double) + 2 * sizeof(uint32_t)) +
            table_size((uint32_t)entries, bits) * sizeof(uint32_t);
}

/* ---- entries ---- */

/* value, or -value where the top bit of the hash is set. Without a branch: it
 * would be wrong half of the time. */
static inline double with_sign(double value, uint64_t hash)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bits ^= hash & UINT64_C(1) << 63;
    memcpy(&value, &bits, sizeof(bits));
    return value;
}

/* Inserts or merges. */
static inline void push(struct example *example, uint64_t hash, double value)
{
    uint32_t index = (uint32_t)hash & example->mask;
    uint32_t slot = index & example->table_mask;
    double signed_value = with_sign(value, hash);

    if (fabs(value) < EXAMPLE_TINY)
        return;
    for (; example->table[slot] != 0; slot = (slot + 1) & example->table_mask) {
        uint32_t entry = example->table[slot] - 1;
        if (example->index[entry] != index)
            continue;
        example->value[entry] += signed_value;
        example->disturbed = example->disturbed || entry < example->shared;
        return;
    }
    CHECK(example->count < example->capacity);
    example->table[slot] = example->count + 1;
    example->slot[example->count] = slot;
    example->index[example->count] = index;
    example->value[example->count] = signed_value;
    example->count++;
}

static bool selects(struct selector selector, const struct atom *atom)
{
    return selector.tag == TAG_ALL || selector.tag == atom->tag;
}

/* Where the atoms of the factor after `place` of factor `depth` begin: of equal
 * factors only ascending places are taken; the square of a 1 is the feature
 * itself and left out. */
static uint32_t next_from(
        const struct product *product, uint32_t depth, uint32_t i, double value)
{
    if (!same_selector(product->factor[depth], product->factor[depth + 1]))
        return 0;
    return value == 1.0 ? i + 1 : i;
}

/* The last factor's atoms, times what came before them. The copy lets the
 * compiler keep its members in registers. */
static void push_row(struct example *example, struct selector selector,
        uint32_t from, uint64_t hash, double value)
{
    const struct atoms atoms = example->side[selector.side];
    struct example copy = *example;

    for (uint32_t i = from; i < atoms.count; i++)
        if (selects(selector, &atoms.list[i]))
            push(&copy, hash_mix(atoms.list[i].hash, hash),
                    value * atoms.list[i].value);
    *example = copy;
}

/* The last two factors' atoms, times what came before them. */
static void push_pairs(struct example *example, const struct product *product,
        uint32_t from, uint64_t hash, double value)
{
    uint32_t depth = product->count - 2;
    struct selector selector = product->factor[depth];
    const struct atoms atoms = example->side[selector.side];

    for (uint32_t i = from; i < atoms.count; i++) {
        const struct atom *atom = &atoms.list[i];
        if (selects(selector, atom))
            push_row(example, product->factor[depth + 1],
                    next_from(product, depth, i, atom->value),
                    hash_mix(atom->hash, hash), value * atom->value);
    }
}

static void push_product(
        struct example *example, const struct product *product, double factor)
{
    struct selector selector = product->factor[0];
    const struct atoms atoms = example->side[selector.side];

    if (product->count == 2) {
        push_pairs(example, product, 0, 0, factor);
        return;
    }
    for (uint32_t i = 0; i < atoms.count; i++) {
        const struct atom *atom = &atoms.list[i];
        if (selects(selector, atom))
            push_pairs(example, product, next_from(product, 0, i, atom->value),
                    hash_mix(atom->hash, 0), factor * atom->value);
    }
}

static void push_products(
        struct example *example, bool of_action, double factor)
{
    for (uint32_t i = 0; i < example->products->count; i++) {
        const struct product *product = &example->products->list[i];
        if ((product->factor[0].side == SIDE_ACTION) == of_action)
            push_product(example, product, factor);
    }
}

/* ---- atoms ---- */

static void add_atom(
        struct atoms *atoms, uint64_t hash, double value, uint32_t tag)
{
    if (fabs(value) >= EXAMPLE_TINY)
        atoms->list[atoms->count++] = (struct atom){hash, value, tag};
}

/* The same name means different things in a context and in an action. */
static uint64_t named_hash(enum side side, uint64_t hash)
{
    return side == SIDE_CONTEXT ? hash : hash_mix(hash, SEED_ACTION);
}

static void add_features(struct atoms *atoms, enum side side,
        const struct features *features, const double *dense)
{
    uint64_t seed = side == SIDE_CONTEXT ? SEED_CONTEXT : SEED_ACTION;

    for (uint32_t i = 0; i < features->dense_count; i++)
        add_atom(atoms, hash_mix(i, seed), dense[i], TAG_DENSE);
    for (uint32_t i = 0; i < features->named_count; i++) {
        const struct feature *named = &features->named[i];
        add_atom(atoms, named_hash(side, named->hash), named->value,
                feature_space(named->hash));
    }
}

/* ---- examples ---- */

static uint32_t most_atoms(const struct action_set *set)
{
    uint32_t most = 0;

    for (uint32_t i = 0; set->features != NULL && i < set->count; i++) {
        uint32_t own =
                set->features[i].dense_count + set->features[i].named_count;
        most = own > most ? own : most;
    }
    return 1 + most;
}

void example_open(struct example *example, const struct example_form *form,
        const struct context *context, const struct action_set *set,
        uint32_t actions, const double *context_dense, struct arena *arena)
{
    uint32_t context_atoms =
            context->shared.dense_count + context->shared.named_count;
    uint32_t action_atoms = most_atoms(set);
    uint32_t capacity =
            entries_bound(form, context_atoms, action_atoms, actions);
    uint32_t size = table_size(capacity, form->bits);
    struct atoms *side = example->side;

    memset(example, 0, sizeof(*example));
    example->products = form->products;
    example->intercept = form->intercept;
    example->capacity = capacity;
    example->mask = (UINT32_C(1) << form->bits) - 1;
    example->table_mask = size - 1;
    side[SIDE_CONTEXT].list = arena_array(arena, struct atom, context_atoms);
    side[SIDE_ACTION].list = arena_array(arena, struct atom, action_atoms);
    example->index = arena_array(arena, uint32_t, capacity);
    example->slot = arena_array(arena, uint32_t, capacity);
    example->value = arena_array(arena, double, capacity);
    example->before = arena_array(arena, double, capacity);
    example->table = arena_zalloc(arena, size, sizeof(uint32_t));
    CHECK(!arena->overflow);
    add_features(
            &side[SIDE_CONTEXT], SIDE_CONTEXT, &context->shared, context_dense);
}

/* Are there weights of the context's features for each place of a catalogue?
 * Then weights for all places together are but sums of those; learning both
 * was worse (mushroom: 0.0100 against 0.0080). */
static bool context_by_place(
        const struct products *products, const struct action_set *set)
{
    bool found = false;

    for (uint32_t i = 0; i < products->count; i++) {
        const struct product *product = &products->list[i];
        const struct selector *factor = product->factor;
        found = found ||
                (product->count == 2 && factor[0].side == SIDE_ACTION &&
                        (factor[0].tag == TAG_ALL ||
                                factor[0].tag == TAG_PLACE) &&
                        factor[1].side == SIDE_CONTEXT &&
                        factor[1].tag == TAG_ALL);
    }
    return found && set->slot != NULL;
}

void example_add_context(struct example *example, const struct action_set *set)
{
    const struct atoms *atoms = &example->side[SIDE_CONTEXT];
    bool alone = !context_by_place(example->products, set);

    if (example->intercept)
        push(example, hash_mix(0, SEED_CONSTANT), 1.0);
    for (uint32_t i = 0; alone && i < atoms->count; i++)
        push(example, atoms->list[i].hash, atoms->list[i].value);
    push_products(example, false, 1.0);
    example->shared = example->count;
    memcpy(example->before, example->value,
            example->count * sizeof(*example->before));
}

void example_add_action(struct example *example, const struct action_set *set,
        uint32_t index, const double *dense, double factor)
{
    struct atoms *atoms = &example->side[SIDE_ACTION];
    uint32_t first = 0;

    atoms->count = 0;
    if (set->slot != NULL) {
        add_atom(atoms, hash_mix(set->slot[index], SEED_PLACE), 1.0, TAG_PLACE);
        first = example->intercept ? 0 : 1;
    }
    if (set->features != NULL)
        add_features(atoms, SIDE_ACTION, &set->features[index], dense);
    for (uint32_t i = first; i < atoms->count; i++)
        push(example, atoms->list[i].hash, factor * atoms->list[i].value);
    push_products(example, true, factor);
}

void example_drop_actions(struct example *example)
{
    while (example->count > example->shared)
        example->table[example->slot[--example->count]] = 0;
    if (example->disturbed)
        memcpy(example->value, example->before,
                example->shared * sizeof(*example->value));
    example->disturbed = false;
}
