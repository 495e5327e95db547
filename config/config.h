/* The configuration file: YAML into setting rows and problem specs, every
 * message with its line.
 *
 * The file is read with libyaml and flattened into dotted keys; rows say what
 * a key may be. A static schema (as libcyaml wants) could not hold the options
 * of a policy: they are rows beside each policy and depend on which one is
 * chosen, and their bounds and the relations between settings are checked
 * after loading, where only the node's own mark still knows the line. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "config/settings.h"
#include "service/engine/problem.h"

#define LISTEN_MAX 8u

struct config {
    struct settings settings;
    const char *listen[LISTEN_MAX]; /* ZeroMQ endpoints */
    uint32_t listen_count;
    struct problem_spec **problems; /* [problem_count] */
    uint32_t problem_count;
    struct arena arena; /* holds all of the above */
};

/* What the command line says over the file. Its texts outlive the config. */
struct config_overrides {
    const char *data; /* NULL: as in the file */
    const char *listen[LISTEN_MAX];
    uint32_t listen_count; /* 0: as in the file */
};

void config_override(
        struct config *config, const struct config_overrides *overrides);

/* Reads a file. NULL with err ("FILE:LINE: setting: what is wrong") on
 * failure. The result is heap memory of its own. */
struct config *config_load(const char *path, struct err *err);

/* The same from text; `name` stands for the file in messages. */
struct config *config_parse(
        const char *name, struct bytes text, struct err *err);

void config_free(struct config *config);

/* May the service go from `old` to `new` while it runs? DENIED names the
 * first change that needs a restart, and why. */
int config_check_reload(const struct config *old, const struct config *new,
        struct err *err) MUST_USE;

/* The spec of that name, or NULL. */
const struct problem_spec *config_problem(
        const struct config *config, struct bytes name);

#endif
