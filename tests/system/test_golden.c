/* Groupwise regression through the wire equals the published totals
 * (groupwise.md, section 10), and a kill -9 in the middle changes not a bit. */
#include "sim/play.h"
#include "tests/lib/service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden {
    uint32_t seed;
    double base, groupwise, base_smoker, groupwise_smoker;
};

static const struct golden goldens[] = {
        {473, 13.421146557, 8.967040314, 5.929643548, 2.358898194},
        {503, 13.169970244, 8.513576453, 5.743496458, 2.313101187},
        {623, 13.272241597, 8.649751697, 5.807604597, 2.304441142},
        {550, 13.091801715, 8.731027455, 5.909076757, 2.474368139},
};

#define TOLERANCE 1e-6

static struct service service;

_Noreturn static void broken(const char *what)
{
    fprintf(stderr, "golden: %s\n", what);
    exit(1);
}

static void expect(uint32_t seed, const char *what, double value, double wanted)
{
    printf("seed %u %s: %.9f, published %.9f\n", seed, what, value, wanted);
    if (!(fabs(value - wanted) <= TOLERANCE))
        broken("not the published total");
}

static double row_total(const struct play_report *report, const char *name)
{
    for (uint32_t i = 0; i < report->row_count; i++)
        if (strcmp(report->rows[i].name, name) == 0)
            return report->rows[i].mean * report->rows[i].rounds;
    broken(name);
}

/* Kills the service once, in the middle. */
static void kill_in_the_middle(void *self, uint32_t round, uint32_t rounds)
{
    int *kills = self;

    if (*kills == 0 || round < rounds / 2)
        return;
    (*kills)--;
    service_kill(&service);
    service_start(&service);
}

static double play(const struct golden *golden, const char *problem, int kills)
{
    struct world_settings settings = {
            .data = "tests/data", .seed = golden->seed};
    struct play_settings playing = {
            .functions = world_find("groupwise"),
            .endpoint = service.endpoint,
            .problem = problem,
            .timeout_ms = WAIT_MS,
            .progress = kill_in_the_middle,
            .self = &kills,
    };
    struct play_report report;
    struct err err;
    double total;

    if (playing.functions->open(&playing.world, &settings, &err) != 0 ||
            play_run(&playing, &report, &err) != 0)
        broken(err.text);
    total = report.learned.mean * report.learned.rounds;
    expect(golden->seed, "groupwise", total, golden->groupwise);
    expect(golden->seed, "base", row_total(&report, "one ridge for all"),
            golden->base);
    expect(golden->seed, "base, smoker",
            row_total(&report, "smoker: one ridge"), golden->base_smoker);
    expect(golden->seed, "groupwise, smoker",
            row_total(&report, "smoker: learned"), golden->groupwise_smoker);
    if (kills != 0)
        broken("was not killed");
    playing.functions->close(playing.world);
    return total;
}

static void write_config(void)
{
    struct world_settings settings = {.data = "tests/data", .seed = 1};
    const struct world_functions *functions = world_find("groupwise");
    struct world *world;
    struct err err;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL || functions->open(&world, &settings, &err) != 0)
        broken("no configuration");
    fprintf(out, "problems:\n");
    for (size_t i = 0; i < ARRAY_COUNT(goldens); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "seed-%u", goldens[i].seed);
        functions->config(world, name, out);
    }
    functions->config(world, "killed", out);
    (void)fclose(out);
    functions->close(world);
    service_configure(&service, text);
    free(text);
}

int main(void)
{
    double calm = 0, killed;

    service_make(&service, "");
    write_config();
    service_start(&service);
    for (size_t i = 0; i < ARRAY_COUNT(goldens); i++) {
        char name[16];
        double total;
        (void)snprintf(name, sizeof(name), "seed-%u", goldens[i].seed);
        total = play(&goldens[i], name, 0);
        if (i == 0)
            calm = total;
    }
    killed = play(&goldens[0], "killed", 1);
    if (memcmp(&calm, &killed, sizeof(calm)) != 0)
        broken("the crash changed the total");
    if (service_stop(&service) != 0)
        broken("stop");
    service_verify(&service);
    service_remove(&service);
    return 0;
}
