#include "cli/errand.h"
#include "cli/options.h"

#include <getopt.h> /* optind */
#include <stdio.h>

int errand_open(struct errand_call *call, int argc, char **argv)
{
    const char *endpoint = CONNECT_ENDPOINT;
    uint64_t timeout = 5000;
    const struct cli_option options[] = {
            CLI_TEXT("connect", &endpoint),
            CLI_TIMEOUT(&timeout),
            CLI_FLAG("json", &call->json),
            CLI_FLAG("wait", &call->wait),
            CLI_NUMBER("share", &call->share, 0.0, 1.0),
            CLI_FLAG("shadow", &call->shadow),
            CLI_HELP(call->help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (call->wait && !call->has_wait)
        return cli_usage(call->command, "it does not wait");
    if ((call->shadow || call->share > 0.0) && !call->has_trial)
        return cli_usage(call->command, "it takes no --share and no --shadow");
    if (call->shadow && call->share > 0.0)
        return cli_usage(call->command, "either --share or --shadow");
    if (optind + (int)call->words != argc)
        return cli_usage(call->command,
                call->words == 1 ? "name the problem"
                                 : "name the problem and the generation");
    call->word = argv + optind;
    call->client = connect_client(call->command, endpoint, timeout);
    return call->client == NULL ? 1 : -1;
}

int errand_close(struct errand_call *call, rue_status status)
{
    if (status != RUE_OK)
        return connect_fail(call->command, call->client, status);
    rue_close(call->client);
    return 0;
}
