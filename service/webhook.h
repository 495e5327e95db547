/* The webhook: every alarm of drift is posted as JSON to a URL (webhook.url),
 * by a thread of its own with libcurl.
 *
 *   socket's thread: a batch is on disk -> its Alarm records into a bounded
 * queue the webhook's thread: one at a time, in their order: POST, until the
 * other side answers 2xx
 *
 * What fails for want of a connection, in time, or with 408, 429 or 5xx is
 * tried again, after webhook.backoff, then twice that, and so on, at most a
 * minute, webhook.tries times in all. Any other answer, and the last failure,
 * gives the alarm up. So an alarm comes at least once while the other side is
 * there, and perhaps twice: its `problem` and `record` say which it is. What
 * waits when the service stops is given up too; the log has it.
 *
 * Nobody waits: what the queue has no room for is dropped and counted. */
#ifndef SERVICE_WEBHOOK_H
#define SERVICE_WEBHOOK_H

#include "config/config.h"
#include "service/batch.h"

/* Alarms that wait, and the longest time between two tries. */
#define WEBHOOK_QUEUE       1024u
#define WEBHOOK_BACKOFF_MAX (60 * NANOS_PER_SECOND)
/* Bytes of an answer that are read. */
#define WEBHOOK_ANSWER_MAX ((size_t)65536)

struct webhook;

/* Starts the thread for `webhook.url` of the config, whose problems have their
 * numbers. INVALID: the URL is not http or https. */
int webhook_start(struct webhook **webhook, const struct config *config,
        struct err *err) MUST_USE;
/* Breaks off what is under way. NULL is allowed. */
void webhook_stop(struct webhook *webhook);

/* The alarms of a batch that is on disk. NULL is allowed. */
void webhook_batch(struct webhook *webhook, const struct batch *batch);

#endif
