/* A real rued in a directory of its own, for system tests and benches. Fails
 * by exiting with a message: a test without its service has nothing to say. */
#ifndef TESTS_LIB_SERVICE_H
#define TESTS_LIB_SERVICE_H

#include "client/rue.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct service {
    char directory[256]; /* made by service_make, removed by service_remove */
    char endpoint[300];
    char tcp[64]; /* a second endpoint, "" = none: see service_add_tcp */
    uint16_t port;
    char config[300];
    char data[300];
    char diag[300]; /* its diagnostic lines, of all starts */
    pid_t pid; /* 0 = not running */
    const char *program; /* NULL: rued */
};

/* A directory with the configuration: `text` is what follows `listen` and
 * `data`. */
void service_make(struct service *service, const char *text);
/* Writes the configuration again. */
void service_configure(struct service *service, const char *text);
/* From the next configuration on it listens to a free TCP port too. */
void service_add_tcp(struct service *service);
/* Starts it and waits until it answers. */
void service_start(struct service *service);
/* Starts it; false if it ends before it answers. */
bool service_try_start(struct service *service);
/* kill -9, and waits until it is gone. */
void service_kill(struct service *service);
/* SIGTERM, waits, and returns its exit status. */
int service_stop(struct service *service);
/* Waits until it ends of itself; its exit status. */
int service_wait(struct service *service);
void service_signal(const struct service *service, int signal);
void service_remove(struct service *service);

/* A client of it, with a time-out long enough for a restart. */
rue_client *service_client(const struct service *service);

/* A number of its status (of a problem, or, with NULL, of the service), by a
 * client of its own; exits if there is none of that name. */
double service_number(
        const struct service *service, const char *problem, const char *name);
/* Its last record. */
uint64_t service_last_record(const struct service *service);
uint64_t service_state_hash(const struct service *service, const char *problem);

/* Asks again, with pauses, until `holds` says yes; exits naming `what` when
 * that takes longer than WAIT_MS: a last resort, long enough for a build with a
 * sanitizer on a busy machine. */
#define WAIT_MS 300000
void wait_until(const char *what, bool (*holds)(void *self), void *self);
/* The same for what may take longer. */
void wait_within(
        uint32_t ms, const char *what, bool (*holds)(void *self), void *self);
/* Waits until a diagnostic line holds this text. */
void service_wait_said(const struct service *service, const char *text);
double now_ms(void);

/* `rue verify` finds nothing; otherwise prints what and exits. */
void service_verify(const struct service *service);

/* Runs a built program to its end; its exit status, and what it wrote to
 * stderr. `arguments` ends in NULL and begins with the program's name. */
int program_run(const char *const arguments[], char *error, size_t size);

/* Does a diagnostic line hold this text? */
bool service_said(const struct service *service, const char *text);

/* Path of a built program: $B/NAME, or an absolute NAME as it is. */
const char *service_program(const char *name);

#endif
