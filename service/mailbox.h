/* Bounded hand-over between threads: a ring of pointers under a mutex, and an
 * eventfd that becomes readable when something was put in, so that a loop
 * can wait for it together with sockets. */
#ifndef SERVICE_MAILBOX_H
#define SERVICE_MAILBOX_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mailbox {
    pthread_mutex_t lock;
    void **ring;
    uint32_t capacity;
    uint32_t first, count;
    int fd;
};

int mailbox_open(
        struct mailbox *mailbox, uint32_t capacity, struct err *err) MUST_USE;
void mailbox_close(struct mailbox *mailbox);

/* False when it is full: the caller keeps the item. */
bool mailbox_put(struct mailbox *mailbox, void *item) MUST_USE;
/* The oldest item, or NULL. */
void *mailbox_take(struct mailbox *mailbox);
/* Items that wait in it now; from any thread. */
uint32_t mailbox_count(struct mailbox *mailbox);
/* Is there room for one more? Only the single producer may rely on it. */
bool mailbox_has_room(struct mailbox *mailbox);
/* Makes the eventfd readable without an item: "look again". */
void mailbox_wake(struct mailbox *mailbox);
/* Takes the readability back; call it before emptying the box. */
void mailbox_clear(struct mailbox *mailbox);

#endif
