/* Groups: named predicates over context features. A predicate is written as
 * comparisons joined by `and`:  age <= 35 and smoker = 1
 * Operators: < <= > >= = !=. The left side is the name of a dense context
 * column, or namespace.name (or plain name) of a named feature, which is 0
 * where the request does not have it; `name = word` with a word that is not a
 * number tests a text feature (hash of name=word present). */
#ifndef POLICIES_GROUPS_H
#define POLICIES_GROUPS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"

enum group_operator {
    GROUP_LESS,
    GROUP_LESS_EQUAL,
    GROUP_GREATER,
    GROUP_GREATER_EQUAL,
    GROUP_EQUAL,
    GROUP_NOT_EQUAL,
};

struct group_term {
    bool dense; /* else named */
    uint32_t column; /* dense column */
    uint64_t hash; /* named feature */
    enum group_operator operation;
    double value;
};

struct group_rule {
    struct group_term *terms; /* all must hold; in the arena of the parse */
    uint32_t term_count;
};

/* Parses `text`. `columns` are the names of the dense context columns.
 * INVALID names the place. The rule's terms lie in `arena`. */
int group_rule_parse(struct group_rule *rule, struct bytes text,
        const struct bytes *columns, uint32_t column_count, struct arena *arena,
        struct err *err) MUST_USE;

bool group_rule_holds(
        const struct group_rule *rule, const struct features *features);

#endif
