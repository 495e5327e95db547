/* One given system: the counts of relax.md (6.1) from settings, as a user gives
 * them, and what is refused. */
#include "sim/count.h"

#include "tests/lib/suite.h"

#include "base/check.h"

#include <string.h>

static struct err err;

static struct count_settings settings_of(double shift, enum count_side side)
{
    return (struct count_settings){.m = 10,
            .shift = shift,
            .side = side,
            .tolerance = 1e-8,
            .cap = 10000};
}

static const struct {
    double shift;
    enum count_side side;
    uint32_t sor[3], ssor[3], cg, ssor_cg[3]; /* omega 1, 1.5, 1.8 */
} rows[] = {
        {-0.15, COUNT_ONES, {2927, 971, 293}, {1516, 646, 654}, 15,
                {16, 16, 18}},
        {-0.15, COUNT_SIN, {1239, 488, 175}, {524, 269, 326}, 35, {18, 16, 20}},
        {0.0, COUNT_ONES, {223, 62, 89}, {117, 51, 75}, 15, {13, 13, 15}},
        {0.0, COUNT_SIN, {131, 43, 86}, {53, 29, 67}, 30, {15, 12, 16}},
};

static void check(struct count_system *system, enum count_solver solver,
        double omega, uint32_t wanted)
{
    struct count count = count_solve(system, solver, omega);

    ck_assert_int_eq(count.solve.end, SOLVE_CONVERGED);
    ck_assert_uint_eq(count.solve.cost, wanted);
    /* The solution is one: what is carried along is off by rounding only. */
    ck_assert_double_le(count.residual, 1.01e-8);
    ck_assert_double_gt(count.residual, 0.0);
}

START_TEST(counts_are_those_of_the_reference)
{
    static const double omegas[3] = {1.0, 1.5, 1.8};
    struct count_settings settings = settings_of(rows[_i].shift, rows[_i].side);
    struct count_system system;

    ck_assert_int_eq(count_open(&system, &settings, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        check(&system, COUNT_SOR, omegas[i], rows[_i].sor[i]);
        check(&system, COUNT_SSOR, omegas[i], rows[_i].ssor[i]);
        check(&system, COUNT_SSOR_CG, omegas[i], rows[_i].ssor_cg[i]);
    }
    check(&system, COUNT_CG, 0.0, rows[_i].cg);
    count_close(&system);
}
END_TEST

/* A + c diag(A) of the 5-point Laplacian is A + 4 c I. */
START_TEST(both_shifts)
{
    struct count_settings plain = settings_of(0.4, COUNT_NORMAL);
    struct count_settings scaled = settings_of(0.1, COUNT_NORMAL);
    struct count_system a, b;

    scaled.scaled = true;
    ck_assert_int_eq(count_open(&a, &plain, &err), 0);
    ck_assert_int_eq(count_open(&b, &scaled, &err), 0);
    ck_assert_int_eq(memcmp(a.b, b.b, 100 * sizeof(double)), 0);
    ck_assert_double_eq(b.matrix.diagonal[99], 4.4);
    ck_assert_uint_eq(count_solve(&a, COUNT_SOR, 1.3).solve.cost,
            count_solve(&b, COUNT_SOR, 1.3).solve.cost);
    count_close(&a);
    count_close(&b);
}
END_TEST

START_TEST(a_file_and_the_star_it_is)
{
    struct count_settings settings = settings_of(0.0, COUNT_SIN);
    struct count_system file, star;

    settings.m = 30;
    settings.corners = true;
    ck_assert_int_eq(count_open(&star, &settings, &err), 0);
    settings.path = "tests/data/matrices/gr_30_30.mtx";
    ck_assert_int_eq(count_open(&file, &settings, &err), 0);
    ck_assert_uint_eq(file.matrix.n, 900);
    ck_assert_uint_eq(count_solve(&file, COUNT_SOR, 1.7).solve.cost,
            count_solve(&star, COUNT_SOR, 1.7).solve.cost);
    count_close(&file);
    count_close(&star);
}
END_TEST

START_TEST(the_cap_is_said)
{
    struct count_settings settings = settings_of(0.0, COUNT_SIN);
    struct count_system system;
    struct count count;

    settings.cap = 20;
    ck_assert_int_eq(count_open(&system, &settings, &err), 0);
    count = count_solve(&system, COUNT_SOR, 1.0);
    ck_assert_int_eq(count.solve.end, SOLVE_CAPPED);
    ck_assert_uint_eq(count.solve.cost, 20);
    ck_assert_double_gt(count.residual, 1e-8);
    count_close(&system);
}
END_TEST

START_TEST(what_is_no_system_is_refused)
{
    struct count_settings settings = settings_of(-4.0, COUNT_SIN);
    struct count_system system;

    ck_assert_int_eq(count_open(&system, &settings, &err), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "no positive diagonal in row 1"));
    settings.shift = 0.0;
    settings.m = 2001;
    ck_assert_int_eq(count_open(&system, &settings, &err), STATUS_INVALID);
    settings.path = "tests/data/nowhere.mtx";
    ck_assert_int_eq(count_open(&system, &settings, &err), STATUS_IO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("count");
    TCase *tests = tcase_create("count");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, counts_are_those_of_the_reference, 0,
            (int)ARRAY_COUNT(rows));
    tcase_add_test(tests, both_shifts);
    tcase_add_test(tests, a_file_and_the_star_it_is);
    tcase_add_test(tests, the_cap_is_said);
    tcase_add_test(tests, what_is_no_system_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
