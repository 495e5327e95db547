/* A load of decides and feedbacks over several connections, from one thread,
 * with frames made as cheaply as can be, so that what is measured is the
 * service: ten actions of twenty features, ten shared ones, single precision;
 * every decide is followed by its feedback. */
#ifndef TESTS_LIB_LOAD_H
#define TESTS_LIB_LOAD_H

#include <stdint.h>

#define LOAD_ACTIONS 10u
#define LOAD_COLUMNS 20u
#define LOAD_SHARED  10u

struct load_settings {
    const char *endpoint;
    const char *problem;
    uint32_t connections; /* at most 16 */
    uint32_t window; /* requests in flight on each, at most 1024 */
    uint32_t batch; /* decides (or feedbacks) in one request */
    uint64_t messages; /* to send in all; replies are waited for */
    double rate; /* messages a second in all; 0 = as fast as the
                    window allows */
    uint64_t seed; /* of what is asked */
    uint32_t problems; /* 0: that problem; otherwise so many in turn, whose
                          names are `problem`, a hyphen and a number from 0 */
};

struct load_result {
    double seconds;
    double messages_per_s;
    double items_per_s;
    double p50_us, p99_us; /* from the time a message was due to its reply */
    uint64_t failed; /* replies or items that were not OK */
};

/* Exits with a message if the service goes silent. */
void load_run(const struct load_settings *settings, struct load_result *result);

/* `problems:` of the configuration that it needs, named `bench`. */
extern const char load_config[];

#endif
