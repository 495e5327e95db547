#include "cli/errand.h"

#include <getopt.h>
#include <stdio.h>

int errand_open(struct errand_call *call, int argc, char **argv)
{
    static const struct option options[] = {
            {"connect", required_argument, NULL, 'c'},
            {"timeout", required_argument, NULL, 't'},
            {"json", no_argument, NULL, 'j'},
            {"wait", no_argument, NULL, 'w'},
            {"share", required_argument, NULL, 's'},
            {"shadow", no_argument, NULL, 'S'},
            {"help", no_argument, NULL, 'h'},
            {NULL, 0, NULL, 0},
    };
    const char *endpoint = CONNECT_ENDPOINT;
    uint64_t timeout = 5000;
    int letter;

    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1)
        switch (letter) {
        case 'c':
            endpoint = optarg;
            break;
        case 't':
            if (!cli_timeout(call->command, optarg, &timeout))
                return EXIT_USAGE;
            break;
        case 'j':
            call->json = true;
            break;
        case 'w':
            if (!call->has_wait)
                return cli_usage(call->command, "it does not wait");
            call->wait = true;
            break;
        case 's':
            if (!cli_number(call->command, "--share", optarg, &call->share))
                return EXIT_USAGE;
            if (!(call->share > 0.0 && call->share < 1.0))
                return cli_usage(call->command, "--share: inside 0 and 1");
            break;
        case 'S':
            call->shadow = true;
            break;
        case 'h':
            fputs(call->help, stdout);
            return 0;
        default:
            return EXIT_USAGE;
        }
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
