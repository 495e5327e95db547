/* Tells a supervisor (systemd's protocol: a datagram to $NOTIFY_SOCKET) that
 * the service is ready or stopping. Without a supervisor nothing happens. */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

/* These wait for a second at most where the supervisor does not read. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* Keeps the watchdog quiet; call it at least every $WATCHDOG_USEC / 2. Does not
 * wait. */
void notify_alive(void);

#endif
