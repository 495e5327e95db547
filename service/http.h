/* The HTTP side of rued, to look at and never to change anything:
 *
 *   /                    the dashboard (service/dashboard)
 *   /metrics             Prometheus's text format
 *   /api/v1/status       the same as JSON; ?problem=NAME: of that one
 *   /api/v1/problems     a line each
 *   /api/v1/history      the past hour or day; ?problem= &resolution= &since=
 *   /api/v1/generations  those of ?problem=NAME, from the store
 *   /healthz             200 while the process lives
 *   /readyz              200 while it takes new work, 503 with the reason if
 *                        not
 *
 * docs/http.md is their reference.
 *
 * A thread of its own (libmicrohttpd) reads what others tell (board.h, atomic
 * counters) and waits for nobody. Connections are bounded in number and time,
 * so that a client that stalls, or a thousand of them, disturb only each
 * other. GET and HEAD only; there is no authentication, so it listens on
 * loopback unless told otherwise. */
#ifndef SERVICE_HTTP_H
#define SERVICE_HTTP_H

#include "service/history.h"

#define HTTP_CONNECTIONS 128u
#define HTTP_TIMEOUT_S   10u

struct http;

/* Listens on `address`, "HOST:PORT" with a numeric host, [::1]:80 too. The
 * source must outlive it. INVALID: no address; IO: it is taken. */
int http_start(struct http **out, struct bytes address,
        const struct metrics_source *source,
        const struct history_settings *past, struct err *err) MUST_USE;
/* NULL is allowed. */
void http_stop(struct http *http);
/* The port that it listens on. */
uint16_t http_port(const struct http *http);

#endif
