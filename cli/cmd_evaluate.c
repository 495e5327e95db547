#include "cli/evaluation.h"
#include "cli/options.h"

#include <getopt.h> /* optind */
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue evaluate DIR [--problem NAME] [OPTION]...\n"
        "\n"
        "What would other policies have earned on the log of a store, and how\n"
        "sure is that? The logged policy, uniform choice, each constant action\n"
        "and the declared baseline are always in the table; --policies adds\n"
        "others, which learn from the logged feedback as they would have\n"
        "learned in service. The value is the doubly robust estimate; a policy\n"
        "is REFUSED (not ranked) where the log cannot tell, with the reason,\n"
        "the actions to blame and how many events it would take. The service\n"
        "may be running.\n"
        "\n"
        "  --problem NAME    which one; needed where there are several\n"
        "  --policies FILE   YAML, see below\n"
        "  --estimators      every estimator and interval\n"
        "  --slices          per group, generation and part of the time\n"
        "  --times N         parts of the time (10)\n"
        "  --folds N         cross-fit the reward model on N parts; 0: it\n"
        "                    predicts each row before it learns it (0)\n"
        "  --mrdr            fit a reward model for each policy as well\n"
        "  --bootstrap       bootstrap intervals too (1,000 replicates)\n"
        "  --alpha A         intervals hold with probability 1 - A (0.05)\n"
        "  --ess N           least effective sample size to rank (500)\n"
        "  --from N          first record\n"
        "  --to N            last record\n"
        "  --metric M        progressive-ips: in place of the table the mean of\n"
        "                    cost times pi/p of each policy of FILE, as it\n"
        "                    learns along, which is what Vowpal Wabbit's\n"
        "                    exploring reductions print as average loss\n"
        "  --json            one JSON object\n"
        "  --html FILE       beside it a page for people: values, gains, over\n"
        "                    time and by group, weights, overlap, refusals\n"
        "\n"
        "FILE is a list; `policy` is as in a configuration (left out: as\n"
        "served), `learn` is online, promotions or a duration between\n"
        "generations (trees and pairwise are trained then, and need one):\n"
        "  policies:\n"
        "    - name: cautious\n"
        "      policy: {oracle: ridge, explorer: squarecb, gamma_scale: 100}\n"
        "    - name: nightly\n"
        "      policy: {oracle: ridge, explorer: greedy}\n"
        "      learn: 1d\n"
        "\n"
        "Example:\n"
        "  rue evaluate /var/lib/rue --problem payments --policies "
        "policies.yaml \\\n"
        "    --html page.html\n";

int cmd_evaluate(int argc, char **argv)
{
    static const char *const metrics[] = {"progressive-ips", NULL};
    struct evaluation evaluation = EVALUATION_DEFAULT;
    struct panel_settings *settings = &evaluation.settings;
    uint32_t metric = UINT32_MAX;
    const struct cli_option options[] = {
            CLI_BYTES("problem", &settings->problem),
            CLI_TEXT("policies", &evaluation.policies),
            CLI_FLAG("estimators", &evaluation.estimators),
            CLI_FLAG("slices", &evaluation.slices),
            CLI_COUNT32("times", &settings->times, 0, PANEL_TIMES_MAX),
            CLI_COUNT32("folds", &settings->folds, 0, PANEL_FOLDS_MAX),
            CLI_FLAG("mrdr", &settings->mrdr),
            CLI_FLAG("bootstrap", &settings->bootstrap),
            CLI_NUMBER("alpha", &settings->alpha, 0.0, 1.0),
            CLI_ANY_NUMBER("ess", &evaluation.limits.ess_ranking),
            CLI_ANY_COUNT("from", &settings->from),
            CLI_ANY_COUNT("to", &settings->last),
            CLI_FLAG("json", &evaluation.json),
            CLI_TEXT("html", &evaluation.html),
            CLI_CHOICE("metric", &metric, metrics),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (settings->folds == 1)
        return cli_usage("evaluate", "--folds: 0, or 2 and more");
    evaluation.command = "evaluate";
    evaluation.progressive = metric == 0;
    if (optind + 1 != argc)
        return cli_usage("evaluate", "name the store's directory");
    evaluation.directory = argv[optind];
    return evaluation_run(&evaluation);
}
