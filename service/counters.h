/* The counters of the service: a row each, name and sentence. They count what
 * happened since the start; what must survive a restart is counted in the
 * problem's state (service/engine/problem.h). Any thread may add. */
#ifndef SERVICE_COUNTERS_H
#define SERVICE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTER_LIST(X)                                                        \
    X(requests, "requests received")                                           \
    X(malformed, "requests that could not be read, and were answered so")      \
    X(dropped, "messages without a place to answer to, or of too many frames") \
    X(decides, "decides answered OK")                                          \
    X(feedbacks, "feedbacks answered OK")                                      \
    X(activates, "activations answered OK")                                    \
    X(repeated, "items answered again from the log")                           \
    X(refused, "items refused")                                                \
    X(refused_full, "requests refused because there is no room on disk")       \
    X(replies, "replies sent")                                                 \
    X(replies_lost, "replies whose client was gone or did not read")           \
    X(commits, "group commits")                                                \
    X(commit_retries, "group commits that found no room and were tried again") \
    X(records, "records committed")                                            \
    X(record_bytes, "bytes of records committed")                              \
    X(snapshots, "snapshots written")                                          \
    X(expiries, "deadlines handled")                                           \
    X(retired, "records dropped by retention")                                 \
    X(trainings, "generations trained and stored")                             \
    X(trainings_failed, "trainings that came to nothing")                      \
    X(trainings_skipped, "trainings that were due and not needed")             \
    X(promotions, "generations promoted")                                      \
    X(generations_pruned, "generations that were not needed any more")         \
    X(http_requests, "HTTP requests answered")                                 \
    X(notices, "notices published to who listens")                             \
    X(notices_dropped, "notices for which there was no room")                  \
    X(webhooks, "alarms posted to the webhook")                                \
    X(webhook_failures, "posts to the webhook that failed")                    \
    X(webhooks_dropped, "alarms that the webhook was not told of")             \
    X(reloads, "configurations reloaded")                                      \
    X(reloads_refused, "configurations refused at reload")

struct counters {
#define X(name, sentence) atomic_uint_fast64_t name;
    COUNTER_LIST(X)
#undef X
};

extern struct counters counters;

#define COUNT(name) COUNT_ADD(name, 1)
#define COUNT_ADD(name, by)                                                    \
    ((void)atomic_fetch_add_explicit(                                          \
            &counters.name, (by), memory_order_relaxed))

/* Number of rows; name and current value of row `index`. */
uint32_t counters_count(void);
const char *counters_name(uint32_t index);
const char *counters_sentence(uint32_t index);
uint64_t counters_value(uint32_t index);

#endif
