/* The closed set of statuses, whose numbers are on the wire, and messages that
 * are cut rather than overrun. A failed CHECK stops the process. */
#include "base/err.h"

#include "tests/lib/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Spelled out here a second time on purpose: these numbers cannot change. */
static const struct {
    enum status status;
    int number;
    const char *name;
} statuses[] = {
        {STATUS_OK, 0, "OK"},
        {STATUS_INVALID, 1, "INVALID"},
        {STATUS_UNKNOWN_PROBLEM, 2, "UNKNOWN_PROBLEM"},
        {STATUS_UNKNOWN_EVENT, 3, "UNKNOWN_EVENT"},
        {STATUS_DUPLICATE, 4, "DUPLICATE"},
        {STATUS_DENIED, 5, "DENIED"},
        {STATUS_BUSY, 6, "BUSY"},
        {STATUS_STORAGE_FULL, 7, "STORAGE_FULL"},
        {STATUS_INTERNAL, 8, "INTERNAL"},
        {STATUS_UNSUPPORTED, 9, "UNSUPPORTED"},
        {STATUS_CORRUPT, 10, "CORRUPT"},
        {STATUS_IO, 11, "IO"},
        {STATUS_TIMEOUT, 12, "TIMEOUT"},
        {STATUS_AWAY, 13, "AWAY"},
        {STATUS_NOT_FOUND, 14, "NOT_FOUND"},
};

START_TEST(numbers_and_names_are_fixed)
{
    ck_assert_int_eq((int)statuses[_i].status, statuses[_i].number);
    ck_assert_str_eq(status_name(statuses[_i].status), statuses[_i].name);
    ck_assert_uint_gt(strlen(status_sentence(statuses[_i].status)), 3);
}
END_TEST

START_TEST(an_unknown_number_has_a_name_too)
{
    ck_assert_str_eq(status_name((enum status)99), "?");
    ck_assert_str_eq(status_sentence((enum status)99), "an unknown status");
}
END_TEST

START_TEST(setting_returns_the_status)
{
    struct err err;

    ck_assert_int_eq(
            err_set(&err, STATUS_BUSY, "%d of %s", 3, "them"), STATUS_BUSY);
    ck_assert_int_eq((int)err.status, STATUS_BUSY);
    ck_assert_str_eq(err.text, "3 of them");
    ck_assert_int_eq(err_set(NULL, STATUS_IO, "nobody reads"), STATUS_IO);
}
END_TEST

START_TEST(prefixes_go_in_front)
{
    struct err err;

    (void)err_set(&err, STATUS_CORRUPT, "checksum");
    ck_assert_int_eq(err_prefix(&err, "record %d", 7), STATUS_CORRUPT);
    ck_assert_int_eq(err_prefix(&err, "log"), STATUS_CORRUPT);
    ck_assert_str_eq(err.text, "log: record 7: checksum");
    ck_assert_int_eq((int)err.status, STATUS_CORRUPT);
}
END_TEST

/* Longest texts of every length around the limit, with a guard behind. */
START_TEST(long_text_is_cut)
{
    struct {
        struct err err;
        char guard[16];
    } held;
    char text[ERR_TEXT_SIZE * 2];
    size_t size = (size_t)(ERR_TEXT_SIZE - 3 + _i);
    size_t kept = size < ERR_TEXT_SIZE ? size : ERR_TEXT_SIZE - 1;

    memset(&held, '#', sizeof(held));
    memset(text, 'x', size);
    text[size] = '\0';
    (void)err_set(&held.err, STATUS_INVALID, "%s", text);
    ck_assert_uint_eq(strlen(held.err.text), kept);
    (void)err_prefix(&held.err, "ab");
    ck_assert_int_eq(strncmp(held.err.text, "ab: xxx", 7), 0);
    ck_assert_uint_eq(strlen(held.err.text), ERR_TEXT_SIZE - 1);
    (void)err_prefix(&held.err, "%s", text);
    ck_assert_uint_eq(strlen(held.err.text), ERR_TEXT_SIZE - 1);
    ck_assert_mem_eq(held.guard, "################", 16);
}
END_TEST

/* ---- base/check.h ---- */

static int evaluated;

static int evaluate(int value)
{
    evaluated++;
    return value;
}

START_TEST(checks_that_hold_do_nothing)
{
    struct thing {
        unsigned magic;
    } thing;

    evaluated = 0;
    CHECK(evaluate(1));
    CHECK_ZERO(evaluate(0));
    MAGIC_SET(&thing, 0x1234u);
    MAGIC_CHECK(&thing, 0x1234u);
    ck_assert_int_eq(evaluated, 2);
}
END_TEST

static void fail_check(void)
{
    CHECK(evaluate(0) == 1);
}

static void fail_zero(void)
{
    CHECK_ZERO(evaluate(5));
}

static void fail_unreachable(void)
{
    CHECK_UNREACHABLE();
}

static void fail_magic(void)
{
    struct thing {
        unsigned magic;
    } thing = {7};

    MAGIC_CHECK(&thing, 8u);
}

static const struct {
    void (*run)(void);
    const char *condition;
    const char *function;
} failing[] = {
        {fail_check, "condition=\"evaluate(0) == 1\"", "function=fail_check"},
        {fail_zero, "condition=\"(evaluate(5)) == 0\"", "function=fail_zero"},
        {fail_unreachable, "condition=\"unreachable\"",
                "function=fail_unreachable"},
        {fail_magic, "magic == (8u)", "function=fail_magic"},
};

/* The process of this function ends by SIGABRT, having said where. A child of
 * our own rather than Check's, which there is none of with CK_FORK=no. */
START_TEST(checks_that_fail_abort_and_say_where)
{
    char said[512] = "";
    size_t used = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        failing[_i].run();
        _exit(0);
    }
    (void)close(ends[1]);
    while ((got = read(ends[0], said + used, sizeof(said) - 1 - used)) > 0)
        used += (size_t)got;
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(said, "level=fatal id=check file="));
    ck_assert_ptr_nonnull(strstr(said, "test_err.c line="));
    ck_assert_ptr_nonnull(strstr(said, failing[_i].condition));
    ck_assert_ptr_nonnull(strstr(said, failing[_i].function));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("err");
    TCase *errors = tcase_create("errors");
    TCase *checks = tcase_create("checks");

    tcase_add_loop_test(
            errors, numbers_and_names_are_fixed, 0, (int)ARRAY_COUNT(statuses));
    tcase_add_test(errors, an_unknown_number_has_a_name_too);
    tcase_add_test(errors, setting_returns_the_status);
    tcase_add_test(errors, prefixes_go_in_front);
    tcase_add_loop_test(errors, long_text_is_cut, 0, 6);
    suite_add_tcase(suite, errors);
    tcase_add_test(checks, checks_that_hold_do_nothing);
    tcase_add_loop_test(checks, checks_that_fail_abort_and_say_where, 0,
            (int)ARRAY_COUNT(failing));
    suite_add_tcase(suite, checks);
    return run_suite(suite);
}
