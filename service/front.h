/* The socket's thread: receives requests, hands them to the engine, sends the
 * replies of what is committed; signals, reload and the stop. */
#ifndef SERVICE_FRONT_H
#define SERVICE_FRONT_H

#include "config/config.h"
#include "storage/ledger.h"

struct front;

/* Takes over the ledger and the config; `config_path` (NULL: there is none) and
 * `overrides` are for reloads and stay the caller's. Problems are recovered
 * and endpoints bound when it returns 0; front_close() in either case. */
int front_open(struct front **front, struct ledger *ledger,
        struct config *config, const char *config_path,
        const struct config_overrides *overrides, struct err *err) MUST_USE;

/* Serves until SIGTERM or SIGINT, then drains: what was received is answered
 * and every state put away. */
int front_run(struct front *front, struct err *err) MUST_USE;

/* Closes what front_open opened, ledger and config included. */
void front_close(struct front *front);

/* Blocks the signals that front_run takes; call it before any thread. */
void front_block_signals(void);

#endif
