#include "training/offline.h"

#include "training/batch.h"

#include <stdlib.h>

/* The new model takes the place of what serves. */
static int serve_model(
        const struct problem *model, struct problem *serving, struct err *err)
{
    size_t size = problem_model_size(model);
    uint8_t *bytes = malloc(size);
    struct writer writer = writer_over(bytes, size);
    int status;

    if (bytes == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    problem_save_model(model, &writer);
    CHECK(!writer.failed);
    status = problem_load_model(serving, writer_bytes(&writer), err);
    free(bytes);
    return status;
}

static int train_model(const struct offline *offline,
        const struct panel_training *training, struct examples *examples,
        struct err *err)
{
    struct batch batch = {.spec = training->spec,
            .examples = examples,
            .champion = training->serving,
            .model = problem_open(training->spec, err),
            .booster = offline->booster,
            .seed = training->before};
    int status = STATUS_INTERNAL;

    if (batch.model != NULL)
        status = batch_train(&batch, err);
    if (status == 0)
        status = serve_model(batch.model, training->serving, err);
    problem_close(batch.model);
    return status;
}

static int train_on(const struct offline *offline,
        const struct panel_training *training, struct ledger_reader *reader,
        struct err *err)
{
    const struct problem_settings *settings = &training->spec->settings;
    struct examples_rules rules = {
            .cut = (enum examples_cut)settings->retrain_cut,
            .now = training->now,
            .most = settings->retrain_rows,
            .before = training->before,
    };
    struct examples examples = {.progress = NULL};
    int status = ledger_reader_since(
            reader, training->spec->name, &rules.since, err);

    if (status != 0)
        return status;
    if (rules.since < training->from)
        rules.since = training->from;
    status = examples_open(&examples, training->spec, reader, &rules, err);
    if (status == 0)
        status = train_model(offline, training, &examples, err);
    examples_close(&examples);
    return status;
}

static int train(
        void *self, const struct panel_training *training, struct err *err)
{
    const struct offline *offline = self;
    struct ledger_reader reader;
    int status = ledger_reader_open(offline->ledger, &reader, err);

    if (status != 0)
        return status;
    status = train_on(offline, training, &reader, err);
    ledger_reader_close(&reader);
    return status;
}

void offline_open(struct offline *offline, struct ledger *ledger,
        const struct booster *booster)
{
    *offline = (struct offline){.ledger = ledger,
            .booster = booster,
            .trainer = {.train = train, .self = offline}};
}
