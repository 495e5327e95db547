#include "config/settings.h"

#define AT(member) offsetof(struct settings, member)

static const char *const levels[] = {"debug", "info", "warning", "error", NULL};

static const struct option_row rows[] = {
        {.name = "data",
                .type = OPTION_TEXT,
                .offset = AT(data),
                .text = "rue-data",
                .sentence = "directory of the store; made if it is missing"},
        {.name = "engine_threads",
                .type = OPTION_COUNT,
                .offset = AT(engine_threads),
                .max = 64,
                .fallback = 0,
                .sentence = "threads that decide and learn; each problem "
                            "belongs to one; 0: the socket's thread does it, "
                            "which is best on few cores"},
        {.name = "batch_items",
                .type = OPTION_COUNT,
                .offset = AT(batch_items),
                .min = 1,
                .max = 16384,
                .fallback = 4096,
                .sentence = "most decides, feedbacks and activations of one "
                            "group commit and engine thread"},
        {.name = "diag_level",
                .type = OPTION_CHOICE,
                .offset = AT(diag_level),
                .choices = levels,
                .fallback = 1,
                .sentence = "least level of diagnostic lines on stderr"},
        {.name = "storage.map_size",
                .type = OPTION_SIZE,
                .offset = AT(storage_map_size),
                .min = 1048576,
                .max = 4398046511104.0,
                .fallback = 68719476736.0,
                .sentence = "address space set aside for the store; more than "
                            "it can ever hold costs nothing"},
        {.name = "storage.quota",
                .type = OPTION_SIZE,
                .offset = AT(storage_quota),
                .max = 4398046511104.0,
                .sentence = "bytes that the store may use before it refuses "
                            "new work; 0: as many as the map and disk hold"},
        {.name = "storage.reserve",
                .type = OPTION_SIZE,
                .offset = AT(storage_reserve),
                .max = 1099511627776.0,
                .fallback = 67108864,
                .sentence = "bytes of the disk that must stay free; below "
                            "them new work is refused"},
        {.name = "storage.keep",
                .type = OPTION_DURATION,
                .offset = AT(storage_keep),
                .max = 9e18,
                .sentence = "how long records are kept; 0: for ever"},
        {.name = "snapshot.every",
                .type = OPTION_DURATION,
                .offset = AT(snapshot_every),
                .min = 1e6,
                .max = 9e18,
                .fallback = 60e9,
                .sentence = "longest time between snapshots of a problem "
                            "that learns"},
        {.name = "snapshot.records",
                .type = OPTION_COUNT,
                .offset = AT(snapshot_records),
                .min = 1,
                .max = 1e9,
                .fallback = 200000,
                .sentence = "most records of a problem between its "
                            "snapshots; bounds the work of a restart"},
        {.name = "http.listen",
                .type = OPTION_TEXT,
                .offset = AT(http_listen),
                .text = HTTP_LISTEN_DEFAULT,
                .max = 1,
                .sentence = "HOST:PORT of the dashboard, /metrics, /healthz, "
                            "/readyz and /api/v1, with a numeric host; "
                            "empty: none. Without authentication: keep it on "
                            "loopback. If the default is taken the service "
                            "goes without"},
        {.name = "http.label_sets",
                .type = OPTION_COUNT,
                .offset = AT(http_label_sets),
                .min = 1,
                .max = 1e6,
                .fallback = 2000,
                .sentence = "most problems shown one by one in /metrics (the "
                            "others are summed up), and most numbers of "
                            "their policies"},
        {.name = "events.listen",
                .type = OPTION_TEXT,
                .offset = AT(events_listen),
                .text = "",
                .max = 1,
                .sentence = "ZeroMQ endpoint, such as "
                            "tcp://127.0.0.1:5752 or ipc://PATH, where "
                            "decisions, generations, alarms and status are "
                            "published for who subscribes (rue watch); empty: "
                            "nowhere. Without authentication: keep it on "
                            "loopback"},
        {.name = "events.decisions",
                .type = OPTION_DOUBLE,
                .offset = AT(events_decisions),
                .max = 1,
                .fallback = 0.01,
                .sentence = "share of the decisions that is published"},
        {.name = "webhook.url",
                .type = OPTION_TEXT,
                .offset = AT(webhook_url),
                .text = "",
                .max = 1,
                .sentence = "URL of http or https that every alarm of drift "
                            "is posted to, as JSON; empty: none"},
        {.name = "webhook.timeout",
                .type = OPTION_DURATION,
                .offset = AT(webhook_timeout),
                .min = 10e6,
                .max = 300e9,
                .fallback = 10e9,
                .sentence = "longest time of one post"},
        {.name = "webhook.tries",
                .type = OPTION_COUNT,
                .offset = AT(webhook_tries),
                .min = 1,
                .max = 1000,
                .fallback = 8,
                .sentence = "posts of one alarm until it is given up"},
        {.name = "webhook.backoff",
                .type = OPTION_DURATION,
                .offset = AT(webhook_backoff),
                .min = 1e6,
                .max = 60e9,
                .fallback = 1e9,
                .sentence = "time until a failed post is tried again; it "
                            "doubles with every failure, up to a minute"},
        {.name = "http.history",
                .type = OPTION_SIZE,
                .offset = AT(http_history),
                .max = 1099511627776.0,
                .fallback = 67108864,
                .sentence = "memory for the past that the dashboard shows, of "
                            "problems in the configuration's order as long as "
                            "it lasts; 0: of none"},
        {.name = "http.sample",
                .type = OPTION_DURATION,
                .offset = AT(http_sample),
                .min = 1e8,
                .max = 3600e9,
                .fallback = 5e9,
                .sentence = "how often a sample of that is taken; 720 of them "
                            "are kept, and 720 of every 24th"},
};

const struct option_table settings_table = {
        rows, ARRAY_COUNT(rows), sizeof(struct settings)};

bool settings_reloadable(const char *name)
{
    static const char *const fixed[] = {"data", "engine_threads", "batch_items",
            "storage.map_size", "http.listen", "http.label_sets",
            "http.history", "http.sample", "events.listen", "events.decisions",
            "webhook.url", "webhook.timeout", "webhook.tries",
            "webhook.backoff"};

    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        if (strcmp(name, fixed[i]) == 0)
            return false;
    return true;
}
