/* Rewards as arithmetic over the fields of a feedback:
 *
 *     authorised * (amount * 0.02 - default(fee, 0.10)) - chargeback * 20
 *
 * Numbers, names of fields, + - * / unary minus, comparisons (1 or 0), && ||
 * !, c ? a : b, parentheses, and the functions min(a, b, ...), max(a, b, ...),
 * abs(a), if(c, a, b), has(field) (1 if it was reported), default(field, a)
 * (a if it was not). A field that was not reported is 0.
 *
 * Every operation is one of IEEE double arithmetic in the order of the text,
 * so that the same fields give the same reward, bit for bit, everywhere. Both
 * branches of a choice are computed; a division by zero matters only where
 * its result does. No recursion and no loop at evaluation; the text is bounded
 * in length, depth and operations. */
#ifndef ENGINE_EXPRESSION_H
#define ENGINE_EXPRESSION_H

#include "base/arena.h"
#include "proto/message.h"

#define EXPRESSION_BYTES_MAX  4096u
#define EXPRESSION_STEPS_MAX  512u
#define EXPRESSION_DEPTH_MAX  64u
#define EXPRESSION_FIELDS_MAX 64u

struct expression_step; /* one operation, in postfix order */

struct expression {
    const struct expression_step *steps;
    uint32_t count; /* 0: no expression */
    const struct bytes *names; /* [name_count] fields that it reads */
    uint32_t name_count;
};

/* Memory from the arena; `text` need not outlive the expression. INVALID says
 * at which line and column of the text, and what is wrong there. */
int expression_parse(struct expression *expression, struct bytes text,
        struct arena *arena, struct err *err) MUST_USE;

/* Its value; may be infinite or not a number. */
double expression_value(
        const struct expression *expression, const struct fields *fields);

#endif
