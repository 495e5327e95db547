/* The settings of the service: a row each. `rue config show`, `rue config
 * check` and the documentation are made from these rows and from those of
 * service/engine/problem_settings.h and of the policies. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/options.h"
#include "base/time.h"

struct settings {
    struct bytes data;
    uint32_t engine_threads;
    uint32_t batch_items;
    uint32_t diag_level; /* enum diag_level */
    uint64_t storage_map_size;
    uint64_t storage_quota;
    uint64_t storage_reserve;
    nanos storage_keep;
    nanos snapshot_every;
    uint32_t snapshot_records;
    struct bytes http_listen; /* empty: no HTTP */
    uint32_t http_label_sets;
    struct bytes events_listen; /* empty: nothing is published */
    double events_decisions; /* share of the decisions */
    struct bytes webhook_url; /* empty: none */
    nanos webhook_timeout, webhook_backoff;
    uint32_t webhook_tries;
    uint64_t http_history; /* bytes */
    nanos http_sample;
};

/* Where HTTP is served if nothing else is said. */
#define HTTP_LISTEN_DEFAULT "127.0.0.1:5751"

extern const struct option_table settings_table;

/* Can this setting change by a reload, without a restart? */
bool settings_reloadable(const char *name);

#endif
