/* What fuzz targets share: a few problems, one of each kind of policy, and the
 * simplest journal that can be, in memory. */
#ifndef TESTS_FUZZ_COMMON_H
#define TESTS_FUZZ_COMMON_H

#include "service/engine/engine.h"

#define PROBLEMS        8u
#define JOURNAL_MAX     4096u
#define COMMON_CAPACITY ((size_t)32 << 20)

/* Names of the problems, as requests give them. */
extern const char *const problem_names[PROBLEMS];

/* The problem of that index, back to fresh state. Opened at first use, never
 * closed. */
struct problem *problem_fresh(uint32_t index);

/* The state's hash; there is memory for it. */
uint64_t problem_hash(const struct problem *problem);

/* A block of COMMON_CAPACITY bytes, allocated once and handed out empty. There
 * are four of them. */
struct arena *arena_fresh(uint32_t index);

/* ---- the journal ---- */

struct memory_record {
    enum record_kind kind;
    struct bytes payload;
};

struct memory_event {
    struct bytes event;
    struct event_state state;
    struct bytes decision; /* payload of its Decision record, or empty */
    bool gone;
};

struct memory_due {
    struct bytes event;
    nanos deadline;
};

/* Holds views: what is written must live as long. */
struct memory {
    struct memory_record records[JOURNAL_MAX];
    struct memory_event events[JOURNAL_MAX];
    struct memory_due due[JOURNAL_MAX];
    uint32_t record_count, event_count, due_count;
    uint32_t effects; /* writes of any kind */
};

void memory_reset(struct memory *memory);
struct journal memory_journal(struct memory *memory);
struct memory_event *memory_find(struct memory *memory, struct bytes event);

/* The law of the whole design: the fold of what was written is the state. */
void memory_check_fold(struct memory *memory, struct problem *problem);

#endif
