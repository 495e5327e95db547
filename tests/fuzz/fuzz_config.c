/* A configuration file. Whatever the text is: it is refused with a message
 * that begins with the file, or everything that came of it is within limits,
 * and its problems are the same when they are read again from the text that
 * the log keeps of them. */
#include "base/limits.h"
#include "config/config.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

const uint32_t fuzz_mutations = 1000;

#define NAME "rued.yaml"

static void check_ids(const struct bytes *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK_ZERO(wire_check_id(ids[i], "id", NULL));
}

static void check_spec(const struct problem_spec *spec)
{
    struct problem_spec again;
    struct err err;

    check_ids(&spec->name, 1);
    check_ids(spec->columns, spec->column_count);
    check_ids(spec->catalogue, spec->slots);
    CHECK(spec->column_count <= COLUMNS_MAX && spec->slots <= ACTIONS_MAX);
    CHECK(spec->group_count <= GROUPS_MAX);
    for (uint32_t i = 0; i < spec->group_count; i++)
        check_ids(&spec->groups[i].name, 1);
    CHECK(spec->settings.reward_min < spec->settings.reward_max);
    CHECK(spec->policy_name[0] != '\0');
    CHECK_ZERO(problem_spec_parse_text(
            &again, spec->name, spec->text, arena_fresh(0), &err));
    CHECK(again.state_digest == spec->state_digest);
    CHECK(again.shape_digest == spec->shape_digest);
    CHECK(bytes_equal(again.text, spec->text));
}

static void check_config(const struct config *config)
{
    struct err err;

    CHECK(config->listen_count >= 1 && config->listen_count <= LISTEN_MAX);
    for (uint32_t i = 0; i < config->listen_count; i++)
        CHECK(strlen(config->listen[i]) > strlen("tcp://"));
    CHECK(config->settings.batch_items >= 1);
    /* It ends as a C string, which a zero would cut. */
    CHECK(memchr(config->settings.data.data, 0, config->settings.data.size) ==
            NULL);
    for (uint32_t i = 0; i < config->problem_count; i++) {
        CHECK(config_problem(config, config->problems[i]->name) ==
                config->problems[i]);
        check_spec(config->problems[i]);
    }
    CHECK_ZERO(config_check_reload(config, config, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {STATUS_OK, ""};
    struct config *config;

    if (size > 16384)
        return 0;
    config = config_parse(
            NAME, size > 0 ? bytes_of(data, size) : bytes_of(NULL, 0), &err);
    if (config == NULL) {
        CHECK(err.status == STATUS_INVALID);
        CHECK(strncmp(err.text, NAME ":", sizeof(NAME)) == 0);
        return 0;
    }
    check_config(config);
    config_free(config);
    return 0;
}
