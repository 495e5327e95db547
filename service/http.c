#include "service/http.h"

#include "service/counters.h"
#include "service/diag.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct http {
    struct MHD_Daemon *daemon;
    struct metrics_source source;
};

static nanos time_of_day(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

/* ---- pages ---- */

struct page {
    unsigned status;
    const char *type;
    char *text; /* malloced */
    size_t size;
};

static struct page page_of_text(unsigned status, const char *text)
{
    struct page page = {
            status, "text/plain; charset=utf-8", strdup(text), strlen(text)};

    return page;
}

static struct page metrics_page(const struct http *http)
{
    struct page page = {
            MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", NULL, 0};

    page.text = metrics_prometheus(&http->source, time_of_day(), &page.size);
    return page;
}

static struct page status_page(const struct http *http)
{
    struct page page = {MHD_HTTP_OK, "application/json", NULL, 0};

    page.text = metrics_json(&http->source, time_of_day(), &page.size);
    return page;
}

static struct page health_page(const struct http *http)
{
    (void)http;
    return page_of_text(MHD_HTTP_OK, "alive\n");
}

static struct page ready_page(const struct http *http)
{
    return commit_full(http->source.committer)
            ? page_of_text(MHD_HTTP_SERVICE_UNAVAILABLE,
                      "there is no room for new work\n")
            : page_of_text(MHD_HTTP_OK, "ready\n");
}

static const struct {
    const char *path;
    struct page (*make)(const struct http *http);
} pages[] = {
        {"/metrics", metrics_page},
        {"/api/v1/status", status_page},
        {"/healthz", health_page},
        {"/readyz", ready_page},
};

static struct page find_page(
        const struct http *http, const char *path, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
            strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return page_of_text(MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++)
        if (strcmp(path, pages[i].path) == 0)
            return pages[i].make(http);
    return page_of_text(MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

/* ---- requests ---- */

static enum MHD_Result answer(void *self, struct MHD_Connection *connection,
        const char *path, const char *method, const char *version,
        const char *upload, size_t *upload_size, void **state)
{
    struct MHD_Response *response;
    enum MHD_Result result;
    struct page page;

    (void)version;
    (void)upload;
    *upload_size = 0; /* what is sent to us is thrown away */
    if (*state == NULL) {
        *state = self; /* the headers are read; once more for the answer */
        return MHD_YES;
    }
    COUNT(http_requests);
    page = find_page(self, path, method);
    if (page.text == NULL)
        return MHD_NO;
    response = MHD_create_response_from_buffer(
            page.size, page.text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(page.text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(
            response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
    (void)MHD_add_response_header(
            response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(
            response, "X-Content-Type-Options", "nosniff");
    result = MHD_queue_response(connection, page.status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- life ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_port(const char *text, in_port_t *port)
{
    char *end;
    long value = strtol(text, &end, 10);

    *port = htons((uint16_t)value);
    return end != text && *end == '\0' && value >= 0 && value <= 65535 ? 0 : -1;
}

/* "127.0.0.1:9187" or "[::1]:9187". */
static int parse_address(
        struct bytes text, union address *address, struct err *err)
{
    char host[80], *colon;
    in_port_t port;

    memset(address, 0, sizeof(*address));
    if (text.size < sizeof(host)) {
        memcpy(host, text.data, text.size);
        host[text.size] = '\0';
        colon = strrchr(host, ':');
        if (colon != NULL && parse_port(colon + 1, &port) == 0) {
            *colon = '\0';
            if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
                address->v4.sin_family = AF_INET;
                address->v4.sin_port = port;
                return 0;
            }
            if (host[0] == '[' && colon[-1] == ']') {
                colon[-1] = '\0';
                if (inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) ==
                        1) {
                    address->v6.sin6_family = AF_INET6;
                    address->v6.sin6_port = port;
                    return 0;
                }
            }
        }
    }
    return err_set(err, STATUS_INVALID,
            "http.listen: '%.*s' is no HOST:PORT with a numeric host",
            (int)text.size, (const char *)text.data);
}

int http_start(struct http **out, struct bytes address,
        const struct metrics_source *source, struct err *err)
{
    struct http *http = calloc(1, sizeof(*http));
    union address at;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;
    int status = http == NULL ? err_set(err, STATUS_INTERNAL, "no memory")
                              : parse_address(address, &at, err);

    *out = NULL;
    if (status != 0) {
        free(http);
        return status;
    }
    http->source = *source;
    if (at.any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, http,
            MHD_OPTION_SOCK_ADDR, &at.any, MHD_OPTION_CONNECTION_LIMIT,
            HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_TIMEOUT_S,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
            MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    if (http->daemon == NULL) {
        free(http);
        return err_set(err, STATUS_IO, "http.listen: %.*s cannot be had",
                (int)address.size, (const char *)address.data);
    }
    *out = http;
    return 0;
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}

uint16_t http_port(const struct http *http)
{
    const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info == NULL ? 0 : info->port;
}
