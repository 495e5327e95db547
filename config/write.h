/* A problem's settings as they are recorded (`key: value` lines, lists as keys
 * that are repeated) written as YAML: a configuration that config_parse takes
 * and whose problem has the same settings. */
#ifndef CONFIG_WRITE_H
#define CONFIG_WRITE_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdio.h>

/* A document with one problem, and `comment` before it (lines that begin with
 * #, or NULL); everything of the service is left at its default. INTERNAL: no
 * memory; CORRUPT: `settings` are no such lines. Write errors stay in the
 * stream. */
int config_write_problem(FILE *out, const char *comment, struct bytes name,
        struct bytes settings, struct err *err) MUST_USE;

#endif
