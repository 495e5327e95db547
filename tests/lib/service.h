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
    char config[300];
    char data[300];
    char diag[300]; /* its diagnostic lines, of all starts */
    pid_t pid; /* 0 = not running */
};

/* A directory with the configuration: `text` is what follows `listen` and
 * `data`. */
void service_make(struct service *service, const char *text);
/* Writes the configuration again. */
void service_configure(struct service *service, const char *text);
/* Starts it and waits until it answers. */
void service_start(struct service *service);
/* Starts it; false if it ends before it answers. */
bool service_try_start(struct service *service);
/* kill -9, and waits until it is gone. */
void service_kill(struct service *service);
/* SIGTERM, waits, and returns its exit status. */
int service_stop(struct service *service);
void service_remove(struct service *service);

/* A client of it, with a time-out long enough for a restart. */
rue_client *service_client(const struct service *service);

/* `rue verify` finds nothing; otherwise prints what and exits. */
void service_verify(const struct service *service);

/* Does a diagnostic line hold this text? */
bool service_said(const struct service *service, const char *text);

/* Path of a built program: $B/NAME. */
const char *service_program(const char *name);

#endif
