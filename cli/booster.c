#include "cli/booster.h"

#include <string.h>
#include <unistd.h>

void cli_find_trainer(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 16);
    char *slash;

    out[length > 0 ? length : 0] = '\0';
    slash = strrchr(out, '/');
    if (slash != NULL)
        memcpy(slash + 1, "rue-train", sizeof("rue-train"));
    if (slash == NULL || access(out, X_OK) != 0)
        memcpy(out, "rue-train", sizeof("rue-train"));
}

static int grow(void *self, const struct boost_job *job, struct forest *forest,
        struct err *err)
{
    struct cli_booster *booster = self;
    char program[4096];

    if (!booster->started) {
        int status;
        cli_find_trainer(program, sizeof(program));
        status = boost_child_open(&booster->child, program, err);
        if (status != 0)
            return status;
        booster->started = true;
    }
    return booster->child.booster.grow(
            booster->child.booster.self, job, forest, err);
}

void cli_booster_open(struct cli_booster *booster)
{
    booster->booster = (struct booster){.grow = grow, .self = booster};
    booster->started = false;
}

void cli_booster_close(struct cli_booster *booster)
{
    if (booster->started)
        boost_child_close(&booster->child);
    booster->started = false;
}
