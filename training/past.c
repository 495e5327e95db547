#include "training/past.h"

#include <stdlib.h>

/* ---- ages ---- */

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

/* Sorts and drops what is there twice. */
static size_t unique(uint64_t *list, size_t count)
{
    size_t kept = 0;

    qsort(list, count, sizeof(*list), descending);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1] != list[i])
            list[kept++] = list[i];
    return kept;
}

uint32_t *past_ages(const struct example *list, size_t count)
{
    uint64_t *seen = calloc(count + 1, sizeof(*seen));
    uint32_t *age = calloc(count + 1, sizeof(*age));
    size_t distinct;

    if (seen == NULL || age == NULL) {
        free(seen);
        free(age);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        seen[i] = list[i].generation;
    distinct = unique(seen, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t *at = bsearch(
                &list[i].generation, seen, distinct, sizeof(*seen), descending);
        age[i] = (uint32_t)(at - seen);
    }
    free(seen);
    return age;
}

/* ---- what stays ---- */

/* How many stay of each kind: half of the room is each one's own, and what one
 * does not need of its half is the other's. */
struct quota {
    size_t likely, informative;
};

static struct quota share_room(struct quota there, size_t most)
{
    size_t half = (most + 1) / 2;
    size_t left = there.informative < most ? most - there.informative : 0;
    struct quota kept = {left > half ? left : half, there.informative};

    if (kept.likely > there.likely)
        kept.likely = there.likely;
    if (kept.informative > most - kept.likely)
        kept.informative = most - kept.likely;
    return kept;
}

static bool is_informative(
        const struct memory_options *memory, const struct example *example)
{
    return example->propensity < memory->informative;
}

static bool is_wanted(const struct memory_options *memory,
        const struct example *example, uint32_t age)
{
    return memory_weight(memory, age, example->propensity, false) > 0.0;
}

static struct quota count_wanted(const struct example *list, size_t count,
        const uint32_t *age, const struct memory_options *memory)
{
    struct quota there = {0, 0};

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(memory, &list[i], age[i]))
            continue;
        if (is_informative(memory, &list[i]))
            there.informative++;
        else
            there.likely++;
    }
    return there;
}

size_t past_newest(struct example *list, size_t count, size_t most)
{
    size_t surplus = count > most ? count - most : 0;

    memmove(list, list + surplus, (count - surplus) * sizeof(*list));
    return count - surplus;
}

size_t past_keep(struct example *list, size_t count,
        const struct memory_options *memory, size_t most)
{
    uint32_t *age = past_ages(list, count);
    size_t kept = count;
    struct quota left;

    if (age == NULL)
        return SIZE_MAX;
    left = share_room(count_wanted(list, count, age, memory), most);
    /* The newest first, towards the end of the list. */
    for (size_t i = count; i-- > 0;) {
        size_t *room = is_informative(memory, &list[i]) ? &left.informative
                                                        : &left.likely;
        if (*room == 0 || !is_wanted(memory, &list[i], age[i]))
            continue;
        (*room)--;
        list[--kept] = list[i];
    }
    free(age);
    return past_newest(list, count, count - kept);
}
