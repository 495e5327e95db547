/* Panels and exact replay over logs that the engine wrote, in a store in
 * memory. */
#include "replay/exact.h"
#include "replay/panel.h"
#include "replay/rebuild.h"

#include "base/rng.h"
#include "tests/lib/scribe.h"
#include "tests/lib/suite.h"

#include <math.h>

#define ROUNDS 4000u

static struct scribe scribe;
static struct store *store;

static const char settings[] = "context: x\n"
                               "actions: left\n"
                               "actions: middle\n"
                               "actions: right\n"
                               "groups.name: low\n"
                               "groups.when: x < 0.5\n"
                               "reward.wait: 10s\n"
                               "reward.default: 0\n"
                               "policy.oracle: ridge\n"
                               "policy.explorer: epsilon\n"
                               "policy.epsilon: 0.3\n";

/* left pays 0.2, middle x, right 1 - x: the best is right below 1/2. */
static double mean_of(double x, uint32_t place)
{
    return place == 0 ? 0.2 : place == 1 ? x : 1.0 - x;
}

static void event_name(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "event-%05u", i);
}

/* Feedback comes `delay` rounds later; every tenth event gets none and its
 * default. */
static void write_rounds(uint32_t from, uint32_t delay)
{
    struct rng rng = rng_keyed(1, from, RNG_TEST);
    static double pays[2 * ROUNDS];

    for (uint32_t i = from; i < from + ROUNDS + delay; i++) {
        nanos now = (nanos)i * NANOS_PER_SECOND;
        char event[32];
        if (i < from + ROUNDS) {
            double x = rng_unit(&rng);
            struct question question = {.shared = {1, 1, NULL, &x}};
            const struct decision *decision;
            event_name(i, event, sizeof(event));
            question.event = bytes_of_text(event);
            question.has_baseline = true;
            question.baseline = 1;
            decision = scribe_decide(&scribe, &question, now);
            pays[i] = rng_unit(&rng) < mean_of(x, decision->ranking[0]);
        }
        if (i < from + delay)
            continue;
        event_name(i - delay, event, sizeof(event));
        if (i % 10 == 3)
            scribe_deadline(&scribe, bytes_of_text(event),
                    (nanos)(i - delay + 10) * NANOS_PER_SECOND);
        else
            scribe_feedback(
                    &scribe, bytes_of_text(event), pays[i - delay], now);
        if (i == from + ROUNDS / 2)
            scribe_snapshot(&scribe);
    }
    scribe_commit(&scribe);
}

static void write_log(uint32_t delay)
{
    struct ledger *ledger;
    struct err err;

    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    scribe_open(&scribe, ledger, settings);
    write_rounds(0, delay);
}

static struct keyvalue setting(const char *key, const char *value)
{
    return (struct keyvalue){
            bytes_of_text(key), bytes_of_text(value), 7, false};
}

static struct panel open_panel(const struct panel_settings *wanted)
{
    struct panel panel;
    struct err err;

    ck_assert_msg(panel_open(&panel, scribe.ledger, wanted, &err) == 0, "%s",
            err.text);
    return panel;
}

static void add_policy(struct panel *panel, const char *name,
        enum panel_schedule schedule, const char *explorer)
{
    struct keyvalue policy[2] = {setting("policy.oracle", "ridge"),
            setting("policy.explorer", explorer)};
    uint32_t line;
    struct err err;

    ck_assert_msg(panel_add(panel, bytes_of_text(name), schedule,
                          500 * NANOS_PER_SECOND, policy, 2, &line, &err) == 0,
            "%s", err.text);
}

static const struct panel_policy *policy_of(
        const struct panel *panel, const char *name)
{
    for (uint32_t i = 0; i < panel->policy_count; i++)
        if (strcmp(panel->policies[i].name, name) == 0)
            return &panel->policies[i];
    ck_abort_msg("no policy %s", name);
}

static double estimate(const struct panel *panel, const char *name,
        uint32_t slice, enum ope_estimator estimator)
{
    return ope_estimate(&policy_of(panel, name)->slices[slice].sums,
            &panel->settings.ope, estimator)
            .value;
}

static void run(struct panel *panel)
{
    struct err err;

    ck_assert_msg(panel_run(panel, &err) == 0, "%s", err.text);
}

/* 10 % of the outcomes are the default, 0. */
#define SEEN 0.9

START_TEST(values_are_near_the_truth)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel panel;
    double logged, best = SEEN * 0.75, middle = SEEN * 0.5;

    write_log((uint32_t)_i);
    panel = open_panel(&wanted);
    add_policy(&panel, "greedy", PANEL_ONLINE, "greedy");
    run(&panel);
    ck_assert_uint_eq(panel.rows, ROUNDS);
    ck_assert_uint_eq(panel.decisions, ROUNDS);
    ck_assert_uint_eq(panel.left_out.waiting + panel.left_out.gone, 0);
    /* Five standard errors: 0.04 with weights up to 10, less for the rest. */
    logged = estimate(&panel, "logged", 0, OPE_IPS);
    ck_assert_double_eq_tol(
            estimate(&panel, "always left", 0, OPE_DR), SEEN * 0.2, 0.1);
    ck_assert_double_eq_tol(
            estimate(&panel, "always middle", 0, OPE_DR), middle, 0.1);
    ck_assert_double_eq_tol(
            estimate(&panel, "baseline", 0, OPE_DR), middle, 0.1);
    ck_assert_double_eq_tol(estimate(&panel, "uniform", 0, OPE_DR),
            SEEN * (0.2 + 0.5 + 0.5) / 3.0, 0.06);
    ck_assert_double_eq_tol(estimate(&panel, "greedy", 0, OPE_DR), best, 0.07);
    ck_assert_double_gt(estimate(&panel, "greedy", 0, OPE_DR), logged);
    /* In the low group right pays 3/4 on average, middle 1/4. */
    ck_assert_double_eq_tol(
            estimate(&panel, "always right", 1, OPE_DR), SEEN * 0.75, 0.1);
    ck_assert_double_eq_tol(
            estimate(&panel, "always middle", 1, OPE_DR), SEEN * 0.25, 0.1);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* The logged policy's value is the mean reward, whatever the estimator; slices
 * of time and groups add up. */
START_TEST(the_logged_policy_is_its_mean)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    const struct panel_slice *slices;
    struct panel panel;
    double mean, times = 0.0, rows = 0.0;

    write_log(3);
    panel = open_panel(&wanted);
    run(&panel);
    slices = policy_of(&panel, "logged")->slices;
    mean = scribe.problem->counters.value_sum / ROUNDS;
    for (int estimator = 0; estimator < OPE_ESTIMATORS; estimator++)
        if (estimator == OPE_IPS || estimator == OPE_SNIPS ||
                estimator == OPE_CLIPPED)
            ck_assert_double_eq_tol(estimate(&panel, "logged", 0,
                                            (enum ope_estimator)estimator),
                    mean, 1e-12);
    for (uint32_t i = 0; i < panel.slice_count; i++)
        if (panel.slice_of[i].kind == PANEL_TIME) {
            times += slices[i].sums.reward;
            rows += slices[i].sums.count;
            ck_assert_double_eq_tol(slices[i].sums.count, ROUNDS / 10.0, 3.0);
        }
    ck_assert_double_eq_tol(rows, ROUNDS, 1e-9);
    ck_assert_double_eq_tol(times, mean * ROUNDS, 1e-9);
    ck_assert_double_eq_tol(slices[1].sums.count, ROUNDS / 2.0, 130.0);
    ck_assert_double_eq_tol(slices[0].gain.terms.mean, 0.0, 1e-15);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* The policy that logged, replayed beside the others, gives the logged
 * probabilities again: every weight is 1. */
START_TEST(the_same_policy_has_weight_one)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    const struct ope_sums *sums;
    struct panel panel;
    uint32_t line;
    struct err err;

    write_log((uint32_t)_i);
    panel = open_panel(&wanted);
    ck_assert_int_eq(panel_add(&panel, bytes_of_text("served"), PANEL_ONLINE, 0,
                             NULL, 0, &line, &err),
            0);
    run(&panel);
    sums = &policy_of(&panel, "served")->slices[0].sums;
    ck_assert_double_eq_tol(sums->w, ROUNDS, 1e-9);
    ck_assert_double_eq_tol(sums->ww, ROUNDS, 1e-9);
    ck_assert_double_eq_tol(sums->most, 1.0, 1e-12);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* A policy that serves generations every 500 s knows nothing at first. */
START_TEST(generations_follow_their_schedule)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel panel;
    uint32_t first, last;

    write_log(0);
    panel = open_panel(&wanted);
    add_policy(&panel, "online", PANEL_ONLINE, "greedy");
    add_policy(&panel, "batch", PANEL_EVERY, "greedy");
    add_policy(&panel, "never", PANEL_PROMOTIONS, "greedy");
    run(&panel);
    first = 1 + panel.spec->group_count;
    last = first + panel.settings.times - 1;
    ck_assert_uint_eq(policy_of(&panel, "batch")->served, 8);
    ck_assert_uint_eq(policy_of(&panel, "never")->served, 0);
    /* A fresh greedy policy plays all alike: 0.36 here. */
    ck_assert_double_eq_tol(estimate(&panel, "batch", first, OPE_DR),
            estimate(&panel, "never", first, OPE_DR), 1e-12);
    ck_assert_double_gt(estimate(&panel, "online", first, OPE_DR),
            estimate(&panel, "batch", first, OPE_DR) + 0.1);
    ck_assert_double_gt(estimate(&panel, "batch", last, OPE_DR),
            estimate(&panel, "never", last, OPE_DR) + 0.1);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* What a panel asks of its trainer. */
static struct {
    uint32_t count;
    uint64_t before[16];
    nanos now[16];
    int status;
} asked;

static int note_training(
        void *self, const struct panel_training *training, struct err *err)
{
    (void)self;
    ck_assert_uint_eq(training->from, 1);
    ck_assert_str_eq(training->spec->policy.oracle.oracle->name, "trees");
    asked.before[asked.count] = training->before;
    asked.now[asked.count++] = training->now;
    return asked.count == 1 ? STATUS_NOT_FOUND
            : asked.status == 0
            ? 0
            : err_set(err, (enum status)asked.status, "no trees today");
}

static int add_trees(
        struct panel *panel, enum panel_schedule schedule, struct err *err)
{
    struct keyvalue policy[2] = {setting("policy.oracle", "trees"),
            setting("policy.explorer", "greedy")};
    uint32_t line;

    return panel_add(panel, bytes_of_text("trees"), schedule,
            1000 * NANOS_PER_SECOND, policy, 2, &line, err);
}

/* Every 1,000 s, which are as many rounds of a decision and a feedback; or
 * every 1,500 decisions. */
START_TEST(batch_oracles_are_trained_at_their_generations)
{
    const struct panel_trainer trainer = {.train = note_training};
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel panel;
    struct err err;

    write_log(0);
    wanted.trainer = &trainer;
    memset(&asked, 0, sizeof(asked));
    panel = open_panel(&wanted);
    ck_assert_int_eq(add_trees(&panel, PANEL_EVERY, &err), 0);
    run(&panel);
    /* The last one for the expiry of the last; the first found nothing. */
    ck_assert_uint_eq(asked.count, 4);
    ck_assert_uint_eq(policy_of(&panel, "trees")->served, 3);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_ge(
                asked.now[i], (nanos)(i + 1) * 1000 * NANOS_PER_SECOND);
        ck_assert_int_le(
                asked.now[i], (nanos)(i + 1) * 1011 * NANOS_PER_SECOND);
    }
    panel_close(&panel);
    wanted.generation_rows = 1500;
    memset(&asked, 0, sizeof(asked));
    panel = open_panel(&wanted);
    ck_assert_int_eq(add_trees(&panel, PANEL_ONLINE, &err), 0);
    run(&panel);
    ck_assert_uint_eq(asked.count, 2);
    ck_assert_uint_eq(asked.before[0], 2 + 2 * 1500); /* the next decision */
    ck_assert_uint_eq(asked.before[1], 2 + 2 * 3000);
    panel_close(&panel);
    memset(&asked, 0, sizeof(asked));
    asked.status = STATUS_IO;
    panel = open_panel(&wanted);
    ck_assert_int_eq(add_trees(&panel, PANEL_ONLINE, &err), 0);
    ck_assert_int_eq(panel_run(&panel, &err), STATUS_IO);
    ck_assert(strstr(err.text, "policy 'trees': no trees today") != NULL);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* Cross-fitted or progressive, weighted or not: the same truth. */
START_TEST(models_agree)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel progressive, crossed;
    double sum = 0.0;

    write_log(2);
    wanted.mrdr = true;
    wanted.bootstrap = true;
    progressive = open_panel(&wanted);
    add_policy(&progressive, "greedy", PANEL_ONLINE, "greedy");
    run(&progressive);
    wanted.folds = 5;
    crossed = open_panel(&wanted);
    add_policy(&crossed, "greedy", PANEL_ONLINE, "greedy");
    run(&crossed);
    ck_assert_double_eq_tol(estimate(&progressive, "greedy", 0, OPE_DR),
            estimate(&crossed, "greedy", 0, OPE_DR), 0.02);
    ck_assert_double_eq_tol(estimate(&progressive, "greedy", 0, OPE_MRDR),
            estimate(&progressive, "greedy", 0, OPE_DR), 0.02);
    ck_assert(estimate(&progressive, "greedy", 0, OPE_MRDR) !=
            estimate(&progressive, "greedy", 0, OPE_DR));
    /* A linear model is exact here but for the noise. */
    ck_assert_double_eq_tol(
            estimate(&crossed, "greedy", 0, OPE_DM), SEEN * 0.75, 0.04);
    for (uint32_t i = 0; i < PANEL_BINS; i++)
        sum += (double)crossed.bins[i].count;
    ck_assert_double_eq_tol(sum, ROUNDS, 1e-9);
    panel_close(&progressive);
    panel_close(&crossed);
    scribe_close(&scribe);
}
END_TEST

/* Rows before report_from teach and do not count. */
START_TEST(the_past_teaches_only)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel panel;

    write_log(0);
    wanted.report_from = 1 + ROUNDS; /* a decision and a feedback a round */
    panel = open_panel(&wanted);
    add_policy(&panel, "greedy", PANEL_ONLINE, "greedy");
    run(&panel);
    ck_assert_uint_eq(panel.rows, ROUNDS / 2);
    ck_assert_double_eq_tol(
            estimate(&panel, "greedy", 0, OPE_DR), SEEN * 0.75, 0.09);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

START_TEST(mistakes_are_named)
{
    const struct panel_trainer trainer = {.train = note_training};
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct keyvalue policy[2] = {setting("policy.oracle", "ridge"),
            setting("policy.explorer", "nonsense")};
    struct panel panel;
    uint32_t line;
    struct err err;

    write_log(0);
    panel = open_panel(&wanted);
    ck_assert_int_eq(panel_add(&panel, bytes_of_text("bad"), PANEL_ONLINE, 0,
                             policy, 2, &line, &err),
            STATUS_INVALID);
    ck_assert_uint_eq(line, 7);
    ck_assert(strstr(err.text, "nonsense") != NULL);
    ck_assert_int_eq(add_trees(&panel, PANEL_EVERY, &err), STATUS_UNSUPPORTED);
    panel_close(&panel);
    wanted.trainer = &trainer;
    panel = open_panel(&wanted);
    ck_assert_int_eq(add_trees(&panel, PANEL_ONLINE, &err), STATUS_INVALID);
    ck_assert(strstr(err.text, "say when") != NULL);
    panel_close(&panel);
    wanted.problem = bytes_of_text("nobody");
    ck_assert_int_eq(
            panel_open(&panel, scribe.ledger, &wanted, &err), STATUS_NOT_FOUND);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* ---- exact replay ---- */

static struct exact_report replayed(void)
{
    struct exact_settings wanted = {.problem = NULL};
    struct exact_report report;
    struct err err;

    ck_assert_msg(exact_run(scribe.ledger, &wanted, &report, &err) == 0, "%s",
            err.text);
    ck_assert_uint_eq(report.problem_count, 1);
    return report;
}

START_TEST(the_log_replays_exactly)
{
    struct exact_report report;
    uint64_t hash;

    write_log((uint32_t)_i);
    report = replayed();
    ck_assert_msg(
            !report.problems[0].differs, "%s", report.problems[0].difference);
    ck_assert_uint_eq(report.problems[0].decisions, ROUNDS);
    ck_assert_uint_eq(report.problems[0].snapshots, 1);
    ck_assert(problem_state_hash(scribe.problem, &hash));
    ck_assert_uint_eq(report.problems[0].state_hash, hash);
    exact_free(&report);
    scribe_close(&scribe);
}
END_TEST

/* The state that a service has which starts with these settings. */
static void change_settings(const char *changed, bool same_state)
{
    struct problem *old = scribe.problem;
    struct arena specs = scribe.specs;
    uint64_t digest = scribe.spec.state_digest;
    struct rebuild rebuild = {.problem_count = 1};
    struct ledger_reader reader;
    struct err err;

    scribe.problem = NULL;
    scribe_settings(&scribe, changed);
    scribe_commit(&scribe);
    ck_assert_int_eq(scribe.spec.state_digest == digest, same_state);
    rebuild.problems = &scribe.problem;
    ck_assert_int_eq(ledger_reader_open(scribe.ledger, &reader, &err), 0);
    ck_assert_int_eq(rebuild_run(&rebuild, &reader, &err), 0);
    ledger_reader_close(&reader);
    problem_close(old);
    free(specs.data);
}

/* Settings that change while it goes on are followed: of the explorer alone,
 * and such that all must be learned again. */
START_TEST(new_settings_are_followed)
{
    char changed[sizeof(settings) + 64];
    struct exact_report report;

    write_log(0);
    if (_i == 0) {
        (void)snprintf(changed, sizeof(changed), "%s", settings);
        memcpy(strstr(changed, "0.3"), "0.5", 3);
    } else {
        (void)snprintf(
                changed, sizeof(changed), "%spolicy.lambda: 3\n", settings);
    }
    change_settings(changed, _i == 0);
    write_rounds(ROUNDS, 1);
    report = replayed();
    ck_assert_msg(
            !report.problems[0].differs, "%s", report.problems[0].difference);
    ck_assert_uint_eq(report.problems[0].settings, 1);
    ck_assert_uint_eq(report.problems[0].decisions, 2 * ROUNDS);
    exact_free(&report);
    scribe_close(&scribe);
}
END_TEST

/* One probability that is another in the last bit is found and named. */
START_TEST(a_difference_is_named)
{
    static const uint32_t eligible[3] = {0, 1, 2};
    double third = 1.0 / 3.0, x = 0.25;
    double probability[3] = {third, third, nextafter(third, 1.0)};
    struct decision_record record = {
            .head = {RECORD_DECISION, 0, 0, bytes_of_text("forged")},
            .question = {.shared = {1, 1, NULL, &x}},
            .count = 3,
            .eligible = eligible,
            .probability = probability,
            .chosen = 1,
    };
    struct exact_report report;
    struct ledger *ledger;
    struct bytes payload;
    struct err err;

    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    scribe_open(&scribe, ledger, settings);
    record.head.problem = scribe.spec.number;
    arena_reset(&scribe.step);
    payload = record_encode_decision(&record, &scribe.step);
    scribe_append(&scribe, RECORD_DECISION, scribe.spec.number, payload);
    scribe_commit(&scribe);
    report = replayed();
    ck_assert(report.problems[0].differs);
    ck_assert_msg(strstr(report.problems[0].difference,
                          "record 2, event 'forged': ") != NULL,
            "%s", report.problems[0].difference);
    exact_free(&report);
    scribe_close(&scribe);
}
END_TEST

static const char guarded[] = "context: x\n"
                              "actions: plain\n"
                              "actions: better\n"
                              "actions: worse\n"
                              "reward.min: 1\n"
                              "reward.max: 1000\n"
                              "reward.objective: minimise\n"
                              "reward.wait: 0\n"
                              "reward.default: 1\n"
                              "guard.action: plain\n"
                              "policy.oracle: ridge\n"
                              "policy.explorer: squarecb\n";

static void write_guarded(void)
{
    static const double cost[] = {100.0, 60.0, 300.0};
    struct rng rng = rng_keyed(1, 77, RNG_TEST);
    struct ledger *ledger;
    struct err err;

    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    scribe_open(&scribe, ledger, guarded);
    for (uint32_t i = 0; i < 2000; i++) {
        nanos now = (nanos)(i + 1) * NANOS_PER_SECOND;
        double x = rng_unit(&rng), paid;
        struct question question = {.shared = {1, 1, NULL, &x}};
        const struct decision *decision;
        char event[32];
        event_name(i, event, sizeof(event));
        question.event = bytes_of_text(event);
        decision = scribe_decide(&scribe, &question, now);
        paid = cost[decision->ranking[0]];
        if (decision->limit > 0.0 && paid > decision->limit)
            paid = decision->limit + cost[0];
        scribe_feedback(&scribe, bytes_of_text(event), paid, now);
    }
    scribe_commit(&scribe);
}

/* What a guard decided is no evidence of others, and is counted; the rest is
 * an ordinary log. */
START_TEST(rows_of_the_guard_do_not_count)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    const struct problem_counters *counters;
    struct panel panel;

    write_guarded();
    counters = &scribe.problem->counters;
    panel = open_panel(&wanted);
    run(&panel);
    ck_assert_uint_gt(panel.left_out.forced, 0);
    ck_assert_uint_eq(panel.left_out.forced,
            counters->guarded_budget + counters->guarded_settled);
    ck_assert_uint_gt(panel.rows, 0);
    ck_assert_uint_eq(panel.rows + panel.left_out.forced, panel.decisions);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

/* Another reason, or another limit, is a difference of an exact replay. */
START_TEST(what_the_guard_did_is_compared)
{
    struct exact_report report;
    struct decision_record recorded, again;
    static const uint32_t eligible[1] = {0};
    static const double certain[1] = {1.0};
    char text[EXACT_TEXT_SIZE];

    write_guarded();
    report = replayed();
    ck_assert_msg(
            !report.problems[0].differs, "%s", report.problems[0].difference);
    ck_assert_uint_eq(report.problems[0].decisions, 2000);
    exact_free(&report);
    scribe_close(&scribe);
    memset(&recorded, 0, sizeof(recorded));
    recorded.count = 1;
    recorded.eligible = eligible;
    recorded.probability = certain;
    again = recorded;
    ck_assert(exact_same_decision(&recorded, &again, text, sizeof(text)));
    again.guard = GUARD_BUDGET;
    ck_assert(!exact_same_decision(&recorded, &again, text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "guard's reason"));
    again.guard = GUARD_FREE;
    again.limit = 150.0;
    ck_assert(!exact_same_decision(&recorded, &again, text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "limit"));
    again.limit = 0.0;
    again.masked = 1;
    ck_assert(!exact_same_decision(&recorded, &again, text, sizeof(text)));
}
END_TEST

/* Time begins with the first decision, however long before it the settings were
 * made: each part of it has its share of the rows. */
START_TEST(time_begins_with_decisions)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct panel panel;
    struct ledger *ledger;
    struct err err;

    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    scribe_open(&scribe, ledger, settings);
    write_rounds(ROUNDS, 0);
    wanted.times = 4;
    panel = open_panel(&wanted);
    run(&panel);
    ck_assert_int_eq(panel.began, ROUNDS * NANOS_PER_SECOND);
    for (uint32_t i = 0; i < panel.slice_count; i++)
        if (panel.slice_of[i].kind == PANEL_TIME)
            ck_assert_double_eq_tol(
                    panel.policies[0].slices[i].sums.count, ROUNDS / 4.0, 10.0);
    panel_close(&panel);
    scribe_close(&scribe);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("panel");
    TCase *panels = tcase_create("panel");
    TCase *exact = tcase_create("exact");

    tcase_set_timeout(panels, 60);
    tcase_set_timeout(exact, 60);
    tcase_add_loop_test(panels, values_are_near_the_truth, 0, 3);
    tcase_add_test(panels, the_logged_policy_is_its_mean);
    tcase_add_loop_test(panels, the_same_policy_has_weight_one, 0, 3);
    tcase_add_test(panels, generations_follow_their_schedule);
    tcase_add_test(panels, batch_oracles_are_trained_at_their_generations);
    tcase_add_test(panels, models_agree);
    tcase_add_test(panels, the_past_teaches_only);
    tcase_add_test(panels, time_begins_with_decisions);
    tcase_add_test(panels, rows_of_the_guard_do_not_count);
    tcase_add_test(panels, mistakes_are_named);
    tcase_add_loop_test(exact, the_log_replays_exactly, 0, 3);
    tcase_add_loop_test(exact, new_settings_are_followed, 0, 2);
    tcase_add_test(exact, a_difference_is_named);
    tcase_add_test(exact, what_the_guard_did_is_compared);
    suite_add_tcase(suite, panels);
    suite_add_tcase(suite, exact);
    return run_suite(suite);
}
