#include "service/http.h"

#include "service/api.h"
#include "service/assets.h"
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
    struct history *history;
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
    char *text; /* malloced, unless it is `lasting` */
    size_t size;
    const char *lasting; /* of static storage */
};

/* What a page is made for. */
struct call {
    const struct http *http;
    struct MHD_Connection *connection;
};

static struct page page_of_text(unsigned status, const char *text)
{
    return (struct page){.status = status,
            .type = "text/plain; charset=utf-8",
            .size = strlen(text),
            .lasting = text};
}

static struct page no_page(void)
{
    return page_of_text(MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

static struct page no_problem(void)
{
    return page_of_text(
            MHD_HTTP_NOT_FOUND, "problem: there is none of that name\n");
}

static struct page page_of_json(char *text, size_t size)
{
    return (struct page){.status = MHD_HTTP_OK,
            .type = "application/json",
            .text = text,
            .size = size};
}

/* An argument of the query, or NULL. */
static const char *argument(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(
            call->connection, MHD_GET_ARGUMENT_KIND, name);
}

static struct page metrics_page(const struct call *call)
{
    struct page page = {.status = MHD_HTTP_OK,
            .type = "text/plain; version=0.0.4; charset=utf-8"};

    page.text =
            metrics_prometheus(&call->http->source, time_of_day(), &page.size);
    return page;
}

static struct page status_page(const struct call *call)
{
    size_t size = 0;
    bool found;
    char *text = api_status(&call->http->source, argument(call, "problem"),
            time_of_day(), &found, &size);

    return found ? page_of_json(text, size) : no_problem();
}

static struct page problems_page(const struct call *call)
{
    size_t size = 0;
    char *text = api_problems(&call->http->source, time_of_day(), &size);

    return page_of_json(text, size);
}

static struct page generations_page(const struct call *call)
{
    const char *problem = argument(call, "problem");
    size_t size = 0;
    bool found = false;
    char *text;

    if (problem == NULL)
        return page_of_text(
                MHD_HTTP_BAD_REQUEST, "problem: of which one is not said\n");
    text = api_generations(&call->http->source, problem, &found, &size);
    return found ? page_of_json(text, size) : no_problem();
}

static struct page history_page(const struct call *call)
{
    const char *since = argument(call, "since");
    const char *resolution = argument(call, "resolution");
    struct history_query query = {.problem = argument(call, "problem")};
    size_t size = 0;
    bool found;
    char *text, *end;

    if (since != NULL) {
        query.since = strtod(since, &end);
        if (end == since || *end != '\0')
            return page_of_text(
                    MHD_HTTP_BAD_REQUEST, "since: not a number of seconds\n");
    }
    query.coarse = resolution != NULL && strcmp(resolution, "coarse") == 0;
    if (resolution != NULL && !query.coarse && strcmp(resolution, "fine") != 0)
        return page_of_text(
                MHD_HTTP_BAD_REQUEST, "resolution: neither fine nor coarse\n");
    text = history_json(call->http->history, &query, &found, &size);
    return found ? page_of_json(text, size) : no_problem();
}

static struct page health_page(const struct call *call)
{
    (void)call;
    return page_of_text(MHD_HTTP_OK, "alive\n");
}

static struct page ready_page(const struct call *call)
{
    return commit_full(call->http->source.committer)
            ? page_of_text(MHD_HTTP_SERVICE_UNAVAILABLE,
                      "there is no room for new work\n")
            : page_of_text(MHD_HTTP_OK, "ready\n");
}

static const struct {
    const char *path;
    struct page (*make)(const struct call *call);
} pages[] = {
        {"/metrics", metrics_page},
        {"/api/v1/status", status_page},
        {"/api/v1/problems", problems_page},
        {"/api/v1/history", history_page},
        {"/api/v1/generations", generations_page},
        {"/healthz", health_page},
        {"/readyz", ready_page},
};

static struct page asset_page(const char *path)
{
    struct asset asset;

    if (!asset_find(path, &asset))
        return no_page();
    return (struct page){.status = MHD_HTTP_OK,
            .type = asset.type,
            .size = asset.size,
            .lasting = asset.data};
}

static struct page find_page(
        const struct call *call, const char *path, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
            strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return page_of_text(MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++)
        if (strcmp(path, pages[i].path) == 0)
            return pages[i].make(call);
    return asset_page(path);
}

/* ---- requests ---- */

/* What a browser may do with an answer: show it, with this service's own script
 * and style, which ask this service only; in no frame, and telling nobody. */
static const struct {
    const char *name, *value;
} headers[] = {
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; "
                "img-src 'self'; connect-src 'self'; base-uri 'none'; "
                "form-action 'none'; frame-ancestors 'none'"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* NULL: no memory. It takes the page's text over. */
static struct MHD_Response *response_of(struct page *page)
{
    union {
        const char *in;
        void *out; /* that is only read */
    } lasting = {page->lasting};
    struct MHD_Response *response;

    if (page->lasting != NULL)
        return MHD_create_response_from_buffer(
                page->size, lasting.out, MHD_RESPMEM_PERSISTENT);
    if (page->text == NULL)
        return NULL;
    response = MHD_create_response_from_buffer(
            page->size, page->text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(page->text);
    return response;
}

static enum MHD_Result answer(void *self, struct MHD_Connection *connection,
        const char *path, const char *method, const char *version,
        const char *upload, size_t *upload_size, void **state)
{
    struct call call = {self, connection};
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
    page = find_page(&call, path, method);
    response = response_of(&page);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(
            response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++)
        (void)MHD_add_response_header(
                response, headers[i].name, headers[i].value);
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

static int listen_at(struct http *http, const union address *at,
        struct bytes text, struct err *err)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;

    if (at->any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, http,
            MHD_OPTION_SOCK_ADDR, &at->any, MHD_OPTION_CONNECTION_LIMIT,
            HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_TIMEOUT_S,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
            MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    return http->daemon != NULL
            ? 0
            : err_set(err, STATUS_IO, "http.listen: %.*s cannot be had",
                      (int)text.size, (const char *)text.data);
}

int http_start(struct http **out, struct bytes address,
        const struct metrics_source *source,
        const struct history_settings *past, struct err *err)
{
    struct http *http = calloc(1, sizeof(*http));
    union address at;
    int status;

    *out = NULL;
    if (http == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = parse_address(address, &at, err);
    if (status != 0) {
        free(http);
        return status;
    }
    http->source = *source;
    status = history_new(&http->history, &http->source, past, err);
    if (status == 0)
        status = listen_at(http, &at, address, err);
    if (status == 0)
        status = history_start(http->history, err);
    if (status == 0) {
        *out = http;
        return 0;
    }
    http_stop(http);
    return status;
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    history_free(http->history);
    free(http);
}

uint16_t http_port(const struct http *http)
{
    const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info == NULL ? 0 : info->port;
}
