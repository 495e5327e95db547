#include "service/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A supervisor that reads nothing must not stop the service: news of its state
 * wait a second for room, a sign of life none. */
static void notify(const char *text, int flags)
{
    static const struct timeval patience = {.tv_sec = 1};
    /* Nobody writes the environment after main has begun. */
    const char *path = getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe)
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);
    int fd;

    if (size < 2 || size >= sizeof(address.sun_path) ||
            (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | flags,
            (const struct sockaddr *)&address,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    (void)close(fd);
}

void notify_ready(void)
{
    notify("READY=1", 0);
}

void notify_reloading(void)
{
    struct timespec now;
    char text[96];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
            (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(text, 0);
}

void notify_stopping(void)
{
    notify("STOPPING=1", 0);
}

void notify_alive(void)
{
    notify("WATCHDOG=1", MSG_DONTWAIT);
}
