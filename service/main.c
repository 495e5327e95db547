/* rued: the decision service. */
#include "policies/registry.h"
#include "service/diag.h"
#include "service/front.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
        "usage: rued [--config FILE] [--data DIR] [--listen ENDPOINT]...\n"
        "\n"
        "The decision service: answers which action to take, logs every\n"
        "decision and its feedback, and learns.\n"
        "\n"
        "  -c, --config FILE      YAML configuration; `rue config show` lists\n"
        "                         every setting and its default\n"
        "  -d, --data DIR         directory of the store, over the config's\n"
        "  -l, --listen ENDPOINT  tcp://ADDRESS:PORT or ipc://PATH, over the\n"
        "                         config's\n"
        "  -h, --help             this text\n"
        "      --version          the version\n"
        "\n"
        "Exit status: 0 after a stop, 1 after a failure, 2 for a wrong call or\n"
        "configuration.\n"
        "\n"
        "Signals: TERM and INT stop it after all that was received is\n"
        "answered; HUP reads the configuration again.\n"
        "\n"
        "Example:\n"
        "  rued --config /etc/rue/rued.yaml --data /var/lib/rue\n";

struct arguments {
    const char *config;
    struct config_overrides over;
};

static int usage_error(const char *what)
{
    fprintf(stderr, "rued: %s (see rued --help)\n", what);
    return 2;
}

/* -1 to go on, otherwise the exit status. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
            {"config", required_argument, NULL, 'c'},
            {"data", required_argument, NULL, 'd'},
            {"listen", required_argument, NULL, 'l'},
            {"help", no_argument, NULL, 'h'},
            {"version", no_argument, NULL, 'V'},
            {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "c:d:l:h", options, NULL)) != -1)
        switch (letter) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'd':
            arguments->over.data = optarg;
            break;
        case 'l':
            if (arguments->over.listen_count == LISTEN_MAX)
                return usage_error("too many endpoints");
            arguments->over.listen[arguments->over.listen_count++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            puts("rued " RUE_VERSION);
            return 0;
        default:
            return 2;
        }
    return optind == argc ? -1 : usage_error("it takes options only");
}

static int failed(const struct err *err)
{
    diag(DIAG_ERROR, "service.failed", "status=%s why=\"%s\"",
            status_name(err->status), err->text);
    return 1;
}

static int open_store(
        const struct config *config, struct ledger **ledger, struct err *err)
{
    struct store_settings settings = {
            .map_bytes = config->settings.storage_map_size};
    char path[4096];

    if (config->settings.data.size >= sizeof(path))
        return err_set(err, STATUS_INVALID, "data: the path is too long");
    memcpy(path, config->settings.data.data, config->settings.data.size);
    path[config->settings.data.size] = '\0';
    return ledger_open(path, &settings, ledger, err);
}

static int serve(struct config *config, const struct arguments *arguments)
{
    struct ledger *ledger;
    struct front *front;
    struct err err;
    int status = open_store(config, &ledger, &err);

    if (status != 0) {
        config_free(config);
        return failed(&err);
    }
    status = front_open(
            &front, ledger, config, arguments->config, &arguments->over, &err);
    if (status == 0)
        status = front_run(front, &err);
    if (status != 0)
        (void)failed(&err);
    front_close(front);
    return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct config *config;
    struct err err;
    int exit_status = read_arguments(argc, argv, &arguments);

    if (exit_status >= 0)
        return exit_status;
    front_block_signals();
    if (registry_check(&err) != 0)
        return failed(&err);
    config = arguments.config != NULL
            ? config_load(arguments.config, &err)
            : config_parse("defaults", bytes_of(NULL, 0), &err);
    if (config == NULL) {
        (void)failed(&err);
        return 2;
    }
    diag_set_level((enum diag_level)config->settings.diag_level);
    config_override(config, &arguments.over);
    return serve(config, &arguments);
}
