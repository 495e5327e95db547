/* Every oracle at the edge of what validation lets through: the beginning of
 * what `make soak` does for longer (tests/lib/edge.h). */
#include "tests/lib/edge.h"
#include "tests/lib/suite.h"

#define ROUNDS 20000u

START_TEST(numbers_stay_numbers)
{
    char wrong[sizeof(((struct err *)0)->text)];
    uint64_t round;

    ck_assert_msg(
            edge_run(&edge_cases[_i], ROUNDS, &round, wrong, sizeof(wrong)),
            "%s, round %llu: %s", edge_cases[_i].name,
            (unsigned long long)round, wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("numbers");
    TCase *tcase = tcase_create("edge");

    tcase_set_timeout(tcase, 300.0);
    tcase_add_loop_test(tcase, numbers_stay_numbers, 0, (int)EDGE_CASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
