/* Who grows trees for commands: rue-train beside this program, started when the
 * first trees are wanted. */
#ifndef CLI_BOOSTER_H
#define CLI_BOOSTER_H

#include "training/child.h"

struct cli_booster {
    struct booster booster; /* its `self` is this struct: do not copy it */
    struct boost_child child;
    bool started;
};

void cli_booster_open(struct cli_booster *booster);
void cli_booster_close(struct cli_booster *booster);

/* rue-train beside this program, or by PATH. */
void cli_find_trainer(char *out, size_t size);

#endif
