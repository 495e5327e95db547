/* A process of ours that works on its own: started without a copy of this one's
 * memory, heard through a pipe, waited for through a file descriptor. */
#ifndef SERVICE_CHILD_H
#define SERVICE_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_ARGUMENTS 8
#define CHILD_LINE_SIZE 512

struct child {
    pid_t pid;
    int pid_fd; /* readable when it has ended */
    int output_fd; /* what it writes to stdout; does not block */
    bool ended;
    int code, status; /* as waitid() says: CLD_EXITED, ... */
    char line[CHILD_LINE_SIZE]; /* the line that is not whole yet */
    size_t line_size;
};

struct child_order {
    const char *program; /* beside this program, or else in PATH */
    const char *arguments[CHILD_ARGUMENTS]; /* up to the first NULL; `--parent`
                                               and our own number follow */
    uint32_t cores; /* threads that its libraries may make */
};

/* Starts it with no signal blocked, no file of ours but stderr, and stdin
 * empty. */
int child_start(struct child *child, const struct child_order *order,
        struct err *err) MUST_USE;

/* Calls `take` for each whole line that is there, without waiting; the part of
 * a longer line that does not fit is dropped. True when it has ended, and all
 * of its lines were taken. */
bool child_read(struct child *child, void (*take)(void *self, const char *line),
        void *self);
void child_kill(struct child *child);
/* Waits until it has ended. */
void child_wait(struct child *child);

/* When it has ended: by exit status 0? If not, a sentence that says how. */
bool child_succeeded(const struct child *child);
void child_why(const struct child *child, char *why, size_t size);

/* When it has ended. */
void child_close(struct child *child);

#endif
