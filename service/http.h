/* The HTTP side of rued, to look at and never to change anything:
 *
 *   /metrics        Prometheus's text format
 *   /api/v1/status  the same as JSON
 *   /healthz        200 while the process lives
 *   /readyz         200 while it takes new work, 503 with the reason if not
 *
 * A thread of its own (libmicrohttpd) reads what others tell (board.h, atomic
 * counters) and waits for nobody. Connections are bounded in number and time,
 * so that a client that stalls, or a thousand of them, disturb only each
 * other. GET and HEAD only; there is no authentication, so it listens on
 * loopback unless told otherwise. */
#ifndef SERVICE_HTTP_H
#define SERVICE_HTTP_H

#include "service/metrics.h"

#define HTTP_CONNECTIONS 128u
#define HTTP_TIMEOUT_S   10u

struct http;

/* Listens on `address`, "HOST:PORT" with a numeric host, [::1]:80 too. The
 * source must outlive it. INVALID: no address; IO: it is taken. */
int http_start(struct http **out, struct bytes address,
        const struct metrics_source *source, struct err *err) MUST_USE;
/* NULL is allowed. */
void http_stop(struct http *http);
/* The port that it listens on. */
uint16_t http_port(const struct http *http);

#endif
