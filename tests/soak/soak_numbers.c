/* ROUNDS (default 10 million) rounds at the edge of what validation lets
 * through, for every oracle (tests/lib/edge.h). Prints a line for each case;
 * the exit code says whether all numbers were numbers. CASE=NAME: only that. */
#include "tests/lib/edge.h"

static bool run(const struct edge_case *one, uint64_t rounds)
{
    char wrong[sizeof(((struct err *)0)->text)];
    uint64_t round;
    bool good = edge_run(one, rounds, &round, wrong, sizeof(wrong));

    printf("%-22s %10llu rounds  %s%s\n", one->name, (unsigned long long)round,
            good ? "ok" : "FAILED: ", wrong);
    (void)fflush(stdout);
    return good;
}

int main(void)
{
    const char *wanted = getenv("ROUNDS"), *only = getenv("CASE");
    uint64_t rounds = wanted == NULL ? 10000000 : strtoull(wanted, NULL, 10);
    bool good = true;

    for (size_t i = 0; i < EDGE_CASES; i++)
        if (only == NULL || strcmp(only, edge_cases[i].name) == 0)
            good = run(&edge_cases[i], rounds) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
