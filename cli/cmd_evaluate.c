#include "cli/evaluation.h"

#include <getopt.h>
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

enum letter {
    PROBLEM = 256,
    POLICIES,
    ESTIMATORS,
    SLICES,
    TIMES,
    FOLDS,
    MRDR,
    BOOTSTRAP,
    ALPHA,
    ESS,
    FROM,
    TO,
    JSON,
    HTML,
    METRIC,
};

static const struct option options[] = {
        {"problem", required_argument, NULL, PROBLEM},
        {"policies", required_argument, NULL, POLICIES},
        {"estimators", no_argument, NULL, ESTIMATORS},
        {"slices", no_argument, NULL, SLICES},
        {"times", required_argument, NULL, TIMES},
        {"folds", required_argument, NULL, FOLDS},
        {"mrdr", no_argument, NULL, MRDR},
        {"bootstrap", no_argument, NULL, BOOTSTRAP},
        {"alpha", required_argument, NULL, ALPHA},
        {"ess", required_argument, NULL, ESS},
        {"from", required_argument, NULL, FROM},
        {"to", required_argument, NULL, TO},
        {"json", no_argument, NULL, JSON},
        {"html", required_argument, NULL, HTML},
        {"metric", required_argument, NULL, METRIC},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

static bool count_within(
        const char *option, const char *text, uint64_t most, uint64_t *out)
{
    if (!cli_count("evaluate", option, text, out))
        return false;
    if (*out <= most)
        return true;
    (void)cli_usage(
            "evaluate", "%s: at most %llu", option, (unsigned long long)most);
    return false;
}

static bool take_number(struct evaluation *evaluation, int letter)
{
    struct panel_settings *settings = &evaluation->settings;
    uint64_t count = 0;
    double value;

    switch (letter) {
    case TIMES:
        if (!count_within("--times", optarg, PANEL_TIMES_MAX, &count))
            return false;
        settings->times = (uint32_t)count;
        return true;
    case FOLDS:
        if (!count_within("--folds", optarg, PANEL_FOLDS_MAX, &count))
            return false;
        settings->folds = (uint32_t)count;
        if (count != 1)
            return true;
        (void)cli_usage("evaluate", "--folds: 0, or 2 and more");
        return false;
    case FROM:
        return cli_count("evaluate", "--from", optarg, &settings->from);
    case TO:
        return cli_count("evaluate", "--to", optarg, &settings->last);
    case ESS:
        return cli_number(
                "evaluate", "--ess", optarg, &evaluation->limits.ess_ranking);
    default:
        if (!cli_number("evaluate", "--alpha", optarg, &value))
            return false;
        settings->alpha = value;
        if (value > 0.0 && value < 1.0)
            return true;
        (void)cli_usage("evaluate", "--alpha: between 0 and 1");
        return false;
    }
}

static bool take_option(struct evaluation *evaluation, int letter)
{
    switch (letter) {
    case PROBLEM:
        evaluation->settings.problem = bytes_of_text(optarg);
        return true;
    case POLICIES:
        evaluation->policies = optarg;
        return true;
    case ESTIMATORS:
        evaluation->estimators = true;
        return true;
    case SLICES:
        evaluation->slices = true;
        return true;
    case MRDR:
        evaluation->settings.mrdr = true;
        return true;
    case BOOTSTRAP:
        evaluation->settings.bootstrap = true;
        return true;
    case JSON:
        evaluation->json = true;
        return true;
    case HTML:
        evaluation->html = optarg;
        return true;
    case METRIC:
        evaluation->progressive = strcmp(optarg, "progressive-ips") == 0;
        if (evaluation->progressive)
            return true;
        (void)cli_usage("evaluate", "--metric: progressive-ips");
        return false;
    case '?':
        return false;
    default:
        return take_number(evaluation, letter);
    }
}

int cmd_evaluate(int argc, char **argv)
{
    struct evaluation evaluation = EVALUATION_DEFAULT;
    int letter;

    evaluation.command = "evaluate";
    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (!take_option(&evaluation, letter))
            return EXIT_USAGE;
    }
    if (optind + 1 != argc)
        return cli_usage("evaluate", "name the store's directory");
    evaluation.directory = argv[optind];
    return evaluation_run(&evaluation);
}
