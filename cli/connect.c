#include "cli/connect.h"

#include <stdio.h>

rue_client *connect_client(
        const char *command, const char *endpoint, uint64_t timeout_ms)
{
    rue_options options;
    rue_client *client;
    char error[128];

    rue_options_init(&options);
    options.endpoint = endpoint;
    options.timeout_ms = (int)timeout_ms;
    client = rue_open(&options, error, sizeof(error));
    if (client == NULL)
        fprintf(stderr, "rue %s: %s\n", command, error);
    return client;
}

int connect_fail(const char *command, rue_client *client, rue_status status)
{
    fprintf(stderr, "rue %s: %s: %s\n", command, rue_status_name(status),
            rue_error(client));
    rue_close(client);
    return 1;
}
