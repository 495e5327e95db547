#include "training/job.h"

#include "replay/rebuild.h"
#include "storage/generation.h"
#include "training/batch.h"
#include "training/examples.h"
#include "training/limits.h"
#include "training/verdict.h"
#include "training/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SPEC_ARENA_BYTES ((size_t)64 << 20)
#define PROGRESS_EVERY   4096u

/* All that one training works with. */
struct work {
    struct job *job;
    struct ledger *ledger;
    struct ledger_reader reader;
    struct arena arena; /* of the spec */
    struct problem_spec spec;
    uint64_t since;
    struct problem *champion; /* what serves, with all that it has learned */
    struct problem *model; /* what is trained */
    struct generation generation;
    struct examples examples;
    struct memory_options memory; /* what they are kept by */
    char why[GENERATION_WHY_MAX]; /* of the verdict */
    struct err *err;
};

static void tell(
        const struct work *work, const char *what, uint64_t done, uint64_t all)
{
    if (work->job->progress != NULL)
        work->job->progress(work->job->self, what, done, all);
}

/* ---- the problem ---- */

static int read_spec(struct work *work)
{
    struct bytes name = bytes_of_text(work->job->problem);
    union any_record record;
    struct log_entry entry;
    uint32_t number;
    uint64_t config;
    int status = ledger_reader_problem(
            &work->reader, name, &number, &config, work->err);

    if (status == 0 && config == 0)
        status = STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        return err_set(work->err, STATUS_NOT_FOUND,
                "problem '%s': the store has none of that name",
                work->job->problem);
    if (status == 0)
        status = ledger_reader_since(
                &work->reader, name, &work->since, work->err);
    if (status == 0)
        status = log_get(work->reader.txn, config, &entry, work->err);
    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &work->arena, &record, work->err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status = err_set(work->err, STATUS_CORRUPT,
                "problem '%s': its settings are another record",
                work->job->problem);
    if (status == 0)
        status = problem_spec_parse_text(&work->spec, name,
                record.config.settings, &work->arena, work->err);
    work->spec.number = number;
    work->spec.since = work->since;
    return status;
}

/* What serves: as the service has it, from the newest snapshot on. */
static int rebuild_champion(struct work *work)
{
    struct rebuild rebuild = {.problem_count = 1};
    int status;

    work->champion = problem_open(&work->spec, work->err);
    if (work->champion == NULL)
        return STATUS_INTERNAL;
    rebuild.problems = &work->champion;
    tell(work, "champion", 0, 1);
    status = rebuild_run(&rebuild, &work->reader, work->err);
    work->generation.parent = work->champion->generation;
    work->job->parent = work->champion->generation;
    return status;
}

/* ---- learning ---- */

/* Where learning starts: with nothing, or with the champion as it was stored,
 * and then with what came after. */
static int start_model(struct work *work, struct examples_rules *rules)
{
    struct generation generation;
    struct bytes model;
    int status;

    work->model = problem_open(&work->spec, work->err);
    if (work->model == NULL)
        return STATUS_INTERNAL;
    /* A batch oracle has the champion's models beside its own anyway. */
    if (work->spec.settings.retrain_start != RETRAIN_CHAMPION ||
            work->champion->generation == 0 || batch_wanted(&work->spec))
        return 0;
    status = generation_model(work->reader.txn, work->spec.number,
            work->champion->generation, &generation, &model, work->err);
    if (status == 0)
        status = problem_load_model(work->model, model, work->err);
    /* One of other settings is not to start from. */
    if (status == STATUS_INVALID)
        return 0;
    if (status == 0 && rules->since <= generation.through)
        rules->since = generation.through + 1;
    return status;
}

static int learn_one(struct work *work, size_t index)
{
    struct problem *model = work->model;
    struct example_view view;
    int status = examples_read(&work->examples, index, &view, work->err);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    arena_reset(&model->scratch);
    if (work->spec.settings.form == FORM_DUEL) {
        struct duel duel = {.context = view.lesson.context,
                .actions = view.lesson.actions,
                .first = view.pair_first,
                .second = view.pair_second,
                .preference = work->examples.list[index].value,
                .weight = view.lesson.weight,
                .time = view.lesson.time};
        policy_prefer(model->policy, &duel, &model->scratch);
    } else {
        policy_learn(model->policy, &view.lesson, &model->scratch);
    }
    work->generation.rows++;
    work->generation.effective += view.lesson.weight;
    return 0;
}

/* In the order of the log, so that the same log gives the same model. */
static int learn_all(struct work *work)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < work->examples.count; i++) {
        status = learn_one(work, i);
        if (i % PROGRESS_EVERY == 0)
            tell(work, "learning", i, work->examples.count);
    }
    if (status == 0 && work->generation.rows == 0)
        return err_set(work->err, STATUS_NOT_FOUND,
                "problem '%s': the log has no outcome to learn from "
                "(%" PRIu64 " decisions still wait for theirs)",
                work->job->problem, work->examples.waiting);
    return status;
}

/* All at once, for an oracle that is trained so. */
static int learn_batch(struct work *work)
{
    struct batch batch = {.spec = &work->spec,
            .examples = &work->examples,
            .champion = work->champion,
            .model = work->model,
            .booster = work->job->booster,
            .seed = work->examples.through};
    int status;

    tell(work, "training", 0, 1);
    status = batch_train(&batch, work->err);
    work->generation.rows = batch.rows;
    work->generation.effective = batch.effective;
    return status == 0
            ? 0
            : err_prefix(work->err, "problem '%s'", work->job->problem);
}

/* Compares what was trained with what serves. The k-th generation has had k - 1
 * tests before its own. */
static int judge(struct work *work)
{
    struct verdict_job job = {.spec = &work->spec,
            .examples = &work->examples,
            .champion = work->champion,
            .candidate = work->model};
    uint64_t last;
    int status = generation_last(
            work->reader.txn, work->spec.number, &last, work->err);

    if (status != 0)
        return status;
    job.tests = last < UINT32_MAX - 1 ? (uint32_t)last : UINT32_MAX - 1;
    tell(work, "judging", 0, 1);
    return verdict_give(&job, &work->generation, work->why, work->err);
}

/* The rows below which a window does not go: some of each action, and as many
 * as what serves was trained on. */
static size_t window_floor(struct work *work)
{
    const struct problem_spec *spec = &work->spec;
    uint32_t actions =
            spec->slots > 0 ? spec->slots : spec->policy.shape.actions_max;
    size_t floor = (size_t)WINDOW_PER_ACTION * actions;
    struct generation before;
    struct err err;

    if (work->champion->generation > 0 &&
            generation_get(work->reader.txn, spec->number,
                    work->champion->generation, &before, &err) == 0 &&
            before.effective > (double)floor)
        floor = (size_t)before.effective;
    return floor;
}

/* Forgets what a training does not need (retrain.window). */
static void apply_window(struct work *work)
{
    struct examples *examples = &work->examples;
    struct window window;

    work->job->known = examples->count;
    work->job->window = examples->count;
    if (work->spec.settings.retrain_window != RETRAIN_VARIANCE)
        return;
    window = window_of(examples->list, examples->count, window_floor(work));
    examples_keep(examples, window.rows);
    work->job->window = window.rows;
    tell(work, window.stationary ? "stationary" : "window", window.rows,
            work->job->known);
}

/* What a batch oracle's memory and the gate want of the past; NULL: the newest
 * are learned, all alike, or a window is cut from them. */
static const struct memory_options *memory_of(struct work *work)
{
    const struct problem_settings *settings = &work->spec.settings;

    if (!batch_wanted(&work->spec) ||
            settings->retrain_window == RETRAIN_VARIANCE)
        return NULL;
    work->memory = settings->retrain_past;
    if (settings->gate.veto && work->memory.recent < settings->gate.held_for)
        work->memory.recent = settings->gate.held_for;
    return &work->memory;
}

static int train(struct work *work)
{
    struct examples_rules rules = {
            .cut = (enum examples_cut)work->spec.settings.retrain_cut,
            .now = work->job->now,
            .since = work->since,
            .most = work->spec.settings.retrain_rows,
            .memory = memory_of(work),
    };
    int status = start_model(work, &rules);

    if (status != 0)
        return status;
    work->examples.progress = work->job->progress;
    work->examples.self = work->job->self;
    status = examples_open(
            &work->examples, &work->spec, &work->reader, &rules, work->err);
    if (status == 0)
        apply_window(work);
    if (status == 0)
        status =
                batch_wanted(&work->spec) ? learn_batch(work) : learn_all(work);
    if (status == 0)
        status = judge(work);
    work->generation.through = work->examples.through;
    examples_close(&work->examples);
    return status;
}

/* ---- the file ---- */

static int write_bytes_to(const char *path, struct bytes bytes, struct err *err)
{
    FILE *file = fopen(path, "wb");
    bool done;

    if (file == NULL)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    done = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    done = fclose(file) == 0 && done;
    return done
            ? 0
            : err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
}

static int write_file(const struct work *work, struct bytes file)
{
    char part[4096];
    int status;

    if (snprintf(part, sizeof(part), "%s.part", work->job->out) >=
            (int)sizeof(part))
        return err_set(work->err, STATUS_INVALID, "--out: is too long");
    status = write_bytes_to(part, file, work->err);
    if (status == 0 && rename(part, work->job->out) != 0)
        status = err_set(work->err, STATUS_IO, "%s: %s", work->job->out,
                strerrordesc_np(errno));
    if (status != 0)
        (void)unlink(part);
    return status;
}

static int save(struct work *work)
{
    struct generation *generation = &work->generation;
    size_t size = problem_model_size(work->model);
    uint8_t *data = malloc(size);
    struct writer model = writer_over(data, size);
    struct writer file;
    size_t file_size;
    uint8_t *file_data = NULL;
    int status;

    if (size > GENERATION_BYTES_MAX || data == NULL) {
        free(data);
        return err_set(work->err, STATUS_INVALID,
                "the model has %zu bytes, at most %zu", size,
                GENERATION_BYTES_MAX);
    }
    problem_save_model(work->model, &model);
    generation->created = work->job->now;
    generation->settings = work->spec.model_digest;
    file_size = generation_file_size(generation, writer_bytes(&model));
    file_data = malloc(file_size);
    file = writer_over(file_data, file_size);
    if (file_data == NULL) {
        status = err_set(work->err, STATUS_INTERNAL, "no memory for the file");
    } else {
        generation_file_write(
                generation, work->spec.number, writer_bytes(&model), &file);
        CHECK(!file.failed && file.size == file_size);
        status = write_file(work, writer_bytes(&file));
    }
    free(file_data);
    free(data);
    return status;
}

/* ---- the whole ---- */

static int run(struct work *work)
{
    int status = read_spec(work);

    if (status == 0)
        status =
                limits_apply(&work->spec.settings, work->job->hurry, work->err);
    if (status == 0)
        status = rebuild_champion(work);
    if (status == 0)
        status = train(work);
    if (status != 0)
        return status;
    tell(work, "writing", 0, 1);
    status = save(work);
    work->job->rows = work->generation.rows;
    work->job->effective = work->generation.effective;
    work->job->through = work->generation.through;
    return status;
}

int job_run(struct job *job, struct err *err)
{
    struct store_settings settings = {.read_only = true};
    struct work work = {.job = job, .err = err};
    int status;

    work.arena = arena_over(malloc(SPEC_ARENA_BYTES), SPEC_ARENA_BYTES);
    if (work.arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = ledger_open(job->store, &settings, &work.ledger, err);
    if (status == 0) {
        status = ledger_reader_open(work.ledger, &work.reader, err);
        if (status == 0) {
            status = run(&work);
            problem_close(work.champion);
            problem_close(work.model);
            ledger_reader_close(&work.reader);
        }
        ledger_close(work.ledger);
    }
    free(work.arena.data);
    return status;
}
