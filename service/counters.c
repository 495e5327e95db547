#include "service/counters.h"

#include "base/check.h"

struct counters counters;

static const struct {
    const char *name;
    const char *sentence;
    const atomic_uint_fast64_t *value;
} rows[] = {
#define X(name, sentence) {#name, sentence, &counters.name},
        COUNTER_LIST(X)
#undef X
};

uint32_t counters_count(void)
{
    return ARRAY_COUNT(rows);
}

const char *counters_name(uint32_t index)
{
    return rows[index].name;
}

const char *counters_sentence(uint32_t index)
{
    return rows[index].sentence;
}

uint64_t counters_value(uint32_t index)
{
    return atomic_load_explicit(rows[index].value, memory_order_relaxed);
}
