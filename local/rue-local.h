/* librue-local: rue in your own process. The interface is rue.h, word for word;
 * only the constructor is another one, so that a program goes from one to the
 * other by one call:
 *
 *     rue_local_options options;
 *     rue_local_options_init(&options);
 *     options.config_file = "omega.yaml";
 *     rue_client *client = rue_open_local(&options, error, sizeof(error));
 *
 *     rue_decide(client, "omega", &question, &answer);
 *     rue_feedback(client, "omega", answer.event, iterations, NULL, NULL);
 *     rue_close(client);
 *
 * For decisions about work of microseconds: no socket, no other process. The
 * engine is that of the service; the same configuration, seed and event ids
 * give the same actions with the same propensities, bit for bit. Link with
 * librue-local in place of librue (pkg-config rue-local): it has rue_open()
 * too.
 *
 * CONFIGURATION. The service's YAML, as text or as a file (`rue config show`
 * lists what it may say, `rue config check` explains what is wrong). What is
 * about sockets and threads is read and not used; `data` neither, since the
 * store is an option here.
 *
 * WITHOUT A STORE everything is in memory: what was learned ends with the
 * client. The newest `events_max` events are remembered; feedback for an
 * older one is kept like that for an event never decided, and its default
 * reward does not fall due. A decision costs some microseconds.
 *
 * WITH A STORE every decision and feedback is logged in a directory that `rue
 * verify` and `rue log` read, and that a later client or `rued --data`
 * continues from, while no other process has it open for writing. A call
 * returns when what it did is on disk, or, for a problem with `durability:
 * relaxed`, before (a crash may then lose the last of it). rue_close() puts
 * away what is under way. Where there is no room on the disk, a call answers
 * RUE_STORAGE_FULL; the first of them may be recorded yet, and asking again
 * with the same event id tells, as after a time-out. If the disk fails, every
 * call from then on answers RUE_IO, and nothing that was not written was
 * acknowledged.
 *
 * TIME. Default rewards and snapshots fall due while you call: rue_poll() with
 * time-out 0 gives an idle client the occasion. A simulation may bring its own
 * clock.
 *
 * PIPELINING. rue_send() decides at once; rue_poll() calls you back with what
 * is done, with a store when it is on disk. Many requests sent and then polled
 * share one write to the disk.
 *
 * THREADS. As rue.h: a client belongs to one thread at a time, and threads
 * that work side by side open a client each, every one with a store of its own
 * or none. Clients share nothing. With a store the library has one thread for
 * the disk, with all signals blocked; without one it has no thread at all.
 * Do not fork() with a client open and go on with it in the child.
 *
 * C++. Both headers are C and declare their functions extern "C"; nothing
 * throws, and no exception may leave a callback (rue_done, rue_local_clock).
 * Aggregates are plain structs: `rue_question question{};` clears one. A
 * rue_client is not a type to copy; close it in a destructor or a
 * std::unique_ptr<rue_client, decltype(&rue_close)>.
 *
 * FORTRAN and others call the same C functions; there are no macros that a
 * program needs. */
#ifndef RUE_RUE_LOCAL_H
#define RUE_RUE_LOCAL_H

#include <rue/rue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since 1970, never less than before. */
typedef int64_t rue_local_clock(void *self);

typedef struct rue_local_options {
    const char *config; /* YAML text, or: */
    const char *config_file; /* the path of a file with it */
    const char *store; /* directory, made if it is missing; NULL: memory only */
    uint32_t events_max; /* without a store: events remembered, 1 to 16777216;
                            default 1024, of about 1 KB each */
    uint32_t in_flight_max; /* requests sent and not yet polled; default 1024,
                               at most 65536 */
    rue_local_clock *clock; /* NULL: the system's */
    void *clock_self;
} rue_local_options;

void rue_local_options_init(rue_local_options *options);

/* NULL on failure, with a sentence in `error` (size bytes; may be NULL): the
 * line of a configuration that is wrong, a store that another process writes.
 * Texts of the options need not live longer than the call. */
rue_client *rue_open_local(
        const rue_local_options *options, char *error, size_t size);

#ifdef __cplusplus
}
#endif

#endif
