/* The client over an engine in this process, with a store whose disk fails: the
 * caller is told, nobody waits for ever, and what was acknowledged before is
 * there when the store is opened again, and nothing else. */
#include "local/rue-local.h"
#include "tests/lib/suite.h"

#include <errno.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* LMDB's last call before a transaction counts. The program's own definition
 * comes before the C library's. */
static _Atomic bool broken;
static _Atomic unsigned refused;

int fdatasync(int fd)
{
    if (!atomic_load(&broken))
        return (int)syscall(SYS_fdatasync, fd);
    atomic_fetch_add(&refused, 1);
    errno = EIO;
    return -1;
}

static const char config[] = "storage: {map_size: 64MiB}\n"
                             "problems:\n"
                             "  - name: safe\n"
                             "    actions: [red, green]\n"
                             "    policy: {learner: tsallis-inf}\n"
                             "  - name: fast\n"
                             "    actions: [red, green]\n"
                             "    durability: relaxed\n"
                             "    policy: {learner: tsallis-inf}\n";

static char directory[32];

static int remove_one(
        const char *path, const struct stat *found, int kind, struct FTW *at)
{
    (void)found;
    (void)kind;
    (void)at;
    return remove(path);
}

static void make_directory(void)
{
    atomic_store(&broken, false);
    (void)snprintf(directory, sizeof(directory), "/tmp/rue-disk-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    ck_assert_int_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static rue_client *open_store(void)
{
    rue_local_options options;
    char error[256] = "";
    rue_client *client;

    rue_local_options_init(&options);
    options.config = config;
    options.store = directory;
    client = rue_open_local(&options, error, sizeof(error));
    ck_assert_msg(client != NULL, "%s", error);
    return client;
}

static rue_status decide(
        rue_client *client, const char *problem, const char *event)
{
    rue_question question = {.event = event};
    rue_answer answer;

    return rue_decide(client, problem, &question, &answer);
}

static double decisions(rue_client *client, const char *problem)
{
    rue_service_status status;

    ck_assert_int_eq(rue_get_status(client, problem, &status), RUE_OK);
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, "decisions") == 0)
            return status.numbers[i].value;
    ck_abort_msg("no number of decisions");
}

/* What is asked once the disk has failed is refused at once, with the reason.
 */
static void expect_failed(rue_client *client)
{
    rue_service_status status;
    rue_receipt receipt;

    ck_assert_int_eq(decide(client, "safe", "late"), RUE_IO);
    ck_assert_ptr_nonnull(strstr(rue_error(client), "Input/output error"));
    ck_assert_int_eq(decide(client, "fast", "late"), RUE_IO);
    ck_assert_int_eq(
            rue_feedback(client, "safe", "first", 1.0, NULL, &receipt), RUE_IO);
    ck_assert_int_eq(rue_get_status(client, "safe", &status), RUE_IO);
}

/* The event is there; nothing that was not acknowledged is. */
static void expect_first_only(void)
{
    rue_client *client = open_store();
    rue_receipt receipt;

    ck_assert_double_eq(decisions(client, "safe"), 1.0);
    ck_assert_int_eq(
            rue_feedback(client, "safe", "first", 1.0, NULL, &receipt), RUE_OK);
    ck_assert(!receipt.held);
    ck_assert_int_eq(decide(client, "safe", "second"), RUE_OK);
    ck_assert_double_eq(decisions(client, "safe"), 2.0);
    rue_close(client);
}

START_TEST(a_call_that_waits_is_told)
{
    rue_client *client = open_store();

    ck_assert_int_eq(decide(client, "safe", "first"), RUE_OK);
    atomic_store(&broken, true);
    ck_assert_int_eq(decide(client, "safe", "lost"), RUE_IO);
    ck_assert_uint_gt(atomic_load(&refused), 0);
    expect_failed(client);
    /* A disk that comes back is not trusted: what it has is not known. */
    atomic_store(&broken, false);
    expect_failed(client);
    rue_close(client);
    expect_first_only();
}
END_TEST

static void note(void *self, const rue_reply *reply)
{
    unsigned *told = self;

    ck_assert_int_eq(reply->status, RUE_IO);
    ck_assert_ptr_nonnull(reply->message);
    ++*told;
}

START_TEST(what_was_sent_is_told)
{
    rue_client *client = open_store();
    rue_question question = {.event = NULL};
    rue_request request = {
            .problem = "safe", .questions = &question, .question_count = 1};
    unsigned sent = 0, told = 0;

    ck_assert_int_eq(decide(client, "safe", "first"), RUE_OK);
    atomic_store(&broken, true);
    /* Those after the failure was noticed are refused by the call itself. */
    for (int i = 0; i < 3; i++)
        sent += rue_send(client, &request, note, &told) == RUE_OK;
    ck_assert_uint_ge(sent, 1);
    while (rue_in_flight(client) > 0)
        (void)rue_poll(client, 100);
    ck_assert_uint_eq(told, sent);
    ck_assert_int_eq(rue_send(client, &request, note, &told), RUE_IO);
    ck_assert_uint_eq(told, sent);
    expect_failed(client);
    rue_close(client);
    atomic_store(&broken, false);
    expect_first_only();
}
END_TEST

/* A relaxed problem is answered before the disk is; its next call is told. */
START_TEST(a_relaxed_problem_is_told_later)
{
    rue_client *client = open_store();
    rue_status status = RUE_OK;
    char event[16];

    ck_assert_int_eq(decide(client, "safe", "first"), RUE_OK);
    atomic_store(&broken, true);
    ck_assert_int_eq(decide(client, "fast", "unsafe"), RUE_OK);
    /* Batches are handed over as the disk takes them: there is a bound. */
    for (unsigned i = 0; status == RUE_OK && i < 1000000; i++) {
        (void)snprintf(event, sizeof(event), "e%u", i);
        status = decide(client, "fast", event);
    }
    ck_assert_int_eq(status, RUE_IO);
    expect_failed(client);
    rue_close(client);
    atomic_store(&broken, false);
    expect_first_only();
}
END_TEST

/* Nothing can be registered: opening says so, and leaves nothing behind. */
START_TEST(a_store_that_cannot_be_made_is_refused)
{
    rue_local_options options;
    char error[256] = "";

    rue_local_options_init(&options);
    options.config = config;
    options.store = directory;
    atomic_store(&broken, true);
    ck_assert_ptr_null(rue_open_local(&options, error, sizeof(error)));
    ck_assert_msg(strstr(error, "Input/output error") != NULL, "%s", error);
    atomic_store(&broken, false);
    rue_close(open_store());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("a disk that fails");
    TCase *tests = tcase_create("disk");

    tcase_add_checked_fixture(tests, make_directory, remove_directory);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_call_that_waits_is_told);
    tcase_add_test(tests, what_was_sent_is_told);
    tcase_add_test(tests, a_relaxed_problem_is_told_later);
    tcase_add_test(tests, a_store_that_cannot_be_made_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
