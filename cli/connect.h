/* What the commands that talk to a running service share. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "cli/cli.h"
#include "client/rue.h"

#define CONNECT_ENDPOINT "tcp://127.0.0.1:5750"

/* Opens a client, or prints why not and returns NULL. timeout_ms as
 * cli_timeout() gives it. */
rue_client *connect_client(
        const char *command, const char *endpoint, uint64_t timeout_ms);

/* "rue COMMAND: STATUS: sentence"; closes the client; 1. */
int connect_fail(const char *command, rue_client *client, rue_status status);

#endif
