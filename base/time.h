/* Time as a value: nanoseconds since 1970-01-01 UTC. Nobody below service/
 * reads a clock; time arrives as an argument. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef int64_t nanos;

#define NANOS_PER_SECOND ((nanos)1000000000)
#define NANOS_PER_MS     ((nanos)1000000)
#define NANOS_MAX        INT64_MAX

#endif
