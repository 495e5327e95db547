#include "service/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_open(struct mailbox *mailbox, uint32_t capacity, struct err *err)
{
    memset(mailbox, 0, sizeof(*mailbox));
    mailbox->ring = calloc(capacity, sizeof(*mailbox->ring));
    mailbox->capacity = capacity;
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->ring == NULL || mailbox->fd < 0) {
        free(mailbox->ring);
        if (mailbox->fd >= 0)
            (void)close(mailbox->fd);
        return err_set(err, STATUS_IO, "mailbox: %s", strerrordesc_np(errno));
    }
    CHECK_ZERO(pthread_mutex_init(&mailbox->lock, NULL));
    return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (mailbox->ring == NULL)
        return;
    CHECK_ZERO(pthread_mutex_destroy(&mailbox->lock));
    (void)close(mailbox->fd);
    free(mailbox->ring);
    mailbox->ring = NULL;
}

bool mailbox_put(struct mailbox *mailbox, void *item)
{
    bool room;

    CHECK_ZERO(pthread_mutex_lock(&mailbox->lock));
    room = mailbox->count < mailbox->capacity;
    if (room) {
        uint32_t last = (mailbox->first + mailbox->count) % mailbox->capacity;
        mailbox->ring[last] = item;
        mailbox->count++;
    }
    CHECK_ZERO(pthread_mutex_unlock(&mailbox->lock));
    if (room)
        mailbox_wake(mailbox);
    return room;
}

void *mailbox_take(struct mailbox *mailbox)
{
    void *item = NULL;

    CHECK_ZERO(pthread_mutex_lock(&mailbox->lock));
    if (mailbox->count > 0) {
        item = mailbox->ring[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->capacity;
        mailbox->count--;
    }
    CHECK_ZERO(pthread_mutex_unlock(&mailbox->lock));
    return item;
}

uint32_t mailbox_count(struct mailbox *mailbox)
{
    uint32_t count;

    CHECK_ZERO(pthread_mutex_lock(&mailbox->lock));
    count = mailbox->count;
    CHECK_ZERO(pthread_mutex_unlock(&mailbox->lock));
    return count;
}

bool mailbox_has_room(struct mailbox *mailbox)
{
    bool room;

    CHECK_ZERO(pthread_mutex_lock(&mailbox->lock));
    room = mailbox->count < mailbox->capacity;
    CHECK_ZERO(pthread_mutex_unlock(&mailbox->lock));
    return room;
}

void mailbox_wake(struct mailbox *mailbox)
{
    uint64_t one = 1;

    /* EAGAIN means that it is readable already. */
    while (write(mailbox->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void mailbox_clear(struct mailbox *mailbox)
{
    uint64_t seen;

    while (read(mailbox->fd, &seen, sizeof(seen)) < 0 && errno == EINTR)
        continue;
}
