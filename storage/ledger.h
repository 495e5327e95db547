/* The ledger: the store of one data directory with all its tables, as the
 * service sees it. One process writes (a lock file says which), one thread of
 * it; readers are many.
 *
 * meta:    "schema" -> version, "node" -> 8 random bytes
 * problem: name -> number, config (sequence of its newest Config record),
 *          since (sequence of the Config record that gave it its columns,
 *          actions and groups: earlier decisions speak of others)
 *
 * Writing: ledger_begin, any number of the calls below, then ledger_commit or
 * ledger_abort. A commit that finds no room (STORAGE_FULL) has changed
 * nothing, and the same calls may be made again when there is room: they get
 * the same sequences. A commit that fails otherwise (IO) leaves it unknown
 * what is on disk: acknowledge nothing and stop. */
#ifndef STORAGE_LEDGER_H
#define STORAGE_LEDGER_H

#include "storage/join.h"
#include "storage/log.h"
#include "storage/snapshot.h"

struct ledger;

/* Makes or opens the store in `directory`. DENIED if another process writes
 * there; UNSUPPORTED if a newer version made it; NOT_FOUND if read_only and
 * there is none. */
int ledger_open(const char *directory, const struct store_settings *settings,
        struct ledger **ledger, struct err *err) MUST_USE;
/* A ledger over any store (tests, simulation); takes the store over. */
int ledger_over(struct store *store, bool read_only, struct ledger **ledger,
        struct err *err) MUST_USE;
void ledger_close(struct ledger *ledger);

/* ---- writing: one thread ---- */

int ledger_begin(struct ledger *ledger, struct err *err) MUST_USE;
int ledger_commit(struct ledger *ledger, struct err *err) MUST_USE;
void ledger_abort(struct ledger *ledger);

/* Appends a record; *sequence is its number. */
int ledger_append(struct ledger *ledger, enum record_kind kind,
        struct bytes payload, uint64_t *sequence, struct err *err) MUST_USE;
/* Number of the last record appended in this transaction or before. */
uint64_t ledger_last_appended(const struct ledger *ledger);
/* The transaction, for the calls of join.h and snapshot.h. */
struct store_txn *ledger_txn(struct ledger *ledger);

/* The problem's number (1..PROBLEMS_MAX), given at first sight; *config is the
 * sequence of its newest Config record, 0 = none. INVALID if there are no more
 * numbers. */
int ledger_problem(struct ledger *ledger, struct bytes name, uint32_t *number,
        uint64_t *config, struct err *err) MUST_USE;
/* `since`: 0 = as it was. */
int ledger_problem_set_config(struct ledger *ledger, uint32_t number,
        uint64_t config, uint64_t since, struct err *err) MUST_USE;
int ledger_problem_since(struct ledger *ledger, struct bytes name,
        uint64_t *since, struct err *err) MUST_USE;

void ledger_usage(struct ledger *ledger, struct store_usage *usage);
void ledger_tend(struct ledger *ledger);

/* ---- reading: each thread its own reader ---- */

struct ledger_reader {
    struct store_txn *txn;
};

int ledger_reader_open(struct ledger *ledger, struct ledger_reader *reader,
        struct err *err) MUST_USE;
void ledger_reader_close(struct ledger_reader *reader);
/* Sees everything committed so far. */
int ledger_reader_renew(struct ledger_reader *reader, struct err *err) MUST_USE;
/* Lets go of its snapshot until it is renewed. */
void ledger_reader_release(struct ledger_reader *reader);

/* A problem by number or name, for tools. 0 or NOT_FOUND. */
int ledger_reader_problem_name(struct ledger_reader *reader, uint32_t number,
        struct bytes *name, struct err *err) MUST_USE;
int ledger_reader_problem(struct ledger_reader *reader, struct bytes name,
        uint32_t *number, uint64_t *config, struct err *err) MUST_USE;
int ledger_reader_since(struct ledger_reader *reader, struct bytes name,
        uint64_t *since, struct err *err) MUST_USE;
/* Calls `visit` for each problem. */
int ledger_reader_problems(struct ledger_reader *reader,
        int (*visit)(void *self, struct bytes name, uint32_t number,
                uint64_t config, struct err *err),
        void *self, struct err *err) MUST_USE;

#endif
