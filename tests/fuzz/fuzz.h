/* What a fuzz target is: one function that takes any bytes and aborts (CHECK)
 * when a promise of a header is broken. libFuzzer calls it (`make fuzz`), and
 * so does standalone.c, over the committed corpus, in `make test`. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/check.h"

#include <stdint.h>

/* Returns 0. Keeps nothing from one call to the next that a call could notice,
 * so that a file brings a failure back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many mutations of the corpus standalone.c tries: about a second. */
extern const uint32_t fuzz_mutations;

#endif
