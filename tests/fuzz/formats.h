/* What the fuzz targets of formats share: whatever the lines say, an event that
 * comes out of them is one that a record can hold, and the same lines give the
 * same events. */
#ifndef TESTS_FUZZ_FORMATS_H
#define TESTS_FUZZ_FORMATS_H

#include "formats/format.h"
#include "tests/fuzz/fuzz.h"

void fuzz_format(const struct format *format, struct bytes text);

#endif
