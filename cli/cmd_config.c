#include "cli/options.h"
#include "config/config.h"
#include "policies/registry.h"

#include <getopt.h> /* optind */
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue config check FILE [--json]\n"
        "       rue config show [FILE] [--json]\n"
        "\n"
        "check  reads a configuration as the service would and says what is\n"
        "       wrong, with the line; prints the problems that it declares\n"
        "show   every setting: its value (from FILE, or the default), what it\n"
        "       may be, and what it means; and the options of every policy\n"
        "\n"
        "  --json   JSON\n"
        "\n"
        "Example:\n"
        "  rue config check /etc/rue/rued.yaml\n";

static int check(const char *path, bool json)
{
    struct err err;
    struct config *config = config_load(path, &err);

    if (config == NULL)
        return cli_fail("config check", &err);
    json_t *problems = json_array();
    for (uint32_t i = 0; i < config->problem_count; i++) {
        const struct problem_spec *spec = config->problems[i];
        char name[ID_BYTES_MAX + 1];
        (void)bytes_text(spec->name, name, sizeof(name));
        if (!json)
            printf("problem %s: %s, %u context columns, %u actions, %u "
                   "groups\n",
                    name, spec->policy_name, spec->column_count, spec->slots,
                    spec->group_count);
        (void)json_array_append_new(problems,
                json_pack("{s:s, s:s, s:i, s:i, s:i}", "name", name, "policy",
                        spec->policy_name, "context", (int)spec->column_count,
                        "actions", (int)spec->slots, "groups",
                        (int)spec->group_count));
    }
    if (json)
        cli_print_json(json_pack(
                "{s:b, s:o}", "ok", 1, "problems", json_incref(problems)));
    else
        printf("%s: good\n", path);
    json_decref(problems);
    config_free(config);
    return 0;
}

/* ---- show ---- */

static void row_bounds(const struct option_row *row, char *out, size_t size)
{
    out[0] = '\0';
    if (row->type == OPTION_DOUBLE || row->type == OPTION_COUNT)
        (void)snprintf(out, size, "%g..%g", row->min, row->max);
    for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++)
        (void)snprintf(out + strlen(out), size - strlen(out), "%s%s",
                i > 0 ? "|" : "", row->choices[i]);
    if (row->type == OPTION_FLAG)
        (void)snprintf(out, size, "true|false");
}

/* The value of a row in `options`, or the default where options is NULL. */
static void row_value(const struct option_row *row,
        const struct option_table *table, const void *options, char *out,
        size_t size)
{
    uint64_t block[64];
    struct err err;

    if (options == NULL) {
        CHECK(table->size <= sizeof(block));
        CHECK_ZERO(options_parse(table, NULL, 0, block, &err));
        options = block;
    }
    option_print(row, options, out, size);
}

static void show_row(const char *section, const struct option_row *row,
        const struct option_table *table, const void *options, json_t *list)
{
    char value[256], bounds[256];

    row_value(row, table, options, value, sizeof(value));
    row_bounds(row, bounds, sizeof(bounds));
    if (list == NULL) {
        printf("  %-20s %-20s %s%s%s%s\n", row->name, value, row->sentence,
                bounds[0] ? " (" : "", bounds, bounds[0] ? ")" : "");
        return;
    }
    (void)json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "section", section, "name",
                    row->name, "value", value, "allowed", bounds, "sentence",
                    row->sentence));
}

static void show_table(const char *section, const struct option_table *table,
        const void *options, json_t *list)
{
    if (list == NULL)
        printf("\n%s\n", section);
    for (size_t i = 0; i < table->count; i++)
        show_row(section, &table->rows[i], table, options, list);
}

static void show_lists(json_t *list)
{
    if (list == NULL)
        puts("  (lists)");
    for (size_t i = 0; i < problem_list_count; i++) {
        if (list == NULL)
            printf("  %-20s %-20s %s\n", problem_lists[i].name, "",
                    problem_lists[i].sentence);
        else
            (void)json_array_append_new(list,
                    json_pack("{s:s, s:s, s:s}", "section", "problem", "name",
                            problem_lists[i].name, "sentence",
                            problem_lists[i].sentence));
    }
}

static void show_policies(json_t *list)
{
    char section[96];

    show_table("breaker: the circuit breaker", &breaker_options, NULL, list);
    show_table("policy: of every policy", &policy_shared_options, NULL, list);
    for (size_t i = 0; registry_oracles[i] != NULL; i++) {
        (void)snprintf(section, sizeof(section), "policy: oracle %s",
                registry_oracles[i]->name);
        show_table(section, &registry_oracles[i]->options, NULL, list);
    }
    for (size_t i = 0; registry_explorers[i] != NULL; i++) {
        (void)snprintf(section, sizeof(section), "policy: explorer %s",
                registry_explorers[i]->name);
        show_table(section, &registry_explorers[i]->options, NULL, list);
    }
    for (size_t i = 0; registry_learners[i] != NULL; i++) {
        (void)snprintf(section, sizeof(section), "policy: learner %s",
                registry_learners[i]->name);
        show_table(section, &registry_learners[i]->options, NULL, list);
    }
}

/* The endpoints, which are a list and no row. */
static void show_listen(const struct config *config, json_t *list)
{
    static const char sentence[] =
            "endpoints, one or a list: tcp://ADDRESS:PORT or ipc://PATH";

    for (uint32_t i = 0; i < config->listen_count; i++)
        if (list == NULL)
            printf("  %-20s %-20s %s\n", i == 0 ? "listen" : "",
                    config->listen[i], i == 0 ? sentence : "");
        else
            (void)json_array_append_new(list,
                    json_pack("{s:s, s:s, s:s, s:s, s:s}", "section", "service",
                            "name", "listen", "value", config->listen[i],
                            "allowed", "", "sentence", sentence));
}

static void show_config(const struct config *config, json_t *list)
{
    show_table("service", &settings_table, &config->settings, list);
    show_listen(config, list);
    show_table("problem (each of `problems`)", &problem_settings_table, NULL,
            list);
    show_lists(list);
    show_policies(list);
    for (uint32_t i = 0; i < config->problem_count && list == NULL; i++) {
        const struct problem_spec *spec = config->problems[i];
        char section[ID_BYTES_MAX + 16];
        (void)snprintf(section, sizeof(section), "problem %.*s",
                (int)spec->name.size, (const char *)spec->name.data);
        show_table(section, &problem_settings_table, &spec->settings, NULL);
    }
}

static int show(const char *path, bool json)
{
    struct err err;
    struct config *config = path != NULL
            ? config_load(path, &err)
            : config_parse("defaults", bytes_of(NULL, 0), &err);
    json_t *list = json ? json_array() : NULL;

    if (config == NULL)
        return cli_fail("config show", &err);
    show_config(config, list);
    if (json)
        cli_print_json(list);
    config_free(config);
    return 0;
}

int cmd_config(int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
            CLI_FLAG("json", &json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    int words = argc - optind;

    if (status >= 0)
        return status;
    if (words == 2 && strcmp(argv[optind], "check") == 0)
        return check(argv[optind + 1], json);
    if ((words == 1 || words == 2) && strcmp(argv[optind], "show") == 0)
        return show(words == 2 ? argv[optind + 1] : NULL, json);
    return cli_usage("config", "say check FILE or show [FILE]");
}
