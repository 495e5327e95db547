#include "service/shard_parts.h"

/* The event in the batch that is on its way to the disk. */
static struct batch_event *find_older(
        struct shard *shard, const struct batch_key *key)
{
    return shard->pending == NULL ? NULL : batch_find(shard->pending, key);
}

/* The event as the newest batch that touched it leaves it, or NULL. */
static struct batch_event *find_pending(
        struct shard *shard, const struct batch_key *key)
{
    struct batch_event *found = batch_find(shard->open, key);

    return found != NULL ? found : find_older(shard, key);
}

int shard_reader_fresh(struct shard *shard, struct err *err)
{
    if (shard->reader_fresh)
        return 0;
    shard->reader_fresh = true;
    shard->newest.asked = 0;
    return ledger_reader_renew(&shard->reader, err);
}

/* The event in one of the batches that reached the disk last, which are still
 * in memory: most feedback comes soon after its decision. `decided`: in the one
 * that has its Decision record. */
static const struct batch_event *find_recent(
        struct shard *shard, const struct batch_key *key, bool decided)
{
    for (uint32_t i = 0; i < SHARD_RECENT && shard->recent[i] != NULL; i++) {
        const struct batch_event *found = batch_find(shard->recent[i], key);
        if (found != NULL && (!decided || found->decision.size > 0))
            return found;
    }
    return NULL;
}

/* As the store has it: with the sequences that the commit gave. */
static void recent_state(
        const struct batch_event *entry, struct event_state *state)
{
    memcpy(state, entry->state, event_state_size(entry->state));
    state->last = entry->last->sequence;
    if (entry->decision_effect != NULL)
        state->decision = entry->decision_effect->sequence;
}

/* Retention must leave the event's Decision alone. One that the pending batch
 * counts on is pinned by that batch until this one has its own pin. */
static void pin(struct shard *shard, const struct event_state *state)
{
    if (state->decision != 0)
        batch_pin(shard->open, state->decision);
}

/* Is the event's id past all that the problem has on disk? Ids that begin with
 * the time mostly are, and then the store need not be searched. One problem is
 * remembered, as long as the reader sees the same; the second question about it
 * is worth the look. */
static bool is_past_all(
        struct shard *shard, uint32_t problem, struct bytes event)
{
    struct newest *newest = &shard->newest;
    struct bytes last;
    struct err err;

    if (newest->asked == 0 || newest->problem != problem)
        *newest = (struct newest){.problem = problem};
    if (++newest->asked == 2 &&
            event_last(shard->reader.txn, problem, &last, &err) == 0 &&
            last.size <= sizeof(newest->id)) {
        memcpy(newest->id, last.data, last.size);
        newest->size = last.size;
    }
    return newest->size > 0 &&
            bytes_compare(event, bytes_of(newest->id, newest->size)) > 0;
}

/* The event as it is on disk. */
static int committed_event(struct shard *shard, const struct batch_key *key,
        struct event_state *state, struct err *err)
{
    const struct batch_event *recent = find_recent(shard, key, false);
    int status;

    if (recent != NULL && recent->state == NULL)
        return err_set(err, STATUS_NOT_FOUND, "event: gone");
    if (recent != NULL) {
        recent_state(recent, state);
        return 0;
    }
    status = shard_reader_fresh(shard, err);
    if (status != 0)
        return status;
    if (is_past_all(shard, key->problem, key->event))
        return err_set(err, STATUS_NOT_FOUND, "event: is new");
    return event_get(shard->reader.txn, key->problem, key->event, state, err);
}

static int journal_event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct shard *shard = self;
    struct batch_key key = batch_key(problem, event);
    const struct batch_event *pending = find_pending(shard, &key);
    int status;

    if (pending != NULL && pending->state == NULL)
        return err_set(err, STATUS_NOT_FOUND, "event: gone");
    if (pending != NULL) {
        memcpy(state, pending->state, event_state_size(pending->state));
        pin(shard, state);
        return 0;
    }
    status = committed_event(shard, &key, state, err);
    if (status != 0)
        return status;
    pin(shard, state);
    if (state->decision != 0 &&
            commit_retired(shard->committer, state->decision))
        return err_set(err, STATUS_NOT_FOUND, "event: retired");
    return 0;
}

static int journal_decision_get(void *self, uint32_t problem,
        struct bytes event, const struct event_state *state,
        struct bytes *payload, struct err *err)
{
    struct shard *shard = self;
    struct batch_key key = batch_key(problem, event);
    const struct batch_event *here = batch_find(shard->open, &key);
    const struct batch_event *before = find_older(shard, &key);
    const struct batch_event *recent;
    struct log_entry entry;
    int status;

    if (here != NULL && here->decision.size > 0) {
        *payload = here->decision;
        return 0;
    }
    if (before != NULL && before->decision.size > 0) {
        *payload = before->decision;
        return 0;
    }
    recent = find_recent(shard, &key, true);
    if (recent != NULL) {
        *payload = recent->decision;
        return 0;
    }
    status = shard_reader_fresh(shard, err);
    if (status == 0)
        status = log_get(shard->reader.txn, state->decision, &entry, err);
    if (status != 0)
        return status;
    if (entry.kind != RECORD_DECISION)
        return err_set(
                err, STATUS_CORRUPT, "event: its decision is another record");
    *payload = entry.payload;
    return 0;
}

static void journal_append(void *self, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    struct shard *shard = self;

    batch_append(shard->open, kind, problem, payload);
}

static void journal_event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct shard *shard = self;
    struct batch_key key = batch_key(problem, event);
    const struct batch_event *before = find_older(shard, &key);

    batch_event_put(shard->open, &key, state, decision,
            before == NULL ? NULL : before->decision_effect);
}

static void journal_event_del(void *self, uint32_t problem, struct bytes event)
{
    struct shard *shard = self;
    struct batch_key key = batch_key(problem, event);

    batch_event_del(shard->open, &key);
}

static void journal_due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    struct shard *shard = self;

    batch_due(shard->open, problem, deadline, event);
}

struct journal shard_journal(struct shard *shard)
{
    return (struct journal){
            .event_get = journal_event_get,
            .decision_get = journal_decision_get,
            .append = journal_append,
            .event_put = journal_event_put,
            .event_del = journal_event_del,
            .due_put = journal_due_put,
            .model_get = shard_model_get,
            .model_keep = shard_model_keep,
            .self = shard,
    };
}

void shard_step(struct shard *shard, struct hosted *hosted,
        const struct input *input, struct answer *answer)
{
    struct journal journal = shard_journal(shard);
    uint32_t before = shard->open->effect_count;

    engine_step(hosted->problem, input, &journal, &shard->work, answer);
    hosted->changes += shard->open->effect_count - before;
    hosted->untold = true;
    shard->open->item_count++;
}
