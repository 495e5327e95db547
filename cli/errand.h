/* What the commands about generations share: `PROBLEM ... [--connect ENDPOINT]
 * [--timeout MS] [--json]`. */
#ifndef CLI_ERRAND_H
#define CLI_ERRAND_H

#include "cli/connect.h"

struct errand_call {
    const char *command; /* "promote" */
    const char *help;
    uint32_t words; /* that must be there */
    bool has_wait; /* takes --wait */
    bool has_trial; /* takes --share and --shadow */

    /* Filled in by errand_open(). */
    char **word; /* [words] */
    bool json, wait, shadow;
    double share; /* 0: none was given */
    rue_client *client;
};

/* Reads the command line and opens the client. -1 to go on, otherwise the exit
 * status. */
int errand_open(struct errand_call *call, int argc, char **argv);

/* Closes the client; for the failure of a call its exit status. */
int errand_close(struct errand_call *call, rue_status status);

#endif
