/* Notices, what a service publishes, <-> plain views (rue.proto, Notice, and
 * the topics that go before them). */
#ifndef PROTO_NOTICE_H
#define PROTO_NOTICE_H

#include "base/arena.h"
#include "base/limits.h"
#include "proto/message.h"
#include "proto/record.h"

enum notice_topic {
    TOPIC_DECISION,
    TOPIC_GENERATION,
    TOPIC_ALARM,
    TOPIC_STATUS,
};
#define TOPICS 4u

/* Longest topic frame: "generation/", a name, "/". */
#define TOPIC_BYTES_MAX (11u + ID_BYTES_MAX + 1u)

/* One notice; of the last three groups exactly one is given. */
struct notice {
    uint64_t service; /* this start of it */
    uint64_t number; /* of its topic and problem, from 1 */
    nanos time;
    struct bytes problem; /* empty: about the service */
    uint64_t sequence; /* of the record; 0: of none */
    double share; /* of the decisions that is published; 0: not one */
    struct bytes action; /* chosen; empty: not known, or not one */

    const struct generation_told *generation; /* or NULL */
    const struct status_answer *status; /* or NULL */
    enum record_kind kind; /* DECISION, PROMOTION, ALARM; 0: none */
    struct bytes record; /* its payload */
};

/* "decision", "generation", "alarm", "status". */
const char *notice_topic_name(enum notice_topic topic);
/* False if there is none of that name. */
bool notice_topic_of(const char *name, enum notice_topic *topic);
/* What a notice is published under. */
enum notice_topic notice_topic(const struct notice *notice);
/* Writes the topic frame into `frame`; its size. */
size_t notice_frame(enum notice_topic topic, struct bytes problem,
        char frame[TOPIC_BYTES_MAX]);

/* The message's bytes, in the arena. Empty if they did not fit, or the record's
 * payload is none of its kind. */
struct bytes notice_encode(const struct notice *notice, struct arena *arena);
/* Views into the bytes and the arena. CORRUPT if it is not a notice; BUSY: the
 * arena is too small. That the record is one of its kind is for
 * record_decode() to say. */
int notice_decode(struct bytes bytes, struct arena *arena,
        struct notice *notice, struct err *err) MUST_USE;

#endif
