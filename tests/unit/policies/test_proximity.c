/* Scores of alarms against labelled changes: the golden example of drift.md,
 * section 8, and the corners. */
#include "policies/proximity.h"

#include "tests/lib/suite.h"

#include <math.h>

START_TEST(golden)
{
    const struct change changes[] = {{1000, 1000}, {5000, 5000}, {9000, 9000}};
    const double alarms[] = {980, 1010, 5400, 7000, 9600};
    const double wanted[] = {0, 0.98, 0.2, 0, 0};
    struct proximity found;
    double scores[5];

    proximity_score(alarms, 5, changes, 3, 50, 500, scores, &found);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(scores[i], wanted[i], 1e-12);
    ck_assert_double_eq_tol(found.precision, 0.236, 1e-12);
    ck_assert_double_eq_tol(found.recall, 0.393333333333, 1e-12);
    ck_assert_double_eq_tol(found.f1, 0.295, 1e-12);
    ck_assert_double_eq_tol(found.hit_rate, 2.0 / 3.0, 1e-12);
    ck_assert_double_eq_tol(found.late_mean, 205.0, 1e-12);
    ck_assert(isnan(found.early_mean));
    ck_assert_uint_eq(found.early_hits, 0);
    ck_assert_uint_eq(found.false_alarms, 2);
    ck_assert_uint_eq(found.repeats, 1);
    proximity_score(alarms, 1, changes, 3, 50, 500, scores, &found);
    ck_assert_double_eq_tol(scores[0], 0.6, 1e-12);
    ck_assert_double_eq_tol(found.early_mean, 20.0, 1e-12);
}
END_TEST

START_TEST(corners)
{
    const struct change changes[] = {{100, 200}, {400, 400}};
    const double alarms[] = {150, 300, 400 + 100, 160};
    struct proximity found;
    double scores[4];

    /* Inside the interval the distance is 0; 300 is as near to both and
     * belongs to the earlier; at L the score is 0 and no false alarm. */
    proximity_score(alarms, 4, changes, 2, 10, 100, scores, &found);
    ck_assert_double_eq(scores[0], 1.0);
    ck_assert_double_eq(scores[1], 0.0);
    ck_assert_double_eq(scores[2], 0.0);
    ck_assert_double_eq(scores[3], 0.0);
    ck_assert_uint_eq(found.hits, 1);
    ck_assert_uint_eq(found.false_alarms, 0);
    proximity_score(alarms, 0, changes, 2, 10, 100, scores, &found);
    ck_assert(isnan(found.precision) && isnan(found.f1));
    ck_assert_double_eq(found.recall, 0.0);
    proximity_score(alarms, 2, changes, 0, 10, 100, scores, &found);
    ck_assert_uint_eq(found.false_alarms, 2);
    ck_assert_double_eq(found.precision, 0.0);
    ck_assert(isnan(found.recall));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proximity");
    TCase *cases = tcase_create("proximity");

    tcase_add_test(cases, golden);
    tcase_add_test(cases, corners);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
