/* The policies that generations are played with, and what they are compared
 * with (payments.md, sections 1 to 4 and 7). */
#include "sim/generations.h"

#include <string.h>

#define TREES "oracle=trees categories=issuer,mcc,scheme,country"
#define OPEN  "veto=false held_out=0 "
#define ONE   OPEN "recent=1 generations=1 decay=1 average=1"

const struct generations_policy generations_policies[] = {
        {"control", "squarecb over trees, each on a fresh uniform log",
                TREES " explorer=squarecb " ONE, GENERATIONS_CONTROL},
        {"squarecb-w1", "the paper's setting: trees, the last generation only",
                TREES " explorer=squarecb " ONE, GENERATIONS_TRAINED},
        {"fastcb-w1", "the same with fastcb", TREES " explorer=fastcb " ONE,
                GENERATIONS_TRAINED},
        {"greedy-w1", "the same with greedy", TREES " explorer=greedy " ONE,
                GENERATIONS_TRAINED},
        {"keep-squarecb", "trees, two rings, average of 3, floor 2 %",
                OPEN TREES " explorer=squarecb floor=0.02",
                GENERATIONS_TRAINED},
        {"keep-fastcb", "the same with fastcb",
                OPEN TREES " explorer=fastcb floor=0.02", GENERATIONS_TRAINED},
        {"trees", "the same, behind the veto with its held-out events",
                TREES " explorer=fastcb floor=0.02", GENERATIONS_TRAINED},
        {"default",
                "pairwise, two rings, average of 3, fastcb, floor 2 %, veto",
                "oracle=pairwise explorer=fastcb floor=0.02",
                GENERATIONS_TRAINED},
        {"pairwise", "the same without veto: it learns every event",
                OPEN "oracle=pairwise explorer=fastcb floor=0.02",
                GENERATIONS_TRAINED},
        {"pairwise-squarecb", "the same with squarecb",
                OPEN "oracle=pairwise explorer=squarecb floor=0.02",
                GENERATIONS_TRAINED},
        {"pairwise-w1", "pairwise with the last generation only",
                "oracle=pairwise explorer=squarecb " ONE, GENERATIONS_TRAINED},
        {"main-effects", "pairwise without its pairs, greedy, floor 2 %",
                OPEN "oracle=pairwise explorer=greedy floor=0.02 adapt=false "
                     "main_penalty=1 pair_penalty=1e6",
                GENERATIONS_TRAINED},
        {"success-rate",
                "the last 125 answers of each route by scheme and debit, 95 % "
                "to the best; learns from each answer",
                "learner=success-rate cells=7+2", GENERATIONS_ONLINE},
        {"linucb",
                "a linear model for each route, of the numbers of a payment; "
                "learns from each answer",
                "oracle=ridge explorer=linucb", GENERATIONS_ONLINE},
        {"beta-thompson",
                "Beta Thompson by scheme and debit; learns from each answer",
                "", GENERATIONS_ROUTER},
        {"static-list", "knows the routes' true means: the best possible one",
                "", GENERATIONS_ROUTER},
        {"static-plain", "the same over plain routes alone", "",
                GENERATIONS_ROUTER},
        {"best-overall",
                "the one route of the best mean where it is possible, else any",
                "", GENERATIONS_ROUTER},
        {"clairvoyant", "knows every payment's best route", "",
                GENERATIONS_ROUTER},
        {"uniform", "any possible route", "", GENERATIONS_ROUTER},
        {NULL, NULL, NULL, GENERATIONS_TRAINED},
};

const struct generations_policy *generations_find(const char *text)
{
    size_t size = strcspn(text, ",");

    for (size_t i = 0; generations_policies[i].name != NULL; i++)
        if (strlen(generations_policies[i].name) == size &&
                memcmp(generations_policies[i].name, text, size) == 0)
            return &generations_policies[i];
    return NULL;
}
