#include "service/engine/problem.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>

#define PROBLEM_MAGIC         UINT32_C(0x70726f62)
#define PROBLEM_STATE_VERSION 14u
#define PROBLEM_STATE_TAG     UINT32_C(0x50455552) /* "RUEP" */
#define MODEL_TAG             UINT32_C(0x4d455552) /* "RUEM" */
#define MODEL_FORMAT          1u

/* Room for the views of the largest record: the request that it came from, its
 * matrices widened, and 256 bytes for each named feature. */
#define SCRATCH_BYTES (16 * MESSAGE_BYTES_MAX)
_Static_assert(4 * MESSAGE_BYTES_MAX + 256 * NAMED_TOTAL_MAX < SCRATCH_BYTES,
        "the views of the largest record fit");

/* Learning is preceded by a prediction, for the detectors of drift. */
static size_t learn_scratch_of(const struct problem_spec *spec)
{
    size_t learn = policy_learn_scratch(&spec->policy);
    size_t predict = policy_scratch(&spec->policy);

    return learn > predict ? learn : predict;
}

static void *aligned_block(size_t size)
{
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

/* Room for a policy; NULL if there is none. */
static void *policy_block(const struct problem_spec *spec)
{
    return aligned_block(policy_footprint(&spec->policy));
}

static bool open_grid(struct problem *problem)
{
    const struct grid_spec *spec = &problem->spec->settings.parameter;
    void *block;

    if (!grid_is_on(spec))
        return true;
    block = malloc(grid_footprint(spec));
    if (block == NULL)
        return false;
    problem->grid = grid_init(block, spec);
    return true;
}

struct problem *problem_open(const struct problem_spec *spec, struct err *err)
{
    size_t learn_scratch = learn_scratch_of(spec);
    size_t scratch = SCRATCH_BYTES + learn_scratch;
    size_t footprint = policy_footprint(&spec->policy);
    size_t drift =
            problem_spec_watched(spec) ? drift_footprint(&spec->drift) : 0;
    struct problem *problem = calloc(1, sizeof(*problem));
    void *block = policy_block(spec);
    void *drift_block = drift > 0 ? aligned_block(drift) : NULL;
    void *scratch_block = malloc(scratch);
    void *breaker = spec->breaker.options.on
            ? malloc(breaker_footprint(&spec->breaker))
            : NULL;

    if (problem == NULL || block == NULL || scratch_block == NULL ||
            (drift > 0 && drift_block == NULL) ||
            (spec->breaker.options.on && breaker == NULL)) {
        free(breaker);
        free(problem);
        free(block);
        free(drift_block);
        free(scratch_block);
        (void)err_set(err, STATUS_INTERNAL,
                "no memory for the problem's state: %zu bytes",
                footprint + drift + scratch);
        return NULL;
    }
    MAGIC_SET(problem, PROBLEM_MAGIC);
    problem->spec = spec;
    if (!open_grid(problem)) {
        free(breaker);
        free(problem);
        free(block);
        free(drift_block);
        free(scratch_block);
        (void)err_set(err, STATUS_INTERNAL, "no memory for the parameter");
        return NULL;
    }
    problem->policy = policy_init(block, &spec->policy);
    if (drift > 0)
        problem->drift = drift_init(drift_block, &spec->drift);
    guard_init(&problem->guard, &spec->guard);
    if (breaker != NULL)
        problem->breaker = breaker_init(breaker, &spec->breaker);
    problem->decide_scratch = policy_scratch(&spec->policy);
    problem->learn_scratch = learn_scratch;
    problem->scratch = arena_over(scratch_block, scratch);
    return problem;
}

void problem_close(struct problem *problem)
{
    if (problem == NULL)
        return;
    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    free(problem->policy);
    free(problem->drift);
    free(problem->grid);
    free(problem->challenger.policy);
    free(problem->breaker);
    free(problem->pulse);
    free(problem->scratch.data);
    problem->magic = 0;
    free(problem);
}

void problem_watch(struct problem *problem)
{
    const struct problem_spec *spec = problem->spec;
    const struct value_range *range = &spec->policy.range;

    free(problem->pulse);
    problem->pulse = pulse_new(spec->slots, spec->group_count,
            0.5 * range->min + 0.5 * range->max);
}

void problem_reset(struct problem *problem)
{
    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    memset(&problem->counters, 0, sizeof(problem->counters));
    problem->generation = 0;
    problem->has_back = false;
    problem->back = 0;
    problem->refused = 0;
    problem->alarming = false;
    problem_drop_challenger(problem);
    response_served(&problem->response);
    problem->performance = (struct performance){0};
    problem->recent = (struct recent){.count = 0};
    problem->policy = policy_init(problem->policy, &problem->spec->policy);
    if (problem->drift != NULL)
        problem->drift = drift_init(problem->drift, &problem->spec->drift);
    if (problem->grid != NULL)
        problem->grid =
                grid_init(problem->grid, &problem->spec->settings.parameter);
    guard_init(&problem->guard, &problem->spec->guard);
    if (problem->breaker != NULL)
        problem->breaker =
                breaker_init(problem->breaker, &problem->spec->breaker);
}

static void save_challenger(
        const struct challenger *challenger, struct writer *writer)
{
    write_u8(writer, challenger->policy != NULL);
    if (challenger->policy == NULL)
        return;
    write_u64(writer, challenger->generation);
    write_f64(writer, challenger->share);
    write_u8(writer, challenger->mixed);
    write_u64(writer, challenger->rows);
    write_f64(writer, challenger->sum);
    write_f64(writer, challenger->squares);
    policy_save(challenger->policy, writer);
}

static int load_challenger(
        struct problem *problem, struct reader *reader, struct err *err)
{
    struct challenger *challenger = &problem->challenger;
    uint8_t given = read_u8(reader), mixed;
    void *block;

    if (reader->failed || given > 1)
        return err_set(err, STATUS_CORRUPT, "problem state is damaged");
    if (given == 0)
        return 0;
    challenger->generation = read_u64(reader);
    challenger->share = read_f64(reader);
    mixed = read_u8(reader);
    challenger->rows = read_u64(reader);
    challenger->sum = read_f64(reader);
    challenger->squares = read_f64(reader);
    challenger->mixed = mixed != 0;
    if (mixed > 1 || !(challenger->share >= 0.0 && challenger->share < 1.0) ||
            !isfinite(challenger->sum) || !isfinite(challenger->squares))
        return err_set(err, STATUS_CORRUPT, "problem state is damaged");
    block = policy_block(problem->spec);
    if (block == NULL)
        return err_set(err, STATUS_CORRUPT, "no memory for a challenger");
    challenger->policy = policy_init(block, &problem->spec->policy);
    return policy_load(challenger->policy, reader, err);
}

void problem_save(const struct problem *problem, struct writer *writer)
{
    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    write_u32(writer, PROBLEM_STATE_TAG);
    write_u32(writer, PROBLEM_STATE_VERSION);
    write_u64(writer, problem->spec->state_digest);
    write_u64(writer, problem->generation);
    write_u8(writer, problem->has_back);
    write_u64(writer, problem->back);
    write_u64(writer, problem->refused);
    write_u8(writer, problem->alarming);
#define X(name, sentence) write_u64(writer, problem->counters.name);
    PROBLEM_COUNTERS(X)
#undef X
    write_f64(writer, problem->counters.value_sum);
    if (problem->grid != NULL)
        grid_save(problem->grid, writer);
    if (problem->spec->guard.on)
        guard_save(&problem->guard, writer);
    policy_save(problem->policy, writer);
    if (problem->drift != NULL)
        drift_save(problem->drift, writer);
    save_challenger(&problem->challenger, writer);
    response_save(&problem->response, writer);
    performance_save(&problem->performance, writer);
    recent_save(&problem->recent, writer);
    if (problem->breaker != NULL)
        breaker_save(problem->breaker, writer);
}

size_t problem_save_size(const struct problem *problem)
{
    struct writer writer = writer_counting();

    problem_save(problem, &writer);
    return writer.size;
}

int problem_load(struct problem *problem, struct bytes state, struct err *err)
{
    struct reader reader = reader_of(state);
    uint32_t tag = read_u32(&reader);
    uint32_t version = read_u32(&reader);
    uint8_t back, alarming;

    if (reader.failed || tag != PROBLEM_STATE_TAG)
        return err_set(err, STATUS_CORRUPT, "not the state of a problem");
    if (version != PROBLEM_STATE_VERSION)
        return err_set(
                err, STATUS_CORRUPT, "problem state of version %u", version);
    if (read_u64(&reader) != problem->spec->state_digest)
        return err_set(err, STATUS_CORRUPT, "problem state of other settings");
    problem->generation = read_u64(&reader);
    back = read_u8(&reader);
    problem->back = read_u64(&reader);
    problem->has_back = back != 0;
    problem->refused = read_u64(&reader);
    alarming = read_u8(&reader);
    problem->alarming = alarming != 0;
#define X(name, sentence) problem->counters.name = read_u64(&reader);
    PROBLEM_COUNTERS(X)
#undef X
    problem->counters.value_sum = read_f64(&reader);
    if (reader.failed)
        return err_set(err, STATUS_CORRUPT, "problem state is cut short");
    if (back > 1 || alarming > 1 || (back == 0 && problem->back != 0) ||
            !isfinite(problem->counters.value_sum))
        return err_set(err, STATUS_CORRUPT, "problem state is damaged");
    if (problem->grid != NULL && grid_load(problem->grid, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (problem->spec->guard.on &&
            guard_load(&problem->guard, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (policy_load(problem->policy, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (problem->drift != NULL && drift_load(problem->drift, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (load_challenger(problem, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (!response_load(&problem->response, &reader) ||
            !performance_load(&problem->performance, &reader) ||
            !recent_load(&problem->recent, &reader))
        return err_set(err, STATUS_CORRUPT, "problem state is damaged");
    if (problem->breaker != NULL &&
            breaker_load(problem->breaker, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (!reader_done(&reader))
        return err_set(err, STATUS_CORRUPT, "problem state is too long");
    return 0;
}

bool problem_state_is_current(struct bytes state)
{
    struct reader reader = reader_of(state);

    return read_u32(&reader) == PROBLEM_STATE_TAG &&
            read_u32(&reader) == PROBLEM_STATE_VERSION && !reader.failed;
}

/* ---- models ---- */

void problem_save_model(const struct problem *problem, struct writer *writer)
{
    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    write_u32(writer, MODEL_TAG);
    write_u32(writer, MODEL_FORMAT);
    write_u64(writer, problem->spec->model_digest);
    policy_save(problem->policy, writer);
}

size_t problem_model_size(const struct problem *problem)
{
    struct writer writer = writer_counting();

    problem_save_model(problem, &writer);
    return writer.size;
}

static int read_model(const struct problem_spec *spec, struct bytes model,
        struct policy *policy, struct err *err)
{
    struct reader reader = reader_of(model);
    uint32_t tag = read_u32(&reader);
    uint32_t format = read_u32(&reader);
    uint64_t settings = read_u64(&reader);

    if (reader.failed || tag != MODEL_TAG || format != MODEL_FORMAT)
        return err_set(err, STATUS_CORRUPT, "model: is none");
    if (settings != spec->model_digest)
        return err_set(err, STATUS_INVALID,
                "model: was made for other settings of the problem");
    if (policy_load(policy, &reader, err) != 0)
        return err_prefix(err, "model");
    if (!reader_done(&reader))
        return err_set(err, STATUS_CORRUPT, "model: is too long");
    return 0;
}

/* A policy of the model's bytes. */
static int policy_of(const struct problem_spec *spec, struct bytes model,
        struct policy **policy, struct err *err)
{
    void *block = policy_block(spec);
    int status;

    if (block == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for a model");
    *policy = policy_init(block, &spec->policy);
    status = read_model(spec, model, *policy, err);
    if (status != 0)
        free(block);
    return status;
}

int problem_load_model(
        struct problem *problem, struct bytes model, struct err *err)
{
    struct policy *policy;
    int status = policy_of(problem->spec, model, &policy, err);

    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    if (status != 0)
        return status;
    free(problem->policy);
    problem->policy = policy;
    if (problem->drift != NULL)
        drift_restart(problem->drift);
    return 0;
}

int problem_load_challenger(
        struct problem *problem, struct bytes model, struct err *err)
{
    struct policy *policy;
    int status = policy_of(problem->spec, model, &policy, err);

    MAGIC_CHECK(problem, PROBLEM_MAGIC);
    if (status != 0)
        return status;
    problem_drop_challenger(problem);
    problem->challenger.policy = policy;
    return 0;
}

void problem_drop_challenger(struct problem *problem)
{
    free(problem->challenger.policy);
    problem->challenger = (struct challenger){.policy = NULL};
}

void problem_take_challenger(struct problem *problem)
{
    free(problem->policy);
    problem->policy = problem->challenger.policy;
    problem->challenger = (struct challenger){.policy = NULL};
    if (problem->drift != NULL)
        drift_restart(problem->drift);
}

bool problem_state_hash(const struct problem *problem, uint64_t *hash)
{
    size_t size = problem_save_size(problem);
    uint8_t *data = malloc(size);
    struct writer writer = writer_over(data, size);

    if (data == NULL)
        return false;
    problem_save(problem, &writer);
    CHECK(!writer.failed && writer.size == size);
    *hash = hash_bytes(writer_bytes(&writer), 0);
    free(data);
    return true;
}
