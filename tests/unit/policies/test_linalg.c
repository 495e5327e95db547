/* The kernels against the plainest loops, for every length that their steps of
 * sixteen, eight and four leave a rest of. */
#include "base/rng.h"
#include "policies/basis.h"
#include "policies/linalg.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <string.h>

#define MOST      70u
#define TRIANGLE  (MOST * (MOST + 1) / 2)
#define TOLERANCE 1e-13 /* a few roundings of sums of at most 5,000 terms */

static struct rng rng;

static void fill(double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 2.0 * rng_unit(&rng) - 1.0;
}

static void setup(void)
{
    rng = rng_keyed(3, 0, RNG_TEST);
}

static double plain_dot(const double *a, const double *b, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static double element(const double *triangle, uint32_t i, uint32_t j)
{
    return i >= j ? triangle[triangle_count(i) + j]
                  : triangle[triangle_count(j) + i];
}

START_TEST(products_of_vectors)
{
    double a[MOST], x[MOST], origin[MOST], moved[MOST];

    for (uint32_t count = 0; count <= MOST; count++) {
        fill(a, MOST);
        fill(x, MOST);
        fill(origin, MOST);
        for (uint32_t i = 0; i < MOST; i++)
            moved[i] = x[i] - origin[i];
        ck_assert_double_eq_tol(
                dot(a, x, count), plain_dot(a, x, count), TOLERANCE);
        ck_assert_double_eq_tol(dot_from(a, x, origin, count),
                plain_dot(a, moved, count), TOLERANCE);
        memcpy(moved, x, sizeof(moved));
        axpy(0.75, a, moved, count);
        for (uint32_t i = 0; i < MOST; i++)
            ck_assert_double_eq_tol(
                    moved[i], x[i] + (i < count ? 0.75 * a[i] : 0.0), 1e-15);
    }
}
END_TEST

/* Bit for bit: a lesson and a decision must see the same prediction. */
START_TEST(rows_of_a_table_are_dots)
{
    static double table[8 * 71];
    const uint32_t rows[] = {3, 0, 7, 3};
    double x[MOST], out[4];

    fill(table, 8 * 71);
    fill(x, MOST);
    for (uint32_t width = 0; width <= MOST; width++) {
        dots(table, 71, rows, 4, x, width, out);
        for (int i = 0; i < 4; i++)
            ck_assert(out[i] == dot(table + 71 * rows[i], x, width));
    }
}
END_TEST

START_TEST(products_with_a_triangle)
{
    static double triangle[TRIANGLE], changed[TRIANGLE];
    double x[MOST], y[MOST], form, wanted;

    for (uint32_t d = 0; d <= MOST; d++) {
        fill(triangle, TRIANGLE);
        fill(x, MOST);
        symmetric_times(triangle, x, y, d);
        wanted = 0.0;
        for (uint32_t i = 0; i < d; i++) {
            double sum = 0.0;
            for (uint32_t j = 0; j < d; j++)
                sum += element(triangle, i, j) * x[j];
            ck_assert_double_eq_tol(y[i], sum, TOLERANCE);
            wanted += sum * x[i];
        }
        form = quadratic_form(triangle, x, d);
        ck_assert_double_eq_tol(form, wanted, TOLERANCE);
        memcpy(changed, triangle, sizeof(changed));
        symmetric_rank_one(changed, -0.5, x, d);
        for (uint32_t i = 0; i < d; i++)
            for (uint32_t j = 0; j <= i; j++)
                ck_assert_double_eq_tol(element(changed, i, j),
                        element(triangle, i, j) - 0.5 * x[i] * x[j], 1e-15);
        ck_assert(memcmp(changed + triangle_count(d),
                          triangle + triangle_count(d),
                          sizeof(changed) -
                                  triangle_count(d) * sizeof(*changed)) == 0);
    }
}
END_TEST

/* With the scaling in the weights or in the columns: the same prediction. */
START_TEST(folded_weights)
{
    for (uint32_t round = 0; round < 200; round++) {
        struct basis_shape shape = {.shared = rng_below(&rng, 4),
                .action = 1 + rng_below(&rng, 20),
                .own = true,
                .scale = round % 4 > 0};
        struct column columns[24] = {{0}};
        double scaling[49], theta[20], folded[20], own[20], x[20];
        struct features action = {.dense = x, .dense_count = shape.action};
        for (uint32_t i = 0; i < basis_columns(&shape); i++) {
            columns[i].base = 100.0 * rng_unit(&rng);
            columns[i].sd = rng_below(&rng, 5) > 0 ? rng_unit(&rng) : 0.0;
        }
        fill(theta, 20);
        fill(x, 20);
        basis_scaling(&shape, columns, scaling);
        ck_assert(basis_folds(&shape, scaling));
        basis_fold(&shape, scaling, theta, folded);
        basis_own_part(&shape, scaling, NULL, &action, own);
        ck_assert_double_eq_tol(
                basis_folded_dot(&shape, scaling, folded, &action),
                dot(theta, own, shape.action),
                TOLERANCE * (1.0 + dot(own, own, shape.action)));
    }
}
END_TEST

/* What does not fold: products of the columns, and a deviation so small that
 * what it divides has a bound. */
START_TEST(what_does_not_fold)
{
    struct basis_shape shape = {
            .shared = 1, .action = 1, .own = true, .scale = true};
    struct column columns[2] = {{.sd = 1.0}, {.sd = 1.0}};
    double scaling[5];

    basis_scaling(&shape, columns, scaling);
    ck_assert(basis_folds(&shape, scaling));
    shape.products = PRODUCTS_ALL;
    ck_assert(!basis_folds(&shape, scaling));
    shape.products = PRODUCTS_NONE;
    columns[1].sd = 1e-30;
    basis_scaling(&shape, columns, scaling);
    ck_assert(!basis_folds(&shape, scaling));
    shape.scale = false;
    ck_assert(basis_folds(&shape, scaling));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linalg");
    TCase *tcase = tcase_create("kernels");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, products_of_vectors);
    tcase_add_test(tcase, rows_of_a_table_are_dots);
    tcase_add_test(tcase, products_with_a_triangle);
    tcase_add_test(tcase, folded_weights);
    tcase_add_test(tcase, what_does_not_fold);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
