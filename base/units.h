/* Durations and sizes as people write them: 250ms, 10m, 2w, 64MiB, 1.5GB. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/bytes.h"
#include "base/time.h"

/* A number (0 needs no unit) and one of ns us ms s m h d w. False if the text
 * is not a duration or does not fit. Not negative. */
bool duration_parse(struct bytes text, nanos *out);
/* The shortest exact form: "10m", "1500ms"; at most 32 bytes. */
void duration_print(nanos value, char *out, size_t size);

/* A number and one of B kB MB GB TB KiB MiB GiB TiB, or a plain number. */
bool size_parse(struct bytes text, uint64_t *out);
void size_print(uint64_t value, char *out, size_t size);

/* A finite decimal number that fills the whole text. */
bool number_parse(struct bytes text, double *out);

#endif
