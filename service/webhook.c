#include "service/webhook.h"

#include "policies/drift.h"
#include "service/counters.h"
#include "service/diag.h"
#include "service/mailbox.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* An Alarm record on its way to the thread. */
struct waiting {
    uint64_t sequence;
    uint32_t problem;
    size_t size;
    uint8_t data[]; /* [size] its payload */
};

struct name_of {
    uint32_t number;
    char name[ID_BYTES_MAX + 1];
};

struct webhook {
    pthread_t thread;
    struct mailbox queue; /* of struct waiting, malloced */
    _Atomic bool stopping;
    char *url;
    nanos timeout, backoff;
    uint32_t tries;
    struct name_of *names; /* [count] */
    uint32_t count;
    struct arena arena;
    CURL *curl;
    struct curl_slist *headers;
    size_t answered; /* bytes of the answer so far */
};

static void give_up(const struct waiting *waiting, const char *why)
{
    COUNT(webhooks_dropped);
    diag(DIAG_WARNING, "webhook.dropped", "record=%" PRIu64 " why=\"%s\"",
            waiting->sequence, why);
}

/* ---- into the queue ---- */

static void put(struct webhook *webhook, const struct batch_effect *effect)
{
    size_t size = effect->payload.size;
    struct waiting *waiting = malloc(sizeof(*waiting) + size);

    if (waiting != NULL) {
        waiting->sequence = effect->sequence;
        waiting->problem = effect->problem;
        waiting->size = size;
        memcpy(waiting->data, effect->payload.data, size);
        if (mailbox_put(&webhook->queue, waiting))
            return;
    }
    COUNT(webhooks_dropped);
    free(waiting);
}

void webhook_batch(struct webhook *webhook, const struct batch *batch)
{
    for (uint32_t i = 0; webhook != NULL && i < batch->effect_count; i++)
        if (batch->effects[i].kind == EFFECT_RECORD &&
                batch->effects[i].record_kind == RECORD_ALARM)
            put(webhook, &batch->effects[i]);
}

/* ---- what is posted ---- */

static const char *name_of(const struct webhook *webhook, uint32_t number)
{
    for (uint32_t i = 0; i < webhook->count; i++)
        if (webhook->names[i].number == number)
            return webhook->names[i].name;
    return "";
}

static json_t *json_of(const struct webhook *webhook,
        const struct waiting *waiting, const struct alarm_record *alarm)
{
    static const char *const parts[ALARM_PARTS] = {
            "all", "action", "group", "column"};
    char name[ID_BYTES_MAX + 1];

    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:f, s:f, s:f, s:f, "
                     "s:I}",
            "kind", "alarm", "problem", name_of(webhook, waiting->problem),
            "record", (json_int_t)waiting->sequence, "time_ns",
            (json_int_t)alarm->head.time, "stream",
            drift_stream_name(alarm->stream), "of", parts[alarm->part], "name",
            bytes_text(alarm->name, name, sizeof(name)), "statistic",
            alarm->statistic, "threshold", alarm->threshold, "before",
            alarm->before, "after", alarm->after, "rows",
            (json_int_t)alarm->rows);
}

/* malloced; NULL if it cannot be made. */
static char *text_of(struct webhook *webhook, const struct waiting *waiting)
{
    union any_record record;
    json_t *value;
    char *text;

    arena_reset(&webhook->arena);
    if (record_decode(RECORD_ALARM, bytes_of(waiting->data, waiting->size),
                &webhook->arena, &record, NULL) != 0)
        return NULL;
    value = json_of(webhook, waiting, &record.alarm);
    if (value == NULL)
        return NULL;
    text = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(value);
    return text;
}

/* ---- one post ---- */

/* The answer is not looked at; a long one is broken off. */
static size_t take_answer(char *data, size_t size, size_t count, void *self)
{
    struct webhook *webhook = self;

    (void)data;
    webhook->answered += size * count;
    return webhook->answered > WEBHOOK_ANSWER_MAX ? 0 : size * count;
}

/* Called now and then: anything but 0 breaks the transfer off. */
static int look_for_stop(void *self, curl_off_t down_all, curl_off_t down,
        curl_off_t up_all, curl_off_t up)
{
    struct webhook *webhook = self;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return atomic_load(&webhook->stopping);
}

enum outcome { TAKEN, AGAIN, REFUSED };

static enum outcome outcome_of(long code)
{
    if (code >= 200 && code < 300)
        return TAKEN;
    return code == 408 || code == 429 || code >= 500 ? AGAIN : REFUSED;
}

static enum outcome post(
        struct webhook *webhook, const char *text, char *why, size_t size)
{
    CURLcode result;
    long code = 0;

    webhook->answered = 0;
    (void)curl_easy_setopt(webhook->curl, CURLOPT_POSTFIELDS, text);
    result = curl_easy_perform(webhook->curl);
    if (result != CURLE_OK) {
        (void)snprintf(why, size, "%s", curl_easy_strerror(result));
        return AGAIN;
    }
    (void)curl_easy_getinfo(webhook->curl, CURLINFO_RESPONSE_CODE, &code);
    (void)snprintf(why, size, "it answers %ld", code);
    return outcome_of(code);
}

/* ---- one alarm ---- */

/* Waits, but for a stop; false for that. */
static bool wait_for(struct webhook *webhook, nanos time)
{
    struct pollfd fd = {webhook->queue.fd, POLLIN, 0};
    struct timespec now;
    nanos until;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    until = (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec + time;
    while (!atomic_load(&webhook->stopping)) {
        nanos left;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        left = until - (nanos)now.tv_sec * NANOS_PER_SECOND - now.tv_nsec;
        if (left <= 0)
            return true;
        mailbox_clear(&webhook->queue);
        if (!atomic_load(&webhook->stopping))
            (void)poll(&fd, 1, (int)(left / NANOS_PER_MS) + 1);
    }
    return false;
}

static void deliver(struct webhook *webhook, const struct waiting *waiting)
{
    char *text = text_of(webhook, waiting);
    nanos pause = webhook->backoff;
    char why[128] = "it cannot be made";
    enum outcome outcome = REFUSED;

    for (uint32_t i = 0; text != NULL && i < webhook->tries; i++) {
        outcome = post(webhook, text, why, sizeof(why));
        if (outcome == TAKEN)
            COUNT(webhooks);
        else
            COUNT(webhook_failures);
        if (outcome != AGAIN || i + 1 == webhook->tries ||
                !wait_for(webhook, pause))
            break;
        pause = 2 * pause < WEBHOOK_BACKOFF_MAX ? 2 * pause
                                                : WEBHOOK_BACKOFF_MAX;
    }
    if (outcome != TAKEN)
        give_up(waiting, why);
    free(text);
}

static void *webhook_main(void *argument)
{
    struct webhook *webhook = argument;
    struct waiting *waiting;

    while (!atomic_load(&webhook->stopping)) {
        struct pollfd fd = {webhook->queue.fd, POLLIN, 0};
        (void)poll(&fd, 1, -1);
        mailbox_clear(&webhook->queue);
        while (!atomic_load(&webhook->stopping) &&
                (waiting = mailbox_take(&webhook->queue)) != NULL) {
            deliver(webhook, waiting);
            free(waiting);
        }
    }
    return NULL;
}

/* ---- life ---- */

static int take_names(struct webhook *webhook, const struct config *config)
{
    webhook->names =
            calloc((size_t)config->problem_count + 1, sizeof(*webhook->names));
    if (webhook->names == NULL)
        return STATUS_INTERNAL;
    webhook->count = config->problem_count;
    for (uint32_t i = 0; i < webhook->count; i++) {
        const struct problem_spec *spec = config->problems[i];
        webhook->names[i].number = spec->number;
        CHECK(spec->name.size < sizeof(webhook->names[i].name));
        memcpy(webhook->names[i].name, spec->name.data, spec->name.size);
    }
    return 0;
}

static bool set_options(struct webhook *webhook)
{
    CURL *curl = webhook->curl;
    long timeout = (long)(webhook->timeout / NANOS_PER_MS);

    return curl_easy_setopt(curl, CURLOPT_URL, webhook->url) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ==
            CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_HTTPHEADER, webhook->headers) ==
            CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_USERAGENT, "rued/" RUE_VERSION) ==
            CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer) ==
            CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_WRITEDATA, webhook) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop) ==
            CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_XFERINFODATA, webhook) == CURLE_OK;
}

static bool open_curl(struct webhook *webhook, const struct settings *settings)
{
    webhook->url = strndup((const char *)settings->webhook_url.data,
            settings->webhook_url.size);
    webhook->curl = curl_easy_init();
    webhook->headers =
            curl_slist_append(NULL, "Content-Type: application/json");
    return webhook->url != NULL && webhook->curl != NULL &&
            webhook->headers != NULL && set_options(webhook);
}

/* Is it a whole URL of a kind that is posted to? Said at the start, not with
 * the first alarm. */
static int check_url(const char *url, struct err *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    bool good = parts != NULL && url != NULL &&
            curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

    curl_free(scheme);
    curl_url_cleanup(parts);
    return good ? 0
                : err_set(err, STATUS_INVALID,
                          "webhook.url: is not a URL of http or https");
}

static void release(struct webhook *webhook)
{
    struct waiting *waiting;

    while (webhook->queue.ring != NULL &&
            (waiting = mailbox_take(&webhook->queue)) != NULL) {
        give_up(waiting, "the service stops");
        free(waiting);
    }
    mailbox_close(&webhook->queue);
    curl_easy_cleanup(webhook->curl);
    curl_slist_free_all(webhook->headers);
    curl_global_cleanup();
    free(webhook->url);
    free(webhook->names);
    free(webhook->arena.data);
    free(webhook);
}

static int open_all(
        struct webhook *webhook, const struct config *config, struct err *err)
{
    const size_t arena = 65536;
    int status;

    webhook->arena = arena_over(malloc(arena), arena);
    if (webhook->arena.data == NULL || take_names(webhook, config) != 0 ||
            !open_curl(webhook, &config->settings))
        return err_set(err, STATUS_INTERNAL, "no memory for the webhook");
    status = check_url(webhook->url, err);
    if (status == 0)
        status = mailbox_open(&webhook->queue, WEBHOOK_QUEUE, err);
    if (status == 0 &&
            pthread_create(&webhook->thread, NULL, webhook_main, webhook) != 0)
        status = err_set(err, STATUS_INTERNAL, "no thread for the webhook");
    return status;
}

int webhook_start(
        struct webhook **out, const struct config *config, struct err *err)
{
    struct webhook *webhook = calloc(1, sizeof(*webhook));
    int status;

    *out = NULL;
    if (webhook == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(webhook);
        return err_set(err, STATUS_INTERNAL, "no memory for the webhook");
    }
    webhook->timeout = config->settings.webhook_timeout;
    webhook->backoff = config->settings.webhook_backoff;
    webhook->tries = config->settings.webhook_tries;
    status = open_all(webhook, config, err);
    if (status != 0) {
        release(webhook);
        return status;
    }
    *out = webhook;
    return 0;
}

void webhook_stop(struct webhook *webhook)
{
    if (webhook == NULL)
        return;
    atomic_store(&webhook->stopping, true);
    mailbox_wake(&webhook->queue);
    CHECK_ZERO(pthread_join(webhook->thread, NULL));
    release(webhook);
}
