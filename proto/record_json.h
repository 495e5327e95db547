/* Log records as JSON objects, one a line, and back, to the bit: every field of
 * the record's message in rue.proto under its own name, in the order of their
 * numbers, those that are not there left out. Written and read by the schema's
 * own description, so that a field that is added to it is here too.
 *
 * {"kind":"feedback","problem":"checkout","time_ns":1700000000000000000,
 *  "event":"e1","value":1,"effect":"LEARN","after":1}
 *
 * Numbers of 64 bits that are digests are strings of 16 hexadecimal digits;
 * bytes that are not UTF-8 are {"hex":"..."}. */
#ifndef PROTO_RECORD_JSON_H
#define PROTO_RECORD_JSON_H

#include "base/arena.h"
#include "proto/record.h"

/* Writes the object, without a line end. CORRUPT if the payload is not a record
 * of that kind; BUSY: the arena is too small; what the writer cannot hold is in
 * its flag. */
int record_to_json(enum record_kind kind, struct bytes payload,
        struct bytes problem, struct arena *arena, struct writer *writer,
        struct err *err) MUST_USE;

/* What an object says, before its problem has a number. */
struct record_draft {
    enum record_kind kind;
    struct bytes problem; /* its name */
    void *message;
};

/* INVALID names what is wrong. Views into the line and the arena. */
int record_from_json(struct bytes line, struct arena *arena,
        struct record_draft *draft, struct err *err) MUST_USE;
/* The payload for a problem of that number; empty if it did not fit. */
struct bytes record_of_draft(const struct record_draft *draft, uint32_t problem,
        struct arena *arena);

#endif
